"""Activations that leave what is above 0 as it is, as layers with numbers of their own."""

import math
from typing import Any

from nlstm.arguments.checks import checked_number
from nlstm.arguments.warned import warn_user
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
        limit = math.inf if max_value is None else checked_number("max_value", max_value, 0)
        self.max_value = max_value
        self.negative_slope = checked_number("negative_slope", negative_slope, 0)
        self.threshold = checked_number("threshold", threshold, 0)
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
    alpha : float, optional
        Keras 2's name of `negative_slope`.
    name, input_shape, dtype
        See `Layer`.
    """

    only_to_begin_with = frozenset({"alpha"})

    def __init__(
        self,
        negative_slope: float = 0.3,
        *,
        alpha: float | None = None,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
    ) -> None:
        if alpha is not None:
            warn_user("alpha is Keras 2's name of negative_slope.", DeprecationWarning)
            negative_slope = checked_number("alpha", alpha, 0)
        self.negative_slope = checked_number("negative_slope", negative_slope, 0)
        super().__init__("linear", name=name, input_shape=input_shape, dtype=dtype)
        self._then((self.negative_slope, 0.0, math.inf))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().get_config() | {"negative_slope": self.negative_slope}


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
        self.alpha = checked_number("alpha", alpha, 0)
        super().__init__("elu", name=name, input_shape=input_shape, dtype=dtype)
        self._then(None if self.alpha == 1.0 else (self.alpha, 0.0, math.inf))
