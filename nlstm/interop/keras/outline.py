"""A model as Keras 3 would have it: its config, and its layers in Keras's order.

Keras finds weights by the order of layers: see `nlstm.interop.keras.order`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nlstm import layers
from nlstm.interop.keras.graphs import MERGING, is_masked
from nlstm.interop.keras.order import ordered
from nlstm.interop.keras.table import parts_of, row_of, snake
from nlstm.interop.keras.weights import places
from nlstm.interop.keras.words_out import layer_config, policy
from nlstm.layers.arithmetic import Arithmetic, Linear
from nlstm.layers.mask_passing import MaskOf, Unmasked
from nlstm.layers.parts import GetItem
from nlstm.plan.parameters import Parameter
from nlstm.plan.symbols import Node, Symbol

__all__ = ["Outline", "outline_of"]

OPERATIONS = {"add": "Add", "subtract": "Subtract", "multiply": "Multiply"}


@dataclass
class Outline:
    """A layer or model of Keras's.

    Attributes
    ----------
    name, kind : str
        Keras's class.
    config : dict
        Its entry in a config.
    weights : list of (str, list of Parameter)
        Where `.keras` files have them below the layer's place.
    inside : list of Outline
        A model's, in Keras's order.
    """

    name: str
    kind: str
    config: dict[str, Any]
    weights: list[tuple[str, Sequence[Parameter]]] = field(default_factory=list)
    inside: list["Outline"] = field(default_factory=list)

    @property
    def parameters(self) -> list[Parameter]:
        """All weights, in Keras's order."""
        own = [one for _, part in self.weights for one in part]
        return own + [one for part in self.inside for one in part.parameters]

    def placed(self, path: str = "") -> list[tuple[str, "Outline"]]:
        """Return the layers inside with their places: classes are counted."""
        counts: dict[str, int] = {}
        found = []
        for one in self.inside:
            name = snake(one.kind)
            counts[name] = number = counts.get(name, -1) + 1
            place = f"{path}layers/{name}_{number}" if number else f"{path}layers/{name}"
            found.append((place, one))
            found += one.placed(f"{place}/")
        return found


def outline_of(model: Any, what: str) -> Outline:
    """Return the outline of a model with weights.

    Parameters
    ----------
    model : Sequential or Model
    what : {".keras", ".h5", "weights"}
        What it is for: HDF5 holds no sums and parts of values, and for weights alone nothing counts
        but their places.

    Raises
    ------
    ValueError
        Something in it is not Keras's: the error names it.
    """
    if hasattr(model.design, "members"):
        return _stack(model, model.dtype.name, what)
    return _functional(model, model.dtype.name, what)


# Layers


def _levels(layer: layers.Layer, dtype: str, what: str) -> list[Outline]:
    """Return a layer; an LSTM of several levels is so many layers, the last with its name."""
    count = getattr(layer, "num_layers", 1)
    for _, part in parts_of(layer, row_of(layer)):
        if not isinstance(part, layers.Layer):
            raise ValueError(
                f"{layer.name} applies a model, which nlstm writes to none of Keras's files: "
                "nothing was written. Files of nlstm's own, such as 'model.nlstm', hold it."
            )
    if count == 1:
        config = layer_config(layer, dtype, {}, what)
        weights = [] if not layer.parameters else list(places("", layer, row_of(layer)))
        return [Outline(layer.name, config["class_name"], config, weights)]
    assert isinstance(layer, layers.LSTM)
    if layer.return_state or layer.stateful or any(len(node.inputs) > 1 for node in layer.nodes):
        raise ValueError(
            f"{layer.name} has num_layers={count} and hands on states, which no layer of Keras's "
            "does: nothing was written."
        )
    found = []
    share = len(layer.parameters) // count
    for level in range(count):
        last = level + 1 == count
        name = layer.name if last else f"{layer.name}_level_{level}"
        changes: dict[str, Any] = {"num_layers": 1, "name": name}
        if not last:
            changes |= {"return_sequences": True, "activity_regularizer": None}
        config = layer_config(layer, dtype, changes, what)
        own = layer.parameters[level * share : (level + 1) * share]
        found.append(Outline(name, "LSTM", config, [("/cell", own)]))
    return found


def _input(symbol: Symbol, name: str, dtype: str) -> Outline:
    config = {
        "batch_shape": list(symbol.shape),
        "dtype": dtype,
        "sparse": False,
        "ragged": False,
        "name": name,
    }
    entry = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": config,
        "registered_name": None,
    }
    return Outline(name, "InputLayer", entry)


# Models


def _stack(model: Any, dtype: str, what: str) -> Outline:
    graph = model.design.graph
    first = graph.inputs[0]
    given = "int32" if graph.limits[0] is not None else dtype
    inside = []
    for member in model.design.members:
        if isinstance(member, layers.Layer):
            inside += _levels(member, dtype, what)
        else:
            inside.append(outline_of(member, what))
    begin = _input(first, first.node.layer.name, given)
    names = {one.name for one in inside}
    if begin.name in names:
        begin.name = begin.config["config"]["name"] = f"{begin.name}_input"
    shape = list(first.shape)
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": model.name,
            "trainable": True,
            "dtype": policy(dtype),
            "layers": [begin.config, *(one.config for one in inside)],
            "build_input_shape": shape,
        },
        "registered_name": None,
        "build_config": {"input_shape": shape},
    }
    return Outline(model.name, "Sequential", config, [], inside)


def _functional(model: Any, dtype: str, what: str) -> Outline:
    network = model.design.network("save")
    graph = network.graph
    writer = _Calls(graph, dtype, what)
    inputs = [writer.place(symbol) for symbol in graph.inputs]
    names = [place[0] for place in inputs]
    begun: Any = inputs[0] if len(inputs) == 1 else inputs
    if list(network.input_names) != names:
        begun = dict(zip(network.input_names, inputs, strict=True))
    outputs = network.as_outputs([writer.place(symbol) for symbol in graph.outputs])
    config = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": model.name,
            "trainable": True,
            "layers": [one.config for one in writer.outlines],
            "input_layers": begun,
            "output_layers": _listed(outputs),
        },
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }
    return Outline(model.name, "Functional", config, [], writer.in_order())


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _listed(one) for name, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


class _Calls:
    """The layers of a graph with their calls."""

    def __init__(self, graph: Any, dtype: str, what: str) -> None:
        self.graph, self.dtype, self.what = graph, dtype, what
        self.outlines: list[Outline] = []
        self._places: dict[Symbol, list[Any]] = {}
        self._layers: dict[Any, list[Outline]] = {}
        for symbol, limit in zip(graph.inputs, graph.limits, strict=True):
            layer = symbol.node.layer
            name = f"{layer.name}_input" if symbol.node.inputs else layer.name
            begin = _input(symbol, name, "int32" if limit is not None else dtype)
            self._add(begin)
            self._places[symbol] = [name, 0, 0]
            if not symbol.node.inputs:
                self._layers[layer] = [begin]
        for node in graph.nodes:
            self._call(node)

    def place(self, symbol: Symbol) -> list[Any]:
        """Return [layer's name, number of its call, number of the output]."""
        return self._places[symbol]

    def _add(self, one: Outline) -> None:
        one.config |= {"name": one.name, "inbound_nodes": []}
        self.outlines.append(one)

    def _tensor(self, symbol: Symbol, place: list[Any] | None = None) -> dict[str, Any]:
        config = {
            "shape": list(symbol.shape),
            "dtype": self.dtype,
            "keras_history": place or self._places[symbol],
        }
        return {"class_name": "__keras_tensor__", "config": config}

    def _call(self, node: Node) -> None:
        layer: Any = node.layer
        if isinstance(layer, Unmasked | MaskOf):  # Keras 3 does it by itself
            self._places[node.outputs[0]] = self._places[node.inputs[0]]
            return
        if isinstance(layer, Linear | Arithmetic | GetItem):
            self._operation(node, layer)
            return
        if layer not in self._layers:
            self._layers[layer] = _levels(layer, self.dtype, self.what)
            for one in self._layers[layer]:
                self._add(one)
        *before, last = self._layers[layer]
        tensors = [self._tensor(symbol) for symbol in node.inputs]
        given: dict[str, Any] = {}
        if isinstance(layer, MERGING):
            arguments: list[Any] = [tensors]
        elif isinstance(layer, layers.Softmax) and len(tensors) > 1:
            raise ValueError(f"{layer.name} is called on a mask of numbers: nothing was written.")
        else:
            arguments, states = tensors[:1], tensors[1:]
            if states:
                given["initial_state"] = states
                if self.what != "weights" and node.mask is None and is_masked(node.inputs[0]):
                    raise ValueError(
                        f"{layer.name} gets an initial state and a mask, which Keras 3 leaves out "
                        "then: nothing was written."
                    )
        if node.mask is not None and self.what != "weights":
            raise ValueError(
                f"{layer.name} is called with mask=, which is written by nlstm's own format alone: "
                "nothing was written."
            )
        for one in before:  # the levels of an LSTM
            nodes = one.config["inbound_nodes"]
            nodes.append({"args": arguments, "kwargs": {}})
            source = node.inputs[0]
            shape = Symbol((source.sample[0], layer.units), node, 0, source.batch_size)
            arguments = [self._tensor(shape, [one.name, len(nodes) - 1, 0])]
        calls = last.config["inbound_nodes"]
        for number, symbol in enumerate(node.outputs):
            self._places[symbol] = [last.name, len(calls), number]
        calls.append({"args": arguments, "kwargs": given})

    # Operations

    def _operation(self, node: Node, layer: Any) -> None:
        if self.what == ".h5":
            raise ValueError(
                f"{layer.name} is arithmetic, which Keras does not read from HDF5: write a .keras "
                "file. Nothing was written."
            )
        x = self._tensor(node.inputs[0])
        if isinstance(layer, GetItem):
            made = self._operated(layer.name, "GetItem", [x, _key(layer)])
        elif isinstance(layer, Arithmetic):
            other = self._tensor(node.inputs[1])
            made = self._operated(layer.name, OPERATIONS[layer.kind], [x, other])
        else:
            made = self._operated(layer.name, "Multiply", [x, layer.factor])
            if layer.offset:
                scaled = self._tensor(node.outputs[0], made)
                made = self._operated(f"{layer.name}_offset", "Add", [scaled, layer.offset])
        self._places[node.outputs[0]] = made

    def _operated(self, name: str, kind: str, arguments: list[Any]) -> list[Any]:
        config = {
            "module": "keras.src.ops.numpy",
            "class_name": kind,
            "config": {"name": name},
            "registered_name": kind,
        }
        one = Outline(name, "", config)
        self._add(one)
        one.config["inbound_nodes"].append({"args": arguments, "kwargs": {}})
        return [name, 0, 0]

    # Order

    def in_order(self) -> list[Outline]:
        """Return the layers in the order in which Keras 3 has them."""
        found = [one for layer in ordered(self.graph) for one in self._layers.get(layer, [])]
        return found + [
            one for one in self.outlines if one.kind == "InputLayer" and one not in found
        ]


def _key(layer: GetItem) -> list[Any]:
    """Return the key of x[...] as Keras writes it."""
    found: list[Any] = []
    for one in layer.get_config()["key"]:
        if isinstance(one, Mapping):
            found.append({"class_name": "__slice__", "config": dict(one)})
        elif one == "...":
            found.append({"class_name": "__ellipsis__", "config": {}})
        else:
            found.append(one)
    return found
