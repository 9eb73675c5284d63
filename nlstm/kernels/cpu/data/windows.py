"""Windows of a long series, copied into a batch where they are needed and never all at once.

A window is the place of its first row in the flat series; what it holds is a table of offsets from
there. The table says which columns, how many steps, how far apart and how far ahead, so one kernel
serves inputs, targets and covariates that are known ahead.
"""

import math

import numpy as np
from numba import prange

from nlstm.kernels.cpu.data.sequences import SMALL_COPY
from nlstm.kernels.cpu.machine.jit import njit, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share


@njit_inner
def gather_window_rows(series, starts, index, offsets, out, first, last):
    for n in range(first, last):
        start = starts[index[n]]
        for t in range(offsets.shape[0]):
            for k in range(offsets.shape[1]):
                out[t, n, k] = series[start + offsets[t, k]]


@two_forms
def gather_windows_forms(series, starts, index, offsets, out):
    N, slices = np.int64(index.size), slice_count()
    for s in prange(slices):
        first, last = share(N, np.int64(s), slices)
        gather_window_rows(series, starts, index, offsets, out, first, last)


@launcher
def gather_windows(series, starts, index, offsets, out):
    """Copy windows into the first columns of a time-major batch.

    Parameters
    ----------
    series : ndarray, shape (R * C,). All rows of all series, flat.
    starts : ndarray(int32 | int64), shape (M,). Place in `series` of each window's first row.
    index : ndarray(int64), shape (N,). The windows to copy.
    offsets : ndarray(int64), shape (T, F). Place of each step and feature from the window's start.
    out : ndarray, shape (T, N, S), S >= F. Columns from F on are left alone.
    """
    return [(gather_windows_forms[out.size >= SMALL_COPY], (series, starts, index, offsets, out))]


@njit
def repeat_static(static, group, index, first, out):
    """Write out[t, n, first + p] = static[group[index[n]], p] at every step.

    static (G, P): features of each series. group (M,): the series of each window. out (T, N, S).
    """
    for t in range(out.shape[0]):
        for n in range(index.size):
            for p in range(static.shape[1]):
                out[t, n, first + p] = static[group[index[n]], p]


@njit
def window_moments(series, starts, index, offsets, shift, scale):
    """Write (=) mean and standard deviation over each window's steps; a deviation of 0 becomes 1.

    offsets (T, K): as in `gather_windows`. shift, scale (1, N, K). Sums are float64, in two passes,
    the first about the first value: the mean of equal values is their own value.
    """
    T, K = offsets.shape
    for n in range(index.size):
        start = starts[index[n]]
        for k in range(K):
            first = np.float64(series[start + offsets[0, k]])
            total, squares = 0.0, 0.0
            for t in range(T):
                total += np.float64(series[start + offsets[t, k]]) - first
            mean = first + total / T
            for t in range(T):
                squares += (np.float64(series[start + offsets[t, k]]) - mean) ** 2
            deviation = math.sqrt(squares / T)
            shift[0, n, k] = mean
            scale[0, n, k] = deviation if deviation > 0.0 else 1.0


@njit
def scale_windows(value, features, shift, scale):
    """Subtract shift[0, n, j % K] from value[t, n, j], j < features, and divide by scale likewise.

    value (T, N, S). shift (1, N, K). scale (1, N, K), or None for 1.
    """
    K = shift.shape[2]
    for t in range(value.shape[0]):
        for n in range(value.shape[1]):
            for j in range(features):
                centred = value[t, n, j] - shift[0, n, j % K]
                value[t, n, j] = centred if scale is None else centred / scale[0, n, j % K]
