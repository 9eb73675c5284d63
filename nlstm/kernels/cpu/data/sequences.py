"""Batches in and out: rows of the user's (M, T, F) arrays to and from time-major sequences (T, N,
S).
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

SMALL_COPY = 1 << 17  # numbers that one thread copies before a second one is worth waking


@njit_inner
def gather_rows(source, index, out, first, last):
    for n in range(first, last):
        row = index[n]
        for t in range(source.shape[1]):
            for k in range(source.shape[2]):
                out[t, n, k] = source[row, t, k]


@two_forms
def gather_forms(source, index, out):
    N, slices = out.shape[1], slice_count()
    for s in prange(slices):
        first, last = share(N, np.int64(s), slices)
        gather_rows(source, index, out, first, last)


@launcher
def gather_steps(source, index, out):
    """Copy sequences source[index] into the first columns of a time-major batch.

    Parameters
    ----------
    source : ndarray, shape (M, T, F). index : ndarray(int64), shape (N,).
    out : ndarray, shape (T, N, S), S >= F. Columns from F on are left alone.
    """
    return [(gather_forms[out.size >= SMALL_COPY], (source, index, out))]


@njit
def scatter_steps(value, start, out):
    """Copy a time-major batch (T, N, S) to out[start : start + N] of shape (M, T, F), F <= S."""
    for n in range(value.shape[1]):
        for t in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[start + n, t, k] = value[t, n, k]
