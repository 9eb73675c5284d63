"""Pools over all steps: the mean of the steps that count, and the largest values."""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

__all__ = [
    "average_steps",
    "average_steps_backward",
    "largest_steps",
    "largest_steps_backward",
]

SMALL_COPY = 1 << 17  # numbers that one thread reads before a second one is worth waking


@njit_inner
def step_count(mask, T, n):
    if mask is None:
        return T
    count = 0
    for t in range(T):
        count += mask[t, n]
    return count


@njit_inner
def average_rows(x, mask, features, y, first, last):
    T, S = x.shape[0], y.shape[2]
    for n in range(first, last):
        for k in range(S):
            y[0, n, k] = 0
        for t in range(T):
            if mask is None or mask[t, n]:
                for k in range(features):
                    y[0, n, k] += x[t, n, k]
        count = y.dtype.type(step_count(mask, T, n))
        for k in range(features):
            y[0, n, k] /= count


@two_forms
def average_forms(x, mask, features, y):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(y.shape[1], np.int64(s), slices)
        average_rows(x, mask, features, y, first, last)


@launcher
def average_steps(x, mask, features, y):
    """Write the mean over the steps.

    Parameters
    ----------
    x : ndarray, shape (T, N, >= features).
    mask : ndarray(uint8), shape (T, N), or None. Steps that count; a row without one gives NaN.
    y : ndarray, shape (1, N, S). Overwritten (=), its padding with 0.
    """
    return [(average_forms[x.size >= SMALL_COPY], (x, mask, features, y))]


@njit
def average_steps_backward(mask, dy, features, dx):
    """Compute dx, (T, N, S), of `average_steps` from dy, (1, N, S). Overwrites (=) dx."""
    T, N, S = dx.shape
    for n in range(N):
        count = dx.dtype.type(step_count(mask, T, n))
        for t in range(T):
            if mask is None or mask[t, n]:
                for k in range(features):
                    dx[t, n, k] = dy[0, n, k] / count
            else:
                for k in range(features):
                    dx[t, n, k] = 0
            for k in range(features, S):
                dx[t, n, k] = 0


@njit
def largest_steps(x, features, y):
    """Write the largest value over the steps; NaN if there is one.

    Parameters
    ----------
    x : ndarray, shape (T, N, >= features).
    y : ndarray, shape (1, N, S). Overwritten (=), its padding with 0.
    """
    T, S = x.shape[0], y.shape[2]
    for n in range(y.shape[1]):
        for k in range(features):
            y[0, n, k] = x[0, n, k]
        for t in range(1, T):
            for k in range(features):
                value, best = x[t, n, k], y[0, n, k]
                y[0, n, k] = value if best < value or value != value else best
        for k in range(features, S):
            y[0, n, k] = 0


@njit
def largest_steps_backward(x, y, dy, features, counts, dx):
    """Compute dx of `largest_steps`; equal largest values share the gradient.

    Parameters
    ----------
    x, y, features : as in the forward pass and after it. dy : ndarray, shape (1, N, S).
    counts : ndarray, shape (features,). Overwritten: work memory.
    dx : ndarray, shape (T, N, S). Overwritten (=).
    """
    T, N, S = dx.shape
    for n in range(N):
        for k in range(features):
            counts[k] = 0
        for t in range(T):
            for k in range(features):
                counts[k] += x[t, n, k] == y[0, n, k]
        for t in range(T):
            for k in range(features):
                zero = dx.dtype.type(0)
                dx[t, n, k] = dy[0, n, k] / counts[k] if x[t, n, k] == y[0, n, k] else zero
            for k in range(features, S):
                dx[t, n, k] = 0
