"""What counts: masks from lengths or from values, and the weights that they give to a loss.

One thread: beside the recurrence the work is small.
"""

import numpy as np

from nlstm.kernels.cpu.jit import njit

__all__ = ["count_weights", "mask_from_lengths", "mask_from_values", "weights_from_mask"]


@njit
def mask_from_lengths(lengths, index, mask):
    """Let the first lengths[index[n]] steps of row n count.

    Parameters
    ----------
    lengths : ndarray(int64), shape (M,). index : ndarray(int64), shape (N,).
    mask : ndarray(uint8), shape (T, N). Overwritten (=).
    """
    for t in range(mask.shape[0]):
        for n in range(mask.shape[1]):
            mask[t, n] = t < lengths[index[n]]


@njit
def mask_from_values(value, sequence, mask):
    """Let the steps count whose value is not zero.

    Parameters
    ----------
    value : ndarray, shape (T, N, >= 1) if `sequence`, else (1, N, >= T).
    mask : ndarray(uint8), shape (T, N). Overwritten (=).
    """
    for t in range(mask.shape[0]):
        for n in range(mask.shape[1]):
            mask[t, n] = (value[t, n, 0] if sequence else value[0, n, t]) != 0


@njit
def weights_from_mask(mask, weight, scaled, out):
    """Weigh the steps that count, and give the others the weight 0.

    Parameters
    ----------
    mask : ndarray(uint8), shape (T, N).
    weight : ndarray, shape (Tw, N, >= 1), Tw = 1 or T, or None. Multiplied in.
    scaled : bool. Scale up by (all steps / steps that count), so that a mean over all steps becomes
        the mean over those that count. Where none counts all weights are 0.
    out : ndarray, shape (T, N, 1). Overwritten (=).
    """
    T, N = mask.shape
    scale = 1.0
    if scaled:
        valid = 0
        for t in range(T):
            for n in range(N):
                valid += mask[t, n]
        scale = T * N / valid if valid else 0.0
    for t in range(T):
        for n in range(N):
            own = scale if weight is None else scale * weight[t % weight.shape[0], n, 0]
            out[t, n, 0] = own if mask[t, n] else np.float64(0.0)


@njit
def count_weights(weight, total):
    """Turn a count of rows into the sum of their mean weights, for a batch that was just added.

    Parameters
    ----------
    weight : ndarray, shape (Tw, N, >= 1).
    total : ndarray(float64), shape (2,). total[1] += sum(weight) / Tw - N.
    """
    found = 0.0
    for t in range(weight.shape[0]):
        for n in range(weight.shape[1]):
            found += weight[t, n, 0]
    total[1] += found / weight.shape[0] - weight.shape[1]
