"""Metrics that count: predictions above and below thresholds, by label."""

from collections.abc import Sequence
from typing import Any

from nlstm.metrics.confusion import Thresholds, counts

__all__ = ["FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"]


class _Count(Thresholds):
    _which: int  # of what `counts` returns

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, name=name, dtype=dtype)

    def value_of(self, total: Any) -> Any:
        """Return the count, or the counts."""
        return self._at_thresholds(counts(total, self._ascending.size)[self._which])


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
