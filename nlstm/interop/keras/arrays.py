"""Weight arrays as former versions wrote them, turned into those of today."""

from collections.abc import Sequence

import numpy as np

__all__ = ["of_lstm"]

GATES = 4
ALONE = 12  # arrays of an LSTM of Keras 1: W, U, b of i, then of c, f, o
ORDER = (0, 2, 1, 3)  # i, f, c, o among them


def of_lstm(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias of an LSTM.

    Keras 1 wrote twelve arrays. Layers for GPUs (CuDNNLSTM) have two biases, which are summed, and
    each gate's kernels as cuDNN reads them.
    """
    if len(arrays) == ALONE:
        return [
            np.concatenate([arrays[3 * gate + kind] for gate in ORDER], axis=-1)
            for kind in range(3)
        ]
    if len(arrays) != 3 or arrays[1].ndim != 2 or arrays[2].ndim != 1:
        return list(arrays)
    kernel, recurrent, bias = arrays
    if bias.size != 2 * GATES * recurrent.shape[0] or recurrent.shape[1] * 2 != bias.size:
        return list(arrays)
    kernel = np.hstack([one.T.reshape(one.shape, order="F") for one in np.hsplit(kernel, GATES)])
    recurrent = np.hstack([one.T for one in np.hsplit(recurrent, GATES)])
    return [kernel, recurrent, bias[: bias.size // 2] + bias[bias.size // 2 :]]
