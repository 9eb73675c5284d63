"""Fixtures that every folder of tests may use."""

import os


def _processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


if _processors() == 1:  # a comparison of threads, and of slices of rows, needs two
    os.environ.setdefault("NUMBA_NUM_THREADS", "2")
    os.cpu_count = lambda: 2

# From Python 3.12 on, by this alone a profile has the kernels that were run (kernels/schedules.py).
os.environ.setdefault("NUMBA_ENABLE_SYS_MONITORING", "1")

import numba  # noqa: E402, it reads the environment once
import pytest  # noqa: E402


def pytest_addoption(parser):
    parser.addoption(
        "--device",
        choices=["opaque", "cuda"],
        help="where models compute; opaque: see tests/opaque/device.py; cuda: tests/on_cuda.py",
    )


BOUNDS = os.environ.get("NUMBA_BOUNDSCHECK") == "1"  # `make test-bounds`


def pytest_configure(config):
    if config.getoption("--device") == "cuda":
        from tests import on_cuda

        on_cuda.choose()
        config.pluginmanager.register(on_cuda)
    if BOUNDS:
        from tests.bounds import checks

        checks.begin()
    if config.getoption("--device") == "opaque":
        from tests.opaque import device

        device.choose()


def pytest_collection_modifyitems(config, items):
    if config.getoption("--device") == "cuda":
        from tests import on_cuda

        on_cuda.leave_out(items)


@pytest.fixture(autouse=BOUNDS)
def inside_of_arrays():
    """Fail a test whose kernels have left an array."""
    from tests.bounds import checks

    yield
    found = checks.taken()
    assert found is None, found


@pytest.fixture
def threads():
    """Give the numbers of threads to compare, two at least, and set the number back afterwards."""
    from nlstm.kernels.cpu.machine import threads as module

    before, chosen, most = numba.get_num_threads(), module._Choice.threads, numba.config
    if most.NUMBA_NUM_THREADS < 2:
        pytest.fail("NUMBA_NUM_THREADS is 1: there are no threads to compare.")
    yield list(range(1, most.NUMBA_NUM_THREADS + 1))
    numba.set_num_threads(before)
    module._Choice.threads = chosen
