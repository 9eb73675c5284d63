"""Where a file of Keras's came from, as it says itself; nothing is made of it."""

import json
import zipfile
from typing import Any

from nlstm.interop.keras.reading import Legacy, reading

__all__ = ["origin", "shapes"]


def origin(path: str) -> dict[str, str]:
    """Return a file's format, version and state, each with a name that people read."""
    found: dict[str, str] = {}
    with reading(path) as contents:
        version = backend = None
        found["format"] = "weights of Keras 3 in HDF5"
        if isinstance(contents, Legacy):
            found["format"] = "HDF5 of Keras's"
            version, backend = contents.said("keras_version"), contents.said("backend")
        if zipfile.is_zipfile(path):
            metadata = _metadata(path)
            version = metadata.get("keras_version")
            found["format"] = "a .keras archive"
            found["saved"] = str(metadata.get("date_saved", "")).replace("@", " ") or "not said"
        if contents.model is None:
            found["holds"] = "weights alone"
        found["Keras"] = version or ("not said" if contents.model is None else "1, as none is said")
        if backend:
            found["backend"] = backend
        if contents.model is not None:
            count = len(contents.slots())
            found["optimizer state"] = f"{count} arrays" if count else "none"
    return found


def shapes(path: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all arrays in a file, by their paths."""
    with reading(path) as contents:
        return contents.shapes()


def _metadata(path: str) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        found: dict[str, Any] = json.loads(archive.read("metadata.json"))
    return found
