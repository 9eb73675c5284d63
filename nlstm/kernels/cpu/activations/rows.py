"""An activation of whole rows, without a product before it.

For softmax, and for activations whose derivative can be written by their result.
"""

import functools

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.dense.dense import activate_rows, derive_rows
from nlstm.kernels.cpu.machine.jit import lanes, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

__all__ = ["row_activation"]

SMALL_WORK = 1 << 15  # numbers that one thread does before a second one is worth waking


@njit_inner
def forward_rows(marker, x, y, features, L, first, last):
    for r in range(first, last):
        for k in range(features):
            y[r, k] = x[r, k]
        for k in range(features, y.shape[1]):
            y[r, k] = 0
    activate_rows(marker, y, first, last, features, L)


@two_forms
def forward_forms(marker, x, y, features, L):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        forward_rows(marker, x, y, features, L, first, last)


@njit_inner
def backward_rows(marker, y, dy, dx, L, first, last):
    for r in range(first, last):
        for k in range(dx.shape[1]):
            dx[r, k] = dy[r, k]
    derive_rows(marker, y, dx, first, last, L)


@two_forms
def backward_forms(marker, y, dy, dx, L):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(y.shape[0], np.int64(s), slices)
        backward_rows(marker, y, dy, dx, L, first, last)


@launcher
def activation_forward(marker, x, y, features):
    """Compute y = act(x).

    Parameters
    ----------
    x : ndarray, shape (R, >= features). y : ndarray, shape (R, S). Overwritten (=), its padding
        with 0.
    """
    return [(forward_forms[y.size >= SMALL_WORK], (marker, x, y, features, lanes(y.dtype)))]


@launcher
def activation_backward(marker, x, y, dy, dx, features):
    """Compute dx = dy act'(x), with y from the forward pass; dx may be dy."""
    return [(backward_forms[y.size >= SMALL_WORK], (marker, y, dy, dx, lanes(y.dtype)))]


@functools.cache
def row_activation(name):
    """Return (activation_forward, activation_backward) for an activation, given by name."""
    marker = MARKERS[name]
    forward = functools.partial(activation_forward, marker)
    return forward, functools.partial(activation_backward, marker)
