"""The products of the backward pass: dh of the step before, the weight gradients, and dx.

Rows that are masked as a whole tile, or at the ends of a block of steps, are left out.
"""

import numpy as np

from nlstm.kernels.cpu.lstm.cell import mask_states
from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import fma, load, splat, store
from nlstm.kernels.cpu.products.gemm import (
    ROW_BLOCK,
    product_with_transpose,
    share,
    tile_count,
    tile_edge,
    transpose_panel,
    weight_gradient,
)
from nlstm.kernels.cpu.products.layout import GATES, PEEPHOLES
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, gate_tile


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
def backward_product(n0, n1, v0, v1, dh, dz, dz_at, dz_block, scratch, U_panels, H, L, tx, mask,
                     h_mask, hm, hm_at, zoneout):  # fmt: skip
    """Compute dh of the step before: dz U^T, plus what went past it."""
    N, S = dh.shape
    past = mask is not None or zoneout is not None
    n = n0
    while n < n1:
        first, end = next_run(mask, tx, n, n1)
        if h_mask is None:
            product_with_transpose(dh.reshape(-1), np.int64(0), S, first, end, v0, v1, dz, dz_at,
                                   dz_block, scratch, U_panels, H, L, np.int64(0), np.int64(GATES),
                                   np.bool_(past))  # fmt: skip
        else:
            gated_product(first, end, v0, v1, dh, dz, dz_at, dz_block, scratch, U_panels, H, L,
                          h_mask, hm, hm_at, past)  # fmt: skip
        n = end


@njit_inner
def gated_product(n0, n1, v0, v1, dh, dz, dz_at, dz_block, panels, panels_at, H, L, h_mask, hm,
                  hm_at, past):  # fmt: skip
    """Compute dh as the sum over gates of mask * (dz U^T), plus what was there with `past`."""
    N, S = dh.shape
    width, full, tail = GATES * L, H // L, H % L
    panel = (full + (tail > 0)) * width * L
    count = tile_count(n1 - n0)
    for v in range(v0, v1):
        b = panels_at + v * panel
        b_rest = b + full * width * L
        for index in range(count):
            n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
            a = dz_at + n * width
            blocks = (dz, a, width, 1, dz_block, panels, b, L * L, L, width * L, L, full)
            rest = (dz, a + full * dz_block, width, 1, 0, panels, b_rest, L * L, L, 0, tail, 1)
            gate_tile(end - n, VECTORS, (hm, hm_at, width, L), None, (blocks, rest))
            for m in range(n, end):
                at = m * S + v * L
                total = load(dh, at) if past else splat(dh, 0.0)
                for gate in range(GATES):
                    part = load(hm, hm_at + (m - n) * width + gate * L)
                    total = fma(part, load(h_mask, gate * N * S + at), total)
                store(dh, at, total)


@njit_inner
def rows_that_count(mask, tx, tx_step, n0, step, m, rows):
    """Return the first row that some of m steps has in the mask, and the end after the last."""
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
def masked_gradient(mask, tx, tx_step, n0, dW, dW_offset, k0, k1, vectors, inputs, in_offset,
                    in_row, in_step, dz, dz_offset, dz_step, steps, rows, L, accumulate,
                    by_gate):  # fmt: skip
    """Compute `weight_gradient` without the rows before the first and after the last that count.

    Step 0 of the chunk is tx of the mask, row 0 is n0; each block of steps has rows of its own.
    """
    if mask is None:
        weight_gradient(dW, dW_offset, k0, k1, vectors, inputs, in_offset, in_row, in_step, dz,
                        dz_offset, dz_step, steps, rows, L, accumulate, by_gate)  # fmt: skip
        return
    block = max(1, ROW_BLOCK // rows)
    for step in range(0, steps, block):
        m = min(block, steps - step)
        first, last = rows_that_count(mask, tx, tx_step, n0, step, m, rows)
        if step == 0 and not accumulate and last <= first:
            first, last = 0, 1  # zeros, for there is nothing to add to yet
        if first < last:
            weight_gradient(dW, dW_offset, k0, k1, vectors, inputs,
                            in_offset + step * in_step + first * in_row, in_row, in_step, dz,
                            dz_offset + step * dz_step + first * GATES * L, dz_step, m,
                            last - first, L, np.bool_(accumulate or step > 0),
                            by_gate)  # fmt: skip


@njit_inner
def state_gradient(first, last, n0, t0, steps, rows, h, h_mask, hm, hm_at, mask, tx, tx_step, dz,
                   dz_at, dz_step, dz_block, F, H, L, dU, dU_at, accumulate):  # fmt: skip
    """Compute dU of elements first..last where each gate saw a masked state of its own.

    These states are made again for ROW_BLOCK rows and L units at a time, and serve all blocks.
    """
    N, S, width, inputs = h.shape[1], h.shape[2], GATES * L, F + H + 1
    step_block = max(1, ROW_BLOCK // rows)
    for step in range(0, steps, step_block):
        m = min(step_block, steps - step)
        begin, stop = rows_that_count(mask, tx, tx_step, n0, step, m, rows)
        if step == 0 and not accumulate and stop <= begin:
            begin, stop = 0, 1  # zeros, for there is nothing to add to yet
        for n in range(begin, stop, ROW_BLOCK):
            piece = min(ROW_BLOCK, stop - n)
            add = accumulate or step > 0 or n > begin
            for j in range(0, H, L):
                for s in range(m):
                    h_at, to = (t0 + step + s) * N * S, hm_at + s * piece * width
                    mask_states(h, h_at, h_mask, n0 + n, n0 + n + piece, j, j + L, hm, to, L)
                for block in range(first // inputs, (last + inputs - 1) // inputs):
                    before = block * inputs + F
                    k0, k1 = max(j, first - before), min(j + L, H, last - before)
                    count = tile_count(k1 - k0) if k0 < k1 else 0
                    b = dz_at + block * dz_block + step * dz_step + n * width
                    for index in range(count):
                        k, end = tile_edge(k0, k1, index), tile_edge(k0, k1, index + 1)
                        place = (dU, dU_at + (block * H + k) * width, width, L)
                        of_dz = (dz, b, L, width, dz_step, piece, m)
                        source = (hm, hm_at + k - j, 1, width, piece * width) + of_dz
                        if add:
                            gate_tile(end - k, VECTORS, place, place, (source,))
                        else:
                            gate_tile(end - k, VECTORS, place, None, (source,))


@njit_inner
def peephole_gradient(dp, dp_at, c, c_at, c_step, c_row, dz, dz_at, dz_step, steps, rows, L,
                      accumulate):  # fmt: skip
    """Compute the sums of dz_i c', dz_f c' and dz_o c for one block of units."""
    for which in range(PEEPHOLES):
        gate, later = (3, c_step) if which == 2 else (which, 0)
        total = load(dp, dp_at + which * L) if accumulate else splat(dp, 0.0)
        for step in range(steps):
            for n in range(rows):
                dz_n = load(dz, dz_at + step * dz_step + n * GATES * L + gate * L)
                total = fma(dz_n, load(c, c_at + later + step * c_step + n * c_row), total)
        store(dp, dp_at + which * L, total)


@njit_inner
def gradient_share(first, last, n0, n1, t0, t1, x, h, c, hm, hm_at, h_mask, mask, scratch, dz,
                   dz_at, dz_step, dz_block, F, H, L, dW, dW_at, dU, dU_at, db, db_at, dp, dp_at,
                   partial, reverse):  # fmt: skip
    """Add what rows n0..n1 of a chunk give to the weight gradients, which lie flat at their places.

    For elements first..last of the (block, input) pairs. The inputs of a block are those of x,
    those of h, and the 1 of the bias (scratch[0]), with which go the peephole weights.
    """
    T, N, Sx = x.shape[0], x.shape[1], x.shape[2]
    S, width, inputs, steps = h.shape[2], GATES * L, F + H + 1, t1 - t0
    rows, four = n1 - n0, np.int64(VECTORS)
    accumulate = t1 < T
    tx, tx_step = (T - 1 - t0, -1) if reverse else (t0, 1)
    if h_mask is not None:
        state_gradient(first, last, n0, t0, steps, rows, h, h_mask, hm, hm_at, mask, tx, tx_step,
                       dz, dz_at + n0 * width, dz_step, dz_block, F, H, L, dU, dU_at,
                       accumulate)  # fmt: skip
    for block in range(first // inputs, (last + inputs - 1) // inputs):
        k0, k1 = max(0, first - block * inputs), min(inputs, last - block * inputs)
        at = dz_at + block * dz_block + n0 * width
        if k0 < F:
            W_at = dW_at + block * F * width
            if x.ndim == 3:
                masked_gradient(mask, tx, tx_step, n0, dW, W_at, k0, min(k1, F), four,
                                x.reshape(-1), (tx * N + n0) * Sx, Sx, tx_step * N * Sx, dz, at,
                                dz_step, steps, rows, L, accumulate, None)  # fmt: skip
            else:
                for j in range(k0 // L * L, min(k1, F), L):
                    masked_gradient(mask, tx, tx_step, n0, dW, W_at + j * width, max(k0 - j, 0),
                                    min(k1, F, j + L) - j, four, x.reshape(-1),
                                    (tx * N + n0) * Sx * L + j * GATES, Sx * L,
                                    tx_step * N * Sx * L, dz, at, dz_step, steps, rows, L,
                                    accumulate, True)  # fmt: skip
        if h_mask is None and k0 < F + H and k1 > F:
            masked_gradient(mask, tx, tx_step, n0, dU, dU_at + block * H * width, max(k0 - F, 0),
                            min(k1 - F, H), four, h.reshape(-1), (t0 * N + n0) * S, S, N * S, dz,
                            at, dz_step, steps, rows, L, accumulate, None)  # fmt: skip
        if k1 == inputs:
            zero = np.int64(0)
            masked_gradient(mask, tx, tx_step, n0, db, db_at + block * width, zero, zero + 1, four,
                            scratch, zero, zero, zero, dz, at, dz_step, steps, rows, L,
                            accumulate, None)  # fmt: skip
            if dp is not None:
                c_at = (t0 * N + n0) * S + block * L
                to, to_at = scratch if partial else dp.reshape(-1), dp_at + block * PEEPHOLES * L
                peephole_gradient(to, to_at, c, c_at, N * S, S, dz, at, dz_step, steps, rows, L,
                                  accumulate)  # fmt: skip


@njit_inner
def inputs_share(n0, n1, t0, t1, dx, x_mask, mask, scratch, dz, dz_at, dz_step, dz_block, W_panels,
                 product, T, F, H, L, reverse):  # fmt: skip
    """Compute dx of the steps of one chunk for rows n0..n1."""
    if dx is None:
        return
    V = (F + L - 1) // L
    for t in range(t0, t1):
        tx = T - 1 - t if reverse else t
        at, n = dz_at + (t - t0) * dz_step, n0
        while n < n1:
            first, end = next_run(mask, tx, n, n1)
            inputs_rows(first, end, tx, dx, x_mask, scratch, dz, at, dz_block, W_panels, product, V,
                        F, H, L)  # fmt: skip
            if mask is not None:
                dx[tx, n:first] = 0
            n = end


@njit_inner
def inputs_rows(n0, n1, tx, dx, x_mask, scratch, dz, dz_at, dz_block, W_panels, product, V, F, H,
                L):  # fmt: skip
    """Compute dx of rows n0..n1 of one step: dz W^T, times the dropout mask."""
    N, S, zero = dx.shape[1], dx.shape[2], np.int64(0)
    if x_mask is None or x_mask.ndim == 2:
        product_with_transpose(dx.reshape(-1), tx * N * S, S, n0, n1, zero, V, dz, dz_at, dz_block,
                               scratch, W_panels, H, L, zero, np.int64(GATES),
                               np.bool_(False))  # fmt: skip
        if x_mask is not None:
            for n in range(n0, n1):
                for k in range(F):
                    dx[tx, n, k] *= x_mask.reshape(-1)[n * F + k]
        return
    for gate in range(GATES):
        product_with_transpose(scratch, product, V * L, n0, n1, zero, V, dz, dz_at, dz_block,
                               scratch, W_panels, H, L, gate, np.int64(1),
                               np.bool_(False))  # fmt: skip
        for n in range(n0, n1):
            for k in range(F):
                kept = scratch[product + n * V * L + k] * x_mask.reshape(-1)[(gate * N + n) * F + k]
                dx[tx, n, k] = kept if gate == 0 else dx[tx, n, k] + kept
            dx[tx, n, F : V * L] = 0


@njit_inner
def add_partial(s, slices, scratch, partial, size, dW, dU, db, dp):
    """Write one slice of the sum of all partial gradients, in the order of their rows."""
    flat_W, flat_U, flat_b = dW.reshape(-1), dU.reshape(-1), db.reshape(-1)
    L = dU.shape[3]
    first, last = share(size // L, s, slices)
    for k in range(first * L, last * L, L):
        total = load(scratch, partial + k)
        for other in range(1, slices):
            total = total + load(scratch, partial + other * size + k)
        if k < flat_W.size:
            store(flat_W, k, total)
        elif k < flat_W.size + flat_U.size:
            store(flat_U, k - flat_W.size, total)
        elif dp is None or k < size - dp.size:
            store(flat_b, k - flat_W.size - flat_U.size, total)
        else:
            store(dp, k - size + dp.size, total)


@njit_inner
def transpose_slice(s, slices, U, W, scratch, U_panels, W_panels, V):
    """Write one slice of the panels of U^T and, for V > 0, of W^T."""
    B, F, H, L = U.shape[0], W.shape[1], U.shape[1], U.shape[3]
    width = GATES * L
    first, last = share(B + V, s, slices)
    for v in range(first, last):
        if v < B:
            to = U_panels + v * B * width * L
            transpose_panel(scratch, to, U.reshape(-1), B, H, width, v, L)
        else:
            to = W_panels + (v - B) * B * width * L
            transpose_panel(scratch, to, W.reshape(-1), B, F, width, v - B, L)
