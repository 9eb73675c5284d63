"""Rounding to bfloat16, the upper half of a float32: to the nearest, ties to even."""

import numpy as np


def rounded(array):
    """Return the array rounded, in float64; what is below the normal range becomes zero."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).astype(np.uint64)
    near = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    value = near.astype(np.uint32).view(np.float32).astype(np.float64)
    tiny = (bits & 0x7F800000) == 0
    return np.where(tiny, np.copysign(0.0, array), np.where(np.isnan(array), np.nan, value))
