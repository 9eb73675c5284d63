"""Values put side by side, or one after the other."""

from collections.abc import Sequence
from typing import Any

from nlstm.arguments.checks import checked_integer
from nlstm.layers.joins import concatenate
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import shown
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["Concatenate"]


class Concatenate(Layer):
    """Concatenate two or more values.

    Parameters
    ----------
    axis : int, default -1
        Counted with the batch axis: the features, or 1 for the steps of sequences.
    name, input_shape, dtype
        See `Layer`.
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.axis = checked_integer("axis", axis)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of the result; raise if the shapes do not fit each other."""
        given = ", ".join(shown(shape) for shape in shapes)
        ranks = {len(shape) for shape in shapes}
        if len(ranks) != 1:
            raise ValueError(f"{self.name} expects inputs of as many axes; got {given}.")
        rank = ranks.pop()
        axis = self._sample_axis(rank)
        found: list[int | None] = []
        for place, sizes in enumerate(zip(*shapes, strict=True)):
            known = {n for n in sizes if n is not None}
            if place == axis:
                found.append(None if None in sizes else sum(n or 0 for n in sizes))
            elif len(known) > 1:
                raise ValueError(
                    f"{self.name} expects inputs that differ in axis {self.axis} alone; got "
                    f"{given}."
                )
            else:
                found.append(known.pop() if known else None)
        return tuple(found)

    def _sample_axis(self, rank: int) -> int:
        """Return the axis without the batch: 0 or, for the features of sequences, 1."""
        axis = self.axis if self.axis < 0 else self.axis - 1 - rank
        if not -rank <= axis < 0 or self.axis == 0:
            raise ValueError(
                f"{self.name}: axis must be one of 1 to {rank} or -{rank} to -1 for inputs with "
                f"{rank + 1} axes; got {self.axis}."
            )
        return axis + rank

    def bind(self, plan: Plan, *inputs: Tensor) -> Tensor:
        """Append a call forward and one back for each input."""
        self.output_shape(*(x.sample for x in inputs))
        along_steps = inputs[0].sequence and self._sample_axis(2) == 0
        return (concatenate_steps if along_steps else concatenate)(plan, inputs)


def concatenate_steps(plan: Plan, inputs: Sequence[Tensor]) -> Tensor:
    """Append the concatenation of steps."""
    ops, features = plan.ops, inputs[0].features
    steps, rows = sum(x.steps for x in inputs), inputs[0].rows
    value = plan.array((steps, rows, ops.padded(features, plan.dtype)))
    wanted = any(x.gradient is not None for x in inputs)
    y = plan.tensor(value, features, True, gradient=wanted)
    if any(x.mask is not None for x in inputs):
        y.mask = plan.mask(steps, rows)
    calls: list[Call] = []
    start = 0
    for x in inputs:
        part = slice(start, start + x.steps)
        to = value[part]
        plan.call(ops.copy_columns, x.value, 0, features, False, to, 0, to.shape[2])
        dx = plan.input_gradient(x)
        if dx is not None:
            assert y.gradient is not None
            back = (y.gradient[part], 0, features, False, dx, 0, dx.shape[2])
            calls.append((ops.copy_columns, back))
        if y.mask is not None:
            plan.call(ops.copy, y.mask[part], 1 if x.mask is None else x.mask)
        start += x.steps
    if calls:
        plan.call_back(y, *calls)
    return y
