"""What Python's operators make of symbols: sums, products and parts of values.

As in Keras these are plain arithmetic: the result has no mask. The merging layers have masks.
"""

from collections.abc import Sequence
from typing import Any

from nlstm.arguments.checks import is_number
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.merging import Merge
from nlstm.layers.parts import GetItem
from nlstm.layers.shapes import shown
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.symbols import Symbol, arithmetic

__all__ = ["Arithmetic", "Linear"]


class Arithmetic(Merge):
    """Merge two values without regard to masks.

    Parameters
    ----------
    kind : {"add", "subtract", "multiply"}
    name, dtype
        See `Layer`.
    """

    only_two = True
    is_operator = True

    def __init__(self, kind: str, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.kind = kind
        if name is None:
            self.name = kind

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of the result; raise if the shapes do not fit each other."""
        if len({len(shape) for shape in shapes}) > 1:
            given = ", ".join(shown(shape) for shape in shapes)
            raise ValueError(
                f"{self.name} takes values of as many axes; got {given}. RepeatVector gives steps."
            )
        return super().output_shape(*shapes)

    def fold(self, plan: Plan, inputs: Sequence[Tensor]) -> Tensor:
        """Append the merging; the result has no mask."""
        y = super().fold(plan, inputs)
        y.mask = None
        return y


class Linear(Layer):
    """Compute ``x * factor + offset``.

    Parameters
    ----------
    factor, offset : float
    name, dtype
        See `Layer`.
    """

    is_operator = True

    def __init__(
        self, factor: float, offset: float, *, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.factor, self.offset = float(factor), float(offset)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        return shape

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward or two, and one back."""
        ops, features, number = plan.ops, x.features, plan.dtype.type
        value = plan.array(x.value.shape)
        plan.call(ops.scale, x.value, number(self.factor), value)
        if self.offset:
            scaled, one = value, plan.array((1, x.rows, ops.padded(1, plan.dtype)))
            value = plan.array((x.steps, x.rows, ops.padded(features, plan.dtype)))
            plan.call(ops.fill, one, self.offset)
            sides = ("add", scaled, features, one, 1, False, number(1))
            plan.call(ops.merge_forward, *sides, value, features)
        y = plan.tensor(value, features, x.sequence, gradient=x.gradient is not None)
        dx = plan.input_gradient(x)
        if dx is not None:
            plan.call_back(y, (ops.scale, (y.gradient, number(self.factor), dx)))
        return y


def _merged(kind: str, a: Any, b: Any) -> Symbol:
    for one in (a, b):
        if not isinstance(one, Symbol) and not is_number(one):
            raise TypeError(
                f"What layers return is added to, or multiplied by, a number or the like of it; "
                f"got {type(one).__name__}. Other values go into an Input."
            )
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return Arithmetic(kind)([a, b])
    factor, offset = 1.0, 0.0
    symbol, number = (a, b) if isinstance(a, Symbol) else (b, a)
    if kind == "multiply":
        factor = number
    elif kind == "add" or symbol is b:
        offset = number
    else:
        offset = -number
    if kind == "subtract" and symbol is b:
        factor = -1.0
    layer = Linear(factor, offset)
    layer.name = kind
    return layer(symbol)


def _divided(a: Any, b: Any) -> Symbol:
    if not is_number(b) or b == 0:
        raise TypeError(f"What layers return is divided by numbers that are not 0; got {b!r}.")
    return _merged("multiply", a, 1.0 / b)


def _part(symbol: Symbol, key: Any) -> Symbol:
    return GetItem(key)(symbol)


arithmetic.update(
    add=lambda a, b: _merged("add", a, b),
    subtract=lambda a, b: _merged("subtract", a, b),
    multiply=lambda a, b: _merged("multiply", a, b),
    divide=_divided,
    getitem=_part,
)
