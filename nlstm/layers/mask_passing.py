"""Masks taken off a value, and put on another: graphs of Keras 3 do both around given states."""

from nlstm.layers.layer import Layer, Shape
from nlstm.layers.views import shared
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.symbols import check_mask

__all__ = ["MaskOf", "Unmasked"]


class Unmasked(Layer):
    """Hand a value on without its mask."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        return shape

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append no call: the value is the same."""
        y = shared(plan, x, x.value, None)
        if y.gradient is not None:
            plan.call_back(y)
        return y


class MaskOf(Layer):
    """Hand the first value on with the mask of the second, whose numbers do not matter."""

    def output_shape(self, shape: Shape, other: Shape) -> Shape:
        """Return `shape`; raise if the other has other steps."""
        check_mask(self, shape, other[:1])
        return shape

    def bind(self, plan: Plan, x: Tensor, other: Tensor) -> Tensor:
        """Append no call: the value is the same."""
        y = shared(plan, x, x.value, other.mask)
        if y.gradient is not None:
            plan.call_back(y)
        return y
