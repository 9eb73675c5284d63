"""Models: layers in order, their weights, and what can be seen and kept of them."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nlstm import kernels
from nlstm.data import check_rank, checked_rows
from nlstm.layers import Input, Layer
from nlstm.layers.layer import Shape, check_weight, checked_shape, checked_size
from nlstm.optimizers import Optimizer
from nlstm.parameters import ParameterBuffer
from nlstm.plan import Call, Plan, Tensor
from nlstm.plan_cache import PlanCache
from nlstm.seeds import SeedStream
from nlstm.step import Goal, Step
from nlstm.stream import Stream
from nlstm.summary import summary_lines
from nlstm.trainer import Trainer
from nlstm.weights_file import read_weights, write_weights

__all__ = ["Sequential"]

DTYPES = ("float32", "float64")


class Sequential(Trainer):
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
        self, layers: Iterable[Layer] | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.name = name or "sequential"
        self._dtype = None if dtype is None else _checked_dtype(dtype)
        self._layers: list[Layer] = []
        self._input_shape: Shape | None = None
        self._built_shape: Shape | None = None
        self._seeds = SeedStream()
        self._ops: Any = None
        self._counter = np.zeros(1, np.int64)
        self._plans: PlanCache | None = None
        self._buffer: ParameterBuffer | None = None
        for layer in layers or ():
            self.add(layer)

    # Layers

    def add(self, layer: Layer) -> None:
        """Append a layer.

        Raises
        ------
        TypeError, ValueError
            It is no layer, already belongs to a model, has a name that is taken, or an
            `input_shape` though it is not the first.
        """
        if not isinstance(layer, Layer):
            raise TypeError(f"add expects a layer of nlstm.layers; got {layer!r}.")
        if layer.taken:
            raise ValueError(
                f"The layer {layer.name!r} already belongs to a model; make a new one."
            )
        if layer.dtype is not None:
            _checked_dtype(layer.dtype)
            if layer.dtype != (self._dtype or layer.dtype):
                raise ValueError(f"{layer.name} is {layer.dtype}, but the model is {self._dtype}.")
        layer.name = self._free_name(layer)
        shape = self._shape_with(layer)
        kept = self.get_weights() if self._built_shape else []

        layer.taken = True
        if self._dtype is None and layer.dtype is not None:
            self._dtype, self._ops = layer.dtype, None
        self._input_shape = shape
        if isinstance(layer, Input):
            return
        self._layers.append(layer)
        if self._built_shape is not None:
            self._extend(kept)

    def _shape_with(self, layer: Layer) -> Shape | None:
        """Return the model's input shape once it has `layer`; raise if the shapes do not fit."""
        shape = self._input_shape
        if layer.input_shape is not None:
            if self._layers or shape is not None:
                if isinstance(layer, Input):
                    raise ValueError("Input must be the first layer, and there can be one only.")
                if shape is None:
                    raise ValueError(
                        f"Only the first layer takes input_shape; {layer.name} is not."
                    )
            else:
                shape = layer.input_shape
        if shape is not None:
            layer.output_shape(self._output_shape(shape))
        return shape

    def _free_name(self, layer: Layer) -> str:
        taken = {one.name for one in self._layers}
        if layer.name not in taken:
            return layer.name
        if layer.named_by_user:
            raise ValueError(f"The name {layer.name!r} is taken by another layer of this model.")
        number = next(n for n in range(1, len(taken) + 1) if f"{layer.name}_{n}" not in taken)
        return f"{layer.name}_{number}"

    def _extend(self, weights: list[np.ndarray]) -> None:
        """Build again after `add`, with the old weights; an optimizer's moments no longer fit."""
        shape, self._built_shape = self._built_shape, None
        assert shape is not None
        self._build(shape)
        assert self._buffer is not None
        for parameter, value in zip(self._buffer.parameters, weights, strict=False):
            parameter.set(value)
        self.loss = self.optimizer = None
        self._forget_steps()

    @property
    def layers(self) -> list[Layer]:
        """The layers, without `Input`, built if the input's shape is known."""
        self._build_if_known()
        return list(self._layers)

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

    # Shapes and building

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._built_shape is not None

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the input, with None for the batch."""
        return (None, *self._sample_shape(None, "input_shape"))

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the output, with None for the batch."""
        return (None, *self._output_shape(self._sample_shape(None, "output_shape")))

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Make the weights.

        Parameters
        ----------
        input_shape : tuple of int, optional
            With the batch axis, as in Keras: (None, steps, features). By default what `Input` or
            the first layer said.
        """
        if input_shape is not None:
            shape = checked_shape("input_shape", tuple(input_shape)[1:])
            if self._input_shape not in (None, shape):
                raise ValueError(f"The model is for inputs {self._input_shape}; got {shape}.")
            self._output_shape(shape)
            self._input_shape = shape
        self._build(self._sample_shape(None, "build"))

    def _build(self, sample: Shape) -> None:
        """Make the weights if there are none."""
        if self._built_shape is not None:
            return
        if not self._layers:
            raise ValueError("The model has no layers.")
        self._input_shape = shape = sample
        ops = self.ops
        for layer in self._layers:
            layer.build(ops, shape, self.dtype)
            shape = layer.output_shape(shape)
        parameters = [parameter for layer in self._layers for parameter in layer.parameters]
        self._buffer = ParameterBuffer(parameters, self.dtype)
        self._built_shape = self._input_shape

    def _build_if_known(self) -> None:
        if self._input_shape is not None and self._layers:
            self._build(self._input_shape)

    def _sample_shape(self, x: Any, before_build: str | None) -> Shape:
        """Return the shape of one sample: as known, or as `x` shows it."""
        if self._input_shape is not None:
            self._build_if_known()
            return self._input_shape
        if before_build is not None:
            raise ValueError(
                f"{before_build} needs weights and this model has none yet: "
                "give it an Input, or fit it."
            )
        if not self._layers:
            raise ValueError("The model has no layers.")
        array = checked_rows(x)
        if any(layer.needs_sequence for layer in self._layers):
            check_rank(array, 2, self._input_name())
        elif array.ndim not in (2, 3):
            check_rank(array, 1, self._input_name())
        return (None, array.shape[2]) if array.ndim == 3 else (array.shape[1],)

    def _output_shape(self, sample: Shape) -> Shape:
        for layer in self._layers:
            sample = layer.output_shape(sample)
        return sample

    def _input_name(self) -> str:
        return self._layers[0].name if self._layers else self.name

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
            The model has no weights yet, or a layer needs the whole sequence.
        """
        shape = self._sample_shape(None, "stream")
        self._build(shape)
        assert self._buffer is not None
        layers = [layer.streamed() for layer in self._layers]
        found = [layer for layer in layers if layer is not None]
        return Stream(self.ops, self._buffer.value, found, checked_size("batch_size", batch_size))

    # What the trainer asks for

    def _forget_steps(self) -> None:
        super()._forget_steps()
        if self._plans is not None:
            self._plans.clear()

    def _plan_cache(self) -> PlanCache:
        if self._plans is None:
            self._plans = PlanCache(self.ops, self.dtype, self._counter)
        return self._plans

    def _bind_step(self, plan: Plan, features: int, targets: Any, goal: Goal | None) -> Step:
        """Bind layers and loss; `targets` is (steps, features of y, steps of weights or 0)."""
        last = self._layers[-1]
        if plan.training and goal is not None and goal.loss.fuses(last.activation):
            plan.fused = last
        value = plan.array((plan.steps, plan.rows, features))
        x = Tensor(value, features, sequence=len(self._sample_shape(None, None)) == 2)
        output = x
        for layer in self._layers:
            output = layer.bind(plan, output)
        y = weight = None
        if goal is not None and targets is not None:
            y = plan.array((targets[0], plan.rows, targets[1]))
            weight = plan.array((targets[2], plan.rows, 1)) if targets[2] else None
            goal.bind(plan, y, output, weight, last.activation)
        index = np.zeros(plan.rows, np.int64)
        return Step(index, x, output, y, weight, [])

    def _bind_optimizer(self, optimizer: Optimizer) -> list[Call]:
        assert self._buffer is not None
        if not self._buffer.parameters:
            raise ValueError("The model has no weights to train.")
        return optimizer.bind(self.ops, self._buffer)

    def _shuffler(self, epoch: int) -> np.random.Generator:
        return self._seeds.generator(epoch)

    def _widest(self) -> int:
        shape = self._sample_shape(None, None)
        widths = [shape[-1]]
        for layer in self._layers:
            shape = layer.output_shape(shape)
            widths.append(shape[-1])
        return max(width for width in widths if width is not None)

    # Weights

    def _parameters_by_name(self) -> dict[str, Any]:
        self._build(self._sample_shape(None, "This"))
        return {
            f"{layer.name}/{parameter.name}": parameter
            for layer in self._layers
            for parameter in layer.parameters
        }

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

    def save_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Write the weights to a safetensors file, whole or not at all."""
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
        """Print the layers with the shapes they give and their numbers of weights."""
        self._build_if_known()
        shape = self._input_shape
        rows = []
        for layer in self._layers:
            shape = None if shape is None else layer.output_shape(shape)
            given = "?" if shape is None else str((None, *shape))
            rows.append((layer.name, type(layer).__name__, given, layer.count_params()))
        for line in summary_lines(self.name, rows, self.dtype.itemsize, self.bytes_per_step()):
            print_fn(line)

    def bytes_per_step(self) -> int | None:
        """Return the memory that training needs for one more step of one sequence.

        What is saved for the backward pass, and the gradients between layers. None where the input
        has no steps, or is not known yet.
        """
        self._build_if_known()
        shape = self._input_shape
        if shape is None or len(shape) != 2 or not self._layers:
            return None
        features: Any = shape[1]
        rows, steps = 64, 1024  # enough for every buffer that grows with the steps to do so

        def bind(plan: Plan) -> Step:
            return self._bind_step(plan, features, None, None)

        sizes = [self._plan_cache().measure(rows, n * steps, True, bind)[0] for n in (1, 2)]
        return (sizes[1] - sizes[0]) * self.dtype.itemsize // (rows * steps)


def _checked_dtype(dtype: Any) -> np.dtype:
    found = np.dtype(dtype)
    if found.name not in DTYPES:
        raise ValueError(f"dtype must be one of {DTYPES}; got {found.name!r}.")
    return found
