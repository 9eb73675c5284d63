"""The fully connected layer, applied to each step of a sequence on its own."""

from typing import Any

import numpy as np

from nlstm import activations, constraints, initializers, regularizers
from nlstm.arguments.checks import checked_flag, checked_size
from nlstm.kernels.operations import Operations
from nlstm.layers.layer import Layer, Shape, StreamedLayer
from nlstm.layers.views import as_rows
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Call, Plan, Tensor

__all__ = ["Dense"]


NARROW = 16  # units, of layers that stay float32: they have few products


class Dense(Layer):
    """Compute ``activation(x @ kernel + bias)`` over the last axis.

    Parameters
    ----------
    units : int
        Features that come out.
    activation : str, function or None
        See `nlstm.activations`.
    use_bias : bool, default True
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer : str or Regularizer, optional
        Penalties on the weights.
    activity_regularizer : str or Regularizer, optional
        Penalty on the outputs, divided by the rows of the batch.
    kernel_constraint, bias_constraint : str, Constraint or callable, optional
        Applied to the weights after each update.
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Weights: kernel (F, units), bias (units,).
    """

    activation: str

    def __init__(
        self,
        units: int,
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
        self.units = checked_size("units", units)
        self.activation = activations.get(activation, layer="Dense")
        self.use_bias = checked_flag("use_bias", use_bias)
        self.kernel_initializer = initializers.of_weights(kernel_initializer)
        self.bias_initializer = initializers.of_weights(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        # A fused loss hands over a gradient to which that of the outputs cannot be added.
        self.fuses_loss = self.activity_regularizer is None
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, trainable=trainable)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape` with `units` for its last axis."""
        if shape[-1] is None:
            raise ValueError(
                f"{self.name} needs to know the number of features; what comes before it gives "
                f"{(None, *shape)}."
            )
        return (*shape[:-1], self.units)

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make kernel and bias."""
        features = shape[-1]
        assert features is not None
        units = self.units
        self.kernel = Parameter(
            "kernel",
            (features, units),
            lambda: self.kernel_initializer((features, units), generator=self.seeds.generator(0)),
            *ops.unit_matrix(units),
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        self.bias: Parameter | None = None
        self.parameters = [self.kernel]
        if self.use_bias:
            self.bias = Parameter(
                "bias",
                (units,),
                lambda: self.bias_initializer((units,), generator=self.seeds.generator(1)),
                *ops.unit_vector(units),
                self.bias_regularizer,
                self.bias_constraint,
            )
            self.parameters.append(self.bias)
        super().build(ops, shape, dtype)

    def streamed(self) -> StreamedLayer:
        """Return the weights and the activation."""
        features, bias = self.kernel.shape[0], self.bias
        return StreamedLayer(
            "dense", features, self.units, self.kernel, None, bias, self.activation
        )

    @property
    def rounds_products(self) -> bool:
        """Whether products are of bfloat16 where a model wants it."""
        return self.units > NARROW

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        ops = plan.ops
        # A loss that is fused with the activation hands over the gradient from before it.
        apart = plan.training and self.activation in ops.INPUT_NAMES
        paired = plan.paired and self.rounds_products
        kernels = ops.dense_paired if paired else ops.dense
        forward, backward = kernels("linear" if apart else self.activation)
        if plan.fused is self:
            _, backward = kernels("linear")
        value = plan.array((x.steps, x.rows, ops.padded(self.units, plan.dtype)))
        z = plan.array(value.shape) if apart else value
        y = plan.tensor(value, self.units, x.sequence, gradient=True)
        y.mask = x.mask
        bias = self.bias
        x_rows, y_rows = as_rows(x.value), as_rows(z)
        size = ops.dense_scratch_size(x.features, self.units, plan.dtype)
        if paired:
            sizes = x.steps * x.rows, x.features, self.units
            size = ops.dense_paired_scratch_size(*sizes, plan.dtype)
        scratch = plan.scratch(size)
        weights = (self.kernel.packed, bias and bias.packed)
        plan.call(forward, x_rows, *weights, y_rows, scratch, self.units)
        activate, derive = ops.activation(self.activation) if apart else (None, None)
        if activate is not None:  # the derivative needs what comes before the activation
            plan.call(activate, y_rows, as_rows(value), self.units)
        if plan.training:
            arguments = (
                x_rows,
                self.kernel.packed,
                y_rows,
                as_rows(y.gradient),
                plan.gradient(self.kernel),
                bias and plan.gradient(bias),
                as_rows(plan.input_gradient(x)),
                scratch,
                self.units,
            )
            calls: list[Call] = [(backward, arguments)]
            if derive is not None:
                dy = as_rows(y.gradient)
                calls.insert(0, (derive, (y_rows, as_rows(value), dy, dy, self.units)))
            plan.call_back(y, *calls)
        regularizers.bind_activity(self.activity_regularizer, plan, y)
        return y
