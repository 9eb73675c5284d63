"""The table that `model.summary()` prints, and the memory that training takes."""

from collections.abc import Iterable, Sequence
from typing import Any

from nlstm.layers import Layer
from nlstm.network.binder import Binder
from nlstm.network.design import Nested
from nlstm.plan.graph import Graph
from nlstm.plan.symbols import Shape

__all__ = ["FRAME", "PLAIN", "bytes_per_step", "graph_rows", "member_rows", "summary_lines"]

HEAD = ("Layer (type)", "Output Shape", "Param #", "Connected to")
NUMBERS = 2  # the column that is aligned to the right
FRAME = "┏┳┓━┃┡╇┩━│└┴┘─"
PLAIN = str.maketrans(
    FRAME, "".join({"━": "-", "─": "-", "┃": "|", "│": "|"}.get(one, "+") for one in FRAME)
)


def member_rows(members: Iterable[Layer | Nested]) -> list[list[Any]]:
    """Return the rows of a stack, in which a model has one row."""
    rows = []
    for one in members:
        if isinstance(one, Layer):
            shape = one.nodes[0].outputs[0].shape if one.nodes else "?"
            count = one.count_params()
        else:
            graph = one.design.graph
            shape = "?" if graph is None else graph.outputs[0].shape
            count = sum(layer.count_params() for layer in one.design.layers)
        rows.append([one.name, type(one).__name__, str(shape), count])
    return rows


def graph_rows(graph: Graph, layers: Sequence[Layer]) -> list[list[Any]]:
    """Return the rows of a graph, with what each is connected to unless it is a chain."""
    rows = []
    for layer in layers if graph.is_chain else graph.layers:
        nodes = [one for one in graph.nodes if one.layer is layer]
        made = nodes[0].outputs if nodes else layer.nodes[0].outputs
        given = ", ".join(str(symbol.shape) for symbol in made)
        row = [layer.name, type(layer).__name__, given, layer.count_params()]
        if not graph.is_chain:
            row.append(", ".join(one.name for node in nodes for one in node.sources) or "-")
        rows.append(row)
    return rows


def bytes_per_step(binder: Binder) -> int | None:
    """Return the memory that training needs for one more step of one sequence.

    What is saved for the backward pass, and the gradients between layers. None where the input
    has no steps or a fixed number of them decides widths.
    """
    graph = binder.network.graph
    if not any(len(one.sample) == 2 for one in graph.inputs):
        return None
    rows, steps = 64, 1024  # enough for every buffer that grows with the steps to do so
    sizes = []
    for length in (steps, 2 * steps):
        samples = [
            (length, one.sample[1]) if len(one.sample) == 2 else (one.sample[0] or length,)
            for one in graph.inputs
        ]
        if not _keeps_widths(graph, samples):
            return None
        shapes: Any = tuple((1, *one)[-2:] for one in samples)
        sizes.append(binder.bytes_of(shapes, rows, length))
    return (sizes[1] - sizes[0]) // (rows * steps)


def _keeps_widths(graph: Graph, samples: Sequence[Shape]) -> bool:
    """Whether all features stay the same for inputs of other numbers of steps."""
    try:
        shapes = graph.shapes(samples)
    except ValueError:
        return False
    return all(
        symbol.sample[-1] in (None, shape[-1])
        for symbol, shape in shapes.items()
        if len(symbol.sample) == 2 or symbol not in graph.inputs
    )


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
