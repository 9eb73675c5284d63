"""The stack of layers."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from nlstm.arguments.checks import checked_batch_shape
from nlstm.arguments.config import deserialize, serialize
from nlstm.arguments.sharing import writing
from nlstm.arguments.shown import short
from nlstm.layers import InputLayer, Layer
from nlstm.models.model import Model
from nlstm.network import summary
from nlstm.network.stack import Stack
from nlstm.network.summary import Row
from nlstm.plan.precision import FLOAT32, multiplying
from nlstm.plan.symbols import Symbol

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
    device : {"cpu", "cuda", "cuda:1", ..., "auto"}, optional
        Where it computes; see `Model`.
    matmul_precision : {"float32", "bfloat16"}, optional
        What matrix products multiply; see `Model`.

    Examples
    --------
    >>> from nlstm.layers import LSTM, Dense
    >>> model = Sequential([LSTM(50, input_shape=(20, 10)), Dense(1)])
    >>> model.compile(optimizer="adam", loss="mse")
    """

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        name: str | None = None,
        dtype: Any = None,
        device: str | None = None,
        matmul_precision: str | None = None,
    ) -> None:
        if layers is not None and (isinstance(layers, str | bytes) or not np.iterable(layers)):
            raise TypeError(f"layers must be a list of layers; got {layers!r}.")
        self._begin("sequential", name, dtype, device, matmul_precision)
        self._stack = self.design = Stack(self.name, dtype, device, matmul_precision)
        for layer in () if layers is None else layers:
            self.add(layer)

    def add(self, layer: Layer | Model | Symbol) -> None:
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
            raise TypeError(f"add expects a layer of nlstm.layers or a model; got {_shown(layer)}.")
        if layer is self:
            raise ValueError(f"{self.name} cannot be a part of itself.")
        self._stack.add(layer)
        if self.built:  # the optimizer's moments no longer fit
            self.binder_for()
            self.training = self.training.without_aims()

    def pop(self, rebuild: bool = True) -> Layer | Model:
        """Take the last layer or model away, and return it; compile anew afterwards.

        Parameters
        ----------
        rebuild : bool
            For old code; without effect.
        """
        built = self.built
        member: Any = self._stack.pop()
        if built:
            if self._stack.graph is None:
                self._binder = None
            else:
                self.binder_for()
        self.training = self.training.without_aims()
        return member

    @property
    def layers(self) -> list[Any]:
        """The layers and models, without `Input`, built if the input's shape is known."""
        self._build_if_known()
        return list(self._stack.members)

    def _summary_rows(self, expand: bool) -> list[Row]:
        return summary.member_rows(self._stack.members, expand)

    def get_config(self) -> dict[str, Any]:
        """Return what makes a model like this one, without its weights."""
        return writing(self._config)

    def _config(self) -> dict[str, Any]:
        stack = self._stack
        return {
            "name": self.name,
            "dtype": None if stack.dtype is None else stack.dtype.name,
            "matmul_precision": self.matmul_precision,
            "layers": [serialize(layer) for layer in stack.members],
            "build_input_shape": None if stack.input is None else stack.input.shape,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a new model for a config as `get_config` gives it."""
        layers = deserialize(list(config["layers"]), custom_objects)
        shape = config.get("build_input_shape")
        if shape is not None:
            layers.insert(0, InputLayer(tuple(shape[1:]), shape[0]))
        with multiplying(config.get("matmul_precision", FLOAT32)):
            return cls(layers, name=config["name"], dtype=config["dtype"])

    def build(self, input_shape: Any = None) -> None:
        """Make the weights.

        Parameters
        ----------
        input_shape : tuple of int, optional
            With the batch axis, as in Keras: (None, steps, features). By default what `Input` or
            the first layer said.
        """
        if input_shape is not None:
            shape = checked_batch_shape("input_shape", input_shape)[1:]
            known = self._stack.input
            if known is not None and known.sample != shape:
                raise ValueError(f"The model is for inputs {known.sample}; got {shape}.")
            self.binder_for(shape)
        self.design.network("build")
        self.binder_for()


def _shown(given: Any) -> str:
    """Return what came in the place of a layer, and from where."""
    if isinstance(given, type):
        return f"the class {given.__name__}: {given.__name__}(...) makes one"
    place = type(given).__module__.partition(".")[0]
    return short(given) if place == "builtins" else f"{short(given)} of {place}"
