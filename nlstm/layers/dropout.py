"""Dropout between layers."""

from typing import Any

from nlstm.arguments.checks import checked_rate
from nlstm.kernels.operations import Array
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.views import as_rows
from nlstm.plan.plan import Plan, Tensor

__all__ = ["Dropout"]


class Dropout(Layer):
    """Set a share of the inputs to zero while training, and scale up the rest by 1 / (1 - rate).

    Parameters
    ----------
    rate : float
        Share to drop, 0 <= rate < 1.
    seed : int, optional
        See `Layer`.
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    Each element of each step is drawn on its own. The mask is a function of (seed, training step,
    element), so it is drawn again in the backward pass instead of kept in memory.

    References
    ----------
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.rate = checked_rate("rate", rate)
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, seed=seed)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        return shape

    def streamed(self) -> None:
        """Let the input through: nothing is dropped outside training."""
        return None

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the mask's calls while training; outside it the output is the input."""
        if not plan.drops or self.rate == 0.0:
            return x
        width = plan.ops.padded(x.features, plan.dtype)
        value = plan.array((x.steps, x.rows, width))
        y = plan.tensor(value, x.features, x.sequence, gradient=x.gradient is not None)
        y.mask = x.mask
        if plan.draws is not None:
            self._bind_draws(plan, x, value)
            return y
        apply = plan.ops.dropout_apply
        key = (self.seeds.key(0), plan.random_counter(), 0, self.rate, x.features)
        plan.call(apply, *key, as_rows(x.value), as_rows(value))
        dx = plan.input_gradient(x)
        if dx is not None:
            plan.call_back(y, (apply, (*key, as_rows(y.gradient), as_rows(dx))))
        return y

    def _bind_draws(self, plan: Plan, x: Tensor, value: Array) -> None:
        """Append the masks of draws, and the product, where rows are draws."""
        ops, features, mask = plan.ops, x.features, plan.array(value.shape)
        plan.drop(self.seeds.key(0), 0, self.rate, features, as_rows(mask))
        rest = (mask, features, False, plan.dtype.type(1), value, features)
        plan.call(ops.merge_forward, "multiply", x.value, features, *rest)
