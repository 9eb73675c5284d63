"""What a backtest found: forecasts beside what came."""

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer
from nlstm.windows.frames import framed
from nlstm.windows.series import checked_steps
from nlstm.windows.several import Several

__all__ = ["Backtest"]


@dataclass(frozen=True)
class Backtest:
    """Forecasts beside what came, in the units of the series.

    Attributes
    ----------
    origins : ndarray(int64), shape (B,)
        The step of its series at which each forecast begins.
    series_index : ndarray(int64), shape (B,)
        Which series each forecast is of.
    forecasts : ndarray(float64), shape (B, horizon, targets) or (B, horizon, targets, quantiles)
    actuals : ndarray(float64), shape (B, horizon, targets)
    quantiles : tuple of float, or None
    places : tuple, or None
        What the series came as, the columns that are targets, the sampling rate: for `to_frame`.
    """

    origins: np.ndarray
    series_index: np.ndarray
    forecasts: np.ndarray
    actuals: np.ndarray
    quantiles: tuple[float, ...] | None = None
    places: tuple[Several, np.ndarray, int] | None = None

    def __repr__(self) -> str:
        count, horizon, targets = self.actuals.shape
        levels = "" if self.quantiles is None else f", quantiles {self.quantiles}"
        return f"<Backtest: {count:,} forecasts of {horizon} steps, {targets} targets{levels}>"

    def __len__(self) -> int:
        """Return the number of forecasts."""
        return len(self.origins)

    def part(self, rows: Any) -> "Backtest":
        """Return some forecasts: a slice, row numbers, or a boolean for each."""
        names = ("origins", "series_index", "forecasts", "actuals")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def before(self, step: Any) -> "Backtest":
        """Return the forecasts whose truths are known before `step`, or a date, of their series."""
        rate = 1 if self.places is None else self.places[2]
        reach = (self.actuals.shape[1] - 1) * rate
        return self.part(self.origins + reach < self.steps_at(step))

    def since(self, step: Any) -> "Backtest":
        """Return the forecasts that begin at `step`, or a date, of their series or later."""
        return self.part(self.origins >= self.steps_at(step))

    def steps_at(self, step: Any, called: str = "step") -> np.ndarray:
        """Return the step of its series that a step or a date is, for each forecast.

        Parameters
        ----------
        step : int or date
            A date is the first step at it or later.
        called : str, optional
            What errors call it.
        """
        if self.places is None:
            return np.full(len(self.origins), checked_integer(called, step))
        return checked_steps(called, step, self.places[0].given)[self.series_index]

    @property
    def point(self) -> np.ndarray:
        """The forecast as one number: itself, or the quantile nearest to 0.5."""
        if self.quantiles is None:
            return self.forecasts
        return self.forecasts[..., int(np.argmin(np.abs(np.array(self.quantiles) - 0.5)))]

    @property
    def errors(self) -> np.ndarray:
        """`point` less `actuals`."""
        return self.point - self.actuals

    def mae(self) -> np.ndarray:
        """Return the mean absolute error, shape (horizon, targets)."""
        return np.abs(self.errors).mean(axis=0)

    def rmse(self) -> np.ndarray:
        """Return the root of the mean squared error, shape (horizon, targets)."""
        return np.sqrt(np.square(self.errors).mean(axis=0))

    def coverage(self) -> dict[float, float]:
        """Return, by quantile, the share of actuals at or below its forecast; ideal is the same."""
        levels, differences = self._excess()
        shares = (differences <= 0.0).mean(axis=(0, 1, 2))
        return dict(zip(levels.tolist(), shares.tolist(), strict=True))

    def pinball(self) -> np.ndarray:
        """Return the mean pinball loss over all quantiles, shape (horizon, targets)."""
        levels, differences = self._excess()
        losses = np.maximum(levels * differences, (levels - 1.0) * differences)
        return losses.mean(axis=(0, 3))

    def to_frame(self) -> Any:
        """Return a table of all forecasts, of pandas or polars as the series was.

        Returns
        -------
        DataFrame
            A row for each step that was forecast: ``series`` (its key or number, where there are
            several), ``target`` (the column's name or number), ``origin`` and ``date`` (of the
            first step forecast and of this one; numbers of steps where there are no dates),
            ``ahead`` (from 1), ``forecast`` or one column for each quantile, ``actual``.

        Raises
        ------
        ValueError
            The series was no frame.
        """
        library = None if self.places is None else self.places[0].given[0].library
        if self.places is None or library is None:
            raise ValueError("to_frame needs a series that came as a frame of pandas or polars.")
        numbers = np.unique(self.series_index)
        parts = [self._part(int(number), library, *self.places) for number in numbers]
        if len(parts) == 1:
            return parts[0]
        concat = sys.modules[library].concat
        return concat(parts) if library == "polars" else concat(parts, ignore_index=True)

    def _part(
        self, number: int, library: str, several: Several, columns: np.ndarray, rate: int
    ) -> Any:
        """Return the table of one series."""
        given, rows = several.given[number], self.series_index == number
        actuals = self.actuals[rows]
        count, horizon, targets = actuals.shape
        shape = (targets, count, horizon)
        begin = np.broadcast_to(self.origins[rows][:, None], shape).ravel()
        ahead = np.broadcast_to(np.arange(horizon), shape).ravel()
        names = [given.names[c] if given.names else int(c) for c in columns.tolist()]
        table: dict[str, Any] = {}
        if len(several.given) > 1:
            key = number if several.keys is None else several.keys[number]
            table["series"] = [key] * begin.size
        table["target"] = [name for name in names for _ in range(count * horizon)]
        for name, steps in (("origin", begin), ("date", begin + ahead * rate)):
            table[name] = steps if given.dates is None else given.dates.take(steps)
        table["ahead"] = ahead + 1
        found = self.forecasts[rows]
        if self.quantiles is None:
            table["forecast"] = np.moveaxis(found, 2, 0).ravel()
        else:
            values = np.moveaxis(found, 2, 0).reshape(-1, len(self.quantiles))
            table |= {str(level): values[:, n] for n, level in enumerate(self.quantiles)}
        table["actual"] = np.moveaxis(actuals, 2, 0).ravel()
        return framed(library, table)

    def _excess(self) -> tuple[np.ndarray, np.ndarray]:
        if self.quantiles is None:
            raise ValueError("These forecasts have no quantiles: give backtest quantiles=.")
        return np.array(self.quantiles), self.actuals[..., None] - self.forecasts
