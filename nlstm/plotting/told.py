"""Forecasts beside what came: those of a backtest or of arrays, and the ones that are drawn."""

from typing import Any, NamedTuple

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_array, checked_integer, checked_number
from nlstm.windows.forecasts import Backtest
from nlstm.windows.intervals import Intervals

__all__ = ["Told", "as_backtest", "bands_of", "label_of", "told"]


class Told(NamedTuple):
    """The forecasts of one target of one series.

    Attributes
    ----------
    places : ndarray, shape (forecasts, horizon)
        Dates, or numbers of steps.
    steps : ndarray(int64), shape (forecasts, horizon)
        Numbers of steps.
    point, truth : ndarray, shape (forecasts, horizon)
    levels : ndarray, shape (forecasts, horizon, quantiles), or None
    quantiles : tuple of float, or None
    name : str
        The target's.
    """

    places: np.ndarray
    steps: np.ndarray
    point: np.ndarray
    truth: np.ndarray
    levels: np.ndarray | None
    quantiles: tuple[float, ...] | None
    name: str


def as_backtest(found: Any, truth: Any, quantiles: Any) -> Backtest:
    """Return a backtest, or one of arrays (forecasts,), (forecasts, horizon) or with targets."""
    if isinstance(found, Backtest):
        extra = "truth" if truth is not None else "quantiles" if quantiles is not None else None
        if extra is not None:
            raise WrongKind(f"{extra} goes with arrays; the Backtest that found is has its own.")
        return found
    if isinstance(found, Intervals):
        raise WrongKind(
            "found must be a Backtest, or arrays; got Intervals: intervals.backtest(found), of the "
            "Backtest that they are of, makes one."
        )
    if truth is None:
        raise ValueError("truth must be given where found is no Backtest; got None.")
    forecasts, actuals = checked_array("found", found), checked_array("truth", truth)
    levels = None
    if quantiles is not None:
        if not np.iterable(quantiles) or isinstance(quantiles, str):
            raise WrongKind(f"quantiles must be a sequence of numbers; got {quantiles!r}.")
        levels = tuple(checked_number("quantiles", one, above=0, below=1) for one in quantiles)
    expected = actuals.shape if levels is None else (*actuals.shape, len(levels))
    if levels is None and forecasts.shape != expected and forecasts.size == actuals.size:
        rest = [tuple(n for n in one.shape[1:] if n > 1) for one in (forecasts, actuals)]
        if rest[0] == rest[1]:  # (rows, 1) as predict gives it
            forecasts = forecasts.reshape(actuals.shape)
    if forecasts.shape != expected or not 1 <= actuals.ndim <= 3:
        what = "" if levels is None else ", the quantiles last"
        raise ValueError(
            f"found must have shape {expected}{what}, for truth of shape {actuals.shape}, which "
            f"is (forecasts,), (forecasts, horizon) or (forecasts, horizon, targets); "
            f"got {forecasts.shape}."
        )
    if not actuals.size:
        raise ValueError("truth must hold at least one value; got none.")
    whole = (*actuals.shape, 1, 1)[:3]
    last = () if levels is None else (len(levels),)
    count = len(actuals)
    return Backtest(
        np.arange(count),
        np.zeros(count, np.int64),
        forecasts.reshape(*whole, *last).astype(np.float64),
        actuals.reshape(whole).astype(np.float64),
        levels,
    )


def told(found: Backtest, target: Any, series: int, dates: Any) -> Told:
    """Return the forecasts of one target of one series, in the order of time."""
    several, columns, rate = found.places or (None, None, 1)
    names = None if several is None or columns is None else several.given[0].names
    shown = None if names is None or columns is None else [str(names[c]) for c in columns.tolist()]
    column = _column(target, found.actuals.shape[2], shown)
    number = checked_integer("series", series, 0)
    rows = np.flatnonzero(found.series_index == number)
    if not rows.size:
        numbers = np.unique(found.series_index).tolist()
        raise ValueError(f"series must be one of {numbers}; got {series!r}.")
    rows = rows[np.argsort(found.origins[rows], kind="stable")]
    horizon = found.actuals.shape[1]
    steps = found.origins[rows][:, None] + np.arange(horizon) * rate
    own = None if several is None else several.given[number].dates
    levels = None if found.quantiles is None else found.forecasts[rows][:, :, column]
    return Told(
        _places(steps, own, dates),
        steps,
        found.point[rows][:, :, column],
        found.actuals[rows][:, :, column],
        levels,
        found.quantiles,
        "value" if shown is None else shown[column],
    )


def _column(target: Any, count: int, names: list[str] | None) -> int:
    if isinstance(target, str):
        if names is None or target not in names:
            there = list(range(count)) if names is None else names
            raise ValueError(f"target must be one of {there}; got {target!r}.")
        return names.index(target)
    return checked_integer("target", target, 0, count - 1)


def _places(steps: np.ndarray, own: Any, dates: Any) -> np.ndarray:
    if dates is None:
        if own is None:
            return steps
        return _as_array(own.take(steps.ravel())).reshape(steps.shape)
    given = _as_array(dates)
    if given.ndim != 1 or len(given) <= steps.max():
        raise ValueError(
            f"dates must be those of all steps of the series, {steps.max() + 1} or more; "
            f"got shape {given.shape}."
        )
    return given[steps]


def _as_array(dates: Any) -> np.ndarray:
    if getattr(getattr(dates, "dtype", None), "time_zone", None) is not None:
        dates = dates.to_list()  # NumPy's dates of polars would be in UTC
    return np.asarray(dates)


def bands_of(quantiles: tuple[float, ...] | None) -> list[tuple[int, int, str]]:
    """Return the pairs of quantiles that intervals go between, the widest first, with names."""
    order = np.argsort(quantiles or ())
    return [
        (low, high, f"{100 * (quantiles or ())[low]:g} to {100 * (quantiles or ())[high]:g} %")
        for low, high in zip(order[: len(order) // 2].tolist(), order[::-1].tolist(), strict=False)
    ]


def label_of(name: str, label: Any) -> str:
    """Return what the axis of the values is called."""
    if label is not None and not isinstance(label, str):
        raise WrongKind(f"label must be a string such as 'temperature, °C'; got {label!r}.")
    return name if label is None else label
