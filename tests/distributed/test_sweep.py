"""sweep: grids, draws, proposals and Optuna, and what a folder knows of them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import optuna
import pytest

import nlstm
from nlstm.callbacks import EarlyStopping
from nlstm.distributed import load_trials
from nlstm.layers import LSTM, Dense
from tests.distributed import jobs

X, Y = jobs.data_of(0)
optuna.logging.set_verbosity(optuna.logging.ERROR)


def build(units=2, rate=0.01):
    model = nlstm.Sequential([LSTM(units), Dense(1)])
    model.compile(nlstm.optimizers.Adam(rate), "mse", metrics=["mae", "r2_score"])
    return model


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def sweep(threads):
    def call(space, build=build, **arguments):
        given = {"executor": threads, "seed": 1, "verbose": 0, **arguments}
        return nlstm.sweep(build, space, X, Y, **given)

    return call


def test_a_grid_has_every_combination(sweep, tmp_path):
    space = {"units": [1, 3], "batch_size": np.array([4, 6, 12])}
    trials = sweep(space, validation_split=0.5, epochs=2, out=tmp_path / "trials")
    expected = [(u, b) for u in (1, 3) for b in (4, 6, 12)]
    assert [(t.parameters["units"], t.parameters["batch_size"]) for t in trials] == expected
    assert [t.number for t in trials] == list(range(6))
    best = min(trials, key=lambda one: one.score)
    assert trials.best == best and trials.monitor == "val_loss"
    assert best.score == best.logs["val_loss"] == trials.history(best)["val_loss"][-1]
    model = trials.best_model
    assert model.layers[0].units == best.parameters["units"]
    assert model.evaluate(X[6:], Y[6:], verbose=0)[0] == pytest.approx(best.score, rel=1e-5)
    table = trials.to_dict()
    assert table["units"] == [1, 1, 1, 3, 3, 3] and table["score"][2] == trials[2].score
    assert str(trials).splitlines()[2].split()[0] == str(best.number)
    again = load_trials(tmp_path / "trials")
    assert list(again) == list(trials) and again.best == best


def test_draws_are_those_of_the_seed(sweep):
    class Fixed:
        def rvs(self, random_state):
            return random_state.uniform(0.001, 0.1)

    space = {"units": [1, 2, 3], "rate": Fixed()}
    one, other = sweep(space, trials=6), sweep(space, trials=6)
    assert [t.parameters for t in one] == [t.parameters for t in other]
    assert [t.score for t in one] == [t.score for t in other]
    assert len({t.parameters["rate"] for t in one}) == 6
    third = sweep({"rate": lambda random: 10 ** random.uniform(-4, -1)}, trials=3, seed=2)
    assert all(1e-4 <= t.parameters["rate"] <= 0.1 for t in third)


def test_more_is_better_where_it_is(sweep):
    trials = sweep({"rate": [0.001, 0.1]}, epochs=5, monitor="r2_score")
    assert trials.best.score == max(t.score for t in trials)
    backwards = sweep({"rate": [0.001, 0.1]}, epochs=5, monitor="r2_score", mode="min")
    assert backwards.best.score == min(t.score for t in trials)


def test_a_score_is_that_of_the_weights_that_are_kept(sweep):
    stop = EarlyStopping("loss", patience=1, restore_best_weights=True)
    trials = sweep({"rate": [3.0]}, epochs=8, monitor="loss", callbacks=[stop])
    losses = trials.history(0)["loss"]
    assert trials[0].score == min(losses) != losses[-1]


def test_a_callable_proposes_by_what_came(sweep, tmp_path):
    heard = []

    def propose(done):
        heard.append([one.number for one in done])
        if len(done) < 1:
            return {"units": 1} if len(heard) == 1 else None
        return {"units": 1 + len(done)} if len(done) < 4 else None

    trials = sweep(propose, out=tmp_path / "trials")
    units = [one.parameters["units"] for one in trials]
    assert heard[0] == [] and units[0] == 1 and len(units) >= 4
    assert sorted(units) == units
    # Again: what is there is told, and nothing is left to try.
    heard.clear()
    assert list(sweep(propose, out=tmp_path / "trials")) == list(trials)
    assert sorted(heard[0]) == list(range(len(trials)))
    assert len(sweep(lambda done: {"units": 2}, trials=3)) == 3


def test_optuna_asks_and_tells(sweep, tmp_path):
    space = {"units": optuna.distributions.IntDistribution(1, 4)}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    trials = sweep(space, study=study, trials=4, out=tmp_path / "trials")
    assert [one.params for one in study.trials] == [one.parameters for one in trials]
    assert [one.value for one in study.trials] == [one.score for one in trials]
    assert study.best_value == trials.best.score
    # A new study hears what the folder knows, and is asked for the rest.
    later = optuna.create_study()
    more = sweep(space, study=later, trials=5, out=tmp_path / "trials")
    assert len(more) == len(later.trials) == 5 and list(more)[:4] == list(trials)


def test_optuna_defines_by_running(sweep):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))

    def space(trial):
        return {"units": 2 * trial.suggest_int("half", 1, 2)}

    trials = sweep(space, study=study, trials=3)
    assert {one.parameters["units"] for one in trials} <= {2, 4} and len(study.trials) == 3


def test_a_trial_that_fails_is_one_of_its_own(sweep):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    asked = iter([1, 2, 3])

    def space(trial):
        return {"units": trial.suggest_int("units", one := next(asked), one)}

    def faulty(units):
        if units == 2:
            raise ValueError("two is too many")
        return build(units)

    with pytest.warns(RuntimeWarning, match="1 of 3 trials have no model; .*two is too many"):
        trials = sweep(space, build=faulty, study=study, trials=3)
    assert [one.score is None for one in trials].count(True) == 1
    assert sorted(one.state.name for one in study.trials) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert len(trials.errors) == 1 and "failed" in repr(trials)


def test_a_rerun_does_what_is_missing(sweep, tmp_path):
    out, log = tmp_path / "trials", tmp_path / "log"

    def logged(units):
        with open(log, "a") as file:
            file.write(f"{units}\n")
        return build(units)

    sweep({"units": [1, 2]}, build=logged, out=out)
    more = sweep({"units": [1, 2, 3, 4]}, build=logged, out=out)
    built = log.read_text().split()
    assert built.pop(2) == "1"  # once more, to be compared
    assert sorted(built) == ["1", "2", "3", "4"]
    whole = sweep({"units": [1, 2, 3, 4]})
    assert [one.score for one in more] == [one.score for one in whole]
    with pytest.raises(ValueError, match="trial 0 with the parameters .* Choose another folder"):
        sweep({"units": [7]}, out=out)


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ({"space": {}}, ValueError, "space must have at least one parameter"),
        ({"space": {"units": []}}, ValueError, r"space\['units'\] must have at least one value"),
        ({"space": {"units": 3}}, TypeError, r"space\['units'\] must be a list of values"),
        ({"space": {"unit": [3]}}, ValueError, "space has 'unit', which neither build nor fit"),
        ({"space": {"rate": lambda r: 1}}, ValueError, "trials says how many times"),
        ({"space": 3}, TypeError, "space must be a dict"),
        ({"monitor": "val_loss"}, ValueError, "monitor is 'val_loss': give validation_data"),
        ({"monitor": "auc"}, RuntimeError, "monitor is 'auc', which is not among the logs: loss"),
        ({"mode": "least"}, ValueError, "mode"),
        ({"trials": 0}, ValueError, "trials must be a positive integer"),
        ({"study": 3}, TypeError, "study must be a study of Optuna's; got 3"),
        ({"study": optuna.create_study()}, ValueError, "trials must say how many trials"),
        ({"space": lambda done: 3}, TypeError, "space must return a dict of parameters"),
        ({"distribute": "mpi"}, ValueError, "distribute"),
    ],
)
def test_wrong_arguments(sweep, arguments, error, text):
    given = {"space": {"units": [1]}, **arguments}
    with pytest.raises(error, match=text):
        sweep(given.pop("space"), **given)
