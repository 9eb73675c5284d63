"""What is below 0, times a slope that is learnt; see the CPU's page of that name."""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda

__all__ = ["prelu_backward", "prelu_forward"]

THREADS = 4 if SIMULATED else 128


@each
def _forward(at, x, alpha, steps, width, y):
    N, F = x.shape[1], x.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    value = x[t, n, k]
    y[t, n, k] = value * alpha[t % steps, k % width] if value < 0 else value


def prelu_forward(x, alpha, steps, width, features, y):
    """Write x, or alpha x where it is below 0."""
    _forward(x.size, x, alpha, steps, width, y)


@cache
def slopes_of(dtype):
    """Compile the gradient of alpha; a block makes one number of it, added by halves.

    Returns a `Kernel` of (x, dy, dalpha): (T, N, F) twice and (steps, width), overwritten.
    """
    number = np.dtype(dtype)
    zero, threads = number.type(0), THREADS

    def kernel(x, dy, dalpha):
        T, N, F = x.shape[0], x.shape[1], x.shape[2]
        steps, width = dalpha.shape[0], dalpha.shape[1]
        row, column = cuda.blockIdx.x // width, cuda.blockIdx.x % width
        thread, features = cuda.threadIdx.x, F // width
        sums = cuda.shared.array(threads, number)
        total = zero
        for place in range(thread, T // steps * N * features, threads):
            t = row + place // (N * features) * steps
            n, k = place // features % N, column + place % features
            if x[t, n, k] < zero:
                total += dy[t, n, k] * x[t, n, k]
        sums[thread] = total
        cuda.syncthreads()
        half = threads // 2
        while half > 0:
            if thread < half:
                sums[thread] += sums[thread + half]
            cuda.syncthreads()
            half //= 2
        if thread == 0:
            dalpha[row, column] = sums[0]

    return Kernel(kernel, threads)


@each
def _inputs(at, x, alpha, steps, width, dy, dx):
    N, F = x.shape[1], x.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    value, slope = x[t, n, k], dy[t, n, k]
    if value < 0:
        slope = slope * alpha[t % steps, k % width]
    elif value == 0:
        slope = slope - slope
    dx[t, n, k] = slope


def prelu_backward(x, alpha, steps, width, features, dy, dalpha, dx):
    """Compute the gradients of `prelu_forward`; that at 0 is 0."""
    slopes_of(x.dtype)(steps * width, x, dy, dalpha)
    if dx is not None:
        _inputs(x.size, x, alpha, steps, width, dy, dx)
