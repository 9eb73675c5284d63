"""Batch normalisation; see the CPU's page of that name.

The sums over rows are a block's for a few features: its threads take every 64th row each, and what
they found is added by halves in a fixed order.
"""

import math
from functools import cache

import numpy as np

from nlstm.kernels.cuda.arrays import nothing
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function

__all__ = ["batch_average", "batch_moments", "batch_norm_backward", "batch_norm_forward"]

COLUMNS, LANES = (2, 4) if SIMULATED else (8, 64)
LITTLE = 1e-7  # added to how many rows count, as Keras does


def _add_lanes(sums, lane, column):
    """Leave the sum over all lanes in the first."""
    cuda.syncthreads()
    half = LANES // 2
    while half > 0:
        if lane < half:
            sums[lane, column] += sums[lane + half, column]
        cuda.syncthreads()
        half //= 2


add_lanes = device_function(_add_lanes)


@cache
def moments_of(dtype, masked):
    """Compile means and variances; its grid is ceil(features / COLUMNS) blocks.

    Returns a `Kernel` of (x, mask, moments): (R, features), (R,) of uint8 and (2, features).
    """
    number = np.dtype(dtype)
    zero, one, little = number.type(0), number.type(1), number.type(LITTLE)
    columns, lanes, shape = COLUMNS, LANES, (LANES, COLUMNS)

    def kernel(x, mask, moments):
        lane, column = cuda.threadIdx.x // columns, cuda.threadIdx.x % columns
        rows, k = x.shape[0], cuda.blockIdx.x * columns + column
        sums = cuda.shared.array(shape, number)
        divisor = number.type(rows)
        if masked:
            count = zero
            for r in range(lane, rows, lanes):
                if mask[r] != 0:
                    count += one
            sums[lane, column] = count
            add_lanes(sums, lane, column)
            divisor = sums[0, column] + little
            cuda.syncthreads()
        mean = zero
        for which in range(2):
            total = zero
            if k < x.shape[1]:
                for r in range(lane, rows, lanes):
                    if not masked or mask[r] != 0:
                        value = x[r, k] - mean
                        if which == 1:
                            value *= value
                        total += value
            sums[lane, column] = total
            add_lanes(sums, lane, column)
            found = sums[0, column] / divisor
            if lane == 0 and k < x.shape[1]:
                moments[which, k] = found
            mean = found
            cuda.syncthreads()

    return Kernel(kernel, columns * lanes)


def batch_moments(x, mask, features, sums, moments):
    """Write the mean and the variance of each feature."""
    run = moments_of(x.dtype, mask is not None)
    run(-(-features // COLUMNS), x, _mask(mask), moments)


def _mask(mask):
    return nothing(np.dtype(np.uint8), 1) if mask is None else mask


@each
def _forward(at, x, mean, variance, gamma, beta, epsilon, y):
    r, k = at // x.shape[1], at % x.shape[1]
    factor = gamma[k] * (x.dtype.type(1) / math.sqrt(variance[k] + epsilon))
    y[r, k] = (x[r, k] - mean[k]) * factor + beta[k]


def batch_norm_forward(x, mean, variance, gamma, beta, epsilon, features, factors, y):
    """Normalise all rows."""
    _forward(x.size, x, mean, variance, gamma, beta, x.dtype.type(epsilon), y)


@cache
def weights_of(dtype, masked):
    """Compile the gradients of gamma and beta, and what that of x is made of.

    Its grid is ceil(features / COLUMNS) blocks.

    Returns a `Kernel` of (x, mean, variance, gamma, epsilon, mask, dy, sums, dgamma, dbeta)
    -----------------------------------------------------------------------------
    sums : (4, features). = factors of dy, what is added, factors of x - mean.
    """
    number = np.dtype(dtype)
    zero, one, little = number.type(0), number.type(1), number.type(LITTLE)
    columns, lanes, shape = COLUMNS, LANES, (LANES, COLUMNS)

    def kernel(x, mean, variance, gamma, epsilon, mask, dy, sums, dgamma, dbeta):
        lane, column = cuda.threadIdx.x // columns, cuda.threadIdx.x % columns
        rows, k = x.shape[0], cuda.blockIdx.x * columns + column
        inside = k < x.shape[1]
        by_beta = cuda.shared.array(shape, number)
        by_gamma = cuda.shared.array(shape, number)
        counts = cuda.shared.array(shape, number)
        plain, weighted, count = zero, zero, zero
        for r in range(lane, rows, lanes):
            if inside:
                plain += dy[r, k]
                weighted += dy[r, k] * (x[r, k] - mean[k])
            if masked and mask[r] != 0:
                count += one
        by_beta[lane, column], by_gamma[lane, column] = plain, weighted
        counts[lane, column] = count
        add_lanes(by_beta, lane, column)
        add_lanes(by_gamma, lane, column)
        add_lanes(counts, lane, column)
        if lane == 0 and inside:
            divisor, left_over = number.type(rows), zero
            if masked:
                divisor, left_over = counts[0, column] + little, little
            scale = one / math.sqrt(variance[k] + epsilon)
            dbeta[k], dgamma[k] = by_beta[0, column], by_gamma[0, column] * scale
            factor = gamma[k] * scale
            slope = -factor * scale * (by_gamma[0, column] * scale)  # twice that of the variance
            sums[0, k] = factor
            sums[1, k] = (
                -factor * by_beta[0, column] - slope * mean[k] * left_over / divisor
            ) / divisor
            sums[2, k] = slope / divisor

    return Kernel(kernel, columns * lanes)


@each
def _inputs(at, x, mean, masked, mask, of_batch, dy, sums, dx):
    r, k = at // x.shape[1], at % x.shape[1]
    slope = sums[0, k] * dy[r, k]
    if of_batch and (not masked or mask[r] != 0):
        slope += sums[1, k] + sums[2, k] * (x[r, k] - mean[k])
    dx[r, k] = slope


def batch_norm_backward(
    x, mean, variance, gamma, epsilon, features, mask, of_batch, dy, sums, dgamma, dbeta, dx
):
    """Compute all gradients of `batch_norm_forward`; see the CPU's."""
    masked, seen = mask is not None, _mask(mask)
    run = weights_of(x.dtype, masked)
    given = x, mean, variance, gamma, x.dtype.type(epsilon), seen, dy, sums, dgamma, dbeta
    run(-(-features // COLUMNS), *given)
    if dx is not None:
        _inputs(x.size, x, mean, masked, seen, bool(of_batch), dy, sums, dx)


@each
def _average(k, moving, latest, momentum, rest):
    moving[k] = moving[k] * momentum + latest[k] * rest


def batch_average(moving, latest, momentum, features):
    """Make it momentum * moving + (1 - momentum) * latest."""
    number = moving.dtype.type
    _average(features, moving, latest, number(momentum), number(1 - float(momentum)))
