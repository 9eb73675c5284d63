"""Masking: steps that hold one value throughout do not count."""

from typing import Any

from nlstm.arguments.checks import checked_number
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import checked_sequence
from nlstm.layers.views import shared
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Masking"]


class Masking(Layer):
    """Mask the steps of which every feature equals `mask_value`, and set them to zero.

    Parameters
    ----------
    mask_value : float
        What fills the steps that shall not count.
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    The layers behind it skip masked steps, and the loss leaves them out.
    """

    needs_sequence = True

    def __init__(
        self,
        mask_value: float = 0.0,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.mask_value = checked_number("mask_value", mask_value)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`, which must have steps."""
        return checked_sequence(self, shape)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append a call for the mask, and one for the values unless masked steps are zero."""
        ops, features = plan.ops, x.features
        mask = plan.mask(x.steps, x.rows)
        value = x.value
        plan.call(ops.value_mask, value, plan.dtype.type(self.mask_value), features, mask)
        if self.mask_value != 0.0:
            value = plan.array((x.steps, x.rows, ops.padded(features, plan.dtype)))
            plan.call(ops.keep_steps, x.value, mask, False, 0.0, features, value)
        y = shared(plan, x, value, mask)
        if y.gradient is not None:
            dy = y.gradient
            plan.call_back(y, (ops.keep_steps, (dy, mask, False, 0.0, features, dy)))
        return y
