"""Models that go to other processes and threads work there as here, and come back."""

import copy
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import joblib
import numpy as np
import pytest

from tests.models.worker import large_data, model_of, work

SECONDS = 120


@pytest.fixture(scope="module")
def model():
    return model_of()


@pytest.fixture(scope="module")
def expected(model):
    return shown(work(copy.deepcopy(model), *large_data()))


def shown(found):
    """Return what can be compared, of a worker's answer."""
    predicted, step, history, weights = found
    own = [weight.tobytes() for weight in history.model.get_weights()]
    assert own == weights  # the history brings the model that was trained
    return predicted, step, history.history, weights


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_executors(method, model, expected):
    before = [weight.tobytes() for weight in model.get_weights()]
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        assert shown(pool.submit(work, model, *large_data()).result(SECONDS)) == expected
    assert [weight.tobytes() for weight in model.get_weights()] == before


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(backend, model, expected):
    x, y = large_data()
    with joblib.parallel_config(backend, n_jobs=2):
        # Threads are given the model itself, so each takes a copy.
        twins = [copy.deepcopy(model) for _ in range(2)]
        jobs = (joblib.delayed(work)(one, x, y) for one in twins)
        found = joblib.Parallel(timeout=SECONDS)(jobs)
    assert [shown(one) for one in found] == [expected, expected]


def test_files_of_joblib(model, expected, tmp_path):
    joblib.dump(model, tmp_path / "model")
    assert shown(work(joblib.load(tmp_path / "model"), *large_data())) == expected
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert shown(work(mapped, *large_data())) == expected


def test_arrays_that_lie_badly(model, expected):
    """Arrays that are read-only, or begin between numbers, give what good ones give."""
    x, y = large_data()
    raw = bytes(1) + x.tobytes()
    unaligned = np.frombuffer(raw, np.float32, x.size, 1).reshape(x.shape)
    assert not unaligned.flags.aligned and not unaligned.flags.writeable
    assert shown(work(copy.deepcopy(model), unaligned, y)) == expected
