"""Two values made one, element by element: y = scale * (a + b), a - b, a b, max(a, b), min(a, b).

A side with one step or one feature serves all of the other's.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share
from nlstm.kernels.shared import merging as formulas
from nlstm.kernels.shared.merging import MERGES
from nlstm.kernels.shared.twins import compiled

__all__ = ["merge_backward", "merge_forward", "sum_broadcast"]

SMALL_COPY = 1 << 17  # numbers that one thread writes before a second one is worth waking

_formulas = compiled(formulas, njit_inner)
merged, slope = _formulas.merged, _formulas.slope


@njit_inner
def forward_steps(kind, a, a_features, b, b_features, reverse, scale, y, features, first, last):
    T, N, S = y.shape
    for t in range(first, last):
        ta = t if a.shape[0] == T else 0
        tb = (T - 1 - t if reverse else t) if b.shape[0] == T else 0
        for n in range(N):
            if a_features == b_features:
                for k in range(features):
                    y[t, n, k] = merged(kind, a[ta, n, k], b[tb, n, k], scale)
            else:
                ka, kb = min(1, a_features - 1), min(1, b_features - 1)
                for k in range(features):
                    y[t, n, k] = merged(kind, a[ta, n, k * ka], b[tb, n, k * kb], scale)
            for k in range(features, S):
                y[t, n, k] = 0


@two_forms
def forward_forms(kind, a, a_features, b, b_features, reverse, scale, y, features):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(y.shape[0], np.int64(s), slices)
        forward_steps(kind, a, a_features, b, b_features, reverse, scale, y, features, first, last)


@launcher
def merge_forward(kind, a, a_features, b, b_features, reverse, scale, y, features):
    """Merge two values.

    Parameters
    ----------
    kind : str. One of MERGES.
    a, b : ndarray, shapes (T or 1, N, >= a_features or b_features), which are `features` or 1.
    reverse : bool. Take the steps of b from the last to the first.
    scale : number of the arrays' dtype. Factor of a sum; else unused, and 1.
    y : ndarray, shape (T, N, S). Overwritten (=), its padding with 0.
    """
    arguments = (MERGES[kind], a, a_features, b, b_features, reverse, scale, y, features)
    return [(forward_forms[y.size >= SMALL_COPY], arguments)]


@njit_inner
def backward_steps(kind, a, a_features, b, b_features, reverse, scale, dy, features, second, out,
                   first, last):  # fmt: skip
    T, N, S = out.shape
    for t in range(first, last):
        ta = t if a.shape[0] == T else 0
        back = T - 1 - t if reverse else t
        tb = back if b.shape[0] == T else 0
        to = back if second else t
        for n in range(N):
            if a_features == b_features:
                for k in range(features):
                    part = slope(kind, a[ta, n, k], b[tb, n, k], scale, second)
                    out[to, n, k] = dy[t, n, k] * part
            else:
                ka, kb = min(1, a_features - 1), min(1, b_features - 1)
                for k in range(features):
                    part = slope(kind, a[ta, n, k * ka], b[tb, n, k * kb], scale, second)
                    out[to, n, k] = dy[t, n, k] * part
            for k in range(features, S):
                out[to, n, k] = 0


@two_forms
def backward_forms(kind, a, a_features, b, b_features, reverse, scale, dy, features, second, out):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(out.shape[0], np.int64(s), slices)
        backward_steps(kind, a, a_features, b, b_features, reverse, scale, dy, features, second,
                       out, first, last)  # fmt: skip


@launcher
def merge_backward(kind, a, a_features, b, b_features, reverse, scale, dy, features, second, out):
    """Compute the gradient of one side of `merge_forward`.

    Parameters
    ----------
    kind, a, b, reverse, scale, features : as in the forward pass.
    dy : ndarray, shape (T, N, S).
    second : bool. Whether the side is b.
    out : ndarray, shape (T, N, >= features). Overwritten (=), its padding with 0. For a side that
        serves several steps or features, `sum_broadcast` adds them.
    """
    arguments = (
        MERGES[kind], a, a_features, b, b_features, reverse, scale, dy, features, second, out,
    )  # fmt: skip
    return [(backward_forms[out.size >= SMALL_COPY], arguments)]


@njit
def sum_broadcast(full, features, out, out_features):
    """Add what one step or one feature served.

    Parameters
    ----------
    full : ndarray, shape (T, N, >= features).
    out : ndarray, shape (T or 1, N, S). Overwritten (=), its padding with 0; out_features is
        `features` or 1.
    """
    for t in range(out.shape[0]):
        for n in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[t, n, k] = 0
    for t in range(full.shape[0]):
        to = t if out.shape[0] == full.shape[0] else 0
        for n in range(full.shape[1]):
            for k in range(features):
                out[to, n, k if out_features == features else 0] += full[t, n, k]
