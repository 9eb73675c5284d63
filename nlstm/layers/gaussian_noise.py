"""Noise between layers."""

from typing import Any

from nlstm.arguments.checks import checked_number
from nlstm.layers.layer import Layer, Shape
from nlstm.layers.views import as_rows, shared
from nlstm.plan.plan import Plan, Tensor

__all__ = ["GaussianNoise"]


class GaussianNoise(Layer):
    """Add normal noise of mean 0 while training.

    Parameters
    ----------
    stddev : float
        Standard deviation of the noise, at least 0.
    seed : int, optional
        See `Layer`.
    name, input_shape, dtype
        See `Layer`.

    Notes
    -----
    The noise is a function of (seed, training step, element), the same at any number of threads.
    Keras takes a stddev of 1 at most; there is no such bound here.
    """

    def __init__(
        self,
        stddev: float,
        seed: int | None = None,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.stddev = checked_number("stddev", stddev, 0)
        self.seed = seed
        super().__init__(name=name, input_shape=input_shape, dtype=dtype, seed=seed)

    def output_shape(self, shape: Shape) -> Shape:
        """Return `shape`."""
        return shape

    def streamed(self) -> None:
        """Let the input through: there is no noise outside training."""
        return None

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append a call while training; outside it the output is the input."""
        if not plan.drops or plan.draws is not None or self.stddev == 0.0:
            return x
        value = plan.array((x.steps, x.rows, plan.ops.padded(x.features, plan.dtype)))
        key = (self.seeds.key(0), plan.random_counter(), 0, self.stddev, x.features)
        plan.call(plan.ops.noise_apply, *key, as_rows(x.value), as_rows(value))
        y = shared(plan, x, value, x.mask)
        if y.gradient is not None:
            plan.call_back(y)
        return y
