"""PyTorch's weights in the kernels' layout, and gradients back.

There a matrix is (gates * H, K); here it is gate weights (B, K, 4, L), see `nlstm.kernels`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["GRU", "LSTM", "Cell"]

Parts = tuple[tuple[int, int], ...]  # pairs: part of the four, gate of PyTorch's
ALL = 4


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
            _pack(bias[:, None], parts, b[:, None], add=True)

    def unpack(self, packed: Sequence[np.ndarray], weights: Sequence[np.ndarray | None]) -> None:
        """Write (=) gradients like `weights`, where they are wanted, from those like `packed`."""
        dW, dU, db = packed
        matrices, sides = (dW, dU, db[:, None], db[:, None]), (self.of_inputs, self.of_states) * 2
        for matrix, parts, out in zip(matrices, sides, weights, strict=False):
            if out is not None:
                _unpack(matrix, parts, out if out.ndim == 2 else out[:, None])


LSTM = Cell("LSTM", ((0, 0), (1, 1), (2, 2), (3, 3)), ((0, 0), (1, 1), (2, 2), (3, 3)), True)
GRU = Cell("GRU", ((0, 1), (1, 0), (2, 2)), ((0, 1), (1, 0), (3, 2)), False)


def _pack(matrix: np.ndarray, parts: Parts, out: np.ndarray, add: bool = False) -> None:
    """Write a matrix (gates * H, K) to gate weights, or add it; lanes without a unit become 0."""
    width, inputs = out.shape[3], out.shape[1]
    units = matrix.shape[0] // len(parts)
    full, rest = divmod(units, width)
    for part, gate in parts:
        rows = matrix[gate * units : (gate + 1) * units]
        blocks = rows[: full * width].reshape(full, width, inputs).transpose(0, 2, 1)
        if add:
            out[:full, :, part] += blocks
            out[full:, :, part, :rest] += rows[full * width :].T
        else:
            out[:full, :, part] = blocks
            out[full:, :, part, :rest] = rows[full * width :].T
            out[full:, :, part, rest:] = 0
    if not add and len(parts) < ALL:
        (missing,) = set(range(ALL)) - {part for part, _ in parts}
        out[:, :, missing] = 0


def _unpack(packed: np.ndarray, parts: Parts, out: np.ndarray) -> None:
    """Write a matrix (gates * H, K) from gate weights."""
    width, inputs = packed.shape[3], packed.shape[1]
    units = out.shape[0] // len(parts)
    full, rest = divmod(units, width)
    for part, gate in parts:
        rows = out[gate * units : (gate + 1) * units]
        blocks = rows[: full * width].reshape(full, width, inputs)
        blocks[...] = packed[:full, :, part].transpose(0, 2, 1)
        if rest:
            rows[full * width :] = packed[full, :, part, :rest].T
