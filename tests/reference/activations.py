"""Activations and their derivatives, both as functions of the input z."""

import math
from fractions import Fraction

import numpy as np

SQRT_2 = math.sqrt(2.0)
EXACT_SQRT_2 = Fraction(math.isqrt(2 * 10**80), 10**40)
SQRT_2_PI = math.sqrt(2.0 * math.pi)


def sigmoid(z):
    return np.exp(-np.logaddexp(0.0, -z))


def sigmoid_derivative(z):
    return sigmoid(z) * sigmoid(-z)


def tanh_derivative(z):
    return 1.0 - np.tanh(z) ** 2


def hard_sigmoid(z):
    return np.clip(z / 6.0 + 0.5, 0.0, 1.0)


def hard_sigmoid_derivative(z):
    return np.where(np.abs(z) < 3.0, 1.0 / 6.0, 0.0)


def hard_sigmoid_keras2(z):
    return np.clip(0.2 * z + 0.5, 0.0, 1.0)


def hard_sigmoid_keras2_derivative(z):
    return np.where(np.abs(z) < 2.5, 0.2, 0.0)


def relu(z):
    return np.maximum(z, 0.0)


def relu_derivative(z):
    return np.where(z > 0.0, 1.0, 0.0)


def elu(z):
    return np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0)))


def elu_derivative(z):
    return np.exp(np.minimum(z, 0.0))


def softplus(z):
    return np.logaddexp(0.0, z)


def softsign(z):
    return z / (1.0 + np.abs(z))


def softsign_derivative(z):
    return 1.0 / (1.0 + np.abs(z)) ** 2


@np.vectorize
def normal_probability(z):
    """Half of erfc(a), a = -z / sqrt(2): far out erfc multiplies the rounding of `a` by 2 a^2."""
    a = -z / SQRT_2
    rest = float(-Fraction(float(z)) / EXACT_SQRT_2 - Fraction(float(a)))
    return 0.5 * (math.erfc(a) - 2.0 / math.sqrt(math.pi) * math.exp(-a * a) * rest)


def gelu(z):
    return z * normal_probability(z)


def gelu_derivative(z):
    return normal_probability(z) + z * np.exp(-0.5 * z**2) / SQRT_2_PI


def silu(z):
    return z * sigmoid(z)


def silu_derivative(z):
    return sigmoid(z) + z * sigmoid_derivative(z)


def gelu_tanh(z):
    return z * sigmoid(2.0 * np.sqrt(2.0 / np.pi) * (z + 0.044715 * z**3))


def gelu_tanh_derivative(z):
    """By sigmoids, since 1 + tanh and 1 - tanh^2 cancel."""
    double = 2.0 * np.sqrt(2.0 / np.pi) * (z + 0.044715 * z**3)
    slope = 2.0 * np.sqrt(2.0 / np.pi) * (1.0 + 3.0 * 0.044715 * z**2)
    return sigmoid(double) + z * sigmoid_derivative(double) * slope


def hard_silu(z):
    return z * hard_sigmoid(z)


def hard_silu_derivative(z):
    return np.where(np.abs(z) < 3.0, z / 3.0 + 0.5, np.where(z > 0.0, 1.0, 0.0))


def mish(z):
    return z * np.tanh(softplus(z))


def mish_derivative(z):
    w = np.tanh(softplus(z))
    return w + z * (1.0 - w**2) * sigmoid(z)


def log_sigmoid(z):
    return -softplus(-z)


def log_sigmoid_derivative(z):
    return sigmoid(-z)


def exponential(z):
    return np.exp(np.minimum(z, 700.0))


def relu6(z):
    return np.clip(z, 0.0, 6.0)


def relu6_derivative(z):
    return np.where((z > 0.0) & (z < 6.0), 1.0, 0.0)


def leaky_relu(z):
    return np.where(z < 0.0, 0.2 * z, z)


def leaky_relu_derivative(z):
    return np.where(z < 0.0, 0.2, 1.0)


def hard_tanh(z):
    return np.clip(z, -1.0, 1.0)


def hard_tanh_derivative(z):
    return np.where(np.abs(z) < 1.0, 1.0, 0.0)


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def selu(z):
    return SELU_SCALE * np.where(z > 0.0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0.0)))


def selu_derivative(z):
    return SELU_SCALE * np.where(z > 0.0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0.0)))


def linear(z):
    return z


def linear_derivative(z):
    return np.ones_like(z)


# The formulas of Keras 3; keras2 marks the one that Keras 1 and 2 computed another way.
ACTIVATIONS = {
    "tanh": (np.tanh, tanh_derivative),
    "sigmoid": (sigmoid, sigmoid_derivative),
    "hard_sigmoid": (hard_sigmoid, hard_sigmoid_derivative),
    "hard_sigmoid_keras2": (hard_sigmoid_keras2, hard_sigmoid_keras2_derivative),
    "relu": (relu, relu_derivative),
    "elu": (elu, elu_derivative),
    "softplus": (softplus, sigmoid),
    "softsign": (softsign, softsign_derivative),
    "gelu": (gelu, gelu_derivative),
    "silu": (silu, silu_derivative),
    "linear": (linear, linear_derivative),
    "gelu_tanh": (gelu_tanh, gelu_tanh_derivative),
    "hard_silu": (hard_silu, hard_silu_derivative),
    "mish": (mish, mish_derivative),
    "log_sigmoid": (log_sigmoid, log_sigmoid_derivative),
    "exponential": (exponential, exponential),
    "relu6": (relu6, relu6_derivative),
    "leaky_relu": (leaky_relu, leaky_relu_derivative),
    "hard_tanh": (hard_tanh, hard_tanh_derivative),
    "selu": (selu, selu_derivative),
}
