"""The stack of layers."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from nlstm.arguments.config import deserialize, serialize
from nlstm.arguments.names import free_name
from nlstm.data.arrays import check_rank, checked_rows
from nlstm.data.sources import is_pair, is_source
from nlstm.layers import InputLayer, Layer
from nlstm.layers.layer import checked_shape
from nlstm.models.model import Model
from nlstm.plan.graph import Graph, Shape, Symbol, node_of
from nlstm.plan.parameters import ParameterBuffer

__all__ = ["Sequential"]


class Sequential(Model):
    """A stack of layers, each fed by the one before.

    Parameters
    ----------
    layers : iterable of Layer, optional
        May start with `Input`; or the first layer has `input_shape`; or the first data decide.
    name : str, optional
    dtype : {"float32", "float64"}, optional
        Of weights and computation. By default the layers' own, else float32.

    Examples
    --------
    >>> from nlstm.layers import LSTM, Dense
    >>> model = Sequential([LSTM(50, input_shape=(20, 10)), Dense(1)])
    >>> model.compile(optimizer="adam", loss="mse")
    """

    def __init__(
        self, layers: Iterable[Any] | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        self._begin(name, "sequential", dtype)
        self._members: list[Layer | Model] = []  # as they were added; models hold layers
        self._input: Symbol | None = None
        for layer in layers or ():
            self.add(layer)

    # Layers

    def add(self, layer: Any) -> None:
        """Append a layer, or a model of one input and one output.

        Raises
        ------
        TypeError, ValueError
            It is no layer, already belongs to a model, has a name that is taken, or an
            `input_shape` though it is not the first. A model may be in several; they share weights.
        """
        if isinstance(layer, Symbol) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer | Model):
            raise TypeError(f"add expects a layer of nlstm.layers or a model; got {layer!r}.")
        inside = self._checked(layer)
        previous, name = layer.name, self._free_name(layer)
        begin = self._input_with(layer)
        before = self._graph.outputs[0] if self._graph else begin
        connected = before is not None and not isinstance(layer, InputLayer)
        layer.name = name  # errors tell it
        if connected:
            try:
                self._apply(layer, before, keep=False)  # raises before anything else changes
            except Exception:
                layer.name = previous
                raise
        for one in inside:
            self._take(one)
        if isinstance(layer, Model) and self._dtype is None:
            self._dtype, self._ops = _dtype_of(layer), None
        self._input = begin
        if isinstance(layer, InputLayer):
            return
        self._members.append(layer)
        self._settle_dtype(self._dtype)
        self._layers += inside
        if connected:
            assert begin is not None
            self._graph = Graph([begin], [self._apply(layer, before, keep=True)])
        if self._homes:
            self._extend()

    def _checked(self, member: Layer | Model) -> list[Layer]:
        """Return the layers that come with `member`; raise if they cannot."""
        if isinstance(member, Layer):
            if member.taken:
                raise ValueError(
                    f"The layer {member.name!r} already belongs to a model; make a new one."
                )
            inside = [member]
        else:
            inside = list(member._layers)
            graph = member._graph
            if not inside:
                raise ValueError(f"The model {member.name!r} has no layers.")
            if graph is not None and (len(graph.inputs), len(graph.outputs)) != (1, 1):
                raise ValueError(
                    f"A model in a Sequential has one input and one output; {member.name!r} has "
                    f"{len(graph.inputs)} and {len(graph.outputs)}."
                )
            dtype = _dtype_of(member) or self._dtype
            if dtype != (self._dtype or dtype):
                raise ValueError(f"{member.name} is {dtype}, but the model is {self._dtype}.")
            twice = [one.name for one in inside if one in self._layers]
            if twice:
                raise ValueError(f"{self.name} has the layers {twice} of {member.name!r} already.")
        for one in inside:
            self._check_dtype(one)
        return inside

    def _settle_dtype(self, dtype: np.dtype | None) -> None:
        super()._settle_dtype(dtype)
        for layer in self._layers:  # for other models that take it
            layer.dtype = self._dtype
        for member in self._members:
            if isinstance(member, Model):
                member._settle_dtype(dtype)

    def _apply(self, member: Layer | Model, before: Any, keep: bool) -> Symbol:
        """Return what `member` makes of a symbol; only if `keep` do layers know of the call."""
        if isinstance(member, Model):
            return member._graph_inside(before.sample, keep).call_on([before], keep)[0]
        node = node_of(member, [before])
        if len(node.outputs) > 1:
            raise ValueError(
                f"{member.name} has {len(node.outputs)} outputs; layers of a Sequential have one. "
                "Model(inputs, outputs) takes any."
            )
        if keep:
            member.nodes.append(node)
        return node.outputs[0]

    def _input_with(self, layer: Layer | Model) -> Symbol | None:
        """Return the model's input once it has `layer`."""
        if isinstance(layer, Model):
            known = layer._graph
            first = self._input is None and not self._members
            return _input_of(known.inputs[0].sample) if first and known else self._input
        if layer.input_shape is None:
            return self._input
        if self._members or self._input is not None:
            if isinstance(layer, InputLayer):
                raise ValueError("Input must be the first layer, and there can be one only.")
            if self._input is None:
                raise ValueError(f"Only the first layer takes input_shape; {layer.name} is not.")
            return self._input
        return layer.output if isinstance(layer, InputLayer) else _input_of(layer.input_shape)

    def _free_name(self, layer: Layer | Model) -> str:
        taken = {one.name for one in self._members}
        if layer.named_by_user and layer.name in taken:
            raise ValueError(f"The name {layer.name!r} is taken by another layer of this model.")
        return free_name(layer.name, taken)

    def _extend(self) -> None:
        """Build what `add` brought; the optimizer's moments no longer fit."""
        assert self._graph is not None
        for node in self._graph.nodes:
            self._build_layer(node)
        parameters = [one for layer in self._layers for one in layer.parameters]
        if all(one.home is None or one.home is self._homes[0] for one in parameters):
            self._homes = [ParameterBuffer(parameters, self.ops)]
        else:
            self._house(parameters)
        self.loss = self.optimizer = None
        self._aims = []
        self._start_anew()

    def _labelled(self) -> Iterator[tuple[str, Layer]]:
        for member in self._members:
            if isinstance(member, Layer):
                yield member.name, member
            else:
                yield from ((f"{member.name}/{label}", one) for label, one in member._labelled())

    @property
    def layers(self) -> list[Any]:
        """The layers and models, without `Input`, built if the input's shape is known."""
        self._build_if_known()
        return list(self._members)

    @property
    def input_names(self) -> list[str]:
        """The first layer's name."""
        return [self._layers[0].name if self._layers else self.name]

    @property
    def output_names(self) -> list[str]:
        """The last layer's name."""
        return [self._layers[-1].name if self._layers else self.name]

    def _input_labels(self) -> Sequence[str]:
        return self.input_names

    # Config

    def get_config(self) -> dict[str, Any]:
        """Return what makes a model like this one, without its weights."""
        return {
            "name": self.name,
            "dtype": None if self._dtype is None else self._dtype.name,
            "layers": [serialize(layer) for layer in self._members],
            "build_input_shape": None if self._input is None else self._input.shape,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a new model for a config as `get_config` gives it."""
        layers = [deserialize(layer, custom_objects) for layer in config["layers"]]
        shape = config.get("build_input_shape")
        if shape is not None:
            layers.insert(0, InputLayer(tuple(shape[1:]), shape[0]))
        return cls(layers, name=config["name"], dtype=config["dtype"])

    # Building

    def build(self, input_shape: Any = None) -> None:
        """Make the weights.

        Parameters
        ----------
        input_shape : tuple of int, optional
            With the batch axis, as in Keras: (None, steps, features). By default what `Input` or
            the first layer said.
        """
        if input_shape is not None:
            shape = checked_shape("input_shape", tuple(input_shape)[1:])
            if self._input is not None and self._input.sample != shape:
                raise ValueError(f"The model is for inputs {self._input.sample}; got {shape}.")
            self._build([shape])
        self._graph_for(None, "build")

    def _build(self, samples: Sequence[Shape] = ()) -> None:
        if self._graph is None:
            if not self._layers:
                raise ValueError("The model has no layers.")
            self._graph_inside(samples[0], keep=True)
        super()._build()

    def _graph_inside(self, sample: Shape, keep: bool) -> Graph:
        if self._graph is not None:
            return self._graph
        graph = self._chain_for(sample, keep=False)
        if keep:
            self._graph = graph = self._chain_for(sample, keep=True)
            self._input = graph.inputs[0]
        return graph

    def _build_if_known(self) -> None:
        if self._graph is not None:
            self._build()

    def _chain_for(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph that the layers form for inputs of shape `sample`."""
        begin = before = _input_of(sample)
        for member in self._members:
            before = self._apply(member, before, keep)
        return Graph([begin], [before])

    def _graph_for(self, x: Any, before_build: str | None) -> Graph:
        """Return the graph: as known, or as `x` shows it, without keeping it."""
        if self._graph is not None:
            self._build()
            return self._graph
        if before_build is not None:
            raise ValueError(
                f"{before_build} needs weights and this model has none yet: "
                "give it an Input, or fit it."
            )
        if not self._layers:
            raise ValueError("The model has no layers.")
        sample, whole = self._samples_of(x)
        try:
            return self._chain_for(sample, keep=False)
        except ValueError as error:
            try:  # with the steps of these data, as a Flatten needs them
                return self._chain_for(whole, keep=False)
            except ValueError:
                raise error from None

    def _graph_on(self, symbols: Sequence[Symbol]) -> Graph:
        if self._graph is None:
            self._build([symbols[0].sample])
        assert self._graph is not None
        return self._graph

    def _samples_of(self, x: Any) -> tuple[Shape, Shape]:
        """Return the shape of one sample of `x`, for any number of steps and for that of `x`."""
        if isinstance(x, dict) and len(x) == 1:
            x = next(iter(x.values()))
        label = self.input_names[0]
        found = x.shape if is_source(x) else checked_rows(x.x if is_pair(x) else x).shape
        before = itertools.takewhile(lambda layer: not layer.makes_sequence, self._layers)
        if any(layer.needs_sequence for layer in before):
            check_rank(found, 2, label)
        elif len(found) not in (2, 3):
            check_rank(found, 1, label)
        if len(found) == 3:
            return (None, found[2]), (found[1], found[2])
        flat = (found[1] if self._layers[0].index_limit is None else None,)
        return flat, (found[1],)


def _dtype_of(model: Model) -> np.dtype | None:
    """Return what a model computes in, None if that is still open."""
    return model.dtype if model.built else model._dtype


def _input_of(sample: Shape) -> Symbol:
    """Return an input that no user made."""
    return InputLayer(sample).output
