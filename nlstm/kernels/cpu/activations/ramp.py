"""Straight lines that meet at a threshold: relu with any slope below, threshold and limit."""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

__all__ = ["ramp_backward", "ramp_forward"]

SMALL_WORK = 1 << 15  # numbers that one thread does before a second one is worth waking


@njit_inner
def rise(x, y, features, slope, threshold, limit, first, last):
    for n in range(first, last):
        for k in range(features):
            value = x[n, k]
            below = slope * (value - threshold)
            if slope == 0.0:  # infinity times 0 is NaN
                below = value if value != value else x.dtype.type(0.0)
            y[n, k] = min(value, limit) if value > threshold else below
        for k in range(features, y.shape[1]):
            y[n, k] = 0


@njit_inner
def fall(x, dy, dx, features, slope, threshold, limit, first, last):
    zero, one = x.dtype.type(0.0), x.dtype.type(1.0)
    for n in range(first, last):
        for k in range(features):
            value = x[n, k]
            above = one if value < limit else zero
            dx[n, k] = dy[n, k] * (above if value > threshold else slope)


@two_forms
def rise_forms(x, y, features, slope, threshold, limit):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        rise(x, y, features, slope, threshold, limit, first, last)


@two_forms
def fall_forms(x, dy, dx, features, slope, threshold, limit):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        fall(x, dy, dx, features, slope, threshold, limit, first, last)


@launcher
def ramp_forward(x, y, features, slope, threshold, limit):
    """Compute y = min(x, limit) where x > threshold, slope * (x - threshold) elsewhere.

    Parameters
    ----------
    x, y : ndarray, shape (R, S), (R, S'). y is overwritten, lanes past `features` with zeros.
    slope, threshold, limit : scalars of the same dtype. A slope of 0 gives 0, for infinity too.
    """
    arguments = (x, y, features, slope, threshold, limit)
    return [(rise_forms[x.shape[0] * features >= SMALL_WORK], arguments)]


@launcher
def ramp_backward(x, dy, dx, features, slope, threshold, limit):
    """Compute dx (=) from dy and the x of the forward pass; dx may be dy."""
    arguments = (x, dy, dx, features, slope, threshold, limit)
    return [(fall_forms[x.shape[0] * features >= SMALL_WORK], arguments)]
