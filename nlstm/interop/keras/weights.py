"""Which array of a file is which weight: the places of a model's layers in both kinds of HDF5."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nlstm import layers
from nlstm.interop.keras.making import Member
from nlstm.interop.keras.table import Row, parts_of, row_of, snake
from nlstm.interop.keras.tree import Entry, Group
from nlstm.plan.parameters import Parameter

__all__ = ["Pair", "in_order", "legacy_parameters", "members_of", "paths_of", "taken"]

Pair = tuple[str, Parameter, np.ndarray | Entry]  # where it is, the weight, the array


def members_of(model: Any) -> list[Member]:
    """Return the layers and models of a model of nlstm's, as `making` gives those of a file."""
    found = getattr(model.design, "members", None) or model.design.graph.layers
    members = []
    for one in found:
        if isinstance(one, layers.Layer):
            members.append(Member(one.name, keras_name(one), one, row_of(one)))
        else:
            kind = "Sequential" if hasattr(one.design, "members") else "Functional"
            members.append(Member(one.name, kind, one, None, members_of(one)))
    return members


def keras_name(layer: layers.Layer) -> str:
    """Return what Keras calls a layer's class."""
    return type(layer).__name__


def taken(
    where: str,
    row: Row,
    layer: layers.Layer,
    arrays: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Return the arrays of a layer's weights, for those that any version wrote of it."""
    parts = parts_of(layer, row)
    if not parts:
        return row.taken(arrays) if row.taken is not None else list(arrays)
    share, rest = divmod(len(arrays), len(parts))
    if rest:
        raise ValueError(f"{where} has {len(arrays)} arrays for {len(parts)} layers.")
    found = []
    for number, (_, part) in enumerate(parts):
        own = arrays[number * share : (number + 1) * share]
        found += taken(where, row_of(part), part, own)
    return found


def in_order(members: Sequence[Member], trained: Sequence[Parameter]) -> list[tuple[int, Any]]:
    """Return weights that are trained, with their numbers, in the order of a file's layers.

    nlstm's own order may be another one: a model inside another is no layer of its own here.
    """
    numbers = {id(one): number for number, one in enumerate(trained)}
    leaves = [layer for member in members for layer in _leaves(member)]
    parameters = {id(one): one for layer in leaves for one in layer.parameters}
    return [(numbers[key], one) for key, one in parameters.items() if key in numbers]


# HDF5 of Keras 1 and 2, and of Keras 3 with the ending .h5


def legacy_parameters(member: Member) -> list[Parameter]:
    """Return the weights of a member in the order of such files: trainable ones come first."""
    frozen: list[Parameter] = []
    found: list[Parameter] = []
    for layer in _leaves(member):
        (found if layer.trainable else frozen).extend(layer.parameters)
    return found + frozen


def _leaves(member: Member) -> Iterator[Any]:
    if member.row is not None:
        yield member.made
    for one in member.members:
        yield from _leaves(one)


# Keras 3's trees


def paths_of(members: Sequence[Member], path: str = "") -> Iterator[tuple[str, Member]]:
    """Give every layer with its place: classes counted, models inside models."""
    counts: dict[str, int] = {}
    for member in members:
        name = snake(member.kind)
        counts[name] = number = counts.get(name, -1) + 1
        place = f"{path}layers/{name}_{number}" if number else f"{path}layers/{name}"
        if member.row is not None:
            yield place, member
        else:
            yield from paths_of(member.members, f"{place}/")


def stored(root: Group, path: str, layer: layers.Layer, row: Row) -> Iterator[Pair]:
    """Give the weights of a layer with their arrays.

    Raises
    ------
    ValueError
        The file has none of them, or another number.
    """
    for place, parameters in places(path, layer, row):
        group = root.group(f"{place}/vars")
        entries = group.entries() if group is not None else []
        if len(entries) != len(parameters):
            raise ValueError(
                f"{layer.name} has {len(parameters)} weights; the file has {len(entries)} "
                f"at {place}."
            )
        for number, (parameter, entry) in enumerate(zip(parameters, entries, strict=True)):
            yield f"{place}/vars/{number}", parameter, entry


def places(path: str, layer: layers.Layer, row: Row) -> Iterator[tuple[str, Sequence[Parameter]]]:
    """Give the places of a layer's weights."""
    parts = parts_of(layer, row)
    for name, part in parts:
        yield from places(f"{path}/{name}", part, row_of(part))
    if not parts and layer.parameters:
        yield (f"{path}/cell" if row.cell else path), layer.parameters
