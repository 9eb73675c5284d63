"""What stateful layers keep from batch to batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_arrays, checked_weight
from nlstm.kernels.operations import Array, Operations
from nlstm.plan.plan import Plan

__all__ = ["KeptStates", "keeper"]


def keeper(layer: Any, plan: Plan) -> Any:
    """Return what keeps a layer's states from this plan to the next; None if it starts anew."""
    if plan.observes:
        return None
    if plan.handed_on is not None:
        return plan.handed_on.of(layer)
    return layer.kept_states if layer.stateful else None


class KeptStates:
    """The last states of a layer's batch, where its next one finds them.

    They lie on the device, apart for each number of rows, so that bound calls stay right.

    Parameters
    ----------
    layer : Layer
        For errors.
    units : int
    """

    def __init__(self, layer: Any, units: int) -> None:
        self._layer, self._units = layer, units
        self._ops: Operations | None = None
        self._arrays: dict[int, dict[int, tuple[Array, ...]]] = {}  # by rows, then by level
        self._rows: int | None = None  # of the last batch; None where the next starts from zeros
        self._given: list[np.ndarray] | None = None  # what the next batch starts from

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: the next batch starts from the last states."""
        return {"_layer": self._layer, "_units": self._units, "_given": self.get()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        self.__init__(state["_layer"], state["_units"])  # type: ignore[misc]
        self._given = state["_given"]

    def get(self) -> list[np.ndarray] | None:
        """Return copies, (rows, units), in the order of levels; None after a reset."""
        if self._given is not None:
            return [state[:, : self._units].copy() for state in self._given]
        if self._rows is None:
            return None
        assert self._ops is not None
        levels = sorted(self._arrays[self._rows].items())
        found = [self._ops.to_host(array) for _, arrays in levels for array in arrays]
        return [state[:, : self._units].copy() for state in found]

    def set(self, states: Sequence[np.ndarray] | None) -> None:
        """Go on from what `get` returned; None is a reset: the next batch may have any size."""
        if states is not None:
            states = [np.array(one) for one in checked_arrays("states", states)]
            for state in states:
                if state.ndim != 2 or len(state) != len(states[0]):
                    shapes = [one.shape for one in states]
                    raise ValueError(f"states must have shapes (rows, units); got {shapes}.")
                if not np.isfinite(state).all():
                    raise ValueError("states must be finite; they hold NaN or infinity.")
        self._rows, self._given = None, states or None

    def leave(self) -> None:
        """Keep the states on the host: the layer goes to another device."""
        self.__setstate__(self.__getstate__())

    def bind_begin(self, plan: Plan, level: int, *first: Array) -> None:
        """Append the copy of a level's states into slot 0, arrays (rows, S)."""
        if plan.draws is not None:
            plan.draws.begin(plan, self, level, first)
            return
        self._ops = plan.ops
        rows = first[0].shape[0]
        arrays = self._of(rows, level, first)
        if plan.first_time(("states", id(self))):
            plan.before(self._begin, rows)
        for to, kept in zip(first, arrays, strict=True):
            plan.call(plan.ops.copy, to, kept)

    def bind_end(self, plan: Plan, level: int, *last: Array) -> None:
        """Append the copy of a level's last states out of the plan."""
        if plan.draws is not None:
            plan.draws.end(plan, self, level, last)
            return
        self._ops = plan.ops
        if plan.first_time(("states", id(self))):  # what it starts from was given to the layer
            plan.before(self._replace, last[0].shape[0])
        for kept, state in zip(self._of(last[0].shape[0], level, last), last, strict=True):
            plan.call(plan.ops.copy, kept, state)

    def _of(self, rows: int, level: int, like: Sequence[Array]) -> tuple[Array, ...]:
        levels = self._arrays.setdefault(rows, {})
        if level not in levels:
            assert self._ops is not None
            levels[level] = tuple(self._ops.zeros(state.shape) for state in like)
        return levels[level]

    def _replace(self, rows: int) -> None:
        """Forget: a batch of `rows` rows starts from states that were given to the layer."""
        self._rows, self._given = rows, None

    def _begin(self, rows: int) -> None:
        """Make the states ready that a batch of `rows` rows starts from."""
        ops, given = self._ops, self._given
        before = self._rows if given is None else len(given[0])
        if before is not None and before != rows:
            raise ValueError(
                f"{self._layer.name} is stateful: a batch of {rows} rows cannot go on from states "
                f"of {before}; call reset_state() to start anew."
            )
        assert ops is not None
        arrays = [one for _, pair in sorted(self._arrays[rows].items()) for one in pair]
        widths = [min(self._units, array.shape[1]) for array in arrays]
        if given is not None and [one.shape[1] for one in given] != widths:
            raise ValueError(
                f"{self._layer.name} goes on from {len(widths)} states of {widths} units; got "
                f"{[one.shape for one in given]}."
            )
        for number, state in enumerate(given or ()):
            checked_weight(f"states[{number}]", state.shape, state, arrays[number].dtype)
        if self._rows is None:
            for array in arrays:
                ops.fill(array, 0)
        for array, state in zip(arrays, given or (), strict=given is not None):
            ops.write(array[..., : state.shape[1]], state)
        self._rows, self._given = rows, None
