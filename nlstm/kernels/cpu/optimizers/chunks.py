"""Flat buffers cut into chunks, one after the other or on all threads: the bits are the same."""

import numpy as np

from nlstm.kernels.cpu.machine.jit import njit

CHUNK = 16384  # parameters a thread takes at a time; 64 KB of float32 in each of four arrays


@njit(inline="always")
def chunk_count(size):
    return (size + CHUNK - 1) // CHUNK


@njit(inline="always")
def chunk_range(chunk, size):
    """Return where a chunk starts and stops: unsigned, as no index then counts from the end.

    A loop over indices that may be negative is not made of vectors.
    """
    start = np.uint64(chunk) * np.uint64(CHUNK)
    return start, min(start + np.uint64(CHUNK), np.uint64(size))
