"""A whole model in one file: its config, weights, compile arguments and training state."""

import os
from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np

from nlstm.arguments.checks import checked_path
from nlstm.arguments.config import deserialize, dumps, loads, serialize
from nlstm.files.arrays_file import (
    MODEL,
    check_arrays,
    checked_target,
    packed,
    read_arrays,
    unpacked,
)
from nlstm.files.doors import door_by_content, door_by_name
from nlstm.files.whole_file import write_whole
from nlstm.network.binder import Binder
from nlstm.network.design import Design
from nlstm.network.weights import build_layers
from nlstm.training.state import restore_state, state_of
from nlstm.training.training import Training

__all__ = ["load_model", "packed_model", "save_model", "unpacked_model"]

# Arguments of Keras's save, old ones too, and the values that ask for nothing else.
DEFAULTS: dict[str, tuple[Any, ...]] = {
    "zipped": (None,),
    "include_optimizer": (True,),
    "save_format": (None, False),
    "signatures": (None,),
    "options": (None,),
}


class Storable(Protocol):
    """A model, as far as files know it."""

    @property
    def design(self) -> Design:
        """The layers, and the network that they form."""

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
    model: Storable, filepath: str | os.PathLike[str], overwrite: bool = True, **options: Any
) -> None:
    """Write a model to one file, whole or not at all.

    Parameters
    ----------
    model : Sequential or Model
        With weights.
    filepath : path
        By custom "<name>.nlstm", a safetensors file. A name that ends in ".keras", ".h5" or ".hdf5"
        is written as Keras 3 writes it, for Keras; it takes h5py (``pip install nlstm[keras]``).
        One that ends in ".onnx" is written as ONNX (``pip install nlstm[onnx]``).
    overwrite : bool, default True
        Whether a file that is there may be replaced. It keeps its mode; where it is a symbolic
        link, the file that it points to is replaced.

    Raises
    ------
    TypeError
        An argument of a layer or of compile cannot be written, such as a lambda; the error names
        it, and nothing was written.
    ValueError
        The ending is Keras's for weights alone; or it is for Keras or ONNX, and something in the
        model is neither's: the error names it.
    FileExistsError
        The file is there and `overwrite` is false.
    """
    path = checked_target(filepath, overwrite, "model")
    door = door_by_name(path)
    if door is not None:
        optimizer = options.pop("include_optimizer", True)
        _check_options({**options, "save_format": None})
        door.save_model(model, path, bool(optimizer))
        return
    _check_options(options)
    write_whole(path, packed_model(model))


def packed_model(model: Storable) -> bytes:
    """Return the content of nlstm's own file of a model."""
    binder = model.binder
    # Of one step, also while another thread trains the model.
    config, arrays = binder.weights.exclusive(_parts_of, model, binder)
    return packed(MODEL, arrays, {"config": dumps(config)})


def _parts_of(model: Storable, binder: Binder) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    numbers, arrays = state_of(binder, model.training)
    config = {
        "model": serialize(model),
        "compile": model.training.get_config(),
        "training": numbers,
    }
    return config, arrays | {name: one.get() for name, one in binder.weights.named.items()}


def _check_options(options: Mapping[str, Any]) -> None:
    """Raise for what would have to change the file; Keras's defaults are let through."""
    for name, value in options.items():
        if name not in DEFAULTS:
            raise TypeError(f"save has no argument {name!r}.")
        if value not in DEFAULTS[name]:
            raise ValueError(f"save writes nlstm's one format: {name} cannot be {value!r}.")


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
        A file of nlstm's, or of any version of Keras: ".keras" and HDF5, known by their content
        (docs/interop.md has what goes through). Those take h5py: ``pip install nlstm[keras]``. Or
        one of ONNX's, which comes uncompiled and takes onnx: ``pip install nlstm[onnx]``.
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
        The file is broken, foreign or newer, or needs a class that is not known. Of a file of
        Keras's one error lists all layers and arguments that nlstm does not have, and of one of
        ONNX's all nodes.
    """
    path = checked_path("filepath", filepath)
    door = door_by_content(path)
    if door is not None:
        return door.load_model(path, custom_objects, compile)
    return _made(path, *read_arrays(path, MODEL), custom_objects, compile)


def unpacked_model(
    path: str, file: BinaryIO, custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Any:
    """Return the model of an open file that is nlstm's own; errors call it `path`."""
    return _made(path, *unpacked(path, file, MODEL), custom_objects, compile)


def _made(
    path: str,
    metadata: Mapping[str, str],
    arrays: Mapping[str, np.ndarray],
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
) -> Any:
    try:
        config = loads(metadata["config"])
        weights = {name: array for name, array in arrays.items() if not name.startswith("/")}
        _check_size(config["model"], weights)
        model: Storable = deserialize(config["model"], custom_objects)
        compiled = deserialize(config["compile"], custom_objects) if compile else None
        _fill(path, model, weights)
        if compiled is not None:
            model.compile(**compiled)
        restore_state(model.binder, model.training, config["training"], arrays)
    except Exception as error:
        text = str(error)
        place = "" if text.startswith(path) else f"{path} cannot be loaded: "
        raise ValueError(f"{place}{text}") from error
    return model


def _fill(path: str, model: Storable, weights: Mapping[str, np.ndarray]) -> None:
    """Give a new model its weights: shapes are compared before any memory is taken for them."""
    planned = build_layers(model.design.network("load_model"))
    check_arrays(path, weights, {name: one.shape for name, one in planned.items()})
    for parameter in planned.values():  # initializers need not run
        parameter.start_with(np.broadcast_to(np.float32(0), parameter.shape))
    for name, parameter in model.binder.weights.named.items():
        parameter.set(weights[name])


def _check_size(config: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Raise where a config is of more layers than the file has weights of; making them takes long.

    Nothing has been made yet; how large the layers are is looked at when they are there.
    """
    layers, waiting = 0, [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
            arguments = one.get("config")
            if one.get("module") == "nlstm.layers" and isinstance(arguments, dict):
                levels = arguments.get("num_layers", 1)
                if "units" in arguments:  # one array of weights at least
                    layers += levels if isinstance(levels, int) else 1
        elif isinstance(one, list | tuple):
            waiting += one
    if layers > len(weights):
        raise ValueError(
            f"its config has {layers} layers with weights; it holds {len(weights)} arrays of them."
        )
