"""Numbers in CSV and NumPy files, without pandas, and predictions written to such."""

import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nlstm.commands.words import Wrong
from nlstm.files.whole_file import naming, write_whole

__all__ = ["Table", "checked_ending", "listed", "read_table", "write_table"]

DELIMITERS = ",;\t|"
MOST_NAMES = 12


class Table(NamedTuple):
    """Numbers of a file.

    Attributes
    ----------
    numbers : ndarray
        Of a CSV file (rows, columns), else as the file has them.
    names : list of str
        Of the columns; empty where the file has none.
    skipped : list of str
        Columns that hold no numbers.
    """

    numbers: np.ndarray
    names: list[str]
    skipped: list[str]


def read_table(path: str, columns: Sequence[str]) -> Table:
    """Return the numbers of a file; of a CSV file those of some columns, where they are named."""
    if path.lower().endswith(".npy"):
        if columns:
            raise Wrong("--columns is for CSV files; a .npy has none with names.")
        with naming(path), open(path, "rb") as file:
            try:
                numbers = np.load(file, allow_pickle=False)
            except ValueError as error:
                raise Wrong(f"{path} is no array of numbers: {error}") from None
        if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "fiub":
            raise Wrong(f"{path} holds no numbers.")
        return Table(numbers, [], [])
    rows = _rows(path)
    names = [] if _is_number(rows[0]) else [one.strip() for one in rows[0]]
    if names:
        rows = rows[1:]
    elif columns:
        raise Wrong(f"--columns names {', '.join(columns)}; {path} has no header.")
    if not rows:
        raise Wrong(f"{path} has a header and no rows.")
    wanted = len(names or rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != wanted:
            raise Wrong(f"{path}: row {number} has {len(row)} columns; expected {wanted}.")
    return _numbers(path, rows, names, columns)


def _rows(path: str) -> list[list[str]]:
    with naming(path), open(path, encoding="utf-8-sig", newline="") as file:
        try:
            text = file.read()
        except UnicodeDecodeError:
            raise Wrong(f"{path} is no text; predict reads CSV and .npy files.") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    counts = {one: first.count(one) for one in DELIMITERS}
    best = max(DELIMITERS, key=lambda one: counts[one])
    lines = csv.reader(text.splitlines(), delimiter=best if counts[best] else ",")
    rows = [row for row in lines if any(cell.strip() for cell in row)]
    if not rows:
        raise Wrong(f"{path} is empty.")
    return rows


def _is_number(cells: Sequence[str]) -> bool:
    """Whether a first row is no header: some of it is a number."""
    return any(_number(cell) is not None for cell in cells)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _numbers(
    path: str, rows: Sequence[Sequence[str]], names: list[str], columns: Sequence[str]
) -> Table:
    unknown = [one for one in columns if one not in names]
    if unknown:
        raise Wrong(f"{path} has no column {unknown[0]!r}; there are {', '.join(names)}.")
    places = [names.index(one) for one in columns] or range(len(rows[0]))
    found, kept, skipped = [], [], []
    for place in places:
        name = names[place] if names else f"column {place + 1}"
        cells = [row[place] for row in rows]
        if not columns and all(_number(cell) is None for cell in cells):  # dates, names
            skipped.append(name)
            continue
        found.append([_checked(path, name, number, cell) for number, cell in enumerate(cells, 1)])
        kept.append(name)
    if not found:
        raise Wrong(f"{path} has no column of numbers.")
    return Table(np.array(found, np.float64).T, kept, skipped)


def _checked(path: str, name: str, number: int, cell: str) -> float:
    value = _number(cell)
    if value is None or not np.isfinite(value):
        what = "empty" if not cell.strip() else repr(cell)
        raise Wrong(f"{path}: row {number} of {name} is {what}; expected a number.")
    return value


def listed(names: Sequence[str]) -> str:
    """Return names in a row, and only the first of very many."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def write_table(outputs: Mapping[str, np.ndarray], rows: Sequence[int], path: str | None) -> None:
    """Write predictions: CSV to a file or to standard output, or what .npy and .npz hold.

    Parameters
    ----------
    outputs : dict of str to ndarray
    rows : sequence of int
        For each prediction the row of the data that it comes from, counted from 1.
    path : str or None
    """
    if path is None:
        _write_rows(sys.stdout, outputs, rows)
        return
    ending, content = os.path.splitext(path)[1].lower(), io.BytesIO()
    if ending == ".npz":
        np.savez(content, **outputs)  # type: ignore[arg-type]
    elif ending == ".npy":
        if len(outputs) > 1:
            raise Wrong(f"the model has outputs {', '.join(outputs)}: --out must end in .npz.")
        np.save(content, next(iter(outputs.values())))
    else:
        text = io.StringIO()
        _write_rows(text, outputs, rows)
        content.write(text.getvalue().encode())
    write_whole(path, content.getvalue())


def checked_ending(path: str) -> str:
    """Return the path of a file for predictions, whose ending says how."""
    if os.path.splitext(path)[1].lower() not in (".csv", ".npy", ".npz"):
        raise Wrong(f"--out must end in .csv, .npy or .npz; got {os.path.basename(path)!r}.")
    return path


def _write_rows(file: Any, outputs: Mapping[str, np.ndarray], rows: Sequence[int]) -> None:
    steps = {one.shape[1] for one in outputs.values() if one.ndim == 3}
    if len({one.ndim for one in outputs.values()}) > 1 or len(steps) > 1:
        raise Wrong("the model's outputs are of unlike shapes: --out must end in .npz.")
    header = ["row", "step"] if steps else ["row"]
    for name, one in outputs.items():
        several = one.shape[-1] > 1
        header += [f"{name}_{i}" for i in range(one.shape[-1])] if several else [name]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    for at, row in enumerate(rows):
        parts = [one[at] for one in outputs.values()]
        if not steps:
            writer.writerow([row, *(_shown(x) for part in parts for x in part)])
            continue
        for step in range(next(iter(steps))):
            writer.writerow([row, step + 1, *(_shown(x) for part in parts for x in part[step])])


def _shown(value: np.floating) -> str:
    return str(value)  # as short as tells it from its neighbours
