"""Weight arrays as former versions wrote them, turned into those of today."""

from collections.abc import Sequence

import numpy as np

__all__ = ["of_conv", "of_gru", "of_lstm"]

LSTM_ORDER = (0, 2, 1, 3)  # i, f, c, o among the arrays of Keras 1: W, U, b of i, then of c, f, o
GRU_ORDER = (0, 1, 2)  # z, r, h


def of_lstm(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias of an LSTM.

    Keras 1 wrote twelve arrays. Layers for GPUs (CuDNNLSTM) have two biases, which are summed, and
    each gate's kernels as cuDNN reads them.
    """
    found = _joined(arrays, LSTM_ORDER)
    if not _is_of_cudnn(found, 4):
        return found
    return [*_kernels(found, 4), found[2].reshape(2, -1).sum(axis=0)]


def of_gru(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias of a GRU.

    Keras 1 wrote nine arrays. CuDNNGRU has both biases in a row, and kernels as CuDNNLSTM has.
    """
    found = _joined(arrays, GRU_ORDER)
    if not _is_of_cudnn(found, 3):
        return found
    return [*_kernels(found, 3), found[2].reshape(2, -1)]


def of_conv(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return kernel and bias of a Conv1D; Keras 1 had an axis of 1 behind that of the steps."""
    return [one[:, 0] if one.ndim == 4 and one.shape[1] == 1 else one for one in arrays]


def _joined(arrays: Sequence[np.ndarray], order: Sequence[int]) -> list[np.ndarray]:
    """Return three arrays for those of Keras 1, which are three for each gate."""
    if len(arrays) != 3 * len(order):
        return list(arrays)
    return [
        np.concatenate([arrays[3 * gate + kind] for gate in order], axis=-1) for kind in range(3)
    ]


def _is_of_cudnn(arrays: Sequence[np.ndarray], gates: int) -> bool:
    if len(arrays) != 3 or arrays[1].ndim != 2 or arrays[2].ndim != 1:
        return False
    units, width = arrays[1].shape
    return width == gates * units and arrays[2].size == 2 * width


def _kernels(arrays: Sequence[np.ndarray], gates: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both kernels for those that cuDNN reads."""
    kernel, recurrent = (np.hsplit(one, gates) for one in arrays[:2])
    return (
        np.hstack([one.T.reshape(one.shape, order="F") for one in kernel]),
        np.hstack([one.T for one in recurrent]),
    )
