"""Models: graphs of layers, with names, inputs, outputs and a config."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from nlstm.arguments.config import Configured, deserialize, dumps, serialize
from nlstm.arguments.names import free_name
from nlstm.files.model_file import save_model
from nlstm.layers import InputLayer, Layer
from nlstm.network.binder import Binder, checked_dtype
from nlstm.network.graph_config import config_of_graph, graph_of_config
from nlstm.network.stream import open_stream
from nlstm.network.summary import bytes_per_step, print_summary
from nlstm.plan.graph import Graph, Node, Shape, Symbol, flat_symbols

__all__ = ["Model"]


class Model(Binder, Configured):
    """What lies between some inputs and outputs.

    Parameters
    ----------
    inputs : Symbol, or list or dict of Symbol
        What `Input` returned. Any other symbol will do too: what comes before it is left out.
    outputs : Symbol, or list or dict of Symbol
        What layers returned. `predict` answers, and `fit` takes its targets, in the same form.
    name : str, optional
    dtype : {"float32", "float64"}, optional
        Of weights and computation. By default that of the inputs and layers, else float32.

    Notes
    -----
    Models share the weights of the layers that they share. A model is called like a layer: it puts
    its layers behind other symbols.

    Raises
    ------
    ValueError
        An output needs an input that is not given, or two layers have one name.

    Examples
    --------
    >>> from nlstm import Input, Model
    >>> from nlstm.layers import LSTM, Dense
    >>> x = Input((20, 10))
    >>> h = LSTM(50)(x)
    >>> model = Model(x, {"mean": Dense(1)(h), "spread": Dense(1)(h)})
    >>> model.compile(optimizer="adam", loss="mse")
    """

    _graph: Graph | None  # None as long as nothing is known of the inputs
    _form: Any  # the outputs as the user gave them
    _input_names: list[str]
    _output_names: list[str]

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, dtype: Any = None
    ) -> None:
        self._begin(name, "functional", dtype)
        self._form = outputs
        sides = []
        for what, given in (("inputs", inputs), ("outputs", outputs)):
            values = list(given.values()) if isinstance(given, Mapping) else flat_symbols([given])
            for one in values:
                if not isinstance(one, Symbol):
                    raise TypeError(
                        f"{what} of a model are what Input or layers returned; got {one!r}."
                    )
            if not values:
                raise ValueError(f"A model needs {what}.")
            sides.append(values)
        self._graph = graph = Graph(*sides)
        if len(set(sides[0])) < len(sides[0]):
            raise ValueError("inputs names one input twice.")
        self._layers = [one for one in graph.layers if not isinstance(one, InputLayer)]
        if not self._layers:
            raise ValueError("The model has no layers.")
        self._name_layers()
        for layer in graph.layers:
            self._take(layer)
        for layer in self._layers:  # for other models that take it
            layer.dtype = self._dtype
        self._input_names = _names(inputs, sides[0])
        self._output_names = _names(outputs, sides[1])

    def _begin(self, name: str | None, default_name: str, dtype: Any) -> None:
        """Set up what every model has."""
        Binder.__init__(self, dtype)
        self.name, self.named_by_user = name or default_name, name is not None
        self._layers = []
        self._graph = None
        self._form = None
        self._input_names = []
        self._output_names = []

    def __call__(self, inputs: Any, training: None = None) -> Any:
        """Put the model's layers behind symbols; or predict for a batch of arrays.

        Parameters
        ----------
        inputs : Symbol, list or dict of Symbol, or array_like
        training : None
            For old code; `fit` and `predict` decide it.
        """
        if training:
            raise TypeError(f"{self.name} got training=True: fit trains, predict does not.")
        names = self.input_names
        values = [inputs[name] for name in names] if isinstance(inputs, dict) else inputs
        symbols = flat_symbols([values]) if isinstance(values, list | tuple | Symbol) else []
        if not symbols or not all(isinstance(one, Symbol) for one in symbols):
            return self.predict_on_batch(inputs)
        graph = self._graph_on(symbols)
        if len(symbols) != len(graph.inputs):
            raise ValueError(f"{self.name} has {len(graph.inputs)} inputs; got {len(symbols)}.")
        return self._as_outputs(graph.call_on(symbols))

    def _graph_on(self, symbols: Sequence[Symbol]) -> Graph:
        """Return the graph, for a call on `symbols`."""
        assert self._graph is not None
        return self._graph

    def _settle_dtype(self, dtype: Any) -> None:
        """Take the dtype of the model that this one lies in."""
        if self._dtype is None:
            self._dtype, self._ops = dtype, None

    def _graph_inside(self, sample: Shape, keep: bool) -> Graph:
        """Return the graph, for an input of shape `sample` inside another model."""
        assert self._graph is not None
        return self._graph

    # Layers

    def _name_layers(self) -> None:
        """Make names unique; those that the user chose, and those in use, stay."""
        assert self._graph is not None
        layers = self._graph.layers
        taken: set[str] = set()
        for layer in layers:
            if layer.named_by_user:
                if layer.name in taken:
                    raise ValueError(
                        f"The name {layer.name!r} is used twice in the model; names are unique."
                    )
                taken.add(layer.name)
        for layer in sorted(layers, key=lambda layer: not layer.taken):
            if not layer.named_by_user:
                layer.name = free_name(layer.name, taken)
                taken.add(layer.name)

    def _take(self, layer: Layer) -> None:
        """Make `layer` the model's; its dtype must be that of the model."""
        self._check_dtype(layer)
        layer.taken = True
        if self._dtype is None and layer.dtype is not None:
            self._dtype, self._ops = layer.dtype, None

    def _check_dtype(self, layer: Layer) -> None:
        if layer.dtype is not None:
            checked_dtype(layer.dtype)
            if layer.dtype != (self._dtype or layer.dtype):
                raise ValueError(f"{layer.name} is {layer.dtype}, but the model is {self._dtype}.")

    @property
    def layers(self) -> list[Layer]:
        """The layers, built if the input's shape is known; those of `Input` too."""
        self._build_if_known()
        assert self._graph is not None
        return list(self._graph.layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No layer {name!r}; there are {[one.name for one in self._layers]}.")

    # Inputs and outputs

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: keys of a dict of arrays."""
        return self._input_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: keys of a dict of targets, and what losses are called in logs."""
        return self._output_names

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols of the inputs."""
        return list(self._graph_for(None, "inputs").inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The symbols of the outputs."""
        return list(self._graph_for(None, "outputs").outputs)

    @property
    def input(self) -> Any:
        """The input's symbol, or a list of them."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The output's symbol, or a list of them."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def input_shape(self) -> Any:
        """Shape of the input, with None for the batch; a list of them where there are several."""
        shapes = [one.shape for one in self._graph_for(None, "input_shape").inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """Shape of the output, with None for the batch; a list of them where there are several."""
        shapes = [one.shape for one in self._graph_for(None, "output_shape").outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    def _as_outputs(self, values: list[Any]) -> Any:
        if isinstance(self._form, Mapping):
            return dict(zip(self._form, values, strict=True))
        return list(values) if isinstance(self._form, list | tuple) else values[0]

    def _input_labels(self) -> Sequence[str]:
        return self._input_names

    # Building

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        self._build()

    def _build(self, samples: Sequence[Shape] = ()) -> None:
        """Make the weights if there are none."""
        for home in self._homes:
            if home.moved:
                break
        else:
            if self._homes:
                return
        graph = self._graph
        assert graph is not None
        for node in graph.nodes:
            self._build_layer(node)
        parameters = [one for layer in self._layers for one in layer.parameters]
        self._house(parameters)
        self._start_anew()

    def _start_anew(self) -> None:
        """Forget what depends on where weights lie, and on the layers."""
        graph = self._graph
        assert graph is not None
        self._mirror = None
        symbols = [*graph.inputs, *(one for node in graph.nodes for one in node.outputs)]
        self._width = max(symbol.sample[-1] or 1 for symbol in symbols)
        self._forget_steps()

    def _build_layer(self, node: Node) -> None:
        layer, shapes = node.layer, [symbol.sample for symbol in node.inputs]
        if not layer.built:
            layer.build(self.ops, *shapes, self.dtype)
            return
        for parameter in layer.parameters:
            if parameter.home is not None and parameter.home.value.dtype != self.dtype:
                raise ValueError(
                    f"{layer.name} is {parameter.home.value.dtype}, but the model is {self.dtype}."
                )
        takes_features = layer.parameters and layer.index_limit is None  # not so many indices
        if takes_features and layer.built_shape[-1] != shapes[0][-1]:
            raise ValueError(
                f"{layer.name} was built for {layer.built_shape[-1]} features; it is called on "
                f"{shapes[0][-1]}."
            )

    def _build_if_known(self) -> None:
        self._build()

    def _graph_for(self, x: Any, before_build: str | None) -> Graph:
        """Return the graph, for data `x`; a model that needs weights has them afterwards."""
        self._build()
        assert self._graph is not None
        return self._graph

    save = save_model
    summary = print_summary
    bytes_per_step = bytes_per_step
    stream = open_stream

    # Config

    def get_config(self) -> dict[str, Any]:
        """Return what makes a model like this one, without its weights."""
        assert self._graph is not None
        forms = [list(self._input_names), self._as_outputs(self._output_names)]
        return {
            "name": self.name,
            "dtype": None if self._dtype is None else self._dtype.name,
            **config_of_graph(self._graph, *forms),
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a new model for a config as `get_config` gives it."""
        layers = [deserialize(layer, custom_objects) for layer in config["layers"]]
        inputs, outputs = graph_of_config(config, layers)
        return cls(inputs, outputs, name=config["name"], dtype=config["dtype"])

    def to_json(self, **kwargs: Any) -> str:
        """Return the config as JSON, which `model_from_json` reads."""
        return dumps(serialize(self), **kwargs)


def _names(given: Any, symbols: Sequence[Symbol]) -> list[str]:
    """Return the names of inputs or outputs: a dict's keys, or the layers', made unique."""
    if isinstance(given, Mapping):
        return list(given)
    names: list[str] = []
    for symbol in symbols:
        names.append(free_name(symbol.name, set(names)))
    return names
