"""Models and weights read from Keras's files."""

import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from nlstm.files.arrays_file import check_fits
from nlstm.interop.keras.aligning import located
from nlstm.interop.keras.compiled import compile_arguments, restore_slots
from nlstm.interop.keras.context import Context, version_of
from nlstm.interop.keras.making import Member, model_from
from nlstm.interop.keras.npz import Npz
from nlstm.interop.keras.tree import EXPANSION, FREE, Entry, Group, as_array, opened, parsed
from nlstm.interop.keras.weights import (
    Arrays,
    Pair,
    in_order,
    legacy_parameters,
    matched,
    members_of,
    stored,
    unflipped,
)
from nlstm.network.weights import build_layers
from nlstm.plan.parameters import Parameter

__all__ = ["Legacy", "load_model", "load_weights", "reading"]

CONFIG, METADATA, WEIGHTS, PICKLED = (
    "config.json", "metadata.json", "model.weights.h5", "model.weights.npz",
)  # fmt: skip


class Contents(Protocol):
    """What a file holds.

    Attributes
    ----------
    model, compiled : dict or None
        Configs; None in files of weights alone.
    version : (int, int)
    """

    model: Any
    compiled: Any
    version: tuple[int, int]

    def pairs(self, members: Sequence[Member], by_name: bool) -> Iterator[Pair]:
        """Give the weights of layers with their arrays; raise where one does not fit."""

    def groups(
        self, members: Sequence[Member], by_name: bool
    ) -> Iterator[tuple[Member, Iterable[Pair]]]:
        """Give the same, layer for layer: errors come as each is asked for its pairs."""

    def slots(self) -> list[np.ndarray]:
        """Return the optimizer's arrays in their order."""

    def optimizer(self) -> str | None:
        """Return what its variables say the optimizer is called, or None."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all arrays by their paths."""


def load_model(path: str, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """Return the model that some version of Keras wrote; see `nlstm.models.load_model`."""
    with reading(path) as contents:
        if contents.model is None:
            raise ValueError(
                "it holds weights alone: make the model, then call its load_weights(path)."
            )
        context = Context(contents.version, custom_objects or {})
        arguments = None
        if compile and contents.compiled:
            arguments = compile_arguments(contents.compiled, contents.optimizer(), context)
        member = model_from(contents.model, context)
        model = member.made
        if model.design.graph is None:
            raise ValueError("it has no weights yet: the shape of its input is not known.")
        planned = build_layers(model.design.network("load_model"))  # shapes without memory
        _fill(model, planned, list(contents.pairs(member.members, False)))
        if arguments is not None:
            model.compile(**arguments)
            arrays = contents.slots()
            if arrays:
                trained = model.binder.weights.trained(model.training.frozen)
                order = in_order(member.members, list(trained.values()))
                restore_slots(model.optimizer, order, arrays, contents.version)
    return model


def _fill(model: Any, planned: Mapping[str, Parameter], pairs: Sequence[Pair]) -> None:
    """Give a new model its weights: shapes are compared before any memory is taken for them."""
    given = {id(parameter): (where, array) for where, parameter, array in pairs}
    for name, parameter in planned.items():
        if id(parameter) not in given:
            raise ValueError(f"it has no array for {name}.")
        where, array = given[id(parameter)]
        check_fits(where, name, array, parameter.shape)
    for parameter in planned.values():
        array = given[id(parameter)][1]
        parameter.start_with(as_array(array))
    model.binder_for()


def load_weights(model: Any, path: str, by_name: bool, skip_mismatch: bool) -> None:
    """Overwrite a model's weights; see `Model.load_weights`. All of them fit, or none is set."""
    binder = model.binder
    found: dict[int, np.ndarray] = {}
    names = {id(one): name for name, one in binder.weights.named.items()}
    with reading(path) as contents:
        members = members_of(model)
        for member, pairs in contents.groups(members, by_name):
            try:
                own = {}
                for where, parameter, array in pairs:
                    check_fits(where, names[id(parameter)], array, parameter.shape)
                    own[id(parameter)] = as_array(array)
                found |= own
            except ValueError as error:
                if not skip_mismatch:
                    raise
                warnings.warn(f"{member.name} keeps its weights: {error}", stacklevel=4)
    binder.weights.set(
        [found[id(one)] if id(one) in found else one.get() for one in binder.weights.named.values()]
    )


# Opening


@contextmanager
def reading(path: str) -> Iterator[Contents]:
    """Open a file; whatever is wrong with it is a ValueError that names it."""
    try:
        with open(path, "rb") as file:
            archived = file.read(2) == b"PK"
        if archived:
            with zipfile.ZipFile(path) as archive:
                config = parsed(_unpacked(archive, CONFIG), CONFIG)
                metadata = parsed(_unpacked(archive, METADATA), METADATA)
                version = version_of(metadata.get("keras_version"))
                names = archive.namelist()
                if WEIGHTS not in names and PICKLED not in names:
                    raise ValueError(f"it has no {WEIGHTS}.")
                if WEIGHTS not in names:
                    yield Tree(Npz(_unpacked(archive, PICKLED)), config, version)
                    return
                with opened(io.BytesIO(_unpacked(archive, WEIGHTS))) as tree:
                    yield Tree(Group(tree), config, version)
        else:
            with opened(path) as tree:
                root = Group(tree)
                legacy = "model_weights" in root or root.words("layer_names")
                yield Legacy(root) if legacy else Tree(root, None, (3, 0))
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # h5py's for damage have none
            raise
        text = str(error) or type(error).__name__
        if isinstance(error, zipfile.BadZipFile):
            text += ": it is cut off, or damaged."
        raise ValueError(f"{path} cannot be loaded: {text}") from error


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        if any(one.endswith("/data.pkl") for one in archive.namelist()):
            raise ValueError(
                "it is a file of PyTorch's: torch.load reads it, and load_torch_state of "
                "nlstm.interop.torch_state puts the state dict of a layer into one of nlstm's."
            ) from None
        raise ValueError(f"it is a zip file without {name}: no file of Keras's.") from None
    if info.file_size > FREE + EXPANSION * info.compress_size:
        raise ValueError(f"its {name} would unpack to {info.file_size} bytes.")
    with archive.open(info) as file:
        content = file.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise ValueError(f"its {name} is not of the size that it states.")
    return content


class Legacy:
    """HDF5 of Keras 1 and 2, and of Keras 3 where a name ends in .h5."""

    def __init__(self, root: Group) -> None:
        inside = root.group("model_weights")
        self.weights = root if inside is None else inside
        self._root = root
        text = root.text("model_config")
        self.model = None if text is None else parsed(text, "model_config")
        text = root.text("training_config")
        self.compiled = None if text is None else parsed(text, "training_config")
        self.version = version_of(self.said("keras_version"))
        names = [(name, self.weights.group(name)) for name in self.weights.words("layer_names")]
        self._of_theano = self.said("backend") == "theano"
        self.layers = {
            name: group for name, group in names if group is not None and group.words(NAMES)
        }
        if self.model is not None:
            check_count(self.model, sum(1 for _ in self.weights.walk()))

    def said(self, name: str) -> str | None:
        """Return what the file, or the group of its weights, says of itself."""
        return self._root.text(name) or self.weights.text(name)

    def pairs(self, members: Sequence[Member], by_name: bool) -> Iterator[Pair]:
        """Give the weights with their arrays."""
        for _, pairs in self.groups(members, by_name):
            yield from pairs

    def groups(
        self, members: Sequence[Member], by_name: bool
    ) -> Iterator[tuple[Member, Iterable[Pair]]]:
        """Give the same, layer for layer, by the layers' names, or else by their order."""
        with_weights = [one for one in members if legacy_parameters(one)]
        named = {one.name for one in with_weights} == self.layers.keys()
        if by_name or named:
            for one in with_weights:
                if one.name in self.layers:
                    yield one, self._of(one, one.name)
            return
        if len(with_weights) != len(self.layers):
            yield from self._flat(with_weights)
            return
        for one, name in zip(with_weights, self.layers, strict=True):
            yield one, self._of(one, name)

    def _of(self, member: Member, name: str) -> Iterator[Pair]:
        entries = self.layers[name].named(NAMES)
        yield from self._matched(member, f"{self.layers[name].path}", entries)

    def _matched(self, member: Member, where: str, entries: Sequence[Entry]) -> Iterator[Pair]:
        pairs = matched(member, where, entries)
        return unflipped(pairs) if self._of_theano else pairs

    def _flat(self, members: Sequence[Member]) -> Iterator[tuple[Member, Iterable[Pair]]]:
        """Give layers in another nesting than the file's, where their arrays are as many."""
        entries = [one for group in self.layers.values() for one in group.named(NAMES)]
        wanted = [len(legacy_parameters(one)) for one in members]
        if sum(wanted) != len(entries):
            named = f", {', '.join(self.layers)}" if self.layers else ""
            raise ValueError(
                f"it has weights of {len(self.layers)} layers{named}; the model "
                f"has {len(members)} with weights, {', '.join(one.name for one in members)}."
            )
        for member, count in zip(members, wanted, strict=True):
            own, entries = entries[:count], entries[count:]
            yield member, self._matched(member, member.name, own)

    def slots(self) -> list[np.ndarray]:
        """Return the optimizer's arrays in their order."""
        group = self._root.group("optimizer_weights")
        return [] if group is None else [one.read() for one in group.named(NAMES)]

    def optimizer(self) -> str | None:
        """Return None: these files name it where they say what `compile` was told."""
        return None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all arrays by their paths."""
        return {path: self._root.entry(path).shape for path in self._root.walk()}


NAMES, OPTIMIZER = "weight_names", "optimizer"


class Tree:
    """`.keras` archives and `.weights.h5` of Keras 3, and the archives of 2.12 to 2.15."""

    def __init__(self, root: Group | Npz, model: Any, version: tuple[int, int]) -> None:
        self.model, self.version = model, version
        compiled = model.get("compile_config") if isinstance(model, dict) else None
        self.compiled = compiled if isinstance(compiled, dict) else None
        self._arrays = Arrays(root)
        if model is not None:
            check_count(model, len(self._arrays.paths))

    def pairs(self, members: Sequence[Member], by_name: bool) -> Iterator[Pair]:
        """Give the weights with their arrays."""
        for _, pairs in self.groups(members, by_name):
            yield from pairs

    def groups(
        self, members: Sequence[Member], by_name: bool
    ) -> Iterator[tuple[Member, Iterable[Pair]]]:
        """Give the same, layer for layer: by the counted classes, or else by the layers' names."""
        for one, own in located(members, self._arrays, by_name):
            yield one, stored(self._arrays, one.name, own)

    def slots(self) -> list[np.ndarray]:
        """Return the optimizer's arrays in their order."""
        return [as_array(one) for one in self._arrays.at(OPTIMIZER)]

    def optimizer(self) -> str | None:
        """Return what the optimizer's variables are called."""
        return self._arrays.name_of(OPTIMIZER)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all arrays by their paths."""
        return self._arrays.shapes()


def check_count(config: Any, arrays: int) -> None:
    """Raise where a config is of more layers than the file has weights of; making them takes long.

    Nothing has been made yet; how large the layers are is looked at when they are there.
    """
    layers, waiting = 0, [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
            layers += "units" in one or "output_dim" in one
        elif isinstance(one, list):
            waiting += one
    if layers > arrays:
        raise ValueError(
            "it holds no weights: the model was saved before it had any."
            if not arrays
            else f"its config has {layers} layers with weights; it holds {arrays} arrays of them."
        )
