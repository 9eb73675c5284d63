"""Files as series, by their names."""

import os
from typing import Any

import numpy as np

__all__ = ["is_path", "opened_path"]


def is_path(one: Any) -> bool:
    """Whether `one` names a file: a path, or text that ends as one."""
    return isinstance(one, os.PathLike) or (
        isinstance(one, str) and one.lower().endswith((".npy", ".npz", ".parquet", ".csv"))
    )


def opened_path(name: str, path: Any) -> np.ndarray:
    """Return the array of a .npy file, which stays there.

    Raises
    ------
    ValueError
        It is another kind of file; the error says how it is read.
    OSError
        There is none.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    hints = {
        ".parquet": 'its columns are compressed: from_parquet(path, to="name.npy") of '
        "nlstm.windows makes a file of them that windows are cut from",
        ".npz": "an archive has no place to read from: np.load(path)[name] reads an array",
    }
    if ending != ".npy":
        hint = hints.get(ending, "np.memmap reads files of plain numbers")
        raise ValueError(f"{name} must be an array or a .npy file; got {path!r}: {hint}.")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{name}: {path!r} is no .npy file of numbers: {error}") from None
