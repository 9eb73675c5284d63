"""Pools over windows of steps: the mean, and the largest values.

Step t of the result is about steps from ``t * stride - left`` on, `size` of them, as far as there
are such steps.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

__all__ = [
    "average_windows",
    "average_windows_backward",
    "largest_windows",
    "largest_windows_backward",
]

SMALL_COPY = 1 << 17  # numbers that one thread reads before a second one is worth waking


@njit_inner
def window(t, T, size, stride, left):
    """Return the first step of a window and its end."""
    begin = t * stride - left
    return max(begin, 0), min(begin + size, T)


@njit_inner
def average_rows(x, features, size, stride, left, y, first, last):
    for t in range(y.shape[0]):
        begin, end = window(t, x.shape[0], size, stride, left)
        count = y.dtype.type(end - begin)
        for n in range(first, last):
            for k in range(y.shape[2]):
                y[t, n, k] = 0
            for seen in range(begin, end):
                for k in range(features):
                    y[t, n, k] += x[seen, n, k]
            for k in range(features):
                y[t, n, k] /= count


@njit_inner
def average_rows_back(dy, features, size, stride, left, dx, first, last):
    T = dx.shape[0]
    for t in range(T):
        for n in range(first, last):
            for k in range(dx.shape[2]):
                dx[t, n, k] = 0
    for t in range(dy.shape[0]):
        begin, end = window(t, T, size, stride, left)
        count = dx.dtype.type(end - begin)
        for seen in range(begin, end):
            for n in range(first, last):
                for k in range(features):
                    dx[seen, n, k] += dy[t, n, k] / count


@njit_inner
def largest_rows(x, features, size, stride, left, y, first, last):
    for t in range(y.shape[0]):
        begin, end = window(t, x.shape[0], size, stride, left)
        for n in range(first, last):
            for k in range(features):
                y[t, n, k] = x[begin, n, k]
            for seen in range(begin + 1, end):
                for k in range(features):
                    value, best = x[seen, n, k], y[t, n, k]
                    y[t, n, k] = value if best < value or value != value else best
            for k in range(features, y.shape[2]):
                y[t, n, k] = 0


@njit_inner
def largest_rows_back(x, y, dy, features, size, stride, left, dx, first, last):
    """The first of equal values takes the gradient."""
    T = dx.shape[0]
    for t in range(T):
        for n in range(first, last):
            for k in range(dx.shape[2]):
                dx[t, n, k] = 0
    for t in range(dy.shape[0]):
        begin, end = window(t, T, size, stride, left)
        for n in range(first, last):
            for k in range(features):
                for seen in range(begin, end):
                    if x[seen, n, k] == y[t, n, k]:
                        dx[seen, n, k] += dy[t, n, k]
                        break


@two_forms
def average_windows_forms(x, features, size, stride, left, y):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(y.shape[1], np.int64(s), slices)
        average_rows(x, features, size, stride, left, y, first, last)


@two_forms
def average_back_forms(dy, features, size, stride, left, dx):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(dx.shape[1], np.int64(s), slices)
        average_rows_back(dy, features, size, stride, left, dx, first, last)


@two_forms
def largest_windows_forms(x, features, size, stride, left, y):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(y.shape[1], np.int64(s), slices)
        largest_rows(x, features, size, stride, left, y, first, last)


@two_forms
def largest_back_forms(x, y, dy, features, size, stride, left, dx):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(dx.shape[1], np.int64(s), slices)
        largest_rows_back(x, y, dy, features, size, stride, left, dx, first, last)


@launcher
def average_windows(x, features, size, stride, left, y):
    """Write the mean of each window: every window has a step.

    Parameters
    ----------
    x, y : ndarray, shapes (T, N, >= features), (T', N, S). y is overwritten (=), its padding with
        0.
    """
    return [(average_windows_forms[x.size >= SMALL_COPY], (x, features, size, stride, left, y))]


@launcher
def average_windows_backward(dy, features, size, stride, left, dx):
    """Compute dx of `average_windows`: dy (T', N, S), dx (T, N, S). Overwritten (=)."""
    return [(average_back_forms[dx.size >= SMALL_COPY], (dy, features, size, stride, left, dx))]


@launcher
def largest_windows(x, features, size, stride, left, y):
    """Write the largest value of each window; a NaN is the largest.

    Parameters
    ----------
    x, y : as in `average_windows`.
    """
    return [(largest_windows_forms[x.size >= SMALL_COPY], (x, features, size, stride, left, y))]


@launcher
def largest_windows_backward(x, y, dy, features, size, stride, left, dx):
    """Compute dx of `largest_windows`, from x and y as they were: dx (T, N, S). Overwritten (=)."""
    arguments = (x, y, dy, features, size, stride, left, dx)
    return [(largest_back_forms[dx.size >= SMALL_COPY], arguments)]
