"""HDF5 as a tree of arrays and words, read without trust.

Only what lies in the file itself is followed: links to elsewhere, virtual datasets and external
storage are errors, and so is an array that says it is far larger than what is stored of it.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from nlstm.network.depth import DEEPEST

__all__ = ["Entry", "Group", "as_array", "h5py", "opened", "parsed"]

EXPANSION, FREE = 100, 1 << 20  # what compression may save; bytes that are never too many
DEPTH = 2 * DEEPEST + 10  # of groups: two a model, and those of a layer and its parts
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def h5py() -> Any:
    """Return the module."""
    try:
        import h5py as module  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise ImportError(
            "Keras's files are HDF5 inside, which takes h5py: pip install 'nlstm[keras]'"
        ) from None
    return module


def opened(file: str | BinaryIO) -> Any:
    """Return an open file of HDF5, to be used in a `with`."""
    try:
        return h5py().File(file, "r")
    except OSError as error:
        raise ValueError(f"it is not a whole HDF5 file: {error}") from error


class Entry:
    """An array in a file, not read yet."""

    def __init__(self, dataset: Any, path: str) -> None:
        if dataset.is_virtual or dataset.external:
            raise ValueError(f"{path} lies in another file, and nlstm follows no links.")
        if dataset.dtype.kind not in "fiub":
            raise ValueError(f"{path} holds {dataset.dtype}; expected numbers.")
        self._dataset, self._path = dataset, path
        self.shape: tuple[int, ...] = tuple(dataset.shape or ())
        self.dtype: np.dtype = dataset.dtype

    def read(self) -> np.ndarray:
        """Return the array."""
        dataset = self._dataset
        stored = dataset.id.get_storage_size()
        wanted = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize
        if wanted > FREE + EXPANSION * stored:
            raise ValueError(
                f"{self._path} says that it has shape {self.shape}, but {stored} bytes of it are "
                "stored."
            )
        return np.asarray(dataset[()])


def as_array(value: np.ndarray | Entry) -> np.ndarray:
    """Return an array, read if it is one in a file."""
    return value.read() if isinstance(value, Entry) else value


class Group:
    """A group in a file."""

    def __init__(self, group: Any, path: str = "") -> None:
        self._group, self.path = group, path

    def __contains__(self, name: str) -> bool:
        return self._group.get(name, getlink=True) is not None

    def _at(self, name: str) -> Any:
        """Return what `name` leads to, step by step; None where there is nothing."""
        module, found = h5py(), self._group
        if name.startswith("/"):  # from the root; so Keras 2 on Theano names the optimizer's
            found, name = found.file, name[1:]
        for part in name.split("/"):
            if not isinstance(found, module.Group) or not part:
                return None
            link = found.get(part, getlink=True)
            if link is None:
                return None
            if not isinstance(link, module.HardLink):
                raise ValueError(f"{self.path}/{name} is a link, and nlstm follows none.")
            found = found[part]
        return found

    def group(self, name: str) -> "Group | None":
        """Return a group in it, or None."""
        found = self._at(name)
        return Group(found, f"{self.path}/{name}") if isinstance(found, h5py().Group) else None

    def entry(self, name: str) -> Entry:
        """Return an array in it."""
        found, path = self._at(name), f"{self.path}/{name}"
        if not isinstance(found, h5py().Dataset):
            raise ValueError(f"it names an array {path}, which is not there.")
        return Entry(found, path)

    def named(self, words: str) -> list[Entry]:
        """Return the arrays that an attribute names, in its order."""
        return [self.entry(name) for name in self.words(words)]

    def text(self, name: str) -> str | None:
        """Return an attribute that is a string, or None."""
        value = self._group.attrs.get(name)
        return None if value is None else _word(value, f"{self.path}@{name}")

    def words(self, name: str) -> list[str]:
        """Return an attribute that is a list of strings; Keras splits long ones in parts."""
        attributes = self._group.attrs
        if name in attributes:
            parts = [attributes[name]]
        else:
            parts = []
            while f"{name}{len(parts)}" in attributes:
                parts.append(attributes[f"{name}{len(parts)}"])
        return [_word(one, f"{self.path}@{name}") for part in parts for one in np.ravel(part)]

    def walk(self, depth: int = 0, seen: set[int] | None = None) -> Iterator[str]:
        """Give the paths of all arrays in it, from here on."""
        module, seen = h5py(), set() if seen is None else seen
        place = module.h5o.get_info(self._group.id).addr
        if place in seen:  # paths may double with every level
            raise ValueError(f"its group {self.path} is in itself, or in two places.")
        seen.add(place)
        if depth > DEPTH:
            raise ValueError(f"its groups are nested more than {DEPTH} deep.")
        for name in self._group:
            if isinstance(self._group.get(name, getlink=True), module.HardLink):
                kind = self._group.get(name, getclass=True)
                if kind is module.Dataset:
                    yield name
                elif kind is module.Group:
                    inner = Group(self._group[name], f"{self.path}/{name}")
                    for path in inner.walk(depth + 1, seen):
                        yield f"{name}/{path}"


def _word(value: Any, where: str) -> str:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if not isinstance(value, str):
        raise ValueError(f"{where} is {type(value).__name__}; expected a string.")
    return value


def parsed(text: str | bytes, name: str) -> dict[str, Any]:
    """Return the config that a part of a file holds."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"its {name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"its {name} holds {type(found).__name__}; expected a config.")
    return found
