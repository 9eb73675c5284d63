"""Layouts of weights, and the way between them and Keras's: no padding, one lane.

Gate weights (1, K, H, 4), the four gates of a unit side by side; gate bias (1, H, 4); peephole
(1, H, 3); dense weights (1, K, O), bias (1, O); tables as Keras has them.
"""

import numpy as np

from nlstm.kernels.operations import Layout

GATES = 4
PEEPHOLES = 3


def lanes(dtype):
    """Return how many columns stand side by side: one."""
    return 1


def padded(features, dtype):
    """Return the row length of an array of `features` columns."""
    return features


def by_unit(count):
    """Return the layout of `count` columns a unit, given as `count` blocks of units."""

    def pack(matrix):
        rows = matrix.reshape(-1, count, matrix.shape[-1] // count)
        return np.ascontiguousarray(rows.transpose(0, 2, 1))[None]

    def unpack(packed):
        rows = packed[0].transpose(0, 2, 1)
        return np.ascontiguousarray(rows.reshape(rows.shape[0], -1))

    return Layout(pack, unpack)


def of_vector(layout):
    """Return the layout of a vector: that of a matrix of one row, without the row's axis."""
    return Layout(
        lambda vector: layout.pack(vector[None])[:, 0],
        lambda packed: layout.unpack(packed[:, None])[0],
    )


def _plain():
    return Layout(lambda matrix: np.array(matrix)[None], lambda packed: np.array(packed[0]))


def _same():
    return Layout(np.array, np.array)


def gate_matrix(units):
    """Return the layout of (K, 4 units)."""
    return by_unit(GATES)


def gate_vector(units):
    """Return the layout of (4 units,)."""
    return of_vector(by_unit(GATES))


def peephole_vector(units):
    """Return the layout of (3 units,)."""
    return of_vector(by_unit(PEEPHOLES))


def unit_matrix(units):
    """Return the layout of (K, units)."""
    return _plain()


def unit_vector(units):
    """Return the layout of (units,)."""
    return of_vector(_plain())


def row_matrix(features):
    """Return the layout of (K, features)."""
    return _same()


def row_vector(features):
    """Return the layout of (features,)."""
    return _same()
