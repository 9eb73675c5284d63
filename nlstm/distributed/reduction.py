"""Sums of a step over all ranks: gradients, losses, metrics, and what they are divided by.

A rank's losses are bound as sums, so that gradients are sums too. They travel in one all-reduce
with the sums of losses and metrics and the numbers of rows, steps or weights that count; what a
mean is divided by is what all ranks have together. Where the losses of one model are divided by
unlike numbers, each gradient is divided before they are mixed: numbers that the rows do not tell
travel ahead of the backward pass then.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nlstm.distributed.comm import Comm, gathered
from nlstm.distributed.loss_sums import PARTS, LossSums
from nlstm.distributed.moving_averages import MovingAverages
from nlstm.distributed.share import Share
from nlstm.kernels.operations import Call
from nlstm.plan.plan import Plan

__all__ = ["Reduction"]

ROWS, PENALTY, MARK, FIXED = 0, 1, 2, 3  # places in the sums; then losses, metrics, averages


class Reduction:
    """The sums of one plan: see `nlstm.plan.sums.Sums`.

    Parameters
    ----------
    comm : Comm
    share : Share
        What this rank has of the batch that runs.
    by_rank : bool
        Whether no rank knows how many rows there are everywhere.
    plan : Plan
    """

    def __init__(self, comm: Comm, share: Share, by_rank: bool, plan: Plan) -> None:
        self._comm, self._share, self._plan = comm, share, plan
        self._by_rank = by_rank
        self._losses: list[LossSums] = []
        self._by_rows: list[Any] = []
        self._kept: list[slice] = []
        self._adding: list[Call] | None = None
        self._last = True
        self._rows = 0.0
        self.calls: list[Call] = []

    def add_loss(self, *loss: Any) -> None:
        """Take note of a loss that was bound as a sum."""
        self._losses.append(LossSums(*loss))

    def by_rows(self, gradient: Any) -> None:
        """Take note of a gradient that was divided by the rows here."""
        self._by_rows.append(gradient)

    def keep(self, place: slice) -> None:
        """Leave totals alone, which then are the same on all ranks."""
        self._kept.append(place)

    def over_all(self, update: Callable[..., None]) -> Callable[..., None]:
        """Return what calls `update` of `InNumpy` with the rows of all ranks."""

        def run(y: Any, p: Any, features: int, weight: Any, *rest: Any) -> None:
            weight = None if weight is None else self._rows_of_all(weight)
            update(self._rows_of_all(y), self._rows_of_all(p), features, weight, *rest)

        return run

    def _rows_of_all(self, array: np.ndarray) -> np.ndarray:
        """Return an array (T, rows, S) of the rows of all ranks, in their order."""
        count, rank = self._share.count, self._comm.rank
        counts = gathered(self._comm, count)[:, 0]
        start = int(counts[:rank].sum())
        whole = np.zeros((array.shape[0], int(counts.sum()), array.shape[2]), array.dtype)
        whole[:, start : start + count] = array[:, :count]
        self._comm.allreduce_(whole)
        return whole

    def add_pieces(self, adding: Sequence[Call], last: bool) -> None:
        """Let gradients be summed up over pieces by `adding`, and travel after the last alone."""
        self._adding, self._last = list(adding), last

    # The calls of a step

    def around(
        self,
        totals: Any,
        metrics: int,
        forward: Sequence[Call],
        backward: Sequence[Call],
        gradients: Sequence[Any],
    ) -> list[Call]:
        """Return the calls of a step, with those that add up what it makes."""
        plan, host = self._plan, self._plan.ops.host
        self._averages = MovingAverages(plan)
        self._lay_out(totals.size, metrics)
        begin = host(self._begin, (totals,), (totals,), totals)
        divided = [one.gradient for one in self._losses if one.gradient is not None]
        divided += self._by_rows
        divides = {one.divided_by for one in self._losses if one.gradient is not None}
        in_pieces = self._adding is not None
        apart = bool(backward) and (in_pieces or len(divides) > 1 or bool(self._by_rows))
        between = [host(self._divide, divided, divided, totals)] if apart else []
        penalty = plan.penalty_value if plan.penalised else None
        gradients = gradients if self._last else []
        changed = (totals, penalty, *gradients)
        whole = [] if apart else list(gradients)
        end = host(self._reduce, changed, changed, totals, penalty, list(gradients), whole)
        self.calls = [begin, *forward, *between, *backward, *(self._adding or []), end]
        return self.calls

    def _lay_out(self, size: int, metrics: int) -> None:
        """Make room for the sums, and say where each lies."""
        self._first = metrics
        self._summed = np.ones(size, bool)
        for place in self._kept:
            self._summed[place] = False
        stop = FIXED + PARTS * len(self._losses)
        self._at_losses = slice(FIXED, stop)
        self._at_metrics = slice(stop, stop + size - self._first)
        self._sums = np.zeros(self._at_metrics.stop + self._averages.size)
        self._before = np.zeros(size)

    @property
    def _parts(self) -> np.ndarray:
        """The numbers of each loss among the sums."""
        return self._sums[self._at_losses].reshape(-1, PARTS)

    def _begin(self, totals: np.ndarray) -> None:
        """Put what was summed up so far aside."""
        self._before[:] = totals
        totals[self._summed] = 0.0

    def _divide(self, totals: np.ndarray) -> None:
        """Divide the gradient of each loss by what it is divided by over all ranks."""
        rows, share, here = float(self._share.whole), self._share, self._share.count
        if self._by_rank or not all(one.is_known for one in self._losses):
            sums = self._sums[: self._at_losses.stop]
            self._count(totals, sums)
            self._comm.allreduce_(sums)
            rows = sums[ROWS]
            divisors = [
                one.divisor(parts) for one, parts in zip(self._losses, self._parts, strict=True)
            ]
        else:
            divisors = [one.divisor_of(share.whole) for one in self._losses]
        for one, divisor in zip(self._losses, divisors, strict=True):
            _scale(one.gradient, divisor)
        for gradient in self._by_rows:
            _scale(gradient, rows / max(here, 1))

    def _count(self, totals: np.ndarray, sums: np.ndarray) -> None:
        """Write this rank's numbers of rows and losses."""
        sums[:] = 0.0
        sums[ROWS] = self._share.count
        if self._share.count:
            for one, parts in zip(self._losses, self._parts, strict=True):
                one.write(totals, self._share.count, parts)

    def _reduce(
        self, totals: np.ndarray, penalty: Any, gradients: list[Any], whole: list[Any]
    ) -> None:
        """Add up over all ranks; `whole` are gradients that are still to be divided."""
        sums, share = self._sums, self._share
        self._count(totals, sums)
        sums[MARK] = share.mark
        if share.count:
            if penalty is not None:
                sums[PENALTY] = penalty[0] * share.count
            sums[self._at_metrics] = np.where(self._summed, totals, 0.0)[self._first :]
            self._averages.write(share.count, sums[self._at_metrics.stop :])
        else:
            for one in gradients:
                one.fill(0)
        self._add_up(gradients)
        if sums[MARK] != share.mark * self._comm.size:
            raise RuntimeError(
                "The ranks do not take the same batch: each draws an order of rows of its own."
            )
        self._rows = rows = float(sums[ROWS])
        metrics = np.where(self._summed, self._before, totals)
        metrics[self._first :] += sums[self._at_metrics]
        totals[:] = metrics
        for one, parts in zip(self._losses, self._parts, strict=True):
            totals[one.place : one.place + 2] += one.counted(parts, rows)
            if one.gradient is not None:
                for gradient in whole:
                    _scale(gradient, one.divisor(parts))
                whole = []
        if penalty is not None:
            penalty[0] = sums[PENALTY] / rows
        self._averages.read(rows, sums[self._at_metrics.stop :])

    def _add_up(self, gradients: list[Any]) -> None:
        if len(gradients) < 2:
            self._comm.allreduce_(self._sums, *(one.reshape(-1) for one in gradients))
            return
        joined = np.concatenate([one.reshape(-1) for one in gradients])
        self._comm.allreduce_(self._sums, joined)
        start = 0
        for one in gradients:
            one[...] = joined[start : start + one.size].reshape(one.shape)
            start += one.size

    def penalty_count(self, totals: Any, steps: int = 1) -> Call:
        """Return the call that counts the penalty of the whole batch, so many times a row."""
        value = self._plan.penalty_value
        return self._plan.ops.host(self._count_penalty, (value,), (totals,), value, totals, steps)

    def _count_penalty(self, value: np.ndarray, totals: np.ndarray, steps: int) -> None:
        rows = self._rows * steps
        totals[:2] += value[0] * rows, rows


def _scale(gradient: Any, divisor: float) -> None:
    """Divide a gradient in place; nothing counts where the divisor is 0."""
    if gradient is not None and divisor != 1.0:
        factor = gradient.dtype.type(1.0 / divisor if divisor else 0.0)
        np.multiply(gradient, factor, out=gradient)
