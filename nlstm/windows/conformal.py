"""Conformal intervals: whatever forecasts, its errors of the past say how far off the next may be.

What is promised: of the residuals of n forecasts and the next one, all of them exchangeable, the
next is at most the ``ceil((n + 1) * level)``-th with probability `level` at least. Nothing is asked
of the model or of the errors' distribution, and nothing is said about any single day.
"""

import numbers
from typing import Any, Self

import numpy as np

from nlstm.arguments.checks import checked_choice, checked_integer, checked_number, is_number
from nlstm.arguments.shown import by_attributes
from nlstm.windows.forecasts import Backtest
from nlstm.windows.intervals import Intervals
from nlstm.windows.residuals import SCORES, ends, needed, rank, residuals, told, truth_of
from nlstm.windows.source import Windows
from nlstm.windows.track import Track

__all__ = ["RollingConformal", "SplitConformal"]


class SplitConformal:
    """Intervals from the errors on a part of the data that the model was not trained on.

    Parameters
    ----------
    model : optional
        Anything with ``predict(x)``. Without it, forecasts are given in the place of x.
    level : float, default 0.9
        The share of truths that are to lie inside.
    score : {"absolute", "normalised", "quantile"}
        Absolute errors: intervals of one width. Errors by a forecast of their size, `scale`: wide
        where that is large. Or quantiles that were forecast, two at least: the outermost are moved
        by what they missed (conformalised quantile regression).

    Attributes
    ----------
    quantile : ndarray(float64)
        How far the ends lie from the forecast, for each step and target; None before `calibrate`.
    count : int
        Forecasts it was calibrated on.

    Notes
    -----
    Every step ahead and every target has a quantile of its own, and the promise holds for each by
    itself. That a whole path of h steps lies inside takes a level of ``1 - (1 - level) / h``.

    Errors of a series are not exchangeable: seasons, trends and neighbours. Calibrate on the latest
    year or so, look at the coverage, and see `RollingConformal`.

    References
    ----------
    Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World; Lei et al. 2018,
    Distribution-free predictive inference for regression; Romano, Patterson & Candes 2019,
    Conformalized quantile regression.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=1099)
    >>> forecasts = np.zeros(1099)
    >>> conformal = SplitConformal(level=0.9).calibrate(forecasts[:99], truth[:99])
    >>> lower, upper = intervals = conformal.interval(forecasts[99:])
    >>> round(float(intervals.coverage(truth[99:])), 2)
    0.9
    """

    def __init__(self, model: Any = None, level: float = 0.9, score: str = "absolute") -> None:
        self.model, self.level, self.score = _checked(model, level, score)
        self.quantile: np.ndarray | None = None
        self.count = 0

    def __repr__(self) -> str:
        return by_attributes(self)

    def calibrate(self, x: Any, truth: Any = None, scale: Any = None) -> Self:
        """Learn from forecasts and what came.

        Parameters
        ----------
        x : array_like, Windows or Backtest
            What `model` predicts from; without one, forecasts, or a backtest with its own.
        truth : array_like, shape (n,), (n, horizon) or (n, horizon, targets), optional
            What came; Windows and a Backtest have it.
        scale : array_like, optional
            Of the shape of the forecasts, positive: for ``score="normalised"``.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            Shapes do not fit, numbers are not finite, or there are too few for `level`: the error
            says how many it takes.
        """
        known = truth_of(x, truth)
        forecasts = told(self.score, self.model, x, scale, known.shape[1:])
        _check_rows(forecasts.low, known)
        scores = residuals(forecasts, known)
        place = rank(len(scores), self.level)
        if place > len(scores):
            raise ValueError(_too_few("truth", len(scores), self.level))
        self.quantile = np.partition(scores, place - 1, axis=0)[place - 1]
        self.count = len(scores)
        return self

    def interval(self, x: Any, scale: Any = None) -> Intervals:
        """Return the intervals of new forecasts; arguments as of `calibrate`.

        Returns
        -------
        Intervals
            ``lower, upper = ...`` takes it apart.
        """
        if self.quantile is None:
            raise ValueError("SplitConformal knows no errors yet: call calibrate first.")
        forecasts = told(self.score, self.model, x, scale, self.quantile.shape)
        return Intervals(*ends(forecasts, self.quantile), forecasts.point, self.level)


class RollingConformal:
    """Intervals from the latest errors, which go along with the series.

    Parameters
    ----------
    model : optional
        As of `SplitConformal`.
    level : float, default 0.9
    score : {"absolute", "normalised", "quantile"}
        As of `SplitConformal`.
    window : int, optional
        The latest errors that count; by default all.
    gamma : float, default 0
        Adaptive conformal inference: after each truth the share that is let outside grows by
        ``gamma * (1 - level)``, less `gamma` where it lay outside. 0.005 to 0.05 are usual; 0 keeps
        it as it is.

    Attributes
    ----------
    outside : ndarray(float64) or None
        The share that is let outside now, for each step and target; ``1 - level`` at first.

    Notes
    -----
    A truth counts from the step on at which it is known: the error of a forecast three steps ahead
    three steps after it was made. With `gamma` the share of truths outside comes to ``1 - level``
    whatever the series does, within ``(max(level, 1 - level) + gamma) / (gamma * n)`` after n
    one-step forecasts. The price: after many misses in a row the share let outside is so small that
    the window's errors cannot tell it, and the interval is infinite; at 1 or above it is a point. A
    larger window or a smaller `gamma` makes that rare.

    References
    ----------
    Gibbs & Candes 2021, Adaptive conformal inference under distribution shift; Zaffran et al. 2022,
    Adaptive conformal predictions for time series.

    Examples
    --------
    >>> truth = np.arange(300.0) * np.random.default_rng(0).normal(size=300)  # wilder and wilder
    >>> rolling = RollingConformal(level=0.9, window=50, gamma=0.02)
    >>> intervals = rolling.run(np.zeros(300), truth, start=50)
    >>> round(float(intervals.coverage(truth[50:])), 2)
    0.9
    """

    def __init__(
        self,
        model: Any = None,
        level: float = 0.9,
        score: str = "absolute",
        *,
        window: int | None = None,
        gamma: float = 0.0,
    ) -> None:
        self.model, self.level, self.score = _checked(model, level, score)
        self.window = None if window is None else checked_integer("window", window, 1)
        self.gamma = checked_number("gamma", gamma, 0)
        if self.window is not None and self.window < needed(self.level):
            raise ValueError(_too_few("window", self.window, self.level))
        self._tracks: list[Track] = []
        self._sample: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return by_attributes(self)

    @property
    def outside(self) -> np.ndarray | None:
        """The share that is let outside now, for each step and target."""
        if not self._tracks:
            return None
        return np.array([one.outside for one in self._tracks]).reshape(self._sample)

    def run(
        self,
        x: Any,
        truth: Any = None,
        scale: Any = None,
        *,
        start: Any,
        origins: Any = None,
        sampling_rate: int = 1,
    ) -> Intervals:
        """Go through forecasts of the past, and give each the interval it would have had.

        Parameters
        ----------
        x, truth, scale
            As of `SplitConformal.calibrate`, in the order of time, of one series.
        start : int or date
            The first forecast that gets an interval, counted from the first of `x`, not a step of
            the series; those before it are learnt from alone. Of a Backtest or Windows of a frame
            with dates: the date from which on forecasts begin.
        origins : array_like of int, shape (n,), optional
            The step at which each forecast begins; by default one after the other. A Backtest and
            Windows have them, and their sampling rate.
        sampling_rate : int, default 1
            Steps from one step of a forecast to the next.

        Returns
        -------
        Intervals
            Of the forecasts from `start` on. What was learnt before is forgotten; afterwards all
            these truths are known, and `interval` and `update` go on from them.
        """
        known = truth_of(x, truth)
        count, sample = len(known), known.shape[1:]
        if isinstance(x, Backtest | Windows):
            if origins is not None:
                raise ValueError(f"origins are for arrays: x, {x!r}, has its own.")
            origins, sampling_rate = _times_of(x, sampling_rate)
            if not is_number(start):
                start = int(np.searchsorted(origins, x.steps_at(start, "start")[0]))
        start = checked_integer("start", start, 0, count - 1)
        times = np.arange(count) if origins is None else _checked_origins(origins, count)
        rate = checked_integer("sampling_rate", sampling_rate, 1)
        forecasts = told(self.score, self.model, x, scale, sample)
        _check_rows(forecasts.low, known)
        scores = residuals(forecasts, known).reshape(count, -1)
        self._begin(sample)
        steps = np.indices(sample)[0].ravel() if sample else [0]
        reach = np.empty((count - start, scores.shape[1]))
        for place, (track, step) in enumerate(zip(self._tracks, steps, strict=True)):
            # Forecast r has this step's truth before forecast n is made: r < before[n].
            before = np.searchsorted(times + int(step) * rate, times, side="left")
            if before[start] < needed(self.level):
                short = _too_few("start", int(before[start]), self.level)
                raise ValueError(f"{short} (Errors that are known by then count.)")
            reach[:, place] = track.run(scores[:, place], before, start)
        quantiles = reach.reshape(-1, *sample)
        later = forecasts.since(start)
        return Intervals(*ends(later, quantiles), later.point, self.level)

    def calibrate(self, x: Any, truth: Any = None, scale: Any = None) -> Self:
        """Learn from errors of the past, and forget all before; as of `SplitConformal`."""
        known = truth_of(x, truth)
        if len(known) < needed(self.level):
            raise ValueError(_too_few("truth", len(known), self.level))
        self._begin(known.shape[1:])
        return self._learn(x, known, scale, judged=False)

    def interval(self, x: Any, scale: Any = None) -> Intervals:
        """Return the intervals of new forecasts by the errors known so far."""
        self._check_begun()
        forecasts = told(self.score, self.model, x, scale, self._sample)
        quantile = np.array([one.quantile() for one in self._tracks]).reshape(self._sample)
        return Intervals(*ends(forecasts, quantile), forecasts.point, self.level)

    def update(self, x: Any, truth: Any = None, scale: Any = None) -> Self:
        """Learn from forecasts whose truth has come, the oldest first.

        With `gamma` each is judged by the interval that it would get now.
        """
        self._check_begun()
        known = truth_of(x, truth)
        if known.shape[1:] != self._sample:
            raise ValueError(
                f"truth must have rows of shape {self._sample}; got {known.shape[1:]}."
            )
        return self._learn(x, known, scale, judged=True)

    def _begin(self, sample: tuple[int, ...]) -> None:
        self._sample = sample
        count = int(np.prod(sample))
        self._tracks = [Track(self.level, self.window, self.gamma) for _ in range(count)]

    def _check_begun(self) -> None:
        if not self._tracks:
            raise ValueError("RollingConformal knows no errors yet: call calibrate or run first.")

    def _learn(self, x: Any, known: np.ndarray, scale: Any, judged: bool) -> Self:
        forecasts = told(self.score, self.model, x, scale, self._sample)
        _check_rows(forecasts.low, known)
        scores = residuals(forecasts, known).reshape(len(known), -1)
        for track, column in zip(self._tracks, scores.T, strict=True):
            for one in column.tolist():
                track.learn(one, track.quantile() if judged else None)
        return self


def _checked(model: Any, level: Any, score: Any) -> tuple[Any, float, str]:
    if model is not None and not callable(getattr(model, "predict", None)):
        hint = f" The level goes by name: level={model!r}." * isinstance(model, numbers.Real)
        raise TypeError(f"model must have predict(x); got {model!r}.{hint}")
    level = checked_number("level", level, above=0, below=1)
    return model, level, checked_choice("score", score, SCORES)


def _check_rows(forecasts: np.ndarray, known: np.ndarray) -> None:
    if len(forecasts) != len(known):
        raise ValueError(f"truth must have {len(forecasts)} rows; got {len(known)}.")


def _too_few(name: str, count: int, level: float) -> str:
    least = needed(level)
    return (
        f"{name} gives {count} errors, too few for level={level}: it takes at least {least}, "
        "better some hundreds."
    )


def _times_of(x: Backtest | Windows, sampling_rate: int) -> tuple[np.ndarray, int]:
    """Return where forecasts begin, and the steps from one of theirs to the next."""
    if np.ptp(x.series_index):
        raise ValueError(f"run is for one series at a time: x, {x!r}, has several.")
    if isinstance(x, Windows):
        return x.origins, x.sampling_rate
    return x.origins, x.places[2] if x.places else sampling_rate


def _checked_origins(origins: Any, count: int) -> np.ndarray:
    times = np.asarray(origins)
    if times.shape != (count,) or times.dtype.kind not in "iu" or (np.diff(times) <= 0).any():
        raise ValueError(f"origins must be {count} ascending whole numbers; got {origins!r}.")
    return times.astype(np.int64)
