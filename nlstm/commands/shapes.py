"""A table as a model's input: windows of a series, whole sequences, or rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nlstm.commands.tables import Table, listed
from nlstm.commands.words import Wrong

__all__ = ["Asked", "asked"]


class Asked(NamedTuple):
    """What a model is asked, and for each question the row of the table that it ends with."""

    inputs: np.ndarray
    rows: Sequence[int]


def asked(table: Table, shape: tuple[int | None, ...]) -> Asked:
    """Return a table as an input of `shape`, which has the batch axis.

    A model of (steps, features) gets all windows of a series, one step after the other; or rows
    that hold a whole window each, or an array that has the shape already.

    Raises
    ------
    Wrong
        It cannot be that; the text says what was expected and what came.
    """
    numbers, sample = table.numbers, shape[1:]
    if _fits(numbers.shape[1:], sample):
        return Asked(numbers, range(1, len(numbers) + 1))
    if len(sample) == 2:
        found = _windows(numbers, *sample)
        if found is not None:
            return found
    raise Wrong(f"the model takes {_wanted(sample)}; the data are {_given(table)}.{_hint(table)}")


def _fits(given: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(given) == len(wanted) and all(
        other in (None, one) for one, other in zip(given, wanted, strict=True)
    )


def _windows(numbers: np.ndarray, steps: int | None, features: int | None) -> Asked | None:
    """Return windows of a series; None where the table is none, or rows of such windows."""
    series = numbers[:, None] if numbers.ndim == 1 else numbers
    if series.ndim != 2:
        return None
    rows, columns = series.shape
    if features not in (None, columns):
        if steps is None or columns != steps * (features or 1):
            return None
        return Asked(series.reshape(rows, steps, -1), range(1, rows + 1))
    if steps is None:
        return Asked(series[None], [rows])
    if rows < steps:
        raise Wrong(f"the model takes windows of {steps} steps; the data have {rows} rows.")
    cut = np.lib.stride_tricks.sliding_window_view(series, steps, axis=0)
    return Asked(cut.swapaxes(1, 2), range(steps, rows + 1))


def _wanted(sample: tuple[int | None, ...]) -> str:
    if len(sample) == 1:
        return f"rows of {sample[0] or 'any number of'} numbers"
    steps, features = sample
    if steps is None:
        return f"series with {features} numbers a row"
    whole = "" if features is None else f", or rows of {steps * features} numbers"
    return f"windows of {steps} steps with {features} numbers a row{whole}"


def _given(table: Table) -> str:
    rows, *more = table.numbers.shape
    if len(more) != 1:
        return f"an array of shape {table.numbers.shape}"
    named = f" ({listed(table.names)})" if table.names else ""
    return f"{rows} rows of {more[0]} numbers{named}"


def _hint(table: Table) -> str:
    left = f" Left out, as no numbers: {listed(table.skipped)}." if table.skipped else ""
    return left + (" --columns picks some of them." if table.names else "")
