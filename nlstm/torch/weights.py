"""PyTorch's weights in the kernels' layout, and gradients back.

There a matrix is (gates * H, K); here it is gate weights (B, K, 4, L), see `nlstm.kernels`. Every
call of a module packs its weights: nothing tells when they have changed, for what a fused optimizer
or `weight.data` does to them leaves their `_version` alone.
"""

from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any, NamedTuple

import numpy as np

__all__ = ["GRU", "LSTM", "Cell"]

Parts = tuple[tuple[int, int], ...]  # pairs: part of the four, gate of PyTorch's
ALL = 4
LARGE = 1 << 18  # numbers of a matrix, from which on caches decide
APART = 16  # numbers between staged rows, which else might fall into the same cache sets
NEAR = 512  # inputs whose part of a block stays in the first-level cache


class Cell(NamedTuple):
    """A kind of recurrence: which gates of PyTorch's the four parts hold, by inputs and by states.

    LSTM: i, f, g, o both there and here. GRU: r, z, n there, and here z, r, then n by inputs and n
    by states, of which the other product has none.
    """

    name: str
    of_inputs: Parts
    of_states: Parts
    has_c: bool

    def pack(self, weights: Sequence[np.ndarray], W: Any, U: Any, b: Any, threads: int = 1) -> None:
        """Write (=) packed weights from w_ih, w_hh and, where there are any, b_ih and b_hh."""
        w_ih, w_hh, *biases = weights
        if w_hh.size < LARGE:
            _pack(w_ih, self.of_inputs, W)
            _pack(w_hh, self.of_states, U)
        else:

            def some(first: int, last: int) -> None:
                _pack_in_stages(w_ih, self.of_inputs, W, first, last)
                _pack_in_stages(w_hh, self.of_states, U, first, last)

            _in_parts(some, len(U), min(threads, w_hh.size // LARGE))
        b[...] = 0
        for bias, parts in zip(biases, (self.of_inputs, self.of_states), strict=False):
            packed = np.empty_like(b)
            _pack(bias[:, None], parts, packed[:, None])
            b += packed

    def unpack(
        self, packed: Sequence[np.ndarray], weights: Sequence[np.ndarray | None], threads: int = 1
    ) -> None:
        """Write (=) gradients like `weights`, where they are wanted, from those like `packed`."""
        dW, dU, db = packed
        matrices, sides = (dW, dU, db[:, None], db[:, None]), (self.of_inputs, self.of_states) * 2
        wanted = [
            (matrix, parts, out if out.ndim == 2 else out[:, None])
            for matrix, parts, out in zip(matrices, sides, weights, strict=False)
            if out is not None
        ]

        def some(first: int, last: int) -> None:
            for one in wanted:
                _unpack(*one, first, last)

        _in_parts(some, len(dU), max(1, min(threads, dU.size // LARGE)))


LSTM = Cell("LSTM", ((0, 0), (1, 1), (2, 2), (3, 3)), ((0, 0), (1, 1), (2, 2), (3, 3)), True)
GRU = Cell("GRU", ((0, 1), (1, 0), (2, 2)), ((0, 1), (1, 0), (3, 2)), False)


def _in_parts(work: Callable[[int, int], None], blocks: int, threads: int) -> None:
    """Run work(first, last) over all blocks: NumPy lets go of Python's lock while it copies."""
    edges = [blocks * k // threads for k in range(threads + 1)]
    parts = list(zip(edges, edges[1:], strict=False))
    others = [Thread(target=work, args=part) for part in parts[1:]]
    for one in others:
        one.start()
    work(*parts[0])
    for one in others:
        one.join()


def _pack(matrix: np.ndarray, parts: Parts, out: np.ndarray) -> None:
    """Write a matrix (gates * H, K) to gate weights; lanes and parts without numbers become 0."""
    _, inputs, _, width = out.shape
    gates = matrix.reshape(len(parts), -1, inputs)
    if len(parts) < ALL:
        out[...] = 0
    full, rest = divmod(gates.shape[1], width)
    for part, gate in parts:
        rows = gates[gate]
        blocks = rows[: full * width].reshape(full, width, inputs)
        out[:full, :, part] = blocks.transpose(0, 2, 1)
        if rest:
            out[full, :, part, :rest] = rows[full * width :].T
            out[full, :, part, rest:] = 0


def _pack_in_stages(
    matrix: np.ndarray, parts: Parts, out: np.ndarray, first: int, last: int
) -> None:
    """Do the same to blocks first..last, by way of rows that do not fall into one cache set."""
    _, inputs, _, width = out.shape
    gates = matrix.reshape(len(parts), -1, inputs)
    staged = np.zeros((ALL, width, inputs + APART), out.dtype)[..., :inputs]
    turned = staged.transpose(2, 0, 1)
    for block in range(first, last):
        rows = gates[:, block * width : (block + 1) * width]
        units = rows.shape[1]
        if units < width:
            staged[:, units:] = 0
        for part, gate in parts:
            staged[part, :units] = rows[gate]
        out[block] = turned


def _unpack(packed: np.ndarray, parts: Parts, out: np.ndarray, first: int, last: int) -> None:
    """Write blocks first..last of a matrix (gates * H, K) from gate weights."""
    _, inputs, _, width = packed.shape
    gates = out.reshape(len(parts), -1, inputs)
    full, rest = divmod(gates.shape[1], width)
    whole = min(last, full)
    for part, gate in parts:
        rows = gates[gate]
        blocks = rows[: full * width].reshape(full, width, inputs)[first:whole]
        for k in range(0, inputs, NEAR):
            blocks[..., k : k + NEAR] = packed[first:whole, k : k + NEAR, part].transpose(0, 2, 1)
        if rest and last > full:
            rows[full * width :] = packed[full, :, part, :rest].T
