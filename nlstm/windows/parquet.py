"""Columns of parquet files as files that windows are cut from."""

import json
import os
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_path

__all__ = ["FileColumns", "from_parquet"]

ROWS = 1 << 16  # decoded together
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
        Oldest step first.
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
    try:
        import pyarrow.parquet
    except ImportError:
        raise ImportError("from_parquet takes pyarrow: pip install 'nlstm[parquet]'") from None

    path, to = checked_path("path", path), checked_path("to", to)
    if not to.endswith(".npy"):
        raise ValueError(f"to must be the path of a .npy file; got {to!r}.")
    with pyarrow.parquet.ParquetFile(path, buffer_size=1 << 20) as file:
        names = _checked_names(file.schema_arrow, columns)
        found = np.dtype(dtype) if dtype is not None else _dtype_of(file.schema_arrow, names)
        if found not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64; got {dtype!r}.")
        state = os.stat(path)
        told = [os.path.basename(path), state.st_size, state.st_mtime_ns, names, found.name]
        mark = MARK + json.dumps(told).encode()
        if not _is_written(to, mark):
            _write(file, names, found, to, mark)
    return FileColumns(np.load(to, mmap_mode="r"), names)


def _checked_names(schema: Any, columns: Any) -> list[str]:
    from pyarrow import types

    if isinstance(columns, str):
        columns = [columns]
    if columns is None:
        names = [one.name for one in schema if not types.is_temporal(one.type)]
    else:
        names = list(columns)
        for name in names:
            if name not in schema.names:
                raise ValueError(f"columns names {name!r}; the file has {schema.names}.")
    for name in names:
        kind = schema.field(name).type
        numbers = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
        if not any(is_one(kind) for is_one in numbers):
            raise TypeError(f"columns must hold real numbers; {name!r} has {kind}.")
    if not names:
        raise ValueError("columns names none.")
    return names


def _dtype_of(schema: Any, names: list[str]) -> np.dtype:
    """Return the dtype that a frame of the columns would have among series."""
    dtypes = []
    for name in names:
        kind = schema.field(name).type.to_pandas_dtype()
        dtypes.append(np.float64 if kind is np.object_ else kind)
    found = np.result_type(*dtypes, np.float32)
    return found if found.itemsize <= 8 else np.dtype(np.float64)


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


def _write(file: Any, names: list[str], dtype: np.dtype, to: str, mark: bytes) -> None:
    shape = (file.metadata.num_rows, len(names))
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    temporary = f"{to}.{uuid.uuid4().hex}.partial"
    try:
        with open(temporary, "xb") as out:
            np.lib.format.write_array_header_1_0(out, header)
            for batch in file.iter_batches(ROWS, columns=names, use_threads=False):
                piece = np.empty((batch.num_rows, len(names)), dtype)
                for place, name in enumerate(names):
                    with np.errstate(over="ignore"):
                        piece[:, place] = _numbers(batch.column(name))
                out.write(piece.data)
            out.write(mark)
        os.replace(temporary, to)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _numbers(column: Any) -> np.ndarray:
    """Return a column's numbers; what is missing is NaN."""
    import pyarrow

    kind = column.type
    if pyarrow.types.is_boolean(kind):
        column = column.cast(pyarrow.uint8())
    if not pyarrow.types.is_floating(kind):
        column = column.cast(pyarrow.float64(), safe=False)
    return column.to_numpy(zero_copy_only=False)
