"""The LSTM recurrence over all time steps.

    z = x W + h' U + b    i, f, o = sigmoid(z_i, z_f, z_o)    g = tanh(z_g)
    c = f c' + i g        h = o tanh(c)

With peephole weights p, z_i and z_f have p c' added, and z_o has p c (Gers, Schraudolph &
Schmidhuber 2002). A register tile computes z for a few rows and one block of units, and the cell
finishes these while they are in the first-level cache.

References: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.gru.cell import finish_gru
from nlstm.kernels.cpu.lstm.cell import Rows, finish_cell, mask_states
from nlstm.kernels.cpu.lstm.narrow import narrow_tile, narrow_vectors, narrow_weights
from nlstm.kernels.cpu.lstm.pairs import round_states
from nlstm.kernels.cpu.lstm.schedule import (
    CACHED_BYTES,
    GATED_ROWS,
    MOST_SLICES,
    is_projected,
    masked_part,
    projected_steps,
    schedule,
)
from nlstm.kernels.cpu.lstm.zoneout import zones_of
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    njit_parallel,
    restore_denormals,
    thread_count,
    two_forms,
)
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import fence, is_aligned
from nlstm.kernels.cpu.products.gemm import share, stride_ahead, tile_count, tile_edge
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, gate_tile, load_gate_tile, tile

SMALL_COPY = 1 << 15  # numbers that one thread writes before a second one is worth waking

# --- one tile -------------------------------------------------------------------------------------


@njit_inner
def any_row(mask, t, first, last):
    """Whether some row of the tile is not masked."""
    if mask is None:
        return True
    for n in range(first, last):  # noqa: SIM110, any() is not for kernels
        if mask[t, n]:
            return True
    return False


@njit_inner
def add_inputs(rows, out, start, x, tx, n, W, W_at, inputs, L):
    """Compute start + x W of one tile; of x, each gate may see another (T, N, blocks * 4, L)."""
    N, Sx, width = x.shape[1], x.shape[2], GATES * L
    if x.ndim == 3:
        from_x = (x, (tx * N + n) * Sx, Sx, 1, 0, W, W_at, L, width, 0, inputs, 1)
        tile(rows, VECTORS, out, start, (from_x,))
    else:
        add_by_gate(rows, out, start, x, (tx * N + n) * Sx * L, Sx * L, W, W_at, inputs, L)


@njit_inner
def add_by_gate(rows, out, start, a, a_at, a_row, b, b_at, count, L):
    """Compute start + a b of one tile, where a has `count` numbers a gate, in blocks (4, L)."""
    width, full = GATES * L, count // L
    of_b, of_rest = (b, b_at, L, width, L * width, L, full), (b, b_at + full * L * width, L, width)
    blocks = (a, a_at, a_row, 1, width) + of_b
    rest = (a, a_at + full * width, a_row, 1, 0) + of_rest + (0, count % L, 1)
    gate_tile(rows, VECTORS, out, start, (blocks, rest))


# --- inputs of many steps -------------------------------------------------------------------------


@njit_inner
def place_z(gates, scratch, t0, t, N, B, L):
    """Return array, place and block distance of the projected inputs of step t.

    They wait where the gates will be, or in scratch, which holds the chunk from step t0 on.
    """
    width = GATES * L
    if gates is None:
        return scratch, MOST_SLICES * ROWS * width + (t - t0) * B * N * width, N * width
    return gates.reshape(-1), t * B * N * width, N * width


@njit_inner
def project_slice(b0, b1, t0, t1, x, W, b, gates, scratch, B, L, reverse, mask):
    """Compute x W + b of steps t0..t1 for unit blocks b0..b1, each block's weights read once."""
    T, N = x.shape[0], x.shape[1]
    F, width = W.shape[1], GATES * L
    count = tile_count(N)
    for block in range(b0, b1):
        for t in range(t0, t1):
            tx = T - 1 - t if reverse else t
            z, z_at, z_block = place_z(gates, scratch, t0, t, N, B, L)
            for index in range(count):
                n = tile_edge(np.int64(0), N, index)
                end = tile_edge(np.int64(0), N, index + 1)
                if any_row(mask, tx, n, end):
                    place = (z, z_at + block * z_block + n * width, width, L)
                    bias = (b, block * width, 0, L)
                    add_inputs(end - n, place, bias, x, tx, n, W, block * F * width, F, L)


# --- one slice ------------------------------------------------------------------------------------


@njit_inner
def phase_count(T, projected_steps, by_units):
    if projected_steps > 0:
        return (T + projected_steps - 1) // projected_steps * (projected_steps + 1)
    return T if by_units else 1


@njit_inner
def phase_at(phase, T, projected_steps, by_units):
    """Return (first step, end, first step of the projected chunk or -1, whether to project it).

    All steps at once, or where threads meet at every step one of them; and where inputs are
    projected, a phase before each chunk of steps.
    """
    if projected_steps > 0:
        chunk = phase // (projected_steps + 1) * projected_steps
        part = phase % (projected_steps + 1)
        if part == 0:
            return chunk, min(chunk + projected_steps, T), chunk, True
        t = chunk + part - 1
        return t, min(t + 1, T), chunk, False
    if by_units:
        return phase, phase + 1, -1, False
    return 0, T, -1, False


@njit_inner
def forward_slice(s, phase, split, activation, recurrent_activation, x, weights, work, scratch,
                  reverse, masks, zoneout, states):  # fmt: skip
    """Take the rows and unit blocks of slice `s` through the steps of one phase.

    `states` : None or, where x, W and U are pairs, (h in pairs, features, units).
    """
    projected_steps, row_slices, unit_slices, narrow = split
    W, U, b, peephole = weights
    h, c, gates = work
    mask, _, _, h_mask, hm = masks
    T, N, Sx = x.shape[0], x.shape[1], x.shape[2]
    B, F, K, L = U.shape[0], W.shape[1], U.shape[1], U.shape[3]
    S = h.shape[2]
    if states is None:
        H, seen_h = K, h
    else:
        seen_h, _, H = states
    row = seen_h.shape[2]
    width = GATES * L
    t0, t1, chunk, project = phase_at(phase, T, projected_steps, unit_slices > 1)
    n0, n1 = share(N, s % row_slices, row_slices)
    b0, b1 = share(B, s // row_slices, unit_slices)
    groups = 1 if h_mask is None else (n1 - n0 + GATED_ROWS - 1) // GATED_ROWS
    count = tile_count(n1 - n0)
    z = s * ROWS * width
    past_caches = False
    cells = h if c is None else c
    if gates is not None:
        large = gates.size * gates.itemsize > CACHED_BYTES
        past_caches = large and projected_steps == 0 and is_aligned(gates)
    zones = zones_of(zoneout)
    mode = flush_denormals()
    if project:
        project_slice(b0, b1, t0, t1, x, W, b, gates, scratch, B, L, reverse, mask)
        t0 = t1
    for t in range(t0, t1):
        tx = T - 1 - t if reverse else t
        # Once a step: the division of a remainder costs as much as a row of the cell.
        slots = (
            t % h.shape[0], (t + 1) % h.shape[0], t % cells.shape[0], (t + 1) % cells.shape[0]
        )  # fmt: skip
        slot = slots[0] if states is None else t % 2
        for group in range(groups):
            if h_mask is None:
                first, last = n0, n1
            else:
                first, last = share(n1 - n0, group, groups)
                first, last = n0 + first, n0 + last
                count = tile_count(last - first)
                seen = s * masked_part(N, S, L)
                mask_states(h, slots[0] * N * S, h_mask, first, last, 0, B * L, hm, seen, L)
            ahead_k = stride_ahead(width, count, 1, L)
            for block in range(b0, b1):
                later = block + 1 if block + 1 < b1 else b0
                for index in range(count):
                    n, end = tile_edge(first, last, index), tile_edge(first, last, index + 1)
                    if any_row(mask, tx, n, end):
                        place = (scratch, z, width, L)
                        if chunk >= 0:
                            z_from, z_at, z_block = place_z(gates, scratch, chunk, t, N, B, L)
                            start = (z_from, z_at + block * z_block + n * width, width, L)
                            inputs = 0
                        else:
                            start, inputs = (b.reshape(-1), block * width, 0, L), F
                        W_at, U_at = block * F * width, block * K * width
                        if (
                            h_mask is None
                            and states is None
                            and x.ndim == 3
                            and (narrow and block == B - 1)
                        ):
                            of_x = (x, (tx * N + n) * Sx, Sx, F)
                            of_h = (seen_h, (slot * N + n) * row, row, K)
                            narrow_tile(end - n, scratch, z, np.int64(MOST_SLICES * ROWS * width),
                                        of_x, of_h, L)  # fmt: skip
                        elif h_mask is None:
                            x_at, h_at = (tx * N + n) * Sx, (slot * N + n) * row
                            W_ahead = (later * width + index * ahead_k) * F
                            U_ahead = (later * width + index * ahead_k) * K
                            from_x = (x, x_at, Sx, 1, 0, W, W_at, L, width, 0, inputs, 1,
                                      W, W_ahead, ahead_k, 0)  # fmt: skip
                            from_h = (seen_h, h_at, row, 1, 0, U, U_at, L, width, 0, K, 1,
                                      U, U_ahead, ahead_k, 0)  # fmt: skip
                            tile(end - n, VECTORS, place, start, (from_x, from_h))
                        else:
                            if chunk < 0:
                                add_inputs(end - n, place, start, x, tx, n, W, W_at, F, L)
                                start = place
                            h_at = seen + (n - first) * B * width
                            add_by_gate(end - n, place, start, hm, h_at, B * width, U, U_at, H, L)
                    rows = Rows(t, tx, n, end)
                    if c is None:
                        finish_gru(activation, recurrent_activation, rows, block, scratch, z, h,
                                   gates, slots, past_caches, H, L, mask)  # fmt: skip
                    else:
                        finish_cell(activation, recurrent_activation, rows, block, scratch, z, work,
                                    slots, past_caches, H, L, mask, peephole, zones)  # fmt: skip
                    if states is not None:
                        round_states(h, slots[1], seen_h, 1 - slot, n, end, block, L)
    fence()
    restore_denormals(mode)


# --- all steps ------------------------------------------------------------------------------------


@two_forms
def mask_inputs_forms(x, x_mask, xm):
    for t in prange(x.shape[0]):
        for n in range(x.shape[1]):
            for k in range(x_mask.shape[1]):
                xm[t, n, k] = x[t, n, k] * x_mask[n, k]


@two_forms
def mask_inputs_by_gate_forms(x, x_mask, xm):
    L = xm.shape[3]  # of blocks (4, L)
    for t in prange(x.shape[0]):
        for n in range(x.shape[1]):
            for k in range(x_mask.shape[2]):
                for gate in range(GATES):
                    xm[t, n, k // L * GATES + gate, k % L] = x[t, n, k] * x_mask[gate, n, k]


@launcher
def mask_inputs(x, x_mask, xm):
    """Write the masked inputs of all steps; for each gate apart where it has masks of its own."""
    forms = mask_inputs_forms if x_mask.ndim == 2 else mask_inputs_by_gate_forms
    return [(forms[xm.size >= SMALL_COPY], (x, x_mask, xm))]


@njit_parallel
def run_forward(
    activation, recurrent_activation, x, weights, work, scratch, reverse, masks, zoneout, states
):
    W, U, _, _ = weights
    T, N = x.shape[0], x.shape[1]
    if states is None:
        F, H = W.shape[1], U.shape[1]
    else:
        _, F, H = states
    row_slices, unit_slices = schedule(T, N, F, H, thread_count())
    steps = projected_steps(T, N) if is_projected(F, H) else 0
    L, narrow = U.shape[3], False
    if states is None:
        if masks[3] is None and x.ndim == 3 and steps == 0 and N >= ROWS:
            if narrow_vectors(H, L) > 0:
                narrow = True
                narrow_weights(W, U, weights[2], scratch, MOST_SLICES * ROWS * GATES * L, L)
    slices, split = row_slices * unit_slices, (steps, row_slices, unit_slices, narrow)
    for phase in range(phase_count(T, steps, unit_slices > 1)):
        if slices == 1:
            forward_slice(np.int64(0), phase, split, activation, recurrent_activation, x, weights,
                          work, scratch, reverse, masks, zoneout, states)  # fmt: skip
        else:
            for s in prange(slices):
                forward_slice(np.int64(s), phase, split, activation, recurrent_activation, x,
                              weights, work, scratch, reverse, masks, zoneout,
                              states)  # fmt: skip


@launcher
def lstm_forward(activation, recurrent_activation, x, weights, work, scratch, reverse, masks,
                 zoneout=None):  # fmt: skip
    """Run an LSTM over all time steps of a batch.

    Parameters
    ----------
    activation, recurrent_activation : markers of `nlstm.kernels.cpu.activations.emitters`.
    x : ndarray, shape (T, N, >= F).
    weights : Weights. b is there always.
    work : Work. h, c : states, shape (T + 1, N, S) or, without gates, (2, N, S) for either. Slot 0
        holds the initial state; the rest is overwritten. gates : overwritten. Hand it on to
        `lstm_backward`. Without c the cell is that of a GRU: see `nlstm.kernels.cpu.gru.cell`.
    scratch : ndarray of `lstm_scratch_size` numbers.
    reverse : bool. Steps are taken from the last to the first; h is in the order of computation.
    masks : Masks. xm and hm are overwritten.
    zoneout : Zoneout or None. Draws by `nlstm.kernels.cpu.lstm.zoneout`; without gates the mean of
        the draws.

    Notes
    -----
    Overwrites (=) every output. The same bits at any number of threads.
    """
    x, before = seen_inputs(x, masks)
    # As plain tuples: of a named one it takes Numba microseconds to find the type.
    arguments = (
        activation, recurrent_activation, x, tuple(weights), tuple(work), scratch, reverse,
        tuple(masks), None if zoneout is None else tuple(zoneout), None,
    )  # fmt: skip
    return [*before, (run_forward, arguments)]


def seen_inputs(x, masks):
    """Return the inputs as products see them, and the calls that make them.

    Make known what masks of states need.
    """
    _, x_mask, xm, h_mask, _ = masks
    if h_mask is not None:
        load_gate_tile(x.dtype)
    if x_mask is None:
        return x, []
    return xm, mask_inputs.calls(x, x_mask, xm)
