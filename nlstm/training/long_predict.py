"""Long sequences are predicted and evaluated in pieces, so that memory is that of a piece."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.data.sources import Data, Source
from nlstm.data.step import Step
from nlstm.metrics import KernelMetric
from nlstm.network.binder import Bench, Binder
from nlstm.network.cutting import cut_of
from nlstm.training.goal import Goal
from nlstm.training.piece_goal import varies
from nlstm.training.pieces import Aimed, Pieces, Ready

__all__ = ["LongSteps", "in_pieces", "scored_in_pieces"]

# Numbers of the widest value of a batch, 64 MiB of float32, from which on it is made in pieces; a
# model of ten such values would take as many times that. A piece has as many as a batch of
# predictions aims at, which is what a second-level cache holds, but not so few steps that starting
# the kernels shows; and few pieces save too little.
LONG, PIECE, LEAST_STEPS, MANY = 1 << 24, 1 << 20, 256, 4


class LongSteps:
    """The steps of a prediction in pieces, as those of one as a whole; it writes what they give.

    Parameters
    ----------
    pieces : Pieces
    rows : int
        Of a batch.

    Attributes
    ----------
    found : list of ndarray
        All outputs, (M, T, F), on the host.
    """

    lengths = None

    def __init__(self, pieces: Pieces, rows: int, found: list[np.ndarray] | None = None) -> None:
        self._pieces, self._ops = pieces, pieces.ops
        self._start = 0
        step, total = pieces.bound(rows), pieces.data.rows
        self.found = found or [
            np.empty((total, pieces.steps if one.sequence else 1, one.features), self._ops.dtype)
            for one in step.outputs
        ]
        pieces.after = self._write

    def bound(self, rows: int) -> tuple[Step, None]:
        """Return the step on the last piece."""
        return self._pieces.bound(rows), None

    def chosen(self, index: np.ndarray) -> tuple[Step, Ready]:
        """Return the step on the last piece of some rows, and what runs them all."""
        self._start = int(index[0])
        return self._pieces.bound(index.size), self._pieces(index)

    def _write(self, step: Step, first: int, last: bool) -> None:
        ops, start = self._ops, self._start
        for output, found in zip(step.outputs, self.found, strict=True):
            if output.sequence or last:
                made = ops.empty((output.rows, output.steps, output.features))
                ops.scatter_steps(output.value, 0, made)
                there = found[start : start + output.rows, first : first + output.steps]
                if not output.sequence:
                    there = found[start : start + output.rows]
                np.copyto(there, ops.to_host(made))


def in_pieces(
    binder: Binder,
    bench: Bench,
    data: Data,
    rows: int,
    gate: Callable[..., Any] | None,
    found: list[np.ndarray] | None = None,
) -> LongSteps | None:
    """Return the steps of a prediction in pieces; None where it is short, or cannot be cut.

    Parameters
    ----------
    rows : int
        Of a batch.
    gate : callable, optional
        What steps run through.
    found : list of ndarray, optional
        Where all outputs go, (M, T, F).
    """
    pieces = _pieces(binder, bench, data, rows, lambda: (None, None), gate)
    return None if pieces is None else LongSteps(pieces, rows, found)


def scored_in_pieces(
    binder: Binder, bench: Bench, data: Data, rows: int, goal: Goal, gate: Callable[..., Any] | None
) -> Pieces | None:
    """Return the steps of an evaluation in pieces; None where it is short, or cannot be cut.

    Nor where losses or metrics of pieces would not make up those of whole sequences: a user's own,
    what divides by the steps that count in each batch, and penalties on the outputs of layers where
    the last piece alone is scored.
    """
    if not (_is_long(binder, data, rows) and _adds_up(goal)):
        return None
    pieces = _pieces(binder, bench, data, rows, lambda: (goal, None), gate)
    if pieces is None or pieces.scores_the_last and _penalised(binder):
        return None
    step = pieces.bound(rows)
    for aim, output, weight in zip(goal.aims, step.outputs, step.weights, strict=False):
        if aim.loss is not None and output.sequence and varies(aim.loss, output.mask, weight):
            return None
    return pieces


def _adds_up(goal: Goal) -> bool:
    """Whether losses and metrics of the pieces of a sequence make up those of the whole."""
    losses: list[Any] = [aim.loss for aim in goal.aims if aim.loss is not None]
    kernels = all(isinstance(one, KernelMetric) for one in goal.metrics)
    return kernels and not any(one.in_numpy for one in (*losses, *goal.metrics))


def _penalised(binder: Binder) -> bool:
    layers = [one for layer in binder.network.layers for one in (layer, *layer.inside)]
    return any(getattr(one, "activity_regularizer", None) is not None for one in layers)


def _is_long(binder: Binder, data: Data, rows: int) -> bool:
    x = data.x
    steps = _steps(x[0]) if len(x) == 1 else max(map(_steps, x))
    return rows * steps * binder.network.widest >= LONG


def _pieces(
    binder: Binder, bench: Bench, data: Data, rows: int, aimed: Aimed, gate: Any
) -> Pieces | None:
    if not _is_long(binder, data, rows):
        return None
    try:
        cut = cut_of(binder.network, trains=False)
        size = max(LEAST_STEPS, PIECE // (rows * binder.network.widest))
        pieces = Pieces(binder, bench, data, cut, size, aimed, gate)
    except ValueError:  # a layer, or inputs of unlike steps, do not allow it
        return None
    return pieces if pieces.steps >= MANY * size else None


def _steps(source: Source) -> int:
    """Return the steps of a source, or the numbers of flat values, which may be indices."""
    _, steps, features = source.shape
    return steps if steps > 1 else features
