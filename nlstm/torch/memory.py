"""Memory that is used again when nobody holds it any more.

What a step writes (gates, states, outputs) is as large in the next step, and new memory costs more
than filling it. Tensors and arrays of a pool hold it for as long as they live, whoever has them.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.plan.turns import turn

__all__ = ["Pool", "carved"]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
LOOSE = 2  # times as large as what is asked for may a block be


class Lease:
    """What an array of a pool stands on; its block goes back with the last one that does."""

    __slots__ = ("__array_interface__", "_block", "_pool")

    def __init__(self, pool: "Pool", block: np.ndarray, size: int, dtype: np.dtype) -> None:
        self._pool, self._block = pool, block
        self.__array_interface__ = {
            "data": (block.ctypes.data, False),
            "shape": (size,),
            "typestr": dtype.str,
            "version": 3,
        }

    def __del__(self) -> None:
        self._pool.give_back(self._block)


class Pool:
    """Blocks of memory, of which never more is held than was once in use at the same time."""

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []  # the one that came back last is last
        self._held = self._lent = self._most = 0
        self._turn = turn()

    def flat(self, size: int, dtype: np.dtype) -> np.ndarray:
        """Return `size` numbers that hold anything."""
        wanted = max(1, -(-size * dtype.itemsize // ALIGNMENT)) * ALIGNMENT
        with self._turn:
            block = self._found(wanted)
            if block is None:
                block = _aligned(wanted)
                self._held += block.size
            self._lent += block.size
            self._most = max(self._most, self._lent)
            while self._free and self._held > self._most:
                self._held -= self._free.pop(0).size
        return np.asarray(Lease(self, block, size, dtype))

    def array(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return an array that holds anything."""
        return self.flat(math.prod(shape), dtype).reshape(shape)

    def _found(self, wanted: int) -> np.ndarray | None:
        fitting = [one for one in self._free if wanted <= one.size <= LOOSE * wanted]
        if not fitting:
            return None
        best = min(reversed(fitting), key=lambda block: block.size)
        self._free = [one for one in self._free if one is not best]
        return best

    def give_back(self, block: np.ndarray) -> None:
        """Take a block that nobody uses any more."""
        with self._turn:
            self._lent -= block.size
            self._free.append(block)


def carved(flat: np.ndarray, shapes: Sequence[tuple[int, ...] | None]) -> list[Any]:
    """Return a flat array cut into arrays that begin where vectors load fastest; None for None."""
    found: list[Any] = []
    start = 0
    for shape in shapes:
        if shape is None:
            found.append(None)
            continue
        size = math.prod(shape)
        found.append(flat[start : start + size].reshape(shape))
        start += _rounded(size, flat.dtype)
    return found


def size_of(shapes: Sequence[tuple[int, ...] | None], dtype: np.dtype) -> int:
    """Return how many numbers `carved` cuts into such shapes."""
    return sum(_rounded(math.prod(shape), dtype) for shape in shapes if shape is not None)


def _rounded(size: int, dtype: np.dtype) -> int:
    per_line = ALIGNMENT // dtype.itemsize
    return -(-size // per_line) * per_line


def _aligned(size: int) -> np.ndarray:
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
