"""Recurrent layers as LSTM, GRU and RNN nodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm import layers
from nlstm.interop.onnx.activations_out import words_of
from nlstm.interop.onnx.nodes import Nodes, lacking

__all__ = ["bidirectional", "recurrent"]

NODES: dict[type, tuple[str, int, int]] = {
    layers.LSTM: ("LSTM", 4, 2),
    layers.GRU: ("GRU", 3, 1),
    layers.SimpleRNN: ("RNN", 1, 1),
}
GATES = {4: (0, 3, 1, 2)}  # of nlstm's i, f, c, o those that ONNX has as i, o, f, c
PEEPHOLES = (0, 2, 1)  # i, f, o as i, o, f
OFF: dict[str, Any] = {
    "stateful": (False,), "zoneout": ((0.0, 0.0),), "layer_norm": (False,), "proj_size": (None,)
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One level of a recurrent layer: what one direction of a node is."""

    layer: Any
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    peephole: Any

    @property
    def like(self) -> tuple[Any, ...]:
        """What two directions of one node have in common."""
        one = self.layer
        after = getattr(one, "reset_after", None)
        extra = self.bias is None, self.peephole is None
        return type(one), one.units, after, one.zero_output_for_mask, *extra


@dataclass
class Passed:
    """What one direction gives: all steps, in the order of the input, and the last states."""

    steps: str | None
    states: list[str]


def cells(layer: Any) -> list[Cell]:
    """Return the levels of a layer; raise where ONNX does not have what it does."""
    for name, off in OFF.items():
        value = getattr(layer, name, off[0])
        if value not in off:
            raise lacking(f"{name} of the {type(layer).__name__} {layer.name!r} is {value!r}")
    named = {one.name.rpartition("/")[2]: one for one in layer.parameters}
    found = []
    for number in range(getattr(layer, "num_layers", 1)):
        suffix = f"_{number}" if number else ""
        names = ("kernel", "recurrent_kernel", "bias", "peephole")
        found.append(Cell(layer, *(named.get(name + suffix) for name in names)))
    return found


def recurrent(
    to: Nodes, layer: Any, x: str, mask: str | None, initial: Sequence[str]
) -> tuple[str, list[str]]:
    """Append a layer; return its output, in the order in which it gives steps, and its states."""
    states: list[str] = []
    levels = cells(layer)
    for number, cell in enumerate(levels):
        more = number + 1 < len(levels)
        count = NODES[_kind(layer)][2]
        given = [[one] for one in initial[number * count : (number + 1) * count]]
        (passed,) = _run(to, [cell], x, mask, given, more or layer.return_sequences)
        states += passed.states
        if passed.steps is None:
            x = _ended(to, layer, passed.states[0], mask)
        else:
            x = _reversed(to, passed.steps) if layer.go_backwards else passed.steps
    return x, states


def bidirectional(
    to: Nodes, layer: Any, x: str, mask: str | None, initial: Sequence[str]
) -> list[str]:
    """Append both directions and what merges them; return all outputs."""
    one, other = layer.forward_layer, layer.backward_layer
    half = len(initial) // 2
    pair = [*cells(one), *cells(other)]
    if len(pair) == 2 and pair[0].like == pair[1].like and other.go_backwards:
        given = [list(both) for both in zip(initial[:half], initial[half:], strict=True)]
        ran = _run(to, pair, x, mask, given, layer.return_sequences)
        outputs = [
            _ended(to, side, passed.states[0], mask) if passed.steps is None else passed.steps
            for side, passed in zip((one, other), ran, strict=True)
        ]
        states = [*ran[0].states, *ran[1].states]
    else:
        first, states = recurrent(to, one, x, mask, initial[:half])
        second, more = recurrent(to, other, x, mask, initial[half:])
        outputs = [first, _reversed(to, second) if layer.return_sequences else second]
        states += more
    rest = states if layer.return_state else []
    return [*_merged(to, layer.merge_mode, outputs), *rest]


def _merged(to: Nodes, mode: str | None, outputs: list[str]) -> list[str]:
    if mode is None:
        return outputs
    if mode == "concat":
        return [to.add("Concat", *outputs, axis=-1)]
    merged = to.add("Mul" if mode == "mul" else "Add", *outputs)
    return [to.add("Mul", merged, to.constant(0.5)) if mode == "ave" else merged]


def _kind(layer: Any) -> type:
    return next(one for one in NODES if isinstance(layer, one))


def _run(
    to: Nodes,
    directions: list[Cell],
    x: str,
    mask: str | None,
    initial: list[list[str]],
    sequences: bool,
) -> list[Passed]:
    """Append one node; `initial` has for each state the value of each direction."""
    layer = directions[0].layer
    op, gates, count = NODES[_kind(layer)]
    if mask is None:
        seen, lengths = to.add("Transpose", x, perm=[1, 0, 2]), ""
    else:
        seen, lengths = to.function("Pack", 2, x, mask)
    begins = [_begun(to, state) for state in initial]
    begins += [""] * (count - len(begins))
    inputs = [seen, *_weights(to, directions, gates), lengths, *begins]
    if directions[0].peephole is not None:
        inputs.append(_joined(to, directions, "peephole", "P", _peepholes))
    while not inputs[-1]:
        inputs.pop()
    attributes = _attributes(directions, gates)
    Y, *lasts = to.several(op, 1 + count, *inputs, **attributes)
    ran = []
    for number, cell in enumerate(directions):
        before = [state[number] for state in initial]
        place = to.constant(number)
        states = [to.add("Gather", last, place, axis=0) for last in lasts]
        steps = to.add("Gather", Y, place, axis=1) if sequences else None
        if mask is not None:
            given = before or [to.constant([[0.0]])] * count
            states = [
                to.function("LastState", 1, state, one, mask)[0]
                for state, one in zip(states, given, strict=True)
            ]
        if steps is not None:
            steps = _unpacked(to, cell.layer, steps, mask, before)
        ran.append(Passed(steps, states))
    return ran


def _begun(to: Nodes, state: list[str]) -> str:
    """Return the values of a state for all directions as one."""
    found = [to.add("Unsqueeze", one, to.constant([0])) for one in state]
    return found[0] if len(found) == 1 else to.add("Concat", *found, axis=0)


def _unpacked(to: Nodes, layer: Any, steps: str, mask: str | None, before: list[str]) -> str:
    if mask is None:
        return to.add("Transpose", steps, perm=[1, 0, 2])
    name = "UnpackReverse" if layer.go_backwards else "Unpack"
    first = to.add("Unsqueeze", before[0], to.constant([1])) if before else None
    (found,) = to.function(name, 1, steps, first or to.constant([[[0.0]]]), mask)
    return to.function("ZeroSteps", 1, found, mask)[0] if layer.zero_output_for_mask else found


def _ended(to: Nodes, layer: Any, state: str, mask: str | None) -> str:
    """Return the output of a layer that gives its last step alone."""
    if mask is None or not layer.zero_output_for_mask:
        return state
    return to.function("ZeroEnd", 1, state, mask, step=0 if layer.go_backwards else -1)[0]


def _reversed(to: Nodes, steps: str) -> str:
    whole = (to.constant([one]) for one in (-1, np.iinfo(np.int64).min, 1, -1))
    return to.add("Slice", steps, *whole)


def _attributes(directions: list[Cell], gates: int) -> dict[str, Any]:
    names = []
    for cell in directions:
        layer = cell.layer
        names += [layer.recurrent_activation] if gates > 1 else []
        names += [layer.activation] * (2 if gates == 4 else 1)
    layer = directions[0].layer
    found = {"hidden_size": layer.units}
    words = words_of(layer.name, names)
    if (
        words["activations"]
        != words_of(layer.name, _default(gates) * len(directions))["activations"]
    ):
        found |= words
    if len(directions) == 2:
        found["direction"] = "bidirectional"
    elif layer.go_backwards:
        found["direction"] = "reverse"
    if gates == 3 and layer.reset_after:
        found["linear_before_reset"] = 1
    return found


def _default(gates: int) -> list[str]:
    return ["sigmoid", "tanh", "tanh"][-gates:] if gates != 3 else ["sigmoid", "tanh"]


# Weights


def _weights(to: Nodes, directions: list[Cell], gates: int) -> list[str]:
    order = GATES.get(gates, range(gates))

    def turned(value: np.ndarray, cell: Cell) -> np.ndarray:
        return np.concatenate([np.split(value.T, gates)[gate] for gate in order])

    def both(value: np.ndarray, cell: Cell) -> np.ndarray:
        rows = value if value.ndim == 2 else np.stack([value, np.zeros_like(value)])
        return np.concatenate([np.split(row, gates)[gate] for row in rows for gate in order])

    found = [
        _joined(to, directions, "kernel", "W", turned),
        _joined(to, directions, "recurrent_kernel", "R", turned),
    ]
    return [
        *found,
        "" if directions[0].bias is None else _joined(to, directions, "bias", "B", both),
    ]


def _peepholes(value: np.ndarray, cell: Cell) -> np.ndarray:
    return np.concatenate([np.split(value, 3)[gate] for gate in PEEPHOLES])


def _joined(to: Nodes, directions: list[Cell], name: str, role: str, form: Any) -> str:
    """Return the name of what both directions have of a weight, in ONNX's layout."""
    parameters = [getattr(cell, name) for cell in directions]
    number = directions[0].kernel.name.rpartition("kernel")[2]  # of the level
    return to.array(
        parameters[0],
        role + number,
        lambda: np.stack([form(to.value(one), directions[0]) for one in parameters]),
    )
