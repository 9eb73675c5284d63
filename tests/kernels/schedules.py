"""Which parallel kernels a call runs, and whether the number of threads changes a bit."""

import cProfile
import functools
import gc
from contextlib import contextmanager

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from nlstm.kernels import cpu
from nlstm.kernels.cpu.lstm.schedule import schedule

PREFIX = cpu.__name__ + "."


@numba.njit
def lstm_slices(T, N, F, H, threads):
    """Return (row slices, unit slices) of the LSTM, as its kernels choose them."""
    return schedule(T, N, F, H, threads)


@functools.cache
def parallel_kernels():
    """Return {key: "family.file.function"} of every kernel that has parallel loops.

    The key is what a profile says of it: the id of its code, or where a bound call is the compiled
    function itself, that one's name.
    """
    found = {}
    for one in gc.get_objects():
        if issubclass(type(one), Dispatcher) and one.targetoptions.get("parallel"):
            name = f"{one.py_func.__module__}.{one.py_func.__name__}"
            if name.startswith(PREFIX):
                short = name.removeprefix(PREFIX)
                found[id(one.py_func.__code__)] = found[f"<built-in method {name}>"] = short
    return found


@contextmanager
def watched():
    """Give a set that has, after the block, the names of the parallel kernels that were run."""
    names, ran, profile = parallel_kernels(), set(), cProfile.Profile()
    profile.enable()
    try:
        yield ran
    finally:
        profile.disable()
        codes = [entry.code for entry in profile.getstats()]
        keys = [code if isinstance(code, str) else id(code) for code in codes]
        ran |= {names[key] for key in keys if key in names}


def same_bits(threads, run, *kernels):
    """Assert that `run` gives the same bits at every number of threads; return its arrays.

    Parameters
    ----------
    threads : list of int
        From the fixture.
    run : callable
        Returns arrays that it has made anew.
    kernels : str
        The parallel kernels that it must run, no fewer and no others: where the serial form of one
        runs, nothing is compared.
    """
    results = []
    for count in threads:
        numba.set_num_threads(count)
        with watched() as ran:
            results.append([np.asarray(array) for array in run()])
        assert ran == set(kernels), sorted(ran)
    assert len(results) > 1
    for other in results[1:]:
        for place, (one, another) in enumerate(zip(results[0], other, strict=True)):
            assert one.shape == another.shape and one.tobytes() == another.tobytes(), place
    return results[0]
