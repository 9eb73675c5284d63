"""The LSTM on the device: the contract's two kernels, in whichever of four forms serves.

Without c they are a GRU, whose state is the cell too: see `gate_cells`. Steps are in the order of
computation throughout: inputs of a reversed layer are turned round where they lie, and turned back
after use; its masks are turned round in scratch. Inputs of many features are projected before the
recurrence, z = x W + b, into the gates' place in training, else a few steps at a time in scratch.
"""

import functools

import numpy as np

from nlstm.kernels.cuda import (
    activations,
    gru_plain,
    lstm_grid,
    lstm_plain,
    lstm_steps,
    lstm_whole,
    lstm_whole_back,
    products,
)
from nlstm.kernels.cuda.arrays import nothing
from nlstm.kernels.cuda.basics import add, fill, multiply_rows, reverse_steps, turn_round
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.gate_cells import GATES, GRU, LSTM
from nlstm.kernels.cuda.launch import processors, shared_memory
from nlstm.kernels.cuda.lstm_cut import best_cut
from nlstm.kernels.cuda.lstm_scratch import Scratch, front
from nlstm.kernels.cuda.random import WORD
from nlstm.kernels.cuda.vectors import has_copies
from nlstm.kernels.cuda.zoneout import thresholds

__all__ = ["lstm", "lstm_gates_shape", "lstm_masked_size", "lstm_scratch_size"]

PEEPHOLES = 3
PLAIN = {LSTM: lstm_plain, GRU: gru_plain}
LITTLE = 1 << 17  # numbers of scratch that nobody minds
CHUNKS = 1 << 20, 1 << 22  # numbers of projected inputs that prediction holds: least, most


def lstm_gates_shape(T, N, H, dtype):
    """Return the shape of the gates that a forward pass keeps."""
    return T, N, GATES * H


def lstm_masked_size(N, H, dtype):
    """Return how many numbers masked states take."""
    return GATES * N * H


def part_count(T, N, F, H, cell=LSTM):
    """Return in how many parts gradients are summed: no more than have room in the states c.

    A GRU has none, so it takes half of that in scratch. Or in what is little anyway.
    """
    M, share = F + H + 1, GATES if cell == LSTM else 2 * GATES
    most = max((T + 1) * N // (share * M), LITTLE // (GATES * H * M))
    return max(1, min(products.part_count(M, GATES * H, T * N), most))


def scratch_of(T, N, F, H, dtype, cell=LSTM):
    """Return the cuts of scratch."""
    parts = part_count(T, N, F, H, cell) * (F + H + 1) * GATES * H
    if cell == LSTM and parts <= (T + 1) * N * H:
        parts = 0  # they lie in the states c, which nobody reads any more
    z = N * GATES * H * (1 if is_inline(F, H, dtype) else chunk_steps(T, N, H))
    size = np.dtype(dtype).itemsize
    cuts = [grid_cut(backward, T, N, F, H, dtype) for backward in (False, True)]
    blocks = [cut.blocks_at_once(processors()) for cut in cuts if cut]
    flags = 2 * max(blocks, default=0)
    shared = cuts[1].shared_sums(processors()) if cuts[1] else 0
    state = 0 if cell == LSTM else N * H
    return Scratch(parts, z, -(-T * N // size), -(-flags * 4 // size), shared, state)


def lstm_scratch_size(T, N, F, H, dtype):
    """Return how many numbers of scratch memory both kernels need."""
    return scratch_of(T, N, F, H, dtype).size


def chunk_steps(T, N, H):
    """Return how many steps of inputs prediction projects at a time."""
    numbers = max(CHUNKS[0], min(CHUNKS[1], T * N * GATES * H // 16))
    return max(1, min(T, numbers // (N * GATES * H)))


def is_whole(F, H, dtype, rows=2):
    """Whether one block can take rows through all steps."""
    features = F if F <= lstm_whole.MOST_INLINE_FEATURES else 0
    return lstm_whole.fits(H, dtype, features, shared_memory(), rows)


def rows_of_block(N, F, H, dtype):
    """Return how many rows a block takes through all steps."""
    return lstm_whole.rows_of_block(N, processors(), 4 if is_whole(F, H, dtype, 4) else 2)


def is_inline(F, H, dtype):
    """Whether the recurrence reads the inputs itself."""
    return F <= lstm_whole.MOST_INLINE_FEATURES and is_whole(F, H, dtype)


@functools.cache
def grid_cut(backward, T, N, F, H, dtype):
    """Return the cut of a launch over all steps, or None where there is none."""
    if T == 1 or is_whole(F, H, dtype) or not has_copies():
        return None
    return best_cut(backward, N, H, dtype, processors(), shared_memory())


def _in_order(mask, scratch, cuts, reverse):
    """Return the mask, if any, in the order of computation."""
    if not reverse or mask is None:
        return mask
    turned = cuts.mask_like(scratch, mask)
    reverse_steps(mask, turned)
    return turned


def _kind(names, masks, peephole, zoneout, training):
    """Return the plain form's `Kind`, or None where the faster forms have all that is wanted."""
    wanted = masks[3] is not None, peephole is not None, zoneout is not None
    if not any(wanted) and activations.INPUT_NAMES.isdisjoint(names):
        return None
    dropped, peeping, zoned = wanted
    return lstm_plain.Kind(*names[:2], masks[0] is not None, dropped, peeping, zoned, training)


def lstm_forward(activation, recurrent_activation, x, weights, work, scratch, reverse, masks,
                 zoneout=None):  # fmt: skip
    """Run an LSTM over all time steps of a batch; see the CPU's.

    Masked inputs, xm, are left in the order of computation.
    """
    W, U, b, peephole = weights
    h, c, gates = work
    cell, c = (GRU, h) if c is None else (LSTM, c)
    names = activation, recurrent_activation, cell
    mask, x_mask, xm, _, _ = masks
    (T, N, F), H, dtype = x.shape, U.shape[2], x.dtype
    cuts = scratch_of(T, N, F, H, dtype, cell)
    mask = _in_order(mask, scratch, cuts, reverse)
    by_gate, given = x_mask is not None and len(x_mask.shape) == 3, x
    if reverse:
        turn_round(x)
    if x_mask is not None:
        (lstm_plain.mask_by_gate if by_gate else multiply_rows)(x, x_mask, xm)
        x = xm
    keep, kind = gates is not None, _kind(names, masks, peephole, zoneout, gates is not None)
    inline = kind is None and is_inline(F, H, dtype)
    steps = T if inline or keep else cuts.z // (N * GATES * H)
    for first in range(0, T, steps):
        last = min(first + steps, T)
        size = last - first
        if inline or keep:
            z = gates if keep else nothing(dtype, 3)
        else:
            z = front(scratch, (size, N, GATES * H))
        if by_gate:
            lstm_plain.project_by_gate(z.size, x[first:last], W, b, z)
        elif not inline:
            products.multiply(
                x[first:last].reshape(size * N, F), W.reshape(F, GATES * H), b.reshape(-1),
                z.reshape(size * N, GATES * H), biased=True,
            )  # fmt: skip
        shown = None if mask is None else mask[first:last]
        states = h[first : last + 1], c[first : last + 1]
        if kind is None:
            flags, _ = cuts.for_blocks(scratch)
            _recurrence(names, x, (W, U, b), z, *states, shown, inline, keep, flags)
        else:
            _plain_recurrence(cell, kind, U, peephole, z, *states, shown, masks[3], zoneout)
    if reverse:
        turn_round(given)


def _recurrence(names, x, weights, z, h, c, mask, inline, keep, flags):
    W, U, b = weights
    T, N, H, F = h.shape[0] - 1, h.shape[1], h.shape[2], W.shape[1]
    masked = mask is not None
    seen = mask if masked else nothing(np.dtype(np.uint8), 2)
    if is_whole(F, H, h.dtype):
        rows = rows_of_block(N, F, H, h.dtype)
        features = F if inline else 0
        run = lstm_whole.whole_forward(h.dtype, H, rows, features, keep, masked, *names)
        run(-(-N // rows), x, W, U, b, z, h, c, seen)
        return
    cut = grid_cut(False, T, N, F, H, h.dtype)
    if cut:
        run = lstm_grid.grid_forward(h.dtype, cut, keep, masked, *names)
        for grid, first in lstm_grid.launches(cut, flags):
            run(grid, first, U, z, h, c, seen, flags)
        return
    run = lstm_steps.step_forward(h.dtype, keep, masked, *names)
    grid = lstm_steps.forward_grid(N, H)
    for t in range(T):
        run(grid, t, U, z, h, c, seen)


def _plain_recurrence(cell, kind, U, peephole, z, h, c, mask, h_mask, zoneout):
    T, N, H, dtype = h.shape[0] - 1, h.shape[1], h.shape[2], h.dtype
    given, draws, rates = _plain_arguments(dtype, peephole, mask, h_mask, zoneout)
    p, mask, h_mask = given
    run = PLAIN[cell].step_forward(kind, dtype)
    for t in range(T):
        run(N * H, t, U, p, z, h, c, mask, h_mask, draws, rates)


def _plain_arguments(dtype, peephole, mask, h_mask, zoneout):
    """Return arrays with others in the place of absent ones, zoneout's draws and its rates."""
    p = nothing(dtype, 3) if peephole is None else peephole
    mask = nothing(np.dtype(np.uint8), 2) if mask is None else mask
    h_mask = nothing(dtype, 3) if h_mask is None else h_mask
    if zoneout is None:
        zoneout = (0, nothing(np.dtype(np.int64), 1), 0, 0.0, 0.0, 0)
    seed, counter, stream, c_rate, h_rate, first = zoneout
    below = thresholds(dtype, c_rate, h_rate)
    draws = WORD(seed), counter, WORD(stream), *below, first
    return (p, mask, h_mask), draws, (dtype.type(c_rate), dtype.type(h_rate))


@each
def sum_gradients(at, parts, dW, dU, db):
    """Add the parts in order; the gradients of W, U and b stand one below the other."""
    total = parts[0, at]
    for part in range(1, parts.shape[0]):
        total += parts[part, at]
    if at < dW.shape[0]:
        dW[at] = total
    elif at < dW.shape[0] + dU.shape[0]:
        dU[at - dW.shape[0]] = total
    else:
        db[at - dW.shape[0] - dU.shape[0]] = total


def lstm_backward(activation, recurrent_activation, x, weights, work, gradients, scratch, reverse,
                  masks, zoneout=None):  # fmt: skip
    """Compute all gradients of `lstm_forward`; see the CPU's. The states c are lost."""
    W, U, _, peephole = weights
    h, c, gates = work
    dy, dh, dc, dW, dU, db, dx, dp = gradients
    mask, x_mask, _, h_mask, _ = masks
    (T, N, _), F, H = gates.shape, W.shape[1], U.shape[2]
    cell, c = (GRU, h) if c is None else (LSTM, c)
    names = activation, recurrent_activation, cell
    cuts = scratch_of(T, N, F, H, gates.dtype, cell)
    if cell == GRU:
        dc = cuts.state_like(scratch, dh)
        fill(dc, 0)
    mask = _in_order(mask, scratch, cuts, reverse)
    kind = _kind(names, masks, peephole, zoneout, True)
    if kind is None:
        _recurrence_back(names, F, U, gates, c, dy, dh, dc, mask, cuts.for_blocks(scratch))
    else:
        _plain_back(cell, kind, U, peephole, gates, c, dy, dh, dc, mask, h_mask, zoneout)
    if cell == GRU:
        add(dh, dc, dh)
    if dp is not None:
        lstm_plain.peephole_gradient(PEEPHOLES * H, gates, c, dp)
    turned = reverse and x_mask is None  # masked inputs were left in the order of computation
    if turned:
        turn_round(x)
    by_gate = x_mask is not None and len(x_mask.shape) == 3
    if by_gate or h_mask is not None:
        _gradients_by_gate(x, W, h, gates, x_mask, h_mask, by_gate, (dW, dU, db, dx))
    else:
        room = scratch if cuts.parts else c.reshape(-1)
        room = front(room, (part_count(T, N, F, H, cell), F + H + 1, GATES * H))
        _gradients(x, W, h, gates, room, (dW, dU, db, dx))
    if turned:
        turn_round(x)
    if dx is None:
        return
    if x_mask is not None and not by_gate:
        multiply_rows(dx, x_mask, dx)
    if reverse:
        turn_round(dx)


def _gradients(x, W, h, gates, parts, to):
    dW, dU, db, dx = to
    (T, N, width), F, H = gates.shape, W.shape[1], h.shape[2]
    dz, M = gates.reshape(T * N, width), F + H + 1
    products.multiply_transposed(x.reshape(T * N, F), h[:T].reshape(T * N, H), dz, parts)
    sums = (one.reshape(-1) for one in (dW, dU, db))
    sum_gradients(M * width, parts.reshape(-1, M * width), *sums)
    if dx is not None:
        products.multiply(dz, W.reshape(F, width), nothing(gates.dtype, 1), dx.reshape(T * N, F),
                          transposed=True)  # fmt: skip


def _gradients_by_gate(x, W, h, dz, x_mask, h_mask, by_gate, to):
    dW, dU, db, dx = to
    (T, N, _), F, H = dz.shape, W.shape[1], h.shape[2]
    dropped = h_mask is not None
    h_mask = h_mask if dropped else nothing(dz.dtype, 3)
    seen = x if by_gate else x.reshape(T, N, 1, F)
    size = (F + H + 1) * H * GATES
    lstm_plain.weights_by_gate(size, by_gate, seen, h, dropped, h_mask, dz, dW, dU, db)
    if dx is None:
        return
    if by_gate:
        lstm_plain.inputs_by_gate(dx.size, W, dz, x_mask, dx)
    else:
        products.multiply(dz.reshape(T * N, H * GATES), W.reshape(F, H * GATES),
                          nothing(dz.dtype, 1), dx.reshape(T * N, F), transposed=True)  # fmt: skip


def _recurrence_back(names, F, U, gates, c, dy, dh, dc, mask, room):
    (T, N, _), H, masked = gates.shape, U.shape[2], mask is not None
    sequences = dy.shape[0] == T
    if not sequences:
        add(dh, dy[0], dh)
    seen = mask if masked else nothing(np.dtype(np.uint8), 2)
    dout = dy if sequences else nothing(c.dtype, 3)
    if is_whole(F, H, c.dtype):
        rows = rows_of_block(N, F, H, c.dtype)
        run = lstm_whole_back.whole_backward(c.dtype, H, rows, sequences, masked, *names)
        run(-(-N // rows), gates, c, dout, dh, dc, U, seen)
        return
    cut = grid_cut(True, T, N, F, H, c.dtype)
    if cut:
        run = lstm_grid.grid_backward(c.dtype, cut, sequences, masked, *names)
        for grid, first in lstm_grid.launches(cut, room[0]):
            run(grid, (0, 2 * T + 2), first, U, gates, c, dout, dh, dc, seen, *room)
        return
    run = lstm_steps.step_backward(c.dtype, sequences, masked, *names)
    grid = lstm_steps.backward_grid(N, H)
    for t in range(T - 1, -2, -1):
        run(grid, t, U, gates, c, dout, dh, dc, seen)


def _plain_back(cell, kind, U, peephole, gates, c, dy, dh, dc, mask, h_mask, zoneout):
    (T, N, _), H, dtype = gates.shape, U.shape[2], c.dtype
    given, draws, _ = _plain_arguments(dtype, peephole, mask, h_mask, zoneout)
    p, mask, h_mask = given
    run = PLAIN[cell].step_backward(kind, dtype)
    for t in range(T - 1, -1, -1):
        dy_step = t if dy.shape[0] == T else (0 if t == T - 1 else -1)
        run(N * H, t, p, gates, c, dy, dy_step, dh, dc, mask, draws)
        lstm_plain.through_states(N * H, t, U, gates, dh, kind.dropped, h_mask)


@functools.cache
def lstm(activation, recurrent_activation):
    """Return (lstm_forward, lstm_backward) for two activations, given by name."""
    names = activation, recurrent_activation
    return functools.partial(lstm_forward, *names), functools.partial(lstm_backward, *names)
