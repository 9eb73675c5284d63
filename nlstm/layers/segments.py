"""A recurrence that keeps a state now and then, and computes the gates again on the way back."""

import math
from typing import Any

from nlstm.kernels.operations import Absent, Array
from nlstm.plan.plan import Call, Plan, Tensor
from nlstm.plan.recompute import AUTO

__all__ = ["Segments", "segments_of"]


def segments_of(
    plan: Plan, x: Tensor, units: int, sequences: bool, cells: bool
) -> "Segments | None":
    """Return the segments that a plan wants of an LSTM's or GRU's recurrence, if any.

    Parameters
    ----------
    plan : Plan
    x : Tensor
        What the recurrence reads.
    units : int
    sequences : bool
        Whether the states of all steps come out, so that they are kept anyway.
    cells : bool
        Whether there are states c.
    """
    if plan.recompute is None or not plan.training:
        return None
    try:
        least = plan.ops.lstm_segment_steps(x.rows, x.features, units, plan.dtype)
    except Absent:
        raise Absent("recompute, an argument of compile,") from None
    wanted = math.isqrt(x.steps) if plan.recompute == AUTO else plan.recompute
    steps = least * -(-int(wanted) // least)
    if steps >= x.steps:
        return None
    return Segments(plan, x, units, sequences, cells, steps)


class Segments:
    """The states of a recurrence between segments of its steps, and the memory of one segment.

    The first pass leaves the states between segments, and gates of the last one alone. On the way
    back each segment, the last one first, goes forward again and then back. The first segment may
    be shorter than the others: they are cut where the chunks of one backward pass would end, which
    is what gives the same bits.

    Attributes
    ----------
    h, c : Array
        States: the first is to be given, the last one is what comes out. h has those of all steps
        where they come out, else as c those between segments. No c for a GRU.
    steps : int
        Of a segment: what inputs that dropout masks have room for.
    """

    def __init__(
        self, plan: Plan, x: Tensor, units: int, sequences: bool, cells: bool, steps: int
    ) -> None:
        ops, rows, dtype = plan.ops, x.rows, plan.dtype
        self._plan, self._x, self._units, self.steps = plan, x, units, steps
        first = (x.steps - 1) % steps + 1
        self._bounds = [0, *range(first, x.steps + 1, steps)]
        count, width = len(self._bounds), ops.padded(units, dtype)
        self.h = plan.array((x.steps + 1 if sequences else count, rows, width))
        self.c = plan.array((count, rows, width)) if cells else None
        self._own_h = None if sequences else plan.array((steps + 1, rows, width))
        self._own_c = plan.array((steps + 1, rows, width)) if cells else None
        self._gates = plan.array(ops.lstm_gates_shape(steps, rows, units, dtype))

    def _scratch_size(self) -> int:
        ops, x = self._plan.ops, self._x
        shape = self.steps, x.rows, x.features, self._units
        if self.c is None:
            return ops.gru_scratch_size(*shape)
        return ops.lstm_scratch_size(*shape, self._plan.dtype)

    def bind(self, names: tuple[str, str], weights: Any, reverse: bool, masks: Any,
             zoneout: Any = None) -> None:  # fmt: skip
        """Append the calls of the first pass; the first states are there.

        Parameters
        ----------
        names : (str, str)
            The activations.
        weights, reverse, masks, zoneout
            As the kernels take them; masks.xm has the steps of a segment.
        """
        self._forward, self._backward = self._plan.ops.lstm_segments(*names)
        self._weights, self._reverse, self._masks, self._zoneout = weights, reverse, masks, zoneout
        self._scratch = self._plan.scratch(self._scratch_size())
        last = len(self._bounds) - 2
        for number in range(last + 1):
            # Without gates zoneout would not draw.
            calls, work = self._calls(number, number == last or zoneout is not None)
            steps = self._steps_of(number)
            for kept, state in ((self.c, work.c), (None if self._own_h is None else self.h, work.h)):
                if kept is not None:
                    calls.append(self._copy(kept[number + 1], state[steps % state.shape[0]]))
            for function, arguments in calls:
                self._plan.call(function, *arguments)

    def back(self, gradients: Any) -> list[Call]:
        """Return the calls of the way back; `gradients` are those of the whole recurrence."""
        plan, count = self._plan, len(self._bounds) - 1
        scratch = plan.array((self._scratch_size(),))  # sums go on in it from segment to segment
        calls: list[Call] = []
        nothing = gradients.dy
        if self._own_h is not None:
            nothing = plan.array(gradients.dy.shape)
            calls.append((plan.ops.fill, (nothing, -0.0)))  # which changes nothing, not even -0.0
        for number in reversed(range(count)):
            begins, ends = number == count - 1, number == 0
            again, work = self._calls(number, True)
            if not begins:
                calls += again
            first, end = self._bounds[number : number + 2]
            dx = None if gradients.dx is None else self._in_order(gradients.dx, number)
            dy = gradients.dy[first:end] if self._own_h is None else gradients.dy
            if self._own_h is not None and not begins:
                dy = nothing
            x, masks, zoneout = self._given(number)
            seen = x if masks.xm is None else masks.xm
            own = gradients._replace(dy=dy, dx=dx)
            options = self._reverse, masks, zoneout, begins, ends
            calls.append((self._backward, (seen, self._weights, work, own, scratch, *options)))
        return calls

    def _steps_of(self, number: int) -> int:
        return self._bounds[number + 1] - self._bounds[number]

    def _in_order(self, array: Array, number: int) -> Array:
        """Return a segment's part of an array in the order of the input."""
        first, end = self._bounds[number : number + 2]
        if self._reverse:
            first, end = self._x.steps - end, self._x.steps - first
        return array[first:end]

    def _given(self, number: int) -> tuple[Array, Any, Any]:
        """Return inputs, masks and zoneout of a segment."""
        masks, zoneout = self._masks, self._zoneout
        if masks.mask is not None:
            masks = masks._replace(mask=self._in_order(masks.mask, number))
        if masks.xm is not None:
            masks = masks._replace(xm=masks.xm[: self._steps_of(number)])
        if zoneout is not None:
            zoneout = zoneout._replace(first=self._bounds[number] * self._x.rows)
        return self._in_order(self._x.value, number), masks, zoneout

    def _calls(self, number: int, gates: bool) -> tuple[list[Call], Any]:
        """Return the calls that take a segment forward, and where they leave states and gates."""
        steps = self._steps_of(number)
        slots = steps + 1 if gates else 2
        calls = []
        c = None
        if self.c is not None and self._own_c is not None:
            c = self._own_c[:slots]
            calls.append(self._copy(c[0], self.c[number]))
        if self._own_h is None:
            h = self.h[self._bounds[number] : self._bounds[number + 1] + 1]
        else:
            h = self._own_h[:slots]
            calls.append(self._copy(h[0], self.h[number]))
        work = self._plan.ops.Work(h, c, self._gates[:steps] if gates else None)
        x, *options = self._given(number)
        given = x, self._weights, work, self._scratch, self._reverse, *options
        return [*calls, (self._forward, given)], work

    def _copy(self, out: Array, source: Array) -> Call:
        return self._plan.ops.copy, (out, source)
