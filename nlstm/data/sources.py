"""Sources: where batches are copied from, when they are needed.

A source is any object with

* ``shape``: (M, T, F), as if all rows were in memory; T = 1 for flat values;
* ``part(rows)``: a source of the rows in a slice;
* ``feed(ops, index, out)``: a list of calls that copy rows ``index`` to ``out`` of shape (T, N, S),
  S >= F. It is asked for once per plan; the calls read ``index``, int64 of shape (N,), as it is
  when they run. `out` has the model's dtype; columns of it past F are left alone.

It has checked its numbers for NaN itself. One that also has ``flattened()``, with all steps side by
side, can be the targets of a flat output; with ``flattened(blocks)``, all steps of the first block
of features before those of the next, also of a loss that reads several numbers for each output. One
that has ``one_by_one(flat)``, each step of each row as a row of one step, gives pieces of sequences
without their wholes. One whose ``scaled_by`` names a scaling is no target of a loss that reads
several kinds of numbers. An object with sources ``x`` and ``y`` is both sides of a training set.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from nlstm.kernels.devices import is_gpu
from nlstm.kernels.operations import Array, Call, Operations

__all__ = ["Data", "Rows", "Source", "is_pair", "is_source", "laid_out", "parts_of", "split"]

CHUNK = 1 << 20  # numbers of a source that are looked at together


class Source(Protocol):
    """See the module."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(M, T, F)."""

    def part(self, rows: slice) -> "Source":
        """Return a source of some rows."""

    def feed(self, ops: Operations, index: Array, out: Array) -> list[Call]:
        """Return the calls that copy rows `index` to `out`."""


class Rows:
    """An array (M, T, F) as a source of one model; its device gets it once, or has it already."""

    __slots__ = ("_by_step", "_far", "_there", "array", "shape")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = array.shape
        self._there: Any = None if isinstance(array, np.ndarray) else array
        self._far = False  # whether the device has no room for it
        self._by_step: Rows | None = None

    def part(self, rows: slice) -> "Rows":
        """Return some rows, as a view."""
        return Rows(self.array[rows])

    def one_by_one(self, flat: bool = False) -> "Rows":
        """Return each step of each row, or each number of `flat` values, as a row of one step."""
        if self._by_step is None:
            rows, steps, features = self.shape
            shape = (rows * features, 1, 1) if flat else (rows * steps, 1, features)
            self._by_step = Rows(self.array.reshape(shape))
        return self._by_step

    def feed(self, ops: Operations, index: Array, out: Array) -> list[Call]:
        """Return one call."""
        if self._there is None:
            if is_gpu(ops.device) and not self._has_room(ops):
                return [ops.host(_gather, (index,), (out,), self.array, index, out)]
            self._there = ops.to_device(self.array)
        return [(ops.gather_steps, (self._there, index, out))]

    def _has_room(self, ops: Operations) -> bool:
        """Whether the device has room for the array, which is decided once; say it if not."""
        size = self.array.nbytes
        if self._far or ops.has_room(size):
            return not self._far
        self._far = True
        warnings.warn(
            f"An array of shape {self.shape}, {size / 2**30:.1f} GiB, does not fit in what is free "
            f"of the memory of {ops.device}: its batches are gathered on the host, one by one.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False


def _gather(array: np.ndarray, index: np.ndarray, out: np.ndarray) -> None:
    np.copyto(out, array[index].swapaxes(0, 1))


def is_source(value: Any) -> bool:
    """Whether `value` is a source."""
    return hasattr(value, "feed") and hasattr(value, "part")


def laid_out(name: str, y: Any, flat: bool, kinds: int) -> Any:
    """Return a source of targets as a loss reads them.

    Parameters
    ----------
    name : str
        What the user calls it.
    y : Source
    flat : bool
        Whether outputs have no steps.
    kinds : int
        How many numbers of y the loss reads for each output.
    """
    if kinds > 1 and getattr(y, "scaled_by", None):
        raise ValueError(
            f"scaling={y.scaled_by!r} scales all columns of {name}, and the loss reads {kinds} "
            "kinds of them: scale the series instead."
        )
    if not flat or y.shape[1] == 1 or not hasattr(y, "flattened"):
        return y
    if kinds == 1:
        return y.flattened()
    return y if y.shape[2] % kinds else y.flattened(kinds)


def is_pair(value: Any) -> bool:
    """Whether `value` holds sources x and y."""
    return is_source(getattr(value, "x", None)) and hasattr(value, "y")


def parts_of(source: Source, ops: Operations) -> Iterator[tuple[int, np.ndarray]]:
    """Give what a source gives, in parts: the first row of each, and values (rows, T, F)."""
    total, steps, features = source.shape
    size = max(1, CHUNK // (steps * features))
    for first in range(0, total, size):
        rows = min(size, total - first)
        index, out = ops.cell(np.int64, rows), ops.empty((steps, rows, features))
        index.host[:] = np.arange(first, first + rows)
        index.push()
        for function, arguments in source.feed(ops, index.device, out):
            function(*arguments)
        yield first, ops.to_host(out).swapaxes(0, 1)


@dataclass(slots=True)
class Data:
    """Checked data of a model, ready to be fed.

    Attributes
    ----------
    samples : tuple of tuple
        Shape of one sample of each input as the model knows it.
    x : tuple of Source
        One for each input.
    lengths : tuple of ndarray(int64), shape (M,), or None
        For each input, how many of its steps count.
    y : tuple of Source or None
        One for each output; of shape (M, Ty, C), where Ty is 1 or T. Empty for prediction.
    weight : tuple of Source or None
        One for each output; of shape (M, Tw, 1), where Tw is 1 or T.
    key : tuple
        All shapes, which together with the number of rows choose the plan.
    """

    samples: tuple[tuple[int | None, ...], ...]
    x: tuple[Source, ...]
    lengths: tuple[np.ndarray | None, ...] = ()
    y: tuple[Source | None, ...] = ()
    weight: tuple[Source | None, ...] = ()
    key: tuple[Any, ...] = field(init=False)

    def __post_init__(self) -> None:
        def steps(sources: tuple[Any, ...]) -> tuple[Any, ...]:
            if not sources:  # of predictions: small calls pay for every line
                return ()
            return tuple(None if one is None else one.shape[1:] for one in sources)

        measured = tuple(one is not None for one in self.lengths)
        self.key = (steps(self.x), measured, steps(self.y), steps(self.weight))

    @property
    def rows(self) -> int:
        """M."""
        return self.x[0].shape[0]

    def part(self, rows: slice) -> "Data":
        """Return some rows, as views."""

        def parts(sources: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(None if one is None else one.part(rows) for one in sources)

        lengths = tuple(None if one is None else one[rows] for one in self.lengths)
        return Data(self.samples, parts(self.x), lengths, parts(self.y), parts(self.weight))


def split(data: Data, share: float) -> tuple[Data, Data]:
    """Return (first part, last part); the last holds `share` of the rows, as Keras cuts it."""
    cut = int(data.rows * (1.0 - share))
    if cut in (0, data.rows):
        raise ValueError(
            f"validation_split={share} of {data.rows} rows leaves no row for "
            f"{'training' if cut == 0 else 'validation'}."
        )
    return data.part(slice(cut)), data.part(slice(cut, None))
