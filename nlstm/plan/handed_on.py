"""States that one plan hands to the next: sequences that are run in pieces go on from them."""

from typing import Any

from nlstm.kernels.operations import Array, Operations
from nlstm.plan.plan import Plan

__all__ = ["HandedOn"]


class HandedOn:
    """The last states of a piece, where the next one finds them.

    They lie outside the arena, apart for each number of rows, and belong to a bench: the layers
    know nothing of them, and calls on other benches have theirs.

    Parameters
    ----------
    ops : Operations
    """

    def __init__(self, ops: Operations) -> None:
        self._ops = ops
        self._arrays: dict[int, dict[Any, tuple[Array, ...]]] = {}  # by rows, then by call

    def begin(self, rows: int) -> None:
        """Let the next piece of batches of so many rows start from zeros."""
        for arrays in self._arrays.get(rows, {}).values():
            for array in arrays:
                self._ops.fill(array, 0)

    def of(self, layer: Any) -> "Handed":
        """Return what hands on the states of a layer."""
        return Handed(self, layer)

    def arrays(self, rows: int, call: Any, like: tuple[Array, ...]) -> tuple[Array, ...]:
        """Return where the states of a layer's call lie, of the shapes of `like`."""
        calls = self._arrays.setdefault(rows, {})
        if call not in calls:
            calls[call] = tuple(self._ops.zeros(state.shape) for state in like)
        return calls[call]


class Handed:
    """What hands on the states of one layer; each of its calls in a plan has its own."""

    def __init__(self, states: HandedOn, layer: Any) -> None:
        self._states, self._layer = states, layer

    def bind_begin(self, plan: Plan, level: int, *first: Array) -> None:
        """Append the copy of a level's states into slot 0, arrays (rows, S)."""
        for to, kept in zip(first, self._arrays(plan, "first", level, first), strict=True):
            plan.call(plan.ops.copy, to, kept)

    def bind_end(self, plan: Plan, level: int, *last: Array) -> None:
        """Append the copy of a level's last states out of the plan."""
        for kept, state in zip(self._arrays(plan, "last", level, last), last, strict=True):
            plan.call(plan.ops.copy, kept, state)

    def _arrays(self, plan: Plan, end: str, level: int, like: Any) -> tuple[Array, ...]:
        number = 0  # of the call: a layer may be used several times
        while not plan.first_time((end, id(self._layer), level, number)):
            number += 1
        return self._states.arrays(plan.rows, (id(self._layer), level, number), like)
