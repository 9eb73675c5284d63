"""Activations that leave what is above 0 as it is, as layers with numbers of their own."""

import math
from typing import Any

import numpy as np

from nlstm.layers.activation import Activation

__all__ = ["ELU", "LeakyReLU", "ReLU"]


class ReLU(Activation):
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
        super().__init__(found or "linear", name=name, input_shape=input_shape, dtype=dtype)
        self._then(None if found else ramp)


class LeakyReLU(Activation):
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
        super().__init__("linear", name=name, input_shape=input_shape, dtype=dtype)
        self._then((self.negative_slope, 0.0, math.inf))


class ELU(Activation):
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
        super().__init__("elu", name=name, input_shape=input_shape, dtype=dtype)
        self._then(None if self.alpha == 1.0 else (self.alpha, 0.0, math.inf))


def _at_least_0(name: str, value: Any) -> float:
    if value is None or not np.isreal(value) or not 0.0 <= value < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0; got {value!r}.")
    return float(value)
