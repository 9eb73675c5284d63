"""Keras's `timeseries_dataset_from_array`, in NumPy."""

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from nlstm.arguments.checks import checked_flag, checked_integer
from nlstm.arguments.numbers import as_array
from nlstm.data.batch import Batch
from nlstm.data.on_file import Pages, at_place, place_of, stays_file
from nlstm.windows.frames import given_as
from nlstm.windows.gaps import check_order, warn_of_gaps
from nlstm.windows.paths import is_path, opened_path

__all__ = ["TimeseriesDataset", "timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> "TimeseriesDataset":
    """Return batches of sliding windows over a series, as Keras's function of this name does.

    Parameters
    ----------
    data : array_like, shape (steps, ...)
        Or the path of a .npy file. A file is read batch by batch, in its own dtype. Of gaps in the
        dates of a frame there is a warning.
    targets : array_like, shape (steps, ...), or None
        ``targets[i]`` belongs to the window that starts at ``data[i]``.
    sequence_length : int
        Steps in a window.
    sequence_stride : int, default 1
        Steps from the start of one window to the start of the next.
    sampling_rate : int, default 1
        Steps of the series from one step of a window to the next.
    batch_size : int or None, default 128
        None gives windows one by one, without a batch axis.
    shuffle : bool, default False
        Give the windows in a random order, a new one at each pass.
    seed : int, optional
        Of the shuffling.
    start_index, end_index : int, optional
        Use ``data[start_index:end_index]`` alone, and the same part of `targets`.

    Returns
    -------
    TimeseriesDataset
        To be iterated over any number of times; batches are (x, y), or x without targets, of arrays
        that have `numpy()` too.

    Raises
    ------
    ValueError
        A number is out of Keras's range.

    Notes
    -----
    Equal to Keras's batches for ``shuffle=False``. Windows whose target lies past the end of
    `targets` are left out (Keras fails on some of them in the middle of a pass). For training on
    long series see `Windows`, which makes no batches in Python at all.

    Examples
    --------
    >>> dataset = timeseries_dataset_from_array([0, 1, 2, 3, 4], [3, 4], sequence_length=3)
    >>> [(x.tolist(), y.tolist()) for x, y in dataset]
    [([[0, 1, 2], [1, 2, 3]], [3, 4])]
    """
    given = given_as("data", data)
    check_order("data", given.dates)
    series = as_array("data", given.numbers)
    if series.ndim == 0:
        raise ValueError("data must have a time axis; got a single number.")
    goals = None
    if targets is not None:
        goals = as_array(
            "targets", opened_path("targets", targets) if is_path(targets) else targets
        )
    if goals is not None and goals.ndim == 0:
        raise ValueError("targets must have a time axis; got a single number.")
    steps = series.shape[0]
    start, end = 0, steps
    if start_index is not None:
        start = checked_integer("start_index", start_index, 0, max(steps - 1, 0))
    if end_index is not None:
        end = checked_integer("end_index", end_index, start + 1, steps - 1)
    length = checked_integer("sequence_length", sequence_length, 1)
    stride = checked_integer("sequence_stride", sequence_stride, 1, steps - 1)
    rate = checked_integer("sampling_rate", sampling_rate, 1, steps - 1)
    warn_of_gaps("data", given.dates, length)
    if batch_size is not None:
        batch_size = checked_integer("batch_size", batch_size, 1)
    shuffle = checked_flag("shuffle", shuffle)
    if seed is not None:
        seed = checked_integer("seed", seed, 0)
    series = series[start:end]
    count = series.shape[0] - (length - 1) * rate
    if goals is not None:
        goals = goals[start:end]
        count = min(count, goals.shape[0])
    starts = range(0, max(count, 0), stride)
    span = np.arange(0, length * rate if starts else 0, rate)
    return TimeseriesDataset(series, goals, starts, span, batch_size, shuffle, seed)


class TimeseriesDataset:
    """Batches of windows, cut as they are asked for.

    Parameters
    ----------
    series, targets : ndarray, shape (steps, ...)
    starts : range
    span : ndarray(int64), shape (sequence_length,)
        Steps of a window, counted from its start.
    batch_size : int or None
    shuffle : bool
    seed : int or None
    """

    def __init__(
        self,
        series: np.ndarray,
        targets: np.ndarray | None,
        starts: range,
        span: np.ndarray,
        batch_size: int | None,
        shuffle: bool,
        seed: int | None,
    ) -> None:
        self._series, self._targets = series, targets
        self._starts, self._span = starts, span
        self.batch_size = batch_size
        self._most: int | None = None  # batches of a pass
        self._random = np.random.default_rng(seed) if shuffle else None
        self._pages = Pages(*(one for one in (series, targets) if one is not None and one.size))

    def __repr__(self) -> str:
        targets = "" if self._targets is None else f", targets {self._targets.shape[1:]}"
        sample = (self._span.size, *self._series.shape[1:])
        return f"<TimeseriesDataset: {len(self):,} batches, windows {sample}{targets}>"

    def __copy__(self) -> Self:
        """Return one on the same series, with an order of its own."""
        made = object.__new__(type(self))
        vars(made).update(vars(self) | {"_random": copy.deepcopy(self._random)})
        return made

    def __deepcopy__(self, memo: Any) -> Self:
        """Return one on series of its own; a file stays where it is."""
        made = copy.copy(self)
        for name in ("_series", "_targets"):
            one = getattr(self, name)
            if one is not None and not stays_file(one):
                setattr(made, name, copy.deepcopy(one, memo))
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickles hold: a file by its name."""
        arrays = (self._series, self._targets)
        places = [place_of(one) if one is not None and stays_file(one) else one for one in arrays]
        return vars(self) | {"_series": places[0], "_targets": places[1], "_pages": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        arrays = [
            one if one is None else at_place(one) for one in (state["_series"], state["_targets"])
        ]
        vars(self).update(state | {"_series": arrays[0], "_targets": arrays[1]})
        self._pages = Pages(*(one for one in arrays if one is not None and one.size))

    def __len__(self) -> int:
        """Return the number of batches of a pass, the last and smaller one included."""
        whole = math.ceil(len(self._starts) / (self.batch_size or 1))
        return whole if self._most is None else min(whole, self._most)

    def __iter__(self) -> Iterator[Any]:
        return itertools.islice(self._batches(), self._most)

    def _batches(self) -> Iterator[Any]:
        starts: Any = self._starts
        if self._random is not None:
            starts = self._random.permutation(np.arange(starts.start, starts.stop, starts.step))
        if self.batch_size is None:
            for start in starts:
                yield self._cut(np.asarray(start))
            return
        for first in range(0, len(starts), self.batch_size):
            yield self._cut(np.asarray(starts[first : first + self.batch_size], np.int64))

    def take(self, count: int) -> "TimeseriesDataset":
        """Return the first `count` batches of each pass as a set of their own; -1 for all."""
        count = checked_integer("count", count, -1)
        taken = copy.copy(self)
        taken._most = self._most if count < 0 else min(count, len(self))
        return taken

    def _cut(self, starts: np.ndarray) -> Any:
        x = self._series[starts[..., None] + self._span].view(Batch)
        self._pages.touch(x.nbytes, max(starts.size, 1))
        return x if self._targets is None else (x, self._targets[starts].view(Batch))
