"""Rows of an array that lies in a file, gathered batch by batch and never held as a whole."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.quiet import quietly
from nlstm.data.on_file import Pages, is_read_in_place
from nlstm.kernels.operations import Array, Call, Operations

__all__ = ["FileRows", "complaint"]


class FileRows:
    """An array (M, T, F) in a file as a source.

    Parameters
    ----------
    name : str
        What the user calls it.
    array : ndarray, shape (M, T, F)
        A view of an `np.memmap`, of any real dtype and order of bytes.
    check : callable, optional
        ``check(values, row)`` raises for values (N, T, F) that are finite and yet wrong; `row` is
        the number of the first.
    sample : tuple of int, optional
        The shape of a row as the user gave it.
    first : int
        The row of the user's array at which this begins.
    pages : Pages, optional
        Those of the file, where somebody counts them already.

    Notes
    -----
    Numbers are checked as they are gathered: a batch that holds NaN ends the fit before its step.
    """

    _cut = 1  # how many rows were made of one of the user's

    def __init__(
        self,
        name: str,
        array: np.ndarray,
        check: Callable[[np.ndarray, int], None] | None = None,
        sample: tuple[int, ...] | None = None,
        first: int = 0,
        pages: Pages | None = None,
    ) -> None:
        self.name, self.array, self._check, self._first = name, array, check, first
        self.shape, self._whole = array.shape, array
        self._sample = array.shape[1:] if sample is None else sample
        self._pages = Pages(array) if pages is None else pages

    def part(self, rows: slice) -> "FileRows":
        """Return some rows, as a view."""
        first, _, _ = rows.indices(len(self.array))
        part = self.array[rows]
        first += self._first
        return FileRows(self.name, part, self._check, self._sample, first, self._pages)

    def one_by_one(self, flat: bool = False) -> "FileRows":
        """Return each step of each row, or each number of `flat` values, as a row of one step."""
        rows, steps, features = self.shape
        shape = (rows * features, 1, 1) if flat else (rows * steps, 1, features)
        array = self.array.reshape(shape)  # one that lies in strides is copied
        made = FileRows(self.name, array, self._check, self._sample, self._first, self._pages)
        made._cut, made._whole = shape[0] // rows, self.array
        return made

    def feed(self, ops: Operations, index: Array, out: Array) -> list[Call]:
        """Return the calls, of which the last checks what came."""
        array, features = self.array, self.shape[2]
        alike = array.dtype == ops.dtype and array.flags.c_contiguous and array.flags.aligned
        if alike and is_read_in_place(array, ops):
            calls = [(ops.gather_steps, (ops.to_device(array), index, out))]
            return [*calls, ops.host(self.check, (index, out), (), index, out)]
        # What lies beside the features is another source's.
        reads = (index,) if out.shape[2] == features else (index, out)
        return [ops.host(self.gather, reads, (out,), index, out)]

    def gather(self, index: np.ndarray, out: np.ndarray) -> None:
        """Copy and convert rows to `out`, and check them."""
        part = out[..., : self.shape[2]]
        quietly(np.copyto, part, self.array[index].swapaxes(0, 1), "same_kind", over="ignore")
        self.check(index, out)

    def check(self, index: np.ndarray, out: np.ndarray) -> None:
        """Raise a ValueError where a number of the batch is not finite, or wrong."""
        one = self.shape[1] * self.shape[2] * self.array.itemsize
        self._pages.touch(index.size * one, index.size)
        if not np.isfinite(out).all():  # or what lies beside the features is not
            for row in index.tolist():
                self._check_row(row, out.dtype)
        if self._check is not None:
            values = out[..., : self.shape[2]].swapaxes(0, 1)
            try:
                self._check(values, 0)
            except ValueError:  # whose row is one of the batch
                for row in np.unique(index // self._cut).tolist():
                    self._check(self._whole[row : row + 1], self._first + row)
                raise

    def _check_row(self, row: int, dtype: np.dtype) -> None:
        given = self.array[row]
        finite = np.isfinite(quietly(given.astype, dtype, over="ignore"))
        if not finite.all():
            place = int(np.argmin(finite))
            at = place + row % self._cut * given.size
            own = (int(n) for n in np.unravel_index(at, self._sample))
            index = (self._first + row // self._cut, *own)
            raise ValueError(complaint(self.name, index, given.reshape(-1)[place], dtype))


def complaint(name: str, place: tuple[int, ...], value: Any, dtype: np.dtype) -> str:
    """Return what to say of a number that is not finite, or not as `dtype`."""
    index = ", ".join(map(str, place))
    reason = f"too large for {dtype.name}" if np.isfinite(value) else "not finite"
    hint = " Fill such values in, or leave their rows out." if np.isnan(value) else ""
    if hint and name.startswith("y"):
        hint += " sample_weight of 0 keeps what was filled in out of the loss."
    return f"{name} is {reason} in row {place[0]}: {name}[{index}] is {value}.{hint}"
