"""A recurrent layer's way back one step at a time, by the kernels that take all steps at once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.inspection.gates import forward_parts
from nlstm.kernels.operations import Array, Call, Operations
from nlstm.layers import GRU, SimpleRNN
from nlstm.plan.recurrence import Recurrence

__all__ = ["StepBack", "steps_of"]

Visit = Callable[[int, Array, Array | None], None]


def steps_of(recurrence: Recurrence) -> int:
    """Return T."""
    return forward_parts(recurrence)[0].shape[0] - 1


class StepBack:
    """Runs the way back of a recurrence, step by step.

    Parameters
    ----------
    recurrence : Recurrence
    ops : Operations
    inputs : bool
        Whether the gradient of the inputs is written too.
    """

    def __init__(self, recurrence: Recurrence, ops: Operations, inputs: bool) -> None:
        assert recurrence.backward is not None
        self.ops, self.layer = ops, recurrence.layer
        self.function, self.arguments = recurrence.backward
        h, self.c, _, self.reverse, self.mask = forward_parts(recurrence)
        self.steps, self.inputs = h.shape[0] - 1, inputs
        self.gradients = next(one for one in self.arguments if hasattr(one, "dW"))
        self._zeros = ops.zeros(h[:1].shape)
        self._scratch = self._own_scratch(h.shape[1])

    def _own_scratch(self, rows: int) -> Any:
        """Return the scratch of one step; other kernels take what all steps have."""
        layer: Any = self.layer
        if isinstance(layer, SimpleRNN) or (isinstance(layer, GRU) and not layer.reset_after):
            return None
        normalised = getattr(layer, "layer_norm", False)
        size = self.ops.normalised_scratch_size if normalised else self.ops.lstm_scratch_size
        features = self.arguments[0].shape[-1]
        return self.ops.zeros(size(1, rows, features, layer.units, self.ops.dtype))

    def run(self, dh: Array, dc: Array | None, visit: Visit, outputs: bool = True) -> None:
        """Take dh and dc of the last state back to the first; `visit` sees them after each step.

        `visit` gets the number of the state's slot: t for what was before step t. With `outputs`
        each step adds the gradient of its output to dh first.
        """
        for step in reversed(range(self.steps)):
            function, arguments = self._call(step, dh, dc, outputs)
            function(*arguments)
            visit(step, dh, dc)

    def _call(self, step: int, dh: Array, dc: Array | None, outputs: bool) -> Call:
        layer: Any = self.layer
        at = self.steps - 1 - step if self.reverse else step  # in the order of the input
        given = self.gradients
        dy, whole = given.dy, given.dy.shape[0] == self.steps
        if not outputs or (not whole and step < self.steps - 1):
            dy = self._zeros
        elif whole:
            dy = dy[step : step + 1]
        dx = given.dx if self.inputs else None
        if isinstance(layer, GRU) and not layer.reset_after:
            return self._before(step, at, given._replace(dy=dy, dh=dh, dx=dx))
        if dx is not None:
            dx = dx[at : at + 1]
        gradients = given._replace(dy=dy, dh=dh, dc=dc, dx=dx)
        masks = self._masks(at)
        if isinstance(layer, SimpleRNN):
            x, weights, h, z, dz, _, scratch, reverse, _ = self.arguments
            z = None if z is None else z[step : step + 1]
            kept = (h[step : step + 2], z, dz[step : step + 1])
            rest = (gradients, scratch, reverse, masks)
            return self.function, (x[at : at + 1], weights, *kept, *rest)
        if getattr(layer, "layer_norm", False):
            x, weights, gains, work, _, dgains, _, reverse, _ = self.arguments
            factors = work.factors[step : step + 1]
            work = work._replace(**self._states(work, step), factors=factors)
            six = (x[at : at + 1], weights, gains, work, gradients, dgains)
            return self.function, (*six, self._scratch, reverse, masks)
        x, weights, work, _, _, reverse, _, *zoneout = self.arguments
        work = work._replace(**self._states(work, step))
        given = (x[at : at + 1], weights, work, gradients, self._scratch, reverse, masks)
        return self.function, (*given, *zoneout)

    def _before(self, step: int, at: int, gradients: Any) -> Call:
        """Return the call of a GRU whose reset gate comes first: its steps are not its first axis.

        Parts of these arrays are copied.
        """
        x, weights, h, a, s, _, scratch, reverse, _ = self.arguments
        ops, masks = self.ops, self._masks(at)
        a, s = (self._copied(one, step) for one in (a, s))
        given = (self._copied(x, at), weights, h[step : step + 2], a, s)
        if gradients.dx is None:
            return self.function, (*given, gradients, scratch, reverse, masks)
        to = gradients.dx[0][at : at + 1]
        dx = ops.zeros((1, *to.shape))

        def run(*arguments: Any) -> None:
            self.function(*arguments)
            ops.copy(to, dx[0])

        return run, (*given, gradients._replace(dx=dx), scratch, reverse, masks)

    def _copied(self, array: Array, step: int) -> Array:
        """Return one step of an array (parts, T, N, S) as an array of its own."""
        part = self.ops.to_host(array)[:, step : step + 1]
        return self.ops.to_device(np.ascontiguousarray(part))

    @staticmethod
    def _states(work: Any, step: int) -> dict[str, Any]:
        c = None if work.c is None else work.c[step : step + 2]
        return {"h": work.h[step : step + 2], "c": c, "gates": work.gates[step : step + 1]}

    def _masks(self, at: int) -> Any:
        mask = None if self.mask is None else self.mask[at : at + 1]
        return self.ops.Masks(mask)
