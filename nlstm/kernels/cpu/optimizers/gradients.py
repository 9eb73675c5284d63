"""What happens to gradients and weights around an optimizer's rule: clipping, decay, averages, and
the slopes of penalties.

Kernels that work on parts of the flat buffers read a table `chunks`, int64 of shape (C, 3): start,
stop, and the number of the parameter. Sums over a chunk have a fixed order and chunks are added in
order, so one thread and several give the same bits.
"""

import math

import numpy as np
from numba import prange

from nlstm.kernels.cpu.losses.reduction import body
from nlstm.kernels.cpu.machine.jit import njit, njit_inner, two_forms


@njit_inner
def _sum_of_squares(values, start, stop):
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0  # eight sums: a chain of one is slow
    i = start
    while i + 8 <= stop:
        a, b = np.float64(values[i]), np.float64(values[i + 1])
        c, d = np.float64(values[i + 2]), np.float64(values[i + 3])
        e, f = np.float64(values[i + 4]), np.float64(values[i + 5])
        g, h = np.float64(values[i + 6]), np.float64(values[i + 7])
        s0, s1, s2, s3 = s0 + a * a, s1 + b * b, s2 + c * c, s3 + d * d
        s4, s5, s6, s7 = s4 + e * e, s5 + f * f, s6 + g * g, s7 + h * h
        i += 8
    while i < stop:
        last = np.float64(values[i])
        s0 += last * last
        i += 1
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@njit_inner
def _scale(values, start, stop, factor):
    for i in range(start, stop):
        values[i] *= factor


@njit_inner
def _scales(partial, chunks, limit, scales):
    """Turn sums of squares of chunks into the factor of each parameter."""
    scales[:] = 0.0
    for c in range(chunks.shape[0]):
        scales[chunks[c, 2]] += partial[c]
    for k in range(scales.size):
        norm = math.sqrt(scales[k])
        # A norm that is not finite makes NaN, as in Keras: it must stay visible.
        scales[k] = 1.0 if norm <= limit else limit / norm + (norm - norm)


@two_forms
def clip_norm_forms(gradient, chunks, partial, scales, limit):
    """Shrink the gradient of each parameter whose length exceeds `limit` to that length.

    gradient : ndarray, shape (P,). Read and overwritten.
    chunks : of `gradients`. One number for all chunks clips by the length of the whole.
    partial, scales : ndarray(float64). Scratch; as long as chunks, and as there are numbers.
    """
    for c in prange(chunks.shape[0]):
        partial[c] = _sum_of_squares(gradient, chunks[c, 0], chunks[c, 1])
    _scales(partial, chunks, limit, scales)
    for c in prange(chunks.shape[0]):
        factor = gradient.dtype.type(scales[chunks[c, 2]])
        if factor != 1.0:
            _scale(gradient, chunks[c, 0], chunks[c, 1], factor)


@njit
def clip_value(gradient, limit):
    """Bring every element of the gradient into [-limit, limit]; a NaN stays one."""
    low, high = gradient.dtype.type(-limit), gradient.dtype.type(limit)
    for i in range(gradient.size):
        g = gradient[i]
        g = low if g < low else g
        gradient[i] = high if g > high else g


@njit
def decay_weights(value, chunks, settings, decay):
    """Value -= value * decay * settings[0] (the learning rate), in the given chunks only."""
    factor = value.dtype.type(decay * settings[0])
    for c in range(chunks.shape[0]):
        for i in range(chunks[c, 0], chunks[c, 1]):
            value[i] -= value[i] * factor


@njit
def average_weights(average, value, step, momentum, every):
    """Average = momentum * average + (1 - momentum) * value; `value` itself after the first step.

    step : ndarray(int64), shape (1,). Steps taken, this one included.
    every : int. 0, or after so many steps each time value = average.
    """
    kept = value.dtype.type(momentum if step[0] > 1 else 0.0)
    taken = value.dtype.type(1.0) - kept
    for i in range(value.size):
        average[i] = kept * average[i] + taken * value[i]
    if every > 0 and step[0] % every == 0:
        for i in range(value.size):
            value[i] = average[i]


@njit
def accumulate(gradient, sums, factor, last):
    """Sums += gradient; at the `last` of a group gradient = factor * sums, and sums = 0."""
    for i in range(gradient.size):
        total = sums[i] + gradient[i]
        if last:
            gradient[i] = total * gradient.dtype.type(factor)
            sums[i] = 0.0
        else:
            sums[i] = total


@body
def _sign(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)


@njit
def penalty(value, features, l1, l2, share, gradient, total):
    """Add the penalty share * (l1 * sum(abs(value)) + l2 * sum(value**2)) to total[0].

    value : ndarray, shape (R, S). What lies past `features` columns is not looked at.
    share : float. 1 for weights; 1 / N for a layer's output.
    gradient : ndarray, shape (R, S), or (0, S) where none is wanted. += share * (l1 sign + 2 l2
        value).
    """
    lengths, squares = 0.0, 0.0
    for row in range(value.shape[0]):
        for i in range(features):
            v = np.float64(value[row, i])
            lengths += abs(v)
            squares += v * v
    for row in range(gradient.shape[0]):
        for i in range(features):
            v = np.float64(value[row, i])
            gradient[row, i] += share * (l1 * _sign(v) + 2.0 * l2 * v)
    # A coefficient of 0 must not turn an infinite sum into NaN.
    found = (l1 * lengths if l1 != 0.0 else 0.0) + (l2 * squares if l2 != 0.0 else 0.0)
    total[0] += share * found
