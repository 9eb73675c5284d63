"""`leakage`: whether what a model is tested on was seen before."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.arguments.numbers import as_numbers
from nlstm.arguments.warned import warn_user
from nlstm.inspection.tables import as_plain
from nlstm.windows.scalers import Scaler
from nlstm.windows.series import LONGEST, as_several, checked_steps
from nlstm.windows.source import Windows

__all__ = ["Leakage", "leakage"]

CLOSE = 1e-6  # of a scaler's numbers: rounding
UNTOLD = (
    "What the scaler has learnt from is not known: not all before the test, nor the whole series."
)


@dataclass(frozen=True, eq=False)
class Leakage:
    """What was found.

    Attributes
    ----------
    overlapping : int
        Training windows that have a step among those that are forecast in the test.
    repeated : int
        Rows of the test that are in the training data too, number for number.
    scaler_saw : bool or None
        Whether the scaler learnt from the test; None where there is none, or nobody can tell.
    findings : tuple of str
        A sentence each; none where nothing was found.
    note : str
        What could not be told; empty where all could.
    """

    overlapping: int
    repeated: int
    scaler_saw: bool | None
    findings: tuple[str, ...]
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __repr__(self) -> str:
        return f"<Leakage: {len(self.findings) or 'no'} finding{'s' * (len(self.findings) != 1)}>"

    def __str__(self) -> str:
        found = self.findings or ("Nothing of the test was found in the training.",)
        return "\n".join([*found, *([self.note] if self.note else [])])

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of numbers and strings."""
        return as_plain(self)


def leakage(
    windows: Any, test: Any, *, scaler: Scaler | None = None, series: Any = None
) -> Leakage:
    """Warn where training windows overlap the test, or a scaler saw it.

    Parameters
    ----------
    windows : Windows or array_like
        What the model is trained on.
    test : Windows, int, date, or array_like
        What it is tested on, or the step of the series, or the date, at which it begins. Arrays can
        be looked through for rows that are in both, and no more.
    scaler : Scaler, optional
        The one that the series was scaled by, after its `fit`.
    series : array_like, or several, optional
        As the scaler was given it, whole: to tell what it has learnt from.

    Returns
    -------
    Leakage
        True where something was found.

    Warns
    -----
    UserWarning
        A sentence for each finding.

    Notes
    -----
    That the inputs of the first test windows reach back into the time of training is no leak: at
    that time they are known. Windows of one series that overlap each other are told by their steps;
    that two series are copies of each other is not seen.
    """
    findings: list[str] = []
    overlapping = repeated = 0
    by_step = isinstance(test, Windows) or np.ndim(test) == 0
    if isinstance(test, Windows) and test.y is None:
        raise ValueError("test must have targets: windows of a horizon of at least 1.")
    if isinstance(windows, Windows) and by_step:
        overlapping = _overlapping(windows, test, findings)
    elif not by_step:
        repeated = _repeated(_rows("windows", windows), _rows("test", test), findings)
    else:
        raise TypeError(f"windows must be Windows where test is {type(test).__name__}.")
    saw = None if scaler is None else _saw(scaler, series, test if by_step else None, findings)
    for sentence in findings:
        warn_user(sentence, UserWarning)
    note = UNTOLD if scaler is not None and saw is None else ""
    return Leakage(overlapping, repeated, saw, tuple(findings), note)


def _overlapping(windows: Windows, test: Any, findings: list[str]) -> int:
    """Return how many windows reach into what the test forecasts."""
    if not isinstance(test, Windows):
        start, count = test, len(windows) - len(windows.before(test))
    else:
        rate, start = windows.sampling_rate, int(test.origins.min())
        ends = windows.origins + (windows.horizon - 1) * rate  # the last step of each
        firsts = windows.origins - windows.sequence_length * rate
        found = np.zeros(len(windows), bool)
        for number in np.unique(test.series_index):
            own = test.origins[test.series_index == number]
            last = own.max() + (test.horizon - 1) * test.sampling_rate
            here = windows.series_index == number
            found |= here & (ends >= own.min()) & (firsts <= last)
        count = int(found.sum())
    if count:
        findings.append(
            f"{count:,} of {len(windows):,} training windows reach into the test, which begins at "
            f"{start}: train on windows.before({start!r}), whose targets end before it."
        )
    return count


def _rows(name: str, given: Any) -> np.ndarray:
    array = given.x[:] if isinstance(given, Windows) else as_numbers(name, given)
    if array.ndim < 2:
        raise ValueError(f"{name} must have rows and features; got shape {array.shape}.")
    return np.ascontiguousarray(array.reshape(len(array), -1))


def _repeated(training: np.ndarray, test: np.ndarray, findings: list[str]) -> int:
    if training.shape[1] != test.shape[1]:
        raise ValueError(
            f"windows and test must have rows of one shape; got {training.shape[1]} and "
            f"{test.shape[1]} numbers a row."
        )
    test = test.astype(training.dtype)
    known = {row.tobytes() for row in training}
    count = sum(row.tobytes() in known for row in test)
    if count:
        findings.append(
            f"{count:,} of {len(test):,} rows of the test are in the training data too, number for "
            "number: take them out of one, or split by time."
        )
    return count


def _saw(scaler: Scaler, series: Any, test: Any, findings: list[str]) -> bool | None:
    """Return whether a scaler has learnt from what the test forecasts, or later."""
    if not isinstance(scaler, Scaler) or scaler.shift is None:
        raise TypeError(f"scaler must be a scaler of nlstm.windows after fit; got {scaler!r}.")
    if series is None or test is None:
        raise ValueError("scaler needs series, as it was given to fit, and a test that has a step.")
    given = as_several(series)
    tables = given.arrays
    if isinstance(test, Windows):
        own = [test.origins[test.series_index == number] for number in range(len(tables))]
        starts = [int(one.min()) if one.size else LONGEST for one in own]
    else:
        starts = [int(one) for one in checked_steps("test", test, given.given)]
    parts = [one[:start] for one, start in zip(tables, starts, strict=True)]
    if any(not len(one) for one in parts):
        raise ValueError(f"series must have steps before the test, which begins at {min(starts)}.")
    if _alike(scaler, copy.copy(scaler).fit(parts)):
        return False
    if _alike(scaler, copy.copy(scaler).fit(tables)):
        findings.append(
            "The scaler has learnt from the whole series, the test included: fit it on "
            f"series[:{min(starts)}]."
        )
        return True
    return None  # it has learnt from another part: that before a validation, perhaps


def _alike(one: Scaler, other: Scaler) -> bool:
    numbers = (one.shift, other.shift), (one.scale, other.scale)
    (a, b), (c, size) = ((np.asarray(mine), np.asarray(its)) for mine, its in numbers)
    if a.shape != b.shape:
        return False
    apart = np.maximum(np.abs(a - b), np.abs(c - size)) / np.maximum(np.abs(size), 1e-300)
    return bool(apart.max() < CLOSE)
