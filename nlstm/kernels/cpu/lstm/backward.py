"""The gradients of the LSTM recurrence.

The steps are taken in chunks, last chunk first. A chunk goes through its steps backwards (dz of
each step, and dh of the step before it), then adds its part to the weight gradients as one product
over all of its rows, which takes dz from cache. dz of a long sequence never exists as a whole; that
of a short one takes the place of its gates (`place_dz`).

The steps may come in segments too, last segment first: sums then go on from one to the next.

The work is a row of phases (`phase_at`); the threads meet after each. Where the weights are small,
a slice of rows goes through everything alone and has weight gradients of its own, which the last
phase adds; else the recurrence and the products of each chunk are phases.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from nlstm.kernels.cpu.gru.cell import backward_gru
from nlstm.kernels.cpu.lstm.cell import Rows, backward_cell, prefetch_step
from nlstm.kernels.cpu.lstm.ends import add_partial, transpose_slice
from nlstm.kernels.cpu.lstm.narrow import narrow_gradients, narrow_vectors, spread_gradients
from nlstm.kernels.cpu.lstm.pairs import place_operands, round_gradients, round_inputs
from nlstm.kernels.cpu.lstm.products import (
    Part,
    Sums,
    backward_product,
    gradient_share,
    inputs_share,
)
from nlstm.kernels.cpu.lstm.schedule import (
    CACHED_BYTES,
    Sizes,
    chunk_steps,
    masked_part,
    most_rows,
    operands_size,
    partial_slices,
    schedule,
)
from nlstm.kernels.cpu.lstm.zoneout import zones_of
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    njit_parallel,
    restore_denormals,
    thread_count,
)
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import Blocks, Panels, share, share_rows
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.shared.bundles import Gradients, Masks, Work

LARGE_PANELS = 1 << 18  # numbers of U^T: more than a second-level cache holds
GROUP_ROWS = 64  # rows whose dz stays in the second-level cache between cell and product

TRANSPOSE, SLICE, ADD, RECURRENCE, GRADIENT = range(5)


class Split(NamedTuple):
    """How the work is cut; `partial` where each slice of rows has gradients of its own.

    So many rows are `together`: two where pairs are made of them. `narrow` : see `lstm/narrow.py`.
    """

    partial: Any
    row_slices: Any
    unit_slices: Any
    together: Any
    narrow: Any


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
    """Return dz of a chunk as `Blocks` from step t0 and row 0 on.

    The chunk in scratch holds `rows` rows from n0 on. Over the gates dz needs no memory of its own,
    and a small problem stays in cache; over many of them it would all be written back to memory,
    which a chunk used again and again is not.
    """
    B, N, width = gates.shape[1], gates.shape[2], GATES * gates.shape[4]
    if gates.size * gates.itemsize <= CACHED_BYTES:
        return Blocks(gates.reshape(-1), t0 * B * N * width, B * N * width, N * width)
    return Blocks(scratch, chunk - n0 * width, rows * width, steps * rows * width)


# --- the recurrence of one slice ------------------------------------------------------------------


@njit_inner
def recurrence_slice(s, split, chunk, activation, recurrent_activation, work, gradients, places,
                     panels, sizes, reverse, masks, peephole, zoneout):  # fmt: skip
    """Take one slice back through a chunk (rows), or through one phase of it (units)."""
    h, c, gates = work
    dz, x, operands, tight = places
    H = sizes.H
    T, B, N, L = gates.shape[0], gates.shape[1], gates.shape[2], gates.shape[4]
    t0, t1, step = chunk
    n0, n1 = share_rows(N, s % split.row_slices, split.row_slices, split.together)
    b0, b1 = share(B, s // split.row_slices, split.unit_slices)
    v0, v1 = share((sizes.F + L - 1) // L, s // split.row_slices, split.unit_slices)
    by_units = split.unit_slices > 1
    width, flat_gates = GATES * L, gates.reshape(-1)
    far = gates.size * gates.itemsize > CACHED_BYTES
    hm = Panels(masks.hm, s * masked_part(N, gradients.dh.shape[1], L))
    zones = zones_of(zoneout)
    states = h if c is None else c
    past = masks.mask is not None or zoneout is not None or c is None
    for t in range(step if by_units else t1 - 1, (step if by_units else t0) - 1, -1):
        tx = T - 1 - t if reverse else t
        here = Blocks(dz.array, dz.at + (t - t0) * dz.step, dz.step, dz.block)
        if operands is None:
            seen = here
        else:
            two = operands.dz
            seen = Blocks(two.array, two.at + (t - t0) * two.step, two.step, two.block)
        for n in range(n0, n1, GROUP_ROWS):
            end = min(n + GROUP_ROWS, n1)
            if by_units and t < t1 - 1:
                later = T - 2 - t if reverse else t + 1
                after = Blocks(seen.array, seen.at + seen.step, seen.step, seen.block)
                backward_product(n, end, b0, b1, gradients.dh, after, panels, H, L, later, masks,
                                 hm, past, None)  # fmt: skip
            if t >= t0:
                if c is None:
                    backward_gru(activation, recurrent_activation, Rows(t, tx, n, end), b0, b1, h,
                                 gates, gradients, here, masks.mask)  # fmt: skip
                else:
                    backward_cell(activation, recurrent_activation, Rows(t, tx, n, end), b0, b1,
                                  work, gradients, here, masks.mask, peephole, zones)  # fmt: skip
                if split.narrow and b0 < b1 == B:
                    narrow_gradients(here, B - 1, tight, t - t0, n, end, L, H % L)
                if operands is not None:
                    round_gradients(here, operands, t - t0, n, end, b0, b1, h, t, L)
                    round_inputs(x, tx, operands.x, t - t0, n, end, v0, v1, sizes.F, L)
            if not by_units:
                # The product asks for the gates of whole blocks: all at once they would take as
                # long as it does.
                asks = masks.h_mask is None and B * B * width * L <= LARGE_PANELS
                if far and t > 0:
                    prefetch_step(t - 1, n, end, H // L if asks else 0, states, gates)
                if asks:
                    at = max(t - 1, 0) * B * N * width
                    before = Blocks(flat_gates, at, B * N * width, N * width)
                    backward_product(n, end, b0, b1, gradients.dh, seen, panels, H, L, tx, masks,
                                     hm, past, before)  # fmt: skip
                else:
                    backward_product(n, end, b0, b1, gradients.dh, seen, panels, H, L, tx, masks,
                                     hm, past, None)  # fmt: skip


# --- all steps ------------------------------------------------------------------------------------


@njit_inner
def backward_slice(s, phase, split, activation, recurrent_activation, x, weights, of_work,
                   of_gradients, scratches, reverse, of_masks, zoneout, segment):  # fmt: skip
    """Do one slice of one phase."""
    scratch, words = scratches
    begun = False
    if segment is not None:
        begun = not segment[0]
    work, masks, gradients = Work(*of_work), Masks(*of_masks), Gradients(*of_gradients)
    W, U, _, peephole = weights
    _, _, _, dW, dU, db, dx, dp = of_gradients
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    sizes = Sizes(T, N, F, H, B, L)
    partial, row_slices, unit_slices, together, narrow = split
    V = 0 if dx is None else (F + L - 1) // L
    slices, width = row_slices * unit_slices, GATES * L
    n0, n1 = share_rows(N, s, slices, together)
    rows = most_rows(N, slices if partial else 1, together)
    steps = chunk_steps(T, rows, B * width * scratch.itemsize, partial)
    if words is None:
        panels = scratch
    else:
        panels = words
    U_panels = Panels(panels, L)
    W_panels = Panels(panels, U_panels.at + B * B * width * L)
    sums = W_panels.at + V * B * width * L
    size = B * (F + H + 1) * width
    if dp is not None:
        size += dp.size
    chunk = sums + (slices * size if partial else 0)
    product = chunk + (slices if partial else 1) * steps * rows * B * width
    pairs = tight_at = product + N * ((F + L - 1) // L) * L
    mode = flush_denormals()
    stage, t0, t1, step = phase_at(phase, T, steps, partial, unit_slices)
    if stage == TRANSPOSE:
        transpose_slice(s, slices, U, W, panels, U_panels.at, W_panels.at, V)
    elif stage == ADD:
        add_partial(s, slices, scratch, sums, size, gradients)
    else:
        if partial:
            chunk += s * steps * rows * B * width
            pairs += s * operands_size(steps, rows, B, (F + L - 1) // L, L)
            tight_at += s * steps * rows * width - n0 * width
            t0, t1 = max(0, T - steps), T
        tight = Blocks(scratch, tight_at, rows * width, np.int64(0))
        while True:
            dz = place_dz(work.gates, scratch, chunk, steps, rows, n0 if partial else 0, t0)
            if words is None:
                operands, seen = None, dz
            else:
                operands = place_operands(words, pairs, steps, rows, n0 if partial else 0, sizes)
                seen = operands.dz
            places = dz, x, operands, tight
            if stage != GRADIENT:
                recurrence_slice(s, split, (t0, t1, step), activation, recurrent_activation, work,
                                 gradients, places, U_panels, sizes, reverse, masks, peephole,
                                 zoneout)  # fmt: skip
            if stage != RECURRENCE:
                own = Part(n0, n1, t0, t1)
                inputs_share(own, dx, masks, seen, W_panels, product, sizes, reverse)
                if partial:
                    part, to_W, to_U, to_b = own, scratch, scratch, scratch
                    W_at = sums + s * size
                    U_at = W_at + B * F * width
                    b_at = U_at + B * H * width
                    p_at = b_at + B * width
                    first, last = 0, B * (F + H + 1)
                else:
                    part = Part(np.int64(0), N, t0, t1)
                    to_W, to_U, to_b = dW.reshape(-1), dU.reshape(-1), db.reshape(-1)
                    W_at = U_at = b_at = p_at = 0
                    first, last = share(B * (F + H + 1), s, slices)
                to_p = None
                if dp is not None:
                    to_p = Panels(scratch if partial else dp.reshape(-1), p_at)
                to = Sums(Panels(to_W, W_at), Panels(to_U, U_at), Panels(to_b, b_at), to_p)
                hm = Panels(masks.hm, s * masked_part(N, work.h.shape[2], L))
                gradient_share(first, last, part, places, work, masks, hm, scratch, sizes, to,
                               reverse, begun, narrow)  # fmt: skip
            if not partial or t0 == 0:
                break
            t0, t1 = max(0, t0 - steps), t0
    restore_denormals(mode)


@njit_parallel
def run_backward(activation, recurrent_activation, x, weights, work, gradients, scratch, reverse,
                 masks, zoneout, words, segment):  # fmt: skip
    W, U, _, _ = weights
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
    together = 1 if words is None else 2
    narrow = False
    if words is None and segment is None and masks[3] is None and x.ndim == 3:
        narrow = B > 1 and narrow_vectors(H, L) > 0
    split = Split(partial, row_slices, unit_slices, together, narrow)
    rows = most_rows(N, slices if partial else 1, together)
    steps = chunk_steps(T, rows, B * GATES * L * scratch.itemsize, partial)
    scratch[0] = 1.0
    begin, end = 0, phase_count(T, steps, partial, unit_slices)
    if segment is not None:  # the first transposes, and the last adds
        begin += not segment[0]
        end -= partial and not segment[1]
    for phase in range(begin, end):
        if alone:
            for s in range(slices):
                backward_slice(s, phase, split, activation, recurrent_activation, x, weights, work,
                               gradients, (scratch, words), reverse, masks, zoneout,
                               segment)  # fmt: skip
        else:
            for s in prange(slices):
                backward_slice(np.int64(s), phase, split, activation, recurrent_activation, x,
                               weights, work, gradients, (scratch, words), reverse, masks, zoneout,
                               segment)  # fmt: skip
    if narrow:
        spread_gradients(gradients[3], gradients[4], gradients[5], L)


@launcher
def lstm_backward(activation, recurrent_activation, x, weights, work, gradients, scratch, reverse,
                  masks, zoneout=None):  # fmt: skip
    """Compute all gradients of `lstm_forward`.

    Parameters
    ----------
    x, weights, work, reverse, masks, zoneout : as in the forward pass and after it; with x_mask, x
        is the masked xm. work.gates may be overwritten.
    gradients : Gradients.
    scratch : ndarray of `lstm_scratch_size` numbers.

    Notes
    -----
    Overwrites (=) all gradients but dy. The same bits at any number of threads.
    """
    arguments = (
        activation, recurrent_activation, x, tuple(weights), tuple(work), tuple(gradients),
        scratch, reverse, tuple(masks), None if zoneout is None else tuple(zoneout), None, None,
    )  # fmt: skip
    return [(run_backward, arguments)]


def segment_backward(activation, recurrent_activation, x, weights, work, gradients, scratch,
                     reverse, masks, zoneout, first, last):  # fmt: skip
    """Compute `lstm_backward` of one segment of the steps; the last segment comes first.

    Parameters
    ----------
    x, weights, work, gradients, reverse, masks, zoneout : as of a recurrence over the steps of the
        segment alone, but for dW, dU, db, dp, which are those of all. dy has the shape (1, N, S) of
        -0.0, which changes no number it is added to, where only the last output has a gradient.
    scratch : ndarray of `lstm_scratch_size` numbers. Nobody else writes to it between segments.
    first, last : bool. Whether it is the first call for these gradients, and the last.

    Notes
    -----
    All segments but the one that is called last have a multiple of `lstm_segment_steps` steps. The
    bits are those of `lstm_backward`.
    """
    run_backward(activation, recurrent_activation, x, tuple(weights), tuple(work),
                 tuple(gradients), scratch, reverse, tuple(masks),
                 None if zoneout is None else tuple(zoneout), None, (first, last))  # fmt: skip
