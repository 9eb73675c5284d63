"""The dense layer, y = act(x W + b), and its gradients.

Weights are panels of L columns. The lanes of y past the last feature are zero after every
activation.
"""

import functools

import numpy as np
from numba import prange
from numba.extending import overload

from nlstm.kernels.cpu.activations.emitters import MARKERS, Softmax, activate, derivative
from nlstm.kernels.cpu.machine.jit import lanes, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import exp, load, store
from nlstm.kernels.cpu.products.few_columns import (
    few_columns_forward,
    few_columns_gradient,
    has_few_columns,
    transpose_columns,
)
from nlstm.kernels.cpu.products.gemm import (
    ROW_BLOCK,
    Matrix,
    Panels,
    share,
    tile_count,
    tile_edge,
    transpose_panel,
)
from nlstm.kernels.cpu.products.layout import blocks
from nlstm.kernels.cpu.products.tile import VECTORS, tile

SMALL_WORK = 1 << 20  # multiply-adds that one thread does before a second one is worth waking


def dense_scratch_size(F, O, dtype):  # noqa: E741, the field's letter
    """Return how many numbers of scratch memory both kernels need."""
    L = lanes(dtype)
    few = min(O, L) * blocks(F, dtype) * L
    return L + blocks(F, dtype) * blocks(O, dtype) * L * L + few


# --- activations of whole rows --------------------------------------------------------------------


def activate_rows(activation, y, first, last, features, L):
    """Apply the activation to rows first..last in place; lanes past `features` become zero."""


def derive_rows(activation, y, dy, first, last, L):
    """Multiply dy by the activation's derivative, in place."""


@njit_inner
def softmax_row(row, features, L):
    largest = row[0]
    for k in range(1, features):
        largest = max(largest, row[k])
    for k in range(features):
        row[k] -= largest
    for k in range(0, features, L):
        store(row, k, exp(load(row, k)))
    total = row[0]
    for k in range(1, features):
        total += row[k]
    for k in range(features):
        row[k] /= total


@overload(activate_rows)
def _activate_rows(activation, y, first, last, features, L):
    if activation.instance_class is Softmax:

        def softmax(activation, y, first, last, features, L):
            for n in range(first, last):
                softmax_row(y[n], features, L)
                y[n, features : (features + L - 1) // L * L] = 0

        return softmax

    def each(activation, y, first, last, features, L):
        for n in range(first, last):
            for k in range(0, features, L):
                at = n * y.shape[1] + k
                store(y, at, activate(activation, load(y, at)))
            y[n, features : (features + L - 1) // L * L] = 0

    return each


@overload(derive_rows)
def _derive_rows(activation, y, dy, first, last, L):
    if activation.instance_class is Softmax:

        def softmax(activation, y, dy, first, last, L):
            columns = min(y.shape[1], dy.shape[1])
            for n in range(first, last):
                inner = y[n, 0] * dy[n, 0]
                for k in range(1, columns):
                    inner += y[n, k] * dy[n, k]
                for k in range(columns):
                    dy[n, k] = y[n, k] * (dy[n, k] - inner)

        return softmax

    def each(activation, y, dy, first, last, L):
        for n in range(first, last):
            for k in range(0, min(y.shape[1], dy.shape[1]), L):
                at = n * dy.shape[1] + k
                slope = derivative(activation, load(y, n * y.shape[1] + k))
                store(dy, at, load(dy, at) * slope)

    return each


# --- forward --------------------------------------------------------------------------------------


@njit_inner
def forward_rows(activation, x, W, b, y, scratch, features, first, last):
    V, K, L = W.shape
    few = has_few_columns(features, K, x.shape[1], L)
    flat_b = None if b is None else b.reshape(-1)
    for n0 in range(first, last, ROW_BLOCK):
        n1 = min(n0 + ROW_BLOCK, last)
        if few:
            from_x = Matrix(x.reshape(-1), 0, x.shape[1])
            to_y = Matrix(y.reshape(-1), 0, y.shape[1])
            few_columns_forward(from_x, n0, n1, features, Panels(scratch, 0), flat_b, 0, to_y, K, L)
        else:
            count = tile_count(n1 - n0)
            for v in range(0, V, VECTORS):
                for index in range(count):
                    n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                    place = (y, n * y.shape[1] + v * L, y.shape[1], L)
                    source = (x, n * x.shape[1], x.shape[1], 1, 0, W, v * K * L, K * L, L, 0, K, 1)
                    if b is None:
                        tile(end - n, min(VECTORS, V - v), place, None, (source,))
                    else:
                        tile(end - n, min(VECTORS, V - v), place, (b, v * L, 0, L), (source,))
        activate_rows(activation, y, n0, n1, features, L)


@njit_inner
def prepare_columns(x, W, scratch, features):
    K, L = W.shape[1], W.shape[2]
    if has_few_columns(features, K, x.shape[1], L):
        transpose_columns(W.reshape(-1), 0, K, features, scratch, 0, L)


@two_forms
def forward_forms(activation, x, W, b, y, scratch, features):
    prepare_columns(x, W, scratch, features)
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        forward_rows(activation, x, W, b, y, scratch, features, first, last)


@launcher
def dense_forward(activation, x, W, b, y, scratch, features):
    """Compute y = act(x W + b).

    Parameters
    ----------
    x : ndarray, shape (R, S), S >= K. W : panels (V, K, L). b : (V, L) or None.
    y : ndarray, shape (R, S'). Overwritten.
    scratch : ndarray of `dense_scratch_size` numbers.
    features : columns of y; the lanes after them become zero.
    """
    arguments = (activation, x, W, b, y, scratch, features)
    return [(forward_forms[x.shape[0] * W.size >= SMALL_WORK], arguments)]


# --- backward -------------------------------------------------------------------------------------


@njit_inner
def inputs_rows(dz, W_panels, dx, K, features, first, last, L):
    """Compute dx = dz W^T for rows first..last."""
    V = (K + L - 1) // L
    panel = (features + L - 1) // L * L * L
    for n0 in range(first, last, ROW_BLOCK):
        n1 = min(n0 + ROW_BLOCK, last)
        count = tile_count(n1 - n0)
        for v in range(0, V, VECTORS):
            for index in range(count):
                n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                place = (dx, n * dx.shape[1] + v * L, dx.shape[1], L)
                source = (
                    dz, n * dz.shape[1], dz.shape[1], 1, 0,
                    W_panels, L + v * panel, panel, L, 0, features, 1,
                )  # fmt: skip
                tile(end - n, min(VECTORS, V - v), place, None, (source,))


@njit_inner
def weights_share(x, dz, dW, db, scratch, features, s, slices):
    """Compute slice s of dW = x^T dz and db.

    Row K of the gradient is db, from the 1 in scratch[0].
    """
    V, K, L = dW.shape
    R = x.shape[0]
    first, last = share(K + 1, s, slices)
    k1 = min(last, K)
    if has_few_columns(features, K, x.shape[1], L):
        v0, v1 = share((K + L - 1) // L, s, slices)
        columns = L + (K + L - 1) // L * V * L * L
        few_columns_gradient(x, dz, dW, features, scratch, columns, v0, v1)
        k1 = first
    count = tile_count(k1 - first)
    for v in range(0, V, VECTORS):
        vectors = min(VECTORS, V - v)
        for r in range(0, R, ROW_BLOCK):
            rows = min(ROW_BLOCK, R - r)
            at = r * dz.shape[1] + v * L
            for index in range(count):
                k, end = tile_edge(first, k1, index), tile_edge(first, k1, index + 1)
                place = (dW, (v * K + k) * L, L, K * L)
                source = (
                    x, r * x.shape[1] + k, 1, x.shape[1], 0, dz, at, L, dz.shape[1], 0, rows, 1
                )  # fmt: skip
                if r == 0:
                    tile(end - k, vectors, place, None, (source,))
                else:
                    tile(end - k, vectors, place, place, (source,))
            if db is not None and last > K:
                place = (db, v * L, 0, L)
                source = (scratch, 0, 0, 0, 0, dz, at, L, dz.shape[1], 0, rows, 1)
                if r == 0:
                    tile(1, vectors, place, None, (source,))
                else:
                    tile(1, vectors, place, place, (source,))


@njit_inner
def transpose_weights(W, scratch):
    """Write the 1 that db is summed with, and the panels of W^T."""
    V, K, L = W.shape
    scratch[0] = 1
    for v in range((K + L - 1) // L):
        transpose_panel(scratch, L + v * V * L * L, W.reshape(-1), V, K, L, v, L)


@two_forms
def backward_forms(activation, x, W, y, dy, dW, db, dx, scratch, features):
    R, K, L = x.shape[0], W.shape[1], W.shape[2]
    transpose_weights(W, scratch)
    slices = slice_count()
    for s in prange(slices):
        first, last = share(R, np.int64(s), slices)
        derive_rows(activation, y, dy, first, last, L)
        if dx is not None:
            inputs_rows(dy, scratch, dx, K, features, first, last, L)
    for s in prange(slices):
        weights_share(x, dy, dW, db, scratch, features, np.int64(s), slices)


@launcher
def dense_backward(activation, x, W, y, dy, dW, db, dx, scratch, features):
    """Compute the gradients of `dense_forward`.

    Parameters
    ----------
    x, W, y, features : as in the forward pass.
    dy : ndarray, shape (R, S'). The gradient of y; overwritten by that before the activation.
    dW, db, dx : overwritten. db and dx may be None; dx has rows of at least ceil(K / L) * L.
    scratch : ndarray of `dense_scratch_size` numbers.
    """
    arguments = (activation, x, W, y, dy, dW, db, dx, scratch, features)
    return [(backward_forms[x.shape[0] * W.size >= SMALL_WORK], arguments)]


@functools.cache
def dense(activation):
    """Return (dense_forward, dense_backward) for an activation, given by name."""
    marker = MARKERS[activation]
    return functools.partial(dense_forward, marker), functools.partial(dense_backward, marker)
