"""Layer normalisation of rows: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.

References: Ba, Kiros & Hinton 2016, "Layer normalization".
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import njit_inner, slice_count, two_forms
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.products.gemm import share

__all__ = ["layer_norm_backward", "layer_norm_forward"]

SMALL_WORK = 1 << 16  # numbers that one thread normalises before a second one is worth waking

# Sums in any order, so that they run on vectors: the order is the machine's, never the threads'.
njit_sum = njit_inner(fastmath={"reassoc", "contract"})


@njit_sum
def row_mean(x, r, features):
    total = x[r, 0]
    for k in range(1, features):
        total += x[r, k]
    return total / x.dtype.type(features)


@njit_sum
def row_variance(x, r, features, mean):
    total = (x[r, 0] - mean) * (x[r, 0] - mean)
    for k in range(1, features):
        total += (x[r, k] - mean) * (x[r, k] - mean)
    return total / x.dtype.type(features)


@njit_sum
def gradient_means(x, dy, gamma, r, features, mean, scale):
    """Return the means of d and of d * xhat, for the gradient d of the normalised row xhat."""
    plain = weighted = x.dtype.type(0)
    for k in range(features):
        d = dy[r, k] * gamma[k]
        plain += d
        weighted += d * ((x[r, k] - mean) * scale)
    return plain / x.dtype.type(features), weighted / x.dtype.type(features)


@njit_inner
def forward_rows(x, gamma, beta, epsilon, features, statistics, y, first, last):
    for r in range(first, last):
        mean = row_mean(x, r, features)
        one = x.dtype.type(1)
        scale = one / np.sqrt(row_variance(x, r, features, mean) + epsilon)
        statistics[r, 0], statistics[r, 1] = mean, scale
        for k in range(features):
            y[r, k] = (x[r, k] - mean) * scale * gamma[k] + beta[k]
        for k in range(features, y.shape[1]):
            y[r, k] = 0


@two_forms
def forward_forms(x, gamma, beta, epsilon, features, statistics, y):
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[0], np.int64(s), slices)
        forward_rows(x, gamma, beta, epsilon, features, statistics, y, first, last)


@launcher
def layer_norm_forward(x, gamma, beta, epsilon, features, statistics, y):
    """Normalise rows.

    Parameters
    ----------
    x : ndarray, shape (R, >= features). gamma, beta : ndarray, shape (>= features,).
    epsilon : number of the dtype of x.
    statistics : ndarray, shape (R, 2). Overwritten (=); hand it on to `layer_norm_backward`.
    y : ndarray, shape (R, S). Overwritten (=), its padding with 0.
    """
    arguments = (x, gamma, beta, epsilon, features, statistics, y)
    return [(forward_forms[y.size >= SMALL_WORK], arguments)]


@njit_inner
def inputs_rows(x, gamma, features, statistics, dy, dx, first, last):
    for r in range(first, last):
        mean, scale = statistics[r, 0], statistics[r, 1]
        plain, weighted = gradient_means(x, dy, gamma, r, features, mean, scale)
        for k in range(features):
            normal = (x[r, k] - mean) * scale
            dx[r, k] = (dy[r, k] * gamma[k] - plain - normal * weighted) * scale
        for k in range(features, dx.shape[1]):
            dx[r, k] = 0


@njit_inner
def weights_columns(x, statistics, dy, dgamma, dbeta, first, last):
    for k in range(first, last):
        dgamma[k] = dbeta[k] = 0
    for r in range(x.shape[0]):
        mean, scale = statistics[r, 0], statistics[r, 1]
        for k in range(first, last):
            dgamma[k] += dy[r, k] * ((x[r, k] - mean) * scale)
            dbeta[k] += dy[r, k]


@two_forms
def backward_forms(x, gamma, features, statistics, dy, dgamma, dbeta, dx):
    slices = slice_count()
    dgamma[features:] = 0
    dbeta[features:] = 0
    for s in prange(slices):
        first, last = share(features, np.int64(s), slices)
        weights_columns(x, statistics, dy, dgamma, dbeta, first, last)
    if dx is not None:
        for s in prange(slices):
            first, last = share(x.shape[0], np.int64(s), slices)
            inputs_rows(x, gamma, features, statistics, dy, dx, first, last)


@launcher
def layer_norm_backward(x, gamma, features, statistics, dy, dgamma, dbeta, dx):
    """Compute the gradients of `layer_norm_forward`.

    Parameters
    ----------
    x, gamma, features, statistics : as in the forward pass and after it.
    dy : ndarray, shape (R, S).
    dgamma, dbeta : ndarray, shaped as gamma and beta. Overwritten (=), padding with 0.
    dx : ndarray, shape (R, S), or None. Overwritten (=), its padding with 0.
    """
    arguments = (x, gamma, features, statistics, dy, dgamma, dbeta, dx)
    return [(backward_forms[dy.size >= SMALL_WORK], arguments)]
