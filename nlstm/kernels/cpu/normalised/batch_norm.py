"""Batch normalisation: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta for each feature.

With masks only the rows that count make mean and variance, but all are normalised; they are then
divided by the rows that count plus 1e-7, as Keras does.

References: Ioffe & Szegedy 2015, "Batch normalization".
"""

import numpy as np

from nlstm.kernels.cpu.machine.jit import njit, njit_inner

__all__ = ["batch_average", "batch_moments", "batch_norm_backward", "batch_norm_forward"]

BLOCK = 128  # rows that are summed by themselves, so that long sums stay exact
LITTLE = 1e-7


@njit_inner
def divisor(mask, rows):
    """Return by what sums over the rows that count are divided."""
    if mask is None:
        return np.float64(rows)
    count = 0
    for r in range(rows):
        count += mask[r]
    return count + LITTLE


@njit
def batch_moments(x, mask, features, sums, moments):
    """Write the mean and the variance of each feature.

    Parameters
    ----------
    x : ndarray, shape (R, >= features). mask : ndarray(uint8), shape (R,), or None.
    sums : ndarray, shape (features,). Overwritten: work memory.
    moments : ndarray, shape (2, features). Overwritten (=): means, then variances.
    """
    rows = x.shape[0]
    total = x.dtype.type(divisor(mask, rows))
    for which in range(2):
        for k in range(features):
            moments[which, k] = 0
        for begin in range(0, rows, BLOCK):
            for k in range(features):
                sums[k] = 0
            for r in range(begin, min(begin + BLOCK, rows)):
                if mask is None or mask[r] != 0:
                    if which == 0:
                        for k in range(features):
                            sums[k] += x[r, k]
                    else:
                        for k in range(features):
                            sums[k] += (x[r, k] - moments[0, k]) * (x[r, k] - moments[0, k])
            for k in range(features):
                moments[which, k] += sums[k]
        for k in range(features):
            moments[which, k] /= total


@njit
def batch_norm_forward(x, mean, variance, gamma, beta, epsilon, features, factors, y):
    """Normalise all rows.

    Parameters
    ----------
    x : ndarray, shape (R, >= features). mean, variance, gamma, beta : ndarray, >= features numbers.
    factors : ndarray, shape (features,). Overwritten: work memory.
    y : ndarray, shape (R, S). Overwritten (=), its padding with 0.
    """
    one = x.dtype.type(1)
    for k in range(features):
        factors[k] = gamma[k] * (one / np.sqrt(variance[k] + epsilon))
    for r in range(x.shape[0]):
        for k in range(features):
            y[r, k] = (x[r, k] - mean[k]) * factors[k] + beta[k]
        for k in range(features, y.shape[1]):
            y[r, k] = 0


@njit
def batch_norm_backward(
    x, mean, variance, gamma, epsilon, features, mask, of_batch, dy, sums, dgamma, dbeta, dx
):
    """Compute all gradients of `batch_norm_forward`.

    Parameters
    ----------
    mask : as in `batch_moments`. of_batch : bool. Whether mean and variance are those of x.
    dy : ndarray, shape (R, S). sums : ndarray, shape (4, features). Overwritten: work memory.
    dgamma, dbeta : ndarray, >= features numbers. Overwritten (=).
    dx : ndarray, shape (R, S), or None. Overwritten (=), its padding with 0.
    """
    rows = x.shape[0]
    one = x.dtype.type(1)
    for k in range(dgamma.shape[0]):
        dgamma[k] = 0
    for k in range(dbeta.shape[0]):
        dbeta[k] = 0
    for begin in range(0, rows, BLOCK):
        for k in range(features):
            sums[0, k] = sums[1, k] = 0
        for r in range(begin, min(begin + BLOCK, rows)):
            for k in range(features):
                sums[0, k] += dy[r, k]
                sums[1, k] += dy[r, k] * (x[r, k] - mean[k])
        for k in range(features):
            dbeta[k] += sums[0, k]
            dgamma[k] += sums[1, k]
    total = x.dtype.type(divisor(mask, rows))
    left_over = x.dtype.type(0) if mask is None else x.dtype.type(LITTLE)
    for k in range(features):
        scale = one / np.sqrt(variance[k] + epsilon)
        dgamma[k] *= scale
        sums[0, k] = gamma[k] * scale
        slope = -gamma[k] * scale * scale * dgamma[k]  # twice that of the variance
        sums[1, k] = (-sums[0, k] * dbeta[k] - slope * mean[k] * left_over / total) / total
        sums[2, k] = slope / total
    if dx is None:
        return
    for r in range(rows):
        if of_batch and (mask is None or mask[r] != 0):
            for k in range(features):
                past = sums[1, k] + sums[2, k] * (x[r, k] - mean[k])
                dx[r, k] = sums[0, k] * dy[r, k] + past
        else:
            for k in range(features):
                dx[r, k] = sums[0, k] * dy[r, k]
        for k in range(features, dx.shape[1]):
            dx[r, k] = 0


@njit
def batch_average(moving, latest, momentum, features):
    """Make it momentum * moving + (1 - momentum) * latest, for the first `features` numbers."""
    rest = moving.dtype.type(1 - momentum)
    for k in range(features):
        moving[k] = moving[k] * moving.dtype.type(momentum) + latest[k] * rest
