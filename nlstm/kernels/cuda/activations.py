"""Activations of one number, and their derivatives in terms of the result.

The derivatives of `INPUT_NAMES` are in terms of the input, for they have no inverse.
Every constant is of the arrays' dtype: a Python 1 would make the arithmetic float64.
"""

import math

import numpy as np

from nlstm.kernels.cuda.launch import device_function, quick_exponential_and_ratio
from nlstm.kernels.cuda.quick import tanh_or_sigmoid


def tanh(real):
    one = real(1)
    return lambda z: math.tanh(z), lambda y: one - y * y


def sigmoid(real):
    one = real(1)
    exponential, ratio = quick_exponential_and_ratio(real)
    return lambda z: ratio(one, one + exponential(-z)), lambda y: y * (one - y)


def linear(real):
    one = real(1)
    return lambda z: z, lambda y: one


def relu(real):
    zero, one = real(0), real(1)
    return lambda z: z if z > zero else zero, lambda y: one if y > zero else zero


def relu6(real):
    zero, one, six = real(0), real(1), real(6)
    return (
        lambda z: min(max(z, zero), six),
        lambda y: one if y > zero and y < six else zero,
    )


def leaky_relu(real):
    zero, one, slope = real(0), real(1), real(0.2)
    return lambda z: slope * z if z < zero else z, lambda y: slope if y < zero else one


def hard_tanh(real):
    zero, one = real(0), real(1)
    return (
        lambda z: min(max(z, -one), one),
        lambda y: one if y > -one and y < one else zero,
    )


def hard_sigmoid(real):
    return clipped_line(real, real(1.0 / 6.0))


def hard_sigmoid_keras2(real):
    return clipped_line(real, real(0.2))


def clipped_line(real, slope):
    zero, half, one = real(0), real(0.5), real(1)
    return (
        lambda z: min(max(z * slope + half, zero), one),
        lambda y: slope if y > zero and y < one else zero,
    )


def elu(real):
    zero, one = real(0), real(1)
    return lambda z: z if z > zero else math.expm1(z), lambda y: one if y > zero else y + one


def selu(real):
    zero, scale = real(0), real(1.0507009873554805)
    scaled_alpha = real(1.0507009873554805 * 1.6732632423543772)
    return (
        lambda z: scale * z if z > zero else scaled_alpha * math.expm1(z),
        lambda y: scale if y > zero else y + scaled_alpha,
    )


def softplus(real):
    zero = real(0)
    return (
        lambda z: max(z, zero) + math.log1p(math.exp(-abs(z))),
        lambda y: -math.expm1(-y),
    )


def log_sigmoid(real):
    zero = real(0)
    return (
        lambda z: min(z, zero) - math.log1p(math.exp(-abs(z))),
        lambda y: -math.expm1(y),
    )


def softsign(real):
    one = real(1)
    return lambda z: z / (one + abs(z)), lambda y: (one - abs(y)) * (one - abs(y))


def exponential(real):
    return lambda z: math.exp(z), lambda y: y


def silu(real):
    one = real(1)

    def share(z):
        return one / (one + math.exp(-z))

    share = device_function(share)
    return (
        lambda z: z * share(z),
        lambda z: share(z) * (one + z * (one - share(z))),
    )


def hard_silu(real):
    zero, half, one, sixth, third = (real(x) for x in (0, 0.5, 1, 1.0 / 6.0, 1.0 / 3.0))
    three = real(3)
    return (
        lambda z: z * min(max(z * sixth + half, zero), one),
        lambda z: zero if z <= -three else (one if z >= three else z * third + half),
    )


def gelu(real):
    half, root = real(0.5), real(math.sqrt(0.5))
    density = real(1.0 / math.sqrt(2.0 * math.pi))
    return (
        lambda z: half * z * math.erfc(-z * root),
        lambda z: half * math.erfc(-z * root) + z * density * math.exp(-half * z * z),
    )


def gelu_tanh(real):
    one, three = real(1), real(3)
    scale, cubic = real(2.0 * math.sqrt(2.0 / math.pi)), real(0.044715)

    def double(z):
        return scale * (z + cubic * z * z * z)

    def share(u):
        return one / (one + math.exp(-u))  # as 1 + tanh cancels far below 0

    double, share = device_function(double), device_function(share)

    def forward(z):
        return z * share(double(z))

    def derivative(z):
        w = share(double(z))
        return w + z * w * share(-double(z)) * scale * (one + three * cubic * z * z)

    return forward, derivative


def mish(real):
    zero, one = real(0), real(1)

    def softened(z):
        return math.tanh(max(z, zero) + math.log1p(math.exp(-abs(z))))

    softened = device_function(softened)

    def derivative(z):
        w = softened(z)
        return w + z * (one - w * w) / (one + math.exp(-z))

    return lambda z: z * softened(z), derivative


NAMES = {
    function.__name__: function
    for function in (
        tanh, sigmoid, linear, relu, relu6, leaky_relu, hard_tanh, hard_sigmoid,
        hard_sigmoid_keras2, elu, selu, softplus, log_sigmoid, softsign, exponential,
        silu, hard_silu, gelu, gelu_tanh, mish,
    )
}  # fmt: skip

INPUT_NAMES = frozenset(("silu", "hard_silu", "gelu", "gelu_tanh", "mish"))

_made = {}


def activation(name: str, dtype):
    """Return the device functions z -> y and y -> dy/dz of one activation."""
    key = name, np.dtype(dtype)
    if key not in _made:
        forward, derivative = NAMES[name](key[1].type)
        _made[key] = device_function(forward), device_function(derivative)
    return _made[key]


def one_of_two(first: str, second: str, dtype):
    """Return device functions (z, is_first) -> y by one of two activations, and z -> y by one.

    For recurrences: the usual pair in float32 is quick.
    """
    a, s = activation(first, dtype)[0], activation(second, dtype)[0]
    if (first, second) == ("tanh", "sigmoid") and np.dtype(dtype) == np.float32:
        either = tanh_or_sigmoid()
        return either, device_function(lambda z: either(z, True))
    if first == second:
        return device_function(lambda z, is_first: s(z)), a
    return device_function(lambda z, is_first: a(z) if is_first else s(z)), a
