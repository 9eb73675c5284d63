"""How many threads kernels may use.

Numba keeps the number per Python thread, so a choice made in one would not hold in another: it is
kept here and taken up by whoever enters the kernels.
"""

import numba

__all__ = ["enter", "get_num_threads", "set_num_threads"]


class _Choice:
    threads: int | None = None


def set_num_threads(threads: int) -> None:
    """Choose the number of threads, from 1 to what Numba started with."""
    numba.set_num_threads(threads)  # raises for a number out of range
    _Choice.threads = threads


def get_num_threads() -> int:
    """Return the number of threads that kernels use."""
    return _Choice.threads or numba.get_num_threads()


def enter() -> None:
    """Take up the chosen number in this Python thread; call before running kernels."""
    if _Choice.threads is not None:
        numba.set_num_threads(_Choice.threads)
