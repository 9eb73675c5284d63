"""A stack of layers and models, each fed by the one before; its input may not be known yet."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nlstm.arguments.names import FreeNames
from nlstm.kernels.devices import checked_device, default_device
from nlstm.layers import InputLayer, Layer
from nlstm.network.depth import check_depth
from nlstm.network.design import (
    Nested,
    Renamings,
    checked_layer_dtype,
    open_dtype,
    rename,
    taken,
)
from nlstm.network.members import InputNotKnown, apply, input_of, inside, samples_of, settle
from nlstm.network.network import Network, checked_dtype
from nlstm.plan.graph import Graph
from nlstm.plan.precision import FLOAT32, checked_precision
from nlstm.plan.symbols import Shape, Symbol

__all__ = ["Stack"]


class Stack:
    """A `Design` that grows.

    Parameters
    ----------
    name : str
        The model's, for errors.
    dtype : {"float32", "float64"}, optional
    device, matmul_precision : str, optional
        Where it computes, and what products multiply; by default what was chosen for all.

    Attributes
    ----------
    members : list of Layer or model
        As they were added, without `Input`.
    input : Symbol or None
        None as long as nothing is known of the input.
    """

    def __init__(self, name: str, dtype: Any, device: Any = None, precision: Any = None) -> None:
        self.matmul_precision = checked_precision(precision)
        self.dtype: np.dtype | None = None if dtype is None else checked_dtype(dtype)
        self.device = default_device() if device is None else checked_device(device)
        self.members: list[Layer | Nested] = []
        self.input: Symbol | None = None
        self._end: Symbol | None = None  # what the last member gives
        self._graph: Graph | None = None
        self._graphs: dict[Symbol, Graph] = {}
        self._models: list[Nested] = []  # the members that are no layers
        self._inner: list[Any] = []  # their graphs, as they were connected
        self._seen = -1
        self._names: tuple[int, FreeNames] | None = None
        self._name = name
        self._network: Network | None = None
        self._made_for: tuple[Any, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold."""
        state = {"_graph": self.graph, **vars(self)}  # first, since it is written flat
        kept_here = {"_graphs": {}, "_seen": -1, "_names": None, "_network": None, "_made_for": ()}
        return state | kept_here

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        vars(self).update(state)
        self.device = checked_device(state["device"]) if "device" in state else default_device()
        self.matmul_precision = state.get("matmul_precision", FLOAT32)
        for layer in self.layers:
            layer.taken = True

    @property
    def graph(self) -> Graph | None:
        """The graph, as the members are now; made when it is asked for."""
        if self._seen == Renamings.count:
            return self._graph
        seen, end = Renamings.count, self._end
        if end is not None and self._inner_graphs() != self._inner:  # a model inside has changed
            self._ends_with(end := self._chained(self.input, keep=False))
        elif end is None and self._inner and self.input is not None and self.layers:
            self._ends_with(end := self._chained(self.input, keep=True))  # they were empty
        if end is not None and self._graph is None:
            made = Graph([self.input], [end])  # type: ignore[list-item]
            self._graph = self._graphs.setdefault(end, made)  # one for all threads
        self._seen = seen
        return self._graph

    def _inner_graphs(self) -> list[Any]:
        return [one.design.graph for one in self._models]

    def _chained(self, begin: Any, keep: bool) -> Any:
        for member in self.members:
            begin = apply(member, begin, keep)
        return begin

    def _ends_with(self, end: Symbol | None) -> None:
        self._end, self._graph, self._graphs, self._seen = end, None, {}, -1
        self._inner = self._inner_graphs()

    @property
    def sample(self) -> Shape | None:
        """Shape of one sample of the input."""
        return None if self.input is None else self.input.sample

    @property
    def layers(self) -> list[Layer]:
        """The layers, those of models inside too."""
        return [layer for member in self.members for layer in inside(member)]

    def labelled(self) -> Iterator[tuple[str, Layer]]:
        """Give each layer with its name, after those of the models it lies in."""
        for member in self.members:
            if isinstance(member, Layer):
                yield member.name, member
            else:
                yield from ((f"{member.name}/{x}", one) for x, one in member.design.labelled())

    @property
    def input_names(self) -> tuple[str, ...]:
        """The first layer's name."""
        return (next((one.name for one in self.layers), self._name),)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The last layer's name."""
        return ([self._name, *(one.name for one in self.layers)][-1],)

    def settle(self, dtype: np.dtype | None) -> None:
        """Take the dtype of the model around, if there is none yet."""
        if self.dtype is None:
            self.dtype = dtype
        for member in self.members:
            settle(member, self.dtype)

    def place(self, device: str) -> None:
        """Compute elsewhere from now on, models inside too; weights are moved by others."""
        self.device = device
        for member in self.members:
            if not isinstance(member, Layer):
                member.design.place(device)

    # Adding

    def add(self, member: Layer | Nested) -> None:
        """Put a layer, or a model of one input and one output, behind the others.

        Raises
        ------
        ValueError
            See `Sequential.add`; nothing was changed.
        """
        check_depth(self._name, [member])
        coming = self._checked(member)
        previous, name = member.name, self._free_name(member)
        begin = self._input_with(member)
        before = begin if self._end is None else self._end
        connected = before is not None and bool(coming) and not isinstance(member, InputLayer)
        rename(member, name)  # errors tell it
        if connected:
            try:
                apply(member, before, keep=False)  # raises before anything else changes
            except BaseException:  # an interrupt too
                rename(member, previous)
                raise
        settled = self.dtype
        for one in coming:
            self.dtype = taken(one, self.dtype)
        if not isinstance(member, Layer) and self.dtype is None:
            self.dtype = open_dtype(member)
        self.input = begin
        if isinstance(member, InputLayer):
            return
        self.members.append(member)
        if not isinstance(member, Layer):
            self._models.append(member)
            self._inner = self._inner_graphs()
        if self.dtype is settled:  # NumPy takes None for float64
            settle(member, self.dtype)
        else:
            self.settle(self.dtype)
        Renamings.count += 1  # for models around this one
        self._note(name)
        if connected:
            self._ends_with(apply(member, before, keep=True))

    def _checked(self, member: Layer | Nested) -> list[Layer]:
        """Return the layers that come with `member`; raise if they cannot."""
        coming = inside(member)
        if isinstance(member, Layer):
            if member.taken:
                raise ValueError(
                    f"The layer {member.name!r} already belongs to a model; make a new one."
                )
        else:
            graph, device = member.design.graph, member.design.device
            if device != self.device:
                raise ValueError(
                    f"{member.name} computes on {device}, but {self._name} on {self.device}: "
                    f"{member.name}.to({self.device!r}) moves it."
                )
            if not coming and (self.members or self.input is not None):
                raise ValueError(f"The model {member.name!r} has no layers.")
            if graph is not None and (len(graph.inputs), len(graph.outputs)) != (1, 1):
                raise ValueError(
                    f"A model in a Sequential has one input and one output; {member.name!r} has "
                    f"{len(graph.inputs)} and {len(graph.outputs)}."
                )
            dtype = open_dtype(member) or self.dtype
            if dtype != (self.dtype or dtype):
                raise ValueError(f"{member.name} is {dtype}, but the model is {self.dtype}.")
            twice = [one.name for one in coming if one in self.layers]
            if twice:
                raise ValueError(f"{self._name} has the layers {twice} of {member.name!r} already.")
        for one in coming:
            checked_layer_dtype(one, self.dtype)
        return coming

    def _free_name(self, member: Layer | Nested) -> str:
        if self._names is None or self._names[0] != Renamings.count:
            self._names = Renamings.count, FreeNames(one.name for one in self.members)
        names = self._names[1]
        if member.named_by_user and member.name in names:
            raise ValueError(f"The name {member.name!r} is taken by another layer of this model.")
        return names.free(member.name)

    def _note(self, name: str) -> None:
        """Keep the names that are taken for the next member."""
        assert self._names is not None
        self._names[1].take(name)
        self._names = Renamings.count, self._names[1]

    def _input_with(self, member: Layer | Nested) -> Symbol | None:
        """Return the input once `member` is there."""
        if not isinstance(member, Layer):
            known = member.design.sample
            first = self.input is None and not self.members
            return input_of(known) if first and known is not None else self.input
        if member.input_shape is None:
            return self.input
        if self.members or self.input is not None:
            if isinstance(member, InputLayer):
                raise ValueError("Input must be the first layer, and there can be one only.")
            if self.input is None:
                raise ValueError(f"Only the first layer takes input_shape; {member.name} is not.")
            return self.input
        if isinstance(member, InputLayer):
            return member.output
        if member.input_shape[-1] is None and len(member.input_shape) > 1:
            raise ValueError(
                f"{member.name} is the first layer: its input_shape must name the features; got "
                f"{member.input_shape}."
            )
        return input_of(member.input_shape, member.input_batch_size)

    def pop(self) -> Layer | Nested:
        """Take the last member away; return it."""
        if not self.members:
            raise ValueError("The model has no layer to take away.")
        chain, end = not self._models, self._end
        member, self._names = self.members.pop(), None
        self._models = [one for one in self.members if not isinstance(one, Layer)]
        if end is not None:
            if isinstance(member, Layer):
                member.nodes = [one for one in member.nodes if one is not end.node]
            before = end.node.inputs[0] if chain else self._chained(self.input, keep=False)
            self._ends_with(before if self.layers else None)
        for one in inside(member):
            one.taken = False
        Renamings.count += 1
        return member

    # The network

    def network(self, action: str) -> Network:
        """Return the network; raise a ValueError that names `action` where it is not known."""
        if (graph := self.graph) is None:
            raise InputNotKnown(
                f"{action} needs weights and this model has none yet: give it an Input, or fit it."
            )
        return self._made(graph)

    def network_for(self, x: Any) -> Network:
        """Return the network: as known, or as data `x` show it, without keeping it."""
        if (graph := self.graph) is not None:
            return self._made(graph)
        self._check_layers()
        sample, whole = samples_of(x, self.layers, self.input_names[0])
        try:
            return self._made(self._chain_for(sample, keep=False))
        except ValueError as error:
            try:  # with the steps of these data, as a Flatten needs them
                return self._made(self._chain_for(whole, keep=False))
            except ValueError:
                raise error from None

    def keep(self, *samples: Shape) -> Network:
        """Return the network; from now on it is known to be for inputs of these shapes."""
        if self._end is None:
            self._check_layers()
            self.graph_inside(samples[0], keep=True)
        return self.network("This")

    def graph_inside(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph for an input of shape `sample`."""
        if (graph := self.graph) is not None:
            return graph
        graph = self._chain_for(sample, keep=False)
        if keep and self.layers:
            graph = self._chain_for(sample, keep=True)
            self.input = graph.inputs[0]
            self._ends_with(graph.outputs[0])
            return self.graph or graph
        return graph

    def _check_layers(self) -> None:
        if not self.layers:
            raise ValueError("The model has no layers.")

    def _made(self, graph: Graph) -> Network:
        found, where = self._network, (self.device, self.matmul_precision)
        state = graph, self.dtype, *where, Renamings.count
        if found is not None and state == self._made_for:
            return found
        dtype, labels = self.dtype or np.dtype(np.float32), tuple(self.labelled())
        if (
            found is None
            or found.graph is not graph
            or found.dtype != dtype
            or (found.device, found.matmul_precision) != where
            or found.labels != labels
        ):
            check_depth(self._name, self.members)  # models inside may have grown
            names = self.input_names, self.output_names
            found = Network(graph, graph.outputs[0], *names, labels, dtype, None, *where)
        if graph is self.graph:
            self._network, self._made_for = found, state
        return found

    def _chain_for(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph that the layers form for inputs of shape `sample`."""
        begin = input_of(sample)
        return Graph([begin], [self._chained(begin, keep)])
