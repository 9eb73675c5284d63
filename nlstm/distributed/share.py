"""Which rows of a batch a rank has, and of what stateful layers keep of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.network.binder import Binder
from nlstm.training.state import stateful_layers

__all__ = ["Share", "gather_states", "own_states", "scatter_states", "whole_states"]


class Share:
    """What this rank has of the batch that is computed.

    A rank without rows takes a row along, which counts nothing, so that all do the same.

    Attributes
    ----------
    first, count, whole : int
        The first row here, how many, and how many there are everywhere.
    mark : int
        Tells the batch from others.
    mode, epoch, step : str, int, int
        Where the run is.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.mode, self.epoch, self.step = "", 0, 0
        self.first = self.count = self.whole = self.mark = 0

    def __str__(self) -> str:
        if not self.mode:
            return "before the first step"
        epoch = f" of epoch {self.epoch + 1}" if self.mode == "train" else ""
        doing = {"train": "training", "test": "evaluation"}.get(self.mode, "prediction")
        return f"in step {self.step} of {doing}{epoch}".replace(" of training of", " of")

    def bounds(self, rows: int, rank: int | None = None) -> tuple[int, int]:
        """Return where the part of this rank, or another, of so many rows begins and ends."""
        rank = self.rank if rank is None else rank
        return rank * rows // self.size, (rank + 1) * rows // self.size

    def take(self, index: np.ndarray) -> np.ndarray:
        """Return the part of a whole batch that is computed here."""
        self.step += 1
        start, stop = self.bounds(index.size)
        self.first, self.count, self.whole = start, stop - start, index.size
        self.mark = int(index.sum()) % (1 << 40)
        return index[start:stop] if self.count else index[:1]

    def keep(self, index: np.ndarray, rows: int) -> np.ndarray:
        """Return rows that are all this rank's; `rows` are those of a full batch everywhere."""
        self.step += 1
        self.first, self.count, self.whole = self.bounds(rows)[0], index.size, rows
        self.mark = 0
        return index if index.size else np.zeros(1, np.int64)


def scatter_states(binder: Binder, share: Share) -> None:
    """Let stateful layers go on from the states of this rank's rows alone."""
    _replace(binder, lambda states: own_states(states, share))


def own_states(states: list[np.ndarray], share: Share) -> list[np.ndarray]:
    """Return the states of this rank's rows, from those of all."""
    start, stop = share.bounds(len(states[0]))
    return [one[start:stop] if stop > start else one[:1] for one in states]


def gather_states(binder: Binder, share: Share, allreduce: Callable[..., None]) -> None:
    """Give stateful layers the states of all rows."""
    _replace(binder, lambda states: whole_states(states, share, allreduce))


def whole_states(
    states: list[np.ndarray], share: Share, allreduce: Callable[..., None]
) -> list[np.ndarray]:
    """Return the states of all ranks' rows, from those of this one's."""
    counts = np.zeros(share.size, np.int64)
    counts[share.rank] = share.count
    allreduce(counts)
    start = int(counts[: share.rank].sum())
    found = []
    for state in states:
        whole = np.zeros((int(counts.sum()), *state.shape[1:]), state.dtype)
        whole[start : start + share.count] = state[: share.count]
        allreduce(whole)
        found.append(whole)
    return found


def _replace(binder: Binder, made: Callable[[Any], Any]) -> None:
    for _, layer in stateful_layers(binder):
        if layer.states:
            layer.set_states(made(layer.states))
