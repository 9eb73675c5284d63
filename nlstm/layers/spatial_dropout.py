"""Dropout of whole features."""

from typing import Any

from nlstm.arguments.checks import checked_rate
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.shapes import checked_sequence
from nlstm.layers.views import shared
from nlstm.plan.plan import Plan, Tensor

__all__ = ["SpatialDropout1D"]


class SpatialDropout1D(Layer):
    """Drop a share of the features of each sequence, at all of its steps, while training.

    Parameters
    ----------
    rate : float
        Share to drop, 0 <= rate < 1; the rest is scaled up by 1 / (1 - rate).
    seed : int, optional
        See `Layer`.
    name, input_shape, dtype
        See `Layer`.
    """

    needs_sequence = True

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        *,
        input_shape: tuple[int | None, ...] | None = None,
    ) -> None:
        self.rate = checked_rate("rate", rate)
        self.seed = seed
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, seed=seed)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`, which must have steps."""
        return checked_sequence(self, shape)

    def streamed(self) -> None:
        """Let the input through: nothing is dropped outside training."""
        return None

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the mask and its product while training; outside it the output is the input."""
        if not plan.drops or self.rate == 0.0:
            return x
        ops, features, width = plan.ops, x.features, plan.ops.padded(x.features, plan.dtype)
        mask = plan.array((1, x.rows, width))
        plan.drop(self.seeds.key(0), 0, self.rate, features, mask[0])
        value = plan.array((x.steps, x.rows, width))
        rest = (features, mask, features, False, plan.dtype.type(1))
        plan.call(ops.merge_forward, "multiply", x.value, *rest, value, features)
        y = shared(plan, x, value, x.mask)
        if y.gradient is not None:
            dy = y.gradient
            plan.call_back(y, (ops.merge_forward, ("multiply", dy, *rest, dy, features)))
        return y
