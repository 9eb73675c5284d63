"""PyTorch's weights in the kernels' layout, and gradients back.

There a matrix is (gates * H, K); here it is gate weights (B, K, 4, L), see `nlstm.kernels`. Every
call of a module packs its weights: nothing tells when they have changed, for what a fused optimizer
or `weight.data` does to them leaves their `_version` alone.
"""

from collections.abc import Sequence
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

    def pack(self, weights: Sequence[np.ndarray], W: Any, U: Any, b: Any) -> None:
        """Write (=) packed weights from w_ih, w_hh and, where there are any, b_ih and b_hh."""
        w_ih, w_hh, *biases = weights
        _pack(w_ih, self.of_inputs, W)
        _pack(w_hh, self.of_states, U)
        b[...] = 0
        for bias, parts in zip(biases, (self.of_inputs, self.of_states), strict=False):
            packed = np.empty_like(b)
            _pack(bias[:, None], parts, packed[:, None])
            b += packed

    def unpack(self, packed: Sequence[np.ndarray], weights: Sequence[np.ndarray | None]) -> None:
        """Write (=) gradients like `weights`, where they are wanted, from those like `packed`."""
        dW, dU, db = packed
        matrices, sides = (dW, dU, db[:, None], db[:, None]), (self.of_inputs, self.of_states) * 2
        for matrix, parts, out in zip(matrices, sides, weights, strict=False):
            if out is not None:
                _unpack(matrix, parts, out if out.ndim == 2 else out[:, None])


LSTM = Cell("LSTM", ((0, 0), (1, 1), (2, 2), (3, 3)), ((0, 0), (1, 1), (2, 2), (3, 3)), True)
GRU = Cell("GRU", ((0, 1), (1, 0), (2, 2)), ((0, 1), (1, 0), (3, 2)), False)


def _pack(matrix: np.ndarray, parts: Parts, out: np.ndarray) -> None:
    """Write a matrix (gates * H, K) to gate weights; lanes and parts without numbers become 0."""
    _, inputs, _, width = out.shape
    gates = matrix.reshape(len(parts), -1, inputs)
    if matrix.size >= LARGE:
        _pack_in_stages(gates, parts, out)
        return
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


def _pack_in_stages(gates: np.ndarray, parts: Parts, out: np.ndarray) -> None:
    """Do the same block by block, by way of rows that do not fall into the same cache sets."""
    count, inputs, _, width = out.shape
    staged = np.zeros((ALL, width, inputs + APART), out.dtype)[..., :inputs]
    turned = staged.transpose(2, 0, 1)
    for block in range(count):
        rows = gates[:, block * width : (block + 1) * width]
        units = rows.shape[1]
        if units < width:
            staged[:, units:] = 0
        for part, gate in parts:
            staged[part, :units] = rows[gate]
        out[block] = turned


def _unpack(packed: np.ndarray, parts: Parts, out: np.ndarray) -> None:
    """Write a matrix (gates * H, K) from gate weights."""
    _, inputs, _, width = packed.shape
    gates = out.reshape(len(parts), -1, inputs)
    full, rest = divmod(gates.shape[1], width)
    for part, gate in parts:
        rows = gates[gate]
        blocks = rows[: full * width].reshape(full, width, inputs)
        for k in range(0, inputs, NEAR):
            blocks[..., k : k + NEAR] = packed[:full, k : k + NEAR, part].transpose(0, 2, 1)
        if rest:
            rows[full * width :] = packed[full, :, part, :rest].T
