"""Models: graphs of layers, their weights, and what can be seen and kept of them."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from nlstm import kernels
from nlstm.config import Configured, deserialize, dumps, serialize
from nlstm.goal import Goal
from nlstm.graph import Graph, Node, Shape, Symbol, flat_symbols
from nlstm.layers import InputLayer, Layer
from nlstm.layers.layer import check_weight, checked_size
from nlstm.model_config import config_of_graph, graph_of_config
from nlstm.model_file import save_model
from nlstm.optimizers import Optimizer
from nlstm.parameters import Parameter, ParameterBuffer
from nlstm.plan import Call, Plan, Tensor
from nlstm.plan_cache import PlanCache
from nlstm.seeds import SeedStream
from nlstm.step import Step
from nlstm.stream import Stream
from nlstm.summary import summary_lines
from nlstm.trainer import Trainer
from nlstm.weights_file import check_overwrite, read_weights, write_weights

__all__ = ["Model", "checked_dtype", "free_name"]

DTYPES = ("float32", "float64")


class Model(Trainer, Configured):
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

    _layers: list[Layer]
    _graph: Graph | None  # None as long as nothing is known of the inputs
    _form: Any  # the outputs as the user gave them
    _input_names: list[str]
    _output_names: list[str]

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, dtype: Any = None
    ) -> None:
        self._begin(name or "functional", dtype)
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

    def _begin(self, name: str, dtype: Any) -> None:
        """Set up what every model has."""
        Trainer.__init__(self)
        self.name = name
        self._dtype = None if dtype is None else checked_dtype(dtype)
        self._layers = []
        self._graph = None
        self._form = None
        self._input_names = []
        self._output_names = []
        self._seeds = SeedStream()
        self._ops: Any = None
        self._counter = np.zeros(1, np.int64)
        self._plans: PlanCache | None = None
        self._homes: list[ParameterBuffer] = []  # where the weights lie; none before they exist
        self._mirror: Any = None
        self._frozen: list[Layer] = []  # as compile found them
        self._width = 1

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

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        """The dtype of weights and computation."""
        return self._dtype or np.dtype(np.float32)

    @property
    def ops(self) -> Any:
        """The kernels, loaded when first needed."""
        if self._ops is None:
            self._ops = kernels.load("cpu", self.dtype.name)
        return self._ops

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

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return bool(self._homes)

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

    def _house(self, parameters: list[Any]) -> None:
        """Give new weights a buffer; those of layers that other models built stay in theirs."""
        fresh = [one for one in parameters if one.home is None]
        if fresh:
            ParameterBuffer(fresh, self.dtype)
        homes = {id(one.home): one.home for one in parameters}
        self._homes = list(homes.values()) or [ParameterBuffer([], self.dtype)]

    def _build_if_known(self) -> None:
        self._build()

    @property
    def _buffer(self) -> ParameterBuffer:
        """The weights that are trained, in one flat array: where they lie, or a copy of them.

        A copy where other models hold some, or some are frozen.
        """
        own = list(self._trained_by_name().values())
        if len(self._homes) == 1 and list(self._homes[0].parameters) == own:
            return self._homes[0]
        if self._mirror is None:
            self._mirror = ParameterBuffer.mirror(own, self.dtype)
        return self._mirror[0]

    def _graph_for(self, x: Any, before_build: str | None) -> Graph:
        """Return the graph, for data `x`; a model that needs weights has them afterwards."""
        self._build()
        assert self._graph is not None
        return self._graph

    def stream(self, batch_size: int = 1) -> Stream:
        """Return the model ready to run one time step at a time.

        Parameters
        ----------
        batch_size : int, default 1
            Sequences that are run side by side.

        Returns
        -------
        Stream
            It reads the model's weights as they are at each step.

        Raises
        ------
        ValueError, TypeError
            The model has no weights yet, or is no chain of layers, or a layer needs the whole
            sequence.
        """
        graph = self._graph_for(None, "stream")
        if not graph.is_chain:
            raise TypeError(
                f"{self.name} cannot run one step at a time: its layers do not form a chain."
            )
        if len(self._homes) > 1:
            raise TypeError(f"{self.name} has weights of several models; stream needs one.")
        layers = [node.layer.streamed() for node in graph.nodes]
        found = [layer for layer in layers if layer is not None]
        size = checked_size("batch_size", batch_size)
        return Stream(self.ops, self._homes[0].value, found, size)

    # What the trainer asks for

    def _forget_steps(self) -> None:
        super()._forget_steps()
        if self._plans is not None:
            self._plans.clear()

    def _plan_cache(self) -> PlanCache:
        if self._plans is None:
            self._plans = PlanCache(self.ops, self.dtype, self._counter)
        return self._plans

    def _bind_step(self, plan: Plan, key: tuple[Any, ...], goal: Goal | None) -> Step:
        """Bind layers and losses for data of shapes `key`: see `Data`."""
        graph = self._graph_for(None, None)
        x_shapes, measured, y_shapes, weight_shapes = key
        inputs = []
        for number, ((steps, features), symbol) in enumerate(
            zip(x_shapes, graph.inputs, strict=True)
        ):
            value = plan.array((steps, plan.rows, features))
            mask = plan.mask(steps, plan.rows) if measured and measured[number] else None
            inputs.append(Tensor(value, features, len(symbol.sample) == 2, mask=mask))
        plan.scored = goal is not None
        activations, fused = self._fusions(graph, plan.training, goal)
        outputs = graph.bind(plan, inputs, fused)
        targets: list[Any] = []
        weights: list[Any] = []
        if goal is not None:
            for arrays, shapes in ((targets, y_shapes), (weights, weight_shapes)):
                for shape in shapes:
                    whole = None if shape is None else (shape[0], plan.rows, shape[1])
                    arrays.append(None if whole is None else plan.array(whole))
            goal.bind(plan, targets, outputs, weights, activations)
            for parameter in self._trained_by_name().values():
                parameter.bind_rules(plan)
        return Step(np.zeros(plan.rows, np.int64), inputs, outputs, targets, weights, [])

    def _fusions(
        self, graph: Graph, training: bool, goal: Goal | None
    ) -> tuple[list[str | None], list[Node]]:
        """Return the activation of each output that its loss may take over, and the calls of them.

        Only where nothing else takes the output: a loss gives the gradient before the activation.
        """
        activations: list[str | None] = []
        fused: list[Node] = []
        for aim, symbol in zip(goal.aims if goal else (), graph.outputs, strict=goal is not None):
            layer = symbol.node.layer
            free = layer.fuses_loss and graph.users(symbol) == 1 and symbol.node in graph.nodes
            activation = layer.activation if free and aim.loss is not None else None
            activations.append(activation)
            if training and aim.loss is not None and aim.loss.fuses(activation):
                fused.append(symbol.node)
        return activations, fused

    def _bind_optimizer(self, optimizer: Optimizer) -> tuple[list[Call], list[Call]]:
        """Return the calls that fetch the weights, and those that change them."""
        buffer = self._buffer
        if not buffer.parameters:
            raise ValueError("The model has no weights to train.")
        update = optimizer.bind(self.ops, buffer)
        if self._mirror is None:
            return [], update
        _, pull, push = self._mirror
        return pull, update + push

    def _shuffler(self, epoch: int) -> np.random.Generator:
        return self._seeds.generator(epoch)

    def _widest(self) -> int:
        return self._width

    # Weights

    def _parameters_by_name(self) -> dict[str, Any]:
        self._graph_for(None, "This")
        return _by_name(self._layers)

    def _trained_by_name(self) -> dict[str, Any]:
        self._graph_for(None, "This")
        return _by_name([layer for layer in self._layers if layer not in self._frozen])

    def _note_frozen(self) -> None:
        frozen = [layer for layer in self._layers if not layer.trainable]
        if frozen != self._frozen:
            self._frozen, self._mirror = frozen, None

    @property
    def trainable(self) -> bool:
        """Whether training changes any weights; setting it sets it for every layer.

        `compile` looks at it, so that a change takes another `compile`.
        """
        return any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = bool(value)

    @property
    def weights(self) -> list[Parameter]:
        """The weights, in Keras's order."""
        return list(self._parameters_by_name().values())

    @property
    def trainable_weights(self) -> list[Parameter]:
        """The weights of layers that are trainable."""
        self._graph_for(None, "This")
        return [one for layer in self._layers for one in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """The weights of layers that are not trainable."""
        self._graph_for(None, "This")
        return [one for layer in self._layers for one in layer.non_trainable_weights]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights, in Keras's shapes and order."""
        return [parameter.get() for parameter in self._parameters_by_name().values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all weights.

        Parameters
        ----------
        weights : sequence of array_like
            As `get_weights` returns them.

        Raises
        ------
        ValueError
            Their number or a shape is not the model's; nothing was changed.
        """
        parameters = self._parameters_by_name()
        arrays = [np.asarray(weight) for weight in weights]
        if len(arrays) != len(parameters):
            raise ValueError(f"The model has {len(parameters)} weights; got {len(arrays)}.")
        for (name, parameter), array in zip(parameters.items(), arrays, strict=True):
            check_weight(name, parameter.shape, array)
        for parameter, array in zip(parameters.values(), arrays, strict=True):
            parameter.set(array)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a safetensors file, whole or not at all."""
        check_overwrite(filepath, overwrite)
        parameters = self._parameters_by_name()
        write_weights(filepath, {name: one.get() for name, one in parameters.items()})

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Read weights that `save_weights` wrote.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            The file is broken, foreign, newer, or for another model; nothing was changed.
        """
        parameters = self._parameters_by_name()
        found = read_weights(filepath, {name: one.shape for name, one in parameters.items()})
        for name, parameter in parameters.items():
            parameter.set(found[name])

    save = save_model

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

    def first_non_finite_weights(self) -> str | None:
        """Return "layer/weight" for the first that holds NaN or infinity, or None."""
        for name, parameter in self._parameters_by_name().items():
            if not np.isfinite(parameter.packed).all():
                return name
        return None

    # Looking at it

    def count_params(self) -> int:
        """Return the number of weights."""
        return sum(parameter.size for parameter in self._parameters_by_name().values())

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers with the shapes they give and their numbers of weights.

        And what each is connected to, where the layers do not form a chain.
        """
        self._build_if_known()
        graph = self._graph
        chain = graph is None or graph.is_chain
        rows = []
        for layer in self._layers if chain or graph is None else graph.layers:
            nodes = [] if graph is None else [one for one in graph.nodes if one.layer is layer]
            made = nodes[0].outputs if nodes else layer.nodes[0].outputs if layer.nodes else ()
            given = ", ".join(str(symbol.shape) for symbol in made) or "?"
            row = [layer.name, type(layer).__name__, given, layer.count_params()]
            if not chain:
                row.append(", ".join(one.name for node in nodes for one in node.sources) or "-")
            rows.append(row)
        frozen = sum(layer.count_params() for layer in self._layers if not layer.trainable)
        sizes = self.dtype.itemsize, self.bytes_per_step()
        for line in summary_lines(self.name, rows, *sizes, frozen):
            print_fn(line)

    def bytes_per_step(self) -> int | None:
        """Return the memory that training needs for one more step of one sequence.

        What is saved for the backward pass, and the gradients between layers. None where the input
        has no steps or a fixed number of them decides widths, or it is not known yet.
        """
        self._build_if_known()
        graph = self._graph
        if graph is None or not any(len(one.sample) == 2 for one in graph.inputs):
            return None
        rows, steps = 64, 1024  # enough for every buffer that grows with the steps to do so
        sizes = []
        for length in (steps, 2 * steps):
            samples = [
                (length, one.sample[1]) if len(one.sample) == 2 else (one.sample[0] or length,)
                for one in graph.inputs
            ]
            if not _keeps_widths(graph, samples):
                return None
            key = (tuple((1, *one)[-2:] for one in samples), (), (), ())

            def bind(plan: Plan, key: Any = key) -> Step:
                return self._bind_step(plan, key, None)

            sizes.append(self._plan_cache().measure(rows, length, True, bind)[0])
        return (sizes[1] - sizes[0]) * self.dtype.itemsize // (rows * steps)


def _by_name(layers: Sequence[Layer]) -> dict[str, Parameter]:
    return {
        f"{layer.name}/{parameter.name}": parameter
        for layer in layers
        for parameter in layer.parameters
    }


def _keeps_widths(graph: Graph, samples: Sequence[Shape]) -> bool:
    """Whether all features stay the same for inputs of other numbers of steps."""
    try:
        shapes = graph.shapes(samples)
    except ValueError:
        return False
    return all(
        symbol.sample[-1] in (None, shape[-1])
        for symbol, shape in shapes.items()
        if len(symbol.sample) == 2 or symbol not in graph.inputs
    )


def free_name(name: str, taken: set[str]) -> str:
    """Return `name`, with a number if it is taken."""
    if name not in taken:
        return name
    return next(f"{name}_{n}" for n in range(1, len(taken) + 1) if f"{name}_{n}" not in taken)


def _names(given: Any, symbols: Sequence[Symbol]) -> list[str]:
    """Return the names of inputs or outputs: a dict's keys, or the layers', made unique."""
    if isinstance(given, Mapping):
        return list(given)
    names: list[str] = []
    for symbol in symbols:
        names.append(free_name(symbol.name, set(names)))
    return names


def checked_dtype(dtype: Any) -> np.dtype:
    """Return the dtype of a model, or raise an error that names those that there are."""
    found = np.dtype(dtype)
    if found.name not in DTYPES:
        raise ValueError(f"dtype must be one of {DTYPES}; got {found.name!r}.")
    return found
