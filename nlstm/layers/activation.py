"""An activation as a layer of its own."""

from typing import Any

from nlstm import activations
from nlstm.layers.layer import Layer, Shape, StreamedLayer
from nlstm.layers.views import as_rows, shared
from nlstm.plan import Plan, Tensor

__all__ = ["Activation"]


class Activation(Layer):
    """Apply an activation to each number; "softmax" to each step as a whole.

    Parameters
    ----------
    activation : str, function or None
    name, input_shape, dtype
        See `Layer`.
    """

    activation: str
    fuses_loss = True

    def __init__(
        self,
        activation: Any,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.activation = activations.get(activation, layer="Activation")
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        return shape

    def streamed(self) -> StreamedLayer | None:
        """Let the input through if the activation does."""
        return None if self.activation == "linear" else super().streamed()

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back, which writes over the gradient in place."""
        if self.activation == "linear":
            return x
        ops = plan.ops
        forward, backward = ops.activation(self.activation)
        value = plan.array((x.steps, x.rows, ops.padded(x.features, plan.dtype)))
        plan.call(forward, as_rows(x.value), as_rows(value), x.features)
        y = shared(plan, x, value, x.mask)
        if y.gradient is not None:
            dy = as_rows(y.gradient)
            back = (as_rows(x.value), as_rows(value), dy, dy, x.features)
            # A loss that is fused with the activation hands over the gradient from before it.
            plan.call_back(y, *([] if plan.fused is self else [(backward, back)]))
        return y
