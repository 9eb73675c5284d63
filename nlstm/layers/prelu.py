"""A rectifier whose slope below 0 is learnt."""

from typing import Any

import numpy as np

from nlstm import constraints, initializers, regularizers
from nlstm.arguments.checks import checked_integer
from nlstm.kernels.operations import Operations
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import shown
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = ["PReLU"]


class PReLU(Layer):
    """Multiply what is below 0 by weights.

    Parameters
    ----------
    alpha_initializer : str or Initializer, default "Zeros"
    alpha_regularizer : str or Regularizer, optional
    alpha_constraint : str, Constraint or callable, optional
    shared_axes : list of int, optional
        Axes that share their weights: 1 is that of the steps, which need no number then.
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Weights: alpha, of the shape of a sample, with 1 for axes that are shared.

    References
    ----------
    He et al. 2015, "Delving deep into rectifiers".
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        self.alpha_initializer = initializers.of_weights(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            given = shared_axes if isinstance(shared_axes, list | tuple) else [shared_axes]
            shared_axes = [checked_integer("shared_axes", one, 1, 2) for one in given]
        self.shared_axes: list[int] | None = shared_axes
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, trainable=trainable)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        self._weights_of(shape)
        return shape

    def _weights_of(self, shape: Shape) -> tuple[int, ...]:
        shared = self.shared_axes or []
        if shared and max(shared) > len(shape):
            raise ValueError(f"{self.name} shares axes {shared}, but gets {shown(shape)}.")
        found = [1 if axis in shared else size for axis, size in enumerate(shape, 1)]
        if None in found:
            raise ValueError(
                f"{self.name} needs the number of steps, or shared_axes=[1]; what comes before it "
                f"gives {shown(shape)}."
            )
        return tuple(size for size in found if size is not None)

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make alpha."""
        weights = self._weights_of(shape)
        layout = ops.row_matrix(weights[-1]) if len(weights) > 1 else ops.row_vector(weights[-1])
        self.alpha = Parameter(
            "alpha",
            weights,
            lambda: self.alpha_initializer(weights, generator=self.seeds.generator(0)),
            *layout,
            self.alpha_regularizer,
            self.alpha_constraint,
        )
        self.parameters = [self.alpha]
        super().build(ops, shape, dtype)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        ops, weights = plan.ops, self.alpha.shape
        steps, width = weights if len(weights) > 1 else (1, weights[0])
        if x.steps % steps or (steps > 1 and steps != x.steps):
            raise ValueError(f"{self.name} has weights for {steps} steps; got {x.steps}.")
        value = plan.array((x.steps, x.rows, ops.padded(x.features, plan.dtype)))
        y = plan.tensor(value, x.features, x.sequence, gradient=True)
        y.mask = x.mask
        packed = self.alpha.packed.reshape(steps, -1)
        given = (x.value, packed, steps, width, x.features)
        plan.call(ops.prelu_forward, *given, value)
        if y.gradient is not None:
            dalpha = plan.gradient(self.alpha).reshape(steps, -1)
            back = (*given, y.gradient, dalpha, plan.input_gradient(x))
            plan.call_back(y, (ops.prelu_backward, back))
        return y
