"""Pieces of batches: the steps from one to another of some rows, gathered when they are run.

Arrays are gathered piece by piece, by the numbers of steps among all steps of all rows; other
sources give whole sequences once a batch, of which pieces are copied.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from nlstm.data.sources import Data, Rows, Source
from nlstm.data.step import Step
from nlstm.kernels.operations import Array, Call, Cell, Operations

__all__ = ["Batches", "Piece", "cuts", "steps_of"]


class Cutting(Protocol):
    """What is cut: see `nlstm.network.cutting.Cut`."""

    @property
    def cut_inputs(self) -> Sequence[bool]:
        """Which inputs are."""

    @property
    def indices(self) -> Sequence[bool]:
        """Which of them have their steps where others have features."""

    @property
    def cut_outputs(self) -> Sequence[bool]:
        """Which outputs, and their targets, are."""


def steps_of(data: Data, cut: Cutting, names: Sequence[str]) -> int:
    """Return the steps of the inputs that are cut; raise where they have unlike ones.

    Parameters
    ----------
    names : sequence of str
        Of the inputs.
    """
    found = {
        name: source.shape[2 if indices else 1]
        for name, source, is_cut, indices in zip(
            names, data.x, cut.cut_inputs, cut.indices, strict=True
        )
        if is_cut
    }
    (first, steps), *others = found.items()
    for name, other in others:
        if other != steps:
            raise ValueError(
                f"Inputs that are cut into pieces need as many steps: x[{first!r}] has {steps}, "
                f"x[{name!r}] {other}."
            )
    return steps


def cuts(steps: int, size: int, rest_first: bool) -> Iterator[tuple[int, int]]:
    """Give (first step, steps) of the pieces of `size` steps and of a shorter one."""
    rest = steps % size
    first = rest if rest_first else 0
    if rest and rest_first:
        yield 0, rest
    for place in range(first, steps - size + 1, size):
        yield place, size
    if rest and not rest_first:
        yield steps - rest, rest


class Batches:
    """Batches of some rows of data, which are gathered in pieces.

    Parameters
    ----------
    ops : Operations
    data : Data
    rows : int
    steps : int
        Of the sequences.
    cut : Cutting
    """

    def __init__(self, ops: Operations, data: Data, rows: int, steps: int, cut: Cutting) -> None:
        self.ops, self.data, self.rows, self.steps, self.cut = ops, data, rows, steps, cut
        self.chosen = ops.cell(np.int64, rows)
        self._whole: dict[int, tuple[Array, list[Call]]] = {}  # by source

    def take(self, index: np.ndarray) -> None:
        """Choose the rows of the batch whose pieces come next."""
        self.chosen.host[:] = index
        self.chosen.push()
        for _, calls in self._whole.values():
            for function, arguments in calls:
                function(*arguments)

    def whole(self, source: Source) -> Array:
        """Return where the whole sequences of a source lie, from the next batch on."""
        found = self._whole.get(id(source))
        if found is None:
            _, steps, features = source.shape
            array = self.ops.empty((steps, self.rows, features))
            found = array, source.feed(self.ops, self.chosen.device, array)
            self._whole[id(source)] = found
        return found[0]


class Piece:
    """Some steps of the rows of a batch.

    Parameters
    ----------
    batches : Batches
    steps : int
    scored : sequence of bool
        Which outputs have targets here.

    Attributes
    ----------
    data : Data
        What `Binder.step` asks of data: the shapes.
    """

    def __init__(self, batches: Batches, steps: int, scored: Sequence[bool]) -> None:
        ops, rows, data = batches.ops, batches.rows, batches.data
        self._batches, self.steps = batches, steps
        self._by_step = ops.cell(np.int64, steps * rows)
        self._by_row = ops.cell(np.int64, steps * rows if any(batches.cut.indices) else 0)
        self._cells = [self._by_step, self._by_row][: 1 + any(batches.cut.indices)]
        self._numbers = np.arange(steps)
        self._index: np.ndarray | None = None  # the rows and step where it was last
        self._first = 0
        self._lengths: list[tuple[np.ndarray, Cell]] = []
        self._moves: list[tuple[Array, Array, bool]] = []
        cut = batches.cut
        x = tuple(
            self._part(source, is_cut, indices)
            for source, is_cut, indices in zip(data.x, cut.cut_inputs, cut.indices, strict=True)
        )
        y, weight = (
            tuple(
                self._part(source, is_cut) if counts and source is not None else None
                for source, is_cut, counts in zip(sources, cut.cut_outputs, scored, strict=True)
            )
            if sources
            else ()
            for sources in (data.y, data.weight)
        )
        self.data = Data(data.samples, x, data.lengths, y, weight)

    def _part(self, source: Any, is_cut: bool, indices: bool = False) -> Any:
        steps = self._batches.steps
        if not is_cut or (source.shape[1] != steps and not indices):
            return _OfRow(source, self._batches.chosen)
        if not hasattr(source, "one_by_one"):
            whole = self._batches.whole(source)
            return _OfWhole(source, self.steps, indices, whole, self._moves)
        place = self._by_row if indices else self._by_step
        return _OfArray(source, self.steps, place, indices)

    @property
    def rows(self) -> int:
        """Rows of the batch."""
        return self._batches.rows

    def gathering(self, step: Step) -> list[Call]:
        """Return the calls that fetch the piece for a step that was bound for it."""
        ops, data = self._batches.ops, self.data
        calls: list[Call] = []
        values: Any = [x.value for x in step.inputs]
        pairs: Any = ((data.x, values), (data.y, step.targets), (data.weight, step.weights))
        for sources, arrays in pairs:
            for source, array in zip(sources, arrays, strict=False):
                if source is not None and array is not None:
                    calls += source.feed(ops, array)
        for lengths, tensor in zip(data.lengths, step.inputs, strict=False):
            if lengths is not None:
                left, every = (ops.cell(np.int64, self._batches.rows) for _ in range(2))
                every.host[:] = np.arange(self._batches.rows)
                every.push()
                self._lengths.append((lengths, left))
                calls.append((ops.mask_from_lengths, (left.device, every.device, tensor.mask)))
        return calls

    def go(self, index: np.ndarray, first: int) -> None:
        """Choose the steps from `first` on of rows `index`, which the batch has taken."""
        cells = self._cells
        if index is self._index:  # of the batch whose last piece this was
            for cell in cells:
                cell.host += first - self._first
        else:
            start, shape = index * self._batches.steps + first, (self.steps, self.rows)
            np.add(start, self._numbers[:, None], out=self._by_step.host.reshape(shape))
            if len(cells) > 1:
                by_row = self._by_row.host.reshape(shape[::-1])
                np.add(start[:, None], self._numbers, out=by_row)
        self._index, self._first = index, first
        for cell in cells:
            cell.push()
        for lengths, left in self._lengths:
            np.subtract(lengths[index], first, out=left.host)
            left.push()
        ops = self._batches.ops
        for out, whole, indices in self._moves:
            if indices:
                ops.copy_columns(whole, first, self.steps, False, out, 0, self.steps)
            else:
                ops.copy(out, whole[first : first + self.steps])


class _OfRow:
    """What is the same in all pieces of a batch."""

    def __init__(self, source: Source, chosen: Cell) -> None:
        self.shape, self._source, self._chosen = source.shape, source, chosen

    def feed(self, ops: Operations, out: Array) -> list[Call]:
        """Return the calls that fetch it."""
        return self._source.feed(ops, self._chosen.device, out)


class _OfArray:
    """The steps of a piece, out of an array."""

    def __init__(self, source: Rows, steps: int, place: Cell, indices: bool) -> None:
        rows, _, features = source.shape
        self.shape = (rows, 1, steps) if indices else (rows, steps, features)
        self._array, self._place = source.one_by_one(flat=indices), place

    def feed(self, ops: Operations, out: Array) -> list[Call]:
        """Return the calls that fetch them."""
        array, place = self._array, self._place
        return array.feed(ops, place.device, out.reshape(1, place.host.size, -1))


class _OfWhole:
    """The steps of a piece, out of whole sequences that were gathered."""

    def __init__(
        self,
        source: Source,
        steps: int,
        indices: bool,
        whole: Array,
        moves: list[tuple[Array, Array, bool]],
    ) -> None:
        rows, _, features = source.shape
        self.shape = (rows, 1, steps) if indices else (rows, steps, features)
        self._indices, self._whole, self._moves = indices, whole, moves

    def feed(self, ops: Operations, out: Array) -> list[Call]:
        """Return no call: what is copied differs from piece to piece."""
        self._moves.append((out, self._whole, self._indices))
        return []
