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

from nlstm.kernels.cpu.lstm.cell import backward_cell
from nlstm.kernels.cpu.lstm.products import (
    add_partial,
    backward_product,
    gradient_share,
    inputs_share,
    transpose_slice,
)
from nlstm.kernels.cpu.lstm.schedule import CACHED_BYTES, chunk_steps, partial_slices, schedule
from nlstm.kernels.cpu.lstm.zoneout import zoneout_key
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    njit_parallel,
    restore_denormals,
    thread_count,
)
from nlstm.kernels.cpu.machine.simd import prefetch
from nlstm.kernels.cpu.products.gemm import ROW_BLOCK, share
from nlstm.kernels.cpu.products.layout import GATES

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


# --- the recurrence of one slice ------------------------------------------------------------------


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
                     c, gates, dy, dh, dc, scratch, dz, dz_at, dz_step, dz_block, U_panels, H,
                     reverse, mask, h_mask, hm, hm_at, peephole, zoneout):  # fmt: skip
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
                                 H, L, later, mask, h_mask, hm, hm_at, zoneout)  # fmt: skip
            if t >= t0:
                backward_cell(activation, recurrent_activation, t, tx, n, end, b0, b1, h, c, gates,
                              dy, dh, dc, dz, at, dz_block, mask, peephole, zoneout,
                              zone_key)  # fmt: skip
            if not by_units:
                if far and t > 0:
                    prefetch_step(t - 1, n, end, c, gates)
                backward_product(n, end, b0, b1, dh, dz, at, dz_block, scratch, U_panels, H, L,
                                 tx, mask, h_mask, hm, hm_at, zoneout)  # fmt: skip


# --- all steps ------------------------------------------------------------------------------------


@njit_inner
def backward_slice(s, phase, partial, row_slices, unit_slices, activation, recurrent_activation, x,
                   W, U, h, c, gates, dy, dh, dc, dW, dU, db, dx, scratch, reverse, mask, x_mask,
                   h_mask, hm, peephole, dp, zoneout):  # fmt: skip
    """Do one slice of one phase."""
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
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
    hm_at = s * ROW_BLOCK * width
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
                                 dz_step, dz_block, U_panels, H, reverse, mask, h_mask, hm, hm_at,
                                 peephole, zoneout)  # fmt: skip
            if stage != RECURRENCE:
                inputs_share(n0, n1, t0, t1, dx, x_mask, mask, scratch, dz, dz_at, dz_step,
                             dz_block, W_panels, product, T, F, H, L, reverse)  # fmt: skip
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
                gradient_share(first, last, m0, m1, t0, t1, x, h, c, hm, hm_at, h_mask, mask,
                               scratch, dz, dz_at, dz_step, dz_block, F, H, L, to_W, W_at, to_U,
                               U_at, to_b, b_at, dp, p_at, partial, reverse)  # fmt: skip
            if not partial or t0 == 0:
                break
            t0, t1 = max(0, t0 - steps), t0
    restore_denormals(mode)


@njit_parallel
def run_backward(activation, recurrent_activation, x, W, U, h, c, gates, dy, dh, dc, dW, dU, db,
                 dx, scratch, reverse, mask, x_mask, h_mask, hm, peephole, dp,
                 zoneout):  # fmt: skip
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
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
