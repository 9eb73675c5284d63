"""Shapes of the LSTM's work memory, and who does what: the one place where the schedule is
chosen.
"""

import sys
from typing import Any, NamedTuple

import numpy as np
from numba import config

from nlstm.kernels.cpu.lstm.narrow import narrow_vectors
from nlstm.kernels.cpu.machine.jit import lanes, njit_inner
from nlstm.kernels.cpu.machine.processors import LAST_LEVEL_BYTES, PROCESSORS
from nlstm.kernels.cpu.products.gemm import ROW_BLOCK
from nlstm.kernels.cpu.products.layout import GATES, PEEPHOLES, blocks, padded
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS

CACHED_BYTES = LAST_LEVEL_BYTES // 4  # of gates: what the backward pass still finds there
PARTIAL_BYTES = 4 << 20  # of weight gradients that slices of rows may hold beside each other
SLICE_BYTES, SLICE_ROWS = 1 << 18, 256  # of a slice's chunk of dz: a share of a second-level cache
CHUNK_BYTES = 2 << 20  # of a chunk of dz that all threads share
CHUNK_ROWS = 512  # at least: below, reading and writing dW costs more than the product itself
SMALL_WORK = 1 << 20  # multiply-adds that one thread does before a second one is worth waking
LARGE_WEIGHTS = 1 << 22  # numbers of W and U: more than the threads share in caches
PROJECTED_ROWS = 512  # of inputs that share one reading of large W
ROWS_PER_THREAD = 4  # at least: fewer leave the register tile half empty
MOST_SLICES = 64
GATED_ROWS = 64  # whose four masked states stay in the second-level cache beside U


class Sizes(NamedTuple):
    """Steps, rows, inputs, units, blocks of units, lanes."""

    T: Any
    N: Any
    F: Any
    H: Any
    B: Any
    L: Any


def lstm_gates_shape(T, N, H, dtype):
    """Return the shape of the gates that a forward pass saves for the backward pass."""
    return (T, blocks(H, dtype), N, GATES, lanes(dtype))


def lstm_scratch_size(T, N, F, H, dtype):
    """Return how many numbers of scratch memory the kernels of one layer need.

    Backward: a vector of ones, the panels of U^T and W^T, partial gradients, dz of one chunk, and a
    product of (N, F). Forward: one tile a slice, and z of the projected steps.
    """
    return _scratch_size(T, N, F, H, dtype, False)


def lstm_paired_scratch_size(T, N, F, H, dtype):
    """Return the same with operands in pairs: backward also those of a chunk."""
    return _scratch_size(T, N, F, H, dtype, True)


def _scratch_size(T, N, F, H, dtype, paired):
    L, itemsize = lanes(dtype), np.dtype(dtype).itemsize
    B, inputs = blocks(H, dtype), blocks(F, dtype)
    width = GATES * L
    slices = partial_slices.py_func(N, F, H, B, L, itemsize)
    rows = most_rows.py_func(N, max(slices, 1), 2 if paired else 1)
    steps = chunk_steps.py_func(T, rows, B * width * itemsize, slices > 0)
    partial = slices * B * ((F + H + 1) * width + PEEPHOLES * L)
    dz = max(slices, 1) * steps * rows * B * width
    backward = L + (B + inputs) * B * width * L + partial + dz + N * inputs * L
    narrow = narrow_vectors.py_func(H, L)
    if B > 1 and narrow:  # else it would be as large as the chunk itself
        backward += max(slices, 1) * steps * rows * width
    if paired:
        backward += max(slices, 1) * operands_size.py_func(steps, rows, B, inputs, L)
    forward = MOST_SLICES * ROWS * VECTORS * L + (F + H + 1) * narrow * L
    if is_projected.py_func(F, H):
        forward += projected_steps.py_func(T, N) * N * B * width
    return max(backward, forward)


def lstm_segment_steps(N, F, H, dtype):
    """Return of how many steps a segment is a multiple: those of a chunk of the backward pass.

    Products of other chunks would add in another order.
    """
    L, itemsize = lanes(dtype), np.dtype(dtype).itemsize
    B = blocks(H, dtype)
    slices = partial_slices.py_func(N, F, H, B, L, itemsize)
    rows = -(-N // max(slices, 1))
    return chunk_steps.py_func(sys.maxsize, rows, B * GATES * L * itemsize, slices > 0)


def lstm_masked_size(N, H, dtype):
    """Return how many numbers `hm` has: what the gates of each slice see of some rows.

    Forward all of the state of GATED_ROWS rows, backward a vector of ROW_BLOCK rows.
    """
    slices = min(MOST_SLICES, max(PROCESSORS, config.NUMBA_NUM_THREADS))
    return slices * masked_part.py_func(N, padded(H, dtype), lanes(dtype))


@njit_inner
def masked_part(N, S, L):
    """Return how many of them are one slice's: one may be on its way back, another forward."""
    return GATES * max(min(N, GATED_ROWS) * S, ROW_BLOCK * L)


@njit_inner
def partial_slices(N, F, H, B, L, itemsize):
    """Return the number of row slices that each go through the whole backward pass, or 0.

    A slice then sums its own weight gradients, from dz that is still in its own caches, and one
    pass adds the partial sums. Their number decides the bits, so it depends on the machine and the
    shape, never on the number of threads. Not for large weights: the partial sums would be larger
    than the caches.
    """
    slices = min(PROCESSORS, MOST_SLICES, N // ROWS_PER_THREAD)
    size = B * (F + H + 1) * GATES * L * itemsize
    return slices if slices > 1 and slices * size <= PARTIAL_BYTES else 0


@njit_inner
def most_rows(N, slices, together):
    """Return how many rows the largest slice has, where so many stay together."""
    groups = (N + together - 1) // together
    return together * ((groups + slices - 1) // slices)


@njit_inner
def operands_size(steps, rows, B, V, L):
    """Return how many words a chunk's `Operands` take: dz twice, x and h."""
    return steps * rows * (B * GATES * L + (B + V) * L // 2)


@njit_inner
def chunk_steps(T, rows, row_bytes, in_slices):
    """Return how many steps of dz a backward chunk holds; never depends on the threads either."""
    if in_slices:
        wanted = max(SLICE_ROWS, SLICE_BYTES // row_bytes)
    else:
        wanted = max(CHUNK_ROWS, CHUNK_BYTES // row_bytes)
    return min(T, max(1, wanted // rows))


@njit_inner
def is_projected(F, H):
    """Whether x W is computed for many steps at once, because W is too large to read at each."""
    return (F + H) * GATES * H >= LARGE_WEIGHTS


@njit_inner
def projected_steps(T, N):
    """Return for how many steps at once."""
    return min(T, max(1, PROJECTED_ROWS // N))


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
    if is_projected(F, H):
        return 1, threads
    return row_slices, 1
