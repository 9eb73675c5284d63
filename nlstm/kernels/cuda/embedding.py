"""The embedding: rows of a table by their index, and the sum of gradients for each row."""

import numpy as np

from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import device_function

__all__ = ["embedding_backward", "embedding_forward", "pack_rows", "unpack_rows"]


def pack_rows(matrix):
    """Return a matrix (K, O) as the device has it."""
    return np.array(matrix)


def unpack_rows(packed, columns):
    """Return the matrix (K, O) that `pack_rows` packed."""
    return np.array(packed)


@device_function
def row_of(index, table, t, n):
    """Return a row of the table, whatever the index: what is no index never leaves the table."""
    return min(max(int(index[0, n, t]), 0), table.shape[0] - 1)


@each
def _forward(at, index, table, y):
    N, F = y.shape[1], y.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    y[t, n, k] = table[row_of(index, table, t, n), k]


def embedding_forward(index, table, y):
    """Write the row of each index."""
    _forward(y.size, index, table, y)


@each
def _backward(at, index, dy, dtable):
    """A thread an element of the table adds in the order of steps and rows."""
    row, k = at // dtable.shape[1], at % dtable.shape[1]
    total = dtable.dtype.type(0)
    for t in range(dy.shape[0]):
        for n in range(dy.shape[1]):
            if row_of(index, dtable, t, n) == row:
                total += dy[t, n, k]
    dtable[row, k] = total


def embedding_backward(index, dy, dtable):
    """Compute the table's gradient."""
    _backward(dtable.size, index, dy, dtable)
