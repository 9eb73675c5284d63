"""Scalers: a series to numbers of about one, and forecasts back to the series' own units.

Each maps a column by ``(x - shift) / scale``, computed in float64 whatever the array's dtype, and
back by ``x * scale + shift``: there and back differ by rounding alone. A scale that would be 0, as
that of a column which never changes, is 1. What the array's dtype cannot hold is an error.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from nlstm.arguments.checks import (
    check_mapping,
    checked_flag,
    checked_integer,
    checked_number,
    is_number,
)
from nlstm.arguments.outs import checked_out
from nlstm.arguments.shown import by_attributes
from nlstm.data.on_file import Pages, stays_file
from nlstm.windows.column_names import check_columns, common_names
from nlstm.windows.learning import Extent, extent_of, moments_of, quantiles_of
from nlstm.windows.paths import check_new_file, is_path
from nlstm.windows.series import as_floats, checked_columns, store
from nlstm.windows.several import Several, opened

__all__ = ["LogScaler", "MinMaxScaler", "RobustScaler", "Scaler", "StandardScaler", "load_scaler"]

CHUNK = 1 << 16  # rows converted together, so that float64 copies stay small


class Scaler:
    """What the scalers have in common.

    Parameters
    ----------
    per_series : bool, default False
        Learn each series of a list by itself. Otherwise all series share what is learnt.

    Attributes
    ----------
    shift, scale : ndarray(float64), shape (number of series or 1, columns)
        None before `fit`.
    names : list or None
        Those of the columns, where `fit` got frames: frames must have the same columns then, in the
        same order. Arrays go by place, as do frames that disagree in their names, and a Series.
    """

    names: list[Any] | None = None  # also of scalers that were pickled before there were any
    _options: ClassVar[tuple[str, ...]] = ("per_series",)

    def __init__(self, per_series: bool = False) -> None:
        self.per_series = checked_flag("per_series", per_series)
        self.shift: np.ndarray | None = None
        self.scale: np.ndarray | None = None

    def __repr__(self) -> str:
        return by_attributes(self)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def fit(self, series: Any) -> Self:
        """Learn shift and scale of each column; NaN are passed over.

        Parameters
        ----------
        series : array_like, shape (steps,), (steps, columns) or (windows, steps, columns)
            Or several: a list, a dict or a generator of them, or a group-by. For a split by time,
            the part before it alone. Files are read in pieces, some passes over them, whose sums
            may differ from those of an array in the last bits.

        Returns
        -------
        self
        """
        given = opened(series)
        tables = [_as_table(*one) for one in zip(given.names, given.arrays, strict=True)]
        if len({table.shape[-1] for table in tables}) > 1:
            raise ValueError(
                f"All series must have the same columns; got {[t.shape[-1] for t in tables]}."
            )
        groups = [[table] for table in tables] if self.per_series else [tables]
        learnt = [
            self._learn_files(tables)
            if any(map(stays_file, tables))
            else [self._learn_column(tables, c) for c in range(tables[0].shape[1])]
            for tables in groups
        ]
        self.shift, scale = np.moveaxis(np.array(learnt, np.float64), 2, 0)
        self.scale = np.where(scale > 0.0, scale, 1.0)
        self.names = common_names(given.given)
        return self

    def _learn_column(self, tables: list[np.ndarray], column: int) -> tuple[float, float]:
        parts = [table[:, column] for table in tables]
        values = np.concatenate([part[~np.isnan(part)] for part in parts])
        if not values.size:
            raise ValueError(f"Column {column} holds NaN alone, so no scale can be learnt.")
        if not np.isfinite(values).all():
            raise ValueError(f"Column {column} holds infinity, so no scale can be learnt.")
        if (values == values[0]).all():
            values = values[:1]  # the mean of many equal numbers need not be their own value
        with np.errstate(over="ignore", invalid="ignore"):
            learnt = self._learn(values)
        if not np.isfinite(learnt).all():
            raise ValueError(self._too_far(column, values.min(), values.max()))
        return learnt

    def _learn_files(self, tables: list[np.ndarray]) -> list[tuple[float, float]]:
        extent = extent_of(tables)
        learnt = np.transpose(self._learn_pieces(tables, extent))
        for column, one in enumerate(learnt):
            if not np.isfinite(one).all():
                raise ValueError(self._too_far(column, extent.least[column], extent.most[column]))
        return learnt.tolist()

    def _too_far(self, column: int, least: float, most: float) -> str:
        return (
            f"Column {column} reaches from {least:g} to {most:g}: too far for float64 to hold "
            f"{type(self).__name__}'s scale."
        )

    def _learn(self, values: np.ndarray) -> tuple[float, float]:
        """Return (shift, scale) of the known values of a column."""
        raise NotImplementedError

    def _learn_pieces(self, tables: list[np.ndarray], extent: Extent) -> Any:
        """Return shifts and scales of all columns of files."""
        raise NotImplementedError

    def transform(self, series: Any, which: int | None = None, *, out: Any = None) -> Any:
        """Return the series scaled; a list gives a list, a dict a dict.

        Parameters
        ----------
        series : array_like or list of arrays
            As for `fit`. NaN stay NaN.
        which : int, optional
            With `per_series`: whose scale to use for this one series.
        out : ndarray, np.memmap or path of a .npy file, optional
            Where to write the result, piece by piece, and what is returned; a file is made anew,
            never that of the series, and returned as an np.memmap. A list or a dict of them for
            several series.

        Returns
        -------
        ndarray or list of ndarray
            float32 for float32, else float64. Of a frame, too: its columns go by number then, or
            ``pd.DataFrame(scaled, frame.index, frame.columns)`` gives them their names again.

        Raises
        ------
        ValueError
            The dtype cannot hold a scaled number: the scale is too small for it. Or `out` is the
            file that is read. Or a frame has other columns than that of `fit`, or in another order.
        """
        return self._map(series, which, None, self._forward, out)

    def fit_transform(self, series: Any) -> Any:
        """Fit, then transform the same series."""
        return self.fit(series).transform(series)

    def inverse_transform(
        self,
        series: Any,
        columns: Sequence[int | str] | None = None,
        which: int | None = None,
        *,
        out: Any = None,
    ) -> Any:
        """Return series or forecasts in their own units.

        Parameters
        ----------
        series : array_like or list of arrays
            The last axis holds `columns`.
        columns : sequence of int or str, optional
            The columns that were forecast; by default all. After `fit` on a frame they go by name,
            too. A frame of forecasts may name them as it likes.
        which, out : optional
            As for `transform`.

        Raises
        ------
        ValueError
            The dtype cannot hold a number in the series' own units. Or a frame has other columns,
            or in another order.
        """
        return self._map(series, which, columns, self._backward, out)

    def _forward(self, values: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return (values - shift) / scale

    def _backward(self, values: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return values * scale + shift

    def _map(
        self, series: Any, which: int | None, columns: Any, function: Any, out: Any = None
    ) -> Any:
        if self.shift is None or self.scale is None:
            raise ValueError(f"{type(self).__name__} knows no scale yet: call fit first.")
        every = np.arange(self.shift.shape[1])
        chosen = checked_columns("columns", columns, every.size, every, self.names)
        given = opened(series)
        if self.names is not None:
            for name, one in zip(given.names, given.given, strict=True):
                check_columns(name, one, self.names, None if columns is None else chosen)
        several, arrays = given.listed, given.arrays
        rows = range(len(arrays)) if several else [which]
        if several and self.per_series and len(arrays) != len(self.shift):
            raise ValueError(
                f"{type(self).__name__} learnt {len(self.shift)} series; got {len(arrays)}."
            )
        mapped = []
        places = zip(rows, given.names, arrays, _outs(out, given), strict=True)
        for number, name, array, place in places:
            row = self._row(number)
            moments = self.shift[row, chosen], self.scale[row, chosen]
            mapped.append(_mapped(name, array, *moments, function, place, arrays))
        if given.keys is not None:
            return dict(zip(given.keys, mapped, strict=True))
        return mapped if several else mapped[0]

    def _row(self, which: int | None) -> int:
        assert self.shift is not None
        if not self.per_series:
            return 0
        if which is None and len(self.shift) > 1:
            raise ValueError(f"which must say which of the {len(self.shift)} series this one is.")
        return checked_integer("which", which or 0, 0, len(self.shift) - 1)

    def get_state(self) -> dict[str, Any]:
        """Return options and what was learnt as plain numbers and lists, fit for JSON."""
        state: dict[str, Any] = {"scaler": type(self).__name__}
        state |= {name: getattr(self, name) for name in self._options}
        for name in ("shift", "scale"):
            learnt = getattr(self, name)
            state[name] = None if learnt is None else learnt.tolist()
        state["names"] = None if self.names is None else list(self.names)
        return state

    def set_state(self, state: dict[str, Any]) -> Self:
        """Take over what `get_state` gave; states of before have no names."""
        expected = {"scaler", "shift", "scale", "names", *self._options}
        check_mapping("state", state)
        if set(state) | {"names"} != expected or state["scaler"] != type(self).__name__:
            raise ValueError(
                f"{type(self).__name__} expects a state with {sorted(expected)} of its own kind; "
                f"got {sorted(state)} of {state.get('scaler')!r}."
            )
        for name in self._options:
            value = state[name]
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        for name in ("shift", "scale"):
            value = state[name]
            setattr(self, name, None if value is None else np.array(value, np.float64))
        names = state.get("names")
        plain = (tuple(one) if isinstance(one, list) else one for one in names or ())
        self.names = None if names is None else list(plain)
        return self


class StandardScaler(Scaler):
    """Subtract the mean, divide by the standard deviation.

    Examples
    --------
    >>> scaler = StandardScaler()
    >>> scaler.fit_transform([1.0, 2.0, 3.0]).round(3).tolist()
    [-1.225, 0.0, 1.225]
    """

    def _learn(self, values: np.ndarray) -> tuple[float, float]:
        return values.mean(dtype=np.float64), values.std(dtype=np.float64)

    def _learn_pieces(self, tables: list[np.ndarray], extent: Extent) -> Any:
        return moments_of(tables, extent)


class MinMaxScaler(Scaler):
    """Map smallest and largest value to the ends of a range.

    Parameters
    ----------
    feature_range : (float, float), default (0, 1)
    per_series : bool, default False
    """

    _options = ("feature_range", "per_series")

    def __init__(
        self, feature_range: tuple[float, float] = (0.0, 1.0), per_series: bool = False
    ) -> None:
        low, high = _checked_range("feature_range", feature_range)
        super().__init__(per_series)
        self.feature_range = (low, high)

    def _learn(self, values: np.ndarray) -> tuple[float, float]:
        return self._between(float(values.min()), float(values.max()))

    def _learn_pieces(self, tables: list[np.ndarray], extent: Extent) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):
            ends = zip(extent.least.tolist(), extent.most.tolist(), strict=True)
            return np.transpose([self._between(*one) for one in ends])

    def _between(self, least: float, most: float) -> tuple[float, float]:
        low, high = self.feature_range
        scale = (most - least) / (high - low) or 1.0
        return least - low * scale, scale


class RobustScaler(Scaler):
    """Subtract the median, divide by the distance of two quantiles: outliers do not matter.

    Parameters
    ----------
    quantile_range : (float, float), default (25, 75)
        In per cent.
    per_series : bool, default False
    """

    _options = ("quantile_range", "per_series")

    def __init__(
        self, quantile_range: tuple[float, float] = (25.0, 75.0), per_series: bool = False
    ) -> None:
        low, high = _checked_range("quantile_range", quantile_range, 0.0, 100.0)
        super().__init__(per_series)
        self.quantile_range = (low, high)

    def _learn(self, values: np.ndarray) -> tuple[float, float]:
        low, middle, high = np.percentile(
            values.astype(np.float64), [self.quantile_range[0], 50.0, self.quantile_range[1]]
        )
        return middle, high - low

    def _learn_pieces(self, tables: list[np.ndarray], extent: Extent) -> Any:
        low, high = (end / 100 for end in self.quantile_range)
        with np.errstate(over="ignore", invalid="ignore"):
            found = quantiles_of(tables, extent, [low, 0.5, high])
            return found[1], found[2] - found[0]


class LogScaler(Scaler):
    """Take the logarithm of ``1 + x / unit``, then standardise: for rain, flow, prices, counts.

    Parameters
    ----------
    unit : float, default 1
        About the smallest amount that matters; below it the map is nearly straight.
    per_series : bool, default False

    Notes
    -----
    Values must be above ``-unit``. `shift` and `scale` are those of the logarithms.
    """

    _options = ("unit", "per_series")

    def __init__(self, unit: float = 1.0, per_series: bool = False) -> None:
        super().__init__(per_series)
        self.unit = checked_number("unit", unit, above=0)

    def _logarithm(self, values: np.ndarray) -> np.ndarray:
        if (values <= -self.unit).any():
            raise ValueError(
                f"LogScaler(unit={self.unit:g}) expects values above {-self.unit:g}; "
                f"got {np.nanmin(values):g}."
            )
        return np.log1p(values / self.unit)

    def _learn(self, values: np.ndarray) -> tuple[float, float]:
        logarithms = self._logarithm(values.astype(np.float64))
        return logarithms.mean(), logarithms.std()

    def _learn_pieces(self, tables: list[np.ndarray], extent: Extent) -> Any:
        return moments_of(tables, extent, self._logarithm)

    def _forward(self, values: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return (self._logarithm(values) - shift) / scale

    def _backward(self, values: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return np.expm1(values * scale + shift) * self.unit


def _checked_range(
    name: str, value: Any, least: float = -np.inf, most: float = np.inf
) -> tuple[float, float]:
    ends = [float(end) for end in value if is_number(end)] if np.iterable(value) else []
    if len(ends) != 2 or len(ends) != len(value):
        raise TypeError(f"{name} must be two numbers, (low, high); got {value!r}.")
    if not least <= ends[0] < ends[1] <= most or not np.isfinite(ends).all():
        limits = f" with {least:g} <= low < high <= {most:g}" if most < np.inf else ", low < high"
        raise ValueError(f"{name} must be (low, high){limits}; got {value}.")
    return ends[0], ends[1]


SCALERS = {one.__name__: one for one in (StandardScaler, MinMaxScaler, RobustScaler, LogScaler)}


def load_scaler(state: dict[str, Any]) -> Scaler:
    """Return the scaler whose `get_state` gave `state`."""
    name = state.get("scaler") if isinstance(state, Mapping) else state
    if name not in SCALERS:
        raise ValueError(f"state must be of one of {sorted(SCALERS)}; got {name!r}.")
    return SCALERS[name]().set_state(state)


def _as_table(name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim not in (1, 2, 3) or array.size == 0:
        raise ValueError(f"{name} must have 1 to 3 axes and hold values; got shape {array.shape}.")
    if stays_file(array):
        return array[:, None] if array.ndim == 1 else array
    array = as_floats(array)
    return array[:, None] if array.ndim == 1 else array.reshape(-1, array.shape[-1])


def _outs(out: Any, given: Several) -> list[Any]:
    """Return where the result of each series goes."""
    if out is None:
        return [None] * len(given.arrays)
    if not given.listed:
        return [out]
    if given.keys is not None and isinstance(out, Mapping):
        out = [out.get(key) for key in given.keys]
    if not isinstance(out, list | tuple) or len(out) != len(given.arrays):
        raise ValueError(f"out must hold one array or path for each of {len(given.arrays)} series.")
    return list(out)


def _mapped(
    name: str,
    array: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
    function: Any,
    out: Any,
    sources: Sequence[np.ndarray],
) -> np.ndarray:
    if array.ndim == 0:
        raise ValueError(f"{name} must have at least one axis; got a single number.")
    table = array[:, None] if array.ndim == 1 else array
    if table.shape[-1] != shift.size:
        hint = ""
        if shift.size == 1:
            hint = f" {name}[..., None] makes of each number a row of one column."
        elif table.shape[-1] < shift.size:
            hint = " inverse_transform takes some of them with columns=."
        kind = "column" if shift.size == 1 else "columns"
        raise ValueError(
            f"The scaler maps {shift.size} {kind}; {name} has shape {array.shape}.{hint}"
        )
    dtype = as_floats(array[:0]).dtype
    if out is None:
        out = np.empty(array.shape, dtype)
    elif is_path(out):
        check_new_file("out", out, sources)
        out = np.lib.format.open_memmap(out, "w+", dtype, array.shape)
    else:
        out = checked_out("out", out, array.shape)
    result, pages = out.reshape(table.shape), Pages(array, out)
    for rows in _chunks(len(table), max(1, CHUNK * len(table) * shift.size // max(1, table.size))):
        values = table[rows].astype(np.float64)
        store(function, values, result[rows], shift, scale)
        pages.touch(2 * values.nbytes)
    return out


def _chunks(count: int, size: int) -> Iterator[slice]:
    for first in range(0, count, size):
        yield slice(first, first + size)
