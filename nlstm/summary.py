"""The table that `model.summary()` prints."""

from collections.abc import Iterable, Sequence

__all__ = ["summary_lines"]

HEAD = ("Layer (type)", "Output Shape", "Param #")


def summary_lines(
    name: str,
    rows: Iterable[tuple[str, str, str, int]],
    bytes_per_weight: int,
    bytes_per_step: int | None,
) -> list[str]:
    """Return the lines of the table.

    Parameters
    ----------
    name : str
        The model's.
    rows : iterable of (layer name, class name, output shape, number of weights)
    bytes_per_weight : int
    bytes_per_step : int or None
        Memory of training for one step of one sequence.
    """
    rows = list(rows)
    cells = [(f"{layer} ({kind})", shape, f"{count:,}") for layer, kind, shape, count in rows]
    widths = [max(len(cell) for cell in column) for column in zip(HEAD, *cells, strict=True)]

    def line(left: str, middle: str, right: str, fill: str) -> str:
        return left + middle.join(fill * (width + 2) for width in widths) + right

    def text(values: Sequence[str], bar: str) -> str:
        first, second, third = (value.ljust(w) for value, w in zip(values, widths, strict=True))
        return f"{bar} {first} {bar} {second} {bar} {third.strip().rjust(widths[2])} {bar}"

    total = sum(count for *_, count in rows)
    return [
        f'Model: "{name}"',
        line("┏", "┳", "┓", "━"),
        text(HEAD, "┃"),
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
