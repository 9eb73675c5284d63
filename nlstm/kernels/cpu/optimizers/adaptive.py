"""Optimizer rules that scale each weight's step by the gradients it has seen.

Layout of the file, `settings` and `step` as in `descent`.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.machine.jit import flush_denormals, njit, restore_denormals, two_forms
from nlstm.kernels.cpu.optimizers.chunks import chunk_count, chunk_range


@njit(inline="always")
def _adam_slice(value, gradient, momentum, velocity, largest, start, stop, constants):
    alpha, kept_1, kept_2, epsilon = constants
    mode = flush_denormals()  # squares of small gradients are such numbers
    for i in range(start, stop):
        g = gradient[i]
        m = momentum[i] + (g - momentum[i]) * kept_1
        v = velocity[i] + (g * g - velocity[i]) * kept_2
        momentum[i] = m
        velocity[i] = v
        if largest is not None:
            v = v if v != v or v > largest[i] else largest[i]
            largest[i] = v
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


@two_forms
def adam_update_forms(value, gradient, momentum, velocity, largest, settings, step):
    """Take one step of Adam.

    Parameters
    ----------
    value, momentum, velocity : ndarray, shape (P,). Read and overwritten.
    largest : ndarray, shape (P,), or None. The largest velocities so far, for AMSGrad.
    gradient : ndarray, shape (P,).
    settings : ndarray(float64), shape (4,). Learning rate, beta_1, beta_2, epsilon.
    step : ndarray(int64), shape (1,). Steps taken so far; becomes one more.

    Notes
    -----
    As Keras 3, epsilon stands outside the bias correction (the "epsilon hat" of the paper).

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", section 2.
    Reddi, Kale & Kumar 2018, "On the convergence of Adam and beyond".
    """
    constants = _adam_constants(settings, step, value)
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _adam_slice(value, gradient, momentum, velocity, largest, start, stop, constants)


@njit(inline="always")
def _nadam_slice(value, gradient, momentum, velocity, start, stop, constants):
    of_momentum, of_gradient, kept_1, kept_2, correction, epsilon = constants
    mode = flush_denormals()
    for i in range(start, stop):
        g = gradient[i]
        m = momentum[i] + (g - momentum[i]) * kept_1
        v = velocity[i] + (g * g - velocity[i]) * kept_2
        momentum[i] = m
        velocity[i] = v
        value[i] -= (of_momentum * m + of_gradient * g) / (np.sqrt(v * correction) + epsilon)
    restore_denormals(mode)


@njit(inline="always")
def _nadam_constants(product, settings, step, like):
    """Count the step; return the factors of momentum and gradient, and the rest."""
    step[0] += 1
    rate, beta_1, beta_2, epsilon = settings[0], settings[1], settings[2], settings[3]
    now = beta_1 * (1.0 - 0.5 * 0.96 ** step[0])
    following = beta_1 * (1.0 - 0.5 * 0.96 ** (step[0] + 1))
    product[0] *= now
    of_momentum = rate * following / (1.0 - product[0] * following)
    of_gradient = rate * (1.0 - now) / (1.0 - product[0])
    correction = 1.0 / (1.0 - beta_2 ** step[0])
    real = like.dtype.type
    return (
        real(of_momentum),
        real(of_gradient),
        real(1.0 - beta_1),
        real(1.0 - beta_2),
        real(correction),
        real(epsilon),
    )


@two_forms
def nadam_update_forms(value, gradient, momentum, velocity, product, settings, step):
    """Take one step of Adam with Nesterov's momentum.

    Arguments as `adam_update`, but for
    product : ndarray(float64), shape (1,). The product of the momentum's factors so far.

    References
    ----------
    Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """
    constants = _nadam_constants(product, settings, step, value)
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _nadam_slice(value, gradient, momentum, velocity, start, stop, constants)


@njit(inline="always")
def _adamax_slice(value, gradient, momentum, norm, start, stop, constants):
    alpha, kept_1, beta_2, epsilon = constants
    mode = flush_denormals()
    for i in range(start, stop):
        g = gradient[i]
        m = momentum[i] + (g - momentum[i]) * kept_1
        u = max(abs(g), beta_2 * norm[i])
        momentum[i] = m
        norm[i] = u
        value[i] -= alpha * m / (u + epsilon)
    restore_denormals(mode)


@njit(inline="always")
def _adamax_constants(settings, step, like):
    step[0] += 1
    real = like.dtype.type
    alpha = settings[0] / (1.0 - settings[1] ** step[0])
    return real(alpha), real(1.0 - settings[1]), real(settings[2]), real(settings[3])


@two_forms
def adamax_update_forms(value, gradient, momentum, norm, settings, step):
    """Take one step of Adamax: Adam with the largest gradient in place of the mean square.

    Arguments as `adam_update`. Kingma & Ba 2015, section 7.
    """
    constants = _adamax_constants(settings, step, value)
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _adamax_slice(value, gradient, momentum, norm, start, stop, constants)


@njit(inline="always")
def _rmsprop_slice(value, gradient, velocity, momentum, average, start, stop, constants):
    rate, rho, kept, friction, epsilon = constants
    mode = flush_denormals()
    for i in range(start, stop):
        g = gradient[i]
        v = rho * velocity[i] + kept * (g * g)
        velocity[i] = v
        if average is not None:
            a = rho * average[i] + kept * g
            average[i] = a
            v = v - a * a
        step = rate * g / np.sqrt(v + epsilon)
        if momentum is not None:
            step = friction * momentum[i] + step
            momentum[i] = step
        value[i] -= step
    restore_denormals(mode)


@njit(inline="always")
def _rmsprop_constants(settings, step, like):
    step[0] += 1
    real = like.dtype.type
    rate, rho, friction, epsilon = settings[0], settings[1], settings[2], settings[3]
    return real(rate), real(rho), real(1.0 - rho), real(friction), real(epsilon)


@two_forms
def rmsprop_update_forms(value, gradient, velocity, momentum, average, settings, step):
    """Take one step of RMSprop.

    Parameters
    ----------
    velocity : ndarray, shape (P,). Mean squares of the gradients. Read and overwritten.
    momentum : ndarray, shape (P,), or None.
    average : ndarray, shape (P,), or None. Means of the gradients, for the centred form.
    settings : ndarray(float64), shape (4,). Learning rate, rho, momentum, epsilon.
    """
    constants = _rmsprop_constants(settings, step, value)
    for chunk in prange(chunk_count(value.size)):
        start, stop = chunk_range(chunk, value.size)
        _rmsprop_slice(value, gradient, velocity, momentum, average, start, stop, constants)
