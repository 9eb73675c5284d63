"""Activations on their own: y = act(x) element by element or row by row, and back."""

import functools
import math
from functools import cache

from nlstm.kernels.cuda import activations
from nlstm.kernels.cuda.basics import copy, flat
from nlstm.kernels.cuda.each import each

__all__ = ["activate_rows", "activation", "derive_rows", "row_activation"]


@cache
def _forward(name, dtype):
    value, _ = activations.activation(name, dtype)

    def body(at, x, y):
        y[at] = value(x[at])

    return each(body)


@cache
def _backward(name, dtype):
    _, slope = activations.activation(name, dtype)

    def body(at, kept, dy, dx):
        dx[at] = dy[at] * slope(kept[at])

    return each(body)


@each
def _softmax(n, x, y):
    """One thread a row: rows are short."""
    largest = x[n, 0]
    for k in range(1, x.shape[1]):
        largest = max(largest, x[n, k])
    for k in range(x.shape[1]):
        y[n, k] = math.exp(x[n, k] - largest)
    total = y[n, 0]
    for k in range(1, x.shape[1]):
        total += y[n, k]
    for k in range(x.shape[1]):
        y[n, k] = y[n, k] / total


@each
def _softmax_back(n, y, dy, dx):
    inner = y[n, 0] * dy[n, 0]
    for k in range(1, y.shape[1]):
        inner += y[n, k] * dy[n, k]
    for k in range(y.shape[1]):
        dx[n, k] = y[n, k] * (dy[n, k] - inner)


def activate_rows(name, x, y):
    """Compute y = act(x); y may be x."""
    if name == "softmax":
        _softmax(x.shape[0], x, y)
    elif name != "linear":
        _forward(name, x.dtype)(x.size, flat(x), flat(y))
    elif x is not y:
        copy(y, x)


def derive_rows(name, y, dy, dx):
    """Compute dx = dy act'(y); of those that keep their input y is the input. dx may be dy."""
    if name == "softmax":
        _softmax_back(y.shape[0], y, dy, dx)
    elif name != "linear":
        _backward(name, y.dtype)(y.size, flat(y), flat(dy), flat(dx))
    elif dy is not dx:
        copy(dx, dy)


def activation_forward(name, x, y, features):
    """Compute y = act(x)."""
    activate_rows(name, x, y)


def activation_backward(name, x, y, dy, dx, features):
    """Compute dx = dy act'(x), with y from the forward pass; dx may be dy."""
    derive_rows(name, x if name in activations.INPUT_NAMES else y, dy, dx)


@cache
def activation(name):
    """Return (activation_forward, activation_backward) for an activation, given by name."""
    forward = functools.partial(activation_forward, name)
    return forward, functools.partial(activation_backward, name)


row_activation = activation
