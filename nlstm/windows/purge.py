"""What all splits share: scikit-learn's interface, and taking out what reaches into the test."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_choice, checked_integer
from nlstm.arguments.shown import by_attributes
from nlstm.windows.reach import Reach, counted_from, reach_of

__all__ = ["Parts", "PurgedSplit", "at_least", "checked_splitter"]

PURGES = ("windows", "targets")
Parts = Iterator[tuple[np.ndarray, np.ndarray]]


class PurgedSplit:
    """Training and test parts, whose common arguments `ExpandingSplit` tells."""

    test_start: Any = None  # of the splits that go onwards

    def __init__(
        self,
        n_splits: int,
        gap: int,
        purge: str,
        steps: int | None,
        horizon: int | None,
        stride: int | None,
    ) -> None:
        self.n_splits = checked_integer("n_splits", n_splits, 1)
        self.gap = checked_integer("gap", gap, 0)
        self.purge = checked_choice("purge", purge, PURGES)
        self.steps = at_least("steps", steps, 1)
        self.horizon = at_least("horizon", horizon, 0)
        self.stride = at_least("stride", stride, 1)

    def __repr__(self) -> str:
        return by_attributes(self)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: N803
        """Return the number of splits; arguments are there for scikit-learn."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Parts:  # noqa: N803
        """Give the row numbers of training and test, split by split, each in the order of time.

        Parameters
        ----------
        X : Windows, or array_like with a row for each window
            `Windows` know how far they reach; of other rows `steps`, `horizon` and `stride` say it.
        y, groups
            For scikit-learn; without effect.

        Yields
        ------
        training, test : ndarray(int64)
            For ``windows.part(training)``, or ``X[training]``.

        Raises
        ------
        TypeError, ValueError
            There are too few rows, or X has no rows.
        """
        reach = reach_of(X, self.steps, self.horizon, self.stride)
        if self.test_start is not None:
            reach = counted_from(reach, X, self.test_start)
        for number, (training, test) in enumerate(self._parts(reach)):
            if not training.size:
                raise ValueError(
                    f"Split {number + 1} of {self.n_splits} has no training rows: its test is rows "
                    f"{test[0]} to {test[-1]} of {reach.rows.size}, and none is far enough from it "
                    f"to share nothing. Take fewer splits, or a smaller test, gap or reach."
                )
            yield reach.rows[training], reach.rows[test]

    def _parts(self, reach: Reach) -> Parts:
        """Give training and test as places in the order of time."""
        raise NotImplementedError

    def _before(self, reach: Reach, candidates: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Return those that end before a later test begins, without the last `gap`."""
        begin = reach.first if self.purge == "windows" else reach.target
        bound = np.full(reach.series.max() + 1, np.iinfo(np.int64).max)
        np.minimum.at(bound, reach.series[test], begin[test])
        kept = candidates[reach.last[candidates] < bound[reach.series[candidates]]]
        from_end = _places(reach.series[kept[::-1]])[::-1]
        return kept[from_end >= self.gap]

    def _after(
        self, reach: Reach, candidates: np.ndarray, test: np.ndarray, embargo: Any = 0
    ) -> np.ndarray:
        """Return those that begin after an earlier test has ended, and after gap and embargo.

        embargo : int, or ndarray with one for each series
        """
        bound = np.full(reach.series.max() + 1, -1)
        np.maximum.at(bound, reach.series[test], reach.last[test])
        own = reach.series[candidates]
        kept = reach.first[candidates] > bound[own]
        left_out = np.broadcast_to(self.gap + np.asarray(embargo), bound.shape)
        candidates, own = candidates[kept], own[kept]
        return candidates[_places(own) >= left_out[own]]


def checked_splitter(name: str, split: Any) -> Any:
    """Return what has scikit-learn's ``split(X)``; a string has a `split` of its own."""
    if isinstance(split, str | type) or not callable(getattr(split, "split", None)):
        raise WrongKind(f"{name} must be a splitter, such as ExpandingSplit(3); got {split!r}.")
    return split


def at_least(name: str, value: Any, least: int) -> int | None:
    """Return a whole number of at least `least`, or None."""
    return None if value is None else checked_integer(name, value, least)


def _places(series: np.ndarray) -> np.ndarray:
    """Return how many of the same series come before each."""
    order = np.argsort(series, kind="stable")
    grouped = series[order]
    begins = np.flatnonzero(np.diff(grouped, prepend=-1))
    sizes = np.diff(np.append(begins, series.size))
    places = np.empty(series.size, np.int64)
    places[order] = np.arange(series.size) - np.repeat(begins, sizes)
    return places
