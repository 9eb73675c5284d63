"""Layers and a model made of the steps of a graph."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm import layers
from nlstm.arguments.names import FreeNames
from nlstm.files.arrays_file import check_fits
from nlstm.interop.onnx.recurrent_in import STATES
from nlstm.interop.onnx.steps import MERGED, RAW, Open, Ref, Step
from nlstm.layers.arithmetic import Arithmetic, Linear
from nlstm.layers.mask_passing import MaskOf, Unmasked
from nlstm.layers.parts import GetItem
from nlstm.models import Model, Sequential
from nlstm.network.weights import build_layers

__all__ = ["model_from"]

OWN = {
    "Arithmetic": Arithmetic,
    "GetItem": GetItem,
    "Linear": Linear,
    "MaskOf": MaskOf,
    "Unmasked": Unmasked,
}
WORD = re.compile(r"[A-Za-z_][\w.-]*$")
INNER = ("cell", "merged", "of", "shape", "chosen")  # arguments that say how the step is read


def model_from(steps: Sequence[Step], outputs: Sequence[Ref], name: str) -> Any:
    """Return a model of steps, in an order in which they can run, with their weights."""
    maker = _Maker(steps, outputs)
    double = any(
        step.arguments.get("double")
        or any(one.dtype == np.float64 for one in step.weights.values())
        for step in steps
        if step.kind != "BatchNormalization" or step.arguments.get("trainable", True)
    )
    dtype = "float64" if double else None
    called = name if WORD.match(name) else None
    chain = maker.chain()
    if chain is not None:
        model: Any = Sequential(chain, name=called, dtype=dtype)
    else:
        ends = [maker.symbols[ref] for ref in outputs]
        begins = [maker.symbols[Ref(step)] for step in steps if step.kind == "Input"]
        model = Model(
            begins if len(begins) > 1 else begins[0],
            ends if len(ends) > 1 else ends[0],
            name=called,
            dtype=dtype,
        )
    planned = {
        id(one): label for label, one in build_layers(model.design.network("load_model")).items()
    }
    for layer, weights in maker.weights:
        for parameter, array in _pairs(layer, weights):
            check_fits(planned[id(parameter)], planned[id(parameter)], array, parameter.shape)
            parameter.start_with(np.ascontiguousarray(array, model.dtype))
    model.binder_for()
    return model


def _pairs(layer: Any, weights: dict[str, np.ndarray]) -> list[tuple[Any, np.ndarray]]:
    """Return a layer's weights with their arrays."""
    if isinstance(layer, layers.Bidirectional):
        sides = (("forward", layer.forward_layer), ("backward", layer.backward_layer))
        return [
            (one, weights[f"{side}/{one.name.rpartition('/')[2]}"])
            for side, part in sides
            for one in part.parameters
        ]
    return [(one, weights[one.name]) for one in layer.parameters]


class _Maker:
    def __init__(self, steps: Sequence[Step], outputs: Sequence[Ref]) -> None:
        self.steps, self.outputs = steps, outputs
        self.symbols: dict[Ref, Any] = {}
        self.weights: list[tuple[Any, dict[str, np.ndarray]]] = []
        self.calls: list[Any] = []  # a layer, what it is called on, and what it returned
        self._shared: dict[Any, Any] = {}
        self._names: set[str] = {_plain(step.name) for step in steps if step.kind == "Input"}
        self._used: dict[int, set[int]] = {}
        sources = [ref for step in steps for ref in step.inputs]
        for ref in [*sources, *outputs, *(step.mask for step in steps if step.mask is not None)]:
            self._used.setdefault(id(ref.step), set()).add(ref.number)
        for step in steps:
            self._take(step)
        free = FreeNames(self._names)
        for layer in dict.fromkeys(layer for layer, _, _ in self.calls):
            if not layer.named_by_user:  # theirs come behind those that the file has
                layer.name, layer.named_by_user = free.free(layer.name), True
                free.take(layer.name)

    def chain(self) -> list[Any] | None:
        """Return the layers, with the input first, where each takes what the one before it made."""
        inputs = [step for step in self.steps if step.kind == "Input"]
        if len(inputs) != 1 or len(self.outputs) != 1 or not self.calls:
            return None
        before = self.symbols[Ref(inputs[0])]
        found: list[Any] = []
        for layer, given, made in self.calls:
            if given != [before] or len(made) != 1 or isinstance(layer, Unmasked):
                return None
            found.append(layer)
            before = made[0]
        shared = len(set(map(id, found))) < len(found)
        if shared or before is not self.symbols[self.outputs[0]]:
            return None
        fresh = {id(one): type(one).from_config(one.get_config()) for one in found}
        self.weights = [(fresh[id(layer)], weights) for layer, weights in self.weights]
        begin = inputs[0]
        symbol = layers.Input(_sample(begin), dtype=_whole(begin), name=_plain(begin.name))
        return [symbol, *fresh.values()]

    def _take(self, step: Step) -> None:
        if step.kind == "Input":
            name = _plain(step.name)
            self.symbols[Ref(step)] = layers.Input(_sample(step), dtype=_whole(step), name=name)
        elif step.kind in STATES:
            self._recurrent(step)
        elif step.kind == "Bidirectional":
            self._bidirectional(step)
        else:
            self.symbols[Ref(step)] = self._called(step, step.kind, step.arguments)[0]

    def _called(self, step: Step, kind: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
        """Return what a layer returns: a new one, or one that has the same weights."""
        key = kind, repr(sorted(arguments.items())), step.key
        layer = self._shared.get(key) if step.key else None
        if layer is None:
            layer = self._layer(kind, arguments)
            name = self._name(step.name)
            if name is not None:
                layer.name, layer.named_by_user = name, True
            self.weights.append((layer, step.weights))
            self._shared[key] = layer
        given = [self._symbol(ref) for ref in step.inputs]
        return self._call(layer, given, None if step.mask is None else self._symbol(step.mask))

    def _call(self, layer: Any, given: list[Any], mask: Any = None) -> tuple[Any, ...]:
        merging = isinstance(layer, layers.Concatenate) or hasattr(layer, "only_two")
        made = (
            layer(given)
            if merging
            else layer(*given, mask=mask)
            if mask is not None
            else layer(*given)
        )
        made = made if isinstance(made, tuple) else (made,)
        self.calls.append((layer, given if mask is None else [*given, mask], made))
        return made

    def _layer(self, kind: str, arguments: dict[str, Any]) -> Any:
        cls: Any = OWN.get(kind) or getattr(layers, kind)
        return cls(**{name: value for name, value in arguments.items() if name not in INNER})

    def _symbol(self, ref: Ref) -> Any:
        return self.symbols[ref]

    def _name(self, node: str) -> str | None:
        """Return a layer's name for a node's: the last but one of its parts."""
        parts = node.strip("/").split("/")
        name = parts[-2] if len(parts) > 1 else ""
        if not WORD.match(name) or name in self._names:
            return None
        self._names.add(name)
        return name

    def _recurrent(self, step: Step) -> None:
        used, states = self._used.get(id(step), set()), STATES[step.kind]
        end = 1 + states
        sequences = bool(used & {0, RAW})
        arguments = dict(step.arguments, return_sequences=sequences)
        arguments["return_state"] = (
            2 in used and states > 1 or (1 in used and (sequences or end in used))
        )
        if not sequences and end not in used:
            arguments.pop("zero_output_for_mask", None)  # the state is not zeroed
        y, *lasts = self._called(step, step.kind, arguments)
        for number, symbol in enumerate(lasts, 1):
            self.symbols[Ref(step, number)] = symbol
        if not sequences:
            self.symbols.setdefault(Ref(step, 1), y)
            self.symbols[Ref(step, end)] = y
            return
        backwards = arguments["go_backwards"]
        self.symbols[Ref(step, RAW)] = y
        if 0 in used:
            self.symbols[Ref(step)] = self._part(y, slice(None, None, -1)) if backwards else y
        if end in used:
            self.symbols[Ref(step, end)] = self._part(y, -1)

    def _part(self, symbol: Any, key: Any) -> Any:
        return self._call(GetItem((slice(None), key)), [symbol])[0]

    def _bidirectional(self, step: Step) -> None:
        used, arguments = self._used.get(id(step), set()), dict(step.arguments)
        states = STATES[arguments["cell"]]
        merged = arguments.get("merged")
        sequences = arguments["of"] == (0, 1) if merged else bool(used & {0, 1})
        lasts = used - {0, 1, MERGED}
        plain = {2, 2 + states} if not sequences and not merged else set()
        more = bool(lasts - plain)
        given = arguments | {
            "go_backwards": False,
            "return_sequences": sequences,
            "return_state": more,
        }
        given.pop("zero_output_for_mask", None)
        side = self._layer(arguments["cell"], given)
        made = self._called(step, "Bidirectional", {"layer": side, "merge_mode": merged})
        count = 1 if merged else 2
        if merged:
            self.symbols[Ref(step, MERGED)] = made[0]
        else:
            for place, symbol in zip((0, 1) if sequences else (2, 2 + states), made, strict=False):
                self.symbols[Ref(step, place)] = symbol
        for number, symbol in enumerate(made[count:], 2):
            self.symbols.setdefault(Ref(step, number), symbol)


def _plain(name: str) -> str:
    return name.replace("/", "_") or "input"


def _sample(step: Step) -> tuple[int | None, ...]:
    return tuple(None if isinstance(n, Open) else int(n) for n in step.shapes[0])


def _whole(step: Step) -> str | None:
    return "int32" if step.arguments["whole"] else None
