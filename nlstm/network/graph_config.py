"""Graphs of layers as configs, by Keras's scheme: layers, their calls, inputs and outputs.

A value is written as [layer's name, number of the call among the layer's, number of the output].
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nlstm.arguments.config import serialize
from nlstm.arguments.structures import leaves, packed
from nlstm.layers import InputLayer
from nlstm.plan.graph import Graph
from nlstm.plan.symbols import Symbol, connect

__all__ = ["config_of_graph", "graph_of_config"]


def config_of_graph(graph: Graph, input_form: Any, output_form: Any) -> dict[str, Any]:
    """Return the parts of a model's config that say what is connected.

    Parameters
    ----------
    graph : Graph
    input_form, output_form : str, or nested lists, tuples and dicts of str
        Names of inputs and outputs, in the form in which the model was given them.
    """
    entries: dict[Any, dict[str, Any]] = {}
    places: dict[Symbol, list[Any]] = {}
    for symbol in graph.inputs:
        layer = symbol.node.layer
        if symbol.node.inputs:  # what comes before is left out
            layer = InputLayer(symbol.sample, symbol.batch_size, name=f"{layer.name}_input")
        entries[layer] = serialize(layer) | {"inbound_nodes": []}
        places[symbol] = [layer.name, 0, 0]
    for layer in graph.layers:
        if layer not in entries:
            entries[layer] = serialize(layer) | {"inbound_nodes": []}
    for node in graph.nodes:
        calls = entries[node.layer]["inbound_nodes"]
        for number, symbol in enumerate(node.outputs):
            places[symbol] = [node.layer.name, len(calls), number]
        mask = None if node.mask is None else places[node.mask]
        calls.append({"inputs": [places[symbol] for symbol in node.inputs], "mask": mask})
    outputs = [places[symbol] for symbol in graph.outputs]
    return {
        "layers": list(entries.values()),
        "calls": [places[node.outputs[0]][:2] for node in graph.nodes],
        "input_layers": {
            name: places[symbol]
            for name, symbol in zip(leaves(input_form), graph.inputs, strict=True)
        },
        "input_form": input_form,
        "output_layers": outputs,
        "output_form": packed(output_form, range(len(outputs))),
    }


def graph_of_config(config: Mapping[str, Any], layers: Sequence[Any]) -> tuple[Any, Any]:
    """Return inputs by name and outputs in their form, for a config and its layers, made anew."""
    by_name = {
        entry["config"]["name"]: (layer, entry["inbound_nodes"])
        for entry, layer in zip(config["layers"], layers, strict=True)
    }
    made: dict[tuple[str, int], tuple[Symbol, ...]] = {}

    def symbol(place: Sequence[Any]) -> Symbol:
        name, call, number = place
        return made[name, call][number]

    for name, (layer, _) in by_name.items():
        if isinstance(layer, InputLayer):
            made[name, 0] = layer.nodes[0].outputs
    for name, call in config["calls"]:
        layer, nodes = by_name[name]
        mask = nodes[call]["mask"]
        found = connect(
            layer,
            [symbol(place) for place in nodes[call]["inputs"]],
            None if mask is None else symbol(mask),
        )
        made[name, call] = found if isinstance(found, tuple) else (found,)
    inputs = {name: symbol(place) for name, place in config["input_layers"].items()}
    places = config["output_layers"]
    if "output_form" not in config:  # of earlier files
        if isinstance(places, Mapping):
            return inputs, {name: symbol(place) for name, place in places.items()}
        outputs = [symbol(place) for place in places]
        return inputs, outputs[0] if config["single_output"] else outputs
    return inputs, packed(config["output_form"], [symbol(place) for place in places])
