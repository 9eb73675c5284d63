"""The recurrence in segments of its steps, whose gates are computed again on the way back.

See the CPU's page `segments`. Each segment is a pass of `lstm` over its part of the arrays, in the
memory of one segment. Gradients of weights are added segment by segment, from the last one on: in
another order than those of one pass, so that their last bits are others.
"""

import functools
import math
from typing import Any, NamedTuple

from nlstm.kernels.cuda.basics import add, copy, fill
from nlstm.kernels.cuda.gate_cells import GATES, GRU, LSTM
from nlstm.kernels.cuda.launch import SIMULATED
from nlstm.kernels.cuda.lstm import PEEPHOLES, lstm_backward, lstm_forward, scratch_of
from nlstm.kernels.cuda.lstm_scratch import front
from nlstm.kernels.shared.bundles import Gradients, Masks, Work

__all__ = ["lstm_segment_steps", "lstm_segments", "lstm_segments_size"]

LEAST_STEPS = 2 if SIMULATED else 16  # fewer are many launches for little
VECTOR = 4  # what lies behind scratch begins where vectors do


class Segment(NamedTuple):
    """A segment's part of what a pass takes: that of the steps from `first` to `end`."""

    number: int
    first: int
    end: int
    x: Any
    work: Any
    masks: Any
    zoneout: Any


def lstm_segment_steps(N, F, H, dtype):
    """Return of how many steps a segment is a multiple."""
    return LEAST_STEPS


def lstm_segments_size(T, N, F, H, dtype):
    """Return how many numbers the sums of segments of T steps take."""
    return room_size(T, N, F, H, dtype) + sum(map(math.prod, shapes_of_sums(N, F, H)))


def room_size(T, N, F, H, dtype):
    """Return how many numbers of scratch a segment of T steps, or a shorter one, takes back.

    A shorter one of an LSTM may have no room in the states c, and then takes no more than a GRU's.
    """
    cuts = [scratch_of(T, N, F, H, dtype, cell) for cell in (LSTM, GRU)]
    size = max(one._replace(z=0).size for one in cuts)
    return -(-size // VECTOR) * VECTOR


def shapes_of_sums(N, F, H):
    """Return the shapes of a segment's own dW, dU, db and dp, and of a dy of zeros."""
    return (1, F, H, GATES), (1, H, H, GATES), (1, H, GATES), (1, H, PEEPHOLES), (1, N, H)


def cut(sums, shapes):
    """Give the parts of a flat array that have these shapes."""
    for shape in shapes:
        yield front(sums, shape)
        sums = sums[math.prod(shape) :]


def in_order(array, first, end, reverse):
    """Return a segment's part of what is in the order of the input; None for None."""
    if array is None:
        return None
    if reverse:
        first, end = array.shape[0] - end, array.shape[0] - first
    return array[first:end]


def segments(x, kept, own, reverse, masks, zoneout):
    """Return the segments, of which the first may be a short one."""
    T, most, masks = x.shape[0], own.gates.shape[0], Masks(*masks)
    found = []
    for number in range(-(-T // most)):
        end = (T - 1) % most + 1 + number * most
        first = max(0, end - most)
        steps = end - first
        h = kept.h[first : end + 1] if own.h is None else own.h[: steps + 1]
        c = None if own.c is None else own.c[: steps + 1]
        here = masks._replace(
            mask=in_order(masks.mask, first, end, reverse),
            xm=None if masks.xm is None else masks.xm[:steps],
        )
        draws = None if zoneout is None else zoneout._replace(first=first)
        seen, work = in_order(x, first, end, reverse), Work(h, c, own.gates[:steps])
        found.append(Segment(number, first, end, seen, work, here, draws))
    return found


def run(names, segment, weights, kept, own, scratch, reverse):
    """Run a segment forward from the states that are kept before it."""
    for there, state in ((kept.h, own.h), (kept.c, own.c)):
        if state is not None:
            copy(state[0], there[segment.number])
    _, _, _, x, work, masks, zoneout = segment
    lstm_forward(*names, x, weights, work, scratch, reverse, masks, zoneout)


def segments_forward(activation, recurrent_activation, x, weights, kept, own, scratch, reverse,
                     masks, zoneout=None):  # fmt: skip
    """Run `lstm_forward` in segments; see the CPU's."""
    names = activation, recurrent_activation
    for one in segments(x, kept, own, reverse, masks, zoneout):
        run(names, one, weights, kept, own, scratch, reverse)
        for there, state in ((kept.h, own.h), (kept.c, own.c)):
            if state is not None:
                copy(there[one.number + 1], state[one.end - one.first])


def segments_backward(activation, recurrent_activation, x, weights, kept, own, gradients, scratch,
                      sums, reverse, masks, zoneout=None):  # fmt: skip
    """Compute all gradients of `segments_forward`; see the CPU's."""
    names = activation, recurrent_activation
    T, N, F, H = x.shape[0], x.shape[1], weights[0].shape[1], weights[1].shape[2]
    dy, dh, dc, dW, dU, db, dx, dp = gradients
    room = room_size(own.gates.shape[0], N, F, H, sums.dtype)
    *parts, none = cut(sums[room:], shapes_of_sums(N, F, H))
    whole = dW, dU, db, dp
    if dp is None:
        parts[-1] = None
    fill(none, 0)
    for one in reversed(segments(x, kept, own, reverse, masks, zoneout)):
        last = one.end == T
        if not last:
            run(names, one, weights, kept, own, scratch, reverse)
        if own.h is None:
            out = dy[one.first : one.end]
        else:
            out = dy if last else none
        to_W, to_U, to_b, to_p = whole if last else parts
        to_x = in_order(dx, one.first, one.end, reverse)
        to = Gradients(out, dh, dc, to_W, to_U, to_b, to_x, to_p)
        seen = one.x if one.masks.xm is None else one.masks.xm
        lstm_backward(*names, seen, weights, one.work, to, sums[:room], reverse, one.masks,
                      one.zoneout)  # fmt: skip
        for part, sum_ in () if last else zip(parts, whole, strict=True):
            if part is not None:
                add(sum_, part, sum_)


@functools.cache
def lstm_segments(activation, recurrent_activation):
    """Return (segments_forward, segments_backward) for two activations, given by name."""
    names = activation, recurrent_activation
    return tuple(functools.partial(one, *names) for one in (segments_forward, segments_backward))
