"""Layouts of weights, and the way between them and Keras's: no padding, one lane.

Gate weights (1, K, H, 4), the four gates of a unit side by side; gate bias (1, H, 4); peephole
(1, H, 3); a GRU's as an LSTM's, or (3, K, H) and (3, H); dense weights (1, K, O), bias (1, O);
tables as Keras has them.
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


def gru_matrix(units, empty):
    """Return the layout of (K, 3 units) as one of (K, 4 units), whose part `empty` is zero."""
    pack, unpack = gate_matrix(units)

    def widen(matrix):
        parts = np.split(matrix, GATES - 1, axis=1)
        return pack(np.concatenate([*parts[:empty], np.zeros_like(parts[0]), *parts[empty:]], 1))

    def narrow(packed):
        parts = np.split(unpack(packed), GATES, axis=1)
        return np.concatenate(parts[:empty] + parts[empty + 1 :], axis=1)

    return Layout(widen, narrow)


def gru_bias_rows(units):
    """Return the layout of (2, 3 units): by inputs, without part 3, and by states, without 2."""
    rows = [of_vector(gru_matrix(units, empty)) for empty in (3, 2)]
    return Layout(
        lambda pair: np.stack([row.pack(one) for row, one in zip(rows, pair)]),
        lambda packed: np.stack([row.unpack(one) for row, one in zip(rows, packed)]),
    )


def split_matrix(units):
    """Return the layout of (K, 3 units): (3, K, units)."""
    return Layout(
        lambda matrix: np.stack(np.split(matrix, 3, axis=1)),
        lambda packed: np.concatenate(packed, axis=1),
    )


def split_vector(units):
    """Return the layout of (3 units,): (3, units)."""
    return Layout(
        lambda vector: np.array(vector).reshape(3, units), lambda packed: np.array(packed).ravel()
    )


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
