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
    frozen: int = 0,
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
    frozen : int
        Weights that training leaves alone.
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
    counts = ("Total", total), ("Trainable", total - frozen), ("Non-trainable", frozen)
    return [
        f'Model: "{name}"',
        line("┏", "┳", "┓", "━"),
        text(head, "┃"),
        line("┡", "╇", "┩", "━"),
        *(text(row, "│") for row in cells),
        line("└", "┴", "┘", "─"),
        *(
            f"{what} params: {count:,} ({_size(count * bytes_per_weight)})"
            for what, count in counts
        ),
        *([] if bytes_per_step is None else [f"Bytes per step in training: {bytes_per_step:,}"]),
    ]


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"
