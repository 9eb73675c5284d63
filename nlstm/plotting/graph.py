"""`graph` and `plot_model`: the layers of a model, and what each is connected to."""

import os
from typing import Any

from nlstm.arguments.checks import WrongKind, checked_choice
from nlstm.models import Model
from nlstm.plan.graph import Graph
from nlstm.plan.symbols import Node
from nlstm.plotting.style import BLUE, axes_of, figure_of

__all__ = ["graph", "plot_model"]

WIDTH, HEIGHT, GAP = 2.6, 0.6, 0.5  # of a box at least, and between boxes, in inches
LETTER = 0.07  # of a letter


def graph(
    model: Model,
    *,
    shapes: bool = True,
    names: bool = True,
    dtype: bool = False,
    activations: bool = False,
    trainable: bool = False,
    direction: str = "down",
    ax: Any = None,
) -> Any:
    """Draw the layers of a model and what each is connected to; `model.plot()` is the same.

    Parameters
    ----------
    model : Sequential or Model
        Its input must be known.
    shapes, names, dtype, activations, trainable : bool
        What stands in the boxes beside the class.
    direction : {"down", "right"}
        Where the output is.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure, large enough for the boxes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import nlstm
    >>> model = nlstm.Sequential([nlstm.layers.Dense(2, input_shape=(3,), name="out")])
    >>> nlstm.plotting.graph(model).texts[-2].get_text().splitlines()
    ['out (Dense)', '(None, 3) → (None, 2)']
    """
    if not isinstance(model, Model):
        raise WrongKind(f"model must be a Sequential or a Model; got {model!r}.")
    right = checked_choice("direction", direction, ("down", "right")) == "right"
    shown = {
        "names": names,
        "activations": activations,
        "shapes": shapes,
        "dtype": str(model.dtype) if dtype else "",
        "trainable": trainable,
    }
    return _drawn(model.design.network("plot").graph, shown, right, ax)


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
    if rankdir not in ("TB", "LR"):
        raise ValueError(f"rankdir must be 'TB' or 'LR'; got {rankdir!r}.")
    ax = graph(
        model,
        shapes=show_shapes,
        names=show_layer_names,
        dtype=show_dtype,
        activations=show_layer_activations,
        trainable=show_trainable,
        direction="right" if rankdir == "LR" else "down",
    )
    ax.figure.set_dpi(dpi)
    if to_file is not None:
        ax.figure.savefig(os.fspath(to_file), dpi=dpi)
    return ax.figure


def _drawn(found: Graph, shown: dict[str, Any], right: bool, ax: Any) -> Any:
    """Draw boxes and arrows."""
    places = _places(found)
    labels = {node: _label(node, shown) for node in places}
    lines = [label.split("\n") for label in labels.values()]
    widest = max(len(line) for label in lines for line in label)
    across = max(column for column, _ in places.values()) + 1
    down = max(row for _, row in places.values()) + 1
    if right:
        across, down = down, across
        places = {node: (row, column) for node, (column, row) in places.items()}
    if ax is None:
        wide = max(WIDTH, LETTER * widest + GAP)
        high = HEIGHT / 2 * (1 + max(map(len, lines))) / 1.5 + GAP
        ax = figure_of((across * wide, down * high)).add_axes((0, 0, 1, 1))
    axes_of(ax)
    ax.set(xlim=(-0.5, across - 0.5), ylim=(down - 0.5, -0.5))
    ax.set_axis_off()
    box = {"boxstyle": "round,pad=0.4", "facecolor": "#eaf3f9", "edgecolor": BLUE}
    drawn = {
        node: ax.text(*place, labels[node], ha="center", va="center", fontsize=8, bbox=box)
        for node, place in places.items()
    }
    for node in places:
        for source in node.sources if node in found.nodes else ():
            ax.annotate(
                "", places[node], places[source.node],
                arrowprops={"arrowstyle": "->", "patchA": drawn[source.node].get_bbox_patch(),
                            "patchB": drawn[node].get_bbox_patch(), "shrinkA": 1, "shrinkB": 1},
            )  # fmt: skip
    return ax


def _places(found: Graph) -> dict[Node, tuple[float, float]]:
    """Return the column and row of every call: a row below all that it needs."""
    rows = {symbol.node: 0 for symbol in found.inputs}
    for node in found.nodes:
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
