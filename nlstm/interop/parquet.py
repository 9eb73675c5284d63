"""Columns of parquet files as arrays, a piece at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["Columns", "opened"]

ROWS = 1 << 16  # decoded together
BUFFER = 1 << 20  # bytes of a column that are read together


def opened(path: str, columns: Sequence[str] | None) -> "Columns":
    """Return columns of a file; by default all that hold numbers and no dates."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise ImportError("from_parquet takes pyarrow: pip install 'nlstm[parquet]'") from None
    try:
        file = pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is not a whole parquet file: {error}") from error
    return Columns(pyarrow, file, columns)


class Columns:
    """Columns of an open file.

    Attributes
    ----------
    names : list of str
    rows : int
    dtype : dtype
        That of a frame of these columns among series: float32 or float64.
    """

    def __init__(self, pyarrow: Any, file: Any, columns: Sequence[str] | None) -> None:
        self._pyarrow, self._file = pyarrow, file
        schema, is_temporal = file.schema_arrow, pyarrow.types.is_temporal
        if columns is None:
            self.names = [one.name for one in schema if not is_temporal(one.type)]
        else:
            self.names = [columns] if isinstance(columns, str) else list(columns)
        if not self.names:
            raise ValueError("columns names none.")
        kinds = [self._kind(schema, name) for name in self.names]
        self.rows = file.metadata.num_rows
        dtype = np.result_type(*kinds, np.float32)
        self.dtype = dtype if dtype.itemsize <= 8 else np.dtype(np.float64)

    def _kind(self, schema: Any, name: str) -> Any:
        """Return the dtype of a column, or raise where it holds no numbers."""
        if name not in schema.names:
            raise ValueError(f"columns names {name!r}; the file has {schema.names}.")
        kind, types = schema.field(name).type, self._pyarrow.types
        if types.is_decimal(kind):
            return np.float64
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
            raise TypeError(f"columns must hold real numbers; {name!r} has {kind}.")
        return kind.to_pandas_dtype()

    def pieces(self, dtype: np.dtype) -> Iterator[np.ndarray]:
        """Give all rows, (rows, columns), a piece at a time; what is missing is NaN."""
        for batch in self._file.iter_batches(ROWS, columns=self.names, use_threads=False):
            piece = np.empty((batch.num_rows, len(self.names)), dtype)
            for place, name in enumerate(self.names):
                with np.errstate(over="ignore"):
                    piece[:, place] = self._numbers(batch.column(name))
            yield piece

    def _numbers(self, column: Any) -> np.ndarray:
        arrow = self._pyarrow
        if arrow.types.is_boolean(column.type):
            column = column.cast(arrow.uint8())
        if not arrow.types.is_floating(column.type):
            column = column.cast(arrow.float64(), safe=False)
        return column.to_numpy(zero_copy_only=False)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
