"""Several values made one, element by element."""

from collections.abc import Sequence
from typing import Any

from nlstm.layers.joins import choose, joined_mask, merge
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import shown
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Add", "Average", "Maximum", "Merge", "Minimum", "Multiply", "Subtract"]


class Merge(Layer):
    """What the layers have in common that merge values element by element.

    A value with one step, one feature, or no steps serves all steps or features of the others.
    """

    kind = "add"
    only_two = False

    def __init__(
        self,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of the result; raise if the shapes do not fit each other."""
        if len(shapes) < 2 or (self.only_two and len(shapes) > 2):
            number = "two" if self.only_two else "two or more"
            raise ValueError(f"{self.name} expects {number} inputs; got {len(shapes)}.")
        rank = max(len(shape) for shape in shapes)
        axes = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
        found: list[int | None] = []
        for sizes in zip(*axes, strict=True):
            wanted = {n for n in sizes if n not in (1, None)}
            if len(wanted) > 1:
                given = ", ".join(shown(shape) for shape in shapes)
                raise ValueError(f"{self.name} cannot merge shapes {given}.")
            found.append(wanted.pop() if wanted else None if None in sizes else 1)
        return tuple(found)

    def scale(self, count: int) -> float:
        """Return the factor of a sum of `count` values."""
        return 1.0

    def bind(self, plan: Plan, *inputs: Tensor) -> Tensor:
        """Append the merging of all inputs."""
        shapes = {x.sample for x in inputs}
        self.output_shape(*(x.sample for x in inputs))
        if len(shapes) == 1 and any(x.mask is not None for x in inputs):
            return self.bind_masked(plan, inputs)
        return self.fold(plan, inputs)

    def fold(self, plan: Plan, inputs: Sequence[Tensor]) -> Tensor:
        """Append a call forward for each pair, and one back for each of its sides."""
        mask = joined_mask(plan, [x.mask for x in inputs])
        result = inputs[0]
        for place, other in enumerate(inputs[1:], 2):
            scale = self.scale(place) if place == len(inputs) else 1.0
            result = merge(plan, self.kind, result, other, scale=scale)
        result.mask = mask
        return result

    def bind_masked(self, plan: Plan, inputs: Sequence[Tensor]) -> Tensor:
        """Append what becomes of inputs of which some are masked."""
        return self.fold(plan, inputs)


class Add(Merge):
    """Add two or more values."""


class Average(Merge):
    """Take the mean of two or more values."""

    def scale(self, count: int) -> float:
        """Return 1 / count."""
        return 1.0 / count


class Subtract(Merge):
    """Take the second value from the first."""

    kind = "subtract"
    only_two = True


class Multiply(Merge):
    """Multiply two or more values.

    Notes
    -----
    As in Keras, a masked step counts as ones; one that is masked in all values becomes zeros.
    """

    kind = "multiply"

    def bind_masked(self, plan: Plan, inputs: Sequence[Tensor]) -> Tensor:
        """Append the product of what is not masked."""
        mask = joined_mask(plan, [x.mask for x in inputs])
        seen: Sequence[Tensor] = inputs
        if any(x.mask is not mask for x in inputs):
            seen = [x if x.mask is None else choose(plan, x.mask, x, 1.0) for x in inputs]
        y = self.fold(plan, seen)
        if mask is not None:
            y = choose(plan, mask, y, 0.0)
        y.mask = mask
        return y


def compare_masked(plan: Plan, kind: str, inputs: Sequence[Tensor]) -> Tensor:
    """Append the comparison of what is not masked; `kind` is "maximum" or "minimum"."""
    result, mask = inputs[0], inputs[0].mask
    for other in inputs[1:]:
        second = other if other.mask is None else choose(plan, other.mask, other, result)
        first = result if mask is None else choose(plan, mask, result, second)
        mask = joined_mask(plan, [mask, other.mask])
        result = merge(plan, kind, first, second)
    result.mask = mask
    return result


class Maximum(Merge):
    """Take the largest of two or more values.

    Notes
    -----
    As in Keras, a masked step leaves the other value; the first one, if both are masked.
    """

    kind = "maximum"

    def bind_masked(self, plan: Plan, inputs: Sequence[Tensor]) -> Tensor:
        """Append the comparison of what is not masked."""
        return compare_masked(plan, self.kind, inputs)


class Minimum(Merge):
    """Take the smallest of two or more values.

    Notes
    -----
    See `Maximum`.
    """

    kind = "minimum"

    def bind_masked(self, plan: Plan, inputs: Sequence[Tensor]) -> Tensor:
        """Append the comparison of what is not masked."""
        return compare_masked(plan, self.kind, inputs)
