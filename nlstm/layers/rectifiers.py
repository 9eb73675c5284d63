"""Activations that leave what is above 0 as it is, as layers with numbers of their own."""

import math
from typing import Any

import numpy as np

from nlstm.layers.activation import Activation
from nlstm.layers.layer import Layer, StreamedLayer
from nlstm.layers.views import as_rows, shared
from nlstm.plan.plan import Plan, Tensor

__all__ = ["ELU", "LeakyReLU", "ReLU"]


class _Rectifier(Activation):
    """An activation, and after it a ramp if one is given: (slope, threshold, limit)."""

    def __init__(
        self, activation: str, ramp: tuple[float, float, float] | None, **options: Any
    ) -> None:
        super().__init__(activation, **options)
        self._ramp = ramp
        self.fuses_loss = ramp is None

    def streamed(self) -> StreamedLayer | None:
        """Raise the error of a layer that cannot run step by step."""
        return Layer.streamed(self)

    def bind(self, plan: Plan, x: Tensor) -> Tensor:
        """Append the calls of the activation, then those of the ramp."""
        x = super().bind(plan, x)
        if self._ramp is None:
            return x
        ops = plan.ops
        value = plan.array((x.steps, x.rows, ops.padded(x.features, plan.dtype)))
        ramp = x.features, *(plan.dtype.type(number) for number in self._ramp)
        plan.call(ops.ramp_forward, as_rows(x.value), as_rows(value), *ramp)
        y = shared(plan, x, value, x.mask)
        if y.gradient is not None:
            dy = as_rows(y.gradient)
            plan.call_back(y, (ops.ramp_backward, (as_rows(x.value), dy, dy, *ramp)))
        return y


class ReLU(_Rectifier):
    """Cut off what is not above the threshold.

    Parameters
    ----------
    max_value : float, optional
        Cut off what is above, too.
    negative_slope : float, default 0
        What is not above the threshold becomes ``negative_slope * (x - threshold)``.
    threshold : float, default 0
    name, input_shape, dtype
        See `Layer`.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        limit = math.inf if max_value is None else _at_least_0("max_value", max_value)
        self.max_value = max_value
        self.negative_slope = _at_least_0("negative_slope", negative_slope)
        self.threshold = _at_least_0("threshold", threshold)
        ramp = self.negative_slope, self.threshold, limit
        known = {(0.0, 0.0, math.inf): "relu", (0.0, 0.0, 6.0): "relu6"}
        known[0.2, 0.0, math.inf] = "leaky_relu"
        found = known.get(ramp)
        options = {"name": name, "input_shape": input_shape, "dtype": dtype}
        super().__init__(found or "linear", None if found else ramp, **options)


class LeakyReLU(_Rectifier):
    """Multiply what is below 0.

    Parameters
    ----------
    negative_slope : float, default 0.3
    name, input_shape, dtype
        See `Layer`.
    """

    def __init__(
        self,
        negative_slope: float = 0.3,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.negative_slope = _at_least_0("negative_slope", negative_slope)
        ramp = self.negative_slope, 0.0, math.inf
        super().__init__("linear", ramp, name=name, input_shape=input_shape, dtype=dtype)


class ELU(_Rectifier):
    """Turn what is below 0 into ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    alpha : float, default 1.0
        At least 0.
    name, input_shape, dtype
        See `Layer`.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        self.alpha = _at_least_0("alpha", alpha)
        ramp = None if self.alpha == 1.0 else (self.alpha, 0.0, math.inf)
        super().__init__("elu", ramp, name=name, input_shape=input_shape, dtype=dtype)


def _at_least_0(name: str, value: Any) -> float:
    if value is None or not np.isreal(value) or not 0.0 <= value < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0; got {value!r}.")
    return float(value)
