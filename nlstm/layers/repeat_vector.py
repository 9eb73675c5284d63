"""One vector at every step: how an encoder's result enters a decoder."""

from typing import Any

from nlstm.arguments.checks import checked_size
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import checked_flat
from nlstm.plan.plan import Plan, Tensor

__all__ = ["RepeatVector"]


class RepeatVector(Layer):
    """Repeat a vector `n` times: (batch, features) becomes (batch, n, features).

    Parameters
    ----------
    n : int
        Number of steps.
    name, input_shape, dtype
        See `Layer`.
    """

    makes_sequence = True

    def __init__(
        self,
        n: int,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.n = checked_size("n", n)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (n, features); a `shape` with steps is an error."""
        return (self.n, checked_flat(self, shape))

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        ops, features = plan.ops, x.features
        value = plan.array((self.n, x.rows, ops.padded(features, plan.dtype)))
        y = plan.tensor(value, features, True, gradient=x.gradient is not None)
        plan.call(ops.repeat_steps, x.value, features, value)
        dx = plan.input_gradient(x)
        if dx is not None:
            plan.call_back(y, (ops.sum_steps, (y.gradient, dx)))
        return y
