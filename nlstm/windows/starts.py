"""Where windows start: an array of places, or the rule of places that are evenly apart."""

from typing import Any

import numpy as np

__all__ = ["EvenStarts", "any_within", "smallest", "starts_of", "times"]


class EvenStarts:
    """Places ``first + n * stride``, which answer as an array of them would and take no memory."""

    dtype = np.dtype(np.int64)

    def __init__(self, size: int, stride: int, first: int = 0) -> None:
        self.size, self.stride, self.first = size, stride, first

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice) and (rows.step is None or rows.step > 0):
            begin, end, step = rows.indices(self.size)
            size = len(range(begin, end, step))
            return EvenStarts(size, self.stride * step, self.first + self.stride * begin)
        if isinstance(rows, slice) or np.asarray(rows).dtype == bool:
            return np.asarray(self)[rows]
        rows = np.asarray(rows)
        wrong = (rows < -self.size) | (rows >= self.size)
        if wrong.any():
            raise IndexError(f"index {rows[wrong][0]} is out of bounds for {self.size} windows")
        rows = np.where(rows < 0, rows + self.size, rows).astype(np.int64)
        return self.first + rows * self.stride

    def at_least(self, place: int) -> int:
        """Return the number of the first place that is at least `place`."""
        return min(max(0, -(-(place - self.first) // self.stride)), self.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        made = np.arange(self.size, dtype=np.int64)
        made *= self.stride
        made += self.first
        return made if dtype is None else made.astype(dtype, copy=False)


def smallest(limit: int) -> np.dtype:
    """Return the dtype in which places up to a limit are kept."""
    return np.dtype(np.int32 if limit <= np.iinfo(np.int32).max else np.int64)


def times(starts: Any, columns: int) -> Any:
    """Return the places of rows of so many columns."""
    if isinstance(starts, EvenStarts):
        return EvenStarts(starts.size, starts.stride * columns, starts.first * columns)
    return np.multiply(starts, columns, dtype=starts.dtype)


def starts_of(firsts: np.ndarray, counts: np.ndarray, stride: int, dtype: Any, even: bool) -> Any:
    """Return the row at which each window starts, in the order of time.

    Parameters
    ----------
    firsts : ndarray(int64)
        The first row of each series.
    counts : ndarray of int
        Its windows.
    stride : int
    dtype : dtype
        Of an array.
    even : bool
        Give a rule instead of an array, where there is one series.
    """
    if even and len(counts) == 1:
        return EvenStarts(int(counts[0]), stride)
    starts, place = np.empty(int(np.sum(counts)), dtype), 0
    for first, windows in zip(firsts, counts, strict=True):
        rows = np.arange(windows, dtype=starts.dtype)
        rows *= stride
        rows += first
        starts[place : place + windows] = rows
        place += windows
    if len(counts) > 1:  # by share of the series
        share = np.concatenate([(np.arange(n) + 0.5) / max(n, 1) for n in counts])
        starts = starts[np.argsort(share, kind="stable")]
    return starts


def any_within(rows: np.ndarray, ahead: int, steps: int, rate: int) -> np.ndarray:
    """Return, by row r, whether any of rows r + (ahead + 0 .. steps - 1) * rate is set.

    False for rows from which these reach past the end.
    """
    size = -(-rows.size // rate)
    lanes = np.zeros((size, rate), bool)
    lanes.reshape(-1)[: rows.size] = rows
    counts = np.zeros((size + 1, rate), np.int32)
    np.cumsum(lanes, axis=0, dtype=np.int32, out=counts[1:])
    found = np.zeros((size, rate), bool)
    whole = max(0, size + 1 - ahead - steps)
    found[:whole] = counts[ahead + steps :][:whole] > counts[ahead:][:whole]
    return found.reshape(-1)[: rows.size]
