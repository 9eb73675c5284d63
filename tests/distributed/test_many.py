"""fit_many by threads of this process: what it takes, keeps, and says when something is wrong."""

import json
import random
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import numpy as np
import pandas
import pytest

import nlstm
from nlstm.callbacks import EarlyStopping, LambdaCallback
from nlstm.distributed import chunks, load_fits, work
from nlstm.windows import Windows
from tests.distributed import jobs


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def fit(threads):
    def fit_many(build, series, **arguments):
        given = {"executor": threads, "seed": 1, "verbose": 0, **arguments}
        return nlstm.fit_many(build, series, **given)

    return fit_many


def same(fits, others):
    return jobs.weights_of(fits) == jobs.weights_of(others)


def test_what_comes_back(fit):
    data = jobs.series(5)
    fits = fit(jobs.build, data, epochs=2, validation_split=0.5)
    assert list(fits) == list(data) and len(fits) == 5
    model = fits["s003"]
    assert model.predict(data["s003"][0], verbose=0).shape == (12, 1)
    assert fits["s003"] is not model
    history = fits.history("s003")
    assert [len(values) for values in history.values()] == [2, 2]
    table = fits.to_dict()
    assert table["key"] == list(data) and table["epochs"] == [2] * 5
    assert table["val_loss"][3] == history["val_loss"][-1] and table["error"] == [None] * 5
    assert repr(fits) == "<Fits: 5 models>" and "s004" in str(fits)
    with pytest.raises(KeyError, match="There is no 'other'"):
        fits["other"]


def test_a_model_goes_on_where_its_fit_stopped(fit, tmp_path):
    fits = fit(jobs.build, jobs.series(1), epochs=1)
    fits.save("s000", tmp_path / "m.nlstm")
    loaded = nlstm.models.load_model(tmp_path / "m.nlstm")
    x, y = jobs.data_of(0)
    losses = [one.fit(x, y, verbose=0).history["loss"] for one in (loaded, fits["s000"])]
    assert losses[0] == losses[1]


def test_a_model_is_that_of_its_seed_by_itself(fit):
    """Neither neighbours nor order matter; the seed and the key do."""
    data = jobs.series(4)
    fits = fit(jobs.build, data)
    backwards = fit(jobs.build, dict(reversed(data.items())))
    assert same(fits, backwards)
    weights = jobs.weights_of(fits)
    assert jobs.weights_of(fit(jobs.build, {"s002": data["s002"]}))["s002"] == weights["s002"]
    assert jobs.weights_of(fit(jobs.build, {"s002": data["s002"]}, seed=2)) != weights["s002"]
    assert jobs.weights_of(fit(jobs.build, {"other": data["s002"]}))["other"] != weights["s002"]


def test_the_processs_seed_decides_without_another(fit):
    found = []
    for seed in (3, 3, 4):
        nlstm.set_random_seed(seed)
        found.append(jobs.weights_of(fit(jobs.build, jobs.series(2), seed=None)))
    assert found[0] == found[1] != found[2]


def test_random_numbers_of_the_caller_stay(fit):
    nlstm.set_random_seed(3)
    expected = random.random(), np.random.random()
    nlstm.set_random_seed(3)
    before = nlstm.get_num_threads()
    fit(jobs.build, jobs.series(2))
    assert (random.random(), np.random.random()) == expected
    assert nlstm.get_num_threads() == before


@pytest.mark.parametrize(
    "series, keys",
    [
        (lambda data: data, ["s000", "s001"]),
        (lambda data: list(data.values()), [0, 1]),
        (lambda data: ((key, one) for key, one in data.items()), ["s000", "s001"]),
        (lambda data: {("a", np.int64(n)): one for n, one in enumerate(data.values())},
         [("a", 0), ("a", 1)]),
        (lambda data: {1: data["s000"], "1": data["s001"]}, [1, "1"]),
    ],
)  # fmt: skip
def test_forms_of_series(fit, series, keys, tmp_path):
    fits = fit(jobs.build, series(jobs.series(2)), out=tmp_path / "fits")
    assert list(fits) == keys
    assert list(load_fits(tmp_path / "fits")) == keys
    assert len(set(jobs.weights_of(fits).values())) == 2


def test_a_generator_is_taken_as_there_is_room(fit):
    most, taken, done = 0, 0, 0

    def pairs():
        nonlocal most, taken
        for number in range(30):
            taken += 1
            most = max(most, taken - done)
            yield number, jobs.data_of(number)

    def build():
        nonlocal done
        done += 1
        return jobs.build()

    class Lazy(dict):
        def __getitem__(self, key):
            return jobs.data_of(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "LEAST", 0.0)
        patch.setattr(chunks, "SECONDS", 0.0)
        patch.setattr("nlstm.distributed.many.job_of", lambda job, parts: ready(job))
        fits = fit(build, pairs())
        assert same(fits, fit(build, Lazy.fromkeys(range(30))))
    assert len(fits) == 30 and most <= 8


def ready(job):
    """Return a job as bytes without leaving the process, so that it may count."""
    import pickle

    ready.job = job
    work._jobs.clear()
    return pickle.dumps((work._version(), pickle.dumps(Same())))


class Same:
    def __reduce__(self):
        return (lambda_of, ())


def lambda_of():
    return ready.job


def frame(key, data):
    return jobs.build()


@pytest.mark.parametrize(
    "load",
    [
        lambda number: jobs.data_of(number),
        lambda number: {"x": jobs.data_of(number)[0], "y": jobs.data_of(number)[1]},
        lambda number: (*jobs.data_of(number), np.ones(12)),
    ],
)
def test_data_are_loaded_by_the_worker(fit, load):
    plain = fit(jobs.build, {"a": jobs.data_of(3)})
    assert same(plain, fit(jobs.build, {"a": 3}, load=load))


def test_windows_are_series_too(fit):
    values = np.sin(np.arange(40.0))
    cut = {"a": Windows(values, 4, horizon=1)}
    loaded = fit(jobs.build, {"a": values}, load=lambda one: Windows(one, 4, horizon=1))
    assert same(fit(jobs.build, cut), loaded)


def test_what_build_is_called_with(fit):
    calls = []

    def build(key, data):
        calls.append((key, len(data)))
        return jobs.build()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nlstm.distributed.many.job_of", lambda job, parts: ready(job))
        fit(build, jobs.series(1))
        fit(lambda data: build("data", data), jobs.series(1))
    assert calls == [("s000", 2), ("data", 2)]


def test_callbacks_are_copies_or_made_for_a_key(fit, tmp_path):
    stop = EarlyStopping("loss", patience=0, min_delta=1e9, restore_best_weights=True)
    fits = fit(jobs.build, jobs.series(3), epochs=5, callbacks=[stop])
    assert fits.to_dict()["epochs"] == [2] * 3 and stop.best is None
    assert fits.to_dict()["loss"] == [fits.history(key)["loss"][0] for key in fits]

    def made(key):
        return [LambdaCallback(on_train_end=lambda logs: (tmp_path / key).touch())]

    fit(jobs.build, jobs.series(2), callbacks=made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s000", "s001"]


# What goes wrong


def test_failures_are_kept_after_two_and_the_rest_goes_on(fit, tmp_path):
    out = tmp_path / "fits"
    log = tmp_path / "log"

    def build(key, data):
        with open(log, "a") as file:
            file.write(f"{key}\n")
        if key == "s001":
            raise OSError("no such instrument")
        return jobs.build()

    data = jobs.series(6, nan=[4])
    with pytest.warns(RuntimeWarning, match="2 of 6 series have no model; 's001': OSError: no"):
        fits = fit(build, data, out=out)
    assert sorted(fits.errors) == ["s001", "s004"]
    assert sorted(fits) == ["s000", "s002", "s003", "s005"]
    assert "in build" in fits.errors["s001"].traceback
    with pytest.raises(KeyError, match="'s001' has no model: OSError: no such instrument"):
        fits["s001"]
    assert log.read_text().split().count("s001") == 2
    # Again: nothing is done, unless failures are to be tried again; one is built, to be compared.
    log.unlink()
    with pytest.warns(RuntimeWarning, match="2 of 6"):
        fit(build, data, out=out)
    assert log.read_text().split() == ["s000"]
    log.unlink()
    data["s004"] = jobs.data_of(4)
    with pytest.warns(RuntimeWarning, match="1 of 6"):
        again = fit(build, data, out=out, retry_failed=True)
    assert log.read_text().split() == ["s000", "s001", "s004", "s001"] and len(again) == 5
    assert list(load_fits(out).errors) == ["s001"]


def test_a_loss_that_is_nan_is_an_error(fit):
    def build(key, data):
        model = jobs.build()
        if key == "s001":
            model.compile(nlstm.optimizers.SGD(1e30), "mse")
        return model

    with pytest.warns(RuntimeWarning):
        fits = fit(build, jobs.series(3), epochs=4)
    assert list(fits.errors) == ["s001"] and len(fits) == 2
    assert fits.errors["s001"].kind == "FloatingPointError"


def test_what_no_file_can_hold_is_told(fit):
    def build():
        model = jobs.build()
        model.compile("adam", lambda y, p: ((y - p) ** 2).mean(axis=-1))
        return model

    with pytest.raises(RuntimeError, match="TypeError: .*lambda"):
        fit(build, jobs.series(2))


def test_a_folder_without_fits_is_free_for_other_arguments(fit, tmp_path):
    out = tmp_path / "fits"
    with pytest.raises(RuntimeError, match="The first 3 series failed"):
        fit(jobs.build, jobs.series(3, nan=[0, 1, 2]), out=out, epochs=1)
    assert len(fit(jobs.build, jobs.series(3), out=out, epochs=2, seed=9)) == 3


def test_where_everything_fails_it_stops(fit, tmp_path):
    def build(key, data):
        raise ZeroDivisionError("a fault in build")

    with pytest.raises(RuntimeError, match=r"The first 10 series failed, twice each.*ZeroDiv"):
        fit(build, jobs.series(50), out=tmp_path / "fits")
    assert len(load_fits(tmp_path / "fits").errors) == 0  # after a repair all are done
    with pytest.raises(RuntimeError, match="The only series failed"):
        fit(build, jobs.series(1))
    assert len(fit(jobs.build, jobs.series(12), out=tmp_path / "fits")) == 12


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ({"build": 3}, TypeError, "build must be callable; got 3"),
        ({"build": jobs.build()}, TypeError, "build must be a function .*; got <Sequential"),
        ({"n_jobs": 2}, ValueError, "fit_many has no n_jobs: executor=2 is two processes"),
        ({"build": lambda a, b, c: 0}, ValueError, "build must take 2 arguments at most"),
        ({"build": lambda *, units: 0}, ValueError, "build must take 2 arguments at most"),
        ({"series": 3}, TypeError, "series must be a dict of data by keys"),
        (
            {"series": pandas.DataFrame({"a": [1]})},
            TypeError,
            "frame: .* for name in frame.columns",
        ),
        ({"retry": True}, ValueError, "of fit_many, or of fit, 'retry'.* 'retry_failed'"),
        ({"series": {1.5: 0}}, TypeError, "keys that are strings, whole numbers or tuples"),
        ({"series": [("a", 0), ("a", 1)]}, ValueError, "two of the key 'a'"),
        ({"epoch": 3}, ValueError, "argument of fit_many, or of fit, 'epoch'.*'epochs'"),
        ({"load": 3}, TypeError, "load must be callable"),
        ({"executor": "dask"}, TypeError, "executor must be an Executor of concurrent.futures"),
        ({"executor": 0}, ValueError, "executor must be a positive integer"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"out": 3}, TypeError, "out must be the path of a folder"),
        ({"verbose": 7}, ValueError, "verbose must be"),
    ],
)
def test_wrong_arguments(fit, arguments, error, text):
    given = {"build": jobs.build, "series": jobs.series(2), **arguments}
    with pytest.raises(error, match=text):
        fit(given.pop("build"), given.pop("series"), **given)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("build", lambda lock: {"build": lambda: lock}),
        ("load", lambda lock: {"load": lambda data: lock}),
        ("callbacks", lambda lock: {"callbacks": [LambdaCallback(on_train_end=lock.acquire)]}),
        (r"series\['s001'\]", lambda lock: {"series": {"s000": 1, "s001": lock}}),
    ],
)
def test_what_cannot_be_sent_is_named_before_anything_starts(fit, tmp_path, name, arguments):
    given = {"build": jobs.build, "series": jobs.series(1), **arguments(threading.Lock())}
    with pytest.raises(TypeError, match=f"{name} cannot be sent to workers, as it cannot be pick"):
        fit(given.pop("build"), given.pop("series"), **given)


def test_without_cloudpickle_plain_functions_go_and_others_are_told(fit, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cloudpickle", None)
    assert len(fit(jobs.build, jobs.series(2))) == 2
    with pytest.raises(TypeError, match="build cannot be sent.*or install cloudpickle"):
        fit(lambda: 0, jobs.series(2))


class Broken(Executor):
    def submit(self, function, *arguments):
        raise BrokenExecutor("a process died")


def test_a_broken_executor_is_told(fit):
    with pytest.raises(RuntimeError, match="The executor has lost a worker.*a process died"):
        fit(jobs.build, jobs.series(2), executor=Broken())


class Losing(Executor):
    """Loses calls that have a key, as if their worker had died."""

    def __init__(self, inner, key):
        self.inner, self.key, self.lost = inner, key, 0

    def submit(self, function, job, items):
        def run():
            if self.key in [key for key, _, _ in items]:
                self.lost += 1
                raise ConnectionError("worker gone")
            return function(job, items)

        return self.inner.submit(run)


def test_of_a_chunk_that_is_lost_all_but_one_come(fit, threads):
    executor = Losing(threads, "s013")
    with pytest.warns(RuntimeWarning, match="1 of 40 series"):
        fits = fit(jobs.build, jobs.series(40), executor=executor)
    assert list(fits.errors) == ["s013"] and len(fits) == 39 and executor.lost > 2


def test_workers_warnings_are_told_once(fit):
    def build():
        warnings.warn("a word of build", UserWarning, stacklevel=1)
        return jobs.build()

    with pytest.warns(RuntimeWarning, match="In a worker: UserWarning: a word of build") as told:
        fit(build, jobs.series(6))
    assert sum("a word of build" in str(one.message) for one in told) == 1


def test_an_interrupt_keeps_the_chunks_that_are_done(threads):
    """Also those that nobody had heard of when it came."""
    kept = []

    class Keeper:
        count = 0

        def keep(self, good, bad):
            kept.extend(item.key for item, _ in good)

    class Crew:
        workers = 3

        def room(self, pending):
            return 3 - pending

        def submit(self, function, job, items):
            future = Future()
            if items[0][0] < 2:
                future.set_result(([work.Outcome(1.0, b"")], False))
            return future

        def ended(self, future, error):
            raise KeyboardInterrupt

    supply = chunks.Supply(map(chunks.Item, range(9), [b""] * 9), alone=True)
    with pytest.raises(KeyboardInterrupt):
        chunks.carry_out(supply, Crew(), b"", Keeper(), (1, 2), "series")
    assert kept == [0, 1]


# Folders


def test_a_folder_holds_to_its_arguments(fit, tmp_path):
    out = tmp_path / "fits"
    fit(jobs.build, jobs.series(2), out=out, epochs=1)
    with pytest.raises(ValueError, match="has fits with epochs=1; got 2. Choose another folder"):
        fit(jobs.build, jobs.series(2), out=out, epochs=2)
    with pytest.raises(ValueError, match="seed is 2, but the fits in out were made with another"):
        fit(jobs.build, jobs.series(2), out=out, epochs=1, seed=2)
    with pytest.raises(ValueError, match="is of fit_many, not of sweep"):
        nlstm.sweep(jobs.build, {"epochs": [1]}, *jobs.data_of(0), out=out, seed=1, verbose=0)
    more = fit(jobs.build, jobs.series(4), out=out, epochs=1, seed=None)
    assert same(more, fit(jobs.build, jobs.series(4), epochs=1))


def test_a_folder_has_one_writer(fit, tmp_path):
    from nlstm.distributed.shelf import Folder

    out = tmp_path / "fits"
    fit(jobs.build, jobs.series(1), out=out)
    folder = Folder(str(out))
    with folder.writing(folder.header):
        with pytest.raises(RuntimeError, match="Another process writes to"):
            fit(jobs.build, jobs.series(2), out=out)
        assert len(load_fits(out)) == 1


def test_a_line_that_was_cut_and_a_file_without_line_do_not_count(fit, tmp_path):
    out = tmp_path / "fits"
    fits = jobs.weights_of(fit(jobs.build, jobs.series(6), out=out))
    manifest = out / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    last = [one["key"] for one in json.loads(lines[-1])["fits"]]
    manifest.write_bytes(b"".join(lines)[:-5])
    assert set(load_fits(out)) == set(fits) - set(last)
    again = fit(jobs.build, jobs.series(6), out=out)
    assert jobs.weights_of(again) == jobs.weights_of(load_fits(out)) == fits
    noted = {json.loads(line)["file"] for line in manifest.read_bytes().splitlines()[1:]}
    assert {path.name for path in out.glob("*.zip")} == noted


@pytest.mark.parametrize("damage", ["flip", "cut", "manifest"])
def test_damage_is_found(fit, tmp_path, damage):
    out = tmp_path / "fits"
    fit(jobs.build, jobs.series(1), out=out)
    path = out / ("manifest.jsonl" if damage == "manifest" else "000001.zip")
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[400] ^= 1
    elif damage == "cut":
        content = content[:-40]
    else:
        content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name}"):
        load_fits(out)["s000"]


def test_a_folder_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="has nothing that fit_many has written"):
        load_fits(tmp_path)


def test_lines_tell_of_the_whole_job(fit, capsys, monkeypatch):
    monkeypatch.setattr("nlstm.distributed.told.SECONDS", 0.0)
    fit(jobs.build, jobs.series(9), verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("fit_many - 1/9 - ") and "s left" in lines[0]
    assert lines[-1].startswith("fit_many - 9 in ")


def test_workers_with_several_threads_are_told_of(fit, threads):
    def build():
        time.sleep(0.1)
        return jobs.build()

    with ThreadPoolExecutor(2) as executor:
        with pytest.warns(RuntimeWarning, match="waited for each other: a worker needs one thread"):
            fits = fit(build, jobs.series(4), executor=executor)
    assert same(fits, fit(build, jobs.series(4)))
