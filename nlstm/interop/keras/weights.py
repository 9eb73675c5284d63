"""Which array of a file is which weight: the places of a model's layers in both kinds of HDF5."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nlstm import layers
from nlstm.interop.keras.making import Member
from nlstm.interop.keras.npz import Npz
from nlstm.interop.keras.table import Row, parts_of, row_of, snake
from nlstm.interop.keras.tree import Entry, Group, as_array
from nlstm.plan.parameters import Parameter

__all__ = [
    "CELLS", "VARIABLES", "Arrays", "Pair", "in_order", "leaves_of", "legacy_parameters",
    "matched", "members_of", "paths_of", "places", "stored", "taken", "unflipped",
]  # fmt: skip

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
    found = [(layer, one) for layer in _leaves(member) for one in layer.parameters]
    found.sort(key=lambda pair: not (pair[0].trainable and pair[1].trainable))
    return [one for _, one in found]


def _leaves(member: Member) -> Iterator[Any]:
    if member.row is not None:
        yield member.made
    for one in member.members:
        yield from _leaves(one)


def matched(member: Member, where: str, entries: Sequence[Entry]) -> Iterator[Pair]:
    """Give a member's weights with arrays that come in a row."""
    parameters = legacy_parameters(member)
    plain = member.row is None or len(entries) == len(parameters)
    shapes = plain and all(
        one.shape == entry.shape for one, entry in zip(parameters, entries, strict=False)
    )
    arrays: Sequence[Any] = entries
    if not shapes and member.row is not None:
        arrays = taken(where, member.row, member.made, [as_array(one) for one in entries])
    elif not shapes:
        arrays = _taken_inside(where, member, [as_array(one) for one in entries])
    if len(arrays) != len(parameters):
        raise ValueError(
            f"{member.name} has {len(parameters)} weights; the file has {len(arrays)} at {where}."
        )
    for parameter, array in zip(parameters, arrays, strict=True):
        yield where, parameter, array


def _taken_inside(where: str, member: Member, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Return a model's arrays, where layers in it were written in a former version's way."""
    found: list[np.ndarray] = []
    for one in member.members:
        if one.row is None:
            raise ValueError(f"{where} holds models in models, in another form than today's.")
        count = len(one.made.parameters)
        while count <= len(arrays):  # as many as make what the layer has
            made = taken(where, one.row, one.made, arrays[:count])
            fits = [array.shape for array in made] == [p.shape for p in one.made.parameters]
            if fits or not count:
                found, arrays = found + made, arrays[count:]
                break
            count += 1
    return found


def unflipped(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Give pairs of a file that Theano's backend wrote: its convolutions turn kernels around."""
    for where, one, array in pairs:
        if one.name == "kernel" and len(one.shape) == 3 and array.shape == one.shape:
            array = as_array(array)[::-1]
        yield where, one, array


# Keras 3's trees, and those of 2.12 to 2.15

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the latter up to 2.14
CELLS = "cell/cells"  # of an RNN with several
VARIABLES = "vars"


class Arrays:
    """The arrays of a tree by their places.

    Attributes
    ----------
    paths : dict of str to str
        Where an array is, as Keras means it, and in the file: Windows wrote backslashes.
    """

    def __init__(self, root: Group | Npz) -> None:
        self._root = root
        self.paths = {path.replace("\\", "/"): path for path in root.walk()}
        self._below: dict[str, set[str]] = {}
        for path in self.paths:
            parts = path.split("/")
            for end in range(1, len(parts)):
                self._below.setdefault("/".join(parts[:end]), set()).add(parts[end])

    def at(self, place: str) -> list[Entry | np.ndarray]:
        """Return the arrays of a place, which are called 0, 1, ..."""
        found: list[Entry | np.ndarray] = []
        while (path := f"{place}/{VARIABLES}/{len(found)}") in self.paths:
            found.append(self._root.entry(self.paths[path]))
        return found

    def container(self, place: str) -> str | None:
        """Return where a model has its layers, or an RNN its cells."""
        names = (f"{place}/{name}" if place else name for name in (*CONTAINERS, CELLS))
        return next((name for name in names if name in self._below), None)

    def of_class(self, container: str, kind: str) -> list[str]:
        """Return the places of layers of a class that have arrays, in the order of their counts."""
        found = []
        for name in self._below.get(container, ()):
            start, _, number = name.rpartition("_")
            if name == kind:
                found.append((0, name))
            elif start == kind and number.isdecimal():
                found.append((int(number), name))
        return [f"{container}/{name}" for _, name in sorted(found)]

    @property
    def depth(self) -> int:
        """How deep models are nested."""
        return max((sum(map(path.split("/").count, CONTAINERS)) for path in self.paths), default=0)

    def name_of(self, place: str) -> str | None:
        """Return the name that newer files give what is at a place."""
        group = self._root.group(f"{place}/{VARIABLES}")
        return None if group is None else group.text("name")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all arrays by their paths."""
        return {path: self._root.entry(place).shape for path, place in self.paths.items()}

    def by_name(self) -> dict[str, str]:
        """Return where layers are, by the names that newer files have."""
        found: dict[str, str] = {}
        for place in self._below:
            parts = place.split("/")
            inside = len(parts) > 1 and parts[-2] in CONTAINERS
            name = self.name_of(place) if inside else None
            if name is not None:
                found.setdefault(name, place)
        return found


def leaves_of(members: Sequence[Member]) -> Iterator[Member]:
    """Give the layers, those of models too."""
    for member in members:
        if member.row is not None:
            yield member
        yield from leaves_of(member.members)


def paths_of(
    members: Sequence[Member], arrays: Arrays, place: str = "", inside: bool = True
) -> Iterator[tuple[str | None, Member]]:
    """Give every layer with weights and its place, or None: classes are counted in each model.

    Models are given by their layers, or, where these are not asked for, `inside`, themselves.
    """
    container = arrays.container(place)
    used: dict[str, int] = {}
    for member in members:
        if not any(one.made.parameters for one in leaves_of([member])):
            continue
        kind = snake(member.kind)
        number = used[kind] = used.get(kind, -1) + 1
        found = [] if container is None else arrays.of_class(container, kind)
        path = found[number] if number < len(found) else None
        if member.row is not None or not inside:
            yield path, member
        elif path is None:
            yield from ((None, one) for one in leaves_of(member.members))
        else:
            yield from paths_of(member.members, arrays, path)


def stored(
    arrays: Arrays, name: str, places: Iterable[tuple[str, Sequence[Parameter]]]
) -> Iterator[Pair]:
    """Give the weights of a layer with their arrays, which lie at such places.

    Raises
    ------
    ValueError
        The file has none of them, or another number.
    """
    for place, parameters in places:
        entries = arrays.at(place)
        if len(entries) != len(parameters):
            raise ValueError(
                f"{name} has {len(parameters)} weights; the file has {len(entries)} at {place}."
            )
        for number, (parameter, entry) in enumerate(zip(parameters, entries, strict=True)):
            yield f"{place}/{VARIABLES}/{number}", parameter, entry


def places(path: str, layer: layers.Layer, row: Row) -> Iterator[tuple[str, Sequence[Parameter]]]:
    """Give the places of a layer's weights."""
    parts = parts_of(layer, row)
    for name, part in parts:
        yield from places(f"{path}/{name}", part, row_of(part))
    count = getattr(layer, "num_layers", 1)
    if count > 1:  # Keras has several levels as an RNN's cells
        share = len(layer.parameters) // count
        for level in range(count):
            number = f"_{level}" if level else ""
            own = layer.parameters[level * share : (level + 1) * share]
            yield f"{path}/{CELLS}/lstm_cell{number}", own
    elif not parts and layer.parameters:
        yield (f"{path}/cell" if row.cell else path), layer.parameters
