"""Functions of a number known by what they compute, however a file spells them."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
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
BESIDE = 1e-3  # of a number, to either side of it
Layer = tuple[str, dict[str, Any]]
Function = Callable[[np.ndarray], np.ndarray]


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
    return np.asarray(_near(values, wanted, 1.0).all(-1))


def _rectifying(values: np.ndarray) -> np.ndarray:
    """Return which are a line or, from some number on, the number itself or the largest one."""
    slope = (values[:, [LOW]] - values[:, [LOWEST]]) / (POINTS[LOW] - POINTS[LOWEST])
    limit = values[:, [MOST]]
    above = _near(values, np.minimum(POINTS, limit * (1 + CLOSE)), 1.0)
    below = _near(values, slope * POINTS + values[:, [ZERO]], 1.0)
    rectified = (above | below).all(-1) & (slope[:, 0] > -CLOSE) & (limit[:, 0] > -CLOSE)
    flat = np.abs(values[:, LOW] - values[:, LOWEST]) <= CLOSE * (1 + np.abs(values[:, LOW]))
    return np.asarray(rectified | (above[:, POINTS > 0].all(-1) & flat))


def _clipping(values: np.ndarray) -> np.ndarray:
    wanted = np.clip(POINTS, values[:, [LEAST]], values[:, [MOST]])
    return np.asarray(_near(values, wanted, 1.0).all(-1))


def layer_of(values: np.ndarray, function: Function, numbers: Sequence[float]) -> Layer | None:
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
        scale = _scale(values)
        for found, same in _candidates(values, scale, numbers):
            if _near(values, same(POINTS), scale).all():
                beside = _beside(numbers)
                asked = function(beside)
                alike = _near(asked, same(beside), scale)
                if (alike | (~np.isfinite(asked) & (np.abs(beside) >= DECADES[0]))).all():
                    return found
    return None


def _candidates(
    values: np.ndarray, scale: float, numbers: Sequence[float]
) -> Iterator[tuple[Layer, Function]]:
    """Give layers, and what each computes."""
    offset = _exact(float(values[ZERO]), numbers)
    factor = _exact(float(values[ONE]) - float(values[ZERO]), numbers)
    yield ("Linear", {"factor": factor, "offset": offset}), lambda x: factor * x + offset
    names, curves = _curves()
    for at in np.flatnonzero(_near(values, curves, scale).all(-1)):
        yield ("Activation", {"activation": names[at]}), activations.FUNCTIONS[names[at]]
    if _rectifying(values[None])[0]:
        yield from _with_numbers(values, numbers)
    low, high = (_exact(float(values[at]), (*numbers, POINTS[at])) for at in (LEAST, MOST))
    low = -np.inf if low == POINTS[LEAST] else low
    high = np.inf if high == POINTS[MOST] else high
    if low < high:
        yield ("Clip", {"low": low, "high": high}), lambda x: np.clip(x, low, high)


def _with_numbers(values: np.ndarray, numbers: Sequence[float]) -> Iterator[tuple[Layer, Function]]:
    """Give rectifiers with numbers of their own."""
    for alpha in numbers:
        if alpha >= 0 and abs(values[LOWEST] + alpha) <= CLOSE * (1 + alpha):
            yield ("ELU", {"alpha": float(alpha)}), partial(_elu, alpha)
    steep = (values[LOW] - values[LOWEST]) / (POINTS[LOW] - POINTS[LOWEST])
    most = min(float(values[MOST]), POINTS[MOST])
    for slope in (one for one in (0.0, *numbers) if abs(one - steep) <= 1e-5 * (1 + abs(steep))):
        for limit in (np.inf, *numbers):
            if abs(min(limit, POINTS[MOST]) - most) > 1e-5 * (1 + abs(most)):
                continue
            for threshold in (0.0, *numbers):
                if min(slope, threshold, limit) >= 0:
                    given = slope, threshold, limit
                    yield _rectifier(*given), partial(_rectified, *given)


def _elu(alpha: float, x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _rectified(slope: float, threshold: float, limit: float, x: np.ndarray) -> np.ndarray:
    return np.where(x > threshold, np.minimum(x, limit), slope * (x - threshold) if slope else 0.0)


def _rectifier(slope: float, threshold: float, limit: float) -> Layer:
    if not threshold and np.isinf(limit):
        return "LeakyReLU", {"negative_slope": float(slope)}
    most = None if np.isinf(limit) else float(limit)
    given = {"negative_slope": float(slope), "threshold": float(threshold)}
    return "ReLU", {"max_value": most, **given}


def _beside(numbers: Sequence[float]) -> np.ndarray:
    """Return numbers, and those a little less and more, of both signs."""
    finite = np.array([one for one in numbers if np.isfinite(one) and one], float)
    sides = np.concatenate([finite * (1 - BESIDE), finite, finite * (1 + BESIDE)])
    return np.concatenate([sides, -sides])


def _scale(found: np.ndarray) -> float:
    near = np.abs(found[:LINE])
    return min(1.0, float(near.max()) if np.isfinite(near).all() else 1.0)


def _near(found: np.ndarray, wanted: np.ndarray, scale: float) -> np.ndarray:
    """Return where values are alike; at the points far off they may have overflown."""
    alike = np.asarray(np.abs(found - wanted) <= CLOSE * (scale + np.abs(wanted)))
    alike |= found == wanted
    if alike.shape[-1] == len(POINTS):
        alike[..., -FAR:] |= ~np.isfinite(np.broadcast_to(found, alike.shape)[..., -FAR:])
    return alike


def _exact(value: float, numbers: Sequence[float]) -> float:
    """Return a number that the function is made with, where a value is one but for rounding."""
    return next((one for one in (*numbers, 0.0, 1.0) if abs(value - one) <= 1e-12), value)
