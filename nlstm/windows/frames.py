"""Frames of pandas and polars as series: their numbers, names and dates, and frames back.

Neither is imported: whoever brings a frame has loaded its library.
"""

import sys
from typing import Any, NamedTuple, Protocol

import numpy as np

from nlstm.windows.calendar import PolarsDates, clock_step
from nlstm.windows.parquet import FileColumns
from nlstm.windows.paths import is_path, opened_path
from nlstm.windows.uneven import Uneven, uneven_in

__all__ = ["Dates", "Given", "framed", "given_as"]


class Dates(Protocol):
    """The dates of a series' steps."""

    column: str | None  # where they stand in a frame; None for its index

    def __len__(self) -> int: ...

    def take(self, steps: Any) -> Any:
        """Return the dates of some steps, as their library has them."""

    def first(self, count: int) -> "Dates":
        """Return the dates of the first steps."""

    def step_of(self, name: str, date: Any) -> int:
        """Return the first step at `date` or later."""

    def after(self, count: int, freq: Any = None) -> Any:
        """Return so many dates past the end."""

    def backwards(self) -> tuple[int, Any, Any] | None:
        """Return the first step whose date is before that of the step before, and both dates."""

    def uneven(self) -> Uneven:
        """Return the steps that are not evenly apart."""

    def frame(self, dates: Any, columns: dict[str, Any]) -> Any:
        """Return a frame of `columns` at `dates`."""


class Given(NamedTuple):
    """What a series came as.

    Attributes
    ----------
    numbers : Any
        The series without its dates.
    names : list or None
        Of a frame's columns, or of a series that has one.
    dates : Dates or None
    library : str or None
        Whose it is.
    flat : bool
        Whether it has one axis; `opened` knows.
    """

    numbers: Any
    names: list[Any] | None = None
    dates: Dates | None = None
    library: str | None = None
    flat: bool = False


def given_as(name: str, one: Any) -> Given:
    """Return a series or a frame apart: numbers, names, dates."""
    if is_path(one):
        return Given(opened_path(name, one))
    if isinstance(one, FileColumns):
        return Given(one.array, one.names)
    library = _library_of(one)
    if library is None:
        return Given(one)
    if hasattr(one, "columns"):
        columns = list(one.columns)
        kinds = zip(columns, one.dtypes, strict=True)
        dated = [column for column, dtype in kinds if _is_date(dtype)]
        index = _dated_index(one)
        if index is None and 1 < len(dated) < len(columns):
            raise ValueError(
                f"{name} has several columns of dates, {dated}: leave one, by which its steps are "
                "ordered."
            )
        if index is not None or len(dated) in (0, len(columns)):
            return Given(one, columns, index, library)
        dates = PandasDates.of(one[dated[0]]) if library == "pandas" else PolarsDates(one[dated[0]])
        left = [column for column in columns if column != dated[0]]
        return Given(one[left], left, dates, library)
    names = [one.name] if one.name not in (None, "") else None
    return Given(one, names, _dated_index(one), library)


def framed(library: str, columns: dict[str, Any], start: int = 0) -> Any:
    """Return a frame without dates; pandas counts its rows from `start`."""
    module = sys.modules[library]
    if library == "polars":
        return module.DataFrame(columns)
    count = len(next(iter(columns.values())))
    return module.DataFrame(columns, index=module.RangeIndex(start, start + count))


def _library_of(one: Any) -> str | None:
    for library in ("pandas", "polars"):
        module: Any = sys.modules.get(library)
        if module is not None and isinstance(one, module.DataFrame | module.Series):
            return library
    return None


def _is_date(dtype: Any) -> bool:
    if hasattr(dtype, "is_temporal"):  # polars: a time of the day and a duration are no dates
        return str(dtype).startswith("Date")
    return getattr(dtype, "kind", "") == "M" or type(dtype).__name__ == "PeriodDtype"


def _dated_index(one: Any) -> "PandasDates | None":
    index = getattr(one, "index", None)
    return PandasDates(index) if _is_date(getattr(index, "dtype", None)) else None


def _offset(size: int, unit: str) -> Any:
    """Return as pandas has it what `clock_step` gives."""
    pandas = sys.modules["pandas"]
    offsets = pandas.offsets
    made = {
        "us": lambda: pandas.tseries.frequencies.to_offset(pandas.Timedelta(size, "us")),
        "d": lambda: offsets.Day(size),
        "mo": lambda: offsets.DateOffset(months=size),
        "month end": lambda: offsets.MonthEnd(size),
        "bd": lambda: offsets.BDay(size),
    }
    return made[unit]()


class PandasDates:
    """Dates of pandas.

    Parameters
    ----------
    index : DatetimeIndex or PeriodIndex
    column : str, optional
    """

    def __init__(self, index: Any, column: str | None = None) -> None:
        self.index, self.column = index, column

    @classmethod
    def of(cls, series: Any) -> "PandasDates":
        """Return those of a column."""
        return cls(sys.modules["pandas"].Index(series), series.name)

    def __len__(self) -> int:
        return len(self.index)

    def take(self, steps: Any) -> Any:
        """Return the dates of some steps."""
        return self.index[steps]

    def first(self, count: int) -> "PandasDates":
        """Return the dates of the first steps."""
        return PandasDates(self.index[:count], self.column)

    def step_of(self, name: str, date: Any) -> int:
        """Return the first step at `date` or later."""
        index, pandas = self.index, sys.modules["pandas"]
        try:
            if hasattr(index, "to_timestamp"):
                found = pandas.Period(date, index.freq)
            else:
                found = pandas.Timestamp(date)
                if index.tz is not None and found.tz is None:
                    found = found.tz_localize(index.tz)
            if found is not pandas.NaT:
                return int(index.searchsorted(found))
        except (ValueError, TypeError):  # it is none
            pass
        raise TypeError(f"{name} must be a step or a date of a series; got {date!r}.")

    def backwards(self) -> tuple[int, Any, Any] | None:
        """Return the first step whose date is before that of the step before, and both dates."""
        index = self.index
        if index.is_monotonic_increasing:
            return None
        row = int(np.argmin(np.asarray(index[1:] >= index[:-1]))) + 1
        return row, index[row], index[row - 1]

    def uneven(self) -> Uneven:
        """Return the steps that are not evenly apart."""
        index = self.index
        if hasattr(index, "to_timestamp"):
            index = index.to_timestamp()
        elif index.freq is not None:  # pandas knows that there is none
            return Uneven(np.zeros(0, np.int64), "")
        world = index.to_numpy() if index.tz is None else index.tz_convert(None).to_numpy()
        wall = world if index.tz is None else index.tz_localize(None).to_numpy()
        return uneven_in(wall, world)

    def after(self, count: int, freq: Any = None) -> Any:
        """Return so many dates past the end."""
        index, pandas = self.index, sys.modules["pandas"]
        if hasattr(index, "to_timestamp"):
            return pandas.period_range(index[-1] + 1, periods=count, freq=index.freq)
        freq = freq or index.freq
        if freq is None:
            wall = index if index.tz is None else index.tz_localize(None)
            freq = _offset(*clock_step(wall, index))
        try:
            found = pandas.date_range(index[-1], periods=count + 1, freq=freq, name=index.name)
        except ValueError as error:
            raise ValueError(f"freq must be one of pandas; got {freq!r}: {error}") from None
        return found[found > index[-1]][:count]

    def frame(self, dates: Any, columns: dict[str, Any]) -> Any:
        """Return a frame of `columns` at `dates`."""
        module = sys.modules["pandas"]
        if self.column is not None:
            return module.DataFrame({self.column: dates, **columns})
        return module.DataFrame(columns, index=dates)
