"""What a model's training has made besides its weights: to be kept, and to be put back.

With it fit goes on bit for bit where it stopped: the optimizer's moments, steps and learning rate,
the counter that dropout's masks come from, the epochs shuffled, the seeds of model and layers, and
the states of stateful layers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.layers.layer import Layer
from nlstm.seeds import SeedStream

__all__ = ["restore_state", "state_of"]

PREFIX, STATES = "/optimizer", "/states"  # no weight's name starts with a slash


def state_of(model: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the numbers that JSON holds and the arrays, in Keras's shapes."""
    numbers: dict[str, Any] = {
        "steps": int(model._counter[0]),
        "epochs_shuffled": model._epochs_shuffled,
        "seeds": {name: list(stream.words) for name, stream in _streams(model)},
    }
    arrays = {
        f"{STATES}/{path}/{number}": state
        for path, layer in _stateful(model)
        for number, state in enumerate(layer.states or ())
    }
    optimizer = model.optimizer
    if optimizer is None:
        return numbers, arrays
    numbers["optimizer"] = {
        "class_name": type(optimizer).__name__,
        "bound": optimizer._buffer is not None,
    }
    names = list(model._trained_by_name())
    for name, array in optimizer.variables().items():
        arrays[_name_in_file(name, names)] = array
    return numbers, arrays


def _name_in_file(name: str, names: Sequence[str]) -> str:
    """Return the name of an optimizer's variable, with the weight's name for its number."""
    slot, _, number = name.partition("/")
    return f"{PREFIX}/{slot}/{names[int(number)]}" if number else f"{PREFIX}/{slot}"


def restore_state(
    model: Any, numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray], optimizer: bool = True
) -> None:
    """Put back what `state_of` gave, the optimizer's part only if wanted.

    Raises
    ------
    ValueError
        It belongs to another model or optimizer; nothing was changed.
    """
    streams = dict(_streams(model))
    if streams.keys() != numbers["seeds"].keys():
        raise ValueError("The training state is that of other layers.")
    if optimizer and "optimizer" in numbers:
        _restore_optimizer(model, numbers["optimizer"], arrays)
    for name, words in numbers["seeds"].items():
        streams[name].words = (int(words[0]), int(words[1]))
    if model._plans is not None:
        model._plans.clear()  # bound calls hold the keys of the old seeds
    model._counter[0] = numbers["steps"]
    model._epochs_shuffled = int(numbers["epochs_shuffled"])
    for path, layer in _stateful(model):
        places = [f"{STATES}/{path}/{number}" for number in range(len(arrays))]
        layer.set_states([arrays[place] for place in places if place in arrays] or None)


def _restore_optimizer(
    model: Any, saved: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    optimizer = model.optimizer
    kind = type(optimizer).__name__
    if saved["class_name"] != kind:
        raise ValueError(
            f"The training state is that of {saved['class_name']}; the model is trained by {kind}."
        )
    numbers = {name: number for number, name in enumerate(model._trained_by_name())}
    variables = {}
    for key, array in arrays.items():
        if key.startswith(f"{PREFIX}/"):
            slot, _, name = key.removeprefix(f"{PREFIX}/").partition("/")
            variables[f"{slot}/{numbers[name]}" if name else slot] = array
    if saved["bound"]:
        optimizer.bind(model.ops, model._buffer)  # makes the moments where there are none yet
        optimizer.set_variables(variables)
    elif getattr(optimizer, "_schedule", None) is None:
        optimizer.learning_rate = float(variables["learning_rate"])


def _streams(model: Any) -> Iterator[tuple[str, SeedStream]]:
    """Give every stream of random numbers with a name that the same model always gives it."""
    yield "model", model._seeds
    for label, layer in model._labelled():
        yield from _streams_in(layer, label)


def _streams_in(layer: Layer, path: str) -> Iterator[tuple[str, SeedStream]]:
    for attribute, value in sorted(vars(layer).items()):
        if isinstance(value, SeedStream):
            yield f"{path}/{attribute}", value
    for place, part in _parts(layer):
        yield from _streams_in(part, f"{path}/{place}")


def _stateful(model: Any) -> Iterator[tuple[str, Any]]:
    """Give every stateful layer, those in wrappers too, with a name of its own."""
    waiting = list(model._labelled())
    for path, layer in waiting:
        if getattr(layer, "stateful", False) and hasattr(layer, "set_states"):
            yield path, layer
        waiting += [(f"{path}/{place}", part) for place, part in _parts(layer)]


def _parts(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """Give the layers that a wrapper holds."""
    for attribute, value in sorted(vars(layer).items()):
        for number, part in enumerate(value if isinstance(value, list | tuple) else [value]):
            if isinstance(part, Layer):
                yield f"{attribute}/{number}", part
