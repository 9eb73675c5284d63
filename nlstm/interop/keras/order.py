"""The order that Keras 3 gives a graph's layers, by which it finds their weights."""

from typing import Any

from nlstm import layers
from nlstm.interop.keras.graphs import MERGING, is_masked
from nlstm.layers.mask_passing import MaskOf, Unmasked
from nlstm.plan.symbols import Node

__all__ = ["ordered"]

MASK_TAKERS = (
    layers.LSTM, layers.GRU, layers.SimpleRNN, layers.Bidirectional, layers.TimeDistributed,
    layers.Softmax, layers.GlobalAveragePooling1D, layers.BatchNormalization,
)  # fmt: skip


def ordered(graph: Any) -> list[Any]:
    """Return a graph's layers as Keras 3 orders them, which counts what computes masks too."""
    masked = {node: source for node in graph.nodes if (source := _mask_source(node)) is not None}
    free = (Unmasked, MaskOf)  # no calls of Keras's
    depths: dict[Node, int] = {}
    depth_of: dict[Any, int] = {}
    for node in reversed(graph.nodes):
        depth = max(depths.get(node, 0), depth_of.get(node.layer, 0))
        depth_of[node.layer] = depths[node] = depth
        step = 0 if isinstance(node.layer, free) else 1
        sources = [(source.node, step) for source in node.sources[: 1 if not step else None]]
        if node in masked:  # NotEqual and, behind Masking, Any stand between
            maker = masked[node]
            extra = 3 if isinstance(maker.layer, layers.Masking) else 2
            sources += [(source.node, extra) for source in maker.inputs]
        for source, more in sources:
            depths[source] = max(depths.get(source, 0), depth + more)
    for symbol in graph.inputs:
        if not symbol.node.inputs:
            depth_of[symbol.node.layer] = depths.get(symbol.node, 0)
    first = {layer: number for number, layer in enumerate(_met(graph))}
    kept = [layer for layer in depth_of if not isinstance(layer, free)]
    return sorted(kept, key=lambda layer: (-depth_of[layer], first.get(layer, -1)))


def _met(graph: Any) -> list[Any]:
    """Return layers in the order in which a walk from the outputs meets them."""
    found: dict[Any, None] = {}
    seen: set[Node] = set()
    for output in graph.outputs:
        waiting = [output]
        while waiting:
            symbol = waiting.pop()
            node = symbol.node
            found.setdefault(node.layer)
            if node in seen or symbol in graph.inputs:
                continue
            seen.add(node)
            waiting += reversed(node.sources)
    return list(found)


def _mask_source(node: Node) -> Node | None:
    """Return the call whose mask a call takes: one of Masking or Embedding."""
    layer: Any = node.layer
    if not isinstance(layer, MASK_TAKERS) or not is_masked(node.inputs[0]):
        return None
    if len(node.inputs) > 1:
        return None  # Keras 3 leaves the mask out beside states
    one = node.inputs[0].node
    while not (isinstance(one.layer, layers.Masking) or getattr(one.layer, "mask_zero", False)):
        if isinstance(one.layer, MERGING):
            raise ValueError(
                f"{layer.name} gets a mask by way of {one.layer.name}: Keras's order of layers is "
                "not known for that, so nothing was written."
            )
        one = one.inputs[0].node
    return one
