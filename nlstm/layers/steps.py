"""More steps, fewer, or steps and features exchanged."""

import operator
from typing import Any

from nlstm.arguments.checks import checked_size
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import check_data_format, checked_sequence, shown
from nlstm.layers.windowed import checked_pair
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Cropping1D", "Permute", "UpSampling1D", "ZeroPadding1D"]


def bind_shift(plan: Plan, x: Tensor, steps: int, before: int) -> Tensor:
    """Append what puts `before` steps of zeros before `x`, or takes as many away; `steps` stay."""
    ops = plan.ops
    value = plan.array((steps, x.rows, ops.padded(x.features, plan.dtype)))
    y = plan.tensor(value, x.features, True, gradient=x.gradient is not None)
    place = (0, x.features, 1, 1, 1, before)
    plan.call(ops.gather_taps, x.value, *place, value)
    dx = plan.input_gradient(x)
    if dx is not None:
        plan.call_back(y, (ops.scatter_taps, (y.gradient, *place, dx)))
    return y


class ZeroPadding1D(Layer):
    """Put steps of zeros before and after each sequence.

    Parameters
    ----------
    padding : int or (int, int), default 1
        Steps before and after.
    data_format : {"channels_last"}, optional
    name, input_shape, dtype
        See `Layer`.
    """

    needs_sequence = True

    def __init__(
        self,
        padding: Any = 1,
        data_format: str | None = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.padding = checked_pair("padding", padding)
        check_data_format(data_format)
        self.data_format = "channels_last"
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape with so many more steps."""
        steps, features = checked_sequence(self, shape)
        return (None if steps is None else steps + sum(self.padding)), features

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        return bind_shift(plan, x, x.steps + sum(self.padding), self.padding[0])


class Cropping1D(Layer):
    """Take steps away at the beginning and the end of each sequence.

    Parameters
    ----------
    cropping : int or (int, int), default (1, 1)
        Steps at the beginning and at the end.
    name, input_shape, dtype
        See `Layer`.
    """

    needs_sequence = True

    def __init__(
        self,
        cropping: Any = (1, 1),
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.cropping = checked_pair("cropping", cropping)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape with so many fewer steps; at least one has to be left."""
        steps, features = checked_sequence(self, shape)
        return (None if steps is None else self._left(steps)), features

    def _left(self, steps: int) -> int:
        left = steps - sum(self.cropping)
        if left < 1:
            raise ValueError(f"{self.name} takes {sum(self.cropping)} steps away; got {steps}.")
        return left

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        return bind_shift(plan, x, self._left(x.steps), -self.cropping[0])


class UpSampling1D(Layer):
    """Repeat each step.

    Parameters
    ----------
    size : int, default 2
        How often each step comes.
    name, input_shape, dtype
        See `Layer`.
    """

    needs_sequence = True

    def __init__(
        self,
        size: int = 2,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.size = checked_size("size", size)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape with `size` times the steps."""
        steps, features = checked_sequence(self, shape)
        return (None if steps is None else steps * self.size), features

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        ops, features = plan.ops, x.features
        value = plan.array((x.steps * self.size, x.rows, ops.padded(features, plan.dtype)))
        y = plan.tensor(value, features, True, gradient=x.gradient is not None)
        plan.call(ops.repeat_each_step, x.value, self.size, features, value)
        dx = plan.input_gradient(x)
        if dx is not None:
            plan.call_back(y, (ops.sum_each_step, (y.gradient, self.size, dx)))
        return y


class Permute(Layer):
    """Put the axes of each sample in another order.

    Parameters
    ----------
    dims : tuple of int
        (2, 1) makes steps of the features, and features of the steps; (1, 2) and (1,) change
        nothing.
    name, input_shape, dtype
        See `Layer`.
    """

    def __init__(
        self,
        dims: tuple[int, ...],
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        try:
            self.dims = tuple(operator.index(one) for one in dims)
        except TypeError:
            raise TypeError(f"dims must be a tuple of integers; got {dims!r}.") from None
        if self.dims not in ((1,), (1, 2), (2, 1)):
            raise ValueError(f"dims must be (2, 1), (1, 2) or (1,); got {dims!r}.")
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape with its axes in the new order."""
        if len(shape) != len(self.dims):
            raise ValueError(
                f"{self.name} permutes {len(self.dims)} axes, dims={self.dims}; what comes before "
                f"it gives {shown(shape)}."
            )
        if self.dims == (2, 1) and shape[0] is None:
            raise ValueError(
                f"{self.name} needs the number of steps, which become features: state it in Input."
            )
        return tuple(shape[one - 1] for one in self.dims)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        ops = plan.ops
        if self.dims != (2, 1):
            y = plan.tensor(x.value, x.features, x.sequence, gradient=x.gradient is not None)
            dx = plan.input_gradient(x)
            if dx is not None:
                plan.call_back(y, (ops.copy, (dx, y.gradient)))
            return y
        value = plan.array((x.features, x.rows, ops.padded(x.steps, plan.dtype)))
        y = plan.tensor(value, x.steps, True, gradient=x.gradient is not None)
        plan.call(ops.swap_axes, x.value, x.features, value)
        dx = plan.input_gradient(x)
        if dx is not None:
            plan.call_back(y, (ops.swap_axes, (y.gradient, x.steps, dx)))
        return y
