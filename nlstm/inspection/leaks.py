"""`leakage`: whether what a model is tested on was seen before."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer
from nlstm.arguments.numbers import as_numbers
from nlstm.arguments.warned import warn_user
from nlstm.inspection.tables import as_plain
from nlstm.windows.scalers import Scaler
from nlstm.windows.series import as_list
from nlstm.windows.source import Windows

__all__ = ["Leakage", "leakage"]

CLOSE = 1e-6  # of a scaler's numbers: rounding


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
    """

    overlapping: int
    repeated: int
    scaler_saw: bool | None
    findings: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __repr__(self) -> str:
        return f"<Leakage: {len(self.findings) or 'no'} finding{'s' * (len(self.findings) != 1)}>"

    def __str__(self) -> str:
        return "\n".join(self.findings) or "Nothing of the test was found in the training."

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
    test : Windows, int, or array_like
        What it is tested on, or the step of the series at which the test begins. Arrays can be
        looked through for rows that are in both, and no more.
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
    start: int | None = None
    if isinstance(test, Windows):
        start = int(test.origins.min())
        if test.y is None:
            raise ValueError("test must have targets: windows of a horizon of at least 1.")
    elif np.ndim(test) == 0 and not isinstance(windows, np.ndarray):
        start = checked_integer("test", test, 0)
    if isinstance(windows, Windows) and start is not None:
        overlapping = _overlapping(windows, test, start, findings)
    elif start is None:
        repeated = _repeated(_rows("windows", windows), _rows("test", test), findings)
    else:
        raise TypeError(f"windows must be Windows where test is {type(test).__name__}.")
    saw = None if scaler is None else _saw(scaler, series, start, findings)
    for sentence in findings:
        warn_user(sentence, UserWarning)
    return Leakage(overlapping, repeated, saw, tuple(findings))


def _overlapping(windows: Windows, test: Any, start: int, findings: list[str]) -> int:
    """Return how many windows reach into what the test forecasts."""
    rate = windows.sampling_rate
    ends = windows.origins + (windows.horizon - 1) * rate  # the last step of each
    firsts = windows.origins - windows.sequence_length * rate
    if isinstance(test, Windows):
        found = np.zeros(len(windows), bool)
        for number in np.unique(test.series_index):
            own = test.origins[test.series_index == number]
            last = own.max() + (test.horizon - 1) * test.sampling_rate
            here = windows.series_index == number
            found |= here & (ends >= own.min()) & (firsts <= last)
    else:
        found = ends >= start
    count = int(found.sum())
    if count:
        findings.append(
            f"{count:,} of {len(windows):,} training windows reach into the test, which begins at "
            f"step {start}: train on windows.before({start}), whose targets end before it."
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


def _saw(scaler: Scaler, series: Any, start: int | None, findings: list[str]) -> bool | None:
    """Return whether a scaler has learnt from steps at `start` or later."""
    if not isinstance(scaler, Scaler) or scaler.shift is None:
        raise TypeError(f"scaler must be a scaler of nlstm.windows after fit; got {scaler!r}.")
    if series is None or start is None:
        raise ValueError("scaler needs series, as it was given to fit, and a test that has a step.")
    tables = as_list(series)
    if min(len(one) for one in tables) <= start:
        raise ValueError(f"series must go on after step {start}, where the test begins.")
    before = copy.copy(scaler).fit([one[:start] for one in tables])
    whole = copy.copy(scaler).fit(tables)
    if _alike(scaler, before):
        return False
    if _alike(scaler, whole):
        findings.append(
            f"The scaler has learnt from the whole series, the test included: fit it on "
            f"series[:{start}]."
        )
        return True
    return None  # it has learnt from another part: that before a validation, perhaps


def _alike(one: Scaler, other: Scaler) -> bool:
    size = np.maximum(np.abs(other.scale), 1e-300)  # type: ignore[arg-type]
    shifts = np.abs(one.shift - other.shift) / size  # type: ignore[operator]
    scales = np.abs(one.scale - other.scale) / size  # type: ignore[operator]
    return bool(max(shifts.max(), scales.max()) < CLOSE)
