"""What a model's training has made besides its weights: to be kept, and to be put back.

With it fit goes on bit for bit where it stopped: the optimizer's moments, steps and learning rate,
the counter that dropout's masks come from, the epochs shuffled, the seeds of model and layers, and
the states of stateful layers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.seeds import SeedStream
from nlstm.layers import Layer
from nlstm.network.binder import Binder
from nlstm.training.training import Training

__all__ = ["all_layers", "restore_state", "state_of", "stateful_layers"]

PREFIX, STATES = "/optimizer", "/states"  # no weight's name starts with a slash
MODEL = "/model"  # nor does a layer's
LAYER_IN_LAYER = re.compile(r"(/(?:forward_|backward_)?layer)/0(?=/)")


def state_of(binder: Binder, training: Training) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the numbers that JSON holds and the arrays, in Keras's shapes."""
    binder.counter.pull()
    numbers: dict[str, Any] = {
        "steps": int(binder.counter.host[0]),
        "epochs_shuffled": training.epochs_shuffled,
        "seeds": {name: list(stream.words) for name, stream in _streams(binder, training)},
    }
    arrays = {
        f"{STATES}/{path}/{number}": state
        for path, layer in stateful_layers(binder)
        for number, state in enumerate(layer.states or ())
    }
    optimizer = training.optimizer
    if optimizer is None:
        return numbers, arrays
    if optimizer._waiting is not None:
        binder.optimized(training)  # that of a copied optimizer
    numbers["optimizer"] = {
        "class_name": type(optimizer).__name__,
        "bound": optimizer._buffer is not None,
    }
    names = list(binder.weights.trained(training.frozen))
    for name, array in optimizer.variables().items():
        arrays[_name_in_file(name, names)] = array
    return numbers, arrays


def _name_in_file(name: str, names: Sequence[str]) -> str:
    """Return the name of an optimizer's variable, with the weight's name for its number."""
    slot, _, number = name.partition("/")
    return f"{PREFIX}/{slot}/{names[int(number)]}" if number else f"{PREFIX}/{slot}"


def restore_state(
    binder: Binder,
    training: Training,
    numbers: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Put back what `state_of` gave; the optimizer's part where there is an optimizer.

    Raises
    ------
    ValueError
        It belongs to another model or optimizer; nothing was changed.
    """
    streams = dict(_streams(binder, training))
    seeds = numbers["seeds"]
    if MODEL not in seeds:
        seeds, arrays = _as_named_now(seeds), _as_named_now(arrays)
    if streams.keys() != seeds.keys():
        raise ValueError("The training state is that of other layers.")
    if training.optimizer is not None and "optimizer" in numbers:
        _restore_optimizer(binder, training, numbers["optimizer"], arrays)
    for name, words in seeds.items():
        streams[name].words = (int(words[0]), int(words[1]))
    binder.forget()  # bound calls hold the keys of the old seeds
    binder.counter.host[0] = numbers["steps"]
    binder.counter.push()
    training.epochs_shuffled = int(numbers["epochs_shuffled"])
    for path, layer in stateful_layers(binder):
        places = [f"{STATES}/{path}/{number}" for number in range(len(arrays))]
        layer.set_states([arrays[place] for place in places if place in arrays] or None)


def _restore_optimizer(
    binder: Binder,
    training: Training,
    saved: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
) -> None:
    optimizer = training.optimizer
    assert optimizer is not None
    kind = type(optimizer).__name__
    if saved["class_name"] != kind:
        raise ValueError(
            f"The training state is that of {saved['class_name']}; the model is trained by {kind}."
        )
    numbers = {name: number for number, name in enumerate(binder.weights.trained(training.frozen))}
    variables = {}
    for key, array in sorted(arrays.items()):  # a file gives them in any order
        if key.startswith(f"{PREFIX}/"):
            slot, _, name = key.removeprefix(f"{PREFIX}/").partition("/")
            if name and name not in numbers:
                raise ValueError(
                    f"The training state trains {name}, which the model does not: its layer was "
                    "not trainable when compile looked."
                )
            variables[f"{slot}/{numbers[name]}" if name else slot] = array
    if saved["bound"]:
        binder.optimized(training)  # makes the moments where there are none yet
        optimizer.set_variables(variables)
    elif optimizer.given_rate is not None:
        optimizer.learning_rate = float(variables["learning_rate"])


def _streams(binder: Binder, training: Training) -> Iterator[tuple[str, SeedStream]]:
    """Give every stream of random numbers with a name that the same model always gives it."""
    yield MODEL, training.seeds
    for path, layer in all_layers(binder):
        yield path, layer.seeds


def stateful_layers(binder: Binder) -> Iterator[tuple[str, Any]]:
    """Give every stateful layer, those in wrappers too, with a name of its own."""
    for path, layer in all_layers(binder):
        if getattr(layer, "stateful", False) and hasattr(layer, "set_states"):
            yield path, layer


def all_layers(binder: Binder) -> Iterator[tuple[str, Layer]]:
    """Give every layer and those in it, by way of the names of arguments."""
    waiting = list(binder.network.labels)
    for path, layer in waiting:
        yield path, layer
        waiting += [(f"{path}/{name}", part) for name, part in layer.named_parts()]


def _as_named_now(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return seeds or arrays of a file of 0.1's development under the names of today.

    There the attributes that hold things were spelled: "bidirectional/forward_layer/0/seeds".
    """
    formerly = {"model": MODEL}
    return {
        formerly.get(name) or LAYER_IN_LAYER.sub(r"\1", name).removesuffix("/seeds"): value
        for name, value in found.items()
    }
