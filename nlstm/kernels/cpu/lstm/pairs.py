"""The operands of an LSTM's products in pairs of bfloat16.

Forward: weights in pairs of inputs, x in pairs of features, h in pairs of units, each rounded as it
is stored. Backward: dz in pairs of units for dh and dx; dz, x and h in pairs of rows for the
gradients of weights, made for a chunk of steps at a time.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    lanes,
    njit_inner,
    restore_denormals,
    slice_count,
    two_forms,
)
from nlstm.kernels.cpu.machine.simd import load, splat
from nlstm.kernels.cpu.products.gemm import Blocks, Sequence, share
from nlstm.kernels.cpu.products.layout import GATES, blocks
from nlstm.kernels.cpu.products.pairs import store_across, store_along, store_half
from nlstm.kernels.cpu.products.rounding import pair_columns, pair_rows, pair_wide_rows, word_row

SMALL_COPY = 1 << 15  # numbers that one thread rounds before a second one is worth waking


class Operands(NamedTuple):
    """What a chunk's products read. dz : Blocks, in pairs of units.

    dz_rows : Blocks, x, h : Sequence; of two rows each, the first of which is even.
    """

    dz: Any
    dz_rows: Any
    x: Any
    h: Any


# --- shapes ---------------------------------------------------------------------------------------


def pairs_shapes(T, N, F, H, dtype):
    """Return the shapes of W, U, h in two slots, and x."""
    L, B, two = lanes(dtype), blocks(H, dtype), (F + 1) // 2
    return (
        (B, two, GATES, L),
        (B, (H + 1) // 2, GATES, L),
        (2, N, word_row.py_func(B * L // 2, L)),
        (T, N, word_row.py_func(two, L)),
    )


def lstm_paired_size(T, N, F, H, dtype):
    """Return how many numbers of memory the operands of a layer take."""
    return sum(map(math.prod, pairs_shapes(T, N, F, H, dtype)))


def carved(memory, shapes):
    """Return arrays of words in `memory`, one after the other."""
    words, start, found = memory.view(np.uint32), 0, []
    for shape in shapes:
        end = start + math.prod(shape)
        found.append(words[start:end].reshape(shape))
        start = end
    return found


# --- forward --------------------------------------------------------------------------------------


@njit_inner
def round_states(h, slot, out, slot_out, first, last, block, L):
    """Write rows first..last of the states of one block in pairs of units."""
    N, S, row = h.shape[1], h.shape[2], out.shape[2]
    for n in range(first, last):
        state = load(h, (slot * N + n) * S + block * L)
        store_half(out, (slot_out * N + n) * row + block * (L // 2), state)


@two_forms
def round_operands_forms(x, h, W, U, pairs):
    W_pairs, U_pairs, h_pairs, x_pairs = pairs
    T, N, F, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[0], U.shape[3]
    width = GATES * L
    slices = slice_count()
    for s in prange(slices):
        mode = flush_denormals()
        first, last = share(B, np.int64(s), slices)
        for block in range(first, last):
            for weights, out in ((W, W_pairs), (U, U_pairs)):
                K, two = weights.shape[1], out.shape[1]
                pair_rows(weights, block * K * width, K, width, width, out, block * two * width, L)
            round_states(h, 0, h_pairs, 0, 0, N, block, L)
        first, last = share(T, np.int64(s), slices)
        for t in range(first, last):
            for n in range(t * N, t * N + N):
                pair_columns(x.reshape(-1), n * x.shape[2], F, x_pairs.reshape(-1),
                             n * x_pairs.shape[2], L)  # fmt: skip
        restore_denormals(mode)


def rounded_operands(x, h, W, U, memory):
    """Return weights, states and inputs in pairs, and the call that makes them.

    It writes weights, the first state and inputs.
    """
    T, N, F, H = x.shape[0], x.shape[1], W.shape[1], U.shape[1]
    pairs = tuple(carved(memory, pairs_shapes(T, N, F, H, x.dtype)))
    size = W.size + U.size + T * N * F
    return pairs, (round_operands_forms[size >= SMALL_COPY], (x, h, W, U, pairs))


# --- backward -------------------------------------------------------------------------------------


@njit_inner
def place_operands(words, at, steps, rows, n0, sizes):
    """Return a chunk's `Operands` from row n0 on; `rows` is even."""
    B, L = sizes.B, sizes.L
    V, half, block = (sizes.F + L - 1) // L, rows // 2, GATES * L
    narrow = block // 2
    whole = steps * rows * B * narrow  # of dz, either way
    dz = Blocks(words, at - n0 * narrow, rows * narrow, steps * rows * narrow)
    pair_at = at + whole - n0 // 2 * block
    dz_rows = Blocks(words, pair_at, half * block, steps * half * block)
    h_at = at + 2 * whole
    h = Sequence(words, h_at - n0 // 2 * B * L, B * L, half * B * L)
    x_at = h_at + steps * half * B * L
    x = Sequence(words, x_at - n0 // 2 * V * L, V * L, half * V * L)
    return Operands(dz, dz_rows, x, h)


@njit_inner
def round_gradients(dz, operands, step, first, last, b0, b1, h, t, L):
    """Write dz of rows first..last of a step in pairs of units and of rows, and h before it.

    dz : Blocks, of the step. step : its place in the chunk.
    """
    width, narrow = GATES * L, GATES * L // 2
    N, S = h.shape[1], h.shape[2]
    by_units, by_rows, to_h = operands.dz, operands.dz_rows, operands.h
    for block in range(b0, b1):
        for n in range(first, last, 2):
            two = n + 1 < last
            at = dz.at + block * dz.block + n * width
            to = by_units.at + step * by_units.step + block * by_units.block + n * narrow
            rows_to = by_rows.at + step * by_rows.step + block * by_rows.block + n // 2 * width
            for gate in range(0, GATES, 2):
                a, b = load(dz.array, at + gate * L), load(dz.array, at + gate * L + L)
                store_along(by_units.array, to + gate // 2 * L, a, b)
                c = d = splat(dz.array, 0.0)
                if two:
                    c = load(dz.array, at + width + gate * L)
                    d = load(dz.array, at + width + gate * L + L)
                    store_along(by_units.array, to + narrow + gate // 2 * L, c, d)
                store_across(by_rows.array, rows_to + gate * L, a, c)
                store_across(by_rows.array, rows_to + gate * L + L, b, d)
            h_at = (t * N + n) * S + block * L
            high = load(h, h_at + S) if two else splat(h, 0.0)
            h_to = to_h.at + step * to_h.step + n // 2 * to_h.row + block * L
            store_across(to_h.array, h_to, load(h, h_at), high)


@njit_inner
def round_inputs(x, tx, to, step, first, last, v0, v1, F, L):
    """Write vectors v0..v1 of the inputs of rows first..last in pairs of rows."""
    N, Sx = x.shape[1], x.shape[2]
    target = to.at + step * to.step + first // 2 * to.row
    pair_wide_rows(x.reshape(-1), (tx * N + first) * Sx, last - first, Sx, v0 * L, min(v1 * L, F),
                   to.array, target, to.row, L)  # fmt: skip


@njit_inner
def rows_from(pairs, row):
    """Return the `Sequence` that begins with a row."""
    return Sequence(pairs.array, pairs.at + row * pairs.row, pairs.row, pairs.step)


@njit_inner
def block_from(dz, block, row, L):
    """Return the `Blocks` that begin with a block and a row."""
    at = dz.at + block * dz.block + row * GATES * L
    return Blocks(dz.array, at, dz.step, dz.block)
