"""Flat buffers cut into chunks, one after the other or on all threads: the bits are the same."""

import numpy as np

from nlstm.kernels.cpu.machine.jit import njit

CHUNK = 16384  # parameters a thread takes at a time; 64 KB of float32 in each of four arrays


@njit(inline="always")
def chunk_count(size):
    return (size + CHUNK - 1) // CHUNK


@njit(inline="always")
def chunk_range(chunk, size):
    """Return where a chunk starts and stops."""
    start = np.int64(chunk) * CHUNK
    return start, min(start + CHUNK, size)
