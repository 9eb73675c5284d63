"""Activations as layers of their own."""

from typing import Any

from nlstm import activations
from nlstm.arguments.checks import checked_integer
from nlstm.layers.joins import binary, combined, merge
from nlstm.layers.layer import Layer, Shape, StreamedLayer
from nlstm.layers.shapes import shown
from nlstm.layers.views import as_rows, shared
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Activation", "Identity", "Softmax"]

FAR = 1e9  # what is so far below the others has no share: Keras's number

Ramp = tuple[float, float, float]  # slope, threshold, limit


def bind_ramp(plan: Plan, x: Tensor, ramp: Ramp) -> Tensor:
    """Append what cuts `x` off at a limit and multiplies what is below a threshold by a slope."""
    ops = plan.ops
    value = plan.array((x.steps, x.rows, ops.padded(x.features, plan.dtype)))
    given = x.features, *(plan.dtype.type(number) for number in ramp)
    plan.call(ops.ramp_forward, as_rows(x.value), as_rows(value), *given)
    y = shared(plan, x, value, x.mask)
    if y.gradient is not None:
        dy = as_rows(y.gradient)
        plan.call_back(y, (ops.ramp_backward, (as_rows(x.value), dy, dy, *given)))
    return y


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
    _ramp: Ramp | None = None

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
        through = self.activation == "linear" and self._ramp is None
        return None if through else super().streamed()

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back, and the same of the ramp if there is one.

        The calls back write over the gradient in place.
        """
        y = x if self.activation == "linear" else self._bind_activation(plan, x)
        return y if self._ramp is None else bind_ramp(plan, y, self._ramp)

    @property
    def kernel_name(self) -> str | None:
        """The name of the kernel that does all of it, for layers that take an activation."""
        return self.activation if self._ramp is None else None

    def _then(self, ramp: Ramp | None) -> None:
        """Let a ramp follow the activation."""
        self._ramp, self.fuses_loss = ramp, ramp is None

    def _bind_activation(self, plan: Plan, x: Tensor) -> Tensor:
        ops, features = plan.ops, x.features
        shape = (x.steps, x.rows, ops.padded(features, plan.dtype))
        value, given = plan.array(shape), x.value
        if self.activation in ops.INPUT_NAMES:
            # The derivative needs x, and the kernel reads it in whole vectors.
            forward, backward = ops.activation(self.activation)
            if given.shape != shape:
                given = plan.array(shape)
                plan.call(ops.copy_columns, x.value, 0, features, False, given, 0, shape[2])
        else:
            forward, backward = ops.row_activation(self.activation)
        plan.call(forward, as_rows(given), as_rows(value), features)
        y = shared(plan, x, value, x.mask)
        if y.gradient is not None:
            dy = as_rows(y.gradient)
            back = (as_rows(given), as_rows(value), dy, dy, features)
            # A loss that is fused with the activation hands over the gradient from before it.
            plan.call_back(y, *([] if plan.fused is self else [(backward, back)]))
        return y


class Identity(Activation):
    """Hand the input on as it is.

    Parameters
    ----------
    name, input_shape, dtype
        See `Layer`.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("linear", name=name, input_shape=input_shape, dtype=dtype)


class Softmax(Activation):
    """Turn each step's numbers into shares of 1.

    It may be called on a mask too, ``Softmax()(x, mask)``, of the input's shape: what is not above
    0.5 there has no share. A mask of steps, as `Masking` makes one, is passed on.

    Parameters
    ----------
    axis : int, default -1
        No other is supported.
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
        if checked_integer("axis", axis) != -1:
            raise ValueError(f"axis must be -1, the features; got {axis!r}.")
        self.axis = axis
        super().__init__("softmax", name=name, input_shape=input_shape, dtype=dtype)

    def __call__(self, *inputs: Any, mask: Any = None, **others: Any) -> Any:
        """Put the layer behind what other layers return; `mask` has the input's shape."""
        return super().__call__(*inputs, mask, **others)

    def output_shape(self, shape: Shape, *masks: Shape) -> Shape:
        """Return `shape`; raise if a mask has another one."""
        if masks not in ((), (shape,)):
            raise ValueError(
                f"{self.name} expects a mask of the input's shape, {shown(shape)}; got "
                f"{', '.join(shown(mask) for mask in masks)}."
            )
        return shape

    def bind(self, plan: Plan, x: Tensor, *masks: Tensor) -> Tensor:
        """Append the calls of the activation, and before and after it those of the mask."""
        if not masks:
            return super().bind(plan, x)
        self.output_shape(x.sample, masks[0].sample)
        kept = binary(plan, masks[0])
        far = combined(plan, "subtract", kept, 1.0)
        plan.call(plan.ops.scale, far.value, plan.dtype.type(FAR), far.value)
        value = combined(plan, "add", x, far).value
        seen = shared(plan, x, value, x.mask)
        plan.call_back(seen)
        y = merge(plan, "multiply", super().bind(plan, seen), kept)
        y.mask = x.mask
        return y
