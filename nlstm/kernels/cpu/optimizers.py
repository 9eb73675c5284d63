"""Optimizer rules: one pass over the flat parameter buffer.

Each rule has a serial form and one that splits the buffer over threads for large models. All are
elementwise and compiled without contraction of products into fused operations, so both give the
same bits.

`settings` is a small float64 array that the caller may change between steps (a learning rate
schedule) and `step` an int64 array of one counter, so that the arguments of a bound call never
change.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.jit import flush_denormals, njit, njit_parallel, restore_denormals

__all__ = ["adam_update", "adam_update_parallel", "sgd_update", "sgd_update_parallel"]

CHUNK = 16384  # parameters a thread takes at a time; 64 KB of float32 in each of the four arrays


@njit(inline="always")
def _adam_slice(value, gradient, momentum, velocity, start, stop, alpha, kept_1, kept_2, epsilon):
    mode = flush_denormals()  # squares of small gradients are such numbers
    for i in range(start, stop):
        g = gradient[i]
        m = momentum[i] + (g - momentum[i]) * kept_1
        v = velocity[i] + (g * g - velocity[i]) * kept_2
        momentum[i] = m
        velocity[i] = v
        value[i] -= m * alpha / (np.sqrt(v) + epsilon)
    restore_denormals(mode)


@njit(inline="always")
def _adam_constants(settings, step, like):
    """Count the step; return (alpha, 1 - beta_1, 1 - beta_2, epsilon) in the dtype of `like`."""
    step[0] += 1
    rate, beta_1, beta_2, epsilon = settings[0], settings[1], settings[2], settings[3]
    alpha = rate * np.sqrt(1.0 - beta_2 ** step[0]) / (1.0 - beta_1 ** step[0])
    real = like.dtype.type
    return real(alpha), real(1.0 - beta_1), real(1.0 - beta_2), real(epsilon)


@njit
def adam_update(value, gradient, momentum, velocity, settings, step):
    """Take one step of Adam.

    Parameters
    ----------
    value, momentum, velocity : ndarray, shape (P,). Read and overwritten.
    gradient : ndarray, shape (P,).
    settings : ndarray(float64), shape (4,). Learning rate, beta_1, beta_2, epsilon.
    step : ndarray(int64), shape (1,). Steps taken so far; becomes one more.

    Notes
    -----
    As Keras 3, epsilon stands outside the bias correction (the "epsilon hat" of the paper).

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", section 2.
    """
    alpha, kept_1, kept_2, epsilon = _adam_constants(settings, step, value)
    _adam_slice(value, gradient, momentum, velocity, 0, value.size, alpha, kept_1, kept_2, epsilon)


@njit_parallel
def adam_update_parallel(value, gradient, momentum, velocity, settings, step):
    """Take one step of Adam on all threads; arguments and bits as `adam_update`."""
    alpha, kept_1, kept_2, epsilon = _adam_constants(settings, step, value)
    for chunk in prange((value.size + CHUNK - 1) // CHUNK):
        start = chunk * CHUNK
        stop = min(start + CHUNK, value.size)
        _adam_slice(
            value, gradient, momentum, velocity, start, stop, alpha, kept_1, kept_2, epsilon
        )


@njit(inline="always")
def _sgd_slice(value, gradient, velocity, start, stop, rate, momentum, nesterov):
    if momentum == 0:
        for i in range(start, stop):
            value[i] -= rate * gradient[i]
    elif nesterov:
        for i in range(start, stop):
            step = rate * gradient[i]
            v = momentum * velocity[i] - step
            velocity[i] = v
            value[i] += momentum * v - step
    else:
        for i in range(start, stop):
            v = momentum * velocity[i] - rate * gradient[i]
            velocity[i] = v
            value[i] += v


@njit(inline="always")
def _sgd_constants(settings, step, like):
    step[0] += 1
    real = like.dtype.type
    return real(settings[0]), real(settings[1]), settings[2] != 0.0


@njit
def sgd_update(value, gradient, velocity, settings, step):
    """Take one step of gradient descent, with Keras's form of momentum.

    Parameters
    ----------
    value : ndarray, shape (P,). Read and overwritten.
    gradient : ndarray, shape (P,).
    velocity : ndarray, shape (P,), or (0,) where the momentum is 0. Read and overwritten.
    settings : ndarray(float64), shape (3,). Learning rate, momentum, 1 for Nesterov's form or 0.
    step : ndarray(int64), shape (1,). Steps taken so far; becomes one more.

    References
    ----------
    Sutskever, Martens, Dahl & Hinton 2013, "On the importance of initialization and momentum".
    """
    rate, momentum, nesterov = _sgd_constants(settings, step, value)
    _sgd_slice(value, gradient, velocity, 0, value.size, rate, momentum, nesterov)


@njit_parallel
def sgd_update_parallel(value, gradient, velocity, settings, step):
    """Take one step of gradient descent on all threads; arguments and bits as `sgd_update`."""
    rate, momentum, nesterov = _sgd_constants(settings, step, value)
    for chunk in prange((value.size + CHUNK - 1) // CHUNK):
        start = chunk * CHUNK
        stop = min(start + CHUNK, value.size)
        _sgd_slice(value, gradient, velocity, start, stop, rate, momentum, nesterov)
