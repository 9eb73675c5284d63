"""Arrays and their metadata in a safetensors file: written whole or not at all, read whole or not.

A digest of all that the file says lies in its metadata, so that damage of any kind is found.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from nlstm.arguments.checks import checked_path
from nlstm.files.doors import SHOWN, check_ending, library_of
from nlstm.files.whole_file import naming, write_whole

__all__ = [
    "ForeignFile",
    "check_arrays",
    "check_fits",
    "checked_target",
    "packed",
    "read_arrays",
    "read_weights",
    "unpacked",
    "write_arrays",
    "write_weights",
]

WEIGHTS, MODEL, BACKUP = "nlstm-weights", "nlstm-model", "nlstm-backup"
VERSION = "1"
DIGEST = "digest"
HEADER_BYTES = 100_000_000  # more safetensors does not read

Path_ = str | bytes | os.PathLike[str]


class ForeignFile(ValueError):
    """A whole file, but not one that can be read here."""


def write_arrays(
    path: Path_, kind: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write arrays under their names.

    The file appears under `path` only when it is complete and on the disk; until then whatever was
    there stays as it was.
    """
    write_whole(os.fsdecode(path), packed(kind, arrays, metadata))


def packed(kind: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Return the content of a file of arrays."""
    from safetensors.numpy import save

    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = {"format": kind, "version": VERSION, **metadata}
    return save(contiguous, metadata=metadata | {DIGEST: _digest(contiguous, metadata)})


def checked_target(path: Any, overwrite: bool, what: str) -> str:
    """Return the path of a file to write, as users give it, for "model" or "weights".

    Raises
    ------
    TypeError, ValueError
        It is no path, or its ending is one that Keras gives the other kind of file.
    FileExistsError
        A file is there that may not be replaced.
    """
    path = checked_path("filepath", path)
    check_ending("filepath", path, what)
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(f"{path} exists, and overwrite is False.")
    return path


def _digest(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    found = hashlib.blake2b(json.dumps(sorted(metadata.items())).encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def read_arrays(path: Path_, *kinds: str) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return metadata and arrays of a file of one of `kinds`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is not a whole safetensors file, or not one of nlstm, or of a newer version, or damaged.
    """
    path = checked_path("filepath", path)
    library = library_of(path)  # or the usual OSError where it is missing or may not be read
    if library is not None:
        other = "" if library == "onnx" else ", or another HDF5 or zip file"
        raise ForeignFile(f"{path} is a file of {SHOWN[library]}'s{other}.")
    with naming(path), open(path, "rb") as file:
        return unpacked(path, file, *kinds)


def unpacked(
    path: str, file: BinaryIO, *kinds: str
) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return metadata and arrays of an open file of arrays; errors call it `path`."""
    from safetensors.numpy import load

    try:
        # Not mapped into memory: somebody who cuts such a file kills the process that reads it.
        with naming(path):
            size = int.from_bytes(file.read(8), "little")
            metadata = json.loads(file.read(min(size, HEADER_BYTES))).get("__metadata__", {})
            _check_kind(path, metadata, kinds)
            file.seek(0)
            found = load(file.read())
    except (ForeignFile, OSError):
        raise
    except Exception as error:  # damage shows as whatever the library stumbles over
        raise ValueError(f"{path} is not a whole safetensors file: {error}.") from error
    stated = metadata.pop(DIGEST, None)
    if stated != _digest(found, metadata):
        raise ValueError(f"{path} is damaged: its content does not have the digest it states.")
    return metadata, found


def _check_kind(path: str, metadata: Mapping[str, str], kinds: Sequence[str]) -> None:
    """Raise unless a file is of one of `kinds`, in a version that is known."""
    kind, version = metadata.get("format"), metadata.get("version")
    if kind is None or kind not in kinds:
        what = "no nlstm weights" if WEIGHTS in kinds else f"no {kinds[0].replace('-', ' ')}"
        raise ForeignFile(f"{path} holds {what}: its format is {kind!r}.")
    if version != VERSION:
        newer = str(version).isdecimal() and int(str(version)) > int(VERSION)
        raise ForeignFile(
            f"{path} has version {version} of the {kind.removeprefix('nlstm-')} format; "
            f"this nlstm reads version {VERSION}."
            + (" A newer nlstm wrote it, or it is damaged." if newer else "")
        )


def write_weights(path: Path_, weights: Mapping[str, np.ndarray]) -> None:
    """Write a model's weights under their names."""
    write_arrays(path, WEIGHTS, weights, {})


def read_weights(path: Path_, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Read weights and check them against the names and shapes that a model has.

    The file of a whole model serves too.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        As `read_arrays`, or the file is for a model of other layers or shapes.
    """
    metadata, found = read_arrays(path, WEIGHTS, MODEL)
    if metadata["format"] == MODEL:
        found = {name: found[name] for name in found if not name.startswith("/")}
    check_arrays(path, found, shapes)
    return {name: found[name] for name in shapes}


def check_arrays(
    path: Any, found: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise a ValueError unless `found` holds an array of floats for each of `shapes`, no more."""
    if found.keys() != shapes.keys():
        missing = ", ".join(sorted(shapes.keys() - found.keys())) or "nothing"
        more = ", ".join(sorted(found.keys() - shapes.keys())) or "nothing"
        raise ValueError(
            f"{path} is for other layers: the model also has {missing}; the file also has {more}."
        )
    for name, shape in shapes.items():
        check_fits(path, name, found[name], shape)


def check_fits(path: Any, name: str, value: Any, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless an array, or what is known of it, holds floats of `shape`."""
    if value.shape != shape:
        raise ValueError(
            f"{path} has {name} of shape {value.shape}; the model's has shape {shape}."
        )
    if value.dtype.kind != "f":
        raise ValueError(f"{path} has {name} of dtype {value.dtype}; expected floats.")
