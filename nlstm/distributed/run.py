"""A run whose batches are shared by ranks."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nlstm.arguments.warned import warn_user
from nlstm.data.feed import Feed
from nlstm.data.sources import Data
from nlstm.data.step import Step
from nlstm.distributed.comm import gathered
from nlstm.distributed.share import gather_states, scatter_states
from nlstm.distributed.steps import SharedPieces, SharedSteps
from nlstm.distributed.team import Team
from nlstm.kernels.devices import is_gpu
from nlstm.network.binder import Bench, Binder
from nlstm.training.bptt import Bptt
from nlstm.training.hooks import CallbackList
from nlstm.training.progress import Progress
from nlstm.training.run import Run
from nlstm.training.training import Training

__all__ = ["SharedRun", "check_device"]

FEW_ROWS = 32  # of a rank: with fewer, what a step costs at least outweighs them


def check_device(team: Team, binder: Binder) -> None:
    """Raise where ranks cannot share what the network computes."""
    if is_gpu(binder.network.ops.device):
        raise NotImplementedError(
            f"distribute= shares batches among CPUs; the model is on {binder.network.ops.device}."
        )
    for layer in binder.network.stateful if team.by_rank else ():
        raise ValueError(f"{layer.name} is stateful, so each batch is shared: shard='batch'.")


class SharedRun(Run):
    """A run on all ranks.

    Parameters
    ----------
    team : Team
    binder, bench, training, hooks
        See `Run`.
    given : dict
        What has to be the same on all ranks, by its repr; its "rows" and "batch" only where a
        batch is shared.
    bptt : Bptt, optional
        See `Run`.
    """

    cuts = False  # its steps share a batch

    def __init__(
        self,
        team: Team,
        binder: Binder,
        bench: Bench,
        training: Training,
        hooks: CallbackList,
        given: dict[str, Any],
        bptt: Bptt | None = None,
    ) -> None:
        self.team = team
        check_device(team, binder)
        if team.by_rank:
            given = {name: one for name, one in given.items() if name not in ("rows", "batch")}
        team.agree(None, given | {"bptt": bptt, "weights": binder.weights.shapes})
        super().__init__(binder, bench, training, hooks, bptt)

    def steps_of(self, data: Data, updates: bool) -> SharedSteps | SharedPieces:
        """Return the steps on this rank's rows of `data`."""
        if self._bptt is not None:
            pieces = self._pieces_of(self._bptt, data, updates, self.team)
            return SharedPieces(self.team, self.binder.counter, pieces)

        def step_of(rows: int, data: Data) -> Step:
            training, sums_of = self.training if updates else None, self.team.sums_of
            return self.binder.step(self._bench, rows, data, self.goal, training, sums_of=sums_of)

        weights = self.binder.weights
        gate = weights.exclusive if updates else weights.shared
        found = SharedSteps(step_of, self.binder.network, self._bench, data, gate)
        found.team, found.counter = self.team, self.binder.counter
        return found

    def array_feed(
        self,
        data: Data,
        rows: int,
        updates: bool,
        order: Callable[[int], np.ndarray] | None,
        steps: int | None,
    ) -> Feed:
        """Return the batches of arrays; all ranks have as many."""
        team, total = self.team, data.rows
        steps_of, rows = self.steps_of(data, updates), min(rows, total)
        size = -(-total // rows)
        if team.by_rank:
            steps_of.full = full = int(gathered(team.comm, rows).max())
            rows = -(-full // team.comm.size)
            size = int(gathered(team.comm, -(-total // rows)).max())
        self._warn_of_few(steps_of.full or rows, updates)

        def begin() -> Iterator[np.ndarray]:
            index = np.arange(total) if order is None else order(total)
            return (index[number * rows : (number + 1) * rows] for number in range(size))

        feed = Feed(begin, size, steps)
        feed.make = steps_of
        return feed

    def _warn_of_few(self, rows: int, updates: bool) -> None:
        few = rows // self.team.comm.size
        if self.team.first and updates and few < FEW_ROWS:
            warn_user(
                f"A batch of {rows} rows gives each of {self.team.comm.size} ranks {few}: with "
                f"fewer than {FEW_ROWS} a rank waits more than it computes. batch_size is that of "
                "all ranks together."
            )

    def warn_of_loss(self, loss: float, epoch: int | None = None) -> None:
        """Say it once, on rank 0."""
        if self.team.first:
            super().warn_of_loss(loss, epoch)

    def train(self, *arguments: Any) -> None:
        """Train: see `Run`."""
        with shared_states(self.team, self.binder):
            super().train(*arguments)

    def evaluate(self, feed: Feed, progress: Progress | None) -> dict[str, float]:
        """Evaluate: see `Run`."""
        if progress is None:  # of a fit
            return super().evaluate(feed, progress)
        with shared_states(self.team, self.binder):
            return super().evaluate(feed, progress)

    def _epoch(self, feed: Feed, mode: str, progress: Progress | None, first: int = 0) -> int:
        share = self.team.share
        share.mode, share.step = mode, first
        return super()._epoch(feed, mode, progress, first)


@contextlib.contextmanager
def shared_states(team: Team, binder: Binder) -> Iterator[None]:
    """Let stateful layers have this rank's rows meanwhile, and then all of them again."""
    if not team.by_rank:
        scatter_states(binder, team.share)
    try:
        yield
        if not team.by_rank:
            gather_states(binder, team.share, team.comm.allreduce_)
    finally:
        binder.counter.pull()
        binder.counter.host[1:] = 0
        binder.counter.push()
