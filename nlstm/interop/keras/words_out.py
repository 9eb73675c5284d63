"""Configs of nlstm's things in Keras 3's words."""

from collections.abc import Mapping
from typing import Any

from nlstm import layers, losses, metrics
from nlstm.arguments.config import serialize
from nlstm.interop.keras.table import ROWS, Row
from nlstm.optimizers import schedules
from nlstm.optimizers.former import Decay

__all__ = ["compile_config", "full_names", "layer_config", "policy", "spelled"]

# What only nlstm has, by the module's name.
ONLY_HERE: dict[str, tuple[str, ...]] = {
    "losses": ("GaussianNLL", "NSELoss", "QuantileLoss", "StudentTNLL"),
    "metrics": ("KGE", "NSE", "LossMetric"),
    "activations": ("gelu_tanh", "hard_sigmoid_keras2"),
}
ALSO_HERE = ("input_shape", "input_length", "implementation", "time_major", "alpha")
# Without effect here, and not known to every Keras 3.
UNSAID = ("use_cudnn", "renorm", "renorm_clipping", "renorm_momentum")
NEVER_TRAINED = ("SpatialDropout1D",)  # whose class in Keras does not take the argument
ACTIVATIONS = ("activation", "recurrent_activation")


def policy(dtype: str) -> dict[str, Any]:
    """Return a dtype as layers of Keras 3 name it."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }


def spelled(value: Any, where: str, dtype: str) -> Any:
    """Return an encoded value in Keras's words.

    Raises
    ------
    ValueError
        It is nothing that Keras has.
    """
    if isinstance(value, list | tuple):
        return [spelled(one, where, dtype) for one in value]
    if not isinstance(value, dict):
        return value
    if not ("class_name" in value and "config" in value):
        return {name: spelled(one, where, dtype) for name, one in value.items()}
    name, module = value["class_name"], str(value.get("module", ""))
    if name == "__numpy__":
        return value
    room = module.removeprefix("nlstm.")
    if room == module or name in ("function", "class") or name in ONLY_HERE.get(room, ()):
        own = value["config"] if name in ("function", "class") else name
        raise _only_here(where, str(own))
    config = value["config"]
    if room == "layers":
        return _layer(getattr(layers, name, None), name, config, where, dtype)
    if room == "optimizers" and name == Decay.__name__:
        name = "InverseTimeDecay"
        rate = {"initial_learning_rate": config["learning_rate"], "decay_rate": config["decay"]}
        config = rate | {"decay_steps": 1, "staircase": False, "name": name}
    if room == "optimizers" and hasattr(schedules, name):
        room = "optimizers.schedules"
    return {
        "module": f"keras.{room}",
        "class_name": name,
        "config": {key: spelled(one, f"{key} of {where}", dtype) for key, one in config.items()},
        "registered_name": None,
    }


def _only_here(where: str, what: str) -> ValueError:
    return ValueError(
        f"{where} is {what}, which Keras does not have: nothing was written. Files of nlstm's own, "
        "such as 'model.nlstm', hold it."
    )


def layer_config(
    layer: layers.Layer, dtype: str, changes: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Return a layer's entry in a model's config; `changes` replace arguments."""
    if what == "weights" and type(layer) in ROWS:
        kind, row = ROWS[type(layer)]
        for name in row.here.keys() - changes.keys():
            _check_off(row, name, getattr(layer, name), f"{name} of the {kind} {layer.name!r}")
        return {"class_name": kind, "config": {"trainable": layer.trainable}}
    made = serialize(layer)
    if "module" not in made:
        raise _only_here(f"The layer {layer.name!r}", f"of the class {type(layer).__name__}")
    return _layer(type(layer), layer.name, {**made["config"], **changes}, layer.name, dtype)


def _layer(cls: Any, called: str, config: Mapping[str, Any], where: str, dtype: str) -> Any:
    if cls not in ROWS:
        raise _only_here(f"The layer {called!r}", f"a {getattr(cls, '__name__', called)}")
    kind, row = ROWS[cls]
    found: dict[str, Any] = {}
    for name, value in config.items():
        what = f"{name} of the {kind} {config.get('name', called)!r}"
        if name in row.here:
            _check_off(row, name, value, what)
        elif name in ACTIVATIONS and value in ONLY_HERE["activations"]:
            raise _only_here(what, repr(value))
        elif name not in (*ALSO_HERE, *UNSAID) or (name == "alpha" and kind == "ELU"):
            found[name] = spelled(value, what, dtype)
    if kind == "LeakyReLU" and config.get("alpha") is not None:
        found["negative_slope"] = config["alpha"]
    found.pop("weights", None)
    found["dtype"] = policy(dtype)
    if found.pop("trainable", True) is False and kind not in NEVER_TRAINED:
        found["trainable"] = False
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": found,
        "registered_name": None,
    }


def _check_off(row: Row, name: str, value: Any, what: str) -> None:
    value = tuple(value) if isinstance(value, list) else value
    if value not in row.here[name]:
        raise _only_here(what, repr(value))


def compile_config(model: Any) -> dict[str, Any] | None:
    """Return what `compile` was told, in Keras's words; None before it."""
    given = model.training.get_config()
    if given is None:
        return None
    given.pop("recompute", None)  # memory and time, no number
    for part, registry in (("loss", losses), ("metrics", metrics), ("weighted_metrics", metrics)):
        room = registry.__name__.removeprefix("nlstm.")
        for name in _names(given[part]):
            cls = registry.REGISTRY.by_name.get(name)
            if cls is not None and cls.__name__ in ONLY_HERE[room]:
                raise _only_here(f"{part} of compile", repr(name))
    dtype = model.dtype.name
    found = {name: spelled(value, f"{name} of compile", dtype) for name, value in given.items()}
    optimizer, written = model.optimizer, found["optimizer"]
    rate = written["config"]["learning_rate"]
    if not isinstance(rate, dict):  # what it is now: callbacks set it
        written["config"]["learning_rate"] = float(optimizer.learning_rate)
    written["config"]["name"] = optimizer.name
    return found


def full_names(value: Any) -> Any:
    """Return losses with names for short forms, which Keras does not read in dicts of HDF5."""
    if isinstance(value, str):
        cls = losses.REGISTRY.by_name.get(value)
        names = [name for name, one in losses.REGISTRY.classes.items() if one is cls]
        return names[0] if names else value
    if isinstance(value, dict) and "class_name" not in value:
        return {name: full_names(one) for name, one in value.items()}
    return [full_names(one) for one in value] if isinstance(value, list) else value


def _names(value: Any) -> list[str]:
    """Return the names in nested lists and dicts of outputs."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [] if "class_name" in value else [x for one in value.values() for x in _names(one)]
    return [x for one in value for x in _names(one)] if isinstance(value, list | tuple) else []
