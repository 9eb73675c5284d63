"""Metrics that count: predictions above and below thresholds, by label."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.kernels.operations import Operations
from nlstm.metrics.confusion import Cuts
from nlstm.metrics.metric import Function, KernelMetric

__all__ = ["FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"]


class _Count(KernelMetric):
    by_element = True
    _which: int  # of what `Cuts.counts` returns

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds, self._cuts = thresholds, Cuts(thresholds)

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return self._cuts.sums

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        return self._cuts.function(ops)

    def element_sums(self, features: int) -> list[tuple[slice, Any]]:
        """Return which features go into which sums where each element has a weight of its own."""
        return [(slice(None), slice(None))]

    def value_of(self, total: np.ndarray) -> Any:
        """Return the count, or the counts."""
        return self._cuts.shown(self._cuts.counts(total)[self._which])


class TruePositives(_Count):
    """How many predictions above the threshold have a positive label; weights count as often.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        By default 0.5. Several give an array.
    name : str, default "true_positives"
    dtype : optional
    """

    _which = 0


class FalsePositives(_Count):
    """How many predictions above the threshold have no positive label.

    Parameters
    ----------
    thresholds, name, dtype
        See `TruePositives`.
    """

    _which = 1


class FalseNegatives(_Count):
    """How many predictions not above the threshold have a positive label.

    Parameters
    ----------
    thresholds, name, dtype
        See `TruePositives`.
    """

    _which = 2


class TrueNegatives(_Count):
    """How many predictions not above the threshold have no positive label.

    Parameters
    ----------
    thresholds, name, dtype
        See `TruePositives`.
    """

    _which = 3
