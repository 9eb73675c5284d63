"""The gradients of the LSTM recurrence.

The steps are taken in chunks, last chunk first. A chunk goes through its steps backwards (dz of
each step, and dh of the step before it), then adds its part to the weight gradients as one product
over all of its rows, which takes dz from cache. dz of a long sequence never exists as a whole; that
of a short one takes the place of its gates (`place_dz`).

The work is a row of phases (`phase_at`); the threads meet after each. Where the weights are small,
a slice of rows goes through everything alone and has weight gradients of its own, which the last
phase adds; else the recurrence and the products of each chunk are phases.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations import activate, derivative, restored, saved
from nlstm.kernels.cpu.gemm import (
    ROW_BLOCK,
    product_with_transpose,
    share,
    transpose_panel,
    weight_gradient,
)
from nlstm.kernels.cpu.jit import (
    flush_denormals,
    njit_inner,
    njit_parallel,
    restore_denormals,
    thread_count,
)
from nlstm.kernels.cpu.layout import GATES, PEEPHOLES
from nlstm.kernels.cpu.schedule import CACHED_BYTES, chunk_steps, partial_slices, schedule
from nlstm.kernels.cpu.simd import fma, load, prefetch, splat, store
from nlstm.kernels.cpu.tile import ROWS, VECTORS
from nlstm.kernels.cpu.zoneout import C_DRAW, H_DRAW, draw, row_key, zoneout_key

GROUP_ROWS = 64  # rows whose dz stays in the second-level cache between cell and product

TRANSPOSE, SLICE, ADD, RECURRENCE, GRADIENT = range(5)


@njit_inner
def phase_count(T, steps, partial, unit_slices):
    if partial:
        return 3
    chunks = (T + steps - 1) // steps
    return 1 + (2 * chunks if unit_slices == 1 else T + 2 * chunks)


@njit_inner
def phase_at(phase, T, steps, partial, unit_slices):
    """Return (stage, first step of the chunk, end of the chunk, step).

    With slices of rows, one phase takes a chunk through all its steps. With slices of units, each
    step is a phase: dh of the step from the dz of all units of the step after it, then dz. One more
    ends the chunk.
    """
    if phase == 0 or partial:
        return phase, 0, 0, 0
    per_chunk = 2 if unit_slices == 1 else steps + 2
    chunk, part = (phase - 1) // per_chunk, (phase - 1) % per_chunk
    t1 = T - chunk * steps
    t0 = max(0, t1 - steps)
    last = 1 if unit_slices == 1 else t1 - t0 + 1
    return (RECURRENCE if part < last else GRADIENT), t0, t1, t1 - 1 - part


@njit_inner
def place_dz(gates, scratch, chunk, steps, rows, n0, t0):
    """Return dz of a chunk: array, place of step t0 and row 0, distance of steps and of blocks.

    The chunk in scratch holds `rows` rows from n0 on. Over the gates dz needs no memory of its own,
    and a small problem stays in cache; over many of them it would all be written back to memory,
    which a chunk used again and again is not.
    """
    B, N, width = gates.shape[1], gates.shape[2], GATES * gates.shape[4]
    if gates.size * gates.itemsize <= CACHED_BYTES:
        return gates.reshape(-1), t0 * B * N * width, B * N * width, N * width
    return scratch, chunk - n0 * width, rows * width, steps * rows * width


# --- the cell -------------------------------------------------------------------------------------


@njit_inner
def backward_cell(activation, recurrent_activation, t, tx, first, last, b0, b1, h, c, gates, dy, dh,
                  dc, dz, dz_at, dz_block, mask, peephole, zoneout, zone_key):  # fmt: skip
    """Turn dh and dc of step t into dz and the dc of the step before, for rows first..last.

    Afterwards dh holds what goes past the product with U: nothing, or all of it where a row is
    masked or an element was zoned out.
    """
    T, N, L = gates.shape[0], gates.shape[2], gates.shape[4]
    S, Sy, Sd = c.shape[2], dy.shape[2], dh.shape[1]
    width = GATES * L
    has_dy = dy.shape[0] == T or t == T - 1
    dy_step = t if dy.shape[0] == T else 0
    for block in range(b0, b1):
        for n in range(first, last):
            dh_at, c_at = n * Sd + block * L, (t * N + n) * S + block * L
            at = dz_at + block * dz_block + n * width
            dh_n = load(dh, dh_at)
            if has_dy:
                dh_n = dh_n + load(dy, (dy_step * N + n) * Sy + block * L)
            if mask is not None and not mask[tx, n]:
                store(dh, dh_at, dh_n)
                zero = splat(gates, 0.0)
                for gate in range(GATES):
                    store(dz, at + gate * L, zero)
            else:
                gate_at = ((t * gates.shape[1] + block) * N + n) * width
                kept_i, kept_f = load(gates, gate_at), load(gates, gate_at + L)
                kept_g, kept_o = load(gates, gate_at + 2 * L), load(gates, gate_at + 3 * L)
                i, f = (
                    restored(recurrent_activation, kept_i),
                    restored(recurrent_activation, kept_f),
                )
                g, o = restored(activation, kept_g), restored(recurrent_activation, kept_o)
                c_old = load(c, c_at)
                if zoneout is None:
                    c_new = load(c, c_at + N * S)
                else:
                    c_new = fma(f, c_old, i * g)
                    zero, key = splat(gates, 0.0), row_key(zone_key, t * N + n, H_DRAW)
                    store(dh, dh_at, draw(key, block * L, zoneout[4], dh_n, zero))
                    dh_n = draw(key, block * L, zoneout[4], zero, dh_n)
                act_c = activate(activation, c_new)
                dz_o = dh_n * act_c * derivative(recurrent_activation, kept_o)
                dc_n = load(dc, dh_at)
                if peephole is not None:
                    dc_n = fma(dz_o, load(peephole, (block * PEEPHOLES + 2) * L), dc_n)
                if zoneout is not None:
                    key, zero = row_key(zone_key, t * N + n, C_DRAW), splat(gates, 0.0)
                    dc_past = draw(key, block * L, zoneout[3], dc_n, zero)
                    dc_n = draw(key, block * L, zoneout[3], zero, dc_n)
                slope = derivative(activation, saved(activation, c_new, act_c))
                dc_n = fma(dh_n * o, slope, dc_n)
                dz_i = dc_n * g * derivative(recurrent_activation, kept_i)
                dz_f = dc_n * c_old * derivative(recurrent_activation, kept_f)
                store(dz, at, dz_i)
                store(dz, at + L, dz_f)
                store(dz, at + 2 * L, dc_n * i * derivative(activation, kept_g))
                store(dz, at + 3 * L, dz_o)
                dc_n = dc_n * f
                if peephole is not None:
                    dc_n = fma(dz_i, load(peephole, block * PEEPHOLES * L), dc_n)
                    dc_n = fma(dz_f, load(peephole, (block * PEEPHOLES + 1) * L), dc_n)
                if zoneout is not None:
                    dc_n = dc_n + dc_past
                store(dc, dh_at, dc_n)
                if mask is not None and zoneout is None:
                    store(dh, dh_at, splat(gates, 0.0))


# --- the recurrence of one slice ------------------------------------------------------------------


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
def backward_product(n0, n1, v0, v1, dh, dz, dz_at, dz_block, scratch, U_panels, product, H, L,
                     tx, mask, h_mask, zoneout):  # fmt: skip
    """Compute dh of the step before: dz U^T, plus what went past it."""
    N, S = dh.shape
    past = mask is not None or zoneout is not None
    row = (H + L - 1) // L * L
    n = n0
    while n < n1:
        first, end = next_run(mask, tx, n, n1)
        if h_mask is None:
            product_with_transpose(dh.reshape(-1), np.int64(0), S, first, end, v0, v1, dz, dz_at,
                                   dz_block, scratch, U_panels, H, L, np.int64(0), np.int64(GATES),
                                   np.bool_(past))  # fmt: skip
        else:
            for gate in range(GATES):
                product_with_transpose(scratch, product, row, first, end, v0, v1, dz, dz_at,
                                       dz_block, scratch, U_panels, H, L, gate, np.int64(1),
                                       np.bool_(False))  # fmt: skip
                for m in range(first, end):
                    for v in range(v0, v1):
                        at = m * S + v * L
                        kept = load(scratch, product + m * row + v * L)
                        kept = kept * load(h_mask, gate * N * S + at)
                        if past or gate > 0:
                            kept = kept + load(dh, at)
                        store(dh, at, kept)
        n = end


@njit_inner
def prefetch_step(t, n0, n1, c, gates):
    """Begin to fetch what the cell of step t reads: nobody else asks for it before."""
    B, N, S, L = gates.shape[1], gates.shape[2], c.shape[2], gates.shape[4]
    line = 64 // gates.itemsize
    for block in range(B):
        first = ((t * B + block) * N + n0) * GATES * L
        for k in range(first, first + (n1 - n0) * GATES * L, line):
            prefetch(gates, k)
    for k in range((t * N + n0) * S, (t * N + n1) * S, line):
        prefetch(c, k)


@njit_inner
def recurrence_slice(s, row_slices, unit_slices, t0, t1, step, activation, recurrent_activation, h,
                     c, gates, dy, dh, dc, scratch, dz, dz_at, dz_step, dz_block, U_panels, product,
                     H, reverse, mask, h_mask, peephole, zoneout):  # fmt: skip
    """Take one slice back through the chunk (rows), or through one phase of it (units)."""
    T, B, N, L = gates.shape[0], gates.shape[1], gates.shape[2], gates.shape[4]
    n0, n1 = share(N, s % row_slices, row_slices)
    b0, b1 = share(B, s // row_slices, unit_slices)
    by_units = unit_slices > 1
    far = gates.size * gates.itemsize > CACHED_BYTES
    zone_key = zoneout_key(zoneout)
    for t in range(step if by_units else t1 - 1, (step if by_units else t0) - 1, -1):
        tx = T - 1 - t if reverse else t
        at = dz_at + (t - t0) * dz_step
        for n in range(n0, n1, GROUP_ROWS):
            end = min(n + GROUP_ROWS, n1)
            if by_units and t < t1 - 1:
                later = T - 2 - t if reverse else t + 1
                backward_product(n, end, b0, b1, dh, dz, at + dz_step, dz_block, scratch, U_panels,
                                 product, H, L, later, mask, h_mask, zoneout)  # fmt: skip
            if t >= t0:
                backward_cell(activation, recurrent_activation, t, tx, n, end, b0, b1, h, c, gates,
                              dy, dh, dc, dz, at, dz_block, mask, peephole, zoneout,
                              zone_key)  # fmt: skip
            if not by_units:
                if far and t > 0:
                    prefetch_step(t - 1, n, end, c, gates)
                backward_product(n, end, b0, b1, dh, dz, at, dz_block, scratch, U_panels, product,
                                 H, L, tx, mask, h_mask, zoneout)  # fmt: skip


# --- products over a chunk ------------------------------------------------------------------------


@njit_inner
def masked_gradient(mask, tx, tx_step, n0, dW, dW_offset, k0, k1, vectors, inputs, in_offset,
                    in_row, in_step, dz, dz_offset, dz_step, steps, rows, L,
                    accumulate):  # fmt: skip
    """Compute `weight_gradient` without the rows before the first and after the last that count.

    Step 0 of the chunk is tx of the mask, row 0 is n0; each block of steps has rows of its own.
    """
    if mask is None:
        weight_gradient(dW, dW_offset, k0, k1, vectors, inputs, in_offset, in_row, in_step, dz,
                        dz_offset, dz_step, steps, rows, L, accumulate)  # fmt: skip
        return
    block = max(1, ROW_BLOCK // rows)
    for step in range(0, steps, block):
        m = min(block, steps - step)
        first, last = rows, 0
        for j in range(step, step + m):
            t, n = tx + j * tx_step, np.int64(0)
            while n < first and not mask[t, n0 + n]:
                n += 1
            first, n = min(first, n), np.int64(rows)
            while n > last and not mask[t, n0 + n - 1]:
                n -= 1
            last = max(last, n)
        if step == 0 and not accumulate and last <= first:
            first, last = 0, 1  # zeros, for there is nothing to add to yet
        if first < last:
            weight_gradient(dW, dW_offset, k0, k1, vectors, inputs,
                            in_offset + step * in_step + first * in_row, in_row, in_step, dz,
                            dz_offset + step * dz_step + first * GATES * L, dz_step, m,
                            last - first, L, np.bool_(accumulate or step > 0))  # fmt: skip


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
def gradient_share(first, last, n0, n1, t0, t1, x, h, c, hm, h_mask, mask, scratch, dz, dz_at,
                   dz_step, dz_block, F, H, L, dW, dW_at, dU, dU_at, db, db_at, dp, dp_at,
                   partial, reverse):  # fmt: skip
    """Add what rows n0..n1 of a chunk give to the weight gradients, which lie flat at their places.

    For elements first..last of the (block, input) pairs. The inputs of a block are those of x,
    those of h, and the 1 of the bias (scratch[0]), with which go the peephole weights.
    """
    T, N, Sx = x.shape[0], x.shape[-2], x.shape[-1]
    S, width, inputs, steps = h.shape[2], GATES * L, F + H + 1, t1 - t0
    rows, four = n1 - n0, np.int64(VECTORS)
    accumulate = t1 < T
    tx, tx_step = (T - 1 - t0, -1) if reverse else (t0, 1)
    x_masks = 1 if x.ndim == 3 else GATES
    h_masks = 1 if h_mask is None else GATES
    for block in range(first // inputs, (last + inputs - 1) // inputs):
        k0, k1 = max(0, first - block * inputs), min(inputs, last - block * inputs)
        at = dz_at + block * dz_block + n0 * width
        if k0 < F:
            for gate in range(x_masks):
                x_at, x_step = ((tx * x_masks + gate) * N + n0) * Sx, tx_step * x_masks * N * Sx
                masked_gradient(mask, tx, tx_step, n0, dW, dW_at + block * F * width + gate * L, k0,
                                min(k1, F), four // x_masks, x.reshape(-1), x_at, Sx, x_step, dz,
                                at + gate * L, dz_step, steps, rows, L, accumulate)  # fmt: skip
        if k0 < F + H and k1 > F:
            j0, j1 = max(k0 - F, 0), min(k1 - F, H)
            for gate in range(h_masks):
                before = h.reshape(-1) if h_mask is None else hm.reshape(-1)
                h_at, h_step = ((t0 * h_masks + gate) * N + n0) * S, h_masks * N * S
                masked_gradient(mask, tx, tx_step, n0, dU, dU_at + block * H * width + gate * L, j0,
                                j1, four // h_masks, before, h_at, S, h_step, dz, at + gate * L,
                                dz_step, steps, rows, L, accumulate)  # fmt: skip
        if k1 == inputs:
            zero = np.int64(0)
            masked_gradient(mask, tx, tx_step, n0, db, db_at + block * width, zero, zero + 1, four,
                            scratch, zero, zero, zero, dz, at, dz_step, steps, rows, L,
                            accumulate)  # fmt: skip
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


# --- all steps ------------------------------------------------------------------------------------


@njit_inner
def backward_slice(s, phase, partial, row_slices, unit_slices, activation, recurrent_activation, x,
                   W, U, h, c, gates, dy, dh, dc, dW, dU, db, dx, scratch, reverse, mask, x_mask,
                   h_mask, hm, peephole, dp, zoneout):  # fmt: skip
    """Do one slice of one phase."""
    T, N, F, H, B, L = x.shape[0], x.shape[-2], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    V = 0 if dx is None else (F + L - 1) // L
    slices, width = row_slices * unit_slices, GATES * L
    n0, n1 = share(N, s, slices)
    rows = (N + slices - 1) // slices if partial else N
    steps = chunk_steps(T, rows, B * width * scratch.itemsize, partial)
    U_panels = L
    W_panels = U_panels + B * B * width * L
    sums = W_panels + V * B * width * L
    size = B * (F + H + 1) * width
    if dp is not None:
        size += dp.size
    chunk = sums + (slices * size if partial else 0)
    product = chunk + (slices if partial else 1) * steps * rows * B * width
    inputs_product = product
    if partial:  # slices are not in step: each has rows of its own, whatever their length
        widest = max(B, V)
        product += n0 * (widest - B) * L
        inputs_product += n0 * (widest - V) * L
    mode = flush_denormals()
    stage, t0, t1, step = phase_at(phase, T, steps, partial, unit_slices)
    if stage == TRANSPOSE:
        transpose_slice(s, slices, U, W, scratch, U_panels, W_panels, V)
    elif stage == ADD:
        add_partial(s, slices, scratch, sums, size, dW, dU, db, dp)
    else:
        if partial:
            chunk += s * steps * rows * B * width
            t0, t1 = max(0, T - steps), T
        while True:
            dz, dz_at, dz_step, dz_block = place_dz(
                gates, scratch, chunk, steps, rows, n0 if partial else 0, t0
            )
            if stage != GRADIENT:
                recurrence_slice(s, row_slices, unit_slices, t0, t1, step, activation,
                                 recurrent_activation, h, c, gates, dy, dh, dc, scratch, dz, dz_at,
                                 dz_step, dz_block, U_panels, product, H, reverse, mask, h_mask,
                                 peephole, zoneout)  # fmt: skip
            if stage != RECURRENCE:
                inputs_share(n0, n1, t0, t1, dx, x_mask, mask, scratch, dz, dz_at, dz_step,
                             dz_block, W_panels, inputs_product, T, F, H, L, reverse)  # fmt: skip
                if partial:
                    to_W = to_U = to_b = scratch
                    W_at = sums + s * size
                    U_at = W_at + B * F * width
                    b_at = U_at + B * H * width
                    p_at = b_at + B * width
                    first, last, m0, m1 = 0, B * (F + H + 1), n0, n1
                else:
                    to_W, to_U, to_b = dW.reshape(-1), dU.reshape(-1), db.reshape(-1)
                    W_at = U_at = b_at = p_at = 0
                    first, last = share(B * (F + H + 1), s, slices)
                    m0, m1 = 0, N
                gradient_share(first, last, m0, m1, t0, t1, x, h, c, hm, h_mask, mask, scratch, dz,
                               dz_at, dz_step, dz_block, F, H, L, to_W, W_at, to_U, U_at, to_b,
                               b_at, dp, p_at, partial, reverse)  # fmt: skip
            if not partial or t0 == 0:
                break
            t0, t1 = max(0, t0 - steps), t0
    restore_denormals(mode)


@njit_parallel
def run_backward(activation, recurrent_activation, x, W, U, h, c, gates, dy, dh, dc, dW, dU, db,
                 dx, scratch, reverse, mask, x_mask, h_mask, hm, peephole, dp,
                 zoneout):  # fmt: skip
    T, N, F, H, B, L = x.shape[0], x.shape[-2], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    threads = thread_count()
    row_slices, unit_slices = schedule(T, N, F, H, threads)
    alone = row_slices * unit_slices == 1
    slices = partial_slices(N, F, H, B, L, scratch.itemsize)
    partial = slices > 0
    if partial:
        row_slices, unit_slices = slices, 1
    else:
        slices = row_slices * unit_slices
    rows = (N + slices - 1) // slices if partial else N
    steps = chunk_steps(T, rows, B * GATES * L * scratch.itemsize, partial)
    scratch[0] = 1.0
    for phase in range(phase_count(T, steps, partial, unit_slices)):
        if alone:
            for s in range(slices):
                backward_slice(s, phase, partial, row_slices, unit_slices, activation,
                               recurrent_activation, x, W, U, h, c, gates, dy, dh, dc, dW, dU, db,
                               dx, scratch, reverse, mask, x_mask, h_mask, hm, peephole, dp,
                               zoneout)  # fmt: skip
        else:
            for s in prange(slices):
                backward_slice(np.int64(s), phase, partial, row_slices, unit_slices, activation,
                               recurrent_activation, x, W, U, h, c, gates, dy, dh, dc, dW, dU, db,
                               dx, scratch, reverse, mask, x_mask, h_mask, hm, peephole, dp,
                               zoneout)  # fmt: skip


def lstm_backward(activation, recurrent_activation, x, W, U, h, c, gates, dy, dh, dc, dW, dU, db,
                  dx, scratch, reverse, mask, x_mask, h_mask, hm, peephole=None, dp=None,
                  zoneout=None):  # fmt: skip
    """Compute all gradients of `lstm_forward`.

    Parameters
    ----------
    x, W, U, h, c, gates, reverse, mask, x_mask, h_mask, hm, peephole, zoneout : as in the forward
        pass and after it; with x_mask, x is the masked xm. gates may be overwritten.
    dy : ndarray, shape (T, N, >= B * L), or (1, N, ...) for the gradient of the last output alone.
    dh, dc : ndarray, shape (N, S). In: gradients of the last state from outside. Out: dh0, dc0.
    dW, dU, db, dp : shaped as W, U, b, peephole. dx : ndarray, shape (T, N, >= ceil(F / L) * L), or
        None.
    scratch : ndarray of `lstm_scratch_size` numbers.

    Notes
    -----
    Overwrites (=) dh, dc, dW, dU, db, dp and dx. The same bits at any number of threads.
    """
    run_backward(activation, recurrent_activation, x, W, U, h, c, gates, dy, dh, dc, dW, dU, db, dx,
                 scratch, reverse, mask, x_mask, h_mask, hm, peephole, dp, zoneout)  # fmt: skip
