"""Weights in a safetensors file: written whole or not at all, checked whole before any is used."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_weights", "write_weights"]

FORMAT = {"format": "nlstm-weights", "version": "1"}


def write_weights(path: str | os.PathLike[str], weights: Mapping[str, np.ndarray]) -> None:
    """Write arrays under their names.

    The file appears under `path` only when it is complete and on the disk; until then whatever was
    there stays as it was.
    """
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(w) for name, w in weights.items()}, metadata=FORMAT)
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's 0600 would lock others out
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_weights(
    path: str | os.PathLike[str], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """Read arrays and check them against the names and shapes that a model has.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is not a whole safetensors file, or not one of nlstm, or of a newer version, or for a
        model of other layers or shapes.
    """
    from safetensors import SafetensorError, safe_open

    with open(path, "rb"):
        pass  # the usual OSError for a file that is missing or may not be read
    found: dict[str, Any] = {}
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            for name in file.keys():  # safe_open is no dict
                found[name] = file.get_tensor(name)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}.") from error
    if metadata.get("format") != FORMAT["format"]:
        raise ValueError(
            f"{path} holds no nlstm weights: its format is {metadata.get('format')!r}."
        )
    if metadata.get("version") != FORMAT["version"]:
        raise ValueError(
            f"{path} has version {metadata.get('version')} of the weights format; this nlstm reads "
            f"version {FORMAT['version']}."
        )
    _check(path, found, shapes)
    return {name: found[name] for name in shapes}


def _check(path: Any, found: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    if found.keys() != shapes.keys():
        missing = ", ".join(sorted(shapes.keys() - found.keys())) or "nothing"
        more = ", ".join(sorted(found.keys() - shapes.keys())) or "nothing"
        raise ValueError(
            f"{path} is for other layers: the model also has {missing}; the file also has {more}."
        )
    for name, shape in shapes.items():
        value = found[name]
        if value.shape != shape:
            raise ValueError(
                f"{path} has {name} of shape {value.shape}; the model's has shape {shape}."
            )
        if value.dtype.kind != "f":
            raise ValueError(f"{path} has {name} of dtype {value.dtype}; expected floats.")
