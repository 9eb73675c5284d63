"""Packed layouts, and the way between them and Keras's.

Gate weights: blocks of L units, for each input the four gates of these units side by side, so that
one register tile holds all four gates of its units. Panels: blocks of L columns, each contiguous.
"""

import numpy as np

from nlstm.kernels.cpu.machine.jit import lanes

GATES = 4
PEEPHOLES = 3  # i, f, o


def blocks(features, dtype):
    """Return how many vectors hold `features` numbers."""
    return -(-features // lanes(dtype))


def padded(features, dtype):
    """Return the row length of an array of `features` columns.

    Rows that are a multiple of 2 KiB apart fall into few cache sets, so such a row gets one vector
    more.
    """
    size = blocks(features, dtype) * lanes(dtype)
    if size * np.dtype(dtype).itemsize % 2048 == 0:
        size += lanes(dtype)
    return size


def pack_columns(kernel):
    """Return panels (V, K, L) of a matrix (K, O); missing columns are zero."""
    rows, columns = kernel.shape
    width = lanes(kernel.dtype)
    count = blocks(columns, kernel.dtype)
    full = np.zeros((rows, count * width), kernel.dtype)
    full[:, :columns] = kernel
    return np.ascontiguousarray(full.reshape(rows, count, width).transpose(1, 0, 2))


def unpack_columns(packed, columns):
    """Return the matrix (K, O) that `pack_columns` packed."""
    count, rows, width = packed.shape
    full = packed.transpose(1, 0, 2).reshape(rows, count * width)
    return np.ascontiguousarray(full[:, :columns])


def pack_gates(kernel):
    """Return gate weights (B, K, 4, L) of a matrix (K, 4H) in gate order i, f, g, o."""
    rows, columns = kernel.shape
    gates = kernel.reshape(rows, GATES, columns // GATES).transpose(1, 0, 2)
    return np.ascontiguousarray(
        np.stack([pack_columns(np.ascontiguousarray(gate)) for gate in gates], axis=2)
    )


def unpack_gates(packed, units):
    """Return the matrix (K, 4H) that `pack_gates` packed."""
    gates = [unpack_columns(packed[:, :, gate], units) for gate in range(GATES)]
    return np.concatenate(gates, axis=1)


def pack_peephole(weights):
    """Return peephole weights (B, 3, L) of (3H,) in the order i, f, o."""
    return np.ascontiguousarray(pack_columns(weights.reshape(PEEPHOLES, -1)))


def unpack_peephole(packed, units):
    """Return the weights (3H,) that `pack_peephole` packed."""
    return unpack_columns(packed, units).reshape(-1)


def four_of_three(matrix, empty):
    """Return (K, 4H) of a matrix (K, 3H), with zeros in part `empty` of the four."""
    parts = list(np.split(matrix, GATES - 1, axis=1))
    parts.insert(empty, np.zeros_like(parts[0]))
    return np.concatenate(parts, axis=1)


def three_of_four(matrix, empty):
    """Return the matrix (K, 3H) that `four_of_three` was given."""
    parts = np.split(matrix, GATES, axis=1)
    return np.concatenate(parts[:empty] + parts[empty + 1 :], axis=1)


def pack_parts(matrix):
    """Return panels (3, V, K, L) of the three parts of a matrix (K, 3H)."""
    return np.stack([pack_columns(part) for part in np.split(matrix, 3, axis=1)])


def unpack_parts(packed, units):
    """Return the matrix (K, 3H) that `pack_parts` packed."""
    return np.concatenate([unpack_columns(part, units) for part in packed], axis=1)
