"""The products of the backward pass: dh of the step before, the weight gradients, and dx.

Rows that are masked as a whole tile, or at the ends of a block of steps, are left out.
"""

from typing import Any, NamedTuple

import numpy as np

from nlstm.kernels.cpu.lstm.cell import mask_states
from nlstm.kernels.cpu.lstm.narrow import narrow_vectors
from nlstm.kernels.cpu.lstm.pairs import block_from, rows_from
from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import fma, load, splat, store
from nlstm.kernels.cpu.products.gemm import (
    ROW_BLOCK,
    Blocks,
    Matrix,
    Panels,
    Sequence,
    product_with_transpose,
    tile_count,
    tile_edge,
    weight_gradient,
)
from nlstm.kernels.cpu.products.layout import GATES, PEEPHOLES
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, gate_tile


class Part(NamedTuple):
    """Rows n0..n1 of steps t0..t1."""

    n0: Any
    n1: Any
    t0: Any
    t1: Any


class Counted(NamedTuple):
    """Which rows count: row 0 of step 0 is row n0 of step tx of the mask, or None for all."""

    mask: Any
    tx: Any
    tx_step: Any
    n0: Any


class Sums(NamedTuple):
    """Where gradients of weights are summed, each flat `Panels`; p is None without peepholes."""

    W: Any
    U: Any
    b: Any
    p: Any


@njit_inner
def next_run(mask, t, n, last):
    """Return the next rows to compute, from n on: gaps shorter than a tile belong to it."""
    if mask is None:
        return n, last
    while n < last and not mask[t, n]:
        n += 1
    end = k = n
    while k < last and k - end < ROWS:
        k += 1
        if mask[t, k - 1]:
            end = k
    return n, end


@njit_inner
def backward_product(n0, n1, v0, v1, dh, dz, panels, H, L, tx, masks, hm, past, near):
    """Compute dh of the step before: dz U^T, with `past` plus what went past it.

    `near` as of `product_with_transpose`.
    """
    n = n0
    while n < n1:
        first, end = next_run(masks.mask, tx, n, n1)
        if masks.h_mask is None:
            out = Matrix(dh.reshape(-1), np.int64(0), dh.shape[1])
            product_with_transpose(out, first, end, v0, v1, dz, panels, H, L, np.int64(0),
                                   np.int64(GATES), np.bool_(past), near)  # fmt: skip
        else:
            gated_product(first, end, v0, v1, dh, dz, panels, H, L, masks.h_mask, hm, past)
        n = end


@njit_inner
def gated_product(n0, n1, v0, v1, dh, dz, panels, H, L, h_mask, hm, past):
    """Compute dh as the sum over gates of mask * (dz U^T), plus what was there with `past`."""
    N, S = dh.shape
    width, full, tail = GATES * L, H // L, H % L
    panel = (full + (tail > 0)) * width * L
    count = tile_count(n1 - n0)
    for v in range(v0, v1):
        b = panels.at + v * panel
        b_rest = b + full * width * L
        for index in range(count):
            n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
            a = dz.at + n * width
            blocks = (dz.array, a, width, 1, dz.block,
                      panels.array, b, L * L, L, width * L, L, full)  # fmt: skip
            rest = (dz.array, a + full * dz.block, width, 1, 0,
                    panels.array, b_rest, L * L, L, 0, tail, 1)  # fmt: skip
            gate_tile(end - n, VECTORS, (hm.array, hm.at, width, L), None, (blocks, rest))
            for m in range(n, end):
                at = m * S + v * L
                total = load(dh, at) if past else splat(dh, 0.0)
                for gate in range(GATES):
                    part = load(hm.array, hm.at + (m - n) * width + gate * L)
                    total = fma(part, load(h_mask, gate * N * S + at), total)
                store(dh, at, total)


@njit_inner
def rows_that_count(counted, step, m, rows):
    """Return the first row that counts in some of m steps, and the end after the last."""
    mask, tx, tx_step, n0 = counted
    if mask is None:
        return 0, rows
    first, last = rows, 0
    for j in range(step, step + m):
        t, n = tx + j * tx_step, np.int64(0)
        while n < first and not mask[t, n0 + n]:
            n += 1
        first, n = min(first, n), np.int64(rows)
        while n > last and not mask[t, n0 + n - 1]:
            n -= 1
        last = max(last, n)
    return first, last


@njit_inner
def masked_gradient(counted, dW, k0, k1, vectors, inputs, dz, steps, rows, L, accumulate, by_gate,
                    together):  # fmt: skip
    """Compute `weight_gradient` without the rows before the first and after the last that count.

    Each block of steps has rows of its own. inputs and dz have so many rows `together` in one.
    """
    groups = (rows + together - 1) // together
    if counted.mask is None:
        weight_gradient(dW, k0, k1, vectors, inputs, dz, steps, groups, L, accumulate, by_gate)
        return
    block = max(1, ROW_BLOCK // groups)
    for step in range(0, steps, block):
        m = min(block, steps - step)
        first, last = rows_that_count(counted, step, m, rows)
        first, last = first // together, (last + together - 1) // together
        if step == 0 and not accumulate and last <= first:
            first, last = 0, 1  # zeros, for there is nothing to add to yet
        if first < last:
            x_at = inputs.at + step * inputs.step + first * inputs.row
            dz_at = dz.at + step * dz.step + first * GATES * L
            weight_gradient(dW, k0, k1, vectors,
                            Sequence(inputs.array, x_at, inputs.row, inputs.step),
                            Blocks(dz.array, dz_at, dz.step, dz.block), m, last - first, L,
                            np.bool_(accumulate or step > 0), by_gate)  # fmt: skip


@njit_inner
def state_gradient(first, last, counted, t0, steps, rows, h, h_mask, hm, dz, sizes, dU, accumulate):
    """Compute dU of elements first..last where each gate saw a masked state of its own.

    These states are made again for ROW_BLOCK rows and L units at a time, and serve all blocks.
    """
    F, H, L, n0 = sizes.F, sizes.H, sizes.L, counted.n0
    N, S, width, inputs = h.shape[1], h.shape[2], GATES * L, F + H + 1
    step_block = max(1, ROW_BLOCK // rows)
    for step in range(0, steps, step_block):
        m = min(step_block, steps - step)
        begin, stop = rows_that_count(counted, step, m, rows)
        if step == 0 and not accumulate and stop <= begin:
            begin, stop = 0, 1  # zeros, for there is nothing to add to yet
        for n in range(begin, stop, ROW_BLOCK):
            piece = min(ROW_BLOCK, stop - n)
            add = accumulate or step > 0 or n > begin
            for j in range(0, H, L):
                for s in range(m):
                    h_at, to = (t0 + step + s) * N * S, hm.at + s * piece * width
                    mask_states(h, h_at, h_mask, n0 + n, n0 + n + piece, j, j + L, hm.array, to, L)
                for block in range(first // inputs, (last + inputs - 1) // inputs):
                    before = block * inputs + F
                    k0, k1 = max(j, first - before), min(j + L, H, last - before)
                    count = tile_count(k1 - k0) if k0 < k1 else 0
                    b = dz.at + block * dz.block + step * dz.step + n * width
                    for index in range(count):
                        k, end = tile_edge(k0, k1, index), tile_edge(k0, k1, index + 1)
                        place = (dU.array, dU.at + (block * H + k) * width, width, L)
                        of_dz = (dz.array, b, L, width, dz.step, piece, m)
                        source = (hm.array, hm.at + k - j, 1, width, piece * width) + of_dz
                        if add:
                            gate_tile(end - k, VECTORS, place, place, (source,))
                        else:
                            gate_tile(end - k, VECTORS, place, None, (source,))


@njit_inner
def peephole_gradient(dp, c, dz, steps, rows, L, accumulate):
    """Compute the sums of dz_i c', dz_f c' and dz_o c for one block of units.

    dp : Panels. c : Sequence. dz : Blocks. All three at the block.
    """
    for which in range(PEEPHOLES):
        gate, later = (3, c.step) if which == 2 else (which, 0)
        to = dp.at + which * L
        total = load(dp.array, to) if accumulate else splat(dp.array, 0.0)
        for step in range(steps):
            for n in range(rows):
                dz_n = load(dz.array, dz.at + step * dz.step + n * GATES * L + gate * L)
                total = fma(dz_n, load(c.array, c.at + later + step * c.step + n * c.row), total)
        store(dp.array, to, total)


@njit_inner
def gradient_share(first, last, part, places, work, masks, hm, ones, sizes, sums, reverse, begun,
                   narrow):  # fmt: skip
    """Add what the rows of a chunk give to the weight gradients, which are `begun` or not yet.

    For elements first..last of the (block, input) pairs. The inputs of a block are those of x,
    those of h, and the 1 of the bias (at ones[0]), with which go the peephole weights. If `narrow`,
    the last block's dz is taken from `tight`, a Blocks, and its sums lie as `narrow` has them.
    """
    n0, n1, t0, t1 = part
    dz, x, operands, tight = places
    T, N, F, H, B, L = sizes
    h, c, _ = work
    Sx, S, width, inputs, steps = x.shape[2], h.shape[2], GATES * L, F + H + 1, t1 - t0
    rows, four = n1 - n0, np.int64(VECTORS)
    accumulate = begun or t1 < T
    tx, tx_step = (T - 1 - t0, -1) if reverse else (t0, 1)
    counted = Counted(masks.mask, tx, tx_step, n0)
    at = dz.at + n0 * width
    if operands is not None:
        by_rows = operands.dz_rows
    if masks.h_mask is not None:
        here = Blocks(dz.array, at, dz.step, dz.block)
        state_gradient(first, last, counted, t0, steps, rows, h, masks.h_mask, hm, here, sizes,
                       sums.U, accumulate)  # fmt: skip
    for block in range(first // inputs, (last + inputs - 1) // inputs):
        k0, k1 = max(0, first - block * inputs), min(inputs, last - block * inputs)
        here = of_cell = Blocks(dz.array, at + block * dz.block, dz.step, dz.block)
        if narrow and block == B - 1:
            here = Blocks(tight.array, tight.at + n0 * width, tight.step, tight.block)
            four = narrow_vectors(H, L)
        if k0 < F:
            dW = Panels(sums.W.array, sums.W.at + block * F * width)
            if operands is not None:
                from_x, two = rows_from(operands.x, n0 // 2), block_from(by_rows, block, n0 // 2, L)
                masked_gradient(counted, dW, k0, min(k1, F), four, from_x, two, steps, rows, L,
                                accumulate, None, 2)  # fmt: skip
            elif x.ndim == 3:
                from_x = Sequence(x.reshape(-1), (tx * N + n0) * Sx, Sx, tx_step * N * Sx)
                masked_gradient(counted, dW, k0, min(k1, F), four, from_x, here, steps, rows, L,
                                accumulate, None, 1)  # fmt: skip
            else:
                for j in range(k0 // L * L, min(k1, F), L):
                    x_at = (tx * N + n0) * Sx * L + j * GATES
                    from_x = Sequence(x.reshape(-1), x_at, Sx * L, tx_step * N * Sx * L)
                    masked_gradient(counted, Panels(dW.array, dW.at + j * width), max(k0 - j, 0),
                                    min(k1, F, j + L) - j, four, from_x, here, steps, rows, L,
                                    accumulate, True, 1)  # fmt: skip
        if masks.h_mask is None and k0 < F + H and k1 > F:
            dU = Panels(sums.U.array, sums.U.at + block * H * width)
            first_k, last_k = max(k0 - F, 0), min(k1 - F, H)
            if operands is None:
                from_h = Sequence(h.reshape(-1), (t0 * N + n0) * S, S, N * S)
                masked_gradient(counted, dU, first_k, last_k, four, from_h, here, steps, rows, L,
                                accumulate, None, 1)  # fmt: skip
            else:
                from_h, two = rows_from(operands.h, n0 // 2), block_from(by_rows, block, n0 // 2, L)
                masked_gradient(counted, dU, first_k, last_k, four, from_h, two, steps, rows, L,
                                accumulate, None, 2)  # fmt: skip
        if k1 == inputs:
            zero = np.int64(0)
            one = Sequence(ones, zero, zero, zero)
            db = Panels(sums.b.array, sums.b.at + block * width)
            masked_gradient(counted, db, zero, zero + 1, four, one, here, steps, rows, L,
                            accumulate, None, 1)  # fmt: skip
            if sums.p is not None:
                dp = Panels(sums.p.array, sums.p.at + block * PEEPHOLES * L)
                from_c = Sequence(c.reshape(-1), (t0 * N + n0) * S + block * L, S, N * S)
                peephole_gradient(dp, from_c, of_cell, steps, rows, L, accumulate)


@njit_inner
def inputs_share(part, dx, masks, dz, panels, product, sizes, reverse):
    """Compute dx of the steps of one chunk for its rows."""
    if dx is None:
        return
    n0, n1, t0, t1 = part
    for t in range(t0, t1):
        tx = sizes.T - 1 - t if reverse else t
        here = Blocks(dz.array, dz.at + (t - t0) * dz.step, dz.step, dz.block)
        n = n0
        while n < n1:
            first, end = next_run(masks.mask, tx, n, n1)
            inputs_rows(first, end, tx, dx, masks.x_mask, here, panels, product, sizes)
            if masks.mask is not None:
                dx[tx, n:first] = 0
            n = end


@njit_inner
def inputs_rows(n0, n1, tx, dx, x_mask, dz, panels, product, sizes):
    """Compute dx of rows n0..n1 of one step: dz W^T, times the dropout mask."""
    N, S, zero, F, H, L = dx.shape[1], dx.shape[2], np.int64(0), sizes.F, sizes.H, sizes.L
    V, scratch = (F + L - 1) // L, panels.array
    if x_mask is None or x_mask.ndim == 2:
        out = Matrix(dx.reshape(-1), tx * N * S, S)
        product_with_transpose(out, n0, n1, zero, V, dz, panels, H, L, zero, np.int64(GATES),
                               np.bool_(False))  # fmt: skip
        if x_mask is not None:
            for n in range(n0, n1):
                for k in range(F):
                    dx[tx, n, k] *= x_mask.reshape(-1)[n * F + k]
        return
    for gate in range(GATES):
        product_with_transpose(Matrix(scratch, product, V * L), n0, n1, zero, V, dz, panels, H, L,
                               gate, np.int64(1), np.bool_(False))  # fmt: skip
        for n in range(n0, n1):
            for k in range(F):
                kept = scratch[product + n * V * L + k] * x_mask.reshape(-1)[(gate * N + n) * F + k]
                dx[tx, n, k] = kept if gate == 0 else dx[tx, n, k] + kept
            dx[tx, n, F : V * L] = 0
