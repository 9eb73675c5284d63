"""Models made anew, from a config or from another model."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

from nlstm.arguments.config import deserialize, loads
from nlstm.layers import InputLayer, Layer
from nlstm.models.model import Model

__all__ = ["clone_model", "model_from_json"]

Kind = TypeVar("Kind", bound=Model)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new model, with new weights, for what `to_json` returned."""
    return deserialize(loads(json_string), custom_objects)


def clone_model(model: Kind, clone_function: Callable[[Layer], Layer] | None = None) -> Kind:
    """Return a model like `model` with layers and weights of its own, compiled if that is.

    Parameters
    ----------
    model : Sequential or Model
    clone_function : callable, optional
        Given each layer but those of `Input`, returns the one for the copy; by default made anew
        from its config.
    """
    copy = clone_function or _copied
    config = model.get_config()
    layers = {layer.name: layer for layer in model.layers if not isinstance(layer, InputLayer)}
    for entry in config["layers"]:
        layer = layers.get(entry["config"]["name"])
        if layer is not None:
            entry["made"] = copy(layer)
    made = type(model).from_config(config)
    if model.compiled:
        given, optimizer = dict(model.training.given), model.optimizer
        if optimizer is not None:
            given["optimizer"] = type(optimizer).from_config(optimizer.get_config())
        made.compile(**{name: deepcopy(one) for name, one in given.items()})
    return made


def _copied(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())
