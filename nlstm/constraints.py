"""What weights must keep to: each update is followed by it. By Keras's names and formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer, checked_number
from nlstm.arguments.config import Configured
from nlstm.arguments.registry import Registry

__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "get"]

EPSILON = 1e-7  # Keras's
Axis = int | tuple[int, ...]


class Constraint(Configured):
    """The interface; any function of an array in Keras's shape will do as well."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        """Return the weights in place of `w`: here, as in Keras, `w` itself."""
        return w


def _checked_axis(axis: Any) -> Axis:
    if isinstance(axis, tuple | list):
        return tuple(checked_integer("axis", one, -8, 7) for one in axis)
    return checked_integer("axis", axis, -8, 7)


def _lengths(w: np.ndarray, axis: Axis) -> np.ndarray:
    return np.sqrt(np.square(w).sum(axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Shorten what is longer than `max_value`.

    Parameters
    ----------
    max_value : float, default 2
    axis : int or sequence of int, default 0
        Along which lengths are measured: 0 gives one for each unit.
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value, self.axis = checked_number("max_value", max_value, 0), _checked_axis(axis)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        """Return the weights in place of `w`."""
        lengths = _lengths(w, self.axis)
        return w * (np.clip(lengths, 0, self.max_value) / (EPSILON + lengths))


class NonNeg(Constraint):
    """Negative weights become 0."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        """Return the weights in place of `w`."""
        return np.maximum(w, 0)


class UnitNorm(Constraint):
    """Bring lengths to 1.

    Parameters
    ----------
    axis : int or sequence of int, default 0
        Along which lengths are measured.
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _checked_axis(axis)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        """Return the weights in place of `w`."""
        return w / (EPSILON + _lengths(w, self.axis))


class MinMaxNorm(Constraint):
    """Bring lengths towards [min_value, max_value].

    Parameters
    ----------
    min_value, max_value : float, default 0.0 and 1.0
    rate : float, default 1.0
        Share of the way that each step goes.
    axis : int or sequence of int, default 0
        Along which lengths are measured.
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Axis = 0,
    ) -> None:
        self.min_value = checked_number("min_value", min_value, 0)
        self.max_value = checked_number("max_value", max_value, 0)
        if self.min_value > self.max_value:
            raise ValueError(f"min_value {min_value} is above max_value {max_value}.")
        self.rate, self.axis = checked_number("rate", rate), _checked_axis(axis)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        """Return the weights in place of `w`."""
        lengths = _lengths(w, self.axis)
        wanted = self.rate * np.clip(lengths, self.min_value, self.max_value)
        return w * ((wanted + (1.0 - self.rate) * lengths) / (EPSILON + lengths))


# Keras's names for them as functions
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

REGISTRY = Registry(
    "constraint",
    Constraint,
    {"max_norm": MaxNorm, "min_max_norm": MinMaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm},
)


def get(identifier: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the constraint for a name, an object, a class or a function; None for None.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these.
    """
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    return REGISTRY.get(identifier, "a callable")
