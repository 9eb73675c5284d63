"""Windows across gaps: steps are counted, so that a missing hour is no stretch of time in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.arguments.warned import warn_user
from nlstm.windows.file_panel import FilePanel
from nlstm.windows.frames import Dates, Given
from nlstm.windows.panel import Panel
from nlstm.windows.starts import any_within
from nlstm.windows.uneven import Uneven

__all__ = ["GAPS", "check_order", "warn_of_ends", "warn_of_gaps", "whole_starts"]

GAPS = ("warn", "drop", "ignore")
FILL = "asfreq of pandas or upsample of polars puts rows there, to be filled"
MIXED = "mixed series of the same dates are a list, or a group-by"


def check_order(name: str, dates: Dates | None) -> None:
    """Raise a ValueError for a frame whose dates go back."""
    back = None if dates is None else dates.backwards()
    if back is None:
        return
    row, found, before = back
    raise ValueError(
        f"{name} must have its oldest step first; row {row} has {found}, after {before}. "
        "sort_index(), or sort() of polars, puts one series in order; several are a list, or a "
        "group-by."
    )


def whole_starts(panel: Panel | FilePanel, starts: Any, span: int, gaps: str) -> Any:
    """Return where windows of `span` steps start, without those across gaps; or warn of them."""
    if gaps == "ignore" or span < 2:
        return starts
    dated = [(n, one.dates) for n, one in enumerate(panel.given) if one.dates is not None]
    found = [(number, dates, dates.uneven()) for number, dates in dated]
    found = [one for one in found if one[2].rows.size]
    if not found:
        return starts
    torn = np.zeros(panel.rows, bool)
    for number, _, uneven in found:
        torn[panel.firsts[number] + uneven.rows] = True
    every = np.asarray(starts, starts.dtype)
    across = any_within(torn, 1, span - 1, 1)[every]
    if gaps == "drop" and across.all():
        raise ValueError(f'{_told(panel.given, found)} gaps="drop" leaves no window.')
    if gaps == "drop":
        return every[~across] if across.any() else starts
    if across.any():
        count = int(across.sum())
        _, dates, uneven = found[0]
        fill = f"{FILL}, or left out by drop_nan=True"
        warn_user(
            f"{_told(panel.given, found)} {count:,} of {every.size:,} windows go across as if no "
            f'time lay there. gaps="drop" leaves them out; {_cure(dates, uneven, fill)}; '
            'gaps="ignore" takes them as they are.',
            UserWarning,
        )
    return starts


def warn_of_gaps(name: str, dates: Dates | None, span: int) -> None:
    """Warn of gaps where windows of `span` steps can but go across."""
    uneven = None if dates is None or span < 2 else dates.uneven()
    if dates is not None and uneven is not None and uneven.rows.size:
        warn_user(
            f"{_said(name, dates, uneven)} Windows go across as if no time lay there: "
            f"{_cure(dates, uneven)}; "
            'nlstm.windows.Windows(..., gaps="drop") leaves such windows out.',
            UserWarning,
        )


def warn_of_ends(given: Sequence[Given], steps: int) -> None:
    """Warn of gaps in the last `steps` steps of series, which a forecast is made from."""
    for number, one in enumerate(given):
        if one.dates is None:
            continue
        uneven, last = one.dates.uneven(), len(one.dates) - steps
        late = uneven._replace(rows=uneven.rows[uneven.rows > last])
        if late.rows.size:
            told = _said(_name(given, number), one.dates, late, f"last {steps} ")
            warn_user(
                f'{told} The forecast is made from them: {FILL}. gaps="ignore" says nothing.',
                UserWarning,
            )


def _name(given: Sequence[Given], number: int) -> str:
    return "series" if len(given) == 1 else f"series[{number}]"


def _told(given: Sequence[Given], found: list[tuple[int, Dates, Uneven]]) -> str:
    number, dates, uneven = found[0]
    more = sum(one[2].rows.size for one in found[1:])
    others = f" {more:,} more in {len(found) - 1} other series." if more else ""
    return _said(_name(given, number), dates, uneven) + others


def _cure(dates: Dates, uneven: Uneven, fill: str = FILL) -> str:
    """Return what to do, by the first of the rows."""
    row = int(uneven.rows[0])
    return MIXED if dates.take(row - 1) == dates.take(row) else fill


def _said(name: str, dates: Dates, uneven: Uneven, which: str = "") -> str:
    row, count = int(uneven.rows[0]), uneven.rows.size
    before, after = dates.take(row - 1), dates.take(row)
    many = f"{count:,} gaps or repeats: the first is" if count > 1 else "one gap or repeat,"
    return (
        f"The {which}dates of {name} go by {uneven.step}, but for {many} from {before} to {after} "
        f"(row {row})."
    )
