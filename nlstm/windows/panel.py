"""Series in memory behind windows: one flat array."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from nlstm.data.gpu_arrays import resident
from nlstm.kernels.operations import Array, Call, Operations
from nlstm.windows.frames import Given

__all__ = ["Panel", "Placed"]

CHUNK = 1 << 18  # rows that are looked at together, so that no large copy is made


class Placed(NamedTuple):
    """Where kernels find the windows of a batch.

    Attributes
    ----------
    before : list of Call
        What runs first.
    series, starts, index : Array
        As `gather_windows` has them.
    tables : list of Array
        Offsets from the start of a window.
    group : Array or None
        The series of each window, by `index`.
    after : list of Call
        What checks the batch.
    """

    before: list[Call]
    series: Any
    starts: Any
    index: Any
    tables: list[Any]
    group: Any
    after: list[Call]


class Panel(NamedTuple):
    """Several series of the same columns, one after the other.

    Attributes
    ----------
    flat : ndarray, shape (rows * columns,)
        float32 or float64.
    columns : int
    firsts, lengths : ndarray(int64), shape (number of series,)
        First row and number of rows of each series.
    largest : float
        The largest magnitude of a finite value.
    given : list of Given
        What each series came as, without its numbers.
    """

    flat: np.ndarray
    columns: int
    firsts: np.ndarray
    lengths: np.ndarray
    largest: float
    given: list[Given]

    @property
    def on_file(self) -> bool:
        """Whether the numbers are left in files."""
        return False

    @property
    def dtype(self) -> np.dtype:
        """That of the numbers."""
        return self.flat.dtype

    @property
    def rows(self) -> int:
        """How many all series have."""
        return self.flat.size // self.columns

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """Give all rows in parts: the number of the first, and (rows, columns)."""
        table = self.flat.reshape(-1, self.columns)
        for first in range(0, len(table), CHUNK):
            yield first, table[first : first + CHUNK]

    def take(self, starts: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return values, (windows, *offsets.shape), of windows at places `starts`."""
        return self.flat[starts[:, None, None] + offsets]

    def placed(
        self,
        ops: Operations,
        starts: np.ndarray,
        tables: list[np.ndarray],
        group: np.ndarray | None,
        index: Array,
        out: Array,
        scaling: Any,
    ) -> Placed:
        """Return where the windows `index` of those at `starts` lie."""
        return Placed(
            [],
            resident(self.flat, ops),
            resident(starts, ops),
            index,
            [resident(one, ops) for one in tables],
            None if group is None else resident(group, ops),
            [],
        )
