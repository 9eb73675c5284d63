"""The table that `model.summary()` prints, and the memory that training takes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from nlstm.arguments.html import as_html
from nlstm.arguments.shown import cells
from nlstm.layers import Layer
from nlstm.network.binder import Binder
from nlstm.network.design import Nested
from nlstm.plan.graph import Graph
from nlstm.plan.recompute import AUTO, Recompute
from nlstm.plan.symbols import Shape

__all__ = [
    "FRAME",
    "PLAIN",
    "Row",
    "bytes_per_step",
    "chosen",
    "counted",
    "graph_rows",
    "in_html",
    "member_rows",
    "summary_lines",
]

LONG = 1 << 12  # steps, where not all of them are kept
NUMBERS = "Param #"  # the column that is aligned to the right
FRAME = "┏┳┓━┃┡╇┩━│└┴┘─"
PLAIN = str.maketrans(
    FRAME, "".join({"━": "-", "─": "-", "┃": "|", "│": "|"}.get(one, "+") for one in FRAME)
)


class Row(NamedTuple):
    """A layer in the table, or a model that serves as one."""

    name: str
    kind: str
    shape: str
    weights: int | None  # None before there are weights
    trainable: bool
    before: str | None = None  # what it is connected to, where layers do not form a chain
    depth: int = 0  # in how many models


def member_rows(members: Iterable[Layer | Nested], expand: bool, depth: int = 0) -> list[Row]:
    """Return the rows of a stack, in which a model has one row, and those of its layers below."""
    rows = []
    for one in members:
        if isinstance(one, Layer):
            shape = str(one.nodes[0].outputs[0].shape) if one.nodes else "?"
            count = one.count_params() if one.nodes else None
            rows.append(Row(one.name, type(one).__name__, shape, count, one.trainable, None, depth))
            continue
        graph, inner = one.design.graph, one.design.layers
        shape = "?" if graph is None else str(graph.outputs[0].shape)
        count = None if graph is None else sum(layer.count_params() for layer in inner)
        trainable = any(layer.trainable for layer in inner)
        rows.append(Row(one.name, type(one).__name__, shape, count, trainable, None, depth))
        if expand:
            rows += member_rows(getattr(one.design, "members", inner), True, depth + 1)
    return rows


def graph_rows(graph: Graph, layers: Sequence[Layer]) -> list[Row]:
    """Return the rows of a graph, with what each is connected to unless it is a chain."""
    rows = []
    for layer in layers if graph.is_chain else graph.layers:
        nodes = [one for one in graph.nodes if one.layer is layer]
        made = nodes[0].outputs if nodes else layer.nodes[0].outputs
        given = ", ".join(str(symbol.shape) for symbol in made)
        before = None
        if not graph.is_chain:
            before = ", ".join(one.name for node in nodes for one in node.sources) or "-"
        kind, count = type(layer).__name__, layer.count_params()
        rows.append(Row(layer.name, kind, given, count, layer.trainable, before))
    return rows


def chosen(rows: Sequence[Row], layer_range: Any) -> Sequence[Row]:
    """Return the rows from the first whose name fits one pattern to the last that fits another."""
    if layer_range is None:
        return rows
    if not isinstance(layer_range, list | tuple) or len(layer_range) != 2:
        raise ValueError(f"layer_range must be two names of layers; got {layer_range!r}.")
    found = []
    for pattern in layer_range:
        at = [i for i, row in enumerate(rows) if re.match(str(pattern), row.name)]
        if not at:
            names = ", ".join(row.name for row in rows)
            raise ValueError(f"layer_range names {pattern!r}; there are {names}.")
        found.append(at)
    return rows[min(found[0]) : max(found[1]) + 1]


def bytes_per_step(binder: Binder, recompute: Recompute = None) -> int | None:
    """Return the memory that training needs for one more step of one sequence.

    What is saved for the backward pass, and the gradients between layers. None where the input
    has no steps or a fixed number of them decides widths.
    """
    graph = binder.network.graph
    if not any(len(one.sample) == 2 for one in graph.inputs):
        return None
    rows, steps = 64, 1024  # enough for every buffer that grows with the steps to do so
    if recompute is not None:
        steps = LONG
        recompute = recompute if recompute == AUTO else min(int(recompute), LONG // 8)
    sizes = []
    for length in (steps, 2 * steps):
        samples = [
            (length, one.sample[1]) if len(one.sample) == 2 else (one.sample[0] or length,)
            for one in graph.inputs
        ]
        if not _keeps_widths(graph, samples):
            return None
        shapes: Any = tuple((1, *one)[-2:] for one in samples)
        sizes.append(binder.bytes_of(shapes, rows, length, recompute))
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
    rows: Sequence[Row],
    counts: Mapping[str, str],
    columns: int | None = None,
    show_trainable: bool = False,
) -> list[str]:
    """Return the lines of the table, and those below it.

    Parameters
    ----------
    name : str
        The model's.
    rows : sequence of Row
    counts : mapping of str to str
        What stands below, by name.
    columns : int, optional
        Of the table at most, as far as its headings fit.
    show_trainable : bool
    """
    texts = {
        "Layer (type)": ["    " * row.depth + f"{row.name} ({row.kind})" for row in rows],
        "Output Shape": [row.shape for row in rows],
        NUMBERS: ["?" if row.weights is None else f"{row.weights:,}" for row in rows],
    }
    if any(row.before is not None for row in rows):
        texts["Connected to"] = [row.before or "-" for row in rows]
    if show_trainable:
        texts["Trainable"] = ["Y" if row.trainable else "N" for row in rows]
    widths = _widths(texts, columns)

    def line(left: str, middle: str, right: str, fill: str) -> str:
        return left + middle.join(fill * (width + 2) for width in widths.values()) + right

    def lines_of(values: Sequence[str], bar: str) -> list[str]:
        parts = [_wrapped(text, widths[head]) for head, text in zip(widths, values, strict=True)]
        return [
            f"{bar} " + f" {bar} ".join(map(_aligned, one, widths, widths.values())) + f" {bar}"
            for one in zip_longest(*parts, fillvalue="")
        ]

    return [
        f'Model: "{name}"',
        line("┏", "┳", "┓", "━"),
        *lines_of(list(widths), "┃"),
        line("┡", "╇", "┩", "━"),
        *(one for row in zip(*texts.values(), strict=True) for one in lines_of(row, "│")),
        line("└", "┴", "┘", "─"),
        *(f"{what}: {count}" for what, count in counts.items()),
    ]


def in_html(title: str, rows: Sequence[Row], counts: Mapping[str, str]) -> str:
    """Return the table for notebooks."""
    texts: list[tuple[str, ...]] = [
        (row.name, row.kind, row.shape, "?" if row.weights is None else f"{row.weights:,}")
        for row in rows
    ]
    header = ["layer", "type", "output shape", "weights"]
    if any(row.before is not None for row in rows):
        header.append("connected to")
        texts = [(*one, row.before or "-") for one, row in zip(texts, rows, strict=True)]
    return as_html(title, header, texts, [f"{what}: {count}" for what, count in counts.items()])


def _widths(texts: Mapping[str, Sequence[str]], columns: int | None) -> dict[str, int]:
    """Return how wide each column is, the widest made narrower until the table fits."""
    widths = {head: max(map(cells, [head, *column])) for head, column in texts.items()}
    if columns is None:
        return widths
    whole = {head: max(map(_longest_word, [head, *column])) for head, column in texts.items()}
    least = {head: _longest_word(head) for head in texts}
    for limits in (whole, least):  # words stay whole if they can
        while sum(widths.values()) + 3 * len(widths) + 1 > columns:
            wide = [head for head in widths if widths[head] > limits[head] and head != NUMBERS]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _longest_word(text: str) -> int:
    return max(map(cells, text.split()), default=0)


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a cell: cut at spaces, inside a word only if that is too long."""
    if cells(text) <= width:
        return [text]
    lines = [""]
    for word in text.split():
        if lines[-1] and cells(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for letter in word:
            if cells(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines[1:]


def _aligned(text: str, head: str, width: int) -> str:
    free = " " * (width - cells(text))
    return free + text if head == NUMBERS else text + free


def counted(
    rows: Iterable[Row], frozen: int, itemsize: int, bytes_per_step: int | None
) -> dict[str, str]:
    """Return what stands below the table, by name.

    Parameters
    ----------
    rows : iterable of Row
        Of all layers, each once.
    frozen : int
        Weights that training leaves alone.
    itemsize : int
        Bytes of a weight.
    bytes_per_step : int or None
        Memory of training for one step of one sequence.
    """
    found = [row.weights for row in rows]
    if None in found:
        return {"Total params": "? (no input is known yet)"}
    total = sum(one or 0 for one in found)
    parts = {"Total": total, "Trainable": total - frozen, "Non-trainable": frozen}
    below = {f"{name} params": f"{n:,} ({_size(n * itemsize)})" for name, n in parts.items()}
    if bytes_per_step is not None:
        below["Bytes per step in training"] = f"{bytes_per_step:,}"
    return below


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"
