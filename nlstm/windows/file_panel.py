"""Series in files behind windows: what a batch needs is read when it needs it."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nlstm.data.on_file import Pages, at_place, is_read_in_place, place_of
from nlstm.kernels.operations import Array, Operations
from nlstm.windows.frames import Given
from nlstm.windows.panel import Placed

__all__ = ["FilePanel"]

PIECE = 1 << 20  # numbers that are looked at together


class Reach(NamedTuple):
    """What of each window is read: rows from the start of it, and runs of columns.

    Attributes
    ----------
    first, steps, rate : int
        Rows ``first + rate * (0 .. steps - 1)``.
    runs : list of (int, int)
        Columns from the first to below the second.
    width : int
        Columns of all runs.
    tables : list of ndarray
        Offsets into an array (steps, width).
    """

    first: int
    steps: int
    rate: int
    runs: list[tuple[int, int]]
    width: int
    tables: list[np.ndarray]

    @classmethod
    def of(cls, offsets: list[np.ndarray], columns: int) -> "Reach":
        """Return that of offsets into rows of `columns`."""
        every = np.unique(np.concatenate([one.reshape(-1) for one in offsets]))
        rows, used = np.unique(every // columns), np.unique(every % columns)
        rate = max(1, math.gcd(*np.diff(rows).tolist()))
        first, steps = int(rows[0]), int(rows[-1] - rows[0]) // rate + 1
        cuts = np.flatnonzero(np.diff(used) > 1) + 1
        runs = [(int(run[0]), int(run[-1]) + 1) for run in np.split(used, cuts)]
        tables = [
            (one // columns - first) // rate * used.size + np.searchsorted(used, one % columns)
            for one in offsets
        ]
        return cls(first, steps, rate, runs, used.size, tables)


class FilePanel:
    """Several series of the same columns, of which at least one lies in a file.

    Parameters
    ----------
    arrays : list of ndarray, shape (rows, columns) each
        Of any real dtypes and orders of bytes.
    given : list of Given
        What each series came as, without its numbers.

    Attributes
    ----------
    columns, rows, firsts, lengths, dtype, given
        As of a `Panel`: places are those of all series one after the other.

    Notes
    -----
    Nothing is read before it is asked for, so numbers are checked as batches are gathered. One
    series of native float32 or float64, row by row, is gathered from where the file lies in memory;
    of all else the rows of a batch are copied and converted.
    """

    on_file = True
    largest = None  # nobody has looked

    def __init__(self, arrays: list[np.ndarray], given: list[Given]) -> None:
        self.arrays, self.given = arrays, given
        dtype = np.result_type(*arrays, np.float32)
        self.dtype = dtype if dtype.itemsize <= 8 else np.dtype(np.float64)
        self.columns = arrays[0].shape[1]
        self.lengths = np.array([len(one) for one in arrays], np.int64)
        self.firsts = np.cumsum(self.lengths) - self.lengths
        self.rows = int(self.lengths.sum())
        self._pages = Pages(*arrays)
        one = arrays[0]
        plain = one.dtype == self.dtype and one.flags.c_contiguous and one.flags.aligned
        self._flat = one.reshape(-1) if len(arrays) == 1 and plain else None

    def __deepcopy__(self, memo: Any) -> "FilePanel":
        """Return itself: a file is not copied into memory."""
        return self

    def __reduce__(self) -> Any:
        return _reopened, ([place_of(one) for one in self.arrays], self.given)

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """Give all rows in parts: the number of the first, and (rows, columns)."""
        size = max(1, PIECE // self.columns)
        for array, first in zip(self.arrays, self.firsts.tolist(), strict=True):
            for row in range(0, len(array), size):
                part = np.asarray(array[row : row + size], self.dtype)
                yield first + row, part
                self._pages.touch(part.size * array.itemsize)

    def take(self, starts: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return values, (windows, *offsets.shape), of windows at places `starts`."""
        reach = Reach.of([offsets], self.columns)
        found = np.empty((starts.size, reach.steps, reach.width), self.dtype)
        self._read(reach, np.asarray(starts, np.int64) // self.columns, found)
        return found.reshape(starts.size, -1)[:, reach.tables[0]]

    def _read(self, reach: Reach, rows: np.ndarray, out: np.ndarray) -> None:
        """Write to `out`, (windows, steps, width), what lies at rows of all series."""
        owners = self.owners(rows)
        for number in np.unique(owners).tolist():
            here = slice(None) if len(self.arrays) == 1 else np.flatnonzero(owners == number)
            self._read_one(self.arrays[number], reach, rows[here] - self.firsts[number], here, out)

    def _read_one(
        self, array: np.ndarray, reach: Reach, rows: np.ndarray, here: Any, out: np.ndarray
    ) -> None:
        down, right = array.strides
        count, place = len(array) - reach.first - (reach.steps - 1) * reach.rate, 0
        for low, high in reach.runs:
            shape = count, reach.steps, high - low
            strides = down, down * reach.rate, right
            windows = as_strided(array[reach.first :, low:high], shape, strides, writeable=False)
            out[here, :, place : place + high - low] = windows[rows]
            place += high - low
        self._pages.touch(rows.size * reach.steps * reach.rate * abs(down), rows.size)

    def owners(self, rows: np.ndarray) -> np.ndarray:
        """Return the series of each row."""
        return np.searchsorted(self.firsts, rows, side="right") - 1

    def placed(
        self,
        ops: Operations,
        starts: Any,
        tables: list[np.ndarray],
        group: np.ndarray | None,
        index: Array,
        out: Array,
        scaling: Any,
    ) -> Placed:
        """Return where the windows `index` of those at `starts` will lie when `before` has run.

        scaling : Scaling or None
            What numbers must fit, beside the dtype of `out`.
        """
        batch = Batch(self, starts, Reach.of(tables, self.columns), ops.dtype, scaling)
        size, before, owners = index.size, [], None
        own = ops.to_device(np.arange(size))
        if group is not None:
            owners = ops.empty(size, np.int32)
            before.append(ops.host(batch.own, (index,), (owners,), index, owners))
        if self._flat is not None and is_read_in_place(self._flat, ops):
            places = ops.empty(size, np.int64)
            before.append(ops.host(batch.find, (index,), (places,), index, places))
            after = [ops.host(batch.look, (index, out), (), index, out)]
            near = [ops.to_device(one) for one in tables]
            return Placed(before, ops.to_device(self._flat), places, own, near, owners, after)
        reach = batch.reach
        copy = ops.empty((size, reach.steps, reach.width), self.dtype)
        before.append(ops.host(batch.read, (index,), (copy,), index, copy))
        near = [ops.to_device(one) for one in reach.tables]
        firsts = ops.to_device(np.arange(size) * (reach.steps * reach.width))
        return Placed(before, copy.reshape(-1), firsts, own, near, owners, [])

    def where(self, row: int) -> tuple[str, int]:
        """Return the name of the series of a row, and its row there."""
        number = int(self.owners(np.array(row)))
        name = "series" if len(self.arrays) == 1 else f"series[{number}]"
        return name, int(row - self.firsts[number])

    def touch(self, reach: Reach, count: int) -> None:
        """Note that so many windows were read where they lie."""
        size = reach.steps * reach.rate * self.columns * self.dtype.itemsize
        self._pages.touch(count * size, count)


class Batch:
    """What the host does for a batch of windows."""

    def __init__(
        self, panel: FilePanel, starts: Any, reach: Reach, dtype: np.dtype, scaling: Any
    ) -> None:
        self.panel, self.starts, self.reach = panel, starts, reach
        self.dtype, self.scaling = dtype, scaling

    def _rows(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self.starts[index], np.int64) // self.panel.columns

    def own(self, index: np.ndarray, owners: np.ndarray) -> None:
        """Write the series of each window."""
        owners[:] = self.panel.owners(self._rows(index))

    def find(self, index: np.ndarray, places: np.ndarray) -> None:
        """Write the place of each window."""
        places[:] = self.starts[index]

    def read(self, index: np.ndarray, copy: np.ndarray) -> None:
        """Write the values of all windows, and check them."""
        self.panel._read(self.reach, self._rows(index), copy)
        wide = self.scaling is not None or copy.dtype != self.dtype
        if not np.isfinite(copy).all() or (wide and self._largest(copy) > self._most()):
            self._complain(index, copy)

    def look(self, index: np.ndarray, out: np.ndarray) -> None:
        """Check what was gathered."""
        self.panel.touch(self.reach, index.size)
        if not np.isfinite(out).all():  # or what lies beside the features is not
            copy = np.empty((index.size, self.reach.steps, self.reach.width), self.panel.dtype)
            self.panel._read(self.reach, self._rows(index), copy)
            self._complain(index, copy)

    def _most(self) -> float:
        most = float(np.finfo(self.dtype).max)
        return most if self.scaling is None else min(most, self.scaling.largest(self.dtype))

    @staticmethod
    def _largest(copy: np.ndarray) -> float:
        return max(float(copy.max()), -float(copy.min()))

    def _complain(self, index: np.ndarray, copy: np.ndarray) -> None:
        """Raise a ValueError for the first number that is not finite, or too large."""
        wrong = ~(np.abs(copy) <= self._most())
        if not wrong.any():
            return
        window, step, place = (int(number) for number in np.argwhere(wrong)[0])
        value = copy[window, step, place]
        columns = np.concatenate([np.arange(*run) for run in self.reach.runs])
        row = int(self._rows(index[window : window + 1])[0])
        name, row = self.panel.where(row + self.reach.first + step * self.reach.rate)
        where = f"{name} holds {value:g} in row {row}, column {columns[place]}"
        if np.isfinite(value):
            kind = "" if self.scaling is None else f"scaling={self.scaling.kind!r} of "
            raise ValueError(f"{where}, which {kind}{self.dtype.name} cannot hold.")
        hint = " drop_nan=True skips the windows that would hold it." * bool(np.isnan(value))
        raise ValueError(f"{where}.{hint}")


def _reopened(places: list[Any], given: list[Given]) -> FilePanel:
    return FilePanel([at_place(place) for place in places], given)
