"""What a model's training has made besides its weights: to be kept, and to be put back.

With it fit goes on bit for bit where it stopped: the optimizer's moments, steps and learning rate,
the counter that dropout's masks come from, the epochs shuffled, and the seeds of model and layers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nlstm.layers.layer import Layer
from nlstm.seeds import SeedStream

__all__ = ["restore_state", "state_of"]

PREFIX = "/optimizer"  # no weight's name starts with a slash


def state_of(model: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the numbers that JSON holds and the arrays, in Keras's shapes."""
    optimizer = model.optimizer
    numbers: dict[str, Any] = {
        "steps": int(model._counter[0]),
        "epochs_shuffled": model._epochs_shuffled,
        "seeds": {name: list(stream.words) for name, stream in _streams(model)},
    }
    arrays: dict[str, np.ndarray] = {}
    if optimizer is not None:
        numbers["optimizer"] = {
            "class_name": type(optimizer).__name__,
            "iterations": optimizer.iterations,
            "settings": optimizer.settings.tolist(),
            "moments": len(optimizer.state),
        }
        parameters = model._parameters_by_name()
        for number, flat in enumerate(optimizer.state):
            for (name, parameter), part in zip(
                parameters.items(), model._buffer.windows(flat), strict=True
            ):
                arrays[f"{PREFIX}/{number}/{name}"] = parameter.unpacked(part)
    return numbers, arrays


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
    saved = numbers.get("optimizer") if optimizer else None
    values = None if saved is None else _checked_moments(model, saved, arrays)

    for name, words in numbers["seeds"].items():
        streams[name].words = (int(words[0]), int(words[1]))
    if model._plans is not None:
        model._plans.clear()  # bound calls hold the keys of the old seeds
    model._counter[0] = numbers["steps"]
    model._epochs_shuffled = int(numbers["epochs_shuffled"])
    if saved is not None and values is not None:
        _restore_optimizer(model, saved, values)


def _checked_moments(
    model: Any, saved: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> list[list[np.ndarray]]:
    kind = type(model.optimizer).__name__
    if model.optimizer is None or saved["class_name"] != kind:
        raise ValueError(
            f"The training state is that of {saved['class_name']}; the model is trained by {kind}."
        )
    if len(saved["settings"]) != model.optimizer.settings.size:
        raise ValueError(f"The training state is that of a {kind} with other settings.")
    values: list[list[np.ndarray]] = []
    for number in range(saved["moments"]):
        values.append([])
        for name, parameter in model._parameters_by_name().items():
            found = arrays.get(f"{PREFIX}/{number}/{name}")
            if found is None or found.shape != parameter.shape:
                raise ValueError(f"The training state has no moments for {name}.")
            values[-1].append(found)
    return values


def _restore_optimizer(model: Any, saved: Mapping[str, Any], values: list[Any]) -> None:
    optimizer, buffer = model.optimizer, model._buffer
    if values:
        optimizer.bind(model.ops, buffer)  # makes the moments where there are none yet
    for flat, moments in zip(optimizer.state, values, strict=True):
        for parameter, part, value in zip(
            buffer.parameters, buffer.windows(flat), moments, strict=True
        ):
            part[...] = parameter.packed_as(value, flat.dtype)
    optimizer.settings[:] = saved["settings"]
    optimizer._steps[0] = saved["iterations"]


def _streams(model: Any) -> Iterator[tuple[str, SeedStream]]:
    """Give every stream of random numbers with a name that the same model always gives it."""
    yield "model", model._seeds
    for layer in model._layers:
        yield from _streams_in(layer, layer.name)


def _streams_in(layer: Layer, path: str) -> Iterator[tuple[str, SeedStream]]:
    for attribute, value in sorted(vars(layer).items()):
        if isinstance(value, SeedStream):
            yield f"{path}/{attribute}", value
        for number, part in enumerate(value if isinstance(value, list | tuple) else [value]):
            if isinstance(part, Layer):
                yield from _streams_in(part, f"{path}/{attribute}/{number}")
