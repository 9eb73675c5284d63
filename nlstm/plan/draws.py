"""Draws of dropout at prediction: several of each row of data, whatever batch it comes in.

A mask is a function of (seed, row of the data, draw, place in the model). So it depends neither on
the rows beside it, nor on the number of threads, nor on what layers have drawn in training.
Draws are drawn in blocks, by one call of a kernel each.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from nlstm.kernels.operations import Array, Call, Operations

__all__ = ["BLOCK", "Draws"]

BLOCK = 8  # draws that have a random stream of their own
GAMMA = np.uint64(0x9E3779B97F4A7C15)
FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)


class Drawn(Protocol):
    """A plan, as far as this file knows it."""

    ops: Operations
    forward: list[Call]

    def array(self, shape: tuple[int, ...]) -> Array:
        """Return a buffer."""


class States(Protocol):
    """What a stateful layer keeps."""

    def get(self) -> list[np.ndarray] | None:
        """Return copies, (rows, units); None after a reset."""


class Draws:
    """The masks of a plan whose rows are `draws` draws of each of `rows` rows of data.

    The draws of a row lie side by side.

    Parameters
    ----------
    ops : Operations
    rows, draws : int

    """

    def __init__(self, ops: Operations, rows: int, draws: int) -> None:
        self.rows, self.draws = rows, draws
        self._places: dict[tuple[int, int], int] = {}  # by seed and stream, in order
        self._blocks = np.arange(-(-draws // BLOCK))
        self._tokens = ops.cell(np.int64, rows * self._blocks.size)
        self._kept: dict[int, tuple[States, dict[int, tuple[Array, ...]]]] = {}

    def choose(self, seed: int, rows: np.ndarray, first: int) -> None:
        """Let the next run make the draws from number `first` on, a multiple of BLOCK, of rows."""
        found = _mixed(np.full((rows.size, 1), seed, np.uint64))
        for number in (rows[:, None], (first // BLOCK + self._blocks)[None]):
            found = _mixed(found ^ number.astype(np.uint64))
        self._tokens.host[:] = (found >> np.uint64(1)).ravel()
        self._tokens.push()

    def bind(
        self, plan: Drawn, seed: int, stream: int, rate: float, features: int, out: Array
    ) -> None:
        """Append the calls that draw a mask: `out`, (groups * rows of the plan, >= features).

        What has one `seed` and `stream`, such as a layer that is called twice, has one mask.
        """
        key = self._places.setdefault((seed, stream), len(self._places))
        ops, places = plan.ops, self.rows * self.draws
        groups = out.shape[0] // places
        size = groups * features
        whole = out if groups == 1 else plan.array((1, places, size))
        flat = whole if groups == 1 else whole[0]
        for number, part in enumerate(self._parts()):
            token = self._tokens.device[number : number + 1]
            plan.forward.append(
                (ops.dropout_mask, (key, token, 0, rate, size, flat[part.start : part.stop]))
            )
        if groups > 1:
            shaped = out.reshape(groups, places, -1)
            plan.forward.append((ops.reshape_rows, (whole, size, shaped, features)))

    def _parts(self) -> Iterator[slice]:
        """Give the places of the draws of each block, row by row."""
        for first in range(0, self.rows * self.draws, self.draws):
            for start in range(0, self.draws, BLOCK):
                yield slice(first + start, first + min(start + BLOCK, self.draws))

    # Stateful layers: each draw has states of its own, and the layer's stay as they are.

    def begin(self, plan: Drawn, states: States, level: int, first: Sequence[Array]) -> None:
        """Append the copy of the draws' states into slot 0, arrays (rows, S)."""
        for to, kept in zip(first, self._of(plan.ops, states, level, first), strict=True):
            plan.forward.append((plan.ops.copy, (to, kept)))

    def end(self, plan: Drawn, states: States, level: int, last: Sequence[Array]) -> None:
        """Append the copy of the draws' last states out of the plan."""
        for kept, state in zip(self._of(plan.ops, states, level, last), last, strict=True):
            plan.forward.append((plan.ops.copy, (kept, state)))

    def _of(
        self, ops: Operations, states: States, level: int, like: Sequence[Array]
    ) -> tuple[Array, ...]:
        levels = self._kept.setdefault(id(states), (states, {}))[1]
        if level not in levels:
            levels[level] = tuple(ops.zeros(one.shape) for one in like)
        return levels[level]

    def load(self, ops: Operations, saved: Mapping[int, list[np.ndarray]] | None) -> None:
        """Let the next run begin with what `saved` gave; None with the states of the layers."""
        for number, (states, levels) in self._kept.items():
            arrays = [one for _, pair in sorted(levels.items()) for one in pair]
            given = states.get() if saved is None else saved[number]
            for place, array in enumerate(arrays):
                ops.fill(array, 0)
                if given is not None:
                    state = given[place]
                    times = array.shape[0] // len(state)
                    ops.write(array[..., : state.shape[1]], np.repeat(state, times, axis=0))

    def saved(self, ops: Operations) -> dict[int, list[np.ndarray]]:
        """Return the states after a run."""
        return {
            number: [
                np.array(ops.to_host(one)) for _, pair in sorted(levels.items()) for one in pair
            ]
            for number, (_, levels) in self._kept.items()
        }


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Return what SplitMix64 makes of counters."""
    numbers = numbers + GAMMA
    for shift, factor in zip(SHIFTS, FACTORS, strict=False):
        numbers = (numbers ^ (numbers >> shift)) * factor
    return numbers ^ (numbers >> SHIFTS[2])
