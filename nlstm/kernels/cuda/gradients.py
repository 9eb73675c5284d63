"""What happens to gradients and weights around an update rule; see the CPU's page of that name."""

import math
from functools import cache

import numpy as np

from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function
from nlstm.kernels.cuda.losses import THREADS, tree_sum

__all__ = ["accumulate", "average_weights", "clip_norm", "clip_value", "decay_weights", "penalty"]


@each
def _clip_value(at, gradient, low, high):
    g = gradient[at]
    if g < low:
        gradient[at] = low
    elif g > high:
        gradient[at] = high


def clip_value(gradient, limit):
    """Bring every element of the gradient into [-limit, limit]; a NaN stays one."""
    real = gradient.dtype.type
    _clip_value(gradient.size, gradient, real(-limit), real(limit))


@cache
def _squares():
    """Compile the sums of squares of chunks; a block a chunk."""
    threads = THREADS

    def kernel(gradient, chunks, partial):
        thread, c = cuda.threadIdx.x, cuda.blockIdx.x
        sums = cuda.shared.array(threads, np.float64)
        own = 0.0
        for i in range(chunks[c, 0] + thread, chunks[c, 1], threads):
            value = float(gradient[i])
            own += value * value
        own = tree_sum(sums, own, thread, threads)
        if thread == 0:
            partial[c] = own

    return Kernel(kernel, threads)


@each
def _factors(k, partial, chunks, limit, scales):
    found = 0.0
    for c in range(chunks.shape[0]):
        if chunks[c, 2] == k:
            found += partial[c]
    norm = math.sqrt(found)
    # A norm that is not finite makes NaN, as in Keras: it must stay visible.
    scales[k] = 1.0 if norm <= limit else limit / norm + (norm - norm)


@cache
def _scaled(dtype):
    """Compile gradient *= the factor of its parameter; a block a chunk."""
    threads, real = THREADS, np.dtype(dtype).type
    to_real = real if SIMULATED else device_function(lambda value: real(value))

    def kernel(gradient, chunks, scales):
        c = cuda.blockIdx.x
        factor = to_real(scales[chunks[c, 2]])
        for i in range(chunks[c, 0] + cuda.threadIdx.x, chunks[c, 1], threads):
            gradient[i] = gradient[i] * factor

    return Kernel(kernel, threads)


def clip_norm(gradient, chunks, partial, scales, limit):
    """Shrink the gradient of each parameter whose length exceeds `limit` to that length."""
    count = chunks.shape[0]
    _squares()(count, gradient, chunks, partial)
    _factors(scales.size, partial, chunks, limit, scales)
    _scaled(gradient.dtype)(count, gradient, chunks, scales)


@cache
def _decayed(dtype):
    """Compile value -= value * decay * rate; a block a chunk."""
    threads, real = THREADS, np.dtype(dtype).type
    to_real = real if SIMULATED else device_function(lambda value: real(value))

    def kernel(value, chunks, settings, decay):
        c = cuda.blockIdx.x
        factor = to_real(decay * settings[0])
        for i in range(chunks[c, 0] + cuda.threadIdx.x, chunks[c, 1], threads):
            value[i] -= value[i] * factor

    return Kernel(kernel, threads)


def decay_weights(value, chunks, settings, decay):
    """Value -= value * decay * settings[0] (the learning rate), in the given chunks only."""
    if chunks.shape[0]:
        _decayed(value.dtype)(chunks.shape[0], value, chunks, settings, float(decay))


@each
def _average(at, average, value, step, momentum, rest, every):
    if step[0] > 1:
        average[at] = momentum * average[at] + rest * value[at]
    else:
        average[at] = value[at]
    if every > 0 and step[0] % every == 0:
        value[at] = average[at]


def average_weights(average, value, step, momentum, every):
    """Average = momentum * average + (1 - momentum) * value; see the CPU's."""
    real = value.dtype.type
    kept = real(momentum)
    _average(value.size, average, value, step, kept, real(1) - kept, int(every))


@each
def _accumulate(at, gradient, sums):
    sums[at] = sums[at] + gradient[at]


@each
def _end_group(at, gradient, sums, factor):
    gradient[at] = (sums[at] + gradient[at]) * factor
    sums[at] = 0


def accumulate(gradient, sums, factor, last):
    """Sums += gradient; at the `last` of a group gradient = factor * sums, and sums = 0."""
    if last:
        _end_group(gradient.size, gradient, sums, gradient.dtype.type(factor))
    else:
        _accumulate(gradient.size, gradient, sums)


@each
def _penalty_slope(at, value, features, l1, l2, share, gradient):
    row, i = at // features, at % features
    v = float(value[row, i])
    sign = v
    if v > 0.0:
        sign = 1.0
    elif v < 0.0:
        sign = -1.0
    gradient[row, i] += share * (l1 * sign + 2.0 * l2 * v)


@cache
def _penalty_sum():
    threads = THREADS

    def kernel(value, features, l1, l2, share, total):
        thread = cuda.threadIdx.x
        sums = cuda.shared.array(threads, np.float64)
        lengths, squares = 0.0, 0.0
        for at in range(thread, value.shape[0] * features, threads):
            v = float(value[at // features, at % features])
            lengths += abs(v)
            squares += v * v
        lengths = tree_sum(sums, lengths, thread, threads)
        squares = tree_sum(sums, squares, thread, threads)
        if thread == 0:
            found = 0.0
            if l1 != 0.0:  # a coefficient of 0 must not turn an infinite sum into NaN
                found += l1 * lengths
            if l2 != 0.0:
                found += l2 * squares
            total[0] += share * found

    return Kernel(kernel, threads)


def penalty(value, features, l1, l2, share, gradient, total):
    """Add the penalty share * (l1 * sum(abs(value)) + l2 * sum(value**2)) to total[0]."""
    given = float(l1), float(l2), float(share)
    _penalty_sum()(1, value, features, *given, total)
    if gradient.shape[0]:
        _penalty_slope(value.shape[0] * features, value, features, *given, gradient)
