"""Nodes that are layers with weights, windows of steps, or pools over them."""

from typing import Any

import numpy as np

from nlstm.interop.onnx.nodes_in import NodeOf
from nlstm.interop.onnx.shapes_in import axis_of, sizes_given
from nlstm.interop.onnx.steps import Atom, Const, Open, Ref, Unsupported, View
from nlstm.interop.onnx.tracing import Tracer

__all__ = ["HANDLERS", "known"]


def known(value: Any, what: str) -> np.ndarray:
    """Return an array that does not depend on what goes in."""
    if value is None:
        raise Unsupported(f"it has no {what}")
    if not isinstance(value, Const):
        raise Unsupported(f"its {what} follows from the inputs")
    if value.drawn and not value.is_zero:
        raise Unsupported(f"its {what} follows from the size of the batch")
    return value.array


def _matmul(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view, kernel = inputs[0], inputs[1]
    if not isinstance(view, View) or not isinstance(kernel, Const) or kernel.array.ndim != 2:
        raise Unsupported("other than a value times weights of two axes")
    return _dense(t, node, view, known(kernel, "kernel"), (node.inputs[1],))


def _gemm(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view, kernel = inputs[0], inputs[1]
    if not isinstance(view, View) or node.get("transA", 0) or len(view.axes) != 2:
        raise Unsupported("other than a value times weights")
    weights = known(kernel, "kernel") * node.get("alpha", 1.0)
    if node.get("transB", 0):
        weights = weights.T
    bias: Any = None
    key: tuple[str, ...] = (node.inputs[1],)
    if len(inputs) > 2 and inputs[2] is not None:
        bias = known(inputs[2], "bias") * node.get("beta", 1.0)
        bias = np.broadcast_to(bias.reshape(-1), (weights.shape[1],))
        key = (*key, node.inputs[2])
    return _dense(t, node, view, weights, key, bias)


def _dense(
    t: Tracer, node: NodeOf, view: View, kernel: np.ndarray, key: tuple[str, ...], bias: Any = None
) -> View:
    if view.shape[-1] != kernel.shape[0]:
        raise Unsupported(f"{view.shape[-1]} features times weights of {kernel.shape[0]}")
    part = [atom for atom in view.parts[-1] if atom.size != 1]
    if [atom for atom in view.axes[-1] if atom.size != 1] != part:
        view = t.view(t.sample(view))
    units = kernel.shape[1]
    weights = {"kernel": kernel} | ({} if bias is None else {"bias": bias})
    arguments = {"units": units, "use_bias": bias is not None, "activation": "linear"}
    shape = (*view.ref.shape[:-1], units)
    ref = t.add("Dense", arguments, [view.ref], [shape], weights, key, node.name)
    own = (Atom(units),)
    return View(ref, (*view.parts[:-1], own), (*view.axes[:-1], own))


# With features before steps


def _turned(t: Tracer, view: Any) -> tuple[Ref, list[int]]:
    """Return the sequences in (batch, features, steps), and where axes of one were beside them."""
    if not isinstance(view, View):
        raise Unsupported("it gets what is no value of the model")
    axes = list(view.axes)
    ones = [at for at in range(2, len(axes)) if view.shape[at] == 1 and not axes[at]]
    if len(axes) == 4:
        ones = ones[-1:] if len(ones) > 1 else ones
        if not ones:
            raise Unsupported("windows in two directions")
        axes.pop(ones[0])
    else:
        ones = []
    if len(axes) != 3:
        raise Unsupported(f"windows in {len(view.axes)} axes")
    ref = t.sample(view.moved([axes[0], axes[2], axes[1]]))
    return ref, ones


def _back(t: Tracer, ref: Ref, ones: list[int]) -> View:
    view = t.view(ref)
    axes = [view.axes[0], view.axes[2], view.axes[1]]
    for at in ones:
        axes.insert(at, ())
    return view.moved(axes)


def _pairs(values: Any, ones: list[int]) -> list[int]:
    """Return what is before and after of the axis of steps."""
    found = list(values)
    if len(found) == 4:
        own = 1 - (ones[0] - 2)
        if found[1 - own] or found[3 - own]:
            raise Unsupported("windows in two directions")
        found = [found[own], found[2 + own]]
    return found


def _single(values: Any, ones: list[int]) -> int:
    found = list(values)
    if len(found) == 2:
        other = found.pop(ones[0] - 2)
        if other != 1:
            raise Unsupported("windows in two directions")
    return int(found[0])


def _windows(node: NodeOf, ones: list[int], size: int) -> tuple[int, int, list[int], str]:
    """Return stride, dilation, what is padded, and the padding where it has a name."""
    stride = _single(node.get("strides", [1] * (1 + len(ones))), ones)
    dilation = _single(node.get("dilations", [1] * (1 + len(ones))), ones)
    pads = _pairs(node.get("pads", [0, 0]), ones)
    auto = node.get("auto_pad", "NOTSET")
    reach = dilation * (size - 1)
    if auto == "SAME_UPPER":
        return stride, dilation, [0, 0], "same"
    if auto == "SAME_LOWER":
        raise Unsupported("auto_pad SAME_LOWER")
    if auto == "NOTSET" and any(pads):
        if stride == 1 and pads == [reach // 2, reach - reach // 2]:
            return stride, dilation, [0, 0], "same"
        return stride, dilation, pads, "causal" if pads == [reach, 0] else ""
    return stride, dilation, [0, 0], "valid"


def _counted(ref: Ref, reach: int, stride: int, padding: str) -> int:
    steps = ref.shape[0]
    count = (
        -(-steps // stride) if padding in ("same", "causal") else (steps - reach - 1) // stride + 1
    )
    return Open(count) if isinstance(steps, Open) else count


def _conv(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    ref, ones = _turned(t, inputs[0])
    kernel = known(inputs[1], "kernel")
    if ones:
        if kernel.shape[ones[0]] != 1:
            raise Unsupported("windows in two directions")
        kernel = kernel.squeeze(ones[0])
    size, groups = kernel.shape[2], node.get("group", 1)
    stride, dilation, pads, padding = _windows(node, ones, size)
    if not padding:
        before, after = pads
        shape = (_grown(ref.shape[0], before + after), ref.shape[1])
        ref = t.add("ZeroPadding1D", {"padding": (before, after)}, [ref], [shape])
        padding = "valid"
    weights = {"kernel": kernel.transpose(2, 1, 0)}
    key: tuple[str, ...] = (node.inputs[1],)
    bias = inputs[2] if len(inputs) > 2 else None
    if bias is not None:
        weights["bias"], key = known(bias, "bias"), (*key, node.inputs[2])
    arguments = {
        "filters": kernel.shape[0], "kernel_size": size, "strides": stride, "padding": padding,
        "dilation_rate": dilation, "groups": groups, "use_bias": bias is not None,
        "activation": "linear",
    }  # fmt: skip
    steps = _counted(ref, dilation * (size - 1), stride, padding)
    made = t.add("Conv1D", arguments, [ref], [(steps, kernel.shape[0])], weights, key, node.name)
    return _back(t, made, ones)


def _grown(steps: int, more: int) -> int:
    return Open(steps + more) if isinstance(steps, Open) else steps + more


def _pool(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    ref, ones = _turned(t, inputs[0])
    if len(node.outputs) > 1:
        raise Unsupported("places of the largest values")
    size = _single(node.get("kernel_shape"), ones)
    stride, dilation, pads, padding = _windows(node, ones, size)
    counted = node.op == "AveragePool" and node.get("count_include_pad", 0)
    closed = not isinstance(ref.shape[0], Open)
    if any(pads) and closed:
        total = max((-(-ref.shape[0] // stride) - 1) * stride + size - ref.shape[0], 0)
        padding = "same" if pads == [total // 2, total - total // 2] else ""
    if padding not in ("same", "valid") or dilation != 1 or (counted and padding == "same"):
        raise Unsupported("padding or dilation that no pool of nlstm's has")
    if node.get("ceil_mode", 0) and (not closed or (ref.shape[0] - size) % stride):
        raise Unsupported("windows that are not whole")
    kind = "MaxPooling1D" if node.op == "MaxPool" else "AveragePooling1D"
    arguments = {"pool_size": size, "strides": stride, "padding": padding}
    steps = _counted(ref, size - 1, stride, padding)
    return _back(t, t.add(kind, arguments, [ref], [(steps, ref.shape[1])], name=node.name), ones)


def _global(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    ref, ones = _turned(t, inputs[0])
    kind = "GlobalAveragePooling1D" if "Average" in node.op else "GlobalMaxPooling1D"
    made = t.add(kind, {"keepdims": True}, [ref], [(1, ref.shape[1])], name=node.name)
    return _back(t, made, ones)


def _batch_norm(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    if node.get("training_mode", 0):
        raise Unsupported("it is in the mode of training")
    view = inputs[0]
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {name: known(one, name) for name, one in zip(names, inputs[1:], strict=True)}
    arguments = {
        "epsilon": float(node.get("epsilon", 1e-5)),
        "momentum": float(node.get("momentum", 0.9)),
    }
    key = (*node.inputs[1:], arguments["epsilon"])
    if len(view.axes) == 2:
        ref, ones = t.sample(view), None
    else:
        ref, ones = _turned(t, view)
    arguments = {name: _short(value) for name, value in arguments.items()}
    made = t.add("BatchNormalization", arguments, [ref], [ref.shape], weights, key, node.name)
    return t.view(made) if ones is None else _back(t, made, ones)


def _short(value: float) -> float:
    """Return the number that a single-precision attribute was written for."""
    return float(str(np.float32(value)))


def _layer_norm(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = inputs[0]
    if node.get("axis", -1) not in (-1, len(view.axes) - 1) or len(node.outputs) > 1:
        raise Unsupported("over other than the last axis, or with its statistics")
    part = [atom for atom in view.parts[-1] if atom.size != 1]
    if [atom for atom in view.axes[-1] if atom.size != 1] != part:
        view = t.view(t.sample(view))
    weights = {"gamma": known(inputs[1], "scale").reshape(-1)}
    shift = inputs[2] if len(inputs) > 2 else None
    if shift is not None:
        weights["beta"] = known(shift, "shift").reshape(-1)
    if weights["gamma"].size != view.shape[-1]:
        raise Unsupported("one number for more than one feature")
    arguments = {"epsilon": _short(node.get("epsilon", 1e-5)), "center": shift is not None}
    key = tuple(node.inputs[1:])
    ref = t.add(
        "LayerNormalization", arguments, [view.ref], [view.ref.shape], weights, key, node.name
    )
    return View(ref, view.parts, view.axes)


def _reduced(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    """Return a mean or maximum over the steps."""
    view = inputs[0]
    axes = node.get("axes")
    if axes is None and len(inputs) > 1 and inputs[1] is not None:
        axes = sizes_given(inputs[1])
    axes = [axis_of(one, len(view.axes)) for one in axes or []]
    keep = bool(node.get("keepdims", 1))
    if len(axes) != 1 or len(view.axes) != 3 or not view.axes[axes[0]]:
        raise Unsupported("over other than the steps")
    axis = axes[0]
    if view.axes[axis] == (t.batch,):
        raise Unsupported("over the batch")
    rest = [one for at, one in enumerate(view.axes) if at != axis]
    order = [rest[0], view.axes[axis], rest[1]]
    if t.batch not in rest[0]:
        order = [rest[1], view.axes[axis], rest[0]]
    ref = t.sample(view.moved(order))
    kind = "GlobalMaxPooling1D" if node.op == "ReduceMax" else "GlobalAveragePooling1D"
    made = t.add(kind, {"keepdims": False}, [ref], [ref.shape[1:]], name=node.name)
    if node.op == "ReduceSum":
        steps = ref.shape[0]
        if isinstance(steps, Open):
            raise Unsupported("the sum of an open number of steps")
        numbers = [float(steps)]
        arguments = {
            "op": "Mul",
            "function": lambda x: x * steps,
            "numbers": numbers,
            "chosen": False,
        }
        made = t.add("Pointwise", arguments, [made], [made.shape])
    found = t.view(made)
    pair = list(found.axes) if t.batch in rest[0] else list(found.axes)[::-1]
    if keep:
        pair.insert(axis, ())
    return found.moved(pair)


def _softmax(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = inputs[0]
    axis = axis_of(node.get("axis", -1 if t.version >= 13 else 1), len(view.axes))
    if t.version < 13 and axis != len(view.axes) - 1:
        raise Unsupported("over several axes")
    order = [*(one for one in range(len(view.axes)) if one != axis), axis]
    view = view.moved([view.axes[one] for one in order])
    part = [atom for atom in view.parts[-1] if atom.size != 1]
    if [atom for atom in view.axes[-1] if atom.size != 1] != part:
        view = t.view(t.sample(view))
    arguments = {"activation": "softmax"}
    ref = t.add("Activation", arguments, [view.ref], [view.ref.shape], name=node.name)
    back = [order.index(one) for one in range(len(order))]
    return View(ref, view.parts, tuple(view.axes[one] for one in back))


def _prelu(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view, slope = inputs[0], known(inputs[1], "slope")
    swapped = len(view.axes) == 3 and view.axes[1] == view.parts[-1] and len(view.parts) == 3
    shape = (1,) * (len(view.axes) - slope.ndim) + slope.shape
    if swapped:
        slope = slope.reshape(shape).transpose(0, 2, 1)
        shape, ref = slope.shape, view.ref
    else:
        ref = t.sample(view)
    weights = slope.reshape(shape[1:])
    if len(shape) != len(ref.shape) + 1:
        raise Unsupported("slopes of other axes than the value's")
    shared = [
        at
        for at, (one, size) in enumerate(zip(weights.shape, ref.shape, strict=True), 1)
        if one != size
    ]
    if 1 in shared and isinstance(ref.shape[0], Open) is False and len(ref.shape) == 1:
        shared = [1]
    arguments = {"shared_axes": shared or None}
    made = t.add(
        "PReLU", arguments, [ref], [ref.shape], {"alpha": weights}, (node.inputs[1],), node.name
    )
    return View(made, view.parts, view.axes) if swapped else t.view(made)


HANDLERS = {
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Gemm": _gemm,
    "GlobalAveragePool": _global,
    "GlobalMaxPool": _global,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "PRelu": _prelu,
    "ReduceMax": _reduced,
    "ReduceMean": _reduced,
    "ReduceSum": _reduced,
    "Softmax": _softmax,
}
