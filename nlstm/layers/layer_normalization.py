"""Layer normalisation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm import constraints, initializers, regularizers
from nlstm.arguments.checks import checked_flag, checked_integer, checked_number
from nlstm.kernels.operations import Operations
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import shown
from nlstm.layers.views import as_rows
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan, Tensor

__all__ = ["LayerNormalization"]


class LayerNormalization(Layer):
    """Give the features of each step the mean 0 and the variance 1, then scale and shift them.

    Parameters
    ----------
    axis : int, default -1
        The axis of the features, counted with the batch axis; there is no kernel for another.
    epsilon : float, default 0.001
        Added to the variance.
    center, scale : bool, default True
        Whether to add `beta`, and to multiply by `gamma`.
    beta_initializer, gamma_initializer : str or Initializer
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : str, object or None
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Weights: gamma (features,), beta (features,).

    References
    ----------
    Ba, Kiros & Hinton 2016, "Layer normalization".
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        axes = list(axis) if isinstance(axis, list | tuple) else [axis]
        axes = [checked_integer("axis", one) for one in axes]
        if len(axes) != 1 or axes[0] not in (-1, 1, 2):
            raise ValueError(f"axis must be -1, that of the features; got {axis!r}.")
        self.axis = axes[0]
        self.epsilon = checked_number("epsilon", epsilon, 0)
        self.center = checked_flag("center", center)
        self.scale = checked_flag("scale", scale)
        self.beta_initializer = initializers.of_weights(beta_initializer)
        self.gamma_initializer = initializers.of_weights(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, trainable=trainable)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`; raise if `axis` is not its last."""
        if self.axis not in (-1, len(shape)):
            raise ValueError(
                f"{self.name} has axis {self.axis}, which is not the last of {shown(shape)}."
            )
        return shape

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make gamma and beta."""
        features = shape[-1]
        assert features is not None

        def make(name: str, initializer: Callable[..., np.ndarray], purpose: int) -> Parameter:
            return Parameter(
                name,
                (features,),
                lambda: initializer((features,), generator=self.seeds.generator(purpose)),
                *ops.row_vector(features),
                getattr(self, f"{name}_regularizer"),
                getattr(self, f"{name}_constraint"),
            )

        self.gamma = make("gamma", self.gamma_initializer, 0) if self.scale else None
        self.beta = make("beta", self.beta_initializer, 1) if self.center else None
        self.parameters = [one for one in (self.gamma, self.beta) if one is not None]
        self._ones, self._zeros = (
            ops.to_device(np.full(features, value, dtype)) for value in (1.0, 0.0)
        )
        super().build(ops, shape, dtype)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append one call forward and one back."""
        ops, features, rows = plan.ops, x.features, x.steps * x.rows
        gamma, beta = self.gamma, self.beta
        value = plan.array((x.steps, x.rows, ops.padded(features, plan.dtype)))
        wanted = bool(self.parameters) or x.gradient is not None
        y = plan.tensor(value, features, x.sequence, gradient=wanted)
        y.mask = x.mask
        statistics = plan.array((rows, 2))
        factor = self._ones if gamma is None else gamma.packed
        shift = self._zeros if beta is None else beta.packed
        epsilon = plan.dtype.type(self.epsilon)
        seen = as_rows(x.value)
        plan.call(
            ops.layer_norm_forward,
            seen,
            factor,
            shift,
            epsilon,
            features,
            statistics,
            as_rows(value),
        )
        if y.gradient is not None:
            dgamma = plan.array((features,)) if gamma is None else plan.gradient(gamma)
            dbeta = plan.array((features,)) if beta is None else plan.gradient(beta)
            dx = as_rows(plan.input_gradient(x))
            back = (seen, factor, features, statistics, as_rows(y.gradient), dgamma, dbeta, dx)
            plan.call_back(y, (ops.layer_norm_backward, back))
        return y
