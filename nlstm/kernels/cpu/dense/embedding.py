"""The embedding: rows of a table by their index, and the sum of gradients for each row.

The table has shape (V, S): a row for each index, its padding zero.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share
from nlstm.kernels.cpu.products.layout import padded

__all__ = ["embedding_backward", "embedding_forward", "pack_rows", "unpack_rows"]

SMALL_COPY = 1 << 17  # numbers that one thread copies before a second one is worth waking


def pack_rows(matrix):
    """Return a matrix (K, O) with its rows padded to S."""
    full = np.zeros((matrix.shape[0], padded(matrix.shape[1], matrix.dtype)), matrix.dtype)
    full[:, : matrix.shape[1]] = matrix
    return full


def unpack_rows(packed, columns):
    """Return the matrix (K, O) that `pack_rows` packed."""
    return np.ascontiguousarray(packed[:, :columns])


@njit_inner
def row_of(index, table, t, n):
    """Return a row of the table, whatever the index: what is no index never leaves the table."""
    return min(max(np.int64(index[0, n, t]), 0), table.shape[0] - 1)


@njit_inner
def forward_steps(index, table, y, first, last):
    for t in range(first, last):
        for n in range(y.shape[1]):
            row = row_of(index, table, t, n)
            for k in range(y.shape[2]):
                y[t, n, k] = table[row, k]


@two_forms
def forward_forms(index, table, y):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(y.shape[0], np.int64(s), slices)
        forward_steps(index, table, y, first, last)


@launcher
def embedding_forward(index, table, y):
    """Write the row of each index.

    Parameters
    ----------
    index : ndarray, shape (1, N, >= T). Whole numbers, 0 <= index < V.
    table : ndarray, shape (V, S). y : ndarray, shape (T, N, S). Overwritten (=).
    """
    return [(forward_forms[y.size >= SMALL_COPY], (index, table, y))]


@njit_inner
def backward_columns(index, dy, dtable, first, last):
    """Add in the order of steps and rows, so that any cut of the columns gives the same bits."""
    for row in range(dtable.shape[0]):
        for k in range(first, last):
            dtable[row, k] = 0
    for t in range(dy.shape[0]):
        for n in range(dy.shape[1]):
            row = row_of(index, dtable, t, n)
            for k in range(first, last):
                dtable[row, k] += dy[t, n, k]


@two_forms
def backward_forms(index, dy, dtable):
    line = 64 // dtable.itemsize
    lines = dtable.shape[1] // line
    slices = max(1, min(slice_count(), lines))
    for s in prange(slices):
        first, last = share(lines, np.int64(s), slices)
        end = dtable.shape[1] if s == slices - 1 else last * line
        backward_columns(index, dy, dtable, first * line, end)


@launcher
def embedding_backward(index, dy, dtable):
    """Compute the table's gradient.

    Parameters
    ----------
    index : as in the forward pass. dy : ndarray, shape (T, N, S).
    dtable : ndarray, shape (V, S). Overwritten (=).
    """
    work = dy.size + dtable.size
    return [(backward_forms[work >= SMALL_COPY], (index, dy, dtable))]
