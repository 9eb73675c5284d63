"""Files as series, by their names."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from nlstm.data.on_file import file_of

__all__ = ["check_new_file", "is_path", "opened_path"]


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
        ".csv": "np.memmap reads files of plain numbers; pandas.read_csv(path) gives a frame",
        ".npz": "an archive has no place to read from: np.load(path)[name] reads an array",
    }
    if ending != ".npy":
        hint = hints.get(ending, "np.memmap reads files of plain numbers")
        raise ValueError(f"{name} must be an array or a .npy file; got {path!r}: {hint}.")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{name}: {path!r} is no .npy file of numbers: {error}") from None


def check_new_file(name: str, path: Any, arrays: Iterable[np.ndarray]) -> None:
    """Raise a ValueError unless `path` may be made anew: a .npy file, and of none of `arrays`."""
    if not os.fspath(path).lower().endswith(".npy"):
        raise ValueError(f"{name} must be the path of a .npy file; got {os.fspath(path)!r}.")
    for array in arrays:
        source = file_of(array)
        if source is not None and os.path.exists(path) and os.path.samefile(path, source):
            raise ValueError(
                f"{name} is the file that is read, {os.fspath(path)!r}, which would be lost: give "
                "another name."
            )
