"""The dense layer, y = act(x W + b), and its gradients.

Results of few columns are sums of a block each, its threads a part of the features, added by halves
in a fixed order; wider ones are products in tiles.
"""

import functools
from functools import cache

import numpy as np

from nlstm.kernels.cuda import products
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda
from nlstm.kernels.cuda.pointwise import activate_rows, derive_rows

__all__ = ["dense", "dense_scratch_size"]

THREADS = 4 if SIMULATED else 128
COLUMNS, LANES = (2, 2) if SIMULATED else (32, 16)
FEW = 4  # columns


def part_count(R, K, outputs):
    """Return in how many parts the sums over rows are split."""
    return products.part_count(K + 1, outputs, R)


@each
def _sum_parts(at, parts, dW, db):
    total = parts[0, at]
    for part in range(1, parts.shape[0]):
        total += parts[part, at]
    if at < dW.shape[0]:
        dW[at] = total
    else:
        db[at - dW.shape[0]] = total


@each
def _sum_parts_without_bias(at, parts, dW):
    total = parts[0, at]
    for part in range(1, parts.shape[0]):
        total += parts[part, at]
    dW[at] = total


@cache
def few_forward(dtype, biased=True):
    """Compile the forward pass for few columns; its grid is R blocks.

    Returns a `Kernel` of (x, W, b, y): (R, K), (1, K, O), (1, O) and y (R, O), overwritten.
    """
    number = np.dtype(dtype)
    zero = number.type(0)
    threads = THREADS

    def kernel(x, W, b, y):
        K, outputs = x.shape[1], y.shape[1]
        row, thread = cuda.blockIdx.x, cuda.threadIdx.x
        sums = cuda.shared.array(threads, number)
        for column in range(outputs):
            total = zero
            for k in range(thread, K, threads):
                total += x[row, k] * W[0, k, column]
            sums[thread] = total
            cuda.syncthreads()
            half = threads // 2
            while half > 0:
                if thread < half:
                    sums[thread] += sums[thread + half]
                cuda.syncthreads()
                half //= 2
            if thread == 0:
                found = sums[0]
                if biased:
                    found += b[0, column]
                y[row, column] = found
            cuda.syncthreads()

    return Kernel(kernel, threads)


@cache
def few_backward(dtype, biased=True, wanted=True):
    """Compile the backward pass for few columns; its grid is ceil(K / COLUMNS) blocks.

    Returns a `Kernel` of (x, dy, W, dW, db, dx)
    --------------------------------------
    x, dy, W : (R, K), (R, O), (1, K, O).
    dW, db, dx : (1, K, O), (1, O), (R, K). Overwritten; db if `biased`, dx if `wanted`.
    """
    number = np.dtype(dtype)
    zero = number.type(0)
    columns, lanes = COLUMNS, LANES
    sums_shape = (LANES, COLUMNS)

    def kernel(x, dy, W, dW, db, dx):
        R, K, outputs = x.shape[0], x.shape[1], dy.shape[1]
        lane, column = cuda.threadIdx.x // columns, cuda.threadIdx.x % columns
        k = cuda.blockIdx.x * columns + column
        sums = cuda.shared.array(sums_shape, number)
        bias_sums = cuda.shared.array(lanes, number)
        for output in range(outputs):
            total, bias_total = zero, zero
            weight = zero
            if k < K:
                weight = W[0, k, output]
            for n in range(lane, R, lanes):
                slope = dy[n, output]
                bias_total += slope
                if k < K:
                    total += x[n, k] * slope
                    if wanted:
                        if output == 0:
                            dx[n, k] = slope * weight
                        else:
                            dx[n, k] += slope * weight
            sums[lane, column] = total
            if column == 0:
                bias_sums[lane] = bias_total
            cuda.syncthreads()
            if lane == 0:
                total, bias_total = zero, zero
                for other in range(lanes):
                    total += sums[other, column]
                    bias_total += bias_sums[other]
                if k < K:
                    dW[0, k, output] = total
                if biased and k == 0:
                    db[0, output] = bias_total
            cuda.syncthreads()

    return Kernel(kernel, columns * lanes)


def dense_scratch_size(F, O, dtype):  # noqa: E741, the field's letter
    """Return how many numbers of scratch memory both kernels need."""
    return 0 if O <= FEW else products.BLOCKS_WANTED * products.FOUR**2 * 4 + (F + 1) * O


def dense_forward(activation, x, W, b, y, scratch, features):
    """Compute y = act(x W + b) of rows; see the CPU's."""
    (R, K), outputs = x.shape, y.shape[1]
    if outputs <= FEW:
        few_forward(x.dtype, b is not None)(R, x, W, y if b is None else b, y)
    else:
        bias = y.reshape(-1) if b is None else b.reshape(-1)
        products.multiply(x, W.reshape(K, outputs), bias, y, biased=b is not None)
    activate_rows(activation, y, y)


def dense_backward(activation, x, W, y, dy, dW, db, dx, scratch, features):
    """Compute the gradients of `dense_forward`; see the CPU's."""
    (R, K), outputs = x.shape, y.shape[1]
    derive_rows(activation, y, dy, dy)
    if outputs <= FEW:
        run = few_backward(x.dtype, db is not None, dx is not None)
        blocks = -(-K // COLUMNS)
        run(
            blocks,
            x,
            dy,
            W,
            dW,
            dW.reshape(-1, outputs) if db is None else db,
            x if dx is None else dx,
        )
        return
    count, M = part_count(R, K, outputs), K + 1
    parts = scratch[: count * M * outputs].reshape(count, M, outputs)
    products.multiply_transposed(x, None, dy, parts)
    flat = parts.reshape(count, M * outputs)
    if db is None:
        _sum_parts_without_bias(K * outputs, flat, dW.reshape(-1))
    else:
        _sum_parts(M * outputs, flat, dW.reshape(-1), db.reshape(-1))
    if dx is not None:
        products.multiply(dy, W.reshape(K, outputs), y.reshape(-1), dx, transposed=True)


@cache
def dense(activation):
    """Return (dense_forward, dense_backward) for an activation, given by name."""
    return functools.partial(dense_forward, activation), functools.partial(
        dense_backward, activation
    )
