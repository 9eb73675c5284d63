"""Fixtures that every folder of tests may use."""

import numba
import pytest


@pytest.fixture
def threads():
    """Give the numbers of threads to compare, and set the number back afterwards."""
    before = numba.get_num_threads()
    yield [1, *range(2, numba.config.NUMBA_NUM_THREADS + 1)]
    numba.set_num_threads(before)
