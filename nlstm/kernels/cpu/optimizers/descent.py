"""Optimizer rules: one pass over the flat parameter buffer.

Each rule has a form on one thread and one on all of them (`choice.update` says which serves). All
are elementwise and compiled without contraction of products into fused operations, so both give the
same bits. A rule is three pieces: its constants, which count the step; its work on one chunk; and
the loop over chunks.

`settings` is a small float64 array that the caller may change between steps (a learning rate
schedule) and `step` an int64 array of one counter, so that the arguments of a bound call never
change.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import flush_denormals, njit, restore_denormals, two_forms
from nlstm.kernels.cpu.optimizers.chunks import chunk_count, chunk_range


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


@two_forms
def sgd_update_forms(value, gradient, velocity, settings, step):
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
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _sgd_slice(value, gradient, velocity, start, stop, rate, momentum, nesterov)


@njit(inline="always")
def _three(settings, step, like):
    """Count the step; return three settings in the dtype of `like`."""
    step[0] += 1
    real = like.dtype.type
    return real(settings[0]), real(settings[1]), real(settings[2])


@njit(inline="always")
def _lion_slice(value, gradient, momentum, start, stop, rate, beta_1, beta_2):
    one = value.dtype.type(1.0)
    for i in range(start, stop):
        g, m = gradient[i], momentum[i]
        value[i] -= rate * np.sign(m * beta_1 + g * (one - beta_1))
        momentum[i] = m * beta_2 + g * (one - beta_2)


@two_forms
def lion_update_forms(value, gradient, momentum, settings, step):
    """Take one step of Lion: by the sign of an interpolated momentum.

    settings : ndarray(float64), shape (3,). Learning rate, beta_1, beta_2. Else as `sgd_update`.

    References
    ----------
    Chen et al. 2023, "Symbolic discovery of optimization algorithms".
    """
    rate, beta_1, beta_2 = _three(settings, step, value)
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _lion_slice(value, gradient, momentum, start, stop, rate, beta_1, beta_2)


@njit(inline="always")
def _adagrad_slice(value, gradient, squares, start, stop, rate, epsilon):
    for i in range(start, stop):
        g = gradient[i]
        s = squares[i] + g * g
        squares[i] = s
        value[i] -= rate * g / np.sqrt(s + epsilon)


@two_forms
def adagrad_update_forms(value, gradient, squares, settings, step):
    """Take one step of Adagrad.

    squares : ndarray, shape (P,). Sums of squared gradients. Read and overwritten.
    settings : ndarray(float64), shape (3,). Learning rate, epsilon, unused.

    References
    ----------
    Duchi, Hazan & Singer 2011, "Adaptive subgradient methods".
    """
    rate, epsilon, _ = _three(settings, step, value)
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _adagrad_slice(value, gradient, squares, start, stop, rate, epsilon)


@njit(inline="always")
def _adadelta_slice(value, gradient, squares, steps, start, stop, rate, rho, epsilon):
    kept = value.dtype.type(1.0) - rho
    mode = flush_denormals()
    for i in range(start, stop):
        g = gradient[i]
        s = rho * squares[i] + kept * (g * g)
        squares[i] = s
        step = np.sqrt(steps[i] + epsilon) * g / np.sqrt(s + epsilon)
        steps[i] = rho * steps[i] + kept * (step * step)
        value[i] -= rate * step
    restore_denormals(mode)


@two_forms
def adadelta_update_forms(value, gradient, squares, steps, settings, step):
    """Take one step of Adadelta.

    squares, steps : ndarray, shape (P,). Mean squares of gradients and of steps.
    settings : ndarray(float64), shape (3,). Learning rate, rho, epsilon.

    References
    ----------
    Zeiler 2012, "ADADELTA: an adaptive learning rate method".
    """
    rate, rho, epsilon = _three(settings, step, value)
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _adadelta_slice(value, gradient, squares, steps, start, stop, rate, rho, epsilon)
