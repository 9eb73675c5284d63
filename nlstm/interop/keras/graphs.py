"""The calls between a model's layers, as Keras 1 to 3 write them, made again on symbols."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nlstm import layers
from nlstm.interop.keras.context import Context
from nlstm.interop.keras.stacks import Stack
from nlstm.layers.arithmetic import Arithmetic, Linear
from nlstm.layers.mask_passing import MaskOf, Unmasked
from nlstm.layers.parts import GetItem
from nlstm.plan.symbols import Symbol, arithmetic

__all__ = ["connected", "is_masked", "is_operation", "takes_states"]

Place = tuple[str, int, int]  # a layer's name, which of its calls, which output

# Operations of Keras 3 that stand in graphs without being layers, by the operator they come from.
OPERATORS = {
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "TrueDivide": "divide",
    "Divide": "divide",
    "GetItem": "getitem",
}
MASKS = ("NotEqual", "Any")  # what Masking and Embedding look at; nlstm's layers do it themselves
MERGING = (
    layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum,
    layers.Concatenate,
)  # fmt: skip
UNMASKED = (
    Arithmetic, Linear, GetItem, Unmasked, layers.Flatten, layers.Reshape, layers.RepeatVector,
    layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D, layers.AveragePooling1D,
    layers.MaxPooling1D, layers.Conv1D, layers.Cropping1D, layers.Permute, layers.UpSampling1D,
    layers.ZeroPadding1D,
)  # fmt: skip
QUIET = ("training", "mask", "initial_state", "constants")


@dataclass
class Call:
    """One call of a layer.

    Attributes
    ----------
    values : list
        What it is called on: places, and other values for operations.
    states : list of Place
    mask : Place or None
    """

    values: list[Any] = field(default_factory=list)
    states: list[Place] = field(default_factory=list)
    mask: Place | None = None

    def places(self) -> Iterator[Place]:
        """Give what must be there first."""
        yield from (one for one in self.values if isinstance(one, tuple) and _is_place(one))
        yield from self.states
        if self.mask is not None:
            yield self.mask


def is_operation(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is an operation of Keras 3 that nlstm knows; layers have a dtype."""
    config, kind = entry.get("config"), entry.get("class_name")
    known = kind in OPERATORS or kind in MASKS
    return known and isinstance(config, dict) and not config.keys() & {"dtype", "trainable"}


def takes_states(entry: Mapping[str, Any], name: str) -> bool:
    """Whether some call hands states to a recurrent layer."""
    calls = [_call(node, name) for node in entry.get("inbound_nodes") or []]
    return any(call.states or len(call.values) > 1 for call in calls)


def connected(
    config: Mapping[str, Any], made: Mapping[str, Any], context: Context
) -> tuple[Any, Any]:
    """Return inputs and outputs as a model takes them.

    Parameters
    ----------
    config : dict
        Of a functional model.
    made : dict
        Its layers and models by name.
    context : Context
    """
    graph = _Graph(config, made, context.version)
    inputs = _form(config.get("input_layers"))
    outputs = _form(config.get("output_layers"))
    begun = graph.all_of(inputs)
    return begun, graph.all_of(outputs)


class _Graph:
    def __init__(
        self, config: Mapping[str, Any], made: Mapping[str, Any], version: tuple[int, int]
    ) -> None:
        self.made, self.version = made, version
        self.calls: dict[tuple[str, int], tuple[Mapping[str, Any], Call]] = {}
        self.found: dict[tuple[str, int], tuple[Symbol, ...]] = {}
        used: dict[str, set[int]] = {}
        numbered: dict[str, list[Call]] = {}
        entries: dict[str, Mapping[str, Any]] = {}
        for entry in config["layers"]:
            name = str(entry.get("name") or entry["config"].get("name"))
            nodes = entry.get("inbound_nodes") or []
            numbered[name], entries[name] = [_call(node, name) for node in nodes], entry
            layer = made.get(name)
            if isinstance(layer, layers.InputLayer):
                self.found[name, 0] = layer.nodes[0].outputs
        ends = [*_flat(_form(config.get("output_layers"))), *_flat(_form(config["input_layers"]))]
        for calls in numbered.values():
            for call in calls:
                ends += list(call.places())
        for name, number, _ in ends:
            used.setdefault(name, set()).add(number)
        for name, calls in numbered.items():
            # Models of Keras 1 and 2 count the call that made them: theirs begin with 1.
            first = min(used.get(name, {0})) if self._is_model(name) else 0
            for number, call in enumerate(calls):
                self.calls[name, number + min(first, 1)] = entries[name], call

    def _is_model(self, name: str) -> bool:
        one = self.made.get(name)
        return one is not None and not isinstance(one, layers.Layer | Stack)

    def all_of(self, form: Any) -> Any:
        """Return the symbols of places, in the form in which these come."""
        if isinstance(form, Mapping):
            return {name: self.all_of(place) for name, place in form.items()}
        if isinstance(form, list):
            return [self.all_of(place) for place in form]
        return self._symbol(form)

    def _symbol(self, place: Place) -> Symbol:
        """Return a symbol, after what comes before it; without recursion, since graphs are deep."""
        waiting, begun = [place], set()
        while waiting:
            name, number, _ = waiting[-1]
            key = name, number
            if key in self.found:
                waiting.pop()
                continue
            if key not in self.calls:
                raise ValueError(f"its layers call {name!r} a {number + 1}th time, which it lacks.")
            entry, call = self.calls[key]
            if call.mask is not None and self._is_implied(call.mask):
                call.mask = None
            missing = [one for one in call.places() if one[:2] not in self.found]
            if missing and key in begun:
                raise ValueError(f"its layer {name!r} needs its own output.")
            begun.add(key)
            waiting += missing
            if not missing:
                self.found[key] = self._called(name, entry, call)
        return self._at(place)

    def _is_implied(self, place: Place) -> bool:
        """Whether a mask is what Keras 3 computes for Masking and Embedding."""
        return place[0] not in self.made

    def _at(self, place: Place) -> Symbol:
        outputs = self.found[place[:2]]
        if not 0 <= place[2] < len(outputs):
            raise ValueError(f"its layer {place[0]!r} has no output {place[2]}.")
        return outputs[place[2]]

    def _called(self, name: str, entry: Mapping[str, Any], call: Call) -> tuple[Symbol, ...]:
        one = self.made.get(name)
        if one is None:
            return (self._operated(name, entry, call),)
        symbols = [self._at(place) for place in call.values if _is_place(place)]
        if self._is_model(name):
            graph = one.design.graph
            if graph is None:
                graph = one.design.graph_inside(symbols[0].sample, True)
            return tuple(graph.call_on(symbols))
        given: dict[str, Any] = {}
        blind = bool(call.states) and call.mask is None and self.version >= (3, 0)
        blind = blind and is_masked(symbols[0])
        masked = symbols[0]
        if blind:  # Keras 3 gives a layer that gets states no mask, and its output the input's
            symbols[0] = Unmasked(name=f"{name}_unmasked")(masked)
        if call.states:
            given["initial_state"] = [self._at(place) for place in call.states]
        if call.mask is not None:
            given["mask"] = self._at(call.mask)
        made = one(*symbols, **given)
        outputs = made if isinstance(made, tuple) else (made,)
        if blind and getattr(one, "return_sequences", False):
            outputs = (MaskOf(name=f"{name}_mask")(outputs[0], masked), *outputs[1:])
        return outputs

    def _operated(self, name: str, entry: Mapping[str, Any], call: Call) -> Symbol:
        kind = str(entry["class_name"])
        if kind not in OPERATORS:
            raise ValueError(f"it uses the operation {kind} {name!r}, which nlstm does not have.")
        values = [self._at(one) if _is_place(one) else _key(one) for one in call.values]
        if len(values) != 2:
            raise ValueError(f"its operation {kind} {name!r} has {len(values)} arguments, not 2.")
        made: Symbol = arithmetic[OPERATORS[kind]](*values)
        made.node.layer.name = name
        return made


def is_masked(symbol: Symbol) -> bool:
    """Whether a value has a mask of its own: `Masking` or `Embedding` stand somewhere before it."""
    waiting, seen = [symbol], set()
    while waiting:
        one = waiting.pop()
        layer: Any = one.node.layer
        if one in seen or not one.node.inputs or isinstance(layer, UNMASKED):
            continue
        seen.add(one)
        if isinstance(layer, layers.Masking) or getattr(layer, "mask_zero", False):
            return True
        if isinstance(layer, MaskOf):
            waiting.append(one.node.inputs[1])
        elif one.index == 0 and getattr(layer, "return_sequences", True):
            waiting += one.node.inputs if isinstance(layer, MERGING) else one.node.inputs[:1]
    return False


# Places


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(one, int) for one in value[1:])
    )


def _place(value: Any) -> Place:
    """Return what [name, call, output] or one of Keras 3's tensors names."""
    if isinstance(value, Mapping):
        config = value.get("config")
        value = config.get("keras_history") if isinstance(config, Mapping) else None
    if isinstance(value, list | tuple) and len(value) >= 3 and _is_place((*value[:3],)):
        return value[0], value[1], value[2]
    raise ValueError(f"its layers name the value {value!r}; expected [layer, call, output].")


def _form(value: Any) -> Any:
    """Return input or output layers of a config as a place, or a list or dict of places."""
    if isinstance(value, Mapping):
        return {str(name): _place(one) for name, one in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], str):
        return _place(value)  # Keras 3: one output, in no list
    if isinstance(value, list):
        return [_place(one) for one in value]
    raise ValueError(f"its config names {value!r} as inputs or outputs.")


def _flat(form: Any) -> list[Place]:
    if isinstance(form, Mapping):
        return list(form.values())
    return form if isinstance(form, list) else [form]


# Calls


def _call(node: Any, name: str) -> Call:
    if isinstance(node, Mapping):
        return _call_of_3(node, name)
    if not isinstance(node, list):
        raise ValueError(f"a call of its layer {name!r} is {node!r}.")
    call = Call()
    if node and isinstance(node[0], str):  # one input, in no list
        node = [node]
    for value in node:
        call.values.append(_place(value))
        if len(value) > 3:
            _keywords(call, value[3], name)
    return call


def _call_of_3(node: Mapping[str, Any], name: str) -> Call:
    call = Call()
    for value in node.get("args", []):
        if _is_tensor(value):
            call.values.append(_place(value))
        elif isinstance(value, list) and any(map(_is_tensor, value)):
            call.values += [_place(one) for one in value if one is not None]
        elif value is not None:
            call.values.append(value)
    given = dict(node.get("kwargs", {}))
    for first in ("inputs", "sequence", "sequences"):
        if first in given:
            value = given.pop(first)
            call.values += [_place(one) for one in (value if isinstance(value, list) else [value])]
    _keywords(call, given, name)
    return call


def _keywords(call: Call, given: Mapping[str, Any], name: str) -> None:
    """Take over the arguments of a call that are named."""
    if not isinstance(given, Mapping):
        raise ValueError(f"a call of its layer {name!r} has the arguments {given!r}.")
    for argument, value in given.items():
        if argument == "mask":
            masks = value if isinstance(value, list) and not _names_one(value) else [value]
            named = [one for one in masks if one is not None]
            call.mask = _place(named[0]) if named else None
        elif argument == "initial_state":
            call.states = _states(value)
        elif value not in (None, False) and not (argument in QUIET and value in ([], {})):
            raise ValueError(
                f"its layer {name!r} is called with {argument}={value!r}, which nlstm does not do."
            )


def _states(value: Any) -> list[Place]:
    """Return the places of states, which come in a list for each cell of a stack."""
    if isinstance(value, list | tuple) and not _names_one(value):
        return [place for one in value for place in _states(one)]
    return [_place(value)]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _names_one(value: Sequence[Any]) -> bool:
    return bool(value) and isinstance(value[0], str)


def _key(value: Any) -> Any:
    """Return a number or the key of x[...] as Python has it."""
    if isinstance(value, Mapping) and value.get("class_name") == "__slice__":
        parts = value.get("config", {})
        return slice(*(parts.get(one) for one in ("start", "stop", "step")))
    if isinstance(value, Mapping) and value.get("class_name") == "__ellipsis__":
        return Ellipsis
    if isinstance(value, list):
        return tuple(map(_key, value))
    return value
