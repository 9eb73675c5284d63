"""What `distribute` and `checkpoint` take, on one process."""

import re

import numpy as np
import pytest

import nlstm
from nlstm import Sequential, layers, optimizers
from nlstm.distributed import MPI
from nlstm.distributed.hooks import _rate_of as rate_of
from nlstm.distributed.share import Share
from nlstm.training import machines


def model_of():
    nlstm.set_random_seed(2)
    model = Sequential([layers.LSTM(4, input_shape=(5, 2)), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def data(rows=64):
    x = np.random.default_rng(0).normal(size=(rows, 5, 2)).astype(np.float32)
    return x, x[:, -1, :1].copy()


@pytest.mark.parametrize("given", ["horovod", 3, object])
def test_unknown_engines_are_refused(given):
    x, y = data()
    for call in (model_of().fit, model_of().evaluate):
        with pytest.raises(ValueError, match=r"distribute must be None, 'mpi' or .*MPI"):
            call(x, y, distribute=given)
    with pytest.raises(ValueError, match="distribute must be"):
        model_of().predict(x, distribute=given)


@pytest.mark.parametrize("given", [{"samples": 9}, {"quantiles": [0.5]}, {"seed": 3}])
def test_draws_are_not_shared_and_the_argument_is_named(monkeypatch, given):
    monkeypatch.setitem(machines._engines, "distribute", lambda: lambda given: object())
    name, value = next(iter(given.items()))
    said = f"^{re.escape(f'{name}={value!r}')} is for draws, which one process makes: leave distrib"
    with pytest.raises(ValueError, match=said):
        model_of().predict(data()[0], distribute="mpi", **given)


@pytest.mark.parametrize("given", [{"timeout": 0}, {"timeout": -1}, {"shard": "row"}])
def test_arguments_of_mpi_are_checked(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        MPI(**given)


def test_checkpoint_every_needs_a_folder_and_a_whole_number(tmp_path):
    x, y = data()
    with pytest.raises(ValueError, match="checkpoint_every=3 needs checkpoint"):
        model_of().fit(x, y, checkpoint_every=3, verbose=0)
    with pytest.raises(ValueError, match="checkpoint_every"):
        model_of().fit(x, y, checkpoint=tmp_path, checkpoint_every=0, verbose=0)


@pytest.mark.parametrize("every", [None, 3])
def test_a_plain_fit_with_a_checkpoint_goes_on_bit_for_bit(tmp_path, every):
    x, y = data()
    whole = model_of()
    history = whole.fit(x, y, batch_size=16, epochs=4, verbose=0).history

    def fit(epochs):
        model = model_of()
        given = {"checkpoint": tmp_path / "run", "checkpoint_every": every, "verbose": 0}
        return model, model.fit(x, y, batch_size=16, epochs=epochs, **given).history

    fit(2)
    model, found = fit(4)
    assert found == history
    for one, other in zip(model.get_weights(), whole.get_weights()):
        assert np.array_equal(one, other)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["backup.nlstm", "backup.previous.nlstm"]


@pytest.mark.filterwarnings("ignore:decay of SGD:DeprecationWarning")
def test_what_rank_0_tells_of_the_learning_rate():
    """Nothing where each rank computes it; of Keras 2's `decay` what callbacks set."""
    assert rate_of(optimizers.SGD(0.5)) == 0.5
    assert rate_of(optimizers.SGD(0.5, decay=0.1)) == 0.5
    assert rate_of(optimizers.SGD(optimizers.schedules.CosineDecay(0.5, 9))) is None
    assert rate_of(None) is None


@pytest.mark.parametrize("rows", [1, 2, 3, 64, 1003])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 64])
def test_shares_are_all_of_a_batch_and_even(rows, size):
    index = np.arange(rows) + 10
    parts, counts = [], []
    for rank in range(size):
        share = Share(rank, size)
        part = share.take(index)
        assert part.size == max(share.count, 1)
        parts += part[: share.count].tolist()
        counts.append(share.count)
    assert parts == index.tolist()
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    "variables, said",
    [
        ({"PMI_SIZE": "4", "PMI_RANK": "0"}, "4 copies of the same training"),
        ({"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "0"}, "8 copies"),
        ({"SLURM_STEP_NUM_TASKS": "2", "PMIX_RANK": "0"}, "2 copies"),
        ({"PMI_SIZE": "4", "PMI_RANK": "1"}, None),
        ({"PMI_SIZE": "1", "PMI_RANK": "0"}, None),
        ({"SLURM_STEP_NUM_TASKS": "2"}, None),
    ],
)
def test_copies_that_a_launcher_started_are_told(monkeypatch, variables, said):
    for pair in machines.LAUNCHERS:
        for name in pair:
            monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(machines._Said, "copies", False)
    x, y = data()
    if said is None:
        model_of().fit(x, y, verbose=0)
        return
    with pytest.warns(RuntimeWarning, match=said):
        model_of().fit(x, y, verbose=0)
    model_of().fit(x, y, verbose=0)  # once
