"""`residuals` and `calibration`: how wrong forecasts were, and whether they knew it."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_choice, checked_integer
from nlstm.plotting.style import BLACK, BLUE, GREY, RED, along, axes_of, shades
from nlstm.plotting.told import Told, as_backtest, label_of, told

__all__ = ["calibration", "residuals"]

BY = ("time", "forecast", "ahead")
SHARES = ((0.05, 0.95), (0.25, 0.75))


def residuals(
    found: Any,
    truth: Any = None,
    *,
    by: str = "time",
    quantiles: Any = None,
    ahead: int = 1,
    target: int | str = 0,
    series: int = 0,
    dates: Any = None,
    label: str | None = None,
    smooth: int = 30,
    ax: Any = None,
) -> Any:
    """Draw forecasts less what came.

    Parameters
    ----------
    found, truth, quantiles, ahead, target, series, dates, ax
        As for `forecast`.
    by : {"time", "forecast", "ahead"}
        Along what: the time, with a running mean; the forecast, which shows whether high ones are
        too high; or steps ahead, of all forecasts.
    label : str, optional
        What is forecast, with its unit.
    smooth : int, default 30
        Forecasts that the running mean goes over.

    Returns
    -------
    matplotlib.axes.Axes
    """
    by = checked_choice("by", by, BY)
    shown = told(as_backtest(found, truth, quantiles), target, series, dates)
    step = checked_integer("ahead", ahead, 1, shown.truth.shape[1]) - 1
    label, smooth = label_of(shown.name, label), checked_integer("smooth", smooth, 1)
    ax = axes_of(ax)
    ax.axhline(0.0, color=BLACK, lw=0.8)
    errors = shown.point - shown.truth
    if by == "ahead":
        _by_ahead(ax, errors)
    elif by == "time":
        _by_time(ax, shown, errors, step, smooth)
    else:
        ax.plot(shown.point[:, step], errors[:, step], ".", color=BLUE, ms=4, alpha=0.6)
        ax.set_xlabel(f"forecast: {label}")
    when = "" if by == "ahead" else f", {ahead} step{'s' * (ahead != 1)} ahead"
    ax.set(ylabel=f"error: {label}", title=f"Forecast less truth{when}")
    return ax


def _by_time(ax: Any, shown: Told, errors: np.ndarray, step: int, smooth: int) -> None:
    places, found = shown.places[:, step], errors[:, step]
    ax.plot(places, found, ".", color=BLUE, ms=4, alpha=0.6, label="error")
    if len(found) >= 2 * smooth and smooth > 1:
        means = np.convolve(found, np.full(smooth, 1.0 / smooth), "valid")
        middle = places[(smooth - 1) // 2 :][: len(means)]
        ax.plot(middle, means, color=RED, lw=1.8, label=f"mean of {smooth}")
        ax.legend(ncols=2, fontsize="small")
    along(ax, shown.places)


def _by_ahead(ax: Any, errors: np.ndarray) -> None:
    known = ~np.isnan(errors).all(axis=0)
    if not known.any():
        raise ValueError("found and truth must have numbers in common; one of them is always NaN.")
    aheads, errors = np.flatnonzero(known) + 1, errors[:, known]
    for (low, high), colour in zip(SHARES, shades(len(SHARES)), strict=True):
        ends = np.nanquantile(errors, (low, high), axis=0)
        name = f"{100 * (high - low):.0f} % of errors"
        ax.fill_between(aheads, *ends, color=colour, lw=0, label=name)
    ax.plot(aheads, np.nanmedian(errors, axis=0), "o-", color=BLUE, ms=4, label="median")
    ax.plot(aheads, np.nanmean(errors, axis=0), "s--", color=RED, ms=4, lw=1, label="mean")
    ax.set_xlabel("steps ahead")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(ncols=2, fontsize="small")


def calibration(
    found: Any,
    truth: Any = None,
    *,
    quantiles: Any = None,
    ahead: int | None = None,
    ax: Any = None,
) -> Any:
    """Draw the share of what came that lies at or below each quantile; ideal is the same.

    Parameters
    ----------
    found, truth, quantiles, ax
        As for `forecast`; there must be quantiles.
    ahead : int, optional
        Only forecasts so many steps ahead; by default all, of all series and targets.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Above the line a quantile is too high, below it too low. A curve that is flatter than the line
    is one of intervals that are too narrow.
    """
    backtest = as_backtest(found, truth, quantiles)
    if backtest.quantiles is None:
        raise ValueError("found must have quantiles: backtest(..., quantiles=) makes them.")
    steps: Any = slice(None)
    if ahead is not None:
        step = checked_integer("ahead", ahead, 1, backtest.actuals.shape[1])
        steps = slice(step - 1, step)
    actuals, forecasts = backtest.actuals[:, steps], backtest.forecasts[:, steps]
    known = ~np.isnan(actuals) & ~np.isnan(forecasts).any(axis=-1)
    if not known.any():
        raise ValueError("found and truth must have numbers in common; one of them is always NaN.")
    shares = (actuals[known][:, None] <= forecasts[known]).mean(axis=0)
    order = np.argsort(backtest.quantiles)
    levels = np.array(backtest.quantiles)[order]
    ax = axes_of(ax, (4.2, 4.0))
    ax.plot([0, 1], [0, 1], color=GREY, lw=1, label="ideal")
    ax.plot(levels, shares[order], "o-", color=BLUE, ms=5, label="forecasts")
    ax.set(xlabel="quantile", ylabel="share of truth at or below it", xlim=(0, 1), ylim=(0, 1))
    when = "" if ahead is None else f", {ahead} step{'s' * (ahead != 1)} ahead"
    ax.set(aspect="equal", title=f"Calibration of {int(known.sum()):,} forecasts{when}")
    ax.legend(loc="upper left", fontsize="small")
    return ax
