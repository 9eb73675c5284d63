"""Masks of steps, uint8 of shape (T, N), 1 where a step counts.

Where they come from, the weights that they give to a loss, and sequences without the steps that do
not count. Most of it on one thread: beside the recurrence the work is small.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit, njit_inner, two_forms
from nlstm.kernels.cpu.machine.launching import launcher

__all__ = [
    "keep_steps",
    "mask_from_lengths",
    "mask_from_values",
    "value_mask",
    "weights_from_mask",
    "zero_masked_steps",
]

SMALL_COPY = 1 << 17  # numbers that one thread copies before a second one is worth waking


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
def value_mask(x, value, features, mask):
    """Write 1 where a step has a feature that is not `value`, else 0.

    Parameters
    ----------
    x : ndarray, shape (T, N, >= features). value : number of the dtype of x.
    mask : ndarray(uint8), shape (T, N). Overwritten (=).
    """
    for t in range(x.shape[0]):
        for n in range(x.shape[1]):
            found = False
            for k in range(features):
                found = found or x[t, n, k] != value
            mask[t, n] = found


@njit
def keep_steps(x, mask, reverse, otherwise, features, out):
    """Copy the steps that count; put the number `otherwise` in the others.

    Parameters
    ----------
    x, out : ndarray, shapes (T, N, >= features). out is overwritten (=), its padding with 0; it may
        be x itself.
    mask : ndarray(uint8), shape (T, N). reverse : bool. Read the mask from its last step on.
    """
    T = out.shape[0]
    for t in range(T):
        tm = T - 1 - t if reverse else t
        for n in range(out.shape[1]):
            if mask[tm, n]:
                for k in range(features):
                    out[t, n, k] = x[t, n, k]
            else:
                for k in range(features):
                    out[t, n, k] = otherwise
            for k in range(features, out.shape[2]):
                out[t, n, k] = 0


@njit_inner
def zero_one_step(source, mask, tx, out):
    for n in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[n, k] = source[n, k] if mask[tx, n] else 0


@two_forms
def zero_forms(source, mask, first, step, out):
    for t in prange(out.shape[0]):
        zero_one_step(source[t], mask, first + np.int64(t) * step, out[t])


@launcher
def zero_masked_steps(source, mask, first, step, out):
    """Copy a sequence (T, N, S) with zeros where the mask is 0; out may be source.

    Parameters
    ----------
    mask : ndarray(uint8), shape (T', N). Step t of the sequence is step first + t * step of it.
    """
    return [(zero_forms[out.size >= SMALL_COPY], (source, mask, first, step, out))]
