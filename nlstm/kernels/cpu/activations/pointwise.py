"""An activation on its own: y = act(x) element by element, and back.

For layers whose kernels leave out the activation: where its derivative needs x, a kernel that
keeps only y cannot take it back.
"""

import functools

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import MARKERS, activate, derivative, only_units, saved
from nlstm.kernels.cpu.machine.jit import lanes, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import load, store
from nlstm.kernels.cpu.products.gemm import share

SMALL_WORK = 1 << 15  # numbers that one thread does before a second one is worth waking


@njit_inner
def activate_rows(activation, x, y, features, L, first, last):
    for n in range(first, last):
        for k in range(0, features, L):
            value = activate(activation, load(x, n * x.shape[1] + k))
            store(y, n * y.shape[1] + k, only_units(activation, value, features - k))


@two_forms
def forward_forms(activation, x, y, features, L):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        activate_rows(activation, x, y, features, L, first, last)


@launcher
def activation_forward(activation, x, y, features):
    """Compute y = act(x).

    Parameters
    ----------
    x : ndarray, shape (R, S), S >= ceil(features / L) * L. y : ndarray, shape (R, S'), likewise.
        Overwritten, lanes past `features` with zeros.
    """
    arguments = (activation, x, y, features, lanes(y.dtype))
    return [(forward_forms[x.shape[0] * features >= SMALL_WORK], arguments)]


@njit_inner
def derive_rows(activation, x, y, dy, dx, features, L, first, last):
    for n in range(first, last):
        for k in range(0, features, L):
            value = load(y, n * y.shape[1] + k)
            kept = saved(activation, load(x, n * x.shape[1] + k), value)
            slope = derivative(activation, kept)
            store(dx, n * dx.shape[1] + k, load(dy, n * dy.shape[1] + k) * slope)


@two_forms
def backward_forms(activation, x, y, dy, dx, features, L):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        derive_rows(activation, x, y, dy, dx, features, L, first, last)


@launcher
def activation_backward(activation, x, y, dy, dx, features):
    """Compute dx = dy act'(x), with y from the forward pass; dx may be dy."""
    arguments = (activation, x, y, dy, dx, features, lanes(y.dtype))
    return [(backward_forms[x.shape[0] * features >= SMALL_WORK], arguments)]


@functools.cache
def activation(name):
    """Return (activation_forward, activation_backward) for an activation, given by name."""
    marker = MARKERS[name]
    return (
        functools.partial(activation_forward, marker),
        functools.partial(activation_backward, marker),
    )
