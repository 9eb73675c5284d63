"""What a plan asks of whoever adds up its batch over several processes."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nlstm.kernels.operations import Array, Call

__all__ = ["Sums"]


class Sums(Protocol):
    """The sums of one plan; losses are bound as sums where it is there."""

    def add_loss(
        self,
        place: int,
        reduction: str,
        arrays: tuple[Array, Array, Array | None],
        mask: Array | None,
        ignored: float | None,
        gradient: Array | None,
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
        """

    def by_rows(self, gradient: Array) -> None:
        """Take note of a gradient that was divided by the rows here."""

    def over_all(self, update: Callable[..., None]) -> Callable[..., None]:
        """Return what calls `update` of `InNumpy` with the rows of all processes."""

    def keep(self, place: slice) -> None:
        """Leave totals alone, which then are the same everywhere."""

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

    def penalty_count(self, totals: Any) -> Call:
        """Return the call that counts the penalty of the whole batch."""
