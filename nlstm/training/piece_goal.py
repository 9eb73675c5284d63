"""A goal as pieces of sequences see it: what they count becomes that of whole sequences."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from nlstm.kernels.operations import Array, Cell
from nlstm.losses import Loss
from nlstm.losses.apart import check_trained_axis
from nlstm.losses.in_numpy import WEIGHED
from nlstm.metrics import KernelMetric, Metric
from nlstm.plan.plan import Call, Plan, Tensor
from nlstm.training.goal import Goal

__all__ = ["PieceGoal", "Shares", "share_of"]

SUM = "sum"


def shares(loss: Loss, mask: Any, weight: Any, y: Any, steps: int) -> list[float]:
    """Return the shares of a piece's steps by which its loss divides; their product counts."""
    ignored = None if loss.in_numpy else getattr(loss, "ignore_class", None)
    counted = None if ignored is None else (y[:, :, 0] != ignored).astype(np.float64)
    if loss.reduction == WEIGHED:
        found = np.ones((steps, y.shape[1]))
        for factor in (mask, counted, None if weight is None else weight[:, :, 0]):
            if factor is not None:
                found *= factor
        return [float(found.mean())]
    if loss.reduction == SUM:
        return []
    return [float(np.mean(one)) for one in (mask, counted) if one is not None]


def varies(loss: Loss, mask: Any, weight: Any) -> bool:
    """Whether what a loss divides by is known only once the piece is there."""
    if loss.reduction == SUM:
        return False
    ignored = None if loss.in_numpy else getattr(loss, "ignore_class", None)
    weighs = loss.reduction == WEIGHED and weight is not None
    return mask is not None or ignored is not None or weighs


def share_of(steps: int, found: Sequence[Sequence[float]], sizes: Sequence[int]) -> list[float]:
    """Return by what the loss of each piece is multiplied, so that their sum is that of the whole.

    Parameters
    ----------
    steps : int
        Of the sequence.
    found : sequence of list of float
        Of each piece, what `shares` returned.
    sizes : sequence of int
        Steps of each piece.
    """
    parts = np.array(found).reshape(len(sizes), -1)
    share = np.array(sizes) / steps
    whole = np.prod(share @ parts)
    return [0.0] * len(sizes) if whole == 0.0 else (share * parts.prod(axis=1) / whole).tolist()


class PieceGoal:
    """Scores pieces of `steps` of the `total` steps of a sequence.

    The running means are those of the steps that count: a piece weighs by its steps, so that an
    epoch of pieces in which nothing changes has the loss and metrics of whole sequences.

    Parameters
    ----------
    goal : Goal
    steps, total : int
    factors : sequence of (Cell or None), optional
        For each output, by what the gradient of its loss is multiplied, once a row.
    """

    def __init__(
        self, goal: Goal, steps: int, total: int, factors: Sequence[Cell | None] | None = None
    ) -> None:
        self.goal, self.steps, self.total, self.factors = goal, steps, total, factors

    @property
    def aims(self) -> Sequence[Any]:
        """One for each output."""
        return self.goal.aims

    @property
    def totals(self) -> Cell:
        """What kernels add to."""
        return self.goal.totals

    def bind(
        self,
        plan: Plan,
        targets: Sequence[Array | None],
        outputs: Sequence[Tensor],
        weights: Sequence[Array | None],
        activations: Sequence[str | None],
    ) -> None:
        """Append the calls of losses and metrics."""

        def seen(one: Any, number: int) -> Any:
            if not outputs[number].sequence:
                return one
            if isinstance(one, Metric):
                return _CountedMetric(one, self)
            factor = None if self.factors is None else self.factors[number]
            return _CountedLoss(one, self, outputs[number], weights[number], factor)

        self.goal.bind(plan, targets, outputs, weights, activations, seen)

    def penalty_count(self, plan: Plan) -> Call:
        """Return the call that counts the penalty of a piece, as an update sees it."""
        if plan.sums is not None:
            return plan.sums.penalty_count(self.goal.totals.device, self.steps)
        given = (plan.penalty_value, plan.rows * self.steps, self.goal.totals.device[:2])
        return plan.ops.count_penalty, given

    def whole_penalty_count(self, plan: Plan) -> list[Call]:
        """Return the calls that count a piece's penalty as its part of that of the sequence."""
        value = plan.penalty_value
        scaled = (value, np.float64(self.total / self.steps), value)
        return [(plan.ops.scale, scaled), self.penalty_count(plan)]


class _CountedLoss:
    """A loss that counts a piece by its steps.

    Attributes
    ----------
    piece : (int, int)
        The steps of the piece and of its sequence.
    """

    def __init__(
        self, loss: Loss, goal: PieceGoal, output: Tensor, weight: Any, factor: Cell | None
    ) -> None:
        self._loss, self._goal, self._factor = loss, goal, factor
        self._mask = output.mask
        self._varies = varies(loss, output.mask, weight)
        self.piece = goal.steps, goal.total

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loss, name)

    def bind(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        dp: Array | None,
        total: Array,
        activation: str | None = None,
        sequence: bool | None = None,
        reduction: str | None = None,
    ) -> None:
        """Append the loss, and its gradient where one is wanted; see `Loss.bind`."""
        ops, given = plan.ops, (y, p, features, weight, dp)
        if plan.sums is not None:  # which counts it, once all rows are known
            self._loss.bind(plan, *given, total, activation, sequence, reduction)
        else:
            sums = ops.zeros(2, np.float64)
            plan.call(ops.fill, sums, 0.0)
            self._loss.bind(plan, *given, sums, activation, sequence)
            self._count(plan, y, weight, sums)
            plan.call(ops.add, total, sums, total)
        if dp is not None and self._factor is not None:
            factor = self._factor.device.reshape(1, plan.rows, 1)
            rest = (features, factor, 1, False, plan.dtype.type(1))
            plan.call(ops.merge_forward, "multiply", dp, *rest, dp, features)

    def _count(self, plan: Plan, y: Array, weight: Array | None, sums: Array) -> None:
        """Append what multiplies a piece's totals by its steps that count."""
        ops, (steps, total) = plan.ops, self.piece
        if self._varies:
            count = partial(_scale_by_share, self._loss, steps)
            given = (self._mask, weight, y, sums)
            plan.host(count, given, (sums,), *given)
        elif self._loss.reduction == SUM:
            for part, factor in ((sums[:1], total), (sums[1:2], steps)):
                plan.call(ops.scale, part, np.float64(factor), part)
        else:
            plan.call(ops.scale, sums, np.float64(steps), sums)


def _scale_by_share(
    loss: Loss, steps: int, mask: Any, weight: Any, y: Any, sums: np.ndarray
) -> None:
    sums *= steps * float(np.prod(shares(loss, mask, weight, y, steps)))


class _CountedMetric:
    """A metric that counts a piece by its steps."""

    def __init__(self, metric: Metric, goal: PieceGoal) -> None:
        self._metric, self._goal = metric, goal

    def bind(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        total: Array,
        sequence: bool,
    ) -> None:
        """Append what adds a piece to `total`."""
        metric, ops, given = self._metric, plan.ops, (y, p, features, weight)
        if isinstance(metric, KernelMetric):
            check_trained_axis(metric, sequence)
        if not getattr(metric, "by_row", False):
            metric.bind(plan, *given, total, sequence)
            return
        sums = ops.zeros(total.size, np.float64)
        plan.call(ops.fill, sums, 0.0)
        metric.bind(plan, *given, sums, sequence)
        plan.call(ops.scale, sums, np.float64(self._goal.steps), sums)
        plan.call(ops.add, total, sums, total)


class Shares:
    """What finds by what the losses of a piece divide, and scores nothing.

    Parameters
    ----------
    goal : Goal
    found : list of list of float
        Where the shares of each output go, empty where they are all of the steps.
    """

    def __init__(self, goal: Goal, found: list[list[float]]) -> None:
        self.goal, self.found = goal, found

    @property
    def aims(self) -> Sequence[Any]:
        """One for each output."""
        return self.goal.aims

    def bind(
        self,
        plan: Plan,
        targets: Sequence[Array | None],
        outputs: Sequence[Tensor],
        weights: Sequence[Array | None],
        activations: Sequence[str | None],
    ) -> None:
        """Append a call for each output whose steps do not all count."""
        given = zip(self.aims, targets, outputs, weights, strict=True)
        for number, (aim, y, output, weight) in enumerate(given):
            if y is not None and aim.loss is not None and output.sequence:
                arrays = (output.mask, weight, y)
                plan.host(self._noting(number, aim.loss, output.steps), arrays, (), *arrays)

    def _noting(self, number: int, loss: Loss, steps: int) -> Callable[..., None]:
        def note(mask: Any, weight: Any, y: Any) -> None:
            self.found[number] = shares(loss, mask, weight, y, steps)

        return note

    def penalty_count(self, plan: Plan) -> Call:
        """Return a call that counts nothing which is looked at."""
        return plan.ops.count_penalty, (plan.penalty_value, 0, plan.ops.zeros(2, np.float64))
