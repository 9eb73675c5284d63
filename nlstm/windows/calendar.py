"""From one date to the next: what lies between the dates of a series, and how they go on."""

import re
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np

from nlstm.windows.uneven import DAY, Uneven, microseconds, uneven_in

__all__ = ["PolarsDates", "clock_step"]

EVERY = re.compile(r"(\d+)(us|ms|s|m|h|d|bd|w|mo|q|y)")


def _step_between(times: np.ndarray) -> tuple[int, str]:
    """Return how far it is from each date to the next: (2, "h"), (1, "mo"), (1, "bd"), ...

    Parameters
    ----------
    times : ndarray(datetime64[us])
        Two at least.

    Raises
    ------
    ValueError
        It is not the same everywhere; the error names the row.
    """
    if times.size < 2:
        raise ValueError("series has one date, which says no step: give freq.")
    steps = np.diff(times).astype(np.int64)
    if (steps == steps[0]).all() and steps[0] > 0:
        return (int(steps[0]) // DAY, "d") if steps[0] % DAY == 0 else (int(steps[0]), "us")
    days = times.astype("datetime64[D]")
    months = times.astype("datetime64[M]")
    apart = np.diff(months).astype(np.int64)
    if (apart == apart[0]).all() and apart[0] > 0 and len({*(times - days).tolist()}) == 1:
        if len({*(days - months.astype("datetime64[D]")).tolist()}) == 1:
            return int(apart[0]), "mo"
        if ((days + np.timedelta64(1, "D")).astype("datetime64[M]") > months).all():
            return int(apart[0]), "month end"
    weekdays = np.is_busday(days).all() and len({*(times - days).tolist()}) == 1
    if weekdays and (np.busday_count(days[:-1], days[1:]) == 1).all():
        return 1, "bd"
    values, counts = np.unique(steps, return_counts=True)
    row = int(np.argmax(steps != values[counts.argmax()])) + 1
    raise ValueError(
        f"The dates of series are not evenly apart: row {row} has {times[row]}, after "
        f"{times[row - 1]}. Fill such gaps, or give freq."
    )


def clock_step(wall: Any, times: Any) -> tuple[int, str]:
    """Return the step of dates in a zone: as the clock on the wall has it, or all the world."""
    try:
        return _step_between(microseconds(wall))
    except ValueError:  # hours are even in all the world alone
        pass
    return _step_between(microseconds(times))


class PolarsDates:
    """Dates of polars.

    Parameters
    ----------
    series : Series
        A column of dates or of times.
    """

    def __init__(self, series: Any) -> None:
        self.series, self.column = series, series.name

    def __len__(self) -> int:
        return len(self.series)

    def take(self, steps: Any) -> Any:
        """Return the dates of some steps."""
        return self.series[steps]

    def first(self, count: int) -> "PolarsDates":
        """Return the dates of the first steps."""
        return PolarsDates(self.series[:count])

    def step_of(self, name: str, date: Any) -> int:
        """Return the first step at `date` or later."""
        polars = sys.modules["polars"]
        if isinstance(date, np.datetime64):
            date = date.astype("datetime64[us]").item()
        elif isinstance(date, datetime) and date.tzinfo is not None:
            date = date.astimezone(UTC)  # polars does not know every kind of zone
        try:
            given = polars.Series([date])
            if given.dtype == polars.String:
                given = given.str.to_datetime(strict=True)
            if given.dtype.is_temporal() and given.null_count() == 0:
                zone = getattr(self.series.dtype, "time_zone", None)
                if zone is not None and getattr(given.dtype, "time_zone", None) is None:
                    given = given.cast(polars.Datetime("us")).dt.replace_time_zone(zone)
                return int((self.series < given.cast(self.series.dtype)[0]).sum())
        except (polars.exceptions.PolarsError, TypeError, ValueError):  # it is none
            pass
        raise TypeError(f"{name} must be a step or a date of a series; got {date!r}.")

    def backwards(self) -> tuple[int, Any, Any] | None:
        """Return the first step whose date is before that of the step before, and both dates."""
        series = self.series
        wrong = series.is_null() | (series < series.shift(1)).fill_null(False)
        if not wrong.any():
            return None
        row = int(wrong.arg_max())
        return row, series[row], series[row - 1] if row else None

    def uneven(self) -> Uneven:
        """Return the steps that are not evenly apart."""
        wall, world = self._clocks()
        return uneven_in(wall, world)

    def _clocks(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the dates as the clock on the wall has them, and all the world."""
        world = self.series.to_numpy()
        if getattr(self.series.dtype, "time_zone", None) is None:
            return world, world
        return self.series.dt.replace_time_zone(None).to_numpy(), world

    def after(self, count: int, freq: Any = None) -> Any:
        """Return so many dates past the end."""
        polars, series = sys.modules["polars"], self.series
        if freq is None:
            size, unit = clock_step(*self._clocks())
        else:
            found = EVERY.fullmatch(freq) if isinstance(freq, str) else None
            if found is None:
                raise ValueError(f'freq must be such as "1d", "15m", "1mo" or "1bd"; got {freq!r}.')
            size, unit = int(found[1]), found[2]
        last = polars.DataFrame({"last": series[-1:].new_from_index(0, count)})
        steps = [size * number for number in range(1, count + 1)]
        if unit == "bd":
            going = polars.col("last").dt.add_business_days(polars.Series(steps))
        else:
            word = "mo" if unit == "month end" else unit
            by = polars.Series([f"{step}{word}" for step in steps])
            going = polars.col("last").dt.offset_by(polars.lit(by))
        if unit == "month end":
            going = going.dt.month_end()
        return last.select(going.alias(self.column)).to_series()

    def frame(self, dates: Any, columns: dict[str, Any]) -> Any:
        """Return a frame of `columns` at `dates`."""
        return sys.modules["polars"].DataFrame({self.column: dates, **columns})
