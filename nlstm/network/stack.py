"""A stack of layers and models, each fed by the one before; its input may not be known yet."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from nlstm.arguments.names import free_name
from nlstm.arguments.numbers import as_numbers
from nlstm.data.arrays import check_rank
from nlstm.data.gpu_arrays import lies_on_gpu
from nlstm.data.sources import is_pair, is_source
from nlstm.kernels.devices import checked_device, default_device
from nlstm.layers import InputLayer, Layer
from nlstm.network.design import (
    Nested,
    Renamings,
    checked_layer_dtype,
    open_dtype,
    rename,
    taken,
)
from nlstm.network.network import Network, checked_dtype
from nlstm.plan.graph import Graph
from nlstm.plan.symbols import Shape, Symbol, node_of

__all__ = ["Stack"]


class Stack:
    """A `Design` that grows.

    Parameters
    ----------
    name : str
        The model's, for errors.
    dtype : {"float32", "float64"}, optional
    device : str, optional
        Where it computes; by default `default_device()`.

    Attributes
    ----------
    members : list of Layer or model
        As they were added, without `Input`.
    input : Symbol or None
        None as long as nothing is known of the input.
    """

    def __init__(self, name: str, dtype: Any, device: str | None = None) -> None:
        self.dtype: np.dtype | None = None if dtype is None else checked_dtype(dtype)
        self.device = default_device() if device is None else checked_device(device)
        self.members: list[Layer | Nested] = []
        self.input: Symbol | None = None
        self.graph: Graph | None = None
        self._name = name
        self._network: Network | None = None
        self._made_for: tuple[Any, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold."""
        state = {"graph": self.graph, **vars(self)}  # first, since it is written flat
        return state | {"_network": None, "_made_for": ()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        vars(self).update(state)
        self.device = checked_device(state["device"]) if "device" in state else default_device()
        for layer in self.layers:
            layer.taken = True

    @property
    def layers(self) -> list[Layer]:
        """The layers, those of models inside too."""
        return [layer for member in self.members for layer in _inside(member)]

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
        for layer in self.layers:  # for other models that take it
            layer.dtype = self.dtype
        for member in self.members:
            if not isinstance(member, Layer):
                member.design.settle(dtype)

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
        inside = self._checked(member)
        previous, name = member.name, self._free_name(member)
        begin = self._input_with(member)
        before = self.graph.outputs[0] if self.graph else begin
        connected = before is not None and not isinstance(member, InputLayer)
        rename(member, name)  # errors tell it
        if connected:
            try:
                _apply(member, before, keep=False)  # raises before anything else changes
            except BaseException:  # an interrupt too
                rename(member, previous)
                raise
        for one in inside:
            self.dtype = taken(one, self.dtype)
        if not isinstance(member, Layer) and self.dtype is None:
            self.dtype = open_dtype(member)
        self.input = begin
        if isinstance(member, InputLayer):
            return
        self.members.append(member)
        self.settle(self.dtype)
        if connected:
            assert begin is not None
            self.graph = Graph([begin], [_apply(member, before, keep=True)])

    def _checked(self, member: Layer | Nested) -> list[Layer]:
        """Return the layers that come with `member`; raise if they cannot."""
        inside = _inside(member)
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
            if not inside:
                raise ValueError(f"The model {member.name!r} has no layers.")
            if graph is not None and (len(graph.inputs), len(graph.outputs)) != (1, 1):
                raise ValueError(
                    f"A model in a Sequential has one input and one output; {member.name!r} has "
                    f"{len(graph.inputs)} and {len(graph.outputs)}."
                )
            dtype = open_dtype(member) or self.dtype
            if dtype != (self.dtype or dtype):
                raise ValueError(f"{member.name} is {dtype}, but the model is {self.dtype}.")
            twice = [one.name for one in inside if one in self.layers]
            if twice:
                raise ValueError(f"{self._name} has the layers {twice} of {member.name!r} already.")
        for one in inside:
            checked_layer_dtype(one, self.dtype)
        return inside

    def _free_name(self, member: Layer | Nested) -> str:
        taken = {one.name for one in self.members}
        if member.named_by_user and member.name in taken:
            raise ValueError(f"The name {member.name!r} is taken by another layer of this model.")
        return free_name(member.name, taken)

    def _input_with(self, member: Layer | Nested) -> Symbol | None:
        """Return the input once `member` is there."""
        if not isinstance(member, Layer):
            known = member.design.graph
            first = self.input is None and not self.members
            return _input_of(known.inputs[0].sample) if first and known else self.input
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
        return _input_of(member.input_shape, member.input_batch_size)

    def pop(self) -> Layer | Nested:
        """Take the last member away; return it."""
        if not self.members:
            raise ValueError("The model has no layer to take away.")
        member = self.members.pop()
        if self.graph is not None:
            assert self.input is not None
            node, before = self.graph.outputs[0].node, self.input
            if isinstance(member, Layer):
                member.nodes.remove(node)
            for one in self.members:
                before = _apply(one, before, keep=False)
            self.graph = Graph([self.input], [before]) if self.members else None
        for one in _inside(member):
            one.taken = False
        return member

    # The network

    def network(self, action: str) -> Network:
        """Return the network; raise a ValueError that names `action` where it is not known."""
        if self.graph is None:
            raise Unknown(
                f"{action} needs weights and this model has none yet: give it an Input, or fit it."
            )
        return self._made(self.graph)

    def network_for(self, x: Any) -> Network:
        """Return the network: as known, or as data `x` show it, without keeping it."""
        if self.graph is not None:
            return self._made(self.graph)
        self._check_layers()
        sample, whole = self._samples_of(x)
        try:
            return self._made(self._chain_for(sample, keep=False))
        except ValueError as error:
            try:  # with the steps of these data, as a Flatten needs them
                return self._made(self._chain_for(whole, keep=False))
            except ValueError:
                raise error from None

    def keep(self, *samples: Shape) -> Network:
        """Return the network; from now on it is known to be for inputs of these shapes."""
        if self.graph is None:
            self._check_layers()
            self.graph_inside(samples[0], keep=True)
        return self.network("This")

    def graph_inside(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph for an input of shape `sample`."""
        if self.graph is not None:
            return self.graph
        graph = self._chain_for(sample, keep=False)
        if keep:
            self.graph = graph = self._chain_for(sample, keep=True)
            self.input = graph.inputs[0]
        return graph

    def _check_layers(self) -> None:
        if not self.members:
            raise ValueError("The model has no layers.")

    def _made(self, graph: Graph) -> Network:
        found, state = self._network, (graph, self.dtype, self.device, Renamings.count)
        if found is not None and state == self._made_for:
            return found
        dtype, labels = self.dtype or np.dtype(np.float32), tuple(self.labelled())
        if (
            found is None
            or found.graph is not graph
            or found.dtype != dtype
            or found.device != self.device
            or found.labels != labels
        ):
            names = self.input_names, self.output_names
            found = Network(graph, graph.outputs[0], *names, labels, dtype, self.device)
        if graph is self.graph:
            self._network, self._made_for = found, state
        return found

    def _chain_for(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph that the layers form for inputs of shape `sample`."""
        begin = before = _input_of(sample)
        for member in self.members:
            before = _apply(member, before, keep)
        return Graph([begin], [before])

    def _samples_of(self, x: Any) -> tuple[Shape, Shape]:
        """Return the shape of one sample of `x`, for any number of steps and for that of `x`."""
        if is_pair(x):
            x = x.x
        if isinstance(x, dict) and len(x) == 1:
            x = next(iter(x.values()))
        label, layers = self.input_names[0], self.layers
        found = x.shape if is_source(x) or lies_on_gpu(x) else as_numbers("x", x).shape
        before = itertools.takewhile(lambda layer: not layer.makes_sequence, layers)
        if any(layer.needs_sequence for layer in before):
            check_rank(found, 2, label)
        elif len(found) not in (2, 3):
            check_rank(found, 1, label)
        if len(found) == 3:
            return (None, found[2]), (found[1], found[2])
        flat = (found[1] if layers[0].index_limit is None else None,)
        return flat, (found[1],)


def _inside(member: Layer | Nested) -> list[Layer]:
    return [member] if isinstance(member, Layer) else list(member.design.layers)


def _apply(member: Layer | Nested, before: Any, keep: bool) -> Symbol:
    """Return what `member` makes of a symbol; only if `keep` do layers know of the call."""
    if not isinstance(member, Layer):
        return member.design.graph_inside(before.sample, keep).call_on([before], keep)[0]
    node = node_of(member, [before])
    if len(node.outputs) > 1:
        raise ValueError(
            f"{member.name} has {len(node.outputs)} outputs; layers of a Sequential have one. "
            "Model(inputs, outputs) takes any."
        )
    if keep:
        member.nodes.append(node)
    return node.outputs[0]


def _input_of(sample: Shape, batch_size: int | None = None) -> Symbol:
    """Return an input that no user made."""
    return InputLayer(sample, batch_size).output


class Unknown(ValueError, AttributeError):
    """What is not known before the input is: `hasattr` finds it missing, as in Keras."""
