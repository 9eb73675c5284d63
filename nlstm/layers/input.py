"""Where a model begins: what goes in."""

from typing import Any

from nlstm.arguments.checks import (
    checked_batch_shape,
    checked_numpy_dtype,
    checked_shape,
    checked_size,
)
from nlstm.layers.layer import Layer, Shape
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.symbols import Node, Symbol

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """State the shape of one sample; `Input` makes one and returns its symbol.

    Parameters
    ----------
    shape : tuple of int
        See `Input`.
    batch_size : int, optional
    dtype, name
        See `Input`.
    """

    def __init__(
        self,
        shape: tuple[int | None, ...],
        batch_size: int | None = None,
        dtype: Any = None,
        *,
        name: str | None = None,
    ) -> None:
        whole = dtype is not None and checked_numpy_dtype("dtype", dtype).kind in "iub"
        # It draws nothing, so it takes no stream of random numbers from the others.
        checked_shape("input_shape", shape)
        super().__init__(name=name, input_shape=shape, dtype=None if whole else dtype, seed=0)
        self.batch_size = None if batch_size is None else checked_size("batch_size", batch_size)
        self._begin()

    def _begin(self) -> None:
        assert self.input_shape is not None
        self.nodes = [Node(self, (), [self.input_shape], batch_size=self.batch_size)]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        super().__setstate__(state)
        self._begin()

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        return shape

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Return `x`."""
        return x


def Input(  # noqa: N802  (Keras's name)
    shape: tuple[int | None, ...] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    *,
    batch_shape: tuple[int | None, ...] | None = None,
    name: str | None = None,
) -> Symbol:
    """Begin a model: state the shape of one sample.

    Parameters
    ----------
    shape : tuple of int
        (steps, features), where steps may be None for any number; or (features,); or (steps,) of
        indices for an `Embedding`, where steps may be None too.
    batch_size : int, optional
        Rows of every batch, for layers that keep their state from batch to batch.
    dtype : str or dtype, optional
        "float32" or "float64": the model's. Integers and booleans are taken as numbers of the
        model's dtype.
    batch_shape : tuple of int, optional
        Instead of both: ``(batch_size or None, *shape)``.
    name : str, optional

    Returns
    -------
    Symbol
        To call layers on; or the first entry of a `Sequential`.
    """
    if batch_shape is not None:
        if shape is not None or batch_size is not None:
            raise ValueError("Input takes batch_shape, or shape and batch_size, not both.")
        batch_size, *rest = checked_batch_shape("batch_shape", batch_shape)
        shape = tuple(rest)
    if shape is None:
        raise ValueError("Input needs a shape, such as (steps, features).")
    return InputLayer(shape, batch_size, dtype, name=name).output
