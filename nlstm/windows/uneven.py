"""Which dates of a series are not one step after those before: gaps, repeats, readings between.

The step is the most common one. What a calendar leaves out is no gap: weekends and holidays of
working days, the nights of trading hours, months of unlike length, February 29 of climate models.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["DAY", "Uneven", "microseconds", "uneven_in"]

DAY = 86_400_000_000  # microseconds
UNITS = ((DAY, "day"), (DAY // 24, "hour"), (DAY // 1440, "minute"), (DAY // 86400, "second"))
RARE = 10  # a step that fewer than one in so many have is none: clocks that are never on time
HOLIDAYS = 5  # working days in a row without a date
WEEK, MONTH = 7 * DAY, 30.44 * DAY
MANY = 1 << 17  # steps of which the most common is taken


class Uneven(NamedTuple):
    """What dates are not evenly apart.

    Attributes
    ----------
    rows : ndarray(int64)
        Those that are not one step after the row before.
    step : str
        How far most are apart, in words.
    """

    rows: np.ndarray
    step: str


def microseconds(dates: np.ndarray) -> np.ndarray:
    """Return dates as datetime64[us]."""
    return np.asarray(dates, "datetime64[us]")


def uneven_in(wall: np.ndarray, world: np.ndarray) -> Uneven:
    """Return what is uneven by the clock on the wall or in all the world, whichever has less."""
    found = _uneven(microseconds(world))
    if not found.rows.size or wall is world:
        return found
    return min(found, _uneven(microseconds(wall)), key=lambda one: one.rows.size)


def _uneven(times: np.ndarray) -> Uneven:
    steps = np.diff(times).astype(np.int64)
    if steps.size < 2 or (steps == steps[0]).all() or not (steps > 0).any():
        return Uneven(np.zeros(0, np.int64), "")
    step = _usual(steps)
    even = np.rint(steps / step) == 1  # months are as long as each other, about
    rows = np.flatnonzero(~even)
    on_grid = (steps % step == 0).mean() > 0.9
    if rows.size > steps.size / 2 and not on_grid:  # of events, which have no step
        rows = rows[:0]
    if rows.size:
        rows = rows[~_leap_days(times[rows], times[rows + 1], step)]
    if rows.size and step == DAY:
        rows = rows[~_working_days(times, rows)]
    elif rows.size and step <= DAY // 8:
        rows = rows[~_nights(times, rows)]
    return Uneven(rows + 1, _said(step, bool((steps[even] == step).all())))


def _usual(steps: np.ndarray) -> int:
    """Return the most common step of some that are as good as all."""
    some = steps[:: max(1, steps.size // MANY)]
    some = some if (some > 0).any() else steps
    some = some[some > 0]
    values, counts = np.unique(some, return_counts=True)
    most = int(counts.argmax())
    return int(values[most]) if counts[most] * RARE >= some.size else int(np.median(some))


def _said(step: int, exact: bool) -> str:
    if not exact and step < 28 * DAY:
        return f"about {step / 1e6:.3g} seconds"
    if not exact:
        return _counted(round(step / MONTH), "month")
    for size, unit in UNITS:
        if step % size == 0:
            return _counted(step // size, unit)
    return f"{step / 1e6:g} seconds"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number > 1)}"


def _leap_days(before: np.ndarray, after: np.ndarray, step: int) -> np.ndarray:
    """Whether between two dates nothing is missing but a February 29."""
    days, months = after.astype("datetime64[D]"), after.astype("datetime64[M]")
    march = (months.astype(np.int64) % 12 == 2) & (days == months.astype("datetime64[D]"))
    two_days = days - before.astype("datetime64[D]") == np.timedelta64(2, "D")
    return march & two_days & ((after - before).astype(np.int64) == step + DAY)


def _working_days(times: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Whether after `rows` come only days of the week that never occur, and holidays."""
    days = times.astype("datetime64[D]")
    occurs = np.bincount((days.astype(np.int64) + 3) % 7, minlength=7) > 0  # Monday first
    short = days[-1] - days[0] < np.timedelta64(21, "D")
    if not occurs[5:].any():
        occurs[:5] = True
    elif short:  # too short to tell
        occurs[:] = True
    if occurs.all():
        return np.zeros(rows.size, bool)
    apart = np.busday_count(days[rows], days[rows + 1], weekmask=occurs.tolist())
    return (apart >= 1) & (apart <= (1 if short else HOLIDAYS + 1))


def _nights(times: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Whether after `rows` comes what nearly all gaps are, from one time of day to another."""
    before, after = times[rows], times[rows + 1]
    seconds = [one.astype("datetime64[s]").astype(np.int64) % 86_400 for one in (before, after)]
    kinds = seconds[0] * 86_400 + seconds[1]
    size = (after - before).astype(np.int64)
    gaps = (size > 0) & (size <= WEEK + DAY)
    values, counts = np.unique(kinds[gaps], return_counts=True)
    weeks = (times[-1] - times[0]).astype(np.int64) / WEEK
    if not counts.size or counts.max() < max(3.0, 0.6 * weeks, 0.8 * counts.sum()):
        return np.zeros(rows.size, bool)
    return gaps & (kinds == values[counts.argmax()])
