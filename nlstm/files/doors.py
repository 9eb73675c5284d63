"""Formats of other libraries: whoever reads and writes them is loaded when such a file comes.

This room knows how such files begin and what their names end in, and nothing of what is in them.
"""

import errno
import os
from collections.abc import Callable
from typing import Any, Protocol

__all__ = [
    "Door",
    "check_ending",
    "door_by_content",
    "door_by_name",
    "door_to",
    "library_of",
    "offer",
]

# How files of others end: whose each is, and what. A longer ending comes before those that it ends
# in.
ENDINGS = {
    ".weights.h5": ("keras", "weights"),
    ".keras": ("keras", "model"),
    ".h5": ("keras", "either"),
    ".hdf5": ("keras", "either"),
    ".onnx": ("onnx", "model"),
}
# Nobody here reads or writes these: a file by such a name would be taken for what it is not.
FOREIGN = {
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".pb": "TensorFlow",
    ".tflite": "TensorFlow Lite",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "joblib",
    ".npz": "NumPy",
}
FIRST_BYTES = {b"PK\x03\x04": "keras", b"\x89HDF": "keras"}
SHOWN = {"keras": "Keras", "onnx": "ONNX"}
OWN = b"\0\0\0\0{"  # behind four bytes of a length: the header of a safetensors file
# A file of ONNX begins with a version, and then any of the fields that may follow it.
VERSIONS, FIELDS = range(1, 33), frozenset(b"\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca")


class Door(Protocol):
    """Reads and writes the files of another library; `model` is a `Sequential` or a `Model`."""

    @property
    def load_model(self) -> Callable[..., Any]:
        """load_model(path, custom_objects, compile)."""

    @property
    def load_weights(self) -> Callable[..., None]:
        """load_weights(model, path, by_name, skip_mismatch)."""

    @property
    def save_model(self) -> Callable[..., None]:
        """save_model(model, path, include_optimizer)."""

    @property
    def save_weights(self) -> Callable[..., None]:
        """save_weights(model, path)."""


_doors: dict[str, Callable[[], Any]] = {}


def offer(library: str, opened: Callable[[], Any]) -> None:
    """Name what returns the door to a library: a `Door` to its files, or what else it is for."""
    _doors[library] = opened


def door_to(library: str) -> Any:
    """Return what a library is for; an ImportError with the pip line where it is missing."""
    return _doors[library]()


def library_of(path: str) -> str | None:
    """Return whose a file is, by its first bytes; None where it is nlstm's, or nobody's.

    Raises
    ------
    IsADirectoryError
        It is a folder.
    """
    if os.path.isdir(path):
        kind = "a folder"
        if os.path.exists(os.path.join(path, "saved_model.pb")):
            kind = "a SavedModel of TensorFlow's, a folder of compiled code"
        raise IsADirectoryError(
            errno.EISDIR,
            f"It is {kind}: models are read from one file, such as '.keras' or '.h5', which "
            "the program that made it can save",
            path,
        )
    with open(path, "rb") as file:
        begin = file.read(9)
    own = begin[4:] == OWN
    if not own and begin[:1] == b"\x08" and begin[1:2] and begin[1] in VERSIONS:
        return "onnx" if begin[2:3] and begin[2] in FIELDS else None
    return FIRST_BYTES.get(begin[:4])


def door_by_content(path: str) -> Door | None:
    """Return what reads a file, by its first bytes; None where that is nlstm itself."""
    library = library_of(path)
    if library is None:
        _check_begin(path)
        return None
    return _doors[library]()


def _check_begin(path: str) -> None:
    """Raise where a file begins as none of nlstm's does; another library's is known to be none."""
    with open(path, "rb") as file:
        if file.read(9)[4:] == OWN:
            return
    ending, last = _ending(path), os.path.splitext(path)[1].lower()
    shown, why = "Keras's or ONNX's", "it is damaged, or something else"
    if ending is not None:
        shown = f"{SHOWN[ENDINGS[ending][0]]}'s, as {ending!r} says"
    elif last in FOREIGN:
        why = f"{last!r} is a format of {FOREIGN[last]}'s, which is not read here"
    raise ValueError(
        f"{path} is not a whole safetensors file, as nlstm's own are, nor one of {shown}: {why}."
    )


def door_by_name(path: str) -> Door | None:
    """Return what writes a file, by its name's ending; None where that is nlstm itself."""
    ending = _ending(path)
    return None if ending is None else _doors[ENDINGS[ending][0]]()


def check_ending(name: str, path: str, what: str) -> None:
    """Raise a ValueError where a "model", or "weights", get a name that is for the other."""
    ending = _ending(path)
    if ending is None:
        _check_written(name, path, what)
        return
    library, kind = ENDINGS[ending]
    if kind in (what, "either"):
        return
    raise ValueError(
        f"{name} {os.path.basename(path)!r} ends in {ending!r}, as {SHOWN[library]} calls files of "
        f"{'weights alone' if what == 'model' else 'whole models'}; {_endings(what)}"
    )


def _check_written(name: str, path: str, what: str) -> None:
    ending = os.path.splitext(path)[1].lower()
    if ending in FOREIGN:
        raise ValueError(
            f"{name} {os.path.basename(path)!r} ends in {ending!r}, a format of "
            f"{FOREIGN[ending]}'s that is not written here; {_endings(what)}"
        )


def _endings(what: str) -> str:
    others = [one for one, (_, kind) in ENDINGS.items() if kind in (what, "either")]
    own = f"and '.{_own(what)}' for nlstm's own format."
    return f"for {what} it is {' or '.join(map(repr, others))}, {own}"


def _own(what: str) -> str:
    return "nlstm" if what == "model" else "weights.safetensors"


def _ending(path: str) -> str | None:
    return next((one for one in ENDINGS if path.lower().endswith(one)), None)
