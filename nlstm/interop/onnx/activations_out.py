"""Activations as nodes, and as words of recurrent nodes."""

from collections.abc import Callable
from typing import Any

from nlstm.interop.onnx.nodes import Nodes, lacking

__all__ = ["WORDS", "activated", "ramp", "words_of"]

GELU, CUBE = 0.7978845608028654 * 2, 0.044715  # sqrt(8 / pi); of x ** 3


def _of(op: str, **attributes: float) -> Callable[[Nodes, str], str]:
    return lambda to, x: to.add(op, x, **attributes)


def _cut(low: float, high: float) -> Callable[[Nodes, str], str]:
    return lambda to, x: to.add("Clip", x, to.constant(low), to.constant(high))


def _times(factor: Callable[[Nodes, str], str]) -> Callable[[Nodes, str], str]:
    return lambda to, x: to.add("Mul", x, factor(to, x))


def _gelu(to: Nodes, x: str) -> str:
    part = to.add("Erf", to.add("Mul", x, to.constant(0.5**0.5)))
    share = to.add("Mul", to.add("Add", part, to.constant(1.0)), to.constant(0.5))
    return to.add("Mul", x, share)


def _gelu_tanh(to: Nodes, x: str) -> str:
    cube = to.add("Mul", to.add("Mul", x, to.add("Mul", x, x)), to.constant(CUBE))
    inner = to.add("Mul", to.add("Add", x, cube), to.constant(GELU))
    return to.add("Mul", x, to.add("Sigmoid", inner))


FORMS: dict[str, Callable[[Nodes, str], str]] = {
    "linear": lambda to, x: x,
    "relu": _of("Relu"),
    "relu6": _cut(0.0, 6.0),
    "leaky_relu": _of("LeakyRelu", alpha=0.2),
    "elu": _of("Elu"),
    "selu": _of("Selu"),
    "sigmoid": _of("Sigmoid"),
    "hard_sigmoid": _of("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_sigmoid_keras2": _of("HardSigmoid", alpha=0.2, beta=0.5),
    "log_sigmoid": lambda to, x: to.add("Neg", to.add("Softplus", to.add("Neg", x))),
    "tanh": _of("Tanh"),
    "hard_tanh": _cut(-1.0, 1.0),
    "softplus": _of("Softplus"),
    "softsign": _of("Softsign"),
    "exponential": _of("Exp"),
    "silu": _times(_of("Sigmoid")),
    "hard_silu": _of("HardSwish"),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "mish": _times(lambda to, x: to.add("Tanh", to.add("Softplus", x))),
    "softmax": _of("Softmax", axis=-1),
}
# What recurrent nodes have: a word, with the numbers alpha and beta that it takes.
WORDS: dict[str, tuple[str, float | None, float | None]] = {
    "sigmoid": ("Sigmoid", None, None),
    "tanh": ("Tanh", None, None),
    "relu": ("Relu", None, None),
    "linear": ("Affine", 1.0, 0.0),
    "leaky_relu": ("LeakyRelu", 0.2, None),
    "elu": ("Elu", 1.0, None),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "hard_sigmoid_keras2": ("HardSigmoid", 0.2, 0.5),
    "softsign": ("Softsign", None, None),
    "softplus": ("Softplus", None, None),
}


def activated(to: Nodes, name: str, x: str) -> str:
    """Append an activation."""
    return FORMS[name](to, x)


def ramp(to: Nodes, x: str, slope: float, threshold: float, limit: float | None) -> str:
    """Append what a `ReLU` with numbers of its own does."""
    if not threshold and limit is None:
        return to.add("LeakyRelu", x, alpha=slope)
    level = to.constant(threshold)
    above = x if limit is None else to.add("Min", x, to.constant(limit))
    below = to.add("Mul", to.add("Sub", x, level), to.constant(slope)) if slope else None
    zero = to.constant(0.0)
    return to.add("Where", to.add("Greater", x, level), above, below or zero)


def words_of(what: str, names: list[str]) -> dict[str, Any]:
    """Return the attributes of a recurrent node with these activations.

    Raises
    ------
    ValueError
        Such a node has no word for one of them.
    """
    missing = [name for name in names if name not in WORDS]
    if missing:
        raise lacking(f"{what} has the activation {missing[0]!r} in its recurrence")
    found = [WORDS[name] for name in names]
    attributes: dict[str, Any] = {"activations": [word for word, _, _ in found]}
    for number, attribute in ((1, "activation_alpha"), (2, "activation_beta")):
        given = [one[number] for one in found if one[number] is not None]
        if given:
            attributes[attribute] = given
    return attributes
