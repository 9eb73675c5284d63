"""The convolution over steps."""

from typing import Any

import numpy as np

from nlstm import activations, constraints, initializers, regularizers
from nlstm.arguments.checks import checked_choice, checked_flag, checked_size
from nlstm.kernels.operations import Array, Layout, Operations
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import check_data_format, checked_sequence
from nlstm.layers.views import as_rows
from nlstm.layers.windowed import checked_one, counted_windows
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["Conv1D"]

PADDINGS = ("valid", "same", "causal")


class Conv1D(Layer):
    """Convolve steps: each output step is a dense layer of the steps that its window sees.

    Parameters
    ----------
    filters : int
        Features that come out.
    kernel_size : int
        Steps that a window sees.
    strides : int, default 1
        From one window to the next.
    padding : {"valid", "same", "causal"}
        Without steps that are not there; zeros at both ends, for as many windows as steps (over
        `strides`); zeros before the first step alone, so that no output sees later steps.
    data_format : {"channels_last"}, optional
    dilation_rate : int, default 1
        From one step that a window sees to the next.
    groups : int, default 1
        Cut features and filters into so many parts, each of which sees its own.
    activation : str, function or None
    use_bias : bool, default True
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
    kernel_constraint, bias_constraint : str, Constraint or callable, optional
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Weights: kernel (kernel_size, features / groups, filters), bias (filters,). Masks end here, as
    in Keras. What all windows see is copied side by side, kernel_size times the input's memory.
    """

    needs_sequence = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        self.filters = checked_size("filters", filters)
        self.kernel_size = checked_one("kernel_size", kernel_size)
        self.strides = checked_one("strides", strides)
        self.padding = checked_choice("padding", padding, PADDINGS)
        check_data_format(data_format)
        self.data_format = "channels_last"
        self.dilation_rate = checked_one("dilation_rate", dilation_rate)
        self.groups = checked_size("groups", groups)
        if self.strides[0] > 1 and self.dilation_rate[0] > 1:
            raise ValueError("strides above 1 do not go with a dilation_rate above 1.")
        if self.filters % self.groups:
            raise ValueError(f"groups must divide filters, {self.filters}; got {self.groups}.")
        self.activation: str = activations.get(activation, layer="Conv1D")
        self.use_bias = checked_flag("use_bias", use_bias)
        self.kernel_initializer = initializers.of_weights(kernel_initializer)
        self.bias_initializer = initializers.of_weights(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, trainable=trainable)

    def _windows(self, steps: int | None) -> tuple[int | None, int]:
        size = self.dilation_rate[0] * (self.kernel_size[0] - 1) + 1
        return counted_windows(self, steps, size, self.strides[0], self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (windows, filters)."""
        steps, features = checked_sequence(self, shape)
        if features % self.groups:
            raise ValueError(
                f"{self.name} has {self.groups} groups, which do not divide {features} features."
            )
        return self._windows(steps)[0], self.filters

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make kernel and bias."""
        features = shape[-1]
        assert features is not None
        kernel_shape = (self.kernel_size[0], features // self.groups, self.filters)
        self.kernel = Parameter(
            "kernel",
            kernel_shape,
            lambda: self.kernel_initializer(kernel_shape, generator=self.seeds.generator(0)),
            *self._grouped(ops.unit_matrix(self.filters // self.groups), kernel_shape),
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        self.bias: Parameter | None = None
        self.parameters = [self.kernel]
        if self.use_bias:
            bias_shape = (self.filters,)
            self.bias = Parameter(
                "bias",
                bias_shape,
                lambda: self.bias_initializer(bias_shape, generator=self.seeds.generator(1)),
                *self._grouped(ops.unit_vector(self.filters // self.groups), bias_shape),
                self.bias_regularizer,
                self.bias_constraint,
            )
            self.parameters.append(self.bias)
        super().build(ops, shape, dtype)

    def _grouped(self, one: Layout, shape: tuple[int, ...]) -> Layout:
        """Return the layout of weights (..., filters): for each group that of a dense layer."""
        groups = self.groups

        def pack(value: np.ndarray) -> np.ndarray:
            flat = value.reshape(-1, self.filters) if len(shape) > 1 else value
            return np.stack([one.pack(part) for part in np.split(flat, groups, axis=-1)])

        def unpack(packed: np.ndarray) -> np.ndarray:
            found = np.concatenate([one.unpack(part) for part in packed], axis=-1)
            return found.reshape(shape)

        return Layout(pack, unpack)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append, for each group, what its windows see, and a dense layer of it; back the same."""
        ops, units, taps = plan.ops, self.filters // self.groups, self.kernel_size[0]
        count = x.features // self.groups
        windows, left = self._windows(x.steps)
        assert windows is not None
        forward, backward = ops.dense("linear")
        z = plan.array((windows, x.rows, ops.padded(self.filters, plan.dtype)))
        scratch = plan.scratch(ops.dense_scratch_size(taps * count, units, plan.dtype))
        y, calls = self._activated(plan, z)
        dW = plan.gradient(self.kernel) if plan.training else None
        db = plan.gradient(self.bias) if plan.training and self.bias is not None else None
        dx = plan.input_gradient(x)
        for group in range(self.groups):
            place = (group * count, count, taps, self.strides[0], self.dilation_rate[0], left)
            seen = plan.array((windows, x.rows, ops.padded(taps * count, plan.dtype)))
            plan.call(ops.gather_taps, x.value, *place, seen)
            whole = self.groups == 1
            part = z if whole else plan.array((*z.shape[:2], ops.padded(units, plan.dtype)))
            rows, W = as_rows(seen), self.kernel.packed[group]
            b = None if self.bias is None else self.bias.packed[group]
            plan.call(forward, rows, W, b, as_rows(part), scratch, units)
            if not whole:
                end = z.shape[2] if group + 1 == self.groups else (group + 1) * units
                plan.call(ops.copy_columns, part, 0, units, False, z, group * units, end)
            if y.gradient is None or dW is None:
                continue
            dpart = y.gradient
            if not whole:
                dpart = plan.array(part.shape)
                given = (y.gradient, group * units, units, False, dpart, 0, dpart.shape[2])
                calls.append((ops.copy_columns, given))
            dseen = None if dx is None else plan.array(seen.shape)
            given_db = None if db is None else db[group]
            back = (rows, W, as_rows(part), as_rows(dpart), dW[group], given_db, as_rows(dseen))
            calls.append((backward, (*back, scratch, units)))
            if dx is not None:
                calls.append((ops.scatter_taps, (dseen, *place, dx)))
        self._activate(plan, z, y)
        plan.call_back(y, *calls)
        regularizers.bind_activity(self.activity_regularizer, plan, y)
        return y

    def _activated(self, plan: Plan, z: Array) -> tuple[Tensor, list[Call]]:
        """Return the output, and the calls that turn its gradient into that of z."""
        value = z if self.activation == "linear" else plan.array(z.shape)
        y = plan.tensor(value, self.filters, True, gradient=True)
        if self.activation == "linear" or y.gradient is None:
            return y, []
        _, backward = self._kernels(plan)
        dy = as_rows(y.gradient)
        return y, [(backward, (as_rows(z), as_rows(value), dy, dy, self.filters))]

    def _activate(self, plan: Plan, z: Array, y: Tensor) -> None:
        if self.activation != "linear":
            forward, _ = self._kernels(plan)
            plan.call(forward, as_rows(z), as_rows(y.value), self.filters)

    def _kernels(self, plan: Plan) -> Any:
        ops = plan.ops
        by_input = self.activation in ops.INPUT_NAMES
        return (ops.activation if by_input else ops.row_activation)(self.activation)


Convolution1D = Conv1D
