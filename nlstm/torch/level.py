"""One level of a recurrent module, in one direction or both."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nlstm.kernels.operations import Operations
from nlstm.torch.function import Recurrence
from nlstm.torch.memory import Pool, carved, size_of
from nlstm.torch.sequences import array_of, time_major
from nlstm.torch.weights import Cell

__all__ = ["Level"]

Shapes = Sequence[tuple[int, ...] | None]
MATRICES = 3  # W, U, b of each direction
WORK = 2  # c and gates of each direction


class Level:
    """One call of one level.

    Parameters
    ----------
    cell : Cell
    ops : Operations
    pool : Pool
    units, directions : int
    mask : ndarray(uint8), shape (T, N), or None
        1 where a row has a step.
    batch_first : tuple of bool
        Whether the batch is the first axis of what goes in, and of what comes out.
    inner : bool
        Whether what comes out is only another level's input, so that its rows may lie apart.
    """

    def __init__(
        self,
        cell: Cell,
        ops: Operations,
        pool: Pool,
        units: int,
        directions: int,
        mask: np.ndarray | None,
        batch_first: tuple[bool, bool],
        inner: bool,
    ) -> None:
        self.cell, self.ops, self.pool, self.units = cell, ops, pool, units
        self.directions, self.mask, self.batch_first = directions, mask, batch_first
        self.inner = inner
        self.width = ops.padded(units, ops.dtype)  # of the rows of states
        self.states = 2 if cell.has_c else 1
        self.spent = False  # whether the backward pass has overwritten the gates
        self.kept: tuple[Any, ...] = ()

    def run(self, x: Tensor, states: Sequence[Tensor | None], weights: Sequence[Tensor]) -> Any:
        """Return y, and the last states (directions, N, H).

        Parameters
        ----------
        x : Tensor, shape (T, N, F) or (N, T, F)
        states : sequence of Tensor or None, shape (directions, N, H)
            None for zeros.
        weights : sequence of Tensor
            w_ih, w_hh and perhaps b_ih, b_hh of each direction.
        """
        given = (x, *states, *weights)
        if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in given):
            found = Recurrence.apply(self, *given)
            self.kept = ()  # autograd has it, and lets go of it after the backward pass
            return found
        return self.forward(given, training=False)

    # Forward

    def forward(self, given: Sequence[Any], training: bool) -> tuple[Tensor, ...]:
        """Compute; in training `kept` is what the backward pass needs."""
        ops, x, weights = self.ops, given[0], given[1 + self.states :]
        sequence = time_major(x, self.batch_first[0], ops, self.pool)
        steps, rows, self.features = *sequence.shape[:2], x.shape[-1]
        packed, matrices = self._memory(self._packed_shapes())
        each = len(weights) // self.directions
        for d in range(self.directions):
            own = [array_of(one) for one in weights[d * each : (d + 1) * each]]
            W, U, b = matrices[MATRICES * d : MATRICES * (d + 1)]
            self.cell.pack(own, W, U, b, allowed(ops))
        states, h = self._memory(self._state_shapes(steps, rows))
        work, arrays = self._memory(self._work_shapes(steps, rows, training))
        for state, first in zip(given[1 : 1 + self.states], (h, arrays[::WORK]), strict=False):
            initial = [None] * self.directions if state is None else array_of(state)
            for one, value in zip(first, initial, strict=True):
                _set(one[0], value)
        self._recur(sequence, matrices, h, arrays)
        ends = [_joined([one[-1] for one in h], self.units)]
        if self.cell.has_c:
            _, last = ops.slots(steps, training)
            ends.append(_joined([one[last] for one in arrays[::WORK]], self.units))
        if training:
            self.is_input = np.may_share_memory(sequence, array_of(x))
            saved = None if self.is_input else torch.from_numpy(sequence)
            self.kept = (saved, *map(torch.from_numpy, (states, work, packed)))
        return (self._output(h), *ends)

    def handed_over(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Return what is to be saved: y too, so that autograd finds out if somebody changes it."""
        saved, *others = self.kept
        return (x if saved is None else saved, y, *others)

    def _recur(self, x: np.ndarray, matrices: list[Any], h: list[Any], work: list[Any]) -> None:
        ops, scratch = self.ops, self._scratch(x)
        forward, _ = ops.lstm("tanh", "sigmoid")
        with threads(ops):
            for d in range(self.directions):
                weights, own = self._of(d, matrices, h, work)
                forward(x, weights, own, scratch, d == 1, ops.Masks(self.mask))

    def _of(self, d: int, matrices: list[Any], h: list[Any], work: list[Any]) -> tuple[Any, Any]:
        weights = self.ops.Weights(*matrices[MATRICES * d : MATRICES * (d + 1)])
        return weights, self.ops.Work(h[d], *work[WORK * d : WORK * (d + 1)])

    def _output(self, h: list[Any]) -> Tensor:
        """Return the states of all steps, in their own memory where rows lie as PyTorch's do."""
        units = self.units
        if self.directions == 1 and (self.width == units or self.inner):
            y = h[0][1:, :, :units]
        else:
            steps, rows, _ = h[0].shape
            y = self.pool.array((steps - 1, rows, units * self.directions), self.ops.dtype)
            with threads(self.ops):
                for d, one in enumerate(h):
                    place = d * units, (d + 1) * units
                    self.ops.copy_columns(one[1:], 0, units, d == 1, y, *place)
        return torch.from_numpy(y.transpose(1, 0, 2) if self.batch_first[1] else y)

    # Backward

    def backward(
        self, saved: Sequence[Tensor], gradients: Sequence[Any], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """Return the gradients of what `forward` was given, where they are `wanted`.

        Parameters
        ----------
        saved : sequence of Tensor
            What `handed_over` gave.
        gradients : sequence of Tensor or None
            Of what `forward` returned.
        """
        ops = self.ops
        x = time_major(saved[0], self.is_input and self.batch_first[0], ops, self.pool)
        steps, rows, _ = x.shape
        states, flat, packed = map(array_of, saved[2:])
        matrices = carved(packed, self._packed_shapes())
        h = carved(states, self._state_shapes(steps, rows))
        work = carved(flat, self._work_shapes(steps, rows, True))
        if self.spent:  # a graph that is kept: gates again, from the same numbers
            self._recur(x, matrices, h, work)
        self.spent = True
        dys = self._output_gradients(gradients[0], steps, rows)
        ends = self._end_gradients(gradients[1:], rows)
        _, sums = self._memory(self._packed_shapes())
        lanes = ops.lanes(ops.dtype)
        inputs = (steps, rows, -(-self.features // lanes) * lanes)
        dxs = [self._new(inputs) if wanted[0] else None for _ in range(self.directions)]
        scratch = self._scratch(x)
        _, backward = ops.lstm("tanh", "sigmoid")
        with threads(ops):
            for d in range(self.directions):
                weights, own = self._of(d, matrices, h, work)
                of_weights = sums[MATRICES * d : MATRICES * (d + 1)]
                found = ops.Gradients(dys[d], *ends[d], *of_weights, dxs[d])
                backward(x, weights, own, found, scratch, d == 1, ops.Masks(self.mask))
        return [
            self._input_gradient(dxs) if wanted[0] else None,
            *self._state_gradients(ends, wanted[1 : 1 + self.states]),
            *self._weight_gradients(sums, wanted[1 + self.states :]),
        ]

    def _output_gradients(self, dy: Tensor | None, steps: int, rows: int) -> list[np.ndarray]:
        """Return the gradient of y in each direction, whole vectors with zeros behind H."""
        if dy is None:
            none = self._new((1, rows, self.width))
            none[...] = 0
            return [none] * self.directions
        vectors = self.packed_units
        if self.directions == 1:
            return [time_major(dy, self.batch_first[1], self.ops, self.pool, vectors)]
        whole = time_major(dy, self.batch_first[1], self.ops, self.pool)
        found = []
        with threads(self.ops):
            for d in range(self.directions):
                found.append(self._new((steps, rows, vectors)))
                place = self.units * d, self.units, d == 1
                self.ops.copy_columns(whole, *place, found[d], 0, vectors)
        return found

    def _end_gradients(self, given: Sequence[Tensor | None], rows: int) -> list[list[Any]]:
        """Return the gradients of the last h and c in each direction."""
        found = []
        for d in range(self.directions):
            own: list[Any] = []
            for gradient in given:
                own.append(self._new((rows, self.width)))
                _set(own[-1], None if gradient is None else array_of(gradient)[d])
            found.append(own if self.cell.has_c else [*own, None])
        return found

    def _input_gradient(self, dxs: list[Any]) -> Tensor:
        dx, *others = dxs
        for other in others:
            self.ops.add(dx, other, dx)
        dx = dx[..., : self.features]
        return torch.from_numpy(dx.transpose(1, 0, 2) if self.batch_first[0] else dx)

    def _state_gradients(self, ends: list[list[Any]], wanted: Sequence[bool]) -> list[Any]:
        each = zip(*ends, strict=True)
        return [
            _joined(list(one), self.units) if asked else None
            for one, asked in zip(each, wanted, strict=False)
        ]

    def _weight_gradients(self, sums: list[Any], wanted: Sequence[bool]) -> list[Tensor | None]:
        each = len(wanted) // self.directions
        gates, dtype = len(self.cell.of_inputs) * self.units, torch.from_numpy(sums[0][:0]).dtype
        shapes = [(gates, self.features), (gates, self.units), (gates,), (gates,)][:each]
        found: list[Tensor | None] = []
        for d in range(self.directions):
            asked = wanted[d * each : (d + 1) * each]
            own = [
                torch.empty(shape, dtype=dtype) if one else None
                for shape, one in zip(shapes, asked, strict=True)
            ]
            arrays = [None if one is None else one.numpy() for one in own]
            packed = sums[MATRICES * d : MATRICES * (d + 1)]
            self.cell.unpack(packed, arrays, allowed(self.ops))
            found += own
        return found

    # Memory

    @property
    def packed_units(self) -> int:
        """The units rounded up to whole vectors."""
        lanes = self.ops.lanes(self.ops.dtype)
        return -(-self.units // lanes) * lanes

    def _new(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.pool.array(shape, self.ops.dtype)

    def _memory(self, shapes: Shapes) -> tuple[np.ndarray, list[Any]]:
        """Return memory that holds anything, and the arrays in it."""
        flat = self.pool.flat(size_of(shapes, self.ops.dtype), self.ops.dtype)
        return flat, carved(flat, shapes)

    def _scratch(self, x: np.ndarray) -> np.ndarray:
        steps, rows, _ = x.shape
        sizes = steps, rows, self.features, self.units
        return self.pool.flat(self.ops.lstm_scratch_size(*sizes, self.ops.dtype), self.ops.dtype)

    def _packed_shapes(self) -> Shapes:
        _, blocks, _, *last = self.ops.lstm_gates_shape(1, 1, self.units, self.ops.dtype)
        return [
            (blocks, self.features, *last),
            (blocks, self.units, *last),
            (blocks, *last),
        ] * self.directions

    def _state_shapes(self, steps: int, rows: int) -> Shapes:
        return [(steps + 1, rows, self.width)] * self.directions

    def _work_shapes(self, steps: int, rows: int, training: bool) -> Shapes:
        slots, _ = self.ops.slots(steps, training)
        c = (slots, rows, self.width) if self.cell.has_c else None
        gates = self.ops.lstm_gates_shape(steps, rows, self.units, self.ops.dtype)
        return [c, gates if training else None] * self.directions


def allowed(ops: Operations) -> int:
    """Return how many threads both nlstm and PyTorch may use."""
    return min(torch.get_num_threads(), ops.get_num_threads())


@contextmanager
def threads(ops: Operations) -> Iterator[None]:
    """Run kernels on so many threads."""
    before = ops.enter()
    try:
        if allowed(ops) < ops.get_num_threads():
            ops.leave(allowed(ops))
        yield
    except BaseException:
        ops.recover()
        raise
    finally:
        ops.leave(before)


def _set(state: np.ndarray, value: np.ndarray | None) -> None:
    """Overwrite a state (N, S) by one of (N, H), or by zeros."""
    if value is None:
        state[...] = 0
    else:
        units = value.shape[1]
        state[:, :units] = value
        state[:, units:] = 0


def _joined(each: list[np.ndarray], units: int) -> Tensor:
    """Return a copy of the state of each direction, (directions, N, units)."""
    out = np.empty((len(each), each[0].shape[0], units), each[0].dtype)
    for place, one in zip(out, each, strict=True):
        place[...] = one[:, :units]
    return torch.from_numpy(out)
