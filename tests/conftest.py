"""Fixtures that every folder of tests may use."""

import numba
import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--device", default=None, help="where models compute; opaque: see tests/opaque/device.py"
    )


def pytest_configure(config):
    if config.getoption("--device") == "opaque":
        from tests.opaque import device

        device.choose()


@pytest.fixture
def threads():
    """Give the numbers of threads to compare, and set the number back afterwards."""
    before = numba.get_num_threads()
    yield [1, *range(2, numba.config.NUMBA_NUM_THREADS + 1)]
    numba.set_num_threads(before)
