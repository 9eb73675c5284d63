"""A dense layer of few outputs, linear: y = x W + b.

A block sums one row, its threads a part of the features each, added by halves in a fixed order.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda

THREADS = 4 if SIMULATED else 128
COLUMNS, LANES = (2, 2) if SIMULATED else (32, 16)


@cache
def dense_forward(dtype):
    """Compile the forward pass; its grid is R blocks.

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
                y[row, column] = sums[0] + b[0, column]
            cuda.syncthreads()

    return Kernel(kernel, threads)


@cache
def dense_backward(dtype):
    """Compile the backward pass; its grid is ceil(K / COLUMNS) blocks.

    Returns a `Kernel` of (x, dy, W, dW, db, dx)
    --------------------------------------
    x, dy, W : (R, K), (R, O), (1, K, O).
    dW, db, dx : (1, K, O), (1, O), (R, K). Overwritten.
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
                if k == 0:
                    db[0, output] = bias_total
            cuda.syncthreads()

    return Kernel(kernel, columns * lanes)
