"""Functions of a number known by what they compute, however a file spells them."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from nlstm import activations

__all__ = ["POINTS", "layer_of", "likely"]

CLOSE = 2e-6  # of two values, or of the largest near 0
LINE, FAR = 92, 10  # points close together; so far off that a function may overflow there
DECADES = 10.0 ** np.arange(2, 7)
POINTS = np.concatenate(
    [np.linspace(-9.05, 9.05, LINE), [-70.0, -30.0, 0.0, 1.0, 30.0, 70.0], -DECADES, DECADES]
)
LOWEST, LOW, ZERO, ONE = range(LINE, LINE + 4)
LEAST, MOST = LINE + 6 + len(DECADES) - 1, len(POINTS) - 1
PROBES = (30, 43, 48, 61)  # where no two activations are alike
OFTEN = 1e-3  # of a number, to either side of it


@cache
def _curves() -> tuple[list[str], np.ndarray]:
    """Return the names of nlstm's activations, and what they make of the points."""
    names = [name for name in activations.FUNCTIONS if name not in ("softmax", "linear")]
    with np.errstate(all="ignore"):
        return names, np.array([activations.FUNCTIONS[name](POINTS) for name in names])


def likely(values: np.ndarray) -> np.ndarray:
    """Return which functions may be those of layers, by their values at the points.

    Parameters
    ----------
    values : ndarray, shape (functions, points)

    Returns
    -------
    ndarray of bool
        False is certain.
    """
    with np.errstate(all="ignore"):
        probes = _curves()[1][:, PROBES]
        curved = _near(values[:, None, PROBES], probes, 1.0).all(-1).any(-1)
        return curved | _linear(values) | _rectifying(values) | _clipping(values)


def _linear(values: np.ndarray) -> np.ndarray:
    factor = values[:, [ONE]] - values[:, [ZERO]]
    wanted = factor * POINTS + values[:, [ZERO]]
    return _near(values, wanted, 1.0).all(-1)


def _rectifying(values: np.ndarray) -> np.ndarray:
    """Return which are a line or, from some number on, the number itself or the largest one."""
    slope = (values[:, [LOW]] - values[:, [LOWEST]]) / (POINTS[LOW] - POINTS[LOWEST])
    limit = values[:, [MOST]]
    above = _near(values, np.minimum(POINTS, limit * (1 + CLOSE)), 1.0)
    below = _near(values, slope * POINTS + values[:, [ZERO]], 1.0)
    rectified = (above | below).all(-1) & (slope[:, 0] > -CLOSE) & (limit[:, 0] > -CLOSE)
    flat = np.abs(values[:, LOW] - values[:, LOWEST]) <= CLOSE * (1 + np.abs(values[:, LOW]))
    return rectified | (above[:, POINTS > 0].all(-1) & flat)


def _clipping(values: np.ndarray) -> np.ndarray:
    return _near(values, np.clip(POINTS, values[:, [LEAST]], values[:, [MOST]]), 1.0).all(-1)


def layer_of(
    values: np.ndarray, function: Callable[[np.ndarray], np.ndarray], numbers: Sequence[float]
) -> tuple[str, dict[str, Any]] | None:
    """Return the layer that computes a function, and its arguments; None where there is none.

    "Clip", with its bounds, stands for what takes several layers.

    Parameters
    ----------
    values : ndarray, shape (points,)
        What it makes of the points.
    function : callable
        The same of any array. It is asked about the numbers that it is made with, beside which it
        may bend between two points.
    numbers : sequence of float
        Those that it is made with.
    """
    with np.errstate(all="ignore"):
        near = _beside(numbers)
        x, found = np.append(POINTS, near), np.append(values, function(near))
        offset = _exact(float(values[ZERO]), numbers)
        factor = _exact(float(values[ONE]) - float(values[ZERO]), numbers)
        if _close(x, found, factor * x + offset):
            return "Linear", {"factor": factor, "offset": offset}
        names, curves = _curves()
        for at in np.flatnonzero(_near(values, curves, _scale(values)).all(-1)):
            if _close(x, found, activations.FUNCTIONS[names[at]](x)):
                return "Activation", {"activation": names[at]}
        return _with_numbers(x, found, numbers) or _clipped(x, found, numbers)


def _beside(numbers: Sequence[float]) -> np.ndarray:
    """Return numbers, and those a little less and more, of both signs."""
    finite = np.array([one for one in numbers if np.isfinite(one) and one], float)
    sides = np.concatenate([finite * (1 - OFTEN), finite, finite * (1 + OFTEN)])
    return np.concatenate([sides, -sides])


def _scale(found: np.ndarray) -> float:
    near = np.abs(found[:LINE])
    return min(1.0, float(near.max()) if np.isfinite(near).all() else 1.0)


def _near(found: np.ndarray, wanted: np.ndarray, scale: float) -> np.ndarray:
    """Return where values are alike; at the points far off they may have overflown."""
    alike = (np.abs(found - wanted) <= CLOSE * (scale + np.abs(wanted))) | (found == wanted)
    if alike.shape[-1] == len(POINTS):
        alike[..., -FAR:] |= ~np.isfinite(np.broadcast_to(found, alike.shape)[..., -FAR:])
    return alike


def _close(x: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> bool:
    alike = (np.abs(found - wanted) <= CLOSE * (_scale(found) + np.abs(wanted))) | (found == wanted)
    return bool((alike | (~np.isfinite(found) & (np.abs(x) >= DECADES[0]))).all())


def _exact(value: float, numbers: Sequence[float]) -> float:
    """Return a number that the function is made with, where a value is one but for rounding."""
    return next((one for one in (*numbers, 0.0, 1.0) if abs(value - one) <= 1e-12), value)


def _with_numbers(
    x: np.ndarray, found: np.ndarray, numbers: Sequence[float]
) -> tuple[str, dict[str, Any]] | None:
    """Return a rectifier with numbers of its own."""
    if not _rectifying(found[None, : len(POINTS)])[0]:
        return None
    alpha = _exact(-float(found[LOWEST]), numbers)
    if alpha >= 0 and _close(x, found, np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))):
        return "ELU", {"alpha": alpha}
    slope = _exact(float(found[LOW] - found[LOWEST]) / float(x[LOW] - x[LOWEST]), numbers)
    limit = _exact(float(found[MOST]), (*numbers, x[MOST]))
    limit = np.inf if limit == x[MOST] else limit
    for threshold in dict.fromkeys((0.0, *numbers)):
        below = slope * (x - threshold) if slope else 0.0
        if min(slope, threshold, limit) >= 0 and _close(
            x, found, np.where(x > threshold, np.minimum(x, limit), below)
        ):
            return _rectifier(slope, float(threshold), limit)
    return None


def _clipped(
    x: np.ndarray, found: np.ndarray, numbers: Sequence[float]
) -> tuple[str, dict[str, Any]] | None:
    low, high = (_exact(float(found[at]), (*numbers, x[at])) for at in (LEAST, MOST))
    low, high = -np.inf if low == x[LEAST] else low, np.inf if high == x[MOST] else high
    if low < high and _close(x, found, np.clip(x, low, high)):
        return "Clip", {"low": low, "high": high}
    return None


def _rectifier(slope: float, threshold: float, limit: float) -> tuple[str, dict[str, Any]]:
    if not threshold and np.isinf(limit):
        return "LeakyReLU", {"negative_slope": slope}
    most = None if np.isinf(limit) else limit
    return "ReLU", {"max_value": most, "negative_slope": slope, "threshold": threshold}
