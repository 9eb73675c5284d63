"""Models: what users compile, fit and ask, over a network, its weights and its training."""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from nlstm.arguments.checks import (
    checked_flag,
    checked_integer,
    checked_layer_name,
    checked_name,
    checked_path,
    checked_size,
)
from nlstm.arguments.config import Configured, deserialize, dumps, serialize
from nlstm.arguments.overrides import check_attribute, check_overrides
from nlstm.arguments.seeds import SeedStream
from nlstm.arguments.sharing import writing
from nlstm.arguments.structures import packed, spread
from nlstm.data.arrays import named
from nlstm.files.arrays_file import checked_target, read_weights, write_weights
from nlstm.files.doors import door_by_content, door_by_name, door_to
from nlstm.files.model_file import save_model
from nlstm.kernels.devices import HOST, checked_device, is_gpu
from nlstm.layers import Layer
from nlstm.losses import Loss
from nlstm.metrics import Metric
from nlstm.models import copying
from nlstm.models.former import (
    evaluate_generator,
    fit_generator,
    predict_classes,
    predict_generator,
    predict_proba,
    reset_states,
)
from nlstm.models.moving import move
from nlstm.network import summary
from nlstm.network.asked_shape import asked_shape
from nlstm.network.binder import COUNTERS, Binder
from nlstm.network.design import Design
from nlstm.network.graph_config import config_of_graph, graph_of_config
from nlstm.network.network import Network, checked_dtype
from nlstm.network.stream import Stream, open_stream
from nlstm.network.summary import Row
from nlstm.network.weights import Weights
from nlstm.network.wiring import Wiring
from nlstm.optimizers import Optimizer
from nlstm.plan.parameters import Parameter
from nlstm.plan.precision import BFLOAT16, FLOAT32, checked_precision, multiplying
from nlstm.plan.symbols import Shape, Symbol, flat_symbols
from nlstm.plan.turns import turn
from nlstm.training.evaluate import evaluate, test_on_batch
from nlstm.training.fit import fit, train_on_batch
from nlstm.training.goal import Goal
from nlstm.training.history import History
from nlstm.training.output import printable, shows, width
from nlstm.training.predict import predict, predict_on_batch
from nlstm.training.recompute import described
from nlstm.training.training import Training

__all__ = ["Model"]


KERAS_METHODS = dict.fromkeys(
    (
        "call",
        "train_step",
        "test_step",
        "predict_step",
        "compute_loss",
        "compute_metrics",
        "make_train_function",
        "make_test_function",
        "make_predict_function",
        "get_metrics_result",
        "reset_metrics",
        "compute_mask",
        "compute_output_spec",
    ),
    "nlstm runs compiled steps of its layers. Connect layers in Model(inputs, outputs); own "
    "losses, metrics and callbacks, or train_on_batch in a loop, change training.",
)


class Model(Configured):
    """What lies between some inputs and outputs.

    Parameters
    ----------
    inputs : Symbol, or list, tuple or dict of Symbol
        What `Input` returned. Any other symbol will do too: what comes before it is left out.
    outputs : Symbol, or list, tuple or dict of Symbol
        What layers returned. `predict` answers, and `fit` takes its targets, in the same form,
        nested if it is; a list of one is that one.
    name : str, optional
    dtype : {"float32", "float64"}, optional
        Of weights and computation. By default that of the inputs and layers, else float32.
    device : {"cpu", "cuda", "cuda:1", ..., "auto"}, optional
        Where it computes; by default what `nlstm.device` or `nlstm.set_device` chose, else the CPU.
        Files and configs hold no device: what one has written any other reads.
    matmul_precision : {"float32", "bfloat16"}, optional
        What the matrix products of its LSTM, GRU and Dense layers multiply; by default what
        `nlstm.set_matmul_precision` chose, which says more, else "float32". In a model inside
        another one that of the outer one holds.

    Notes
    -----
    Models share the weights of the layers that they share. A model is called like a layer: it puts
    its layers behind other symbols.

    `copy.copy`, `copy.deepcopy` and pickles give a model of its own that predicts the same and
    whose fit goes on bit for bit. Layers, losses, metrics and callbacks go as the objects that they
    are, so lambdas go through deepcopy and cloudpickle; pickle's error names them. Models that are
    copied or pickled together, as in a tuple, still share what they shared.

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

    keeps_identity = True

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        dtype: Any = None,
        device: str | None = None,
        matmul_precision: str | None = None,
    ) -> None:
        self._begin("functional", name, dtype, device, matmul_precision)
        self.design: Design = Wiring(inputs, outputs, dtype, device, matmul_precision)

    def _begin(self, default: str, name: Any, dtype: Any, device: Any, precision: Any) -> None:
        """Set up what every model has."""
        if precision is not None and checked_precision(precision) == BFLOAT16:
            if dtype is not None and checked_dtype(dtype) != np.float32:
                raise ValueError(f'matmul_precision="bfloat16" is of float32; dtype is {dtype}.')
        self.name, self.named_by_user = checked_layer_name(name) or default, name is not None
        if dtype is not None:
            checked_dtype(dtype)  # before a stream of random numbers is taken
        if device is not None:
            checked_device(device)
        self._binder: Binder | None = None
        self._building = turn()  # one thread makes weights
        self.training = Training(SeedStream())
        self.history: History | None = None
        self.stop_training = self.stop_evaluating = self.stop_predicting = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse methods that would never be called."""
        check_overrides(cls, KERAS_METHODS, ())
        return super().__new__(cls, *args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in KERAS_METHODS:
            check_attribute(self, name, KERAS_METHODS)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold."""
        return copying.state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        copying.rebuild(self, state)

    def __repr__(self) -> str:
        design = self.design
        count = f"{len(design.layers)} layer{'s' * (len(design.layers) != 1)}"
        start = f"<{type(self).__name__} {self.name!r}, {count}"
        if design.graph is None:
            return f"{start}, for any input>"
        weights = f", {self.count_params():,} weights" if self.built else ""
        return f"{start}{weights}, {self.input_shape} -> {self.output_shape}>"

    def _repr_html_(self) -> str:
        """Return the table of layers that notebooks show; no weights are made for it."""
        rows = self._summary_rows(False)
        if not self.built:
            rows = [row._replace(weights=None) for row in rows]
            return summary.in_html(f"{type(self).__name__} {self.name}", rows, {})
        kept = [one for layer in self.design.layers for one in layer.non_trainable_weights]
        frozen = sum(one.size for one in kept)
        counts = summary.counted(rows, frozen, self.dtype.itemsize, None)
        return summary.in_html(f"{type(self).__name__} {self.name}", rows, counts)

    # What it is made of

    def binder_for(self, *samples: Shape) -> Binder:
        """Return what binds the network, for inputs of these shapes; weights are made."""
        if self.design.graph is None:
            with self._building:
                return self.binder_of(self.design.keep(*samples))
        return self.binder_of(self.design.keep(*samples))

    def binder_of(self, network: Network) -> Binder:
        """Return what binds a network that the design has kept; weights are made."""
        binder = self._binder
        if binder is not None and binder.network is network and not binder.weights.moved:
            return binder
        with self._building:
            binder = self._binder
            if binder is None:
                binder = Binder(network, Weights(network), network.ops.cell(np.int64, COUNTERS))
            elif binder.network is not network or binder.weights.moved:
                weights = Weights(network, former=binder.weights)
                binder = Binder(network, weights, binder.counter_on(network.ops))
            self._binder = binder
            return binder

    @property
    def binder(self) -> Binder:
        """What binds the network; weights are made if the input is known, else it is an error."""
        self.design.network("This")
        return self.binder_for()

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._binder is not None

    @property
    def dtype(self) -> np.dtype:
        """The dtype of weights and computation."""
        return self.design.dtype or np.dtype(np.float32)

    @property
    def device(self) -> str:
        """Where the model computes: "cpu", "cuda", "cuda:1", ..."""
        return self.design.device

    @property
    def matmul_precision(self) -> str:
        """What matrix products multiply: "float32" or "bfloat16"."""
        return self.design.matmul_precision

    def to(self, device: str) -> Self:
        """Go to another device, and return the model.

        Weights, the optimizer's state, the states of stateful layers and the counter of dropout go
        along, so that training goes on with the same numbers, within rounding. Layers that other
        models share go too; those models have to follow before they are used. Weights that were
        asked for before (`layer.kernel`) have to be asked for again.

        Parameters
        ----------
        device : {"cpu", "cuda", "cuda:1", ..., "auto"}
        """
        with self._building:
            move(self, checked_device(device))
        return self

    def _build_if_known(self) -> None:
        if self.design.graph is not None:
            self.binder_for()

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        self.binder_for()

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
        names, given = self.input_names, inputs
        if self.design.graph is not None and not isinstance(inputs, Symbol):
            network = self.design.network("This")
            given = network.flat_inputs("inputs", inputs) if network.nested[0] else inputs
        values = named("inputs", given, names) if isinstance(given, dict) else given
        symbols = flat_symbols([values]) if isinstance(values, list | tuple | Symbol) else []
        if not symbols or not all(isinstance(one, Symbol) for one in symbols):
            return self.predict_on_batch(inputs)
        graph = self.design.graph
        if graph is None:
            graph = self.binder_for(symbols[0].sample).network.graph
        if len(symbols) != len(graph.inputs):
            raise ValueError(f"{self.name} has {len(graph.inputs)} inputs; got {len(symbols)}.")
        return self.design.network("This").as_symbols(graph.call_on(symbols))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, or of all outputs in their form, with the batch axis.

        Parameters
        ----------
        input_shape : tuple of int, or list or dict of them
            With the batch axis: (None, steps, features).

        Raises
        ------
        TypeError, ValueError
            It is no shape, or none of the model's inputs.
        """
        return asked_shape(self.design, input_shape)

    # Layers

    @property
    def layers(self) -> list[Any]:
        """The layers, built if the input's shape is known; those of `Input` too.

        Operators on symbols, such as ``a + b``, are not among them, as in Keras.
        """
        self._build_if_known()
        found = self.design.network("layers").graph.layers
        return [one for one in found if not one.is_operator]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index."""
        if index is not None:
            count = len(self.layers)
            return self.layers[checked_integer("index", index, -count, count - 1)]
        checked_name(name)
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [one.name for one in self.design.layers]
        raise ValueError(f"No layer {name!r}; there are {names}.")

    # Inputs and outputs

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: keys of a dict of arrays."""
        return list(self.design.input_names)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: keys of a dict of targets, and what losses are called in logs."""
        return list(self.design.output_names)

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols of the inputs."""
        return list(self.design.network("inputs").graph.inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The symbols of the outputs."""
        return list(self.design.network("outputs").graph.outputs)

    @property
    def input(self) -> Any:
        """The input's symbol, or several in the form that the model was given."""
        network = self.design.network("input")
        return packed(network.input_form, network.graph.inputs)

    @property
    def output(self) -> Any:
        """The output's symbol, or several in the form that the model was given."""
        network = self.design.network("output")
        return network.as_symbols(network.graph.outputs)

    @property
    def input_shape(self) -> Any:
        """Shape of the input, with None for the batch; a list of them where there are several."""
        shapes = [one.shape for one in self.design.network("input_shape").graph.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """Shape of the output, with None for the batch; a list of them where there are several."""
        shapes = [one.shape for one in self.design.network("output_shape").graph.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    # Training

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        *,
        recompute: Any = "auto",
    ) -> None:
        """Choose how the model is trained.

        Parameters
        ----------
        optimizer : str or Optimizer, default "rmsprop"
            "adam", "sgd", or an object of `nlstm.optimizers`.
        loss : str or Loss, or list or dict of them
            A name such as "mean_squared_error", or an object of `nlstm.losses`. With several
            outputs one for all, or a list or a dict by output names; None leaves an output out.
        loss_weights : float, or list or dict of float, optional
            Weighs the losses in their sum, which training makes small.
        metrics, weighted_metrics : list of str or Metric, optional
            Reported beside the loss: "mae", "accuracy", ... The weighted ones get the sample
            weights. With several outputs a list with an entry for each, or a dict.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            For old code; without effect.
        recompute : int, "auto" or None, default "auto"
            Of how many states of an LSTM or GRU training keeps one; the states between, and all
            gates, are computed again in the backward pass. The same numbers to the bit (on a GPU
            within rounding), in less memory and up to half as much time again. It is rounded up to
            whole chunks of the backward pass. "auto" takes about the square root of the steps, for
            batches that would not fit in the memory that is free, and says so in a warning, once;
            all others keep every gate, as all do with None. See docs/long_sequences.md.

        Raises
        ------
        ValueError, TypeError
            A name is unknown (the error gives the near ones), or a thing of the wrong kind came.
        """
        aims: Any = loss, loss_weights, metrics, weighted_metrics
        if self.design.graph is not None and (network := self.design.network("compile")).nested[1]:
            aims = tuple(spread(network.form, one) for one in aims)
        self.training = self.training.compiled(
            self.output_names, self.design.layers, optimizer, *aims, recompute=recompute
        )

    fit, train_on_batch = fit, train_on_batch
    evaluate, test_on_batch = evaluate, test_on_batch
    predict, predict_on_batch = predict, predict_on_batch
    fit_generator, evaluate_generator = fit_generator, evaluate_generator
    predict_generator, predict_classes = predict_generator, predict_classes
    predict_proba, reset_states = predict_proba, reset_states

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile`, as JSON can hold them; None before it."""
        return self.training.get_config()

    @property
    def compiled(self) -> bool:
        """Whether `compile` has chosen how the model is trained."""
        return self.training.is_chosen

    @property
    def optimizer(self) -> Optimizer | None:
        """What `compile` chose; None before it."""
        return self.training.optimizer

    @property
    def loss(self) -> Loss | list[Loss | None] | None:
        """What `compile` chose, a list where there are several outputs; None before it."""
        return self.training.loss

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that `compile` chose; none before the input is known."""
        if self.design.graph is None:
            return []
        return self._goal().metrics

    @property
    def metrics_names(self) -> list[str]:
        """What `evaluate` returns, by name; none before the input is known."""
        if self.design.graph is None or not self.training.aims:
            return []
        return list(self._goal().logs())

    def _goal(self) -> Goal:
        network = self.design.network("metrics")
        return self.training.goal(network.output_features, network.ops)

    # Weights

    @property
    def trainable(self) -> bool:
        """Whether training changes any weights; setting it sets it for every layer.

        `compile` looks at it, so that a change takes another `compile`.
        """
        return any(layer.trainable for layer in self.design.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        flag = checked_flag("trainable", value)
        for layer in self.design.layers:
            layer.trainable = flag

    @property
    def weights(self) -> list[Parameter]:
        """The weights, in Keras's order."""
        return list(self.binder.weights.named.values())

    @property
    def trainable_weights(self) -> list[Parameter]:
        """The weights that training changes by gradients."""
        return [one for layer in self.binder.network.layers for one in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """The weights of layers that are not trainable, and moving averages."""
        return [one for layer in self.binder.network.layers for one in layer.non_trainable_weights]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights, in Keras's shapes and order."""
        return self.binder.weights.get()

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
        self.binder.weights.set(weights)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to one file, whole or not at all.

        A safetensors file; or, where the name ends in ".weights.h5", ".h5" or ".hdf5", Keras's.
        """
        path = checked_target(filepath, overwrite, "weights")
        weights = self.binder.weights
        door = door_by_name(path)
        if door is not None:
            door.save_weights(self, path)
            return
        write_weights(path, dict(zip(weights.named, weights.get(), strict=True)))

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        by_name: bool = False,
    ) -> None:
        """Read weights that `save_weights` wrote, or some version of Keras.

        Parameters
        ----------
        filepath : path
            Weights alone, or a whole model's file. Keras's are known by their content, and take
            h5py (``pip install nlstm[keras]``).
        skip_mismatch : bool, default False
            For files of Keras: layers that do not fit keep their weights, with a warning.
        by_name : bool, default False
            For files of Keras: find layers by their names, and leave the others as they are,
            instead of going by their order.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            The file is broken, foreign, newer, or for another model; nothing was changed.
        """
        weights, path = self.binder.weights, checked_path("filepath", filepath)
        door = door_by_content(path)
        if door is not None:
            door.load_weights(self, path, by_name, skip_mismatch)
            return
        if by_name or skip_mismatch:
            raise ValueError(
                "by_name and skip_mismatch are for files of Keras's; this one fits, or does not."
            )
        found = read_weights(path, weights.shapes)
        weights.set([found[name] for name in weights.named])

    def count_params(self) -> int:
        """Return the number of weights."""
        return self.binder.weights.count

    def first_non_finite_weights(self) -> str | None:
        """Return "layer/weight" for the first that holds NaN or infinity, or None."""
        return self.binder.weights.first_non_finite()

    # Looking at it

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the layers with the shapes they give and their numbers of weights.

        And what each is connected to, where the layers do not form a chain. Where standard output
        cannot show lines of boxes, they are made of ``+``, ``-`` and ``|``.

        Parameters
        ----------
        line_length : int, optional
            Columns of the table at most, as far as its headings fit; by default those of the
            terminal, or what it takes.
        positions
            For old code; without effect.
        print_fn : callable, optional
            Gets each line in the place of standard output.
        expand_nested : bool, default False
            Show the layers of models inside a Sequential; those inside a Model always are.
        show_trainable : bool, default False
            Show which layers training changes.
        layer_range : (str, str), optional
            Patterns of the names of the first and the last layer to show.
        """
        self._build_if_known()
        columns = None if line_length is None else checked_size("line_length", line_length)
        if columns is None and print_fn is None:
            columns = width()
        kept = [one for layer in self.design.layers for one in layer.non_trainable_weights]
        frozen = sum(one.size for one in kept)
        sizes = self.dtype.itemsize, self.bytes_per_step()
        counts = summary.counted(self._summary_rows(False), frozen, *sizes)
        if self.matmul_precision == BFLOAT16:
            counts |= summary.rounded(self.design.layers, self.dtype)
        if self.training.recomputes:
            counts["Recompute"] = described(self.training.recompute, self.design.layers)
            if self.matmul_precision == BFLOAT16:
                counts["Recompute"] += "; products of its layers are float32 in training"
        rows = summary.chosen(self._summary_rows(expand_nested), layer_range)
        for line in summary.summary_lines(self.name, rows, counts, columns, show_trainable):
            if print_fn is None or print_fn is print:
                print(printable(line if shows(summary.FRAME) else line.translate(summary.PLAIN)))
            else:
                print_fn(line)

    def plot(self, ax: Any = None, **shown: Any) -> Any:
        """Draw the layers, their shapes, and what each is connected to, with matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure, ``model.plot().figure``.
        **shown
            As of `nlstm.plotting.graph`: names, shapes, dtype, activations, trainable, direction.

        Returns
        -------
        matplotlib.axes.Axes
        """
        return door_to("matplotlib")(self, ax=ax, **shown)

    def _summary_rows(self, expand: bool) -> list[Row]:
        return summary.graph_rows(self.design.network("summary").graph, self.design.layers)

    def bytes_per_step(self) -> int | None:
        """Return the memory that training needs for one more step of one sequence.

        What is saved for the backward pass, and the gradients between layers. With `recompute` of
        `compile` that of so long a sequence as it is meant for; with "auto" once it was needed.
        None where the input has no steps or a fixed number of them decides widths, or it is not
        known yet.
        """
        self._build_if_known()
        recompute = self.training.recompute if self.training.recomputes else None
        return None if self._binder is None else summary.bytes_per_step(self._binder, recompute)

    def stream(self, batch_size: int = 1) -> Stream:
        """Return the model ready to run one time step at a time.

        Parameters
        ----------
        batch_size : int, default 1
            Sequences that are run side by side.

        Returns
        -------
        Stream
            It reads the model's weights as they are at each step. Streams run on the CPU: that of a
            model on a GPU has a copy of the weights, as they are now, and its repr says so.

        Raises
        ------
        ValueError, TypeError
            The model has no weights yet, or is no chain of layers, or a layer needs the whole
            sequence.
        """
        network = self.design.network("stream")
        size = checked_size("batch_size", batch_size)
        if is_gpu(network.device):
            found = copy.deepcopy(self).to(HOST).stream(size)
            found.copied_from = network.device
            return found
        return open_stream(self.name, network, self.binder.weights, size)

    save = save_model

    # Config

    def get_config(self) -> dict[str, Any]:
        """Return what makes a model like this one, without its weights."""
        return writing(self._config)

    def _config(self) -> dict[str, Any]:
        network = self.design.network("get_config")
        inputs, outputs = network.input_names, network.output_names
        forms = packed(network.input_form, inputs), packed(network.form, outputs)
        return {
            "name": self.name,
            "dtype": None if self.design.dtype is None else self.design.dtype.name,
            "matmul_precision": self.matmul_precision,
            **config_of_graph(network.graph, *forms),
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a new model for a config as `get_config` gives it."""
        layers = deserialize(config["layers"], custom_objects)
        inputs, outputs = graph_of_config(config, layers)
        with multiplying(config.get("matmul_precision", FLOAT32)):
            made = cls(inputs, outputs, name=config["name"], dtype=config["dtype"])
        if isinstance(made.design, Wiring):
            made.design.expect(config.get("input_form", list(inputs)))
        return made

    def to_json(self, **kwargs: Any) -> str:
        """Return the config as JSON, which `model_from_json` reads."""
        return dumps(serialize(self), **kwargs)
