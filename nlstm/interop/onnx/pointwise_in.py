"""Nodes that compute each number, or each feature, by itself: kept as functions at first."""

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np

from nlstm.interop.onnx.nodes_in import NodeOf
from nlstm.interop.onnx.steps import Const, Ref, Unsupported, View
from nlstm.interop.onnx.tracing import Tracer

__all__ = ["HANDLERS", "Function"]

Function = Callable[..., np.ndarray]
_erf = np.vectorize(erf, otypes=[float])


def _positive(x: Any, below: Any) -> np.ndarray:
    return np.where(x > 0, x, below)


def _sigmoid(x: Any) -> np.ndarray:
    return 1 / (1 + np.exp(-x))  # its logarithm is right too


def _softplus(x: Any) -> np.ndarray:
    return np.logaddexp(x, 0)


def _gelu(x: Any, approximate: str = "none") -> np.ndarray:
    if approximate == "tanh":
        return x * _sigmoid(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return x * 0.5 * (1 + _erf(x / np.sqrt(2)))


SELU = (1.67326319217681884765625, 1.05070102214813232421875)
# By op: what it does to numbers, and its attributes with their defaults.
UNARY: dict[str, tuple[Function, dict[str, Any]]] = {
    "Abs": (np.abs, {}),
    "Celu": (lambda x, alpha: _positive(x, alpha * np.expm1(x / alpha)), {"alpha": 1.0}),
    "Elu": (lambda x, alpha: _positive(x, alpha * np.expm1(np.minimum(x, 0))), {"alpha": 1.0}),
    "Erf": (_erf, {}),
    "Exp": (np.exp, {}),
    "Gelu": (_gelu, {"approximate": "none"}),
    "HardSigmoid": (
        lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
        {"alpha": 0.2, "beta": 0.5},
    ),
    "HardSwish": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), {}),
    "LeakyRelu": (lambda x, alpha: np.where(x < 0, alpha * x, x), {"alpha": 0.01}),
    "Log": (np.log, {}),
    "Mish": (lambda x: x * np.tanh(_softplus(x)), {}),
    "Neg": (np.negative, {}),
    "Reciprocal": (np.reciprocal, {}),
    "Relu": (lambda x: np.maximum(x, 0), {}),
    "Selu": (
        lambda x, alpha, gamma: gamma * _positive(x, alpha * np.expm1(np.minimum(x, 0))),
        {"alpha": SELU[0], "gamma": SELU[1]},
    ),
    "Sigmoid": (_sigmoid, {}),
    "Softplus": (_softplus, {}),
    "Softsign": (lambda x: x / (1 + np.abs(x)), {}),
    "Sqrt": (np.sqrt, {}),
    "Swish": (lambda x, alpha: x * _sigmoid(alpha * x), {"alpha": 1.0}),
    "Tanh": (np.tanh, {}),
    "ThresholdedRelu": (lambda x, alpha: np.where(x > alpha, x, 0), {"alpha": 1.0}),
}
SEVERAL: dict[str, Function] = {
    "Add": np.add,
    "Clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "Div": np.divide,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Pow": np.power,
    "Sub": np.subtract,
    "Sum": np.add,
    "Where": np.where,
}
BY_FEATURE = ("Add", "Div", "Mul", "Sub", "Sum")
JOINS = ("Add", "Max", "Min", "Mul", "Sub", "Sum")


def _unary(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    function, defaults = UNARY[node.op]
    given = {name: node.get(name, value) for name, value in defaults.items()}
    numbers = [value for value in given.values() if not isinstance(value, str)]
    return _applied(t, node, [inputs[0]], lambda x: function(x, **given), numbers)


def _several(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    function = SEVERAL[node.op]
    if node.op == "Clip":
        low, high = ([*inputs[1:], None, None])[:2]
        bounds = [node.get("min", -np.inf), node.get("max", np.inf)]
        for number, one in enumerate((low, high)):
            bounds[number] = bounds[number] if one is None else _scalar(one)
        numbers = [one for one in bounds if np.isfinite(one)]
        return _applied(t, node, [inputs[0]], lambda x: function(x, *bounds), numbers)
    if node.op in JOINS and len(inputs) > 2:
        found = inputs[0]
        for other in inputs[1:]:
            found = _pair(t, node, [found, other], function)
        return found
    if len(inputs) == 1:
        return inputs[0]
    return _pair(t, node, inputs, function)


def _scalar(value: Any) -> float:
    if not isinstance(value, Const) or value.array.size != 1:
        raise Unsupported("numbers that are not known, or not one")
    if value.drawn and not value.is_zero:
        raise Unsupported("it computes with the size of the batch, or of open steps")
    return float(value.array.item())


def _pair(t: Tracer, node: NodeOf, inputs: list[Any], function: Function) -> Any:
    known = [one for one in inputs if isinstance(one, Const)]
    if node.op == "Mul" and any(one.is_zero for one in known):  # a state before the first step
        shape = np.broadcast_shapes(*(getattr(one, "array", one).shape for one in inputs))
        return Const(np.zeros(shape), True)
    one_feature = any(isinstance(one, View) and one.ref.shape[-1] == 1 for one in inputs)
    wide = [
        one
        for one in known
        if one.array.size != 1 or (one_feature and one.array.ndim == 1 and node.op in BY_FEATURE)
    ]
    if not wide:
        numbers = [_scalar(one) if isinstance(one, Const) else None for one in inputs]
        views = [one for one in inputs if isinstance(one, View)]

        def applied(*arrays: Any) -> np.ndarray:
            given = iter(arrays)
            return function(*(next(given) if one is None else one for one in numbers))

        constants = [one for one in numbers if one is not None]
        return _applied(t, node, views, applied, constants)
    if len(inputs) != 2 or node.op not in BY_FEATURE:
        raise Unsupported("an array of numbers that are known")
    if wide[0].is_zero and (
        node.op in ("Add", "Sum") or (node.op == "Sub" and inputs[1] is wide[0])
    ):
        other = inputs[0] if inputs[1] is wide[0] else inputs[1]
        bias = other.ref.step.kind in ("Dense", "Conv1D") and wide[0].array.ndim == 1
        if not bias and np.broadcast_shapes(other.shape, wide[0].array.shape) == tuple(other.shape):
            return other  # a bias that is still zero will be trained
    return _by_feature(t, node, inputs)


def _by_feature(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    """Return what one number for each feature does."""
    first = isinstance(inputs[0], Const)
    const, view = (inputs[0], inputs[1]) if first else (inputs[1], inputs[0])
    if const.drawn:
        raise Unsupported("it computes with the size of the batch, or of open steps")
    const = Const(_same_rows(const.array))
    view = view.moved([()] * (const.array.ndim - len(view.axes)) + list(view.axes))
    shape = (1,) * (len(view.axes) - const.array.ndim) + const.array.shape
    if np.broadcast_shapes(view.shape, shape) != tuple(view.shape):
        raise Unsupported("it repeats an axis of one for an array of numbers that are known")
    at = [number for number, size in enumerate(shape) if size != 1]
    part = [atom for atom in view.parts[-1] if atom.size != 1]
    real = [atom for axis in at for atom in view.axes[axis]]
    if not at and view.axes[-1] and [atom for atom in view.axes[-1] if atom.size != 1] == part:
        real = part
    if len(shape) > len(view.axes) or real != part:
        if t.view(t.sample(view)).layout == view.layout:
            raise Unsupported("numbers for something other than features")
        given = [const if isinstance(one, Const) else t.view(t.sample(view)) for one in inputs]
        return _by_feature(t, node, given)
    numbers = np.broadcast_to(const.array.reshape(-1), (view.ref.shape[-1],))
    numbers = numbers if numbers.dtype.kind == "f" else numbers.astype(np.float32)
    ones, zeros = np.ones_like(numbers), np.zeros_like(numbers)
    pairs = {
        "Add": (ones, numbers),
        "Sum": (ones, numbers),
        "Sub": (-ones, numbers) if first else (ones, -numbers),
        "Mul": (numbers, zeros),
    }
    if node.op == "Div" and not first:
        pairs["Div"] = (1 / numbers, zeros)
    if node.op not in pairs:
        raise Unsupported("numbers divided by a value")
    scale, shift = pairs[node.op]
    pairs_of = zip(node.inputs, inputs, strict=True)
    key = tuple(one for one, value in pairs_of if isinstance(value, Const))
    ref = t.add(
        "Affine", {}, [view.ref], [view.ref.shape], {"scale": scale, "shift": shift}, key, node.name
    )
    return View(ref, view.parts, view.axes)


def _same_rows(array: np.ndarray) -> np.ndarray:
    """Return an array with one row for rows that are all alike, as those of a batch."""
    for axis in range(array.ndim - 1):
        first = array.take([0], axis)
        if array.shape[axis] > 1 and (array == first).all():
            array = first
    return array


def _applied(
    t: Tracer, node: NodeOf, views: list[Any], function: Function, numbers: list[float]
) -> View:
    """Return a function of values that lie alike; others are put so first."""
    if not all(isinstance(view, View) for view in views):
        raise Unsupported("it gets what is no value of the model")
    rank = max(len(view.axes) for view in views)
    views = [view.moved([()] * (rank - len(view.axes)) + list(view.axes)) for view in views]
    first = views[0]
    if any(view.layout != first.layout or view.ref.shape != first.ref.shape for view in views):
        views = [t.view(t.sample(view)) for view in views]
        first = max(views, key=lambda view: view.shape)
    chosen = any(view.chosen for view in views)
    arguments = {"op": node.op, "function": function, "numbers": numbers, "chosen": chosen}
    refs = [view.ref for view in views]
    shape = first.ref.shape
    if len(refs) > 1:
        shape = tuple(max(sizes) for sizes in zip(*(ref.shape for ref in refs), strict=True))
        shape = tuple(_open_like(size, at, refs) for at, size in enumerate(shape))
    ref = t.add("Pointwise", arguments, refs, [shape], name=node.name)
    if shape != first.ref.shape:
        return t.view(ref)
    return View(ref, first.parts, first.axes)


def _open_like(size: int, at: int, refs: list[Ref]) -> int:
    return next((ref.shape[at] for ref in refs if ref.shape[at] == size), size)


HANDLERS = {**dict.fromkeys(UNARY, _unary), **dict.fromkeys(SEVERAL, _several)}
