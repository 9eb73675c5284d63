"""Pictures of models, by matplotlib."""

import os
from typing import Any

from nlstm.models import Model
from nlstm.plan.graph import Graph
from nlstm.plan.symbols import Node

__all__ = ["plot_model"]

WIDTH, HEIGHT, GAP = 2.6, 0.6, 0.5  # of a box, and between boxes, in inches


def plot_model(
    model: Model,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """Draw the layers of a model and what each is connected to.

    Parameters
    ----------
    model : Sequential or Model
        Its input must be known.
    to_file : path or None, default "model.png"
        Where to write the picture; the ending chooses the format.
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool
        What stands in the boxes beside the class.
    rankdir : {"TB", "LR"}, default "TB"
        From the top down, or from left to right.
    expand_nested : bool
        For old code; models inside are always drawn layer by layer.
    dpi : int, default 200

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plot_model needs matplotlib: pip install nlstm[plot].") from None
    if rankdir not in ("TB", "LR"):
        raise ValueError(f"rankdir must be 'TB' or 'LR'; got {rankdir!r}.")
    graph = model.design.network("plot_model").graph
    places = _places(graph)
    shown = {
        "names": show_layer_names,
        "activations": show_layer_activations,
        "shapes": show_shapes,
        "dtype": str(model.dtype) if show_dtype else "",
        "trainable": show_trainable,
    }
    labels = {node: _label(node, shown) for node in places}
    lines = max(label.count("\n") + 1 for label in labels.values())
    steps = WIDTH + GAP, HEIGHT / 2 * (1 + lines) / 1.5 + GAP
    across = max(column for column, _ in places.values()) + 1
    down = max(row for _, row in places.values()) + 1
    if rankdir == "LR":
        across, down = down, across
        places = {node: (row, column) for node, (column, row) in places.items()}
    figure = Figure(figsize=(across * steps[0], down * steps[1]), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.5, across - 0.5), ylim=(down - 0.5, -0.5))
    axes.set_axis_off()
    box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "black"}
    drawn = {
        node: axes.text(*place, labels[node], ha="center", va="center", fontsize=8, bbox=box)
        for node, place in places.items()
    }
    for node in places:
        for source in node.sources if node in graph.nodes else ():
            axes.annotate(
                "", places[node], places[source.node],
                arrowprops={"arrowstyle": "->", "patchA": drawn[source.node].get_bbox_patch(),
                            "patchB": drawn[node].get_bbox_patch(), "shrinkA": 1, "shrinkB": 1},
            )  # fmt: skip
    if to_file is not None:
        figure.savefig(os.fspath(to_file), dpi=dpi)
    return figure


def _places(graph: Graph) -> dict[Node, tuple[float, float]]:
    """Return the column and row of every call: a row below all that it needs."""
    rows = {symbol.node: 0 for symbol in graph.inputs}
    for node in graph.nodes:
        rows[node] = 1 + max(rows[source.node] for source in node.sources)
    widest = max(list(rows.values()).count(row) for row in rows.values())
    places: dict[Node, tuple[float, float]] = {}
    for row in sorted(set(rows.values())):
        there = [node for node, at in rows.items() if at == row]
        first = (widest - len(there)) / 2
        places.update({node: (first + number, row) for number, node in enumerate(there)})
    return places


def _label(node: Node, shown: dict[str, Any]) -> str:
    layer: Any = node.layer
    lines = [type(layer).__name__]
    if shown["names"]:
        lines[0] = f"{layer.name} ({lines[0]})"
    activation = getattr(layer, "activation", None)
    if shown["activations"] and activation is not None:
        lines.append(f"activation: {getattr(activation, 'name', activation)}")
    if shown["shapes"]:
        given = ", ".join(str(symbol.shape) for symbol in node.inputs)
        made = ", ".join(str(symbol.shape) for symbol in node.outputs)
        lines.append(f"{given} → {made}" if given else made)
    if shown["dtype"]:
        lines.append(shown["dtype"])
    if shown["trainable"] and layer.parameters:
        lines.append("trainable" if layer.trainable else "frozen")
    return "\n".join(lines)
