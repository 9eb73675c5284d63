"""LSTM, GRU and RNN nodes, and nlstm's functions for masks around them."""

from typing import Any

import numpy as np

from nlstm.interop.onnx.activations_out import WORDS
from nlstm.interop.onnx.layers_in import known
from nlstm.interop.onnx.masks import Mask
from nlstm.interop.onnx.nodes_in import NodeOf
from nlstm.interop.onnx.parts_in import features, joined
from nlstm.interop.onnx.recurrent_out import GATES, PEEPHOLES
from nlstm.interop.onnx.steps import Const, Marks, Ref, Unsupported, View
from nlstm.interop.onnx.tracing import Lengths, TimeMajor, Tracer

__all__ = ["HANDLERS", "STATES"]

DIRECTIONS = ("forward", "reverse", "bidirectional")
KINDS = {"LSTM": ("LSTM", 4), "GRU": ("GRU", 3), "RNN": ("SimpleRNN", 1)}
STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}
DEFAULTS = {
    "LeakyRelu": (0.01, None),
    "Elu": (1.0, None),
    "HardSigmoid": (0.2, 0.5),
    "Affine": (1.0, 0.0),
}


def _recurrent(t: Tracer, node: NodeOf, inputs: list[Any]) -> list[Any]:
    kind, gates = KINDS[node.op]
    inputs = inputs + [None] * (8 - len(inputs))
    X, W, R, B, lengths, *rest = inputs
    initial, peephole = rest[: STATES[kind]], rest[2] if kind == "LSTM" else None
    if not isinstance(X, View) or len(X.axes) != 3:
        raise Unsupported("it gets what is no sequence")
    if node.get("clip") or node.get("input_forget", 0):
        raise Unsupported("clip or input_forget")
    layout = node.one_of("layout", 0, (0, 1))
    axes = X.axes if layout else (X.axes[1], X.axes[0], X.axes[2])
    if axes[1] == (t.batch,):
        raise TimeMajor(_sources(t, X))
    x = t.sample(X.moved(axes))
    mask = _mask_of(t, X, lengths)
    direction = node.one_of("direction", "forward", DIRECTIONS)
    count = 2 if direction == "bidirectional" else 1
    units = int(node.get("hidden_size") or np.shape(known(R, "R"))[-1])
    _check_sizes((count, gates * units, units, x.shape[-1]), W, R, B, peephole)
    arguments = _arguments(node, kind, gates, count, units)
    arguments["use_bias"] = B is not None
    arguments["go_backwards"] = direction == "reverse"
    if lengths is not None and X.packed is None:
        arguments["zero_output_for_mask"] = True
    if peephole is not None:
        arguments["peephole"] = True
    weights = [_weights(at, kind, gates, arguments, W, R, B, peephole) for at in range(count)]
    states = _initial(t, initial, count, units, layout)
    key = tuple(node.inputs[1:4]) + tuple(node.inputs[7:8])
    steps = x.shape[0]
    if count == 1:
        shapes = [(steps, units)] + [(units,)] * (STATES[kind] + 1)
        ref = t.add(kind, arguments, [x, *states], shapes, weights[0], key, node.name)
    else:
        ends = [(units,)] * (2 * STATES[kind])
        shapes = [(steps, units), (steps, units), *ends]
        both = {
            f"{side}/{name}": one
            for side, part in zip(("forward", "backward"), weights, strict=True)
            for name, one in part.items()
        }
        arguments = {"cell": kind, **arguments}
        ref = t.add("Bidirectional", arguments, [x, *states], shapes, both, key, node.name)
    _wants(ref, mask)
    return _outputs(t, ref.step, count, STATES[kind], layout, X.packed)


def _outputs(
    t: Tracer, step: Any, count: int, states: int, layout: int, packed: Mask | None
) -> list[View]:
    """Return Y and the last states, as they lie in a node's outputs."""
    if count == 1:
        found = [t.view(Ref(step, number)) for number in range(1 + states)]
        y, *ends = found
        shown = (
            [y.axes[1], (), y.axes[0], y.axes[2]]
            if not layout
            else [y.axes[0], y.axes[1], (), y.axes[2]]
        )
        lasts = [
            one.moved([one.axes[0], (), one.axes[1]] if layout else [(), *one.axes]) for one in ends
        ]
        return [y.moved(shown, packed=packed), *lasts]
    sides = [[t.view(Ref(step, number)) for number in (0, 1)]]
    sides += [
        [t.view(Ref(step, 2 + number)), t.view(Ref(step, 2 + states + number))]
        for number in range(states)
    ]
    outputs = []
    for number, pair in enumerate(sides):
        place = {(True, 0): 1, (True, 1): 2, (False, 0): 0, (False, 1): 1}[number == 0, layout]
        moved = []
        for view in pair:
            axes = list(view.axes)
            if number == 0 and not layout:
                axes = [axes[1], axes[0], axes[2]]
            axes.insert(place, ())
            moved.append(view.moved(axes))
        made = joined(t, moved, place)
        outputs.append(made.moved(made.axes, packed=packed if number == 0 else None))
    return outputs


def _sources(t: Tracer, view: View) -> set[str]:
    """Return the inputs, not swapped yet, that a tensor follows from."""
    waiting, found = [view.ref], set()
    while waiting:
        step = waiting.pop().step
        waiting += step.inputs
        if step.kind == "Input" and step.name not in t.swapped and len(step.shapes[0]) == 2:
            found.add(step.name)
    if not found:
        raise Unsupported("the batch is not where it expects it")
    return found


# Arguments


def _arguments(node: NodeOf, kind: str, gates: int, count: int, units: int) -> dict[str, Any]:
    usual = {4: ["Sigmoid", "Tanh", "Tanh"], 3: ["Sigmoid", "Tanh"], 1: ["Tanh"]}[gates]
    per = len(usual)
    names = node.get("activations") or usual * count
    if len(names) != per * count:
        raise Unsupported(f"it has {len(names)} activations; expected {per * count}")
    numbers = [list(node.get(f"activation_{name}") or []) for name in ("alpha", "beta")]
    words = [_word(name, numbers) for name in names]
    if words[:per] != words[per:] and count == 2:
        raise Unsupported("unlike activations in both directions")
    found: dict[str, Any] = {"units": units, "activation": words[per - 1]}
    if per > 1:
        found["recurrent_activation"] = words[0]
    if per == 3 and words[1] != words[2]:
        raise Unsupported(f"unlike activations for candidate and output, {words[1]} and {words[2]}")
    if kind == "GRU":
        found["reset_after"] = bool(node.get("linear_before_reset", 0))
    return found


def _word(name: str, numbers: list[list[float]]) -> str:
    """Return nlstm's name of an activation, whose numbers come next in the lists."""
    given = []
    for at, default in enumerate(DEFAULTS.get(_plain(name), (None, None))):
        given.append(None if default is None else numbers[at].pop(0) if numbers[at] else default)
    for ours, (theirs, *own) in WORDS.items():
        if theirs.lower() == name.lower() and all(
            one == other or (one is not None and other is not None and abs(one - other) < 1e-6)
            for one, other in zip(given, own, strict=True)
        ):
            return ours
    shown = ", ".join(f"{one:g}" for one in given if one is not None)
    raise Unsupported(f"the activation {name}{f' ({shown})' if shown else ''} in its recurrence")


def _plain(name: str) -> str:
    return next((one for one in DEFAULTS if one.lower() == name.lower()), name)


def _weights(
    number: int, kind: str, gates: int, arguments: dict[str, Any], W: Any, R: Any, B: Any, P: Any
) -> dict[str, np.ndarray]:
    order = np.argsort(GATES.get(gates, range(gates)))

    def turned(value: np.ndarray) -> np.ndarray:
        return np.concatenate([np.split(value, gates)[gate] for gate in order]).T

    found = {
        "kernel": turned(known(W, "W")[number]),
        "recurrent_kernel": turned(known(R, "R")[number]),
    }
    if B is not None:
        rows = known(B, "B")[number].reshape(2, gates, -1)[:, order].reshape(2, -1)
        after = arguments.get("reset_after", False)
        if kind == "GRU" and not after:
            rows = rows.sum(0, keepdims=True)
        found["bias"] = rows if after else rows.sum(0)
    if P is not None:
        parts = np.split(known(P, "P")[number], 3)
        found["peephole"] = np.concatenate([parts[gate] for gate in np.argsort(PEEPHOLES)])
    return found


def _check_sizes(sizes: tuple[int, ...], W: Any, R: Any, B: Any, P: Any) -> None:
    """Raise where arrays are of other sizes than a node says, before memory is taken for it."""
    count, rows, units, features = sizes
    wanted = {"W": (W, (rows, features)), "R": (R, (rows, units)), "B": (B, (2 * rows,))}
    for name, (given, shape) in (wanted | {"P": (P, (3 * units,))}).items():
        if given is None and name in ("B", "P"):
            continue
        found = np.shape(known(given, name))
        if found != (count, *shape):
            raise Unsupported(f"its {name} has shape {found}; expected {(count, *shape)}")


def _initial(t: Tracer, given: list[Any], count: int, units: int, layout: int) -> list[Ref]:
    """Return the states that a node begins with, those of the first direction before the others."""
    given = [one for one in given if not (one is None or (isinstance(one, Const) and one.is_zero))]
    if not given:
        return []
    found: list[list[Ref]] = [[] for _ in range(count)]
    for one in given:
        if not isinstance(one, View):
            raise Unsupported("a state to begin with that is known and not zero")
        axes = one.axes if not layout else (one.axes[1], one.axes[0], one.axes[2])
        if axes[0] == (t.batch,):
            raise TimeMajor(_sources(t, one))
        ref = t.sample(one.moved([axes[1], (*axes[0], *axes[2])]))
        for number in range(count):
            found[number].append(features(t, ref, number * units, (number + 1) * units))
    return [ref for side in found for ref in side]


# Masks


def _mask_of(t: Tracer, X: View, lengths: Any) -> Mask | None:
    """Return the mask that a node's lengths are."""
    if lengths is None or (isinstance(lengths, Const) and (lengths.array == X.shape[0]).all()):
        return None
    if isinstance(lengths, Marks):
        if X.packed != lengths.mask:
            raise Unsupported("lengths that are not those of its steps")
        return lengths.mask
    if lengths is not Lengths:
        raise Unsupported("lengths that are no input of the model")
    sequences = [step for step in t.inputs if len(step.shapes[0]) == 2]
    if len(sequences) != 1:
        raise Unsupported("lengths beside other than one input of sequences")
    sequences[0].arguments["measured"] = True
    return "of", Ref(sequences[0])


def _wants(ref: Ref, mask: Mask | None) -> None:
    """Note by which mask a layer goes."""
    ref.step.wanted = mask
    if mask is not None and mask[0] == "numbers":
        ref.step.mask = mask[1]


def _masking(t: Tracer, node: NodeOf, inputs: list[Any]) -> list[Any]:
    x = t.sample(inputs[0])
    value = float(str(np.float32(node.get("mask_value"))))
    ref = t.add("Masking", {"mask_value": value}, [x], [x.shape], name=node.name)
    return [t.view(ref), Marks(("of", ref))]


def _mask_of_numbers(t: Tracer, node: NodeOf, inputs: list[Any]) -> Marks:
    ref = inputs[0].ref
    if len(ref.shape) != 2 or ref.shape[1] != 1:  # of which there is a number for each step
        ref = t.sample(inputs[0])
    for step in reversed(t.steps):
        if step.kind == "Embedding" and step.inputs == [ref]:
            step.arguments["mask_zero"] = True
            return Marks(("of", Ref(step)))
    return Marks(("numbers", ref))


def _mask_of_lengths(t: Tracer, node: NodeOf, inputs: list[Any]) -> Marks:
    ref = t.sample(inputs[0])
    ref.step.arguments["measured"] = True
    return Marks(("of", ref))


def _every(t: Tracer, node: NodeOf, inputs: list[Any]) -> Marks:
    return Marks(("every", None))


def _pack(t: Tracer, node: NodeOf, inputs: list[Any]) -> list[Any]:
    view = t.view(t.sample(inputs[0]))
    axes = [view.axes[1], view.axes[0], view.axes[2]]
    return [view.moved(axes, packed=inputs[1].mask), Marks(inputs[1].mask, True)]


def _unpack(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    view = inputs[0]
    if view.packed != inputs[2].mask:
        raise Unsupported("a mask that is not that of its steps")
    return view.moved([view.axes[1], view.axes[0], view.axes[2]], packed=None)


def _same(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    return inputs[0]


def _zeroed(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    """Note that a layer gives zeros for masked steps; what it ends with is another output."""
    view = inputs[0]
    step = view.ref.step
    if step.kind == "Bidirectional":
        return view
    step.arguments["zero_output_for_mask"] = True
    if node.op == "nlstm.ZeroSteps":
        return view
    return View(Ref(step, len(step.shapes) - 1), view.parts, view.axes)


def _chosen(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    return inputs[1].moved(inputs[1].axes, chosen=True)


def _mean(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    x = t.sample(inputs[0])
    ref = t.add("GlobalAveragePooling1D", {"keepdims": False}, [x], [x.shape[1:]], name=node.name)
    _wants(ref, inputs[1].mask)
    return t.view(ref)


def _masked_softmax(t: Tracer, node: NodeOf, inputs: list[Any]) -> View:
    refs = [t.sample(one) for one in inputs]
    return t.view(t.add("Softmax", {}, refs, [refs[0].shape], name=node.name))


def _or(t: Tracer, node: NodeOf, inputs: list[Any]) -> Marks:
    if not all(isinstance(one, Marks) for one in inputs):
        raise Unsupported("other than masks")
    parts = [
        part for one in inputs for part in (one.mask[1:] if one.mask[0] == "or" else [one.mask])
    ]
    distinct = list(dict.fromkeys(parts))
    return Marks(distinct[0] if len(distinct) == 1 else ("or", *distinct))


HANDLERS = {
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "Or": _or,
    "RNN": _recurrent,
    "nlstm.Choose": _chosen,
    "nlstm.EveryStep": _every,
    "nlstm.LastState": _same,
    "nlstm.MaskOfLengths": _mask_of_lengths,
    "nlstm.MaskOfNumbers": _mask_of_numbers,
    "nlstm.MaskedSoftmax": _masked_softmax,
    "nlstm.Masking": _masking,
    "nlstm.MeanOfSteps": _mean,
    "nlstm.Pack": _pack,
    "nlstm.Unpack": _unpack,
    "nlstm.UnpackReverse": _unpack,
    "nlstm.ZeroEnd": _zeroed,
    "nlstm.ZeroSteps": _zeroed,
}
