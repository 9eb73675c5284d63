"""Batches of sequences that are run in pieces, each of which goes on from the states before it.

Truncated back-propagation through time trains on pieces; long predictions are made of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nlstm.data.pieces import Batches, Piece, cuts, steps_of
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.kernels.operations import Array, Cell
from nlstm.network.binder import Bench, Binder
from nlstm.network.cutting import Cut
from nlstm.plan.handed_on import HandedOn
from nlstm.plan.sums import AddingUp
from nlstm.training.goal import Goal
from nlstm.training.piece_form import PieceForm
from nlstm.training.piece_goal import PieceGoal, Shares, share_of, varies
from nlstm.training.training import Training

__all__ = ["Aimed", "Pieces"]

Ready = Callable[[], None]
Aimed = Callable[[], tuple[Goal | None, Training | None]]


def beside(bench: Bench, key: Any, make: Callable[[], Any]) -> Any:
    """Return what calls that were bound on a bench keep outside its arena."""
    found = bench.beside.get(key)
    if found is None:
        found = bench.beside[key] = make()
    return found


@dataclass
class _Run:
    """A piece that is bound: what is to be told where it lies, and what runs it."""

    piece: Piece
    step: Step
    run: Ready


@dataclass
class _Batch:
    """The pieces of batches of so many rows, by steps and by whether they are the last."""

    batches: Batches
    order: list[tuple[int, _Run]]
    counting: list[_Run]
    factors: list[Cell | None]


class Pieces:
    """The bound steps that take the pieces of their batches from one set of data; as `Steps`.

    Parameters
    ----------
    binder : Binder
    bench : Bench
    data : Data
    cut : Cut
    size : int
        Steps of a piece.
    aimed : callable
        Returns the goal, None for predictions, and the training, None where nothing changes.
    gate : callable, optional
        What steps run through: see `Weights.shared`.
    sums_up : bool
        Whether gradients are summed up over a sequence, for one update.
    team : AddingUp, optional
        Other processes that have the rest of each batch.

    Attributes
    ----------
    after : callable or None
        Called with the step that ran, its first step and whether it was the last of its batch.
    """

    lengths = None

    def __init__(
        self,
        binder: Binder,
        bench: Bench,
        data: Data,
        cut: Cut,
        size: int,
        aimed: Aimed,
        gate: Callable[..., Any] | None = None,
        sums_up: bool = False,
        team: AddingUp | None = None,
    ) -> None:
        self._binder, self._bench, self.data, self._cut = binder, bench, data, cut
        self._aimed, self._gate, self._sums_up = aimed, gate, sums_up
        self._team = team
        self.ops = binder.network.ops
        self.steps = steps_of(data, cut, binder.network.input_names)
        self._size = min(size, self.steps)
        self._states: HandedOn = beside(bench, "handed on", lambda: HandedOn(self.ops))
        self._kept: dict[int, _Batch] = {}
        self._generation = -1
        self.after: Callable[[Step, int, bool], None] | None = None

    @property
    def scores_the_last(self) -> bool:
        """Whether no output has steps, so that the last piece alone has targets."""
        return not any(self._cut.cut_outputs)

    def follow_orders(self) -> bool:
        """Return False: the host chooses the rows of each piece."""
        return False

    def __call__(self, index: np.ndarray) -> Ready:
        """Return what runs all pieces of some rows."""
        return partial(self._run, self._batch(index.size), index)

    def bound(self, rows: int) -> Step:
        """Return the step on the last piece of batches of so many rows."""
        return self._batch(rows).order[-1][1].step

    def _run(self, batch: _Batch, index: np.ndarray) -> None:
        after, last = self.after, len(batch.order) - 1
        batch.batches.take(index)
        shares = self._shares(batch, index)
        self._begin(index.size)
        for number, (first, one) in enumerate(batch.order):
            one.piece.go(index, first)
            for cell, share in zip(batch.factors, shares, strict=False):
                if cell is not None:
                    cell.host[:] = share[number]
                    cell.push()
            one.run()
            if after is not None:
                after(one.step, first, number == last)

    def _begin(self, rows: int) -> None:
        self._states.begin(rows)
        for total, _ in self._sums():
            self.ops.fill(total, 0)

    def _sums(self) -> list[tuple[Array, Array]]:
        """Return where gradients are summed up, and where they lie."""
        if not self._sums_up:
            return []
        ops, homes = self.ops, self._binder.weights.homes

        def sums() -> list[tuple[Array, Array]]:
            return [(ops.zeros(home.gradient.shape), home.gradient) for home in homes]

        return beside(self._bench, "sums of gradients", sums)

    # The shares of pieces in the loss of a sequence, where gradients are summed up

    def _shares(self, batch: _Batch, index: np.ndarray) -> list[list[float]]:
        """Return for each output by what the gradients of the losses of pieces are multiplied."""
        if not self._sums_up:
            return []
        goal, _ = self._aimed()
        assert goal is not None
        sizes = [one.piece.steps for _, one in batch.order]
        found: list[list[list[float]]] = [[[]] * len(sizes) for _ in goal.aims]
        if batch.counting:
            self._states.begin(index.size)
            noted = self._noted(goal)
            for number, ((first, _), one) in enumerate(
                zip(batch.order, batch.counting, strict=True)
            ):
                one.piece.go(index, first)
                one.run()
                for output, parts in enumerate(noted):
                    found[output][number] = list(parts)
            if self._team is not None:
                found = _of_all(self._team, found)
        return [
            [1.0] * len(sizes)
            if aim.loss is not None and aim.loss.reduction == "sum"
            else share_of(self.steps, parts, sizes)
            for aim, parts in zip(goal.aims, found, strict=True)
        ]

    def _noted(self, goal: Goal) -> list[list[float]]:
        return beside(self._bench, "shares", lambda: [[] for _ in goal.aims])

    def _factors(self, rows: int, goal: Goal) -> list[Cell | None]:
        """Return where the shares lie; None for outputs that have no steps."""
        if not self._sums_up:
            return [None] * len(goal.aims)
        ops = self.ops

        def cells() -> list[Cell | None]:
            cut = self._cut.cut_outputs
            return [ops.cell(ops.dtype, rows) if by_step else None for by_step in cut]

        return beside(self._bench, ("factors", rows), cells)

    # Binding

    def _batch(self, rows: int) -> _Batch:
        found, plans = self._kept.get(rows), self._bench.plans
        if found is not None and self._generation == plans.generation:
            return found
        generation = -1
        while generation != plans.generation:  # what was bound before more memory came is dead
            generation = plans.generation
            found = self._made(rows)
        assert found is not None
        if self._generation != generation:
            self._kept, self._generation = {}, generation
        self._kept[rows] = found
        return found

    def _made(self, rows: int) -> _Batch:
        goal, training = self._aimed()
        cut, cut_outputs = self._cut, self._cut.cut_outputs
        batches = Batches(self.ops, self.data, rows, self.steps, cut)
        made: dict[tuple[int, bool], _Run] = {}
        order: list[tuple[int, _Run]] = []
        factors = [] if goal is None else self._factors(rows, goal)
        for first, steps in cuts(self.steps, self._size, rest_first=not any(cut_outputs)):
            last = first + steps == self.steps
            key = steps, last and self._last_differs(goal)
            if key not in made:
                scored = [last or by_step for by_step in cut_outputs]
                made[key] = self._bound(batches, steps, scored, last, goal, training)
            order.append((first, made[key]))
        counting = []
        if goal is not None and self._counts(goal, order[-1][1].step):
            sizes = {one.piece.steps for _, one in order}
            counters = {steps: self._counter(batches, steps, goal) for steps in sizes}
            counting = [counters[one.piece.steps] for _, one in order]
        return _Batch(batches, order, counting, factors)

    def _last_differs(self, goal: Goal | None) -> bool:
        """Whether the last piece is another one than those before it of as many steps."""
        if goal is None:
            return False
        return self._is_whole or not all(self._cut.cut_outputs)

    @property
    def _is_whole(self) -> bool:
        """Whether pieces are parts of one loss."""
        return self._sums_up or self._aimed()[1] is None

    def _counts(self, goal: Goal, step: Step) -> bool:
        """Whether what a loss divides by has to be found before gradients are summed up."""
        pairs = zip(goal.aims, step.outputs, step.weights, strict=False)
        return self._sums_up and any(
            aim.loss is not None and output.sequence and varies(aim.loss, output.mask, weight)
            for aim, output, weight in pairs
        )

    def _bound(
        self,
        batches: Batches,
        steps: int,
        scored: Sequence[bool],
        last: bool,
        goal: Goal | None,
        training: Training | None,
    ) -> _Run:
        piece = Piece(batches, steps, scored)
        seen = None
        if goal is not None and any(one is not None for one in piece.data.y):
            factors = self._factors(batches.rows, goal) if self._sums_up else None
            total = steps if self.scores_the_last else self.steps
            seen = PieceGoal(goal, steps, total, factors)
        whole = self._is_whole
        total = self.steps if seen is not None and (whole or _has_sums(goal)) else 0
        key = ("piece", whole, self._sums_up, last and self._last_differs(goal), total)
        form = PieceForm(
            self._states, seen, training is not None, whole, last, self._sums(), (key, steps)
        )
        return self._ready(piece, form, seen, training, self._team)

    def _counter(self, batches: Batches, steps: int, goal: Goal) -> _Run:
        piece = Piece(batches, steps, self._cut.cut_outputs)
        noted, key = Shares(goal, self._noted(goal)), ("counting", steps)
        form = PieceForm(self._states, noted, False, True, False, [], key)
        return self._ready(piece, form, noted, None, None)

    def _ready(
        self,
        piece: Piece,
        form: PieceForm,
        seen: Any,
        training: Training | None,
        team: AddingUp | None,
    ) -> _Run:
        sums_of = None if team is None else team.sums_of
        data, rows = piece.data, piece.rows
        step = self._binder.step(self._bench, rows, data, seen, training, form, sums_of)
        gathering = piece.gathering(step)
        program = self.ops.program(step.beforehand, gathering, step.calls, whole=step.update)
        return _Run(piece, step, program if self._gate is None else partial(self._gate, program))


def _of_all(team: AddingUp, shares: list[list[list[float]]]) -> list[list[list[float]]]:
    """Return the shares that the pieces of a batch have over the rows of all processes."""
    means = iter(team.mean(np.array([one for pieces in shares for part in pieces for one in part])))
    return [[[float(next(means)) for _ in part] for part in pieces] for pieces in shares]


def _has_sums(goal: Goal | None) -> bool:
    aims: Any = () if goal is None else goal.aims
    return any(aim.loss is not None and aim.loss.reduction == "sum" for aim in aims)
