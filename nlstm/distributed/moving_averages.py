"""Moments of batch normalisation: a rank normalises by its own rows, averages are of all."""

import numpy as np

from nlstm.plan.plan import Plan

__all__ = ["MovingAverages"]


class MovingAverages:
    """The means and variances of a plan from which moving averages are made.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    size : int
        How many numbers they are.
    """

    def __init__(self, plan: Plan) -> None:
        latest = [call[1][1] for call in plan.averages]  # a layer's mean, then its variance
        self._pairs = list(zip(latest[::2], latest[1::2], strict=True))
        self.size = sum(one.size for one in latest)

    def write(self, rows: int, sums: np.ndarray) -> None:
        """Write the sums over this rank's rows of values and their squares."""
        start = 0
        for mean, variance in self._pairs:
            mean64 = mean.astype(np.float64)
            for moment in (mean64, variance + mean64**2):
                sums[start : start + moment.size] = rows * moment
                start += moment.size

    def read(self, rows: float, sums: np.ndarray) -> None:
        """Overwrite means and variances by those over the rows of all ranks."""
        start = 0
        for mean, variance in self._pairs:
            mean64 = sums[start : start + mean.size] / rows
            start += mean.size
            squares = sums[start : start + mean.size] / rows
            start += mean.size
            mean[...] = mean64
            variance[...] = np.maximum(squares - mean64**2, 0.0)
