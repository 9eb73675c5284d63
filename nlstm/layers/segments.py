"""A recurrence that keeps a state now and then, and computes the gates again on the way back."""

import math
from typing import Any

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
    least = plan.ops.lstm_segment_steps(x.rows, x.features, units, plan.dtype)
    wanted = math.isqrt(x.steps) if plan.recompute == AUTO else plan.recompute
    steps = least * -(-int(wanted) // least)
    if steps >= x.steps:
        return None
    return Segments(plan, x, units, sequences, cells, steps)


class Segments:
    """The states of a recurrence between segments of its steps, and the memory of one segment.

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
        count, width = -(-x.steps // steps), ops.padded(units, dtype)
        self.h = plan.array(((x.steps if sequences else count) + 1, rows, width))
        self.c: Any = plan.array((count + 1, rows, width)) if cells else None
        own_h = None if sequences else plan.array((steps + 1, rows, width))
        own_c = plan.array((steps + 1, rows, width)) if cells else None
        gates = plan.array(ops.lstm_gates_shape(steps, rows, units, dtype))
        self._own = ops.Work(own_h, own_c, gates)
        self._shape = steps, rows, x.features, units, dtype

    def bind(self, names: tuple[str, str], weights: Any, *options: Any) -> None:
        """Append the first pass; the first states are there.

        Parameters
        ----------
        names : (str, str)
            The activations.
        weights : Weights
        *options
            What the kernels take last: reverse, masks, zoneout.
        """
        plan = self._plan
        forward, self._backward = plan.ops.lstm_segments(*names)
        scratch = plan.scratch(plan.ops.lstm_scratch_size(*self._shape))
        self._given = self._x.value, weights, plan.ops.Work(self.h, self.c), self._own
        self._scratch, self._options = scratch, options
        plan.call(forward, *self._given, scratch, *options)

    def back(self, gradients: Any) -> Call:
        """Return the call of the way back."""
        plan = self._plan
        sums = plan.array((plan.ops.lstm_segments_size(*self._shape),))
        return self._backward, (*self._given, gradients, self._scratch, sums, *self._options)
