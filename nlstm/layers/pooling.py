"""Pools over all steps of a sequence."""

from typing import Any

from nlstm.arguments.checks import checked_flag
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import check_data_format, checked_sequence
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["GlobalAveragePooling1D", "GlobalMaxPooling1D"]


class GlobalPooling1D(Layer):
    """What the two pools have in common.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For old code.
    keepdims : bool, default False
        Keep the axis of the steps, with one step.
    name, input_shape, dtype
        See `Layer`.
    """

    needs_sequence = True

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        check_data_format(data_format)
        self.data_format = "channels_last"
        self.keepdims = checked_flag("keepdims", keepdims)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (features,), or (1, features) with `keepdims`."""
        _, features = checked_sequence(self, shape)
        return (1, features) if self.keepdims else (features,)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        value = plan.array((1, x.rows, plan.ops.padded(x.features, plan.dtype)))
        y = plan.tensor(value, x.features, self.keepdims, gradient=x.gradient is not None)
        back = self.pool(plan, x, y)
        dx = plan.input_gradient(x)
        if dx is not None:
            function, arguments = back
            plan.call_back(y, (function, (*arguments, dx)))
        return y

    def pool(self, plan: Plan, x: Tensor, y: Tensor) -> Call:
        """Append the call forward; return the one back, which takes dx as well."""
        raise NotImplementedError


class GlobalAveragePooling1D(GlobalPooling1D):
    """Take the mean over the steps; masked ones do not count.

    Parameters
    ----------
    data_format, keepdims, name, input_shape, dtype
        See `GlobalMaxPooling1D`.

    Notes
    -----
    A row whose steps are all masked gives NaN, as in Keras.
    """

    mask_second = True

    def pool(self, plan: Plan, x: Tensor, y: Tensor) -> Call:
        """Append the call forward; return the one back, which takes dx as well."""
        plan.call(plan.ops.average_steps, x.value, x.mask, x.features, y.value)
        return plan.ops.average_steps_backward, (x.mask, y.gradient, x.features)


class GlobalMaxPooling1D(GlobalPooling1D):
    """Take the largest value over the steps. As in Keras, masked steps count too.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
        For old code.
    keepdims : bool, default False
        Keep the axis of the steps, with one step.
    name, input_shape, dtype
        See `Layer`.
    """

    def pool(self, plan: Plan, x: Tensor, y: Tensor) -> Call:
        """Append the call forward; return the one back, which takes dx as well."""
        plan.call(plan.ops.largest_steps, x.value, x.features, y.value)
        counts = plan.scratch(x.features)
        back = (x.value, y.value, y.gradient, x.features, counts)
        return plan.ops.largest_steps_backward, back


GlobalAvgPool1D, GlobalMaxPool1D = GlobalAveragePooling1D, GlobalMaxPooling1D
