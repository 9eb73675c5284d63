"""A whole model in one file: its config, weights, compile arguments and training state."""

import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from nlstm.arguments.config import deserialize, dumps, loads, serialize
from nlstm.files.arrays_file import MODEL, check_arrays, check_overwrite, read_arrays, write_arrays
from nlstm.network.binder import Binder
from nlstm.training.state import restore_state, state_of
from nlstm.training.training import Training

__all__ = ["load_model", "save_model"]


class Storable(Protocol):
    """A model, as far as files know it."""

    @property
    def binder(self) -> Binder:
        """Its network and weights."""

    @property
    def training(self) -> Training:
        """What compile chose."""

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Choose how it is trained."""

    def get_config(self) -> dict[str, Any]:
        """Return what makes a model like it."""


def save_model(
    model: Storable, filepath: str | os.PathLike[str], overwrite: bool = True, **_unused: Any
) -> None:
    """Write a model to one safetensors file, whole or not at all.

    Parameters
    ----------
    model : Sequential or Model
        With weights.
    filepath : path
        By custom "<name>.nlstm".
    overwrite : bool, default True
        Whether a file that is there may be replaced.

    Raises
    ------
    TypeError
        An argument of a layer or of compile cannot be written, such as a lambda; the error names
        it, and nothing was written.
    FileExistsError
        The file is there and `overwrite` is false.
    """
    check_overwrite(filepath, overwrite)
    binder = model.binder
    weights = {name: one.get() for name, one in binder.weights.named.items()}
    numbers, arrays = state_of(binder, model.training)
    config = {
        "model": serialize(model),
        "compile": model.training.get_config(),
        "training": numbers,
    }
    write_arrays(filepath, MODEL, weights | arrays, {"config": dumps(config)})


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model that `save` wrote; fit goes on bit for bit where it stopped.

    Parameters
    ----------
    filepath : path
    custom_objects : dict, optional
        Users' classes and functions by name; those of `nlstm.saving.register` need not be given.
    compile : bool, default True
        Whether the model comes compiled, with its optimizer's state, as it was.
    safe_mode : bool
        Without effect: a file never holds code.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is broken, foreign or newer, or needs a class that is not known.
    """
    metadata, arrays = read_arrays(filepath, MODEL)
    try:
        config = loads(metadata["config"])
        model: Storable = deserialize(config["model"], custom_objects)
        compiled = deserialize(config["compile"], custom_objects) if compile else None
        _fill(filepath, model, arrays)
        if compiled is not None:
            model.compile(**compiled)
        restore_state(model.binder, model.training, config["training"], arrays)
    except Exception as error:
        text = str(error)
        place = "" if text.startswith(str(filepath)) else f"{filepath} cannot be loaded: "
        raise ValueError(f"{place}{text}") from error
    return model


def _fill(path: Any, model: Storable, arrays: Mapping[str, np.ndarray]) -> None:
    parameters = model.binder.weights.named
    weights = {name: array for name, array in arrays.items() if not name.startswith("/")}
    check_arrays(path, weights, {name: one.shape for name, one in parameters.items()})
    for name, parameter in parameters.items():
        parameter.set(weights[name])
