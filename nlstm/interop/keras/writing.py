"""Models and weights written as Keras 3 writes them: whole, or not at all."""

import io
import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.files.whole_file import write_whole
from nlstm.interop.keras.compiled import slot_orders
from nlstm.interop.keras.outline import Outline, outline_of
from nlstm.interop.keras.tree import h5py
from nlstm.interop.keras.words_out import compile_config, full_names
from nlstm.plan.parameters import Parameter

__all__ = ["save_model", "save_weights"]

VERSION = "3.15.0"  # whose words these are
LARGEST_HEADER = 64512  # bytes of an attribute in HDF5
DATES = (1980, 1, 1, 0, 0, 0)  # of what is in an archive: the same model gives the same bytes


def save_model(model: Any, path: str, include_optimizer: bool) -> None:
    """Write a whole model: an archive where the path ends in .keras, else HDF5.

    Raises
    ------
    ValueError
        Something in it is not Keras's; the error names it, and nothing was written.
    """
    archive = path.lower().endswith(".keras")
    model.binder  # noqa: B018  (weights are made)
    outline = outline_of(model, ".keras" if archive else ".h5")
    compiled = compile_config(model) if include_optimizer else None
    slots = [] if compiled is None else _slots(model, outline)
    content = _archive if archive else _legacy
    write_whole(path, content(model, outline, compiled, slots))


def _values(model: Any) -> dict[int, np.ndarray]:
    """Return copies of all weights, as they are at one time, by the id of the parameter."""
    weights = model.binder.weights
    return dict(zip(map(id, weights.named.values()), weights.get(), strict=True))


def save_weights(model: Any, path: str) -> None:
    """Write weights: as Keras 3 does where the path ends in .weights.h5, else as Keras 2 did."""
    model.binder  # noqa: B018
    outline = outline_of(model, "weights")
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as file:
        if path.lower().endswith(".weights.h5"):
            _fill_tree(file, outline, _values(model), [])
        else:
            _fill_legacy(file, outline, _values(model))
    write_whole(path, buffer.getvalue())


def _slots(model: Any, outline: Outline) -> list[tuple[str, np.ndarray]]:
    """Return the optimizer's variables in Keras 3's order, with names."""
    optimizer, training = model.optimizer, model.training
    model.binder.optimized(training)
    given = optimizer.variables()
    whole = np.int64 if given["iterations"] > np.iinfo(np.int32).max else np.int32
    found = [("iteration", np.asarray(given["iterations"], whole))]
    if getattr(optimizer, "_schedule", None) is None:
        found.append(("learning_rate", np.asarray(given["learning_rate"], np.float32)))
    trained = model.binder.weights.trained(training.frozen)
    numbers = {id(one): number for number, one in enumerate(trained.values())}
    names = dict(zip((id(one) for one in trained.values()), trained, strict=True))
    order = [one for one in outline.parameters if id(one) in numbers]
    groups = next(slot_orders(optimizer, (3, 15)))
    for group in groups:
        for one in order:
            for slot in group:
                name = f"{names[id(one)].replace('/', '_')}_{slot}"
                found.append((name, given[f"{slot}/{numbers[id(one)]}"]))
    if "u_product" in given:
        found.append(("u_product", np.asarray(given["u_product"].reshape(()), model.dtype)))
    return found


def _archive(
    model: Any, outline: Outline, compiled: Any, slots: Sequence[tuple[str, np.ndarray]]
) -> bytes:
    """Return the bytes of a .keras file."""
    config = dict(outline.config)
    if compiled is not None:
        config["compile_config"] = compiled
    weights = io.BytesIO()
    with h5py().File(weights, "w") as file:
        _fill_tree(file, outline, _values(model), slots)
    metadata = {"keras_version": VERSION, "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S")}
    parts = {
        "metadata.json": json.dumps(metadata).encode(),
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": weights.getvalue(),
    }
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, DATES), content)
    return whole.getvalue()


def _fill_tree(
    file: Any,
    outline: Outline,
    values: Mapping[int, np.ndarray],
    slots: Sequence[tuple[str, np.ndarray]],
) -> None:
    """Write weights by their places, as `.keras` files and `.weights.h5` have them."""

    def put(place: str, name: str | None, arrays: Sequence[np.ndarray]) -> None:
        group = file.create_group(f"{place}/vars" if place else "vars")
        if name is not None:
            group.attrs["name"] = name
        for number, array in enumerate(arrays):
            group.create_dataset(str(number), data=array)

    put("", outline.name, [])
    for place, one in outline.placed():
        if all(below for below, _ in one.weights):
            put(place, one.name, [])
        for below, parameters in one.weights:
            name = None if below else one.name
            put(place + below, name, [values[id(parameter)] for parameter in parameters])
    if slots:
        put("optimizer", None, [array for _, array in slots])


# HDF5 as Keras 1 and 2 laid it out


def _legacy(
    model: Any, outline: Outline, compiled: Any, slots: Sequence[tuple[str, np.ndarray]]
) -> bytes:
    """Return the bytes of an .h5 file."""
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as file:
        config = {name: outline.config[name] for name in ("class_name", "config")}
        file.attrs["keras_version"] = VERSION
        file.attrs["backend"] = "jax"
        file.attrs["model_config"] = json.dumps(_without_modules(config)).encode()
        if compiled is not None:
            optimizer = compiled.pop("optimizer")
            told = {**compiled, "optimizer_config": _plain(optimizer)}
            told["loss"] = full_names(told["loss"])
            file.attrs["training_config"] = json.dumps(told).encode()
        _fill_legacy(file.create_group("model_weights"), outline, _values(model))
        if slots:
            group = file.create_group("optimizer_weights")
            _put_named(group, [(f"{model.optimizer.name}/{name}", one) for name, one in slots])
    return buffer.getvalue()


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("class_name", "config")}


def _without_modules(entry: Any) -> Any:
    """Return a model's config with the layers' entries as HDF5 has them."""
    config = dict(entry["config"])
    if "layers" in config:
        config["layers"] = [_without_modules(one) for one in config["layers"]]
    kept = {name: one for name, one in entry.items() if name in ("name", "inbound_nodes")}
    return {"class_name": entry["class_name"], "config": config, **kept}


def _fill_legacy(group: Any, outline: Outline, values: Mapping[int, np.ndarray]) -> None:
    """Write weights by the layers' names."""
    inside = outline.inside
    _put_words(group, "layer_names", [one.name for one in inside])
    group.attrs["backend"] = "jax"
    group.attrs["keras_version"] = VERSION
    for one in inside:
        named = [
            (f"{one.name}/{number}/{parameter.name}", values[id(parameter)])
            for number, parameter in enumerate(_frozen_last(one))
        ]
        _put_named(group.create_group(one.name), named)
    _put_named(group.create_group("top_level_model_weights"), [])


def _frozen_last(outline: Outline) -> list[Parameter]:
    """Return weights in the order of such files: those that are trained come first."""
    leaves, waiting = [], [outline]
    while waiting:
        one = waiting.pop()
        leaves += [one] if not one.inside else []
        waiting += reversed(one.inside)
    found = [
        (one.config["config"].get("trainable", True), parameter)
        for one in leaves
        for parameter in one.parameters
    ]
    found.sort(key=lambda pair: not (pair[0] and pair[1].trainable))
    return [parameter for _, parameter in found]


def _put_named(group: Any, arrays: Sequence[tuple[str, np.ndarray]]) -> None:
    _put_words(group, "weight_names", [name for name, _ in arrays])
    for name, array in arrays:
        group.create_dataset(name, data=array)


def _put_words(group: Any, name: str, words: Sequence[str]) -> None:
    """Write a list of strings, in parts where it is too long for one attribute."""
    data = np.array([word.encode() for word in words]) if words else np.array([], "S1")
    parts = [data]
    while any(part.nbytes > LARGEST_HEADER for part in parts):
        parts = np.array_split(data, len(parts) + 1)
    for number, part in enumerate(parts):
        group.attrs[name if len(parts) == 1 else f"{name}{number}"] = part
