"""An activation of whole rows, without a product before it.

For softmax, and for activations whose derivative can be written by their result.
"""

import functools

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.dense.dense import activate_rows, derive_rows
from nlstm.kernels.cpu.machine.jit import lanes, njit, njit_inner, njit_parallel, thread_count
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


@njit
def forward_alone(marker, x, y, features, L):
    forward_rows(marker, x, y, features, L, np.int64(0), x.shape[0])


@njit_parallel
def forward_parallel(marker, x, y, features, L):
    slices = thread_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        forward_rows(marker, x, y, features, L, first, last)


@njit_inner
def backward_rows(marker, y, dy, dx, L, first, last):
    for r in range(first, last):
        for k in range(dx.shape[1]):
            dx[r, k] = dy[r, k]
    derive_rows(marker, y, dx, first, last, L)


@njit
def backward_alone(marker, y, dy, dx, L):
    backward_rows(marker, y, dy, dx, L, np.int64(0), y.shape[0])


@njit_parallel
def backward_parallel(marker, y, dy, dx, L):
    slices = thread_count()
    for s in prange(slices):
        first, last = share(y.shape[0], np.int64(s), slices)
        backward_rows(marker, y, dy, dx, L, first, last)


def activation_forward(marker, x, y, features):
    """Compute y = act(x).

    Parameters
    ----------
    x : ndarray, shape (R, >= features). y : ndarray, shape (R, S). Overwritten (=), its padding
        with 0.
    """
    forward = forward_alone if y.size < SMALL_WORK else forward_parallel
    forward(marker, x, y, features, lanes(y.dtype))


def activation_backward(marker, x, y, dy, dx, features):
    """Compute dx = dy act'(x), with y from the forward pass; dx may be dy."""
    backward = backward_alone if y.size < SMALL_WORK else backward_parallel
    backward(marker, y, dy, dx, lanes(y.dtype))


@functools.cache
def row_activation(name):
    """Return (activation_forward, activation_backward) for an activation, given by name."""
    marker = MARKERS[name]
    forward = functools.partial(activation_forward, marker)
    return forward, functools.partial(activation_backward, marker)
