"""The interface of a layer: shapes, parameters, and calls bound into a plan."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Self

import numpy as np

from nlstm.arguments.checks import (
    WrongKind,
    checked_batch_shape,
    checked_flag,
    checked_integer,
    checked_layer_name,
    checked_numpy_dtype,
    checked_shape,
)
from nlstm.arguments.config import Configured, own_module
from nlstm.arguments.names import snake_case
from nlstm.arguments.numbers import listed
from nlstm.arguments.overrides import check_attribute, check_overrides
from nlstm.arguments.seeds import SeedStream
from nlstm.kernels.operations import Operations
from nlstm.layers.building import Building, rebuild, remembering, state_of
from nlstm.layers.layer_type import LayerType
from nlstm.layers.streamed_layer import StreamedLayer as StreamedLayer
from nlstm.plan.parameters import Parameter
from nlstm.plan.plan import Plan
from nlstm.plan.symbols import Node, Shape, Symbol, connect, flat_symbols, shapes_of

__all__ = ["Layer", "Shape", "StreamedLayer", "check_unbuilt"]

SET_LATER = ("name", "trainable")  # since a subclass's constructor may not take them
CHANGEABLE = {"self", "name", "trainable", "dtype", "input_shape"}
KERAS_METHODS = dict.fromkeys(
    ("call", "__call__", "compute_output_shape", "compute_output_spec", "compute_mask"),
    "nlstm runs a layer's output_shape, build and bind, and derives nothing by itself. Write "
    "these (docs/design.md says how), or combine layers in a Model.",
)


@cache
def _fixed(cls: type) -> frozenset[str]:
    """Return the arguments of nlstm's constructors that cannot change once a layer is in use."""
    own = [one for one in cls.__mro__ if own_module(one) and "__init__" in vars(one)]
    names = [name for one in own for name in inspect.signature(vars(one)["__init__"]).parameters]
    return frozenset(names) - CHANGEABLE


class Layer(Configured, metaclass=LayerType):
    """A part of a model.

    Parameters
    ----------
    name : str, optional
        By default the class's name; a model makes it unique.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a model.
    dtype : {"float32", "float64"}, optional
        The model's dtype; all layers of a model share one.
    seed : int, optional
        For initial values and dropout; by default `nlstm.set_random_seed` and the order of
        creation decide.

    Attributes
    ----------
    parameters : list of Parameter
        Filled by `build`.
    trainable : bool
        Whether training changes the weights. As in Keras `compile` looks at it: to change it later
        takes another `compile`.
    fuses_loss : bool
        Whether a loss may take over the gradient of `activation`, which ends the layer: where
        `plan.fused is self` the gradient that comes is already that from before it.
    needs_sequence : bool
        Whether the input must have steps.
    index_limit : int or None
        Where the input holds indices: they are whole numbers from 0 to below it. A model checks it
        in the data of an `Input` that goes straight into the layer.
    mask_second : bool
        Whether a call may have the mask behind the input, without its name.
    makes_sequence : bool
        Whether the output may have steps where the input has none.
    is_operator : bool
        Whether it comes from an operator on symbols: models do not list it, as in Keras.
    input_batch_size : int or None
        Rows of every batch, for the first layer of a model: see `Input`.
    taken : bool
        Whether the layer belongs to a model.
    nodes : list of Node
        The calls of the layer on symbols.
    building : Building or None
        What `build` was given.

    Notes
    -----
    A copy or a pickle of a layer holds its weights, seeds and states, and whatever was set on it,
    but neither its model nor its calls: it may be put into another model. What is copied or pickled
    together keeps what it shares: two models still share a layer.
    """

    keeps_identity = True
    fuses_loss = False
    needs_sequence = False
    index_limit: int | None = None
    makes_sequence = False
    is_operator = False
    mask_second = False
    input_batch_size: int | None = None
    also_shown = {"name": None, "trainable": True}

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse methods that would never be called."""
        check_overrides(cls, KERAS_METHODS, ("bind", "output_shape"))
        return super().__new__(cls, *args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        used = self.__dict__.get("nodes") or self.__dict__.get("built_shape") is not None
        if used and name in _fixed(type(self)):
            raise AttributeError(
                f"{self.name} is in use, so that its {name} cannot change: make a new layer."
            )
        if name in KERAS_METHODS:
            check_attribute(self, name, KERAS_METHODS)
        if name == "trainable":
            value = checked_flag("trainable", value)
        super().__setattr__(name, value)

    def __init__(
        self,
        *,
        name: str | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        dtype: Any = None,
        seed: int | None = None,
        trainable: bool = True,
    ) -> None:
        self.name = checked_layer_name(name) or snake_case(type(self).__name__)
        self.named_by_user = name is not None
        self.input_shape = (
            None if input_shape is None else checked_shape("input_shape", input_shape, known=False)
        )
        self.dtype = None if dtype is None else checked_numpy_dtype("dtype", dtype)
        self.seeds = SeedStream(None if seed is None else checked_integer("seed", seed))
        if not isinstance(trainable, bool | np.bool_):
            raise WrongKind(f"trainable must be True or False; got {trainable!r}.")
        self.trainable = trainable
        self.taken = False
        self.nodes: list[Node] = []
        self.parameters: list[Parameter] = []
        self.built_shape: Shape | None = None
        self.building: Building | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "build" in vars(cls):
            cls.build = remembering(cls.build)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold."""
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave."""
        rebuild(self, state)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the name that the model gave."""
        config = super().get_config() | {"name": self.name}
        if "trainable" in config or not self.trainable:
            config["trainable"] = self.trainable
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new layer for a config as `get_config` gives it."""
        layer = super().from_config({key: config[key] for key in config if key not in SET_LATER})
        layer.trainable = bool(config.get("trainable", layer.trainable))
        if "name" in config:
            layer.name, layer.named_by_user = config["name"], True
        return layer

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self.built_shape is not None

    @property
    def parts(self) -> "dict[str, Layer]":
        """The layers that this one holds, by the names of its arguments."""
        return {}

    def named_parts(self) -> "Iterator[tuple[str, Layer]]":
        """Give each layer that this one holds with a name below this one's."""
        return iter(self.parts.items())

    @property
    def inside(self) -> "list[Layer]":
        """The layers in this one, and those in them."""
        return [one for part in self.parts.values() for one in (part, *part.inside)]

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Give each weight with its name below the layer's."""
        return ((parameter.name, parameter) for parameter in self.parameters)

    def __call__(self, *inputs: Any, mask: Any = None, training: None = None, **others: Any) -> Any:
        """Put the layer behind what other layers return.

        Parameters
        ----------
        *inputs : Symbol, or list of Symbol
        mask : Symbol, optional
            Of shape (batch, steps); 0 where a step does not count. By default the input's own.
        training : None
            For old code; `fit` and `predict` decide it.
        **others
            What the layer's `call_inputs` takes.

        Returns
        -------
        Symbol, or tuple of Symbol
        """
        if self.mask_second and mask is None and len(inputs) > 1:
            *inputs, mask = inputs  # type: ignore[assignment]
        if training is not None:
            raise TypeError(
                f"{self.name} got training={training!r}: fit trains, predict and evaluate do not."
            )
        return connect(self, self.call_inputs(*inputs, **others), mask)

    def call_inputs(self, *inputs: Any, **others: Any) -> list[Symbol]:
        """Return the symbols of a call in the order in which `bind` takes their values."""
        if others:
            raise TypeError(f"{self.name} is called without an argument {next(iter(others))!r}.")
        return flat_symbols(inputs)

    @property
    def input(self) -> Any:
        """The symbol, or list of symbols, that the layer was called on."""
        found = self._only_node("input").inputs
        return found[0] if len(found) == 1 else list(found)

    @property
    def output(self) -> Any:
        """The symbol, or tuple of symbols, that the layer's one call returned."""
        found = self._only_node("output").outputs
        return found[0] if len(found) == 1 else found

    def _only_node(self, name: str) -> Node:
        if len(self.nodes) != 1:
            raise AttributeError(
                f"{self.name} was called {len(self.nodes)} times; {name} needs one call."
            )
        return self.nodes[0]

    def output_shape(self, *shapes: Any) -> Any:
        """Return the shape of one output sample, or a tuple of shapes for several outputs.

        Raises a ValueError if `shapes` do not fit.
        """
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, or a tuple of shapes, with the batch axis.

        Parameters
        ----------
        input_shape : tuple of int, or list of them
            With the batch axis: (None, steps, features).
        """
        several = isinstance(input_shape, list | tuple) and any(
            isinstance(one, list | tuple) for one in input_shape
        )
        given = [
            checked_batch_shape("input_shape", one)
            for one in (input_shape if several else [input_shape])
        ]
        found = shapes_of(self, [tuple(one[1:]) for one in given])
        shapes = tuple((given[0][0], *shape) for shape in found)
        return shapes if len(shapes) > 1 else shapes[0]

    def unbuild(self) -> None:
        """Forget the weights, as if they had never been made."""
        self.built_shape, self.parameters, self.building = None, [], None
        for part in self.parts.values():
            part.unbuild()

    def build(self, ops: Operations, *shapes_and_dtype: Any) -> None:
        """Make `parameters` for inputs of some shapes; the last argument is the dtype."""
        self.built_shape = shapes_and_dtype[0]

    def bind(self, plan: Plan, *inputs: Any) -> Any:
        """Append this layer's calls on tensors to `plan`; return the output or a tuple of them."""
        raise NotImplementedError

    def streamed(self) -> "StreamedLayer | None":
        """Return what one time step of this layer needs; None if it lets its input through."""
        raise TypeError(f"{self.name} cannot run one step at a time.")

    @property
    def weights(self) -> list[Parameter]:
        """The weights, in Keras's order."""
        return list(self.parameters)

    @property
    def trainable_weights(self) -> list[Parameter]:
        """The weights that training changes."""
        frozen = {id(one) for one in self.non_trainable_weights}
        return [one for one in self.weights if id(one) not in frozen]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """The weights that training leaves alone."""
        frozen = [one for one in (self, *self.inside) if not one.trainable]
        found = {id(parameter) for one in frozen for parameter in one.parameters}
        return [one for one in self.weights if id(one) in found or not one.trainable]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in Keras's shapes and order."""
        return [parameter.get() for parameter in self.parameters]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite the weights with arrays as `get_weights` returns them."""
        given = listed("weights", weights)
        if len(given) != len(self.parameters):
            raise ValueError(
                f"{self.name} has {len(self.parameters)} weights; got {len(given)}."
                + ("" if self.built else " It gets them when its model is built.")
            )
        pairs = zip(self.parameters, given, strict=True)
        arrays = [parameter.checked(one, f"{self.name}/") for parameter, one in pairs]
        if arrays and (home := self.parameters[0].home) is not None:  # all change at once
            home.gate.exclusive(self._overwrite, arrays)

    def _overwrite(self, arrays: Sequence[np.ndarray]) -> None:
        for parameter, array in zip(self.parameters, arrays, strict=True):
            parameter.set(array)

    def count_params(self) -> int:
        """Return the number of weights."""
        return sum(parameter.size for parameter in self.parameters)


def check_unbuilt(wrapper: Layer, layer: Layer) -> None:
    """Raise if `layer` has weights already: it would lose them to a layer around it."""
    if layer.built and not wrapper.built:
        raise ValueError(
            f"{wrapper.name} needs a layer of its own; {layer.name} has its weights from elsewhere."
        )
