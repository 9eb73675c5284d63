"""Nodes that move numbers and do not change them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nlstm.interop.onnx.nodes_in import NodeOf
from nlstm.interop.onnx.steps import Atom, Const, Open, Unsupported, View
from nlstm.interop.onnx.tracing import Handler, Tracer

__all__ = ["HANDLERS", "axis_of", "sizes_given", "view_of"]

FLOATS, INTEGERS = (1, 10, 11, 16), (6, 7)  # as ONNX numbers types


def same(t: Tracer, node: NodeOf, inputs: list[Any]) -> Any:
    """Hand the first input on."""
    return inputs[0] if len(node.outputs) == 1 else [inputs[0], *[None] * (len(node.outputs) - 1)]


def _constant(t: Tracer, node: NodeOf, inputs: list[Any]) -> Const:
    array = node.tensor("value")
    if array is not None:
        return Const(array)
    for name, dtype in (
        ("float", np.float32),
        ("floats", np.float32),
        ("int", np.int64),
        ("ints", np.int64),
    ):
        value = node.get(f"value_{name}")
        if value is not None:
            return Const(np.array(value, dtype))
    raise Unsupported("a constant that is no array of numbers")


def _shape(t: Tracer, node: NodeOf, inputs: list[Any]) -> Const:
    view = view_of(inputs[0])
    part = slice(node.get("start", 0), node.get("end"))
    places = np.array([_is_open(t, axis) for axis in view.axes], bool)[part]
    return Const(np.array(view.shape, np.int64)[part], bool(places.any()), places)


def _is_open(t: Tracer, axis: Sequence[Atom]) -> bool:
    return any(atom is t.batch or isinstance(atom.size, Open) for atom in axis)


def _size(t: Tracer, node: NodeOf, inputs: list[Any]) -> Const:
    view = view_of(inputs[0])
    drawn = any(_is_open(t, axis) for axis in view.axes)
    return Const(np.array(np.prod(view.shape), np.int64), drawn)


def sizes_given(value: Any) -> list[int]:
    """Return whole numbers that are known."""
    if not isinstance(value, Const):
        raise Unsupported("sizes or places that follow from the inputs' numbers")
    return [int(one) for one in np.ravel(value.array)]


def axis_of(axis: int, rank: int) -> int:
    """Return the number of an axis that may be counted from the end."""
    if not -rank <= axis < rank:
        raise Unsupported(f"its axis {axis} is none of the {rank} that there are")
    return axis % rank


def _axes(node: NodeOf, inputs: list[Any], rank: int) -> list[int] | None:
    given = node.get("axes")
    if given is None and len(inputs) > 1 and inputs[1] is not None:
        given = sizes_given(inputs[1])
    return None if given is None else [axis_of(one, rank) for one in given]


def view_of(value: Any) -> View:
    """Return a tensor that is a value of the model."""
    if not isinstance(value, View):
        raise Unsupported("it gets what is no value of the model")
    return value


def _transpose(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = view_of(inputs[0])
    order = node.get("perm") or list(range(len(view.axes)))[::-1]
    if sorted(order) != list(range(len(view.axes))):
        raise Unsupported(f"it puts axes in the order {order}")
    return view.moved([view.axes[one] for one in order])


def _squeeze(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = view_of(inputs[0])
    axes = _axes(node, inputs, len(view.axes))
    if axes is None:
        axes = [number for number, size in enumerate(view.shape) if size == 1]
    kept = [axis for number, axis in enumerate(view.axes) if number not in axes]
    if not any(t.batch in axis for axis in kept) or len(kept) + len(axes) != len(view.axes):
        raise Unsupported("it takes the axis of the batch away")
    if any(view.shape[number] != 1 for number in axes):
        raise Unsupported("it takes away an axis of more than one")
    return view.moved(kept)


def _unsqueeze(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = view_of(inputs[0])
    given = node.get("axes") or sizes_given(inputs[1])
    axes = list(view.axes)
    for one in sorted(axis_of(axis, len(view.axes) + len(given)) for axis in given):
        axes.insert(one, ())
    return view.moved(axes)


def _reshape(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = view_of(inputs[0])
    return reshaped(t, view, sizes_given(inputs[1]), bool(node.get("allowzero", 0)))


def _flatten(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = view_of(inputs[0])
    rank = len(view.axes)
    axis = node.get("axis", 1)
    axis = axis if axis == rank else axis_of(axis, rank)
    first = int(np.prod(view.shape[:axis]))
    return reshaped(t, view, [first, -1], False)


def reshaped(t: Tracer, view: View, target: Sequence[int], zeros: bool) -> View:
    """Return a tensor in another shape: axes are put together or taken apart, or else a step."""
    total = int(np.prod(view.shape))
    sizes = [view.shape[at] if one == 0 and not zeros else one for at, one in enumerate(target)]
    if -1 in sizes:
        known = -int(np.prod(sizes))
        sizes[sizes.index(-1)] = total // known if known else 0
    if int(np.prod(sizes)) != total:
        raise Unsupported(f"it gives {t.named(view.shape)} the shape {t.named(target)}")
    found = _regrouped(t, view, sizes)
    if found is not None:
        return found
    if not sizes or sizes[0] != t.batch.size or not 2 <= len(sizes) <= 3:
        raise Unsupported(f"it gives {t.named(view.shape)} the shape {t.named(target)}")
    return t.view(t.reshaped(t.sample(view), tuple(sizes[1:])))


def _regrouped(t: Tracer, view: View, sizes: Sequence[int]) -> View | None:
    queue = [atom for axis in view.axes for atom in axis if atom.size != 1 or atom is t.batch]
    parts = [list(part) for part in view.parts]
    axes: list[tuple[Atom, ...]] = []
    for at, want in enumerate(sizes):
        group: list[Atom] = []
        have = 1
        while queue and (have < want or (queue[0].size == 1 and _last_chance(sizes, at))):
            atom = queue[0]
            share, rest = divmod(want, have * atom.size)
            if not rest and share:
                group.append(queue.pop(0))
                have *= atom.size
                continue
            need = want // have
            if (
                want % have
                or atom.size % need
                or atom.role != "axis"
                or isinstance(atom.size, Open)
            ):
                return None
            pair = [Atom(need), Atom(atom.size // need)]
            place = next(part for part in parts if atom in part)
            where = place.index(atom)
            place[where : where + 1] = pair
            group.append(pair[0])
            queue[0], have = pair[1], want
        if have != want:
            return None
        axes.append(tuple(group))
    if queue:
        return None
    return replace(view, parts=tuple(map(tuple, parts)), axes=tuple(axes))


def _last_chance(sizes: Sequence[int], at: int) -> bool:
    """Whether a batch of one belongs to this axis: the first of one, or the last of all."""
    return sizes[at] == 1 or all(one > 1 for one in sizes[at + 1 :]) and 1 not in sizes[:at]


def _expand(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view, sizes = view_of(inputs[0]), sizes_given(inputs[1])
    if node.op == "Tile":
        sizes = [
            int(one) * size if one != 1 else 1 for one, size in zip(sizes, view.shape, strict=True)
        ]
    axes = [(),] * (len(sizes) - len(view.axes)) + list(view.axes)  # fmt: skip
    sizes = [1] * (len(axes) - len(sizes)) + sizes
    found: list[tuple[Atom, ...]] = []
    for axis, want in zip(axes, sizes, strict=True):
        have = int(np.prod([atom.size for atom in axis]))
        if want in (1, have):
            found.append(axis)
        elif have == 1 and t.batch not in axis:
            found.append((Atom(want, "repeat"),))
        else:
            raise Unsupported("it repeats an axis of more than one")
    return view.moved(found)


def _cast(t: Tracer, node: NodeOf, inputs: list[Any]) -> Any:
    """Hand numbers on: whole ones may be made of others, but not the other way."""
    view = inputs[0]
    if not isinstance(view, View):
        return view
    kind = node.get("to", 1)  # CastLike is for floats
    if kind in FLOATS:
        if view.whole and not view.ref.step.arguments.get("whole"):
            raise Unsupported("it rounds")
        return replace(view, whole=False)
    if kind not in INTEGERS:
        raise Unsupported("what is not a number")
    return replace(view, whole=True)


HANDLERS: dict[str, Handler] = {
    "Cast": _cast,
    "CastLike": _cast,
    "Constant": _constant,
    "Dropout": same,
    "Expand": _expand,
    "Flatten": _flatten,
    "Identity": same,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Squeeze": _squeeze,
    "Tile": _expand,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
