"""The table that `model.summary()` prints."""

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["summary_lines"]

HEAD = ("Layer (type)", "Output Shape", "Param #", "Connected to")
NUMBERS = 2  # the column that is aligned to the right


def summary_lines(
    name: str,
    rows: Iterable[Sequence[Any]],
    bytes_per_weight: int,
    bytes_per_step: int | None,
) -> list[str]:
    """Return the lines of the table.

    Parameters
    ----------
    name : str
        The model's.
    rows : iterable of (layer name, class name, output shape, number of weights, ...)
        A fifth entry names the layers before it.
    bytes_per_weight : int
    bytes_per_step : int or None
        Memory of training for one step of one sequence.
    """
    rows = list(rows)
    cells = [
        (f"{layer} ({kind})", shape, f"{count:,}", *rest)
        for layer, kind, shape, count, *rest in rows
    ]
    head = HEAD[: len(cells[0])] if cells else HEAD[:3]
    widths = [max(len(cell) for cell in column) for column in zip(head, *cells, strict=True)]

    def line(left: str, middle: str, right: str, fill: str) -> str:
        return left + middle.join(fill * (width + 2) for width in widths) + right

    def text(values: Sequence[str], bar: str) -> str:
        cells = [value.ljust(width) for value, width in zip(values, widths, strict=True)]
        cells[NUMBERS] = values[NUMBERS].rjust(widths[NUMBERS])
        return f"{bar} " + f" {bar} ".join(cells) + f" {bar}"

    total = sum(row[3] for row in rows)
    return [
        f'Model: "{name}"',
        line("┏", "┳", "┓", "━"),
        text(head, "┃"),
        line("┡", "╇", "┩", "━"),
        *(text(row, "│") for row in cells),
        line("└", "┴", "┘", "─"),
        f"Total params: {total:,} ({_size(total * bytes_per_weight)})",
        *([] if bytes_per_step is None else [f"Bytes per step in training: {bytes_per_step:,}"]),
    ]


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"
