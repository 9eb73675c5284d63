"""Update rules over the flat buffers, a thread a weight; one thread counts the step before.

`settings` and `step` as on the CPU. What is the same for all weights is worked out in float64 by
one thread, into a few numbers of the arrays' dtype.
"""

import functools
import math

from nlstm.kernels.cuda.arrays import empty
from nlstm.kernels.cuda.each import each

__all__ = [
    "adadelta_update", "adagrad_update", "adam_update", "adamax_update", "lion_update",
    "nadam_update", "rmsprop_update", "sgd_update",
]  # fmt: skip


@functools.cache
def constants_of(dtype):
    """Return where a rule's constants lie; all work is queued in order, so one place serves all."""
    return empty(8, dtype)


@each
def _plain(at, settings, step, k):
    step[0] += 1
    for i in range(settings.shape[0]):
        k[i] = settings[i]


@each
def _sgd(at, value, gradient, k):
    value[at] -= k[0] * gradient[at]


@each
def _momentum(at, value, gradient, velocity, k):
    change = k[0] * gradient[at]
    v = k[1] * velocity[at] - change
    velocity[at] = v
    if k[2] != 0:
        v = k[1] * v - change
    value[at] += v


def sgd_update(value, gradient, velocity, settings, step):
    """Take one step of gradient descent, with Keras's form of momentum."""
    k = constants_of(value.dtype)
    _plain(1, settings, step, k)
    if velocity.size:
        _momentum(value.size, value, gradient, velocity, k)
    else:
        _sgd(value.size, value, gradient, k)


@each
def _lion(at, value, gradient, momentum, k):
    g, m = gradient[at], momentum[at]
    one = k[1] / k[1] if k[1] != 0 else k[2] / k[2]
    mixed = m * k[1] + g * (one - k[1])
    if mixed > 0:
        value[at] -= k[0]
    elif mixed < 0:
        value[at] += k[0]
    elif mixed != mixed:
        value[at] = mixed
    momentum[at] = m * k[2] + g * (one - k[2])


def lion_update(value, gradient, momentum, settings, step):
    """Take one step of Lion."""
    k = constants_of(value.dtype)
    _plain(1, settings, step, k)
    _lion(value.size, value, gradient, momentum, k)


@each
def _adagrad(at, value, gradient, squares, k):
    g = gradient[at]
    s = squares[at] + g * g
    squares[at] = s
    value[at] -= k[0] * g / math.sqrt(s + k[1])


def adagrad_update(value, gradient, squares, settings, step):
    """Take one step of Adagrad."""
    k = constants_of(value.dtype)
    _plain(1, settings, step, k)
    _adagrad(value.size, value, gradient, squares, k)


@each
def _adadelta_constants(at, settings, step, k):
    step[0] += 1
    k[0], k[1], k[2], k[3] = settings[0], settings[1], settings[2], 1.0 - settings[1]


@each
def _adadelta(at, value, gradient, squares, steps, k):
    g = gradient[at]
    s = k[1] * squares[at] + k[3] * (g * g)
    squares[at] = s
    change = math.sqrt(steps[at] + k[2]) * g / math.sqrt(s + k[2])
    steps[at] = k[1] * steps[at] + k[3] * (change * change)
    value[at] -= k[0] * change


def adadelta_update(value, gradient, squares, steps, settings, step):
    """Take one step of Adadelta."""
    k = constants_of(value.dtype)
    _adadelta_constants(1, settings, step, k)
    _adadelta(value.size, value, gradient, squares, steps, k)


@each
def _adam_constants(at, settings, step, k):
    step[0] += 1
    t = float(step[0])
    rate, beta_1, beta_2 = settings[0], settings[1], settings[2]
    k[0] = rate * math.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
    k[1], k[2], k[3] = 1.0 - beta_1, 1.0 - beta_2, settings[3]


@each
def _adam(at, value, gradient, momentum, velocity, k):
    g = gradient[at]
    m = momentum[at] + (g - momentum[at]) * k[1]
    v = velocity[at] + (g * g - velocity[at]) * k[2]
    momentum[at], velocity[at] = m, v
    value[at] -= m * k[0] / (math.sqrt(v) + k[3])


@each
def _amsgrad(at, value, gradient, momentum, velocity, largest, k):
    g = gradient[at]
    m = momentum[at] + (g - momentum[at]) * k[1]
    v = velocity[at] + (g * g - velocity[at]) * k[2]
    momentum[at], velocity[at] = m, v
    if not (v != v or v > largest[at]):
        v = largest[at]
    largest[at] = v
    value[at] -= m * k[0] / (math.sqrt(v) + k[3])


def adam_update(value, gradient, momentum, velocity, largest, settings, step):
    """Take one step of Adam."""
    k = constants_of(value.dtype)
    _adam_constants(1, settings, step, k)
    if largest is None:
        _adam(value.size, value, gradient, momentum, velocity, k)
    else:
        _amsgrad(value.size, value, gradient, momentum, velocity, largest, k)


@each
def _nadam_constants(at, product, settings, step, k):
    step[0] += 1
    t = float(step[0])
    rate, beta_1, beta_2 = settings[0], settings[1], settings[2]
    now = beta_1 * (1.0 - 0.5 * 0.96**t)
    following = beta_1 * (1.0 - 0.5 * 0.96 ** (t + 1.0))
    product[0] *= now
    k[0] = rate * following / (1.0 - product[0] * following)
    k[1] = rate * (1.0 - now) / (1.0 - product[0])
    k[2], k[3] = 1.0 - beta_1, 1.0 - beta_2
    k[4], k[5] = 1.0 / (1.0 - beta_2**t), settings[3]


@each
def _nadam(at, value, gradient, momentum, velocity, k):
    g = gradient[at]
    m = momentum[at] + (g - momentum[at]) * k[2]
    v = velocity[at] + (g * g - velocity[at]) * k[3]
    momentum[at], velocity[at] = m, v
    value[at] -= (k[0] * m + k[1] * g) / (math.sqrt(v * k[4]) + k[5])


def nadam_update(value, gradient, momentum, velocity, product, settings, step):
    """Take one step of Adam with Nesterov's momentum."""
    k = constants_of(value.dtype)
    _nadam_constants(1, product, settings, step, k)
    _nadam(value.size, value, gradient, momentum, velocity, k)


@each
def _adamax_constants(at, settings, step, k):
    step[0] += 1
    k[0] = settings[0] / (1.0 - settings[1] ** float(step[0]))
    k[1], k[2], k[3] = 1.0 - settings[1], settings[2], settings[3]


@each
def _adamax(at, value, gradient, momentum, norm, k):
    g = gradient[at]
    m = momentum[at] + (g - momentum[at]) * k[1]
    u = max(abs(g), k[2] * norm[at])
    momentum[at], norm[at] = m, u
    value[at] -= k[0] * m / (u + k[3])


def adamax_update(value, gradient, momentum, norm, settings, step):
    """Take one step of Adamax."""
    k = constants_of(value.dtype)
    _adamax_constants(1, settings, step, k)
    _adamax(value.size, value, gradient, momentum, norm, k)


@each
def _rmsprop_constants(at, settings, step, k):
    step[0] += 1
    k[0], k[1], k[2] = settings[0], settings[1], 1.0 - settings[1]
    k[3], k[4] = settings[2], settings[3]


@each
def _rms_plain(at, value, gradient, velocity, k):
    g = gradient[at]
    v = k[1] * velocity[at] + k[2] * (g * g)
    velocity[at] = v
    value[at] -= k[0] * g / math.sqrt(v + k[4])


@each
def _rms_momentum(at, value, gradient, velocity, momentum, k):
    g = gradient[at]
    v = k[1] * velocity[at] + k[2] * (g * g)
    velocity[at] = v
    change = k[3] * momentum[at] + k[0] * g / math.sqrt(v + k[4])
    momentum[at] = change
    value[at] -= change


@each
def _rms_centered(at, value, gradient, velocity, average, k):
    g = gradient[at]
    v = k[1] * velocity[at] + k[2] * (g * g)
    velocity[at] = v
    a = k[1] * average[at] + k[2] * g
    average[at] = a
    value[at] -= k[0] * g / math.sqrt(v - a * a + k[4])


@each
def _rms_both(at, value, gradient, velocity, momentum, average, k):
    g = gradient[at]
    v = k[1] * velocity[at] + k[2] * (g * g)
    velocity[at] = v
    a = k[1] * average[at] + k[2] * g
    average[at] = a
    change = k[3] * momentum[at] + k[0] * g / math.sqrt(v - a * a + k[4])
    momentum[at] = change
    value[at] -= change


def rmsprop_update(value, gradient, velocity, momentum, average, settings, step):
    """Take one step of RMSprop."""
    k = constants_of(value.dtype)
    _rmsprop_constants(1, settings, step, k)
    if momentum is None and average is None:
        _rms_plain(value.size, value, gradient, velocity, k)
    elif average is None:
        _rms_momentum(value.size, value, gradient, velocity, momentum, k)
    elif momentum is None:
        _rms_centered(value.size, value, gradient, velocity, average, k)
    else:
        _rms_both(value.size, value, gradient, velocity, momentum, average, k)
