"""Arrays that a user gives to be written to."""

import os
from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind

__all__ = ["checked_out"]


def checked_out(name: str, out: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return `out`, an array of floats of `shape` that may be written; None fits any number."""
    if not isinstance(out, np.ndarray):
        hint = ": np.lib.format.open_memmap(path, 'w+', dtype, shape) makes a file for it"
        hint *= isinstance(out, str | os.PathLike)
        raise WrongKind(f"{name} must be an ndarray or np.memmap; got {type(out).__name__}{hint}.")
    if out.dtype.kind != "f":
        raise WrongKind(f"{name} must be of a floating dtype; got {out.dtype}.")
    fits = len(out.shape) == len(shape) and all(
        wanted in (None, found) for wanted, found in zip(shape, out.shape, strict=True)
    )
    if not fits:
        wanted = str(shape).replace("None", "rows")
        raise ValueError(f"{name} must have shape {wanted}; got {out.shape}.")
    if not out.flags.writeable:
        raise ValueError(f"{name} is read-only: np.memmap(..., mode='r+') opens a file to write.")
    return out
