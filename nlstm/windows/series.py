"""The series behind windows: one flat array, checked once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nlstm.arguments.checks import WrongKind, checked_integer, is_number
from nlstm.arguments.numbers import as_array, as_numbers
from nlstm.arguments.quiet import quietly
from nlstm.data.on_file import stays_file
from nlstm.windows.file_panel import FilePanel
from nlstm.windows.frames import Given, given_as
from nlstm.windows.gaps import check_order
from nlstm.windows.panel import CHUNK, Panel
from nlstm.windows.several import Several, opened

__all__ = [
    "LONGEST",
    "as_floats",
    "as_panel",
    "as_several",
    "as_static",
    "broken_rows",
    "checked_columns",
    "checked_steps",
    "store",
]

LONGEST = 2**31 - 1  # of steps, so that products of them are int64


def as_floats(array: np.ndarray) -> np.ndarray:
    """Return numbers as float32 where they are, in whatever order of bytes, else as float64."""
    single = array.dtype.newbyteorder("=") == np.float32
    return array.astype(np.float32 if single else np.float64, copy=False)


def as_several(series: Any, called: str = "series") -> Several:
    """Return one series or several whose arrays are (steps, columns) each: see `opened`.

    What this function has returned comes back as it is.
    """
    if isinstance(series, Several):
        return series
    given = opened(series, called)
    found = given.arrays
    for number, (name, one) in enumerate(zip(given.names, found, strict=True)):
        check_order(name, given.given[number].dates)
        if one.ndim not in (1, 2):
            raise ValueError(
                f"{name} must have shape (steps,) or (steps, columns); got {one.shape}."
            )
        if one.size == 0:
            raise ValueError(f"{name} is empty: its shape is {one.shape}.")
        found[number] = one = one[:, None] if one.ndim == 1 else one
        if one.shape[1] != found[0].shape[1]:
            raise ValueError(
                f"{name} has {one.shape[1]} columns, but {given.names[0]} has {found[0].shape[1]}."
            )
    return given


def as_panel(series: Any) -> Panel | FilePanel:
    """Join one series or a list of them; one float32 or float64 array is not copied, nor files."""
    several = as_several(series)
    found, given = several.arrays, [one._replace(numbers=None) for one in several.given]
    if any(map(stays_file, found)):
        return FilePanel(found, given)
    dtype = np.result_type(*found, np.float32)
    if dtype.itemsize > 8:
        dtype = np.dtype(np.float64)
    lengths = np.array([len(one) for one in found], np.int64)
    columns = found[0].shape[1]
    if len(found) == 1:
        flat = np.ascontiguousarray(found[0], dtype).reshape(-1)
    else:
        flat = np.concatenate(found, dtype=dtype, casting="same_kind").reshape(-1)
    firsts = np.cumsum(lengths) - lengths
    return Panel(flat, columns, firsts, lengths, _largest(flat), given)


def _largest(flat: np.ndarray) -> float:
    largest = 0.0
    for first in range(0, flat.size, CHUNK):
        part = flat[first : first + CHUNK]
        part = np.abs(part[np.isfinite(part)])
        largest = max(largest, float(part.max(initial=0.0)))
    return largest


def broken_rows(panel: Panel | FilePanel, columns: np.ndarray, nan_is_error: bool) -> np.ndarray:
    """Return, by row, whether one of `columns` is NaN. Infinity is an error in any case."""
    broken = np.zeros(panel.rows, bool)
    for first, table in panel.pieces():
        part = table[:, columns]
        wrong = ~np.isfinite(part)
        if not wrong.any():
            continue
        fatal = wrong if nan_is_error else np.isinf(part)
        if fatal.any():
            row, place = (int(number) for number in np.argwhere(fatal)[0])
            raise ValueError(_complaint(panel, first + row, int(columns[place]), part[row, place]))
        broken[first : first + len(part)] = wrong.any(axis=1)
    return broken


def _complaint(panel: Panel | FilePanel, row: int, column: int, value: float) -> str:
    number = int(np.searchsorted(panel.firsts, row, side="right")) - 1
    name = "series" if len(panel.firsts) == 1 else f"series[{number}]"
    hint = " drop_nan=True skips the windows that would hold it." if np.isnan(value) else ""
    return f"{name} holds {value} in row {row - panel.firsts[number]}, column {column}.{hint}"


NAMES = " Names are for frames and what from_parquet returns; what a scaler returns has none."


def checked_columns(
    name: str,
    columns: Any,
    width: int,
    default: np.ndarray,
    names: Sequence[Any] | None = None,
) -> np.ndarray:
    """Return column numbers, negative ones counted from the end, as an array.

    `names` : of a frame's columns, by which they may be called too.
    """
    if columns is None:
        return default
    found = np.atleast_1d(as_array(name, [columns] if isinstance(columns, str) else columns))
    if found.size == 0:
        return np.zeros(0, np.int64)
    if found.ndim == 1 and names is not None and all(isinstance(one, str) for one in found):
        return np.array([_place(name, str(one), names) for one in found])
    if found.ndim != 1 or found.dtype.kind not in "iu":
        hint = NAMES * isinstance(found.flat[0], str)
        raise TypeError(f"{name} must be a list of column numbers; got {columns!r}.{hint}")
    if found.min() < -width or found.max() >= width:
        raise ValueError(f"{name} must lie in {-width} to {width - 1}; got {found.tolist()}.")
    return found.astype(np.int64) % width


def _place(name: str, column: str, names: Sequence[Any]) -> int:
    if column not in names:
        raise ValueError(f"{name} names column {column!r}; there are {list(names)}.")
    if list(names).count(column) > 1:
        raise ValueError(f"{name} names {column!r}, as several columns are called: {list(names)}.")
    return list(names).index(column)


def checked_steps(name: str, step: Any, given: Sequence[Given]) -> np.ndarray:
    """Return the number of a step in each series; of a date, the first step at it or later."""
    try:
        number = max(-LONGEST, min(checked_integer(name, step), LONGEST))
    except WrongKind as error:
        if is_number(step):
            raise
        dates = [one.dates for one in given if one.dates is not None]
        if len(dates) < len(given):
            raise WrongKind(f"{error} Dates are for frames that have some.") from None
        return np.array([one.step_of(name, step) for one in dates])
    return np.full(len(given), number)


def as_static(static: ArrayLike, several: Several) -> np.ndarray:
    """Return static features, one row for each series."""
    count, keys = len(several.arrays), several.keys
    if isinstance(static, Mapping):
        if keys is None or set(keys) != set(static):
            came = "no dict" if keys is None else f"a dict of {keys}"
            raise WrongKind(f"static is a dict of {list(static)}, but series is {came}.")
        static = [static[key] for key in keys]
    if keys is not None and given_as("static", static).library == "pandas":
        labels: Any = static
        if list(labels.index) != keys and set(labels.index) == set(keys):
            raise ValueError(
                f"static has rows {list(labels.index)}, but series has {keys}. They count by "
                "place: static.loc[list(series)] puts them in order."
            )
    array = as_numbers("static", static)
    if array.ndim == 1 and count == 1:
        array = array[None]
    if array.ndim != 2 or len(array) != count or array.shape[1] == 0:
        raise ValueError(
            f"static must have shape (number of series, features) = ({count}, features); "
            f"got {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError("static must be finite; it holds NaN or infinity.")
    return array.astype(np.float64)


def store(
    function: Callable[..., np.ndarray],
    values: np.ndarray,
    out: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
) -> None:
    """Write (=) a scaler's function(values, shift, scale) to `out`, whose dtype must hold it."""
    mapped = quietly(_written, function, values, out, shift, scale, over="ignore", invalid="ignore")
    if np.isfinite(out).all():
        return
    lost = np.isfinite(values) & ~np.isfinite(out)
    if lost.any():
        place = tuple(np.argwhere(lost)[0])
        given, *means = (np.broadcast_to(one, lost.shape)[place] for one in (values, shift, scale))
        raise ValueError(
            f"{given:g} in column {place[-1]} becomes {mapped[place]:g}, which {out.dtype.name} "
            f"cannot hold: the column's shift is {means[0]:g}, its scale {means[1]:g}."
        )


def _written(
    function: Callable[..., np.ndarray],
    values: np.ndarray,
    out: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    mapped = function(values, shift, scale)
    out[...] = mapped
    return mapped
