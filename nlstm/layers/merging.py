"""Several values made one, element by element."""

from typing import Any

from nlstm.layers.joins import joined_mask, merge
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import sample_shape, shown
from nlstm.plan import Plan, Tensor

__all__ = ["Add", "Average", "Maximum", "Merge", "Minimum", "Multiply", "Subtract"]


class Merge(Layer):
    """What the layers have in common that merge values element by element.

    A value with one step, one feature, or no steps serves all steps or features of the others.
    """

    supports_masking = True
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
        """Append a call forward for each pair, and one back for each of its sides."""
        self.output_shape(*(sample_shape(x) for x in inputs))
        mask = joined_mask(plan, inputs)
        result = inputs[0]
        for place, other in enumerate(inputs[1:], 2):
            scale = self.scale(place) if place == len(inputs) else 1.0
            result = merge(plan, self.kind, result, other, scale=scale)
        result.mask = mask
        return result


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
    """Multiply two or more values."""

    kind = "multiply"


class Maximum(Merge):
    """Take the largest of two or more values."""

    kind = "maximum"


class Minimum(Merge):
    """Take the smallest of two or more values."""

    kind = "minimum"
