"""Pools over windows of steps."""

from typing import Any

from nlstm.arguments.checks import checked_choice
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import check_data_format, checked_sequence
from nlstm.layers.windowed import checked_one, counted_windows
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["AveragePooling1D", "MaxPooling1D"]


class WindowPooling1D(Layer):
    """What the two pools have in common.

    Parameters
    ----------
    pool_size : int, default 2
        Steps of a window.
    strides : int, optional
        From one window to the next; by default `pool_size`.
    padding : {"valid", "same"}
        Whether windows may begin or end where there are no steps; these do not count.
    data_format : {"channels_last"}, optional
    name, input_shape, dtype
        See `Layer`.
    """

    needs_sequence = True

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.pool_size = checked_one("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else checked_one("strides", strides)
        self.padding = checked_choice("padding", padding, ["valid", "same"])
        check_data_format(data_format)
        self.data_format = "channels_last"
        super().__init__(name=name, input_shape=input_shape, dtype=dtype)

    def _windows(self, steps: int | None) -> tuple[int | None, int]:
        return counted_windows(self, steps, self.pool_size[0], self.strides[0], self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (windows, features)."""
        steps, features = checked_sequence(self, shape)
        return self._windows(steps)[0], features

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        windows, left = self._windows(x.steps)
        assert windows is not None
        value = plan.array((windows, x.rows, plan.ops.padded(x.features, plan.dtype)))
        y = plan.tensor(value, x.features, True, gradient=x.gradient is not None)
        place = (x.features, self.pool_size[0], self.strides[0], left)
        function, arguments = self.pool(plan, x, y, place)
        dx = plan.input_gradient(x)
        if dx is not None:
            plan.call_back(y, (function, (*arguments, dx)))
        return y

    def pool(self, plan: Plan, x: Tensor, y: Tensor, place: tuple[int, ...]) -> Call:
        """Append the call forward; return the one back, which takes dx as well."""
        raise NotImplementedError


class AveragePooling1D(WindowPooling1D):
    """Take the mean of each window.

    Parameters
    ----------
    pool_size, strides, padding, data_format, name, input_shape, dtype
        See `MaxPooling1D`.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        more = {"name": name, "input_shape": input_shape, "dtype": dtype}
        super().__init__(pool_size, strides, padding, data_format, **more)

    def pool(self, plan: Plan, x: Tensor, y: Tensor, place: tuple[int, ...]) -> Call:
        """Append the call forward; return the one back, which takes dx as well."""
        plan.call(plan.ops.average_windows, x.value, *place, y.value)
        return plan.ops.average_windows_backward, (y.gradient, *place)


class MaxPooling1D(WindowPooling1D):
    """Take the largest value of each window.

    Parameters
    ----------
    pool_size : int, default 2
        Steps of a window.
    strides : int, optional
        From one window to the next; by default `pool_size`.
    padding : {"valid", "same"}
        Whether windows may begin or end where there are no steps; these do not count.
    data_format : {"channels_last"}, optional
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    Masks end here, as in Keras.
    """

    def pool(self, plan: Plan, x: Tensor, y: Tensor, place: tuple[int, ...]) -> Call:
        """Append the call forward; return the one back, which takes dx as well."""
        plan.call(plan.ops.largest_windows, x.value, *place, y.value)
        return plan.ops.largest_windows_backward, (x.value, y.value, y.gradient, *place)


AvgPool1D, MaxPool1D = AveragePooling1D, MaxPooling1D
