"""Columns of parquet files as files that windows are cut from."""

import contextlib
import json
import os
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_path
from nlstm.files.doors import door_to

__all__ = ["FileColumns", "from_parquet"]

DTYPES = ("float32", "float64")
MARK = b"\nnlstm: columns of "  # after the array; who reads the array does not see it


class FileColumns:
    """An array in a file whose columns have names.

    Attributes
    ----------
    array : np.memmap, shape (steps, columns)
    names : list of str
    """

    def __init__(self, array: np.ndarray, names: Sequence[str]) -> None:
        self.array, self.names = array, list(names)

    @property
    def shape(self) -> tuple[int, ...]:
        """(steps, columns)."""
        return self.array.shape

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"<FileColumns {self.shape} {self.array.dtype}: {', '.join(self.names)}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.array, dtype)


def from_parquet(
    path: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    *,
    to: str | os.PathLike[str],
    dtype: Any = None,
) -> FileColumns:
    """Write columns of a parquet file to a .npy file, once, and return that as a series.

    A parquet file is compressed, so that one window of it costs as much as a whole row group. The
    columns are decoded in pieces, in little memory, to a file that windows are cut from in any
    order.

    Parameters
    ----------
    path : path
        Oldest step first. Its dates are left out, so that nobody looks for gaps in them.
    columns : sequence of str, optional
        By default all that hold numbers and no dates.
    to : path
        The .npy file. Where it holds these columns of this file already, nothing is written.
    dtype : {"float32", "float64"}, optional
        By default float32 where that holds all columns, else float64.

    Returns
    -------
    FileColumns
        For `Windows`, scalers and backtests, whose columns go by name.

    Raises
    ------
    ImportError
        There is no pyarrow: ``pip install "nlstm[parquet]"``.
    TypeError, ValueError
        A column is not there, or holds no numbers.
    FileExistsError
        `to` is a file of something else.
    """
    path, to = checked_path("path", path), checked_path("to", to)
    if not to.endswith(".npy"):
        raise ValueError(f"to must be the path of a .npy file; got {to!r}.")
    if dtype is not None and np.dtype(dtype).name not in DTYPES:
        raise ValueError(f"dtype must be one of {DTYPES}; got {dtype!r}.")
    with contextlib.closing(door_to("parquet")(path, columns)) as file:
        found = file.dtype if dtype is None else np.dtype(dtype)
        state = os.stat(path)
        told = [os.path.basename(path), state.st_size, state.st_mtime_ns, file.names, found.name]
        mark = MARK + json.dumps(told).encode()
        if not _is_written(to, mark):
            _write(file, found, to, mark)
        return FileColumns(np.load(to, mmap_mode="r"), file.names)


def _is_written(to: str, mark: bytes) -> bool:
    """Whether a file ends with `mark`; raise where it is there and ends with none."""
    try:
        with open(to, "rb") as file:
            file.seek(max(0, os.path.getsize(to) - (1 << 20)))
            end = file.read()
    except FileNotFoundError:
        return False
    if MARK not in end:
        raise FileExistsError(f"to={to!r} is a file of something else; nothing was written.")
    return end.endswith(mark)


def _write(file: Any, dtype: np.dtype, to: str, mark: bytes) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": (file.rows, len(file.names))}
    temporary = f"{to}.{uuid.uuid4().hex}.partial"
    try:
        with open(temporary, "xb") as out:
            np.lib.format.write_array_header_1_0(out, header)
            for piece in file.pieces(dtype):
                out.write(piece.data)
            out.write(mark)
        os.replace(temporary, to)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
