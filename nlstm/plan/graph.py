"""Graphs of layers: the calls between some symbols, in an order in which they can run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nlstm.kernels.operations import named
from nlstm.plan.plan import Plan, Tensor
from nlstm.plan.symbols import Node, Shape, Symbol, check_mask, node_of, shapes_of

__all__ = ["Graph"]


class Graph:
    """The calls between some inputs and outputs.

    Parameters
    ----------
    inputs, outputs : sequence of Symbol
        An input may be any symbol; what comes before it is left out.

    Attributes
    ----------
    nodes : list of Node
        In an order in which they can run.
    limits : list of int or None
        For each input, the least `index_limit` of the layers that take it.
    layers : list of Layer
        Each once, in Keras's order: by the longest way to an output, then as they were found.

    Raises
    ------
    ValueError
        An output needs an `Input` that is not among `inputs`.
    """

    def __init__(self, inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.nodes: list[Node] = []
        self._found: dict[Any, int] = {}  # layer -> when it was first seen
        self._walk()
        self.layers = self._in_order()
        self.limits = [self._limit(symbol) for symbol in self.inputs]

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: each node after those it needs, so none is deep."""
        begins = [symbol.node for symbol in self.inputs]
        return {"begins": begins, "nodes": self.nodes, **vars(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave; the layers know of their calls again."""
        for node in state.pop("begins"):
            node.layer.nodes = [node]
        vars(self).update(state)
        for node in self.nodes:
            if node not in node.layer.nodes:
                node.layer.nodes.append(node)

    def _limit(self, symbol: Symbol) -> int | None:
        found = [node.layer.index_limit for node in self.nodes if symbol in node.inputs]
        return min((limit for limit in found if limit is not None), default=None)

    def _walk(self) -> None:
        """Collect the nodes depth first, without recursion: graphs may be deep."""
        done: set[Node] = set()
        given = set(self.inputs)
        for output in self.outputs:
            waiting = [(output, False)]
            while waiting:
                symbol, expanded = waiting.pop()
                node = symbol.node
                if symbol in given:
                    if not node.inputs:
                        self._found.setdefault(node.layer, len(self._found))
                    continue
                if node in done:
                    continue
                if expanded:
                    done.add(node)
                    self.nodes.append(node)
                    continue
                if not node.inputs:
                    names = [one.name for one in self.inputs]
                    other = " It is another Input of that name." * (symbol.name in names)
                    raise ValueError(
                        f"Graph disconnected: {symbol.name!r} is not reachable from inputs {names}."
                        f"{other}"
                    )
                self._found.setdefault(node.layer, len(self._found))
                waiting.append((symbol, True))
                waiting += [(source, False) for source in reversed(node.sources)]

    def _in_order(self) -> list[Any]:
        depths: dict[Any, int] = {}  # of nodes
        layers: dict[Any, int] = {}
        for symbol in self.inputs:
            if not symbol.node.inputs:  # an Input stays, even if nothing uses it
                self._found.setdefault(symbol.node.layer, -1)
                layers[symbol.node.layer] = 0
        for node in reversed(self.nodes):
            depth = max(depths.get(node, 0), layers.get(node.layer, 0))
            layers[node.layer] = depths[node] = depth
            for source in node.sources:
                depths[source.node] = max(depths.get(source.node, 0), depth + 1)
        for symbol in self.inputs:
            if not symbol.node.inputs:
                layers[symbol.node.layer] = depths.get(symbol.node, 0)
        return sorted(layers, key=lambda layer: (-layers[layer], self._found[layer]))

    @property
    def is_chain(self) -> bool:
        """Whether each call takes what the one before it made."""
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return False
        before = self.inputs[0]
        for node in self.nodes:
            if node.sources != (before,) or len(node.outputs) != 1:
                return False
            before = node.outputs[0]
        return before is self.outputs[0]

    def users(self, symbol: Symbol) -> int:
        """Return how many calls and outputs take `symbol`."""
        calls = sum(node.sources.count(symbol) for node in self.nodes)
        return calls + self.outputs.count(symbol)

    def shapes(self, samples: Sequence[Shape]) -> dict[Symbol, Shape]:
        """Return the shape of every symbol for inputs of shapes `samples`."""
        found = dict(zip(self.inputs, samples, strict=True))
        for node in self.nodes:
            inputs = [found[symbol] for symbol in node.inputs]
            if node.mask is not None:
                check_mask(node.layer, inputs[0], found[node.mask])
            made = shapes_of(node.layer, inputs)
            found.update(zip(node.outputs, made, strict=True))
        return found

    def output_shapes(self, samples: Sequence[Shape]) -> list[Shape]:
        """Return the shapes of the outputs for inputs of shapes `samples`."""
        shapes = self.shapes(samples)
        return [shapes[symbol] for symbol in self.outputs]

    def bind(
        self, plan: Plan, inputs: Sequence[Tensor], fused: Iterable[Node] = ()
    ) -> list[Tensor]:
        """Append all calls to `plan`; return the outputs.

        `fused` are the calls whose activation the loss takes over.
        """
        values = dict(zip(self.inputs, inputs, strict=True))
        fused = set(fused)
        for node in self.nodes:
            plan.fused = node.layer if node in fused else None
            made = _bind_node(plan, node, values)
            values.update(zip(node.outputs, made, strict=True))
        plan.fused = None
        return [values[symbol] for symbol in self.outputs]

    def call_on(self, symbols: Sequence[Symbol], keep: bool = True) -> list[Symbol]:
        """Call every layer again, on other inputs; return the outputs.

        Only if `keep` do the layers know of these calls.
        """
        values: dict[Symbol, Symbol] = dict(zip(self.inputs, symbols, strict=True))
        for node in self.nodes:
            mask = None if node.mask is None else values[node.mask]
            made = node_of(node.layer, [values[symbol] for symbol in node.inputs], mask)
            if keep:
                node.layer.nodes.append(made)
            values.update(zip(node.outputs, made.outputs, strict=True))
        return [values[symbol] for symbol in self.outputs]


def _bind_node(plan: Plan, node: Node, values: Mapping[Symbol, Tensor]) -> tuple[Tensor, ...]:
    with named(node.layer.name, plan.ops):
        return _bound(plan, node, values)


def _bound(plan: Plan, node: Node, values: Mapping[Symbol, Tensor]) -> tuple[Tensor, ...]:
    inputs = [values[symbol] for symbol in node.inputs]
    if node.mask is None:
        made = node.layer.bind(plan, *inputs)
    else:
        first, given = inputs[0], values[node.mask]
        check_mask(node.layer, first.sample, given.sample)
        own, first.mask = first.mask, plan.mask(first.steps, first.rows)
        plan.call(plan.ops.mask_from_values, given.value, given.sequence, first.mask)
        made = node.layer.bind(plan, *inputs)
        first.mask = own  # for the others that take this value
    return made if isinstance(made, tuple) else (made,)
