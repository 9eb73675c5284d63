"""How wrong a forecast was, as conformal intervals count it, and the ends that follow from it.

"absolute"     |y - f|                 f - q, f + q
"normalised"   |y - f| / s             f - q s, f + q s        s a forecast of the scale
"quantile"     max(low - y, y - high)  low - q, high + q       low, high forecasts of quantiles
"""

import math
from typing import Any, NamedTuple

import numpy as np

from nlstm.arguments.checks import WrongKind
from nlstm.arguments.numbers import as_numbers, first_not_finite
from nlstm.models import Model
from nlstm.windows.forecasts import Backtest
from nlstm.windows.predicted import outputs
from nlstm.windows.source import Windows

__all__ = [
    "SCORES",
    "Told",
    "ends",
    "finite_numbers",
    "needed",
    "rank",
    "residuals",
    "told",
    "truth_of",
]

SCORES = ("absolute", "normalised", "quantile")
ROUNDING = 1e-9  # of (n + 1) * level, which is to be rounded up


class Told(NamedTuple):
    """Forecasts, low and high the same where they are one number, and their scale or None."""

    low: np.ndarray
    high: np.ndarray
    point: np.ndarray
    scale: np.ndarray | None

    def since(self, row: int) -> "Told":
        """Return those from a row on."""
        scale = None if self.scale is None else self.scale[row:]
        return Told(self.low[row:], self.high[row:], self.point[row:], scale)


def rank(count: int, level: float) -> int:
    """Return which of `count` residuals, counted from 1, bounds the next one at `level`.

    ``ceil((count + 1) * level)``: more than `count` where they are too few.
    """
    return math.ceil((count + 1) * level - ROUNDING)


def needed(level: float) -> int:
    """Return the least number of residuals from which `level` can be promised."""
    return math.ceil(level / (1.0 - level) - ROUNDING)


def residuals(forecasts: Told, truth: np.ndarray) -> np.ndarray:
    """Return how wrong forecasts were."""
    off = np.maximum(forecasts.low - truth, truth - forecasts.high)
    return off if forecasts.scale is None else off / forecasts.scale


def ends(forecasts: Told, quantile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends; where they would cross, both are the middle."""
    reach = quantile if forecasts.scale is None else quantile * forecasts.scale
    lower, upper = forecasts.low - reach, forecasts.high + reach
    crossed = lower > upper
    middle = (forecasts.low + forecasts.high) / 2.0
    return np.where(crossed, middle, lower), np.where(crossed, middle, upper)


def truth_of(x: Any, truth: Any) -> np.ndarray:
    """Return what came: `truth`, or what a Backtest or Windows hold."""
    if truth is None and isinstance(x, Backtest):
        truth = x.actuals
    elif truth is None and isinstance(x, Windows):
        truth = None if x.y is None else x.y[:]
    if truth is None:
        raise WrongKind(f"truth must be given beside {type(x).__name__}: what came.")
    return finite_numbers("truth", truth)


def told(score: str, model: Any, x: Any, scale: Any, sample: tuple[int, ...]) -> Told:
    """Return the forecasts for `x`, each in the shape `sample` of a row of what came."""
    if (score == "normalised") != (scale is not None):
        verb = "needs" if scale is None else "takes no"
        raise ValueError(f"score={score!r} {verb} scale, a forecast of how wrong each one will be.")
    values = finite_numbers("The forecasts", _forecasts(score, model, x))
    if score == "quantile":
        levels = _as_quantiles(values, sample)
        low, high = levels[..., 0], levels[..., -1]
        middle = levels.shape[-1] // 2
        point = levels[..., middle] if levels.shape[-1] % 2 else (low + high) / 2.0
        return Told(np.minimum(low, high), np.maximum(low, high), point, None)
    values = _shaped("The forecasts", values, sample)
    sizes = None if scale is None else _shaped("scale", finite_numbers("scale", scale), sample)
    if sizes is not None and (len(sizes) != len(values) or (sizes <= 0.0).any()):
        raise ValueError(
            f"scale must be positive, one for each of {len(values)} forecasts; got "
            f"{len(sizes)} with {sizes.min():g} the least."
        )
    return Told(values, values, values, sizes)


def _forecasts(score: str, model: Any, x: Any) -> Any:
    if isinstance(x, Backtest):
        if score == "quantile" and x.quantiles is None:
            raise ValueError("score='quantile' needs a backtest of quantiles; this one has none.")
        return x.forecasts if score == "quantile" else x.point
    if model is None:
        if isinstance(x, Windows):
            raise WrongKind(
                "x must be forecasts, or Windows with a model to predict from them; got Windows "
                "and model=None."
            )
        return x
    if isinstance(x, Windows) and not isinstance(model, Model):
        x = x.x[:]
    return outputs(model, x)


def finite_numbers(name: str, values: Any) -> np.ndarray:
    """Return numbers as float64; raise where one is not finite, or none is there."""
    array = as_numbers(name, values).astype(np.float64)
    place = first_not_finite(array)
    if place is not None or not array.ndim or not array.size:
        found = "none" if place is None else f"{array[place]} at {place}"
        found = found if array.ndim else f"{array} alone"
        raise ValueError(f"{name} must be finite numbers with an axis of rows; got {found}.")
    return array


def _shaped(name: str, values: np.ndarray, sample: tuple[int, ...]) -> np.ndarray:
    if math.prod(values.shape[1:]) != math.prod(sample):
        raise ValueError(
            f"{name} must have rows of shape {sample}, as what came has; got {values.shape[1:]}."
        )
    return values.reshape(-1, *sample)


def _as_quantiles(values: np.ndarray, sample: tuple[int, ...]) -> np.ndarray:
    """Return (rows, *sample, quantiles): of that shape, or blocks as `QuantileLoss` has them."""
    rows, size = len(values), math.prod(sample)
    several = values[0].size // size
    if several < 2 or values[0].size % size:
        raise ValueError(
            f"score='quantile' needs two forecasts at least of each truth, such as rows of shape "
            f"{(*sample, 2)}; got rows of shape {values.shape[1:]}."
        )
    if values.shape[1:] == (*sample, several):
        return values
    if values.ndim == 2:  # the quantiles come before the steps
        return np.moveaxis(values.reshape(rows, several, *sample), 1, -1)
    return np.moveaxis(values.reshape(rows, sample[0], several, -1), 2, -1).reshape(
        rows, *sample, several
    )
