"""The weights of a model: where they lie, which are trained, how they are read and written."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nlstm.files.arrays_file import check_overwrite, read_weights, write_weights
from nlstm.layers import Layer
from nlstm.layers.layer import check_weight
from nlstm.plan.parameters import Parameter, ParameterBuffer
from nlstm.training.fit import Trainer

__all__ = ["Weights"]


class Weights(Trainer):
    """The part of a model that holds weights. A model provides layers and its graph."""

    _layers: list[Layer]

    def __init__(self) -> None:
        super().__init__()
        self._homes: list[ParameterBuffer] = []  # where the weights lie; none before they exist
        self._mirror: Any = None
        self._frozen: list[Layer] = []  # as compile found them

    def _labelled(self) -> Iterator[tuple[str, Layer]]:
        """Give each layer with what it is called in files; no two are called the same."""
        for layer in self._layers:
            yield layer.name, layer

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return bool(self._homes)

    def _house(self, parameters: list[Any]) -> None:
        """Give new weights a buffer; those of layers that other models built stay in theirs."""
        fresh = [one for one in parameters if one.home is None]
        if fresh:
            ParameterBuffer(fresh, self.ops)
        homes = {id(one.home): one.home for one in parameters}
        self._homes = list(homes.values()) or [ParameterBuffer([], self.ops)]

    @property
    def _buffer(self) -> ParameterBuffer:
        """The weights that are trained, in one flat array: where they lie, or a copy of them.

        A copy where other models hold some, or some are frozen.
        """
        own = list(self._trained_by_name().values())
        if len(self._homes) == 1 and list(self._homes[0].parameters) == own:
            return self._homes[0]
        if self._mirror is None:
            self._mirror = ParameterBuffer.mirror(own, self.ops)
        return self._mirror[0]

    def _parameters_by_name(self) -> dict[str, Any]:
        self._graph_for(None, "This")
        return _by_name(self._labelled())

    def _trained_by_name(self) -> dict[str, Any]:
        self._graph_for(None, "This")
        return _by_name((label, one) for label, one in self._labelled() if one not in self._frozen)

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

    def count_params(self) -> int:
        """Return the number of weights."""
        return sum(parameter.size for parameter in self._parameters_by_name().values())

    def first_non_finite_weights(self) -> str | None:
        """Return "layer/weight" for the first that holds NaN or infinity, or None."""
        for name, parameter in self._parameters_by_name().items():
            if not parameter.is_finite():
                return name
        return None


def _by_name(layers: Iterable[tuple[str, Layer]]) -> dict[str, Parameter]:
    return {
        f"{label}/{parameter.name}": parameter
        for label, layer in layers
        for parameter in layer.parameters
    }
