"""`Intervals`: forecasts between two ends, and how good they were."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from nlstm.windows.forecasts import Backtest
from nlstm.windows.residuals import finite_numbers

__all__ = ["Intervals"]


@dataclasses.dataclass(frozen=True, eq=False)
class Intervals:
    """The two ends of every forecast; ``lower, upper = intervals`` takes them apart.

    Attributes
    ----------
    lower, upper : ndarray(float64), shape (forecasts,), (forecasts, horizon) or with targets
        Infinite where no finite interval can keep the promise.
    point : ndarray(float64)
        The forecast itself, of the same shape; of quantiles the one in the middle.
    level : float
        The share of truths that are to lie inside.
    """

    lower: np.ndarray
    upper: np.ndarray
    point: np.ndarray
    level: float

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.lower, self.upper))

    def __len__(self) -> int:
        return len(self.lower)

    def __repr__(self) -> str:
        shape = "" if self.lower.ndim < 2 else f" of shape {self.lower.shape[1:]}"
        return f"<Intervals: {len(self):,} of {self.level:.3g}{shape}>"

    @property
    def quantiles(self) -> tuple[float, float, float]:
        """The levels that `lower`, `point` and `upper` stand for."""
        tail = round((1.0 - self.level) / 2.0, 12)  # 0.05 of 0.9
        return tail, 0.5, round(1.0 - tail, 12)

    def coverage(self, truth: Any) -> np.ndarray:
        """Return the share of truths inside, for each step and target."""
        known = self._like(truth)
        return ((self.lower <= known) & (known <= self.upper)).mean(axis=0)

    def width(self) -> np.ndarray:
        """Return the mean width, for each step and target."""
        return (self.upper - self.lower).mean(axis=0)

    def score(self, truth: Any) -> np.ndarray:
        """Return the mean interval score, for each step and target: less is better.

        The width, and what the truth lies outside by times 2 / (1 - level) (Gneiting & Raftery
        2007, Strictly proper scoring rules, eq. 43).
        """
        known = self._like(truth)
        below, above = np.maximum(self.lower - known, 0.0), np.maximum(known - self.upper, 0.0)
        outside = (below + above) * (2.0 / (1.0 - self.level))
        return (self.upper - self.lower + outside).mean(axis=0)

    def report(self, truth: Any) -> str:
        """Return a table: coverage, mean width and interval score of each step ahead."""
        found = [self.coverage(truth), self.width(), self.score(truth)]
        by_step = [one.reshape(one.shape[0] if one.ndim else 1, -1).mean(axis=1) for one in found]
        lines = [f"{'ahead':>5}{'coverage':>10}{'width':>10}{'score':>10}"]
        for step, (inside, width, score) in enumerate(zip(*by_step, strict=True), 1):
            lines.append(f"{step:>5}{inside:>10.1%}{width:>10.4g}{score:>10.4g}")
        if len(lines) > 2:
            inside, width, score = (one.mean() for one in by_step)
            lines.append(f"{'mean':>5}{inside:>10.1%}{width:>10.4g}{score:>10.4g}")
        return "\n".join(lines)

    def backtest(self, found: Backtest) -> Backtest:
        """Return the backtest that these are the intervals of, with them as its quantiles.

        For `nlstm.plotting`, and its other methods. A row for each interval: of a backtest with
        more rows, the last ones.
        """
        rows = slice(len(found.origins) - len(self), None)
        values = np.stack([self.lower, self.point, self.upper], axis=-1)
        return dataclasses.replace(
            found,
            origins=found.origins[rows],
            series_index=found.series_index[rows],
            forecasts=values.reshape(*found.actuals[rows].shape, 3),
            actuals=found.actuals[rows],
            quantiles=self.quantiles,
        )

    def _like(self, truth: Any) -> np.ndarray:
        """Return what came in the shape of the intervals: a row for each, the last ones of more."""
        found = isinstance(truth, Backtest)
        values = finite_numbers("truth", truth.actuals if found else truth)
        values = values[len(values) - len(self) :] if found else values
        if values.size != self.lower.size or len(values) != len(self):
            raise ValueError(f"truth must have shape {self.lower.shape}; got {values.shape}.")
        return values.reshape(self.lower.shape)
