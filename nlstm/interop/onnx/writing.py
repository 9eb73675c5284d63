"""Models written as ONNX: whole, or not at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm import layers
from nlstm.files.whole_file import write_whole
from nlstm.interop.onnx.functions import definitions
from nlstm.interop.onnx.layers_out import FORMS
from nlstm.interop.onnx.masks import Mask, mask_after
from nlstm.interop.onnx.nodes import Given, Nodes, lacking
from nlstm.interop.onnx.package import DOMAIN, FORMAT, OPSET, onnx
from nlstm.plan.symbols import Node, Symbol

__all__ = ["model_of", "save"]

# TimeDistributed does nothing to these: they look at the last axis alone.
BY_FEATURES = (
    layers.Dense, layers.Activation, layers.LayerNormalization, layers.BatchNormalization,
    layers.PReLU, layers.Dropout, layers.GaussianNoise,
)  # fmt: skip


def save(model: Any, path: str, lengths: bool) -> None:
    """Write a model; see `nlstm.interop.onnx.save`."""
    write_whole(path, model_of(model, lengths).SerializeToString())


def model_of(model: Any, lengths: bool) -> Any:
    """Return a model as an object of the onnx package.

    Raises
    ------
    ValueError
        Something in it has no form in ONNX; the error names it.
    """
    helper = onnx().helper
    network = model.design.network("save")
    weights = model.binder.weights
    pairs = zip(weights.named.items(), weights.get(), strict=True)
    to = Nodes(network.dtype, {id(one): (name, value) for (name, one), value in pairs})
    labels = {layer: label for label, layer in network.labels}
    walk = _Walk(to, labels)
    begun = _begin(network, walk, lengths)
    for node in network.graph.nodes:
        walk.call(node)
    ends = []
    taken = {one.name for one in begun}
    for symbol, name in zip(network.graph.outputs, network.output_names, strict=True):
        name = f"{name}_output" if name in taken else name
        to.nodes.append(helper.make_node("Identity", [walk.names[symbol]], [name], name))
        kind = helper.np_dtype_to_tensor_dtype(network.dtype)
        ends.append(helper.make_tensor_value_info(name, kind, _shape(symbol, None)))
    to.prune([one.name for one in ends])
    arrays = [onnx().numpy_helper.from_array(one, name) for name, one in to.arrays.items()]
    graph = helper.make_graph(to.nodes, model.name, begun, ends, arrays)
    versions = [helper.make_opsetid("", OPSET)]
    versions += [helper.make_opsetid(DOMAIN, 1)] * bool(to.functions)
    return helper.make_model(
        graph,
        functions=definitions(to.functions),
        opset_imports=versions,
        ir_version=FORMAT,
        producer_name="nlstm",
    )


def _begin(network: Any, walk: "_Walk", lengths: bool) -> list[Any]:
    """Return the graph's inputs: indices are int64, and so are lengths where they are asked for."""
    helper = onnx().helper
    number = helper.np_dtype_to_tensor_dtype(network.dtype)
    index = helper.np_dtype_to_tensor_dtype(np.dtype(np.int64))
    found, measured = [], []
    several = sum(symbol.sample[0] is None for symbol in network.graph.inputs) > 1
    for symbol, name, limit in zip(
        network.graph.inputs, network.input_names, network.graph.limits, strict=True
    ):
        steps = f"{name}_steps" if several else "steps"
        whole = limit is not None
        found.append(
            helper.make_tensor_value_info(name, index if whole else number, _shape(symbol, steps))
        )
        walk.names[symbol], walk.masks[symbol] = name, None
        if whole:
            walk.whole.add(symbol)
        if lengths and len(symbol.sample) == 2:
            size = _shape(symbol, steps)[:1]
            given = helper.make_tensor_value_info(f"{name}_lengths", index, size)
            measured.append(given)
            walk.to.here = name
            walk.has_mask(symbol, walk.to.function("MaskOfLengths", 1, name, given.name)[0])
    if lengths and not measured:
        raise ValueError("lengths=True needs an input of sequences, (batch, steps, features).")
    return found + measured


def _shape(symbol: Symbol, steps: str | None) -> list[int | str | None]:
    return [symbol.batch_size or "batch", *(steps if n is None else n for n in symbol.sample)]


class _Walk:
    """A way through the calls of a graph.

    Attributes
    ----------
    names : dict
        What holds the value of a symbol.
    masks : dict
        The masks of symbols, as `mask_after` describes them.
    whole : set
        Inputs that are whole numbers.
    """

    def __init__(self, to: Nodes, labels: dict[Any, str]) -> None:
        self.to, self.labels = to, labels
        self.names: dict[Symbol, str] = {}
        self.masks: dict[Symbol, Mask | None] = {}
        self.whole: set[Symbol] = set()
        self._made: dict[Mask, str] = {}

    def has_mask(self, symbol: Symbol, name: str) -> None:
        """Note that a symbol has a mask of its own, and where that is."""
        self.masks[symbol] = ("of", symbol)
        self._made["of", symbol] = name

    def mask(self, mask: Mask | None) -> str | None:
        """Return the name of a mask, after the nodes that make it."""
        if mask is None:
            return None
        if mask not in self._made:
            kind, *parts = mask
            if kind == "every":
                (found,) = self.to.function("EveryStep", 1, self.names[parts[0]])
            else:
                first, *rest = (str(self.mask(one)) for one in parts)
                if kind == "steps":
                    found = self.to.add("Concat", first, *rest, axis=1)
                else:
                    found = first
                    for other in rest:
                        found = self.to.add("Or", found, other)
            self._made[mask] = found
        return self._made[mask]

    def call(self, node: Node) -> None:
        """Append what a call of a layer does."""
        layer: Any = node.layer
        self.to.here = self.labels.get(layer, layer.name)
        masks = [self.masks[symbol] for symbol in node.inputs]
        if node.mask is not None:
            masks[0] = self._given(node.mask)
        if isinstance(layer, layers.TimeDistributed):
            names = [self._each_step(layer, node)]
        else:
            indices = isinstance(layer, layers.Embedding)
            values = [self._value(symbol, indices) for symbol in node.inputs]
            shown = [self.mask(one) for one in masks]
            samples = [symbol.sample for symbol in node.inputs]
            found = _form_of(layer)(self.to, layer, Given(values, shown, samples))
            names = [found] if isinstance(found, str) else list(found)
        self._note(node, masks, names)

    def _note(self, node: Node, masks: Sequence[Mask | None], names: list[str]) -> None:
        layer: Any = node.layer
        first = node.outputs[0]
        kind = next(cls.__name__ for cls in type(layer).__mro__ if cls in FORMS or _steps(cls))
        ranks = [len(symbol.sample) for symbol in node.inputs]
        own = ("of", first)
        after = mask_after(kind, lambda name: getattr(layer, name), masks, ranks, own, node.inputs)
        if after[0] == own:
            mask = self._begun(layer, node)
            self._made[own] = mask
        after += [None] * (len(node.outputs) - len(after))
        for symbol, name, one in zip(node.outputs, names, after, strict=False):
            self.names[symbol], self.masks[symbol] = name, one

    def _begun(self, layer: Any, node: Node) -> str:
        """Return the mask that a layer makes."""
        name = self.names[node.inputs[0]]
        if isinstance(layer, layers.Masking):
            return self.to.function("Masking", 2, name, mask_value=layer.mask_value)[1]
        return self.to.function("MaskOfNumbers", 1, name)[0]

    def _given(self, symbol: Symbol) -> Mask:
        """Return the mask that the numbers of a value are."""
        mask = ("numbers", symbol)
        if mask not in self._made:
            name = self._value(symbol, False)
            if len(symbol.sample) > 1:
                name = self.to.add("Squeeze", name, self.to.constant([2]))
            self._made[mask] = self.to.function("MaskOfNumbers", 1, name)[0]
        return mask

    def _value(self, symbol: Symbol, whole: bool) -> str:
        """Return where a value is; one that is of whole numbers as such only if asked for."""
        name = self.names[symbol]
        if symbol not in self.whole or whole:
            return name
        kind = onnx().helper.np_dtype_to_tensor_dtype(self.to.dtype)
        return self.to.add("Cast", name, to=kind)

    def _each_step(self, layer: Any, node: Node) -> str:
        """Append a layer or model that is applied to each step."""
        (x,), sample = node.inputs, node.inputs[0].sample
        name, inner = self._value(x, False), layer.layer
        if isinstance(inner, BY_FEATURES):
            found = _form_of(inner)(self.to, inner, Given([name], [None], [sample]))
            return found if isinstance(found, str) else found[0]
        rows = self.to.add("Reshape", name, self.to.constant([-1, sample[-1]]))
        if isinstance(inner, layers.Layer):
            made = _form_of(inner)(self.to, inner, Given([rows], [None], [sample[1:]]))
            made = made if isinstance(made, str) else made[0]
        else:
            graph = inner.design.graph
            walk = _Walk(self.to, {one: f"{layer.name}/{one.name}" for one in graph.layers})
            walk.names[graph.inputs[0]], walk.masks[graph.inputs[0]] = rows, None
            for one in graph.nodes:
                walk.call(one)
            self.to.here = layer.name
            made = walk.names[graph.outputs[0]]
        axes = [self.to.constant(number) for number in ([0], [2])]
        head = self.to.add("Slice", self.to.add("Shape", name), *axes)
        width = self.to.constant([node.outputs[0].sample[-1]])
        return self.to.add("Reshape", made, self.to.add("Concat", head, width, axis=0))


def _steps(cls: type) -> bool:
    return cls is layers.TimeDistributed


def _form_of(layer: Any) -> Any:
    cls: Any = next((one for one in type(layer).__mro__ if one in FORMS), None)
    if cls is None:
        raise lacking(f"{layer.name} is a {type(layer).__name__}")
    if type(layer).bind is not cls.bind:
        raise lacking(f"{layer.name} is a {type(layer).__name__} with a bind of its own")
    return FORMS[cls]
