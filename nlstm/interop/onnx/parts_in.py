"""Nodes that take parts of tensors, or put tensors together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nlstm.interop.onnx.nodes_in import NodeOf
from nlstm.interop.onnx.shapes_in import axis_of, sizes_given, view_of
from nlstm.interop.onnx.steps import Atom, Const, Marks, Open, Ref, Step, Unsupported, View
from nlstm.interop.onnx.tracing import Handler, Tracer

__all__ = ["HANDLERS", "features", "joined"]

WHOLE = slice(None)


def _slice(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = view_of(inputs[0])
    given: list[Any] = [node.get(name) for name in ("starts", "ends", "axes")]
    drawn = any(isinstance(one, Const) and one.drawn for one in inputs[1:])
    if given[0] is None:
        given = [None if one is None else sizes_given(one) for one in inputs[1:]]
    starts, ends, axes, steps = (given + [None] * 4)[:4]
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        view = taken(t, view, axis_of(axis, len(view.axes)), slice(start, end, step), drawn)
    return view


def _gather(t: Tracer, node: NodeOf, inputs: list[Any]) -> Any:
    data, index = inputs
    axis = node.get("axis", 0)
    if isinstance(data, Const):
        if data.array.ndim != 2 or axis % 2:
            raise Unsupported("a table of other than two axes, or other than rows of it")
        return _embedded(t, node, data, view_of(index))
    view = view_of(data)
    axis = axis_of(axis, len(view.axes))
    places = sizes_given(index)
    if index.array.ndim == 0:
        return taken(t, view, axis, places[0], index.drawn)
    if not places or places != list(range(places[0], places[0] + len(places))):
        raise Unsupported("places that do not lie side by side")
    stop = places[-1] + 1
    return taken(t, view, axis, slice(places[0], None if stop == 0 else stop, 1), index.drawn)


def _embedded(t: Tracer, node: NodeOf, table: Const, index: View) -> View:
    axes = [axis for axis in index.axes]
    last = axes.pop() if len(axes) > 2 and axes[-1] == () else None
    ref = t.sample(index.moved(axes))
    if len(ref.shape) != 1:
        raise Unsupported("indices of other than two axes")
    rows, width = table.array.shape
    arguments = {"input_dim": rows, "output_dim": width, "mask_zero": False}
    weights = {"embeddings": table.array}
    shapes, key = [(ref.shape[0], width)], (node.inputs[0],)
    made = t.add("Embedding", arguments, [ref], shapes, weights, key, node.name)
    view = t.view(made)
    return view if last is None else view.moved([*view.axes[:2], (), view.axes[2]])


def _split(t: Tracer, node: NodeOf, inputs: list[Any]) -> list[View]:
    view = view_of(inputs[0])
    axis = axis_of(node.get("axis", 0), len(view.axes))
    sizes = node.get("split")
    if sizes is None and len(inputs) > 1 and inputs[1] is not None:
        sizes = sizes_given(inputs[1])
    if isinstance(view.shape[axis], Open) and len(node.outputs) > 1:
        raise Unsupported("it splits an open number of steps")
    if sizes is None:
        count = len(node.outputs)
        each = -(-view.shape[axis] // count)
        sizes = [each] * (count - 1) + [view.shape[axis] - each * (count - 1)]
    ends = np.cumsum(sizes)
    return [
        taken(t, view, axis, slice(int(end) - size, int(end), 1))
        for end, size in zip(ends, sizes, strict=True)
    ]


def taken(t: Tracer, view: View, axis: int, key: Any, drawn: bool = False) -> View:
    """Return a part of an axis: a number takes the axis away.

    Parameters
    ----------
    drawn : bool
        Whether places follow from sizes, and so may count from the end of an axis that is open.
    """
    atoms, size = view.axes[axis], view.shape[axis]
    if isinstance(key, slice):
        open_ended = isinstance(size, Open)
        key = _plain(key, size, drawn)
        if key == slice(None, None, None):
            return view
    elif not -size <= key < size and not (isinstance(size, Open) and not drawn):
        raise Unsupported(f"it takes number {key} of {size}")
    else:
        open_ended = isinstance(size, Open)
        key = key - size if open_ended and drawn and key > size // 2 else key
    if t.batch in atoms:
        raise Unsupported("it takes a part of the batch")
    if size == 1 and not isinstance(key, slice) and not open_ended:
        return view.moved([*view.axes[:axis], *view.axes[axis + 1 :]])
    real = [atom for atom in atoms if atom.size != 1]
    parts = [[atom for atom in part if atom.size != 1] for part in view.parts]
    last = len(parts) - 1
    if len(parts) == 3 and real == parts[1]:
        return _of_steps(t, view, axis, key)
    if real and real == parts[last][: len(real)] and last > 0:
        return _of_features(t, view, axis, key, real, parts[last])
    ref = t.sample(view)
    fresh = t.view(ref)
    if len(fresh.axes) != len(view.axes):
        raise Unsupported("it takes a part of an axis that is mixed with others")
    return taken(t, fresh, axis, key, drawn)


def _plain(key: slice, size: int, drawn: bool) -> slice:
    """Return a slice with None where it begins at the beginning and ends at the end."""
    start, stop, step = key.start, key.stop, key.step
    far, half = 1 << 30, size // 2
    if (
        step == -1
        and (start in (-1, None) or start >= size - 1)
        and (stop is None or stop <= -size - 1)
    ):
        return slice(None, None, -1)
    if step != 1 and step is not None:
        raise Unsupported(f"it takes every {step}th of an axis")
    start = None if start in (0, None) or start <= -size else start
    most = far if isinstance(size, Open) and not drawn else size
    stop = None if stop is None or stop >= most else stop
    if isinstance(size, Open) and drawn:
        start = start - size if start is not None and start > half else start
        stop = stop - size if stop is not None and stop > half else stop
    return slice(start, stop, None)


def steps_of(t: Tracer, ref: Ref, key: Any) -> Ref:
    """Return some steps of a sequence."""
    steps, width = ref.shape
    if not isinstance(key, slice):
        return t.add("GetItem", {"key": (WHOLE, key)}, [ref], [(width,)])
    count = len(range(*key.indices(int(steps))))
    if count == 0:
        raise Unsupported("it takes no step")
    open_ended = (
        isinstance(steps, Open) and (key.start or 0) >= 0 and (key.stop is None or key.stop < 0)
    )
    shape = (Open(count) if open_ended else count, width)
    whole = key.step is None and (key.start or 0) >= 0 and (key.stop is None or key.stop < 0)
    if whole:
        cropping = (key.start or 0, -(key.stop or 0))
        return t.add("Cropping1D", {"cropping": cropping}, [ref], [shape])
    return t.add("GetItem", {"key": (WHOLE, key)}, [ref], [shape])


def _of_steps(t: Tracer, view: View, axis: int, key: Any) -> View:
    batch, _, width = view.parts
    steps = view.ref.shape[0]
    if isinstance(key, slice) and key.step is None and steps != 1:
        one = _only_step(key, steps)
        if one is not None:  # its axis stays, with nothing behind it
            axes = [() if at == axis else own for at, own in enumerate(view.axes)]
            return View(steps_of(t, view.ref, one), (batch, width), tuple(axes))
    ref = steps_of(t, view.ref, key)
    if isinstance(key, slice):
        left = (Atom(ref.shape[0]),)
        axes = [left if at == axis else one for at, one in enumerate(view.axes)]
        return View(ref, (batch, left, width), tuple(axes))
    axes = [one for at, one in enumerate(view.axes) if at != axis]
    return View(ref, (batch, width), tuple(axes))


def features(t: Tracer, ref: Ref, start: int, stop: int) -> Ref:
    """Return some features: of a concatenation those of the value that they come from."""
    while (start, stop) != (0, ref.shape[-1]):
        part = _part_of(ref.step, start, stop)
        if part is None:
            key = (WHOLE,) * len(ref.shape) + (slice(start, stop),)
            return t.add("GetItem", {"key": key}, [ref], [(*ref.shape[:-1], stop - start)])
        ref, start, stop = part
    return ref


def _part_of(step: Step, start: int, stop: int) -> tuple[Ref, int, int] | None:
    """Return the value of a concatenation that features come from, and where they lie in it."""
    end = 0
    for one in step.inputs if step.kind == "Concatenate" and step.arguments["axis"] == -1 else ():
        before, end = end, end + one.shape[-1]
        if before <= start and stop <= end:
            return one, start - before, stop - before
    return None


def _only_step(key: slice, steps: int) -> int | None:
    """Return the one step that a slice takes, counted as the slice counts, or None."""
    if isinstance(steps, Open):
        start, stop = key.start or 0, key.stop
        known = stop is not None and (start < 0) == (stop < 0)
        alone = (known and stop - start == 1) or (start == -1 and stop is None)
        return start if alone else None
    places = range(steps)[key]
    if len(places) != 1:
        return None
    return -1 if places[0] == steps - 1 else places[0]


def _of_features(
    t: Tracer, view: View, axis: int, key: Any, real: list[Atom], part: list[Atom]
) -> View:
    """Return a part of the features, or of the first axis that they are made of."""
    if isinstance(key, slice) and key.step == -1:
        raise Unsupported("it turns round the features")
    size = view.shape[axis]
    inner = int(np.prod([atom.size for atom in part[len(real) :]], dtype=int))
    at = range(size)[key]
    first, last = (at, at) if isinstance(at, int) else (at[0], at[-1]) if len(at) else (0, -1)
    if last < first:
        raise Unsupported("it takes nothing")
    ref = features(t, view.ref, first * inner, (last + 1) * inner)
    own = (Atom(last + 1 - first),)
    rest = tuple(part[len(real) :])
    axes = [own if number == axis else one for number, one in enumerate(view.axes)]
    if not isinstance(key, slice):
        axes.pop(axis)
    return replace(view, ref=ref, parts=(*view.parts[:-1], own + rest), axes=tuple(axes))


# Several


def _concat(t: Tracer, node: NodeOf, inputs: list[Any]) -> Any:
    if all(isinstance(one, Marks) for one in inputs):
        return Marks(("steps", *(one.mask for one in inputs)))
    views = [view_of(one) for one in inputs]
    axis = axis_of(node.get("axis"), len(views[0].axes))
    if len(views) == 1:
        return views[0]
    return joined(t, views, axis, node.name)


def joined(t: Tracer, views: Sequence[View], axis: int, name: str = "") -> View:
    """Return tensors put one behind the other along an axis."""
    first = views[0]
    for at, size in enumerate(first.shape):
        if at != axis and any(view.shape[at] != size for view in views):
            raise Unsupported("it joins unlike shapes")
    alike = _alike(first, axis)
    if all(_alike(view, axis) == alike for view in views):
        parts = [[atom for atom in part if atom.size != 1] for part in first.parts]
        real = [atom for atom in first.axes[axis] if atom.size != 1]
        refs = [view.ref for view in views]
        if len(parts) == 3 and real == parts[1] and first.axes[axis]:
            return _along(t, first, axis, refs, 1, name)
        if first.axes[axis] and real == parts[-1]:
            return _along(t, first, axis, refs, -1, name)
        if not real or real == parts[-1][: len(real)]:
            return _stacked(t, first, axis, refs, name, len(real))
    refs = [t.sample(view) for view in views]
    if len(refs[0].shape) != len(first.axes) - 1 or axis == 0:
        raise Unsupported("it joins an axis that is mixed with others")
    fresh = t.view(refs[0])
    return _along(t, fresh, axis, refs, -1 if axis == len(fresh.axes) - 1 else 1, name)


def _alike(view: View, axis: int) -> Any:
    """Return how axes lie, but for the sizes of the one that is joined."""
    found = []
    for number, places in enumerate(view.layout):
        found.append(tuple(place[:2] if number == axis else place for place in places))
    return tuple(found), len(view.parts), len(view.axes[axis])


def _along(t: Tracer, view: View, axis: int, refs: list[Ref], along: int, name: str) -> View:
    sizes = [ref.shape[along if along < 0 else 0] for ref in refs]
    total: int = sum(sizes)
    if any(isinstance(size, Open) for size in sizes):
        total = Open(total)
    shape = (total, refs[0].shape[1]) if along == 1 else (*refs[0].shape[:-1], total)
    ref = t.add("Concatenate", {"axis": along}, refs, [shape], name=name)
    own = (Atom(total),)
    place = 1 if along == 1 else len(view.parts) - 1
    parts = [own if number == place else part for number, part in enumerate(view.parts)]
    axes = [own if number == axis else one for number, one in enumerate(view.axes)]
    return View(ref, tuple(parts), tuple(axes))


def _stacked(t: Tracer, view: View, axis: int, refs: list[Ref], name: str, outer: int) -> View:
    """Return tensors joined along the first part of their features, or along an axis of one."""
    shape = (*refs[0].shape[:-1], sum(ref.shape[-1] for ref in refs))
    ref = t.add("Concatenate", {"axis": -1}, refs, [shape], name=name)
    part = [atom for atom in view.parts[-1] if atom.size != 1][outer:]
    own = (Atom(shape[-1] // int(np.prod([atom.size for atom in part], dtype=int))),)
    axes = [own if number == axis else one for number, one in enumerate(view.axes)]
    return View(ref, (*view.parts[:-1], own + tuple(part)), tuple(axes))


def _pad(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = view_of(inputs[0])
    pads = node.get("pads") or sizes_given(inputs[1])
    value = (
        inputs[2].array.item()
        if len(inputs) > 2 and inputs[2] is not None
        else node.get("value", 0.0)
    )
    if node.get("mode", "constant") != "constant" or value:
        raise Unsupported("it pads with something other than zeros")
    axes = list(range(len(view.axes)))
    if len(inputs) > 3 and inputs[3] is not None:
        axes = [axis_of(one, len(view.axes)) for one in sizes_given(inputs[3])]
    half = len(pads) // 2
    for at, before, after in zip(axes, pads[:half], pads[half:], strict=True):
        if before or after:
            view = _padded(t, view, at, before, after)
    return view


def _padded(t: Tracer, view: View, axis: int, before: int, after: int) -> View:
    if len(view.parts) != 3 or view.axes[axis] != view.parts[1] or min(before, after) < 0:
        raise Unsupported("it pads something other than steps")
    steps, width = view.ref.shape
    count = steps + before + after
    shape = (Open(count) if isinstance(steps, Open) else count, width)
    ref = t.add("ZeroPadding1D", {"padding": (before, after)}, [view.ref], [shape])
    own = (Atom(shape[0]),)
    axes = [own if number == axis else one for number, one in enumerate(view.axes)]
    return View(ref, (view.parts[0], own, view.parts[2]), tuple(axes))


def _reversed(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view, axis = view_of(inputs[0]), node.get("time_axis", 0)
    if any(one != view.shape[axis] for one in sizes_given(inputs[1])):
        raise Unsupported("it turns round a part of the steps")
    return taken(t, view, axis, slice(None, None, -1))


HANDLERS: dict[str, Handler] = {
    "Concat": _concat,
    "Gather": _gather,
    "Pad": _pad,
    "ReverseSequence": _reversed,
    "Slice": _slice,
    "Split": _split,
}
