"""Whatever holds numbers as an array of them, for every door that data come in by.

Nothing is imported for it: an array is what has ``__array__`` or a buffer, a table's columns say
their kind of dtype, and what has ``to_numpy`` gives numbers for columns of several kinds.
"""

from typing import Any

import numpy as np

from nlstm.arguments.shown import short

__all__ = [
    "NOT_ARRAYS",
    "as_array",
    "as_numbers",
    "first_not_finite",
    "holds_masks",
    "is_arraylike",
    "listed",
]

REAL = "fiub"
PLAIN = frozenset((float, int, bool))
PADDED = (
    "nlstm.utils.pad_sequences fills them up, with padding='post' and dtype='float32', and "
    "lengths= says where they end"
)
NOT_ARRAYS = (dict, set, frozenset, str, bytes, bytearray)


def as_numbers(name: str, values: Any) -> np.ndarray:
    """Return `values` as an array of real numbers; what is masked or missing is NaN.

    Raises
    ------
    TypeError, ValueError
        They are no array, or none of real numbers; the error names them `name`.
    """
    given, kind = values, type(values)
    if kind is not np.ndarray and not (kind is list and PLAIN.issuperset(map(type, values))):
        if hasattr(kind, "collect_schema"):  # polars makes numbers of dates
            _check_polars(name, values)
        values = as_array(name, values)
    array = np.asarray(values)
    if array.dtype.kind in REAL:
        return array
    array = _of_columns(name, given, array)
    if array.dtype.kind not in REAL:
        came = _kind_of(array) if array.ndim else type(given).__name__
        hint = ""
        if array.dtype.kind in "US" and name.startswith("y"):
            hint = f" np.unique({name}, return_inverse=True) makes numbers of labels."
        raise TypeError(f"{name} must hold real numbers; got {came}.{hint}")
    return array


def _kind_of(array: np.ndarray) -> str:
    """Return what an array holds: its dtype, and the first text there is, or the first list."""
    kind = f"dtype {array.dtype}"
    if array.dtype.kind not in "OUS":
        return kind
    for wanted in (str | bytes, type(None), np.ndarray | list | tuple):
        for one in array.flat:
            if isinstance(one, wanted):
                if isinstance(one, np.ndarray | list | tuple):
                    return f"{kind} of sequences ({PADDED})"
                return f"{kind}, with {short(one)} in it"
    return kind


def as_array(name: str, values: Any) -> np.ndarray:
    """Return `values` as an array of any dtype; a number that is masked is NaN."""
    if isinstance(values, NOT_ARRAYS) or hasattr(values, "__next__"):
        hint = ": np.load(path, mmap_mode='r') opens a .npy file"
        hint *= isinstance(values, str) and values.lower().endswith(".npy")
        raise TypeError(f"{name} must be an array of numbers; got {type(values).__name__}{hint}.")
    if holds_masks(values):
        values = _unmasked(name, values)
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        if isinstance(values, list | tuple):
            unlike = "inhomogeneous" in str(error)
            why = PADDED if unlike else error
            raise ValueError(
                f"{name} is no array: its rows are of unlike length ({why})."
            ) from None
        if getattr(values, "__cuda_array_interface__", None) is not None:
            raise TypeError(
                f"{name} lies on a GPU and is needed on the host: give {name}.cpu() of torch, or "
                f"{name}.get() of CuPy."
            ) from None
        raise TypeError(
            f"{name} must be an array of numbers; {type(values).__name__} gives none: {error}"
        ) from None


def listed(name: str, values: Any) -> list[Any]:
    """Return a sequence of arrays as a list."""
    try:
        if not isinstance(values, NOT_ARRAYS):
            return list(values)
    except TypeError:  # it is no sequence
        pass
    raise TypeError(f"{name} must be a list of arrays; got {type(values).__name__}.")


def is_arraylike(value: Any) -> bool:
    """Whether `value` is an array with an axis, or something that becomes one by itself."""
    if hasattr(value, "__array__"):
        return getattr(value, "ndim", 1) != 0
    return hasattr(value, "typecode")  # array.array


def holds_masks(values: Any) -> bool:
    """Whether `values` is a masked array, or nested lists with one in them."""
    if isinstance(values, list | tuple):
        kinds = set(map(type, values))  # one look at each kind, however long the list
        if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
            return True
        nested = list in kinds or tuple in kinds
        return nested and any(holds_masks(one) for one in values)
    return isinstance(values, np.ma.MaskedArray)


def first_not_finite(array: np.ndarray) -> tuple[int, ...] | None:
    """Return the place of the first NaN or infinity."""
    broken = ~np.isfinite(array)
    return tuple(int(n) for n in np.argwhere(broken)[0]) if broken.any() else None


def _unmasked(name: str, values: Any) -> Any:
    """Return masked arrays, and those in nested lists, as plain ones, NaN where they are masked."""
    if isinstance(values, list | tuple):
        return [_unmasked(name, one) for one in values]
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if not np.ma.getmaskarray(values).any():
        return values.data
    if values.dtype.kind not in REAL:
        raise TypeError(f"{name} has masked elements of dtype {values.dtype}, which has no NaN.")
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    return np.ma.filled(values.astype(dtype), np.nan)


def _of_columns(name: str, values: Any, array: np.ndarray) -> np.ndarray:
    """Return the numbers of a table whose columns are of several kinds, or may miss some."""
    to_numpy = getattr(values, "to_numpy", None)
    if to_numpy is None or array.dtype.kind != "O":
        return array
    _check_columns(name, values)
    if hasattr(values, "cast"):  # polars
        return np.asarray(values.cast(float))
    try:
        return to_numpy(dtype=np.float64, na_value=np.nan)
    except TypeError:
        return array


def _check_polars(name: str, values: Any) -> None:
    """Raise for a frame of polars that holds no numbers, or none yet."""
    if hasattr(values, "collect"):
        raise TypeError(f"{name} must hold real numbers; got a LazyFrame, which collect() reads.")
    _check_columns(name, values)


def _check_columns(name: str, values: Any) -> None:
    """Raise for a column that holds no real numbers."""
    for column, dtype in _dtypes_of(values):
        if not _is_real(dtype):
            came = f"got dtype {dtype}" if column is None else f"column {column!r} has {dtype}"
            raise TypeError(f"{name} must hold real numbers; {came}.")


def _is_real(dtype: Any) -> bool:
    is_numeric = getattr(dtype, "is_numeric", None)  # of polars, whose dtypes have no kind
    if is_numeric is not None:
        return is_numeric() or str(dtype) == "Boolean"
    return getattr(dtype, "kind", "O") in REAL


def _dtypes_of(values: Any) -> list[tuple[Any, Any]]:
    """Return each column's name and dtype."""
    polars = hasattr(type(values), "collect_schema")
    dtypes = values.schema if polars else getattr(values, "dtypes", None)
    if dtypes is not None and hasattr(dtypes, "items"):
        return list(dtypes.items())
    return [(None, getattr(values, "dtype", None))]
