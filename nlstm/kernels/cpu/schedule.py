"""Shapes of the LSTM's work memory, and who does what: the one place where the schedule is
chosen.
"""

import numpy as np

from nlstm.kernels.cpu.jit import lanes, njit_inner
from nlstm.kernels.cpu.layout import GATES, blocks
from nlstm.kernels.cpu.tile import ROWS, VECTORS

CHUNK_BYTES = 2 << 20  # of dz: what the second-level caches of two cores hold
CHUNK_ROWS = 512  # at least: below, reading and writing dW costs more than the product itself
SMALL_WORK = 1 << 20  # multiply-adds that one thread does before a second one is worth waking
ROWS_PER_THREAD = 4  # at least: fewer leave the register tile half empty
MOST_SLICES = 64


def lstm_gates_shape(T, N, H, dtype):
    """Return the shape of the gates that a forward pass saves for the backward pass."""
    return (T, blocks(H, dtype), N, GATES, lanes(dtype))


def lstm_scratch_size(T, N, F, H, dtype):
    """Return how many numbers of scratch memory the kernels of one layer need.

    Backward: a vector of ones, the panels of U^T and W^T, dz of one chunk, and a product of (N, H).
    Forward, when gates are not saved: one tile a slice.
    """
    L, itemsize = lanes(dtype), np.dtype(dtype).itemsize
    units, inputs = blocks(H, dtype) * L, blocks(F, dtype) * L
    dz = chunk_steps.py_func(T, N, GATES * units * itemsize) * N * GATES * units
    backward = L + (units + inputs) * GATES * units + dz + N * units
    return max(backward, MOST_SLICES * ROWS * VECTORS * L)


@njit_inner
def chunk_steps(T, N, row_bytes):
    """Return how many steps of dz a backward chunk holds; never depends on the number of
    threads.
    """
    rows = max(CHUNK_ROWS, CHUNK_BYTES // row_bytes)
    return min(T, max(1, rows // N))


@njit_inner
def schedule(T, N, F, H, threads):
    """Return (row slices, unit slices); one of them is 1.

    Slices of rows go through all steps without meeting. Slices of units meet at every step, which
    pays where rows are too few for the threads and a step is long.
    """
    step_work = N * (F + H) * GATES * H
    if threads == 1 or T * step_work < SMALL_WORK:
        return 1, 1
    threads = min(threads, MOST_SLICES)
    row_slices = max(1, min(threads, N // ROWS_PER_THREAD))
    if row_slices < threads and step_work >= SMALL_WORK // 8:
        return 1, threads
    return row_slices, 1
