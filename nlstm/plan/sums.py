"""What a plan asks of whoever adds up its batch over several processes."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from nlstm.kernels.operations import Array, Call

__all__ = ["AddingUp", "Sums"]


class Sums(Protocol):
    """The sums of one plan; losses are bound as sums where it is there.

    Attributes
    ----------
    calls : list of Call
        What `around` returned.
    """

    calls: list[Call]

    def add_loss(
        self,
        place: int,
        reduction: str,
        arrays: tuple[Array, Array, Array | None],
        mask: Array | None,
        ignored: float | None,
        gradient: Array | None,
        piece: tuple[int, int] | None = None,
    ) -> None:
        """Take note of a loss that was bound as a sum.

        Parameters
        ----------
        place : int
            Where its two totals begin.
        reduction : str
            The loss's own.
        arrays : (y, p, weight)
            As of `Loss.bind`.
        mask : Array or None
            Of the outputs.
        ignored : float or None
            The class whose rows do not count.
        gradient : Array or None
            What it writes.
        piece : (int, int), optional
            The steps of a piece and of its sequence: its totals count by the steps that do.
        """

    def by_rows(self, gradient: Array) -> None:
        """Take note of a gradient that was divided by the rows here."""

    def over_all(self, update: Callable[..., None]) -> Callable[..., None]:
        """Return what calls `update` of `InNumpy` with the rows of all processes."""

    def keep(self, place: slice) -> None:
        """Leave totals alone, which then are the same everywhere."""

    def add_pieces(self, adding: Sequence[Call], last: bool) -> None:
        """Let gradients be summed up over pieces by `adding`, and travel after the last alone."""

    def around(
        self,
        totals: Any,
        metrics: int,
        forward: Sequence[Call],
        backward: Sequence[Call],
        gradients: Sequence[Array],
    ) -> list[Call]:
        """Return the calls of a step, with those that add up what it makes.

        Totals of metrics begin at `metrics`.
        """

    def penalty_count(self, totals: Any, steps: int = 1) -> Call:
        """Return the call that counts the penalty of the whole batch, so many times a row."""


class AddingUp(Protocol):
    """Several processes that share the rows of batches."""

    def sums_of(self, plan: Any) -> Sums:
        """Return what adds up a plan's batches."""

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the means over all rows of a batch, from those over the rows here."""
