"""The dense layer with operands of its products rounded to bfloat16.

All else is as in `nlstm.kernels.cpu.dense.dense`. Pairs run along the inputs for y = x W; for
dx = dz W^T a pair is the same lane of two panels, for dW two rows.
"""

import functools

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import MARKERS
from nlstm.kernels.cpu.dense.dense import SMALL_WORK, activate_rows, derive_rows
from nlstm.kernels.cpu.machine.jit import lanes, njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import load, splat
from nlstm.kernels.cpu.products.gemm import (
    ROW_BLOCK,
    share,
    share_rows,
    tile_count,
    tile_edge,
    transpose_square,
)
from nlstm.kernels.cpu.products.layout import blocks
from nlstm.kernels.cpu.products.pairs import store_across
from nlstm.kernels.cpu.products.rounding import pair_columns, pair_rows, pair_wide_rows, word_row
from nlstm.kernels.cpu.products.tile import VECTORS, load_pair_tile, tile


def dense_paired_scratch_size(R, F, O, dtype):  # noqa: E741, the field's letter
    """Return how many numbers of scratch memory both kernels need for R rows."""
    L, V, inputs, half = lanes(dtype), blocks(O, dtype), blocks(F, dtype), (R + 1) // 2
    groups, two = (V + 1) // 2, (F + 1) // 2
    forward = V * two * L + R * word_row.py_func(two, L)
    panels = groups * (F + inputs * L) * L
    backward = panels + R * groups * L + half * (inputs + V) * L
    return L + max(forward, backward)


# --- forward --------------------------------------------------------------------------------------


@njit_inner
def forward_rows(activation, b, y, words, K, V, features, first, last, x_at, L):
    two = (K + 1) // 2
    row = word_row(two, L)
    for n0 in range(first, last, ROW_BLOCK):
        n1 = min(n0 + ROW_BLOCK, last)
        count = tile_count(n1 - n0)
        for v in range(0, V, VECTORS):
            for index in range(count):
                n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                place = (y, n * y.shape[1] + v * L, y.shape[1], L)
                source = (words, x_at + n * row, row, 1, 0,
                          words, L + v * two * L, two * L, L, 0, two, 1)  # fmt: skip
                if b is None:
                    tile(end - n, min(VECTORS, V - v), place, None, (source,))
                else:
                    tile(end - n, min(VECTORS, V - v), place, (b, v * L, 0, L), (source,))
        activate_rows(activation, y, n0, n1, features, L)


@two_forms
def forward_forms(activation, x, W, b, y, words, features):
    V, K, L = W.shape
    R, two = x.shape[0], (K + 1) // 2
    row, x_at = word_row(two, L), L + V * two * L
    slices = slice_count()
    for s in prange(slices):
        first, last = share(V, np.int64(s), slices)
        for v in range(first, last):
            pair_rows(W, v * K * L, K, L, L, words, L + v * two * L, L)
    for s in prange(slices):
        first, last = share(R, np.int64(s), slices)
        for n in range(first, last):
            pair_columns(x.reshape(-1), n * x.shape[1], K, words, x_at + n * row, L)
        forward_rows(activation, b, y, words, K, V, features, first, last, x_at, L)


@launcher
def paired_forward(activation, x, W, b, y, scratch, features):
    """Compute `dense_forward` with a product of bfloat16.

    Parameters
    ----------
    All as there, float32, but scratch : ndarray of `dense_paired_scratch_size` numbers.
    """
    load_pair_tile()
    forms, words = forward_forms, scratch.view(np.uint32)
    return [(forms[x.shape[0] * W.size >= SMALL_WORK], (activation, x, W, b, y, words, features))]


# --- backward -------------------------------------------------------------------------------------


@njit_inner
def pair_panels(source, at, panel, panels, out, to, L):
    """Write a vector of each of some panels, `panel` apart, in pairs of panels."""
    for v in range(0, panels, 2):
        high = load(source, at + (v + 1) * panel) if v + 1 < panels else splat(source, 0.0)
        store_across(out, to + v // 2 * L, load(source, at + v * panel), high)


@njit_inner
def transpose_weights(W, words, to, between, L):
    """Write the panels of W^T in pairs of columns; `between` is where they are made."""
    V, K = W.shape[0], W.shape[1]
    groups = (V + 1) // 2
    for k in range(K):
        for g in range(groups):
            panels = min(2, V - 2 * g)
            pair_panels(W, (2 * g * K + k) * L, K * L, panels, words, between + (g * K + k) * L, L)
    for v in range((K + L - 1) // L):
        for g in range(groups):
            source = between + (g * K + v * L) * L
            transpose_square(words, to + (v * groups + g) * L * L, words, source, L, K - v * L)


@njit_inner
def inputs_rows(dx, words, dz_at, panels_at, K, groups, first, last, L):
    """Compute dx = dz W^T for rows first..last."""
    width = groups * L
    V = (K + L - 1) // L
    for n0 in range(first, last, ROW_BLOCK):
        n1 = min(n0 + ROW_BLOCK, last)
        count = tile_count(n1 - n0)
        for v in range(0, V, VECTORS):
            for index in range(count):
                n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                place = (dx, n * dx.shape[1] + v * L, dx.shape[1], L)
                source = (words, dz_at + n * width, width, 1, 0,
                          words, panels_at + v * width * L, width * L, L, 0, width, 1)  # fmt: skip
                tile(end - n, min(VECTORS, V - v), place, None, (source,))


@njit_inner
def weights_share(dz, dW, db, ones, words, x_at, dz_at, first, last):
    """Compute rows first..last of dW = x^T dz and, for row K, db, which is float32."""
    V, K, L = dW.shape
    R = dz.shape[0]
    half, x_row = (R + 1) // 2, (K + L - 1) // L * L
    k1 = min(last, K)
    count = tile_count(k1 - first)
    for v in range(0, V, VECTORS):
        vectors = min(VECTORS, V - v)
        for r in range(0, half, ROW_BLOCK):
            rows = min(ROW_BLOCK, half - r)
            at = dz_at + r * V * L + v * L
            for index in range(count):
                k, end = tile_edge(first, k1, index), tile_edge(first, k1, index + 1)
                place = (dW, (v * K + k) * L, L, K * L)
                source = (words, x_at + r * x_row + k, 1, x_row, 0,
                          words, at, L, V * L, 0, rows, 1)  # fmt: skip
                if r == 0:
                    tile(end - k, vectors, place, None, (source,))
                else:
                    tile(end - k, vectors, place, place, (source,))
        if db is not None and last > K:
            source = (ones, 0, 0, 0, 0, dz, v * L, L, dz.shape[1], 0, R, 1)
            tile(1, vectors, (db, v * L, 0, L), None, (source,))


@two_forms
def backward_forms(activation, x, W, y, dy, dW, db, dx, scratch, words):
    V, K, L = W.shape
    R, S, groups, inputs = x.shape[0], dy.shape[1], (V + 1) // 2, (K + L - 1) // L
    panels_at = L + groups * K * L
    dz_at = panels_at + inputs * groups * L * L
    rows_at = dz_at + R * groups * L
    x_at = rows_at + (R + 1) // 2 * V * L
    scratch[0] = 1
    slices = slice_count()
    if dx is not None:
        transpose_weights(W, words, panels_at, L, L)
    for s in prange(slices):
        first, last = share_rows(R, np.int64(s), slices, 2)
        derive_rows(activation, y, dy, first, last, L)
        half, rows = first // 2, last - first
        if dx is not None:
            for n in range(first, last):
                pair_panels(dy, n * S, L, V, words, dz_at + n * groups * L, L)
            inputs_rows(dx, words, dz_at, panels_at, K, groups, first, last, L)
        pair_rows(dy, first * S, rows, S, V * L, words, rows_at + half * V * L, L)
        pair_wide_rows(x.reshape(-1), first * x.shape[1], rows, x.shape[1], 0, K, words,
                       x_at + half * inputs * L, inputs * L, L)  # fmt: skip
    for s in prange(slices):
        first, last = share(K + 1, np.int64(s), slices)
        weights_share(dy, dW, db, scratch, words, x_at, rows_at, first, last)


@launcher
def paired_backward(activation, x, W, y, dy, dW, db, dx, scratch, features):
    """Compute the gradients of `paired_forward`, again with products of bfloat16.

    Parameters
    ----------
    All as for `dense_backward`, float32, but scratch : ndarray of `dense_paired_scratch_size`
        numbers.
    """
    load_pair_tile()
    arguments = (activation, x, W, y, dy, dW, db, dx, scratch, scratch.view(np.uint32))
    return [(backward_forms[x.shape[0] * W.size >= SMALL_WORK], arguments)]


@functools.cache
def dense_paired(activation):
    """Return `dense` with products of bfloat16, for layers of more than a few columns."""
    marker = MARKERS[activation]
    return functools.partial(paired_forward, marker), functools.partial(paired_backward, marker)
