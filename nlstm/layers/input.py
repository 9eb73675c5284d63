"""The first entry of a model: what goes in."""

from typing import Any

from nlstm.layers.layer import Layer, Shape
from nlstm.plan import Plan, Tensor

__all__ = ["Input"]


class Input(Layer):
    """State the shape of one sample, so that a model is built before it sees data.

    Parameters
    ----------
    shape : tuple of int
        (steps, features), where steps may be None for any number; or (features,).
    dtype, name
        See `Layer`.
    """

    def __init__(
        self, shape: tuple[int | None, ...], *, dtype: Any = None, name: str | None = None
    ) -> None:
        super().__init__(name=name, input_shape=shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        return shape

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Return `x`."""
        return x
