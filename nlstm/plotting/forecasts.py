"""`forecast` and `fan`: forecasts with their intervals, and the truth."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_integer
from nlstm.plotting.style import BLACK, BLUE, along, axes_of, shades
from nlstm.plotting.told import Told, as_backtest, bands_of, label_of, told
from nlstm.windows.forecasts import Backtest

__all__ = ["fan", "forecast"]


def forecast(
    found: Any,
    truth: Any = None,
    *,
    quantiles: Any = None,
    ahead: int = 1,
    target: int | str = 0,
    series: int = 0,
    dates: Any = None,
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw the forecasts that were made so many steps before, their intervals, and the truth.

    Parameters
    ----------
    found : Backtest, or array_like
        Arrays have the shape of `truth`, and an axis of quantiles at the end where there are some.
    truth : array_like, shape (forecasts,), (forecasts, horizon) or (forecasts, horizon, targets)
        What came, where `found` is no Backtest.
    quantiles : sequence of float, optional
        Those of an array: the outermost two are the ends of an interval, and so on inwards.
    ahead : int, default 1
        Steps from the last that the model saw to the one forecast.
    target : int or str, default 0
        Its place among the targets, or the name of a frame's column.
    series : int, default 0
        Where there are several.
    dates : array_like, optional
        Of all steps of the series; by default those of its frame, else numbers of steps are shown.
    label : str, optional
        What is forecast, with its unit; by default the name of the frame's column.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from nlstm import plotting
    >>> ax = plotting.forecast([1.0, 2.5, 2.0], [1.2, 2.0, 2.2], label="height, m")
    >>> ax.get_ylabel()
    'height, m'
    """
    shown = told(as_backtest(found, truth, quantiles), target, series, dates)
    step = checked_integer("ahead", ahead, 1, shown.truth.shape[1]) - 1
    label = label_of(shown.name, label)
    ax = axes_of(ax)
    _bands(ax, shown, shown.places[:, step], slice(None), step, True)
    ax.plot(shown.places[:, step], shown.point[:, step], color=BLUE, lw=1.2, label="forecast")
    ax.plot(shown.places[:, step], shown.truth[:, step], ".", color=BLACK, ms=3, label="truth")
    ax.set(ylabel=label, title=f"Forecast {ahead} step{'s' * (ahead != 1)} ahead")
    along(ax, shown.places)
    ax.legend(ncols=2, fontsize="small")
    return ax


def fan(
    found: Any,
    *,
    most: int = 8,
    every: int | None = None,
    target: int | str = 0,
    series: int = 0,
    dates: Any = None,
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw the last forecasts of a backtest, each over its whole horizon, with the truth.

    Parameters
    ----------
    found : Backtest
    most : int, default 8
        Forecasts that are drawn: the last ones.
    every : int, optional
        Draw each so manieth forecast; by default they follow each other without overlap.
    target, series, dates, label, ax
        As for `forecast`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not isinstance(found, Backtest):
        raise WrongKind(f"found must be a Backtest of nlstm.windows; got {type(found).__name__}.")
    shown = told(found, target, series, dates)
    most, label = checked_integer("most", most, 1), label_of(shown.name, label)
    rows = _apart(shown, every)[-most:]
    ax = axes_of(ax)
    for row in rows:
        first = row == rows[0]
        _bands(ax, shown, shown.places[row], row, slice(None), first)
        name = "forecast" if first else None
        ax.plot(shown.places[row], shown.point[row], color=BLUE, lw=1.4, label=name)
        ax.plot(shown.places[row, :1], shown.point[row, :1], "o", color=BLUE, ms=3.5)
    _truth(ax, shown, rows)
    horizon = shown.truth.shape[1]
    ax.set(ylabel=label, title=f"Forecasts of {horizon} step{'s' * (horizon != 1)} and the truth")
    along(ax, shown.places)
    ax.legend(ncols=2, fontsize="small")
    return ax


def _apart(shown: Told, every: int | None) -> np.ndarray:
    """Return the rows of forecasts to draw, counted from the last."""
    count = len(shown.steps)
    if every is not None:
        return np.arange(count)[:: -checked_integer("every", every, 1)][::-1]
    taken = [count - 1]
    for row in range(count - 2, -1, -1):
        if shown.steps[row, -1] < shown.steps[taken[-1], 0]:
            taken.append(row)
    return np.array(taken[::-1])


def _truth(ax: Any, shown: Told, rows: np.ndarray) -> None:
    """Draw all that is known of the truth from the first forecast on."""
    known, which = np.unique(shown.steps, return_index=True)
    later = known >= shown.steps[rows[0], 0]
    which = which[later]
    places, truth = shown.places.ravel()[which], shown.truth.ravel()[which]
    ax.plot(places, truth, ".-", color=BLACK, lw=0.7, ms=4, label="truth")


def _bands(ax: Any, shown: Told, places: Any, rows: Any, steps: Any, named: bool) -> None:
    """Draw the intervals."""
    if shown.levels is None:
        return
    bands = bands_of(shown.quantiles)
    for (low, high, name), colour in zip(bands, shades(len(bands)), strict=True):
        ends = (shown.levels[rows, steps, one] for one in (low, high))
        ax.fill_between(places, *ends, color=colour, lw=0, label=name if named else None)
