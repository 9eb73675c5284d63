"""Nodes whose inputs are all known, computed as the onnx package defines them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.interop.onnx.package import onnx
from nlstm.interop.onnx.steps import Const, Unsupported

__all__ = ["LARGEST", "folded"]

SHAPED = ("ConstantOfShape", "Expand", "Reshape", "Slice", "Tile")  # by sizes, which are no numbers
MOVING = ("Cast", "Concat", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Unsqueeze")
LARGEST = 1 << 26  # numbers that a node may make of fewer
# What makes much of little by sizes in ways of its own, and no recurrent network has.
UNSEEN = (
    "AffineGrid", "Bernoulli", "BlackmanWindow", "CenterCropPad", "Col2Im", "DFT", "GridSample",
    "HammingWindow", "HannWindow", "MaxUnpool", "MelWeightMatrix", "Multinomial",
    "RandomNormalLike", "RandomUniformLike", "Resize", "STFT", "Upsample",
)  # fmt: skip


def folded(node: Any, inputs: Sequence[Any], version: int, room: float) -> list[Const]:
    """Return the outputs of a node of known inputs, which have room for so many numbers."""
    arrays = [None if one is None else one.array for one in inputs]
    if node.op in UNSEEN:
        raise Unsupported("nlstm has nothing like it")
    given = sum(one.size for one in arrays if one is not None)
    if _expected(node, arrays) > min(max(LARGEST, given), room):
        raise Unsupported("it makes an array too large to be meant")
    if any(one is not None and one.array.dtype.kind not in "biuf" for one in inputs):
        raise Unsupported("it computes with something other than numbers")
    found = _computed(node, arrays, version)
    seen = inputs[: 0 if node.op == "ConstantOfShape" else 1] if node.op in SHAPED else inputs
    drawn = any(one is not None and one.drawn for one in seen)
    seldom = drawn and (
        any(one is not None and one.seldom for one in inputs)
        if node.op in ("Cast", "Identity", "Not")
        else node.op == "Equal" and any(np.all(one.array == 1) for one in inputs)
    )
    if seldom:
        return [Const(one, drawn, seldom=True) for one in found]
    if drawn and node.op in MOVING:
        places = _computed(node, _places(node, inputs), version)
        return [
            Const(array, bool(own.any()), own.astype(bool))
            for array, own in zip(found, places, strict=True)
        ]
    return [Const(one, drawn) for one in found]


def _places(node: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return what a node that moves numbers gets, with ones for those that follow from sizes."""
    moved = len(inputs) if node.op == "Concat" else 1
    found = []
    for number, one in enumerate(inputs):
        if one is None or number >= moved:
            found.append(None if one is None else one.array)
            continue
        own = np.full(one.array.shape, one.drawn) if one.places is None else one.places
        found.append(own.astype(one.array.dtype))
    return found


def _computed(node: Any, arrays: Sequence[Any], version: int) -> list[np.ndarray]:
    helper = onnx().helper
    feeds = {name: one for name, one in zip(node.inputs, arrays, strict=True) if one is not None}
    function = helper.make_function(
        "folding", "folded", list(feeds), node.outputs, [node.proto],
        [helper.make_opsetid("", version)],
    )  # fmt: skip
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(function).run(None, feeds, attributes={})
    except Exception as error:
        raise Unsupported(f"it cannot be computed ({error})"[:200]) from error
    return [np.asarray(one) for one in found]


def _expected(node: Any, arrays: Sequence[Any]) -> float:
    """Return how many numbers a node makes, where these may be more than it gets."""
    if node.op == "ConstantOfShape":
        return float(np.prod(arrays[0].astype(float)))
    if node.op == "Expand":
        return float(max(arrays[0].size, 1)) * float(np.prod(arrays[1].astype(float)))
    if node.op == "Tile":
        return float(arrays[0].size) * float(np.prod(arrays[1].astype(float)))
    if node.op == "Range":
        start, limit, delta = (float(one) for one in arrays)
        return (limit - start) / delta if delta else np.inf
    if node.op == "Pad":
        return float(np.prod(np.array(arrays[0].shape) + np.abs(arrays[1]).sum()))
    if node.op == "OneHot":
        return float(arrays[0].size) * float(np.max(arrays[1]))
    if node.op == "Gather":
        length = arrays[0].shape[node.get("axis", 0)]
        return float(arrays[0].size) / max(length, 1) * float(arrays[1].size)
    if node.op == "Concat":
        return float(sum(one.size for one in arrays))
    if node.op == "Einsum":
        return float(np.prod([float(one.size) for one in arrays]))
    if node.op in ("MatMul", "Gemm", "GatherND"):
        return float(arrays[0].size * arrays[1].size)
    shapes = [one.shape for one in arrays if one is not None]
    longest = max((len(shape) for shape in shapes), default=0)
    sizes = np.ones(longest)
    for shape in shapes:
        if shape:
            sizes[-len(shape) :] = np.maximum(sizes[-len(shape) :], shape)
    return float(sizes.prod())
