"""What stands at a path of Keras's, and the error for what does not."""

import difflib
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.compat.paths import (
    FORMER_NAMES,
    FORMER_PATHS,
    NAMES,
    PATHS,
    REASONS,
    ROOTS,
    TENSORFLOW,
)

__all__ = ["Place", "absent", "former_place", "keras_place", "looked_up", "split_root", "stands"]

GUIDE = "docs/coming_from_keras.md"
VERSION = "3.15.1"  # of the Keras whose interface nlstm follows
TENSORFLOW_VERSION = "2.21.0"


@dataclass(frozen=True)
class Place:
    """What a path stands for.

    Attributes
    ----------
    source : str
        "module", or "module:name" of an object in it, that has the names; "" for none.
    names, former : dict of str to str
        Further names, and those that are given with a warning; each with its source.
    instead : str
        Today's path, where this one was left.
    """

    source: str
    names: dict[str, str]
    former: dict[str, str]
    instead: str = ""

    def found(self) -> dict[str, Any]:
        """Return the names and what they stand for."""
        found: dict[str, Any] = {}
        if self.source:
            source = looked_up(self.source)
            public = getattr(source, "__all__", None) or [
                name for name in vars(source) if not name.startswith("_")
            ]
            found = {name: getattr(source, name) for name in public}
        return found | {name: looked_up(where) for name, where in self.names.items()}


def looked_up(source: str) -> Any:
    """Return the module, or the object in it, that a source names."""
    module, _, name = source.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def split_root(name: str) -> tuple[str, str] | None:
    """Return the root and the path below it of a module of Keras's or TensorFlow's."""
    for root in (*ROOTS, "tensorflow"):
        if name == root or name.startswith(root + "."):
            return root, name[len(root) + 1 :]
    return None


def keras_place(root: str, path: str) -> Place | None:
    """Return what stands at a path below a root; None for nothing."""
    if root == "tensorflow":
        return Place(TENSORFLOW[path], {}, {}) if path in TENSORFLOW else None
    instead = FORMER_PATHS.get(path, "")
    place = instead or path
    if place and place not in PATHS:
        return None
    names, former = NAMES.get(place, {}), FORMER_NAMES.get(place, {})
    return Place(PATHS.get(place, ""), names, former, instead)


def stands(name: str) -> bool:
    """Whether importing `name` would give something."""
    split = split_root(name)
    return split is not None and keras_place(*split) is not None


def former_place(path: str) -> Place | None:
    """Return what stands at a former path below `nlstm` itself; None for nothing."""
    return keras_place("keras", path) if path in FORMER_PATHS else None


def absent(name: str, near: Any = ()) -> str:
    """Return what is said of a name that nlstm has not.

    Parameters
    ----------
    name : str
        With its module.
    near : iterable of str
        The names that are there.
    """
    module, _, last = name.rpartition(".")
    parts = [f"nlstm has no {name.removeprefix('nlstm.')}"]
    reason, numpys = REASONS.get(last), last.removeprefix("reduce_")
    found = difflib.get_close_matches(last, sorted(near), n=3, cutoff=0.7)
    root = (split_root(module) or (module.partition(".")[0],))[0]
    top = "tensorflow.keras" if root == "tensorflow" else root
    elsewhere = [f"{top}.{path}" for path in PATHS if _has(path, last)]
    if reason:
        parts.append(reason)
    elif module.endswith((".backend", "tensorflow")) and callable(getattr(np, numpys, None)):
        parts.append(f"arrays are NumPy's: take np.{numpys}")
    elif elsewhere:
        parts.append(f"it is in {' and in '.join(elsewhere)}")
    elif found:
        parts.append(f"there is {' and '.join(found)}")
    return "; ".join(parts) + f". See {GUIDE}."


def _has(path: str, name: str) -> bool:
    return name in getattr(importlib.import_module(PATHS[path]), "__all__", ())
