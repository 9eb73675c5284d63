"""The stack of layers."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from nlstm.config import deserialize, serialize
from nlstm.data import check_rank, checked_rows
from nlstm.graph import Graph, Node, Shape, Symbol, node_of
from nlstm.layers import InputLayer, Layer
from nlstm.layers.layer import checked_shape
from nlstm.names import free_name
from nlstm.network import Model
from nlstm.parameters import ParameterBuffer
from nlstm.sources import is_pair, is_source

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
        self._begin(name or "sequential", dtype)
        self._input: Symbol | None = None
        for layer in layers or ():
            self.add(layer)

    # Layers

    def add(self, layer: Any) -> None:
        """Append a layer.

        Raises
        ------
        TypeError, ValueError
            It is no layer, already belongs to a model, has a name that is taken, or an
            `input_shape` though it is not the first.
        """
        if isinstance(layer, Symbol) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(f"add expects a layer of nlstm.layers; got {layer!r}.")
        if layer.taken:
            raise ValueError(
                f"The layer {layer.name!r} already belongs to a model; make a new one."
            )
        self._check_dtype(layer)
        layer.name = self._free_name(layer)
        begin = self._input_with(layer)
        node = None
        if begin is not None and not isinstance(layer, InputLayer):
            node = self._node(layer, self._graph.outputs[0] if self._graph else begin)

        self._take(layer)
        self._input = begin
        if isinstance(layer, InputLayer):
            return
        self._layers.append(layer)
        if node is not None:
            self._append(node)
        if self._homes:
            self._extend()

    def _node(self, layer: Layer, before: Symbol) -> Node:
        node = node_of(layer, [before])
        if len(node.outputs) > 1:
            raise ValueError(
                f"{layer.name} has {len(node.outputs)} outputs; layers of a Sequential have one. "
                "Model(inputs, outputs) takes any."
            )
        return node

    def _append(self, node: Node) -> None:
        node.layer.nodes.append(node)
        assert self._input is not None
        self._graph = Graph([self._input], [node.outputs[0]])

    def _input_with(self, layer: Layer) -> Symbol | None:
        """Return the model's input once it has `layer`."""
        if layer.input_shape is None:
            return self._input
        if self._layers or self._input is not None:
            if isinstance(layer, InputLayer):
                raise ValueError("Input must be the first layer, and there can be one only.")
            if self._input is None:
                raise ValueError(f"Only the first layer takes input_shape; {layer.name} is not.")
            return self._input
        return layer.output if isinstance(layer, InputLayer) else _input_of(layer.input_shape)

    def _free_name(self, layer: Layer) -> str:
        taken = {one.name for one in self._layers}
        if layer.named_by_user and layer.name in taken:
            raise ValueError(f"The name {layer.name!r} is taken by another layer of this model.")
        return free_name(layer.name, taken)

    def _extend(self) -> None:
        """Build what `add` brought; the optimizer's moments no longer fit."""
        assert self._graph is not None
        self._build_layer(self._graph.nodes[-1])
        parameters = [one for layer in self._layers for one in layer.parameters]
        self._homes = [ParameterBuffer(parameters, self.dtype)]
        self.loss = self.optimizer = None
        self._aims = []
        self._start_anew()

    @property
    def layers(self) -> list[Layer]:
        """The layers, without `Input`, built if the input's shape is known."""
        self._build_if_known()
        return list(self._layers)

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
            "layers": [serialize(layer) for layer in self._layers],
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
            graph, begin = self._chain_for(samples[0])
            self._input = begin
            for node in graph.nodes:
                self._append(node)
        super()._build()

    def _build_if_known(self) -> None:
        if self._graph is not None:
            self._build()

    def _chain_for(self, sample: Shape) -> tuple[Graph, Symbol]:
        """Return the graph that the layers form for inputs of shape `sample`, and its input."""
        begin = before = _input_of(sample)
        for layer in self._layers:
            before = self._node(layer, before).outputs[0]
        return Graph([begin], [before]), begin

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
            return self._chain_for(sample)[0]
        except ValueError as error:
            try:  # with the steps of these data, as a Flatten needs them
                return self._chain_for(whole)[0]
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


def _input_of(sample: Shape) -> Symbol:
    """Return an input that no user made."""
    return InputLayer(sample).output
