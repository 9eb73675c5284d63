"""The mean squared error and Adam: what a training step needs beside its layers."""

import math
from functools import cache

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda

LOSS_THREADS = 4 if SIMULATED else 256
UPDATE_THREADS = 4 if SIMULATED else 128


@cache
def mean_squared_error(dtype):
    """Compile the loss and its gradient; its grid is one block.

    Returns a `Kernel` of (y, p, dp, total)
    ---------------------------------
    y : (rows, O). Repeated if p has more rows, as NumPy broadcasts (N, 1) over (T, N, 1).
    p : (R, O).
    dp : (R, O). Overwritten.
    total : (1,). += the loss.
    """
    number = np.dtype(dtype)
    zero, two = number.type(0), number.type(2)
    threads = LOSS_THREADS
    real = number.type
    to_real = cuda.jit(device=True)(lambda count: real(count)) if not SIMULATED else real

    def kernel(y, p, dp, total):
        thread = cuda.threadIdx.x
        rows, R, outputs = y.shape[0], p.shape[0], p.shape[1]
        size = R * outputs
        sums = cuda.shared.array(threads, number)
        scale = two / to_real(size)
        found = zero
        for place in range(thread, size, threads):
            n, o = place // outputs, place % outputs
            difference = p[n, o] - y[n % rows, o]
            dp[n, o] = scale * difference
            found += difference * difference
        sums[thread] = found
        cuda.syncthreads()
        half = threads // 2
        while half > 0:
            if thread < half:
                sums[thread] += sums[thread + half]
            cuda.syncthreads()
            half //= 2
        if thread == 0:
            total[0] += sums[0] / to_real(size)

    return Kernel(kernel, threads)


@cache
def adam_rate(dtype, beta_1=0.9, beta_2=0.999):
    """Compile the step's count and rate; its grid is one block of one thread.

    1 - beta_2^t is 0.001 at first: float64, whatever the arrays are.

    Returns a `Kernel` of (learning_rate, count, rate): (1,), (1,) of int64, (1,).
    """
    number = np.dtype(dtype)
    real = number.type
    to_real = cuda.jit(device=True)(lambda value: real(value)) if not SIMULATED else real

    def kernel(learning_rate, count, rate):
        count[0] += 1
        t = float(count[0])
        correction = math.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
        rate[0] = to_real(learning_rate[0] * correction)

    return Kernel(kernel, 1)


@cache
def adam_update(dtype, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Compile Adam as Keras computes it; its grid is ceil(size / UPDATE_THREADS) blocks.

    Returns a `Kernel` of (rate, gradient, m, v, weights): (1,) and four of (size,). Updates the
    last three.
    """
    number = np.dtype(dtype)
    real = number.type
    rest_1, rest_2, epsilon = real(1 - beta_1), real(1 - beta_2), real(epsilon)
    threads = UPDATE_THREADS

    def kernel(rate, gradient, m, v, weights):
        at = cuda.blockIdx.x * threads + cuda.threadIdx.x
        if at < weights.shape[0]:
            slope = gradient[at]
            first = m[at] + (slope - m[at]) * rest_1
            second = v[at] + (slope * slope - v[at]) * rest_2
            m[at], v[at] = first, second
            weights[at] -= rate[0] * first / (math.sqrt(second) + epsilon)

    return Kernel(kernel, threads)


@cache
def fill(dtype):
    """Compile out = 0; its grid is ceil(size / UPDATE_THREADS) blocks.

    Returns a `Kernel` of (out,): (size,).
    """
    zero = np.dtype(dtype).type(0)
    threads = UPDATE_THREADS

    def kernel(out):
        at = cuda.blockIdx.x * threads + cuda.threadIdx.x
        if at < out.shape[0]:
            out[at] = zero

    return Kernel(kernel, threads)
