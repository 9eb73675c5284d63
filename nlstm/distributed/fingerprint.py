"""A hash of all weights, by which ranks are compared."""

import numpy as np

from nlstm.network.weights import Weights

__all__ = ["fingerprint"]

CHUNK = 1 << 15  # numbers that are hashed together
FACTORS = np.arange(1, 2 * CHUNK, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
STEP = 0x100000001B3  # odd, as all factors are: no change of one number is lost


def fingerprint(weights: Weights) -> int:
    """Return 64 bits, another number wherever one bit differs."""
    found = 0
    for home in weights.homes:
        numbers = _words(home.ops.to_host(home.value))
        for start in range(0, numbers.size, CHUNK):
            part = numbers[start : start + CHUNK]
            total = int(np.dot(part, FACTORS[: part.size]))
            found = (found * STEP + total) % (1 << 64)
    return found - (1 << 63)  # as an int64


def _words(values: np.ndarray) -> np.ndarray:
    """Return the bits of an array as whole numbers of 64."""
    narrow = np.dtype(f"u{values.dtype.itemsize}")
    return np.ascontiguousarray(values).view(narrow).astype(np.uint64)
