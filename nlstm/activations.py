"""Activations: their names, and the functions themselves for use outside a model."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from nlstm.names import unknown_name

__all__ = ["get", "linear", "relu", "sigmoid", "softmax", "tanh"]


def linear(x: Any) -> np.ndarray:
    """Return `x`."""
    return np.asarray(x)


def relu(x: Any) -> np.ndarray:
    """Return max(x, 0)."""
    return np.maximum(x, 0)


def sigmoid(x: Any) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), in the form that cannot overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x)))


def tanh(x: Any) -> np.ndarray:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


def softmax(x: Any) -> np.ndarray:
    """Return exp(x) over its sum along the last axis."""
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


FUNCTIONS = {function.__name__: function for function in (linear, relu, sigmoid, softmax, tanh)}


def get(identifier: Any, allowed: Iterable[str] = tuple(FUNCTIONS), layer: str = "") -> str:
    """Return the name by which kernels know an activation.

    Parameters
    ----------
    identifier : str, function or None
        A name, one of this module's functions, or None for linear.
    allowed : iterable of str
        The names that the asking layer can run.
    layer : str
        The asking layer, for the error.

    Raises
    ------
    ValueError
        The name is unknown, or the layer has no kernel for it.
    TypeError
        `identifier` is nothing of these.
    """
    allowed = tuple(allowed)
    if identifier is None:
        return "linear"
    if callable(identifier):
        identifier = getattr(identifier, "__name__", repr(identifier))
    if not isinstance(identifier, str):
        raise TypeError(f"An activation is a name, a function or None; got {identifier!r}.")
    if identifier.lower() not in allowed:
        raise unknown_name(f"activation of {layer}" if layer else "activation", identifier, allowed)
    return identifier.lower()
