"""The recurrence in segments of its steps, whose gates are computed again on the way back.

The first pass keeps the states between segments. On the way back each segment, the last one first,
goes forward again and then back, in the memory of one segment. Segments are cut where the chunks of
one backward pass end, so that the same numbers are added in the same order.

Where slices of rows have weight gradients of their own (`partial_slices`), a slice takes its rows
through all segments alone. Else the threads meet in every segment, as they do in one pass.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.lstm.backward import Split, backward_slice, segment_backward
from nlstm.kernels.cpu.lstm.forward import forward_slice, lstm_forward
from nlstm.kernels.cpu.lstm.schedule import lstm_scratch_size, partial_slices, schedule
from nlstm.kernels.cpu.machine.jit import njit_inner, njit_parallel, thread_count
from nlstm.kernels.cpu.products.gemm import share
from nlstm.kernels.cpu.products.layout import GATES, padded
from nlstm.kernels.cpu.products.tile import load_gate_tile
from nlstm.kernels.shared.bundles import Gradients, Masks, Work

BACK, ADD = 1, 2  # phases of backward_slice; the one before transposes

# --- a segment ------------------------------------------------------------------------------------
# Arrays are returned in tuples, since kernels without counted references return none by themselves.


@njit_inner
def segment_bounds(number, T, steps):
    """Return the first step of a segment, and the end. The first segment may be a short one."""
    end = (T - 1) % steps + 1 + number * steps
    return max(0, end - steps), end


@njit_inner
def states_of(kept, own, first, end):
    """Return the states of a segment's steps: of all that are kept, or in memory of its own."""
    if own is None:
        return (kept[first : end + 1],)
    return (own[: end - first + 1],)


@njit_inner
def in_order(array, first, end, reverse):
    """Return a segment's part of what is in the order of the input; None for None."""
    if array is None:
        return (None,)
    if reverse:
        first, end = array.shape[0] - end, array.shape[0] - first
    return (array[first:end],)


@njit_inner
def begun_with(array, steps):
    """Return the first steps; None for None."""
    if array is None:
        return (None,)
    return (array[:steps],)


@njit_inner
def zoneout_from(zoneout, first):
    """Return the zoneout of a segment that begins at step `first`; None for None."""
    if zoneout is None:
        return None
    seed, step, stream, c_rate, h_rate, _ = zoneout
    return seed, step, stream, c_rate, h_rate, first


@njit_inner
def copy_rows(source, at, out, to, n0, n1):
    """Copy rows of one slot of states to another; not for None."""
    if source is not None and out is not None:
        for n in range(n0, n1):
            for k in range(out.shape[2]):
                out[to, n, k] = source[at, n, k]


@njit_inner
def mask_rows(x, x_mask, xm, n0, n1):
    """Write the masked inputs of some rows: see `forward.mask_inputs`."""
    for t in range(x.shape[0]):
        for n in range(n0, n1):
            if x_mask.ndim == 2:
                for k in range(x_mask.shape[1]):
                    xm[t, n, k] = x[t, n, k] * x_mask[n, k]
            else:
                L = xm.shape[3]
                for k in range(x_mask.shape[2]):
                    for gate in range(GATES):
                        xm[t, n, k // L * GATES + gate, k % L] = x[t, n, k] * x_mask[gate, n, k]


# --- slices of rows, each alone -------------------------------------------------------------------


@njit_inner
def forward_rows(s, slices, segment, activation, recurrent_activation, x, weights, kept, own,
                 scratch, reverse, masks, zoneout):  # fmt: skip
    """Take a slice of rows through a segment, from the states that are kept before it."""
    number, first, end = segment
    mask, x_mask, xm, h_mask, hm = masks
    N = x.shape[1]
    n0, n1 = share(N, s, slices)
    work = (
        states_of(kept[0], own[0], first, end)[0], begun_with(own[1], end - first + 1)[0],
        own[2][: end - first],
    )  # fmt: skip
    copy_rows(kept[0], number, own[0], 0, n0, n1)
    copy_rows(kept[1], number, own[1], 0, n0, n1)
    seen = in_order(x, first, end, reverse)[0]
    here, split = in_order(mask, first, end, reverse)[0], (0, slices, 1, False)
    if x_mask is None:
        forward_slice(s, 0, split, activation, recurrent_activation, seen, weights, work, scratch,
                      reverse, (here, x_mask, xm, h_mask, hm),
                      zoneout_from(zoneout, first), None)  # fmt: skip
    else:
        mask_rows(seen, x_mask, xm, n0, n1)
        forward_slice(s, 0, split, activation, recurrent_activation, xm[: end - first], weights,
                      work, scratch, reverse, (here, x_mask, xm, h_mask, hm),
                      zoneout_from(zoneout, first), None)  # fmt: skip


@njit_inner
def keep_rows(s, slices, first, end, number, N, kept, own):
    """Keep the states after a segment."""
    n0, n1 = share(N, s, slices)
    copy_rows(own[0], end - first, kept[0], number + 1, n0, n1)
    copy_rows(own[1], end - first, kept[1], number + 1, n0, n1)


@njit_inner
def first_pass(s, slices, activation, recurrent_activation, x, weights, kept, own, scratch, reverse,
               masks, zoneout):  # fmt: skip
    """Take a slice of rows through all segments; gates of the last one stay."""
    T, N, steps = x.shape[0], x.shape[1], own[2].shape[0]
    for number in range((T + steps - 1) // steps):
        first, end = segment_bounds(number, T, steps)
        forward_rows(s, slices, (number, first, end), activation, recurrent_activation, x, weights,
                     kept, own, scratch, reverse, masks, zoneout)  # fmt: skip
        keep_rows(s, slices, first, end, number, N, kept, own)


@njit_inner
def way_back(s, phase, split, activation, recurrent_activation, x, weights, kept, own, gradients,
             rooms, reverse, masks, zoneout):  # fmt: skip
    """Do one slice of one phase; in the second one all segments, the last one first."""
    dy, dh, dc, dW, dU, db, dx, dp = gradients
    scratch, sums, nothing = rooms
    mask, x_mask, xm, h_mask, hm = masks
    T, steps = x.shape[0], own[2].shape[0]
    count = (T + steps - 1) // steps
    number = count - 1
    while number >= 0:
        first, end = segment_bounds(number, T, steps)
        if phase == BACK and number < count - 1:
            forward_rows(s, split.row_slices, (number, first, end), activation,
                         recurrent_activation, x, weights, kept, own, scratch, reverse, masks,
                         zoneout)  # fmt: skip
        work = (
            states_of(kept[0], own[0], first, end)[0], begun_with(own[1], end - first + 1)[0],
            own[2][: end - first]
        )  # fmt: skip
        if own[0] is None:
            out = dy[first:end]
        else:
            out = nothing if number < count - 1 else dy
        to = out, dh, dc, dW, dU, db, in_order(dx, first, end, reverse)[0], dp
        here = (
            in_order(mask, first, end, reverse)[0],
            x_mask,
            begun_with(xm, end - first)[0],
            h_mask,
            hm,
        )
        draws, segment = zoneout_from(zoneout, first), (number == count - 1, number == 0)
        if xm is None:
            seen = in_order(x, first, end, reverse)[0]
            backward_slice(s, phase, split, activation, recurrent_activation, seen, weights, work,
                           to, (sums, None), reverse, here, draws, segment)  # fmt: skip
        else:
            backward_slice(s, phase, split, activation, recurrent_activation, xm[: end - first],
                           weights, work, to, (sums, None), reverse, here, draws,
                           segment)  # fmt: skip
        number = number - 1 if phase == BACK else -1


@njit_parallel
def run_first_pass(activation, recurrent_activation, x, weights, kept, own, scratch, reverse, masks,
                   zoneout, slices):  # fmt: skip
    T, N, F, H = x.shape[0], x.shape[1], weights[0].shape[1], weights[1].shape[1]
    row_slices, unit_slices = schedule(T, N, F, H, thread_count())
    if row_slices * unit_slices == 1:
        for s in range(slices):
            first_pass(s, slices, activation, recurrent_activation, x, weights, kept, own, scratch,
                       reverse, masks, zoneout)  # fmt: skip
    else:
        for s in prange(slices):
            first_pass(np.int64(s), slices, activation, recurrent_activation, x, weights, kept, own,
                       scratch, reverse, masks, zoneout)  # fmt: skip


@njit_parallel
def run_way_back(activation, recurrent_activation, x, weights, kept, own, gradients, rooms, reverse,
                 masks, zoneout, slices):  # fmt: skip
    T, N, F, H = x.shape[0], x.shape[1], weights[0].shape[1], weights[1].shape[1]
    row_slices, unit_slices = schedule(T, N, F, H, thread_count())
    split = Split(True, slices, 1, 1, False)
    rooms[1][0] = 1.0
    for phase in range(ADD + 1):
        if row_slices * unit_slices == 1:
            for s in range(slices):
                way_back(s, phase, split, activation, recurrent_activation, x, weights, kept, own,
                         gradients, rooms, reverse, masks, zoneout)  # fmt: skip
        else:
            for s in prange(slices):
                way_back(np.int64(s), phase, split, activation, recurrent_activation, x, weights,
                         kept, own, gradients, rooms, reverse, masks, zoneout)  # fmt: skip


# --- all segments ---------------------------------------------------------------------------------


def slices_alone(x, weights):
    """Return how many slices of rows go through everything alone; 0 where the threads meet."""
    F, (B, H, _, L) = weights[0].shape[1], weights[1].shape
    return partial_slices.py_func(x.shape[1], F, H, B, L, x.itemsize)


def lstm_segments_size(T, N, F, H, dtype):
    """Return how many numbers the sums of segments of T steps take."""
    return lstm_scratch_size(T, N, F, H, dtype) + N * padded(H, dtype)


def segments_forward(activation, recurrent_activation, x, weights, kept, own, scratch, reverse,
                     masks, zoneout=None):  # fmt: skip
    """Run `lstm_forward` in segments.

    Parameters
    ----------
    x, weights, reverse, masks, zoneout : as of `lstm_forward`, but masks.xm, which has the steps of
        a segment.
    kept : Work. h : (T + 1, N, S) for all steps, or one slot more than there are segments for the
        states between them. c : the latter. Slot 0 holds the initial state; the rest is
        overwritten. No gates.
    own : Work of one segment. gates : of so many steps as a segment has, a multiple of
        `lstm_segment_steps`. h, c : one slot more; h None where all are kept. Hand it on to
        `segments_backward` as it is.
    scratch : ndarray of `lstm_scratch_size` numbers for the steps of a segment.

    Notes
    -----
    The bits of `lstm_forward`.
    """
    slices = slices_alone(x, weights)
    if slices:
        if masks[3] is not None:
            load_gate_tile(x.dtype)
        run_first_pass(activation, recurrent_activation, x, tuple(weights), tuple(kept)[:2],
                       tuple(own), scratch, reverse, tuple(masks),
                       None if zoneout is None else tuple(zoneout), slices)  # fmt: skip
        return
    for segment in segments(x, kept, own, reverse, masks, zoneout):
        number, first, end, _, work, _ = segment
        again(activation, recurrent_activation, segment, weights, kept, own, scratch, reverse)
        for state, there in ((work.h if own[0] is not None else None, kept[0]), (work.c, kept[1])):
            if state is not None:
                np.copyto(there[number + 1], state[end - first])


def segments_backward(activation, recurrent_activation, x, weights, kept, own, gradients, scratch,
                      sums, reverse, masks, zoneout=None):  # fmt: skip
    """Compute all gradients of `segments_forward`.

    Parameters
    ----------
    x, weights, kept, own, scratch, reverse, masks, zoneout : as in the forward pass and after it; x
        is not the masked one.
    gradients : Gradients. As of `lstm_backward`.
    sums : ndarray of `lstm_segments_size` numbers.

    Notes
    -----
    The bits of `lstm_backward`.
    """
    dy, N = gradients[0], x.shape[1]
    nothing = sums[sums.size - N * dy.shape[2] :].reshape(1, N, dy.shape[2])
    nothing.fill(-0.0)  # a gradient that changes no number it is added to
    slices = slices_alone(x, weights)
    if slices:
        run_way_back(activation, recurrent_activation, x, tuple(weights), tuple(kept)[:2],
                     tuple(own), tuple(gradients), (scratch, sums, nothing), reverse, tuple(masks),
                     None if zoneout is None else tuple(zoneout), slices)  # fmt: skip
        return
    gradients, T = Gradients(*gradients), x.shape[0]
    for segment in reversed(list(segments(x, kept, own, reverse, masks, zoneout))):
        _, first, end, seen, work, (own_masks, draws) = segment
        if end < T:
            again(activation, recurrent_activation, segment, weights, kept, own, scratch, reverse)
        if own[0] is None:
            out = dy[first:end]
        else:
            out = dy if end == T else nothing
        dx = in_order.py_func(gradients.dx, first, end, reverse)[0]
        segment_backward(activation, recurrent_activation,
                         seen if own_masks.xm is None else own_masks.xm, weights, work,
                         gradients._replace(dy=out, dx=dx), sums, reverse, own_masks, draws,
                         end == T, first == 0)  # fmt: skip


def segments(x, kept, own, reverse, masks, zoneout):
    """Give (number, first step, end, inputs, work, (masks, zoneout)) of each segment."""
    T, most = x.shape[0], own[2].shape[0]
    masks = Masks(*masks)
    for number in range(-(-T // most)):
        first, end = segment_bounds.py_func(number, T, most)
        steps = end - first
        h, c = (
            states_of.py_func(kept[0], own[0], first, end)[0],
            begun_with.py_func(own[1], steps + 1)[0],
        )
        mask = in_order.py_func(masks.mask, first, end, reverse)[0]
        here = masks._replace(mask=mask, xm=begun_with.py_func(masks.xm, steps)[0])
        draws = zoneout_from.py_func(zoneout, first)
        seen = in_order.py_func(x, first, end, reverse)[0]
        yield number, first, end, seen, Work(h, c, own[2][:steps]), (here, draws)


def again(activation, recurrent_activation, segment, weights, kept, own, scratch, reverse):
    """Run a segment forward from the states that are kept before it."""
    number, *_, x, work, (masks, zoneout) = segment
    for there, state in ((kept[0], own[0]), (kept[1], own[1])):
        if state is not None:
            np.copyto(state[0], there[number])
    lstm_forward(activation, recurrent_activation, x, weights, work, scratch, reverse, masks,
                 zoneout)  # fmt: skip
