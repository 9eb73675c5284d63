"""Batch normalisation, with moving averages for prediction."""

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

__all__ = ["BatchNormalization"]


class BatchNormalization(Layer):
    """Normalise each feature: over the batch and its steps in training, by averages otherwise.

    Parameters
    ----------
    axis : int, default -1
        That of the features; no other is supported.
    momentum : float, default 0.99
        Share of the moving averages that stays in a training step.
    epsilon : float, default 1e-3
        Added to the variance.
    center, scale : bool, default True
        Whether to add beta; to multiply by gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer
        Names or initializers.
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : optional
    renorm, synchronized : bool
        Only False.
    renorm_clipping, renorm_momentum
        Without effect.
    name, input_shape, dtype, trainable
        See `Layer`.

    Notes
    -----
    Weights: gamma, beta, moving_mean, moving_variance, (features,) each, the last two of which
    the optimizer leaves alone. With ``trainable=False`` when `compile` looks, training uses the
    moving averages too, and leaves them as they are.

    Only steps that a mask lets count make mean and variance; all are normalised.

    References
    ----------
    Ioffe & Szegedy 2015, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift".
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        axes = list(axis) if isinstance(axis, list | tuple) else [axis]
        if len(axes) != 1 or checked_integer("axis", axes[0]) not in (-1, 1, 2):
            raise ValueError(f"axis must be -1, that of the features; got {axis!r}.")
        self.axis = axes[0]
        self.momentum = checked_number("momentum", momentum)
        self.epsilon = checked_number("epsilon", epsilon, 0)
        self.center = checked_flag("center", center)
        self.scale = checked_flag("scale", scale)
        self.beta_initializer = initializers.of_weights(beta_initializer)
        self.gamma_initializer = initializers.of_weights(gamma_initializer)
        self.moving_mean_initializer = initializers.of_weights(moving_mean_initializer)
        self.moving_variance_initializer = initializers.of_weights(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        for flag, value in (("renorm", renorm), ("synchronized", synchronized)):
            if checked_flag(flag, value):
                raise ValueError(f"{flag} must be False: there is no kernel for it.")
        self.renorm = self.synchronized = False
        self.renorm_clipping, self.renorm_momentum = renorm_clipping, renorm_momentum
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, trainable=trainable)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`; raise if `axis` is not its last."""
        if self.axis not in (-1, len(shape)):
            raise ValueError(
                f"{self.name} has axis {self.axis}, which is not the last of {shown(shape)}."
            )
        return shape

    def build(self, ops: Operations, shape: Shape, dtype: np.dtype) -> None:
        """Make gamma, beta, and the moving averages."""
        features = shape[-1]
        assert features is not None

        def make(name: str, initializer: Callable[..., np.ndarray], purpose: int) -> Parameter:
            trained = not name.startswith("moving")
            return Parameter(
                name,
                (features,),
                lambda: initializer((features,), generator=self.seeds.generator(purpose)),
                *ops.row_vector(features),
                getattr(self, f"{name}_regularizer", None),
                getattr(self, f"{name}_constraint", None),
                trained,
            )

        self.gamma = make("gamma", self.gamma_initializer, 0) if self.scale else None
        self.beta = make("beta", self.beta_initializer, 1) if self.center else None
        self.moving_mean = make("moving_mean", self.moving_mean_initializer, 2)
        self.moving_variance = make("moving_variance", self.moving_variance_initializer, 3)
        found = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        self.parameters = [one for one in found if one is not None]
        self._ones, self._zeros = (
            ops.to_device(np.full(features, value, dtype)) for value in (1.0, 0.0)
        )
        super().build(ops, shape, dtype)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the moments and the normalisation, back the same, and the averages' update."""
        ops, features, dtype = plan.ops, x.features, plan.dtype
        of_batch = plan.training and self not in plan.frozen
        value = plan.array((x.steps, x.rows, ops.padded(features, dtype)))
        y = plan.tensor(value, features, x.sequence, gradient=True)
        y.mask = x.mask
        mask = None if x.mask is None else x.mask.reshape(x.steps * x.rows)
        seen, work = as_rows(x.value), plan.array((4, features))
        mean, variance = self.moving_mean.packed, self.moving_variance.packed
        if of_batch:
            moments = plan.array((2, features))
            plan.call(ops.batch_moments, seen, mask, features, work[0], moments)
            mean, variance = moments[0], moments[1]
            momentum = dtype.type(self.momentum)
            for moving, latest in ((self.moving_mean, mean), (self.moving_variance, variance)):
                averaged = (moving.packed, latest, momentum, features)
                plan.averages.append((ops.batch_average, averaged))
        gamma = self._ones if self.gamma is None else self.gamma.packed
        beta = self._zeros if self.beta is None else self.beta.packed
        epsilon = dtype.type(self.epsilon)
        given = (seen, mean, variance, gamma)
        plan.call(ops.batch_norm_forward, *given, beta, epsilon, features, work[0], as_rows(value))
        if y.gradient is not None:
            made = [
                plan.array((features,)) if one is None else plan.gradient(one)
                for one in (self.gamma, self.beta)
            ]
            dx = as_rows(plan.input_gradient(x))
            dy = as_rows(y.gradient)
            back = (*given, epsilon, features, mask, of_batch, dy, work, *made, dx)
            plan.call_back(y, (ops.batch_norm_backward, back))
        return y
