"""Functions of a number known by what they compute, however a file spells them."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from nlstm import activations

__all__ = ["layer_of"]

CLOSE = 2e-6  # of two values, or of the largest near 0
LINE = 92
POINTS = np.concatenate([np.linspace(-9.05, 9.05, LINE), [-70.0, -30.0, 0.0, 30.0, 70.0]])


@cache
def _curves() -> dict[str, np.ndarray]:
    """Return what nlstm's activations make of the points."""
    with np.errstate(all="ignore"):
        return {
            name: function(POINTS)
            for name, function in activations.FUNCTIONS.items()
            if name not in ("softmax", "linear")
        }


def layer_of(function: Any, numbers: Sequence[float]) -> tuple[str, dict[str, Any]] | None:
    """Return the layer that computes a function, and its arguments; None where there is none.

    Parameters
    ----------
    function : callable
        Of an array.
    numbers : sequence of float
        Those that it is made with.
    """
    with np.errstate(all="ignore"):
        found = np.broadcast_to(np.asarray(function(POINTS), float), POINTS.shape)
        offset = float(function(np.zeros(1))[0]) if np.isfinite(found).all() else np.nan
        factor = _near(float(function(np.ones(1))[0]) - offset, numbers)
        offset = _near(offset, numbers)
        if _close(found, factor * POINTS + offset):
            return "Linear", {"factor": factor, "offset": offset}
        for name, curve in _curves().items():
            if _close(found, curve):
                return "Activation", {"activation": name}
        return _with_numbers(function, numbers)


def _close(found: np.ndarray, wanted: np.ndarray) -> bool:
    near = np.abs(found[:LINE])
    scale = min(1.0, float(near.max()) if np.isfinite(near).all() else 1.0)
    return np.allclose(found, wanted, rtol=CLOSE, atol=CLOSE * scale)


def _near(value: float, numbers: Sequence[float]) -> float:
    """Return a number that the function is made with, where a value is one but for rounding."""
    return next((one for one in (*numbers, 0.0, 1.0) if abs(value - one) <= 1e-12), value)


def _with_numbers(function: Any, numbers: Sequence[float]) -> tuple[str, dict[str, Any]] | None:
    """Return a rectifier with numbers of its own."""
    near = [one + step for one in numbers for step in (-1e-3, 0.0, 1e-3)]
    x = np.concatenate([POINTS, near])
    found = function(x)
    for alpha in numbers:
        if alpha >= 0 and _close(found, np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))):
            return "ELU", {"alpha": float(alpha)}
    for slope in (0.0, *numbers):
        for threshold in (0.0, *numbers):
            below = slope * (x - threshold) if slope else 0.0
            for limit in (np.inf, *numbers):
                if min(slope, threshold, limit) < 0:
                    continue
                if _close(found, np.where(x > threshold, np.minimum(x, limit), below)):
                    return _rectifier(float(slope), float(threshold), float(limit))
    return None


def _rectifier(slope: float, threshold: float, limit: float) -> tuple[str, dict[str, Any]]:
    if not threshold and np.isinf(limit):
        return "LeakyReLU", {"negative_slope": slope}
    most = None if np.isinf(limit) else limit
    return "ReLU", {"max_value": most, "negative_slope": slope, "threshold": threshold}
