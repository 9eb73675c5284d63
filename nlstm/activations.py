"""Activations: their names, and the functions themselves for use outside a model."""

import math
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from nlstm.arguments.config import known_as
from nlstm.arguments.names import unknown_name

__all__ = [
    "elu", "exponential", "gelu", "gelu_tanh", "get", "hard_sigmoid", "hard_sigmoid_keras2",
    "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6",
    "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh",
]  # fmt: skip


def linear(x: Any) -> np.ndarray:
    """Return `x`."""
    return np.asarray(x)


def relu(x: Any) -> np.ndarray:
    """Return max(x, 0)."""
    return np.maximum(x, 0)


def relu6(x: Any) -> np.ndarray:
    """Return x cut to 0 .. 6."""
    return np.clip(x, 0, 6)


def leaky_relu(x: Any) -> np.ndarray:
    """Return x above zero, 0.2 x below."""
    return np.where(np.less(x, 0), np.multiply(x, 0.2), x)


def elu(x: Any) -> np.ndarray:
    """Return x above zero, exp(x) - 1 below."""
    return np.where(np.greater(x, 0), x, np.expm1(np.minimum(x, 0)))


def selu(x: Any) -> np.ndarray:
    """Return 1.0507 x above zero, 1.0507 * 1.6733 (exp(x) - 1) below."""
    below = 1.6732632423543772 * np.expm1(np.minimum(x, 0))
    return 1.0507009873554805 * np.where(np.greater(x, 0), x, below)


def sigmoid(x: Any) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), in the form that cannot overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x)))


def hard_sigmoid(x: Any) -> np.ndarray:
    """Return x / 6 + 0.5 cut to 0 .. 1, as in Keras 3."""
    return np.clip(np.divide(x, 6) + 0.5, 0, 1)


def hard_sigmoid_keras2(x: Any) -> np.ndarray:
    """Return 0.2 x + 0.5 cut to 0 .. 1: what Keras 1 and 2 called hard_sigmoid."""
    return np.clip(np.multiply(x, 0.2) + 0.5, 0, 1)


def log_sigmoid(x: Any) -> np.ndarray:
    """Return log(1 / (1 + exp(-x)))."""
    return -softplus(np.negative(x))


def tanh(x: Any) -> np.ndarray:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


def hard_tanh(x: Any) -> np.ndarray:
    """Return x cut to -1 .. 1."""
    return np.clip(x, -1, 1)


def softplus(x: Any) -> np.ndarray:
    """Return log(1 + exp(x))."""
    return np.logaddexp(x, 0)


def softsign(x: Any) -> np.ndarray:
    """Return x / (1 + abs(x))."""
    return np.divide(x, 1 + np.abs(x))


def exponential(x: Any) -> np.ndarray:
    """Return exp(x)."""
    return np.exp(x)


def silu(x: Any) -> np.ndarray:
    """Return x sigmoid(x); also called swish."""
    return x * sigmoid(x)


def hard_silu(x: Any) -> np.ndarray:
    """Return x hard_sigmoid(x); also called hard_swish."""
    return x * hard_sigmoid(x)


def gelu(x: Any) -> np.ndarray:
    """Return x P(X <= x) for a standard normal X."""
    erf = np.vectorize(math.erf, otypes=[float])
    return np.asarray(0.5 * np.asarray(x) * (1.0 + erf(np.divide(x, math.sqrt(2.0)))))


def gelu_tanh(x: Any) -> np.ndarray:
    """Return the approximation of gelu by tanh: Keras's gelu with approximate=True."""
    x = np.asarray(x)
    return x * sigmoid(math.sqrt(8.0 / math.pi) * (x + 0.044715 * x**3))


def mish(x: Any) -> np.ndarray:
    """Return x tanh(softplus(x))."""
    return x * np.tanh(softplus(x))


def softmax(x: Any) -> np.ndarray:
    """Return exp(x) over its sum along the last axis."""
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


swish, hard_swish, celu = silu, hard_silu, elu  # celu at its alpha of 1

FUNCTIONS = {name: globals()[name] for name in __all__ if name != "get"}
ALIASES = {"celu": "elu", "swish": "silu", "hard_swish": "hard_silu"}  # celu at its alpha of 1


# Functions of other libraries by identity, where they compute the same: a function of a user's that
# is called like one is another.
OTHERS: dict[str, dict[str, str]] = {
    "numpy": {"tanh": "tanh", "exp": "exponential"},
    "jax.numpy": {"tanh": "tanh", "exp": "exponential"},
    "jax.nn": {
        "gelu": "gelu_tanh", "soft_sign": "softsign",
        **dict.fromkeys(("silu", "swish"), "silu"),
        **dict.fromkeys(("hard_silu", "hard_swish"), "hard_silu"),
        **{name: name for name in (
            "relu", "relu6", "elu", "selu", "sigmoid", "hard_sigmoid", "log_sigmoid", "hard_tanh",
            "softplus", "mish", "softmax", "tanh",
        )},
    },
    "keras.activations": {
        name: name for name in FUNCTIONS if name not in ("gelu_tanh", "hard_sigmoid_keras2")
    },
    "keras.ops": {
        "gelu": "gelu_tanh", "exp": "exponential",
        **{name: name for name in (
            "relu", "relu6", "elu", "selu", "sigmoid", "hard_sigmoid", "log_sigmoid", "hard_tanh",
            "softplus", "softsign", "mish", "softmax", "tanh", "silu", "hard_silu", "leaky_relu",
        )},
    },
    "torch": {
        "tanh": "tanh", "sigmoid": "sigmoid", "relu": "relu", "selu": "selu", "exp": "exponential",
    },
    "torch.nn.functional": {
        "hardsigmoid": "hard_sigmoid", "hardswish": "hard_silu", "hardtanh": "hard_tanh",
        "logsigmoid": "log_sigmoid",
        **{name: name for name in (
            "relu", "relu6", "elu", "selu", "gelu", "sigmoid", "tanh", "softplus", "softsign",
            "silu", "mish",
        )},
    },
}  # fmt: skip


def _name_of(function: Any) -> str:
    """Return the name of one of these functions, or of one that computes the same."""
    for name, own in FUNCTIONS.items():
        if own is function:
            return name
    for place, names in OTHERS.items():
        module = sys.modules.get(place)
        for theirs, name in names.items():
            if module is not None and getattr(module, theirs, None) is function:
                known_as(function, name)
                return name
    raise TypeError(
        f"The activation {getattr(function, '__name__', function)!r} is a function that nlstm does "
        "not know, and it does not differentiate Python code: give the name of one of "
        "nlstm.activations."
    )


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
    if hasattr(identifier, "kernel_name"):  # a layer such as ReLU()
        if identifier.kernel_name is None:
            raise ValueError(
                f"{identifier.name} has numbers of its own, and so stands behind {layer}, not in "
                "its activation."
            )
        identifier = identifier.kernel_name
    if callable(identifier):
        identifier = _name_of(identifier)
    if not isinstance(identifier, str):
        raise TypeError(f"An activation is a name, a function or None; got {identifier!r}.")
    name = ALIASES.get(identifier.lower(), identifier.lower())
    if name not in allowed:
        raise unknown_name(f"activation of {layer}" if layer else "activation", identifier, allowed)
    return name
