"""Activations and their derivatives, both as functions of the input z."""

import math

import numpy as np

SQRT_2 = math.sqrt(2.0)
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


def normal_probability(z):
    erf = np.vectorize(math.erf, otypes=[np.float64])
    return 0.5 * (1.0 + erf(z / SQRT_2))


def gelu(z):
    return z * normal_probability(z)


def gelu_derivative(z):
    return normal_probability(z) + z * np.exp(-0.5 * z**2) / SQRT_2_PI


def silu(z):
    return z * sigmoid(z)


def silu_derivative(z):
    return sigmoid(z) + z * sigmoid_derivative(z)


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
}
