"""`gates` and `attribution`: what lies behind a forecast by step, below the input."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_array, checked_choice, checked_integer
from nlstm.data.sources import is_pair, is_source
from nlstm.plotting.style import BLUE, LINES, axes_of, map_of

__all__ = ["attribution", "gates"]

MEANING = {"i": "input gate", "f": "forget gate", "o": "output gate", "z": "update gate",
           "r": "reset gate", "g": "candidate", "c": "cell state", "h": "output"}  # fmt: skip
FIRST = ("f", "z", "h")
SIZE = 6.0, 4.4
ABOVE = 0.66  # height of the input, of that of the colours


def gates(
    found: Any,
    x: Any = None,
    *,
    gate: str | None = None,
    layer: str | None = None,
    row: int | None = 0,
    names: Sequence[str] | None = None,
    label: str = "input",
    ax: Any = None,
) -> Any:
    """Draw a gate, or a state, of every unit at every step, with the input above.

    Parameters
    ----------
    found : Trace or LayerTrace
        What `nlstm.inspection.trace` returned, or a layer of it.
    x : array_like, shape (rows, steps, features), or Windows, optional
        What was traced: drawn above.
    gate : {"i", "f", "o", "g", "c", "h", "z", "r"}, optional
        By default the forget gate of an LSTM, the update gate of a GRU, else h.
    layer : str, optional
        Which one of several.
    row : int or None, default 0
        Which row; None draws the mean of all.
    names : sequence of str, optional
        Of the features.
    label : str, default "input"
        What x is, with its unit.
    ax : matplotlib.axes.Axes, optional
        Where to draw; it gives room to the input above and to the colours beside.

    Returns
    -------
    matplotlib.axes.Axes
        That of the units; the input's is another one of its figure.
    """
    from nlstm.inspection import LayerTrace, Trace

    if isinstance(found, Trace):
        found = _layer_of(found, layer)
    if not isinstance(found, LayerTrace):
        raise WrongKind(f"found must be a Trace of nlstm.inspection; got {found!r}.")
    if gate is None:
        gate = next(one for one in FIRST if one in found.arrays)
    gate = checked_choice("gate", gate, tuple(found.arrays))
    values = found[gate]
    if values.ndim != 3:
        raise ValueError(
            f"found must have (rows, steps, units); {found.name} has {values.shape}, steps within "
            "steps, which are not drawn."
        )
    picked = _row_of(values, row)
    if np.isnan(picked).all():
        raise ValueError(f"row must have a step that is not masked; got {row!r}, which has none.")
    low, high = float(np.nanmin(picked)), float(np.nanmax(picked))
    signed = low < 0.0 or gate in "gch"
    limits = (-max(-low, high), max(-low, high)) if signed else (0.0, max(1.0, high))
    name = f"{MEANING[gate]} {gate}"
    ax = _heat(ax, picked.T, limits, signed, name, x is not None)
    ax.set_ylabel("unit")
    ax.yaxis.get_major_locator().set_params(integer=True)
    top = _above(ax, x, row, values.shape[:2], names, label)
    top.set_title(f"{name[0].upper()}{name[1:]} of {found.name}{_of(row)}")
    return ax


def attribution(
    found: Any,
    x: Any = None,
    *,
    input: str | None = None,
    row: int | None = 0,
    names: Sequence[str] | None = None,
    label: str = "input",
    ax: Any = None,
) -> Any:
    """Draw which feature at which step made an output what it is, with the input above.

    Parameters
    ----------
    found : Attribution
        What `nlstm.inspection.attribute` returned.
    x : array_like, shape (rows, steps, features), or Windows, optional
        What was attributed to: drawn above. Not for tokens.
    input : str, optional
        Which one of several.
    row : int or None, default 0
        Which row; None draws the mean size over all.
    names, label, ax
        As for `gates`; names of features, or of the places of what has no steps.

    Returns
    -------
    matplotlib.axes.Axes
        Colours for steps and features; bars where the input has one axis.
    """
    from nlstm.inspection import Attribution

    if not isinstance(found, Attribution):
        raise WrongKind(f"found must be an Attribution of nlstm.inspection; got {found!r}.")
    choices = tuple(found.by_name)
    if input is None and len(choices) > 1:
        raise ValueError(f"input must be one of {choices}; got None.")
    values = found.by_name[choices[0] if input is None else checked_choice("input", input, choices)]
    picked = _row_of(np.abs(values) if row is None else values, row)
    what = f"{'mean size of part' if row is None else 'part'} in {found.target}"
    method = found.method.replace("_", " ")
    title = f"{method[0].upper()}{method[1:]}{_of(row)}"
    if picked.ndim == 1:
        return _bars(axes_of(ax), picked, names, what, title)
    most = float(np.abs(picked).max()) or 1.0
    limits = (0.0 if row is None else -most, most)
    ax = _heat(ax, picked.T, limits, row is not None, what, x is not None)
    shown = [str(n) for n in range(picked.shape[1])] if names is None else list(names)
    _check_names(names, picked.shape[1])
    ax.set_yticks(np.arange(len(shown)), shown)
    ax.set_ylabel("feature")
    _above(ax, x, row, values.shape[:2], names, label).set_title(title)
    return ax


def _layer_of(found: Any, layer: str | None) -> Any:
    if layer is None and len(found) == 1:
        return next(iter(found.values()))
    if layer not in found.layers:
        raise ValueError(f"layer must be one of {tuple(found)}; got {layer!r}.")
    return found[layer]


def _row_of(values: np.ndarray, row: int | None) -> np.ndarray:
    if row is None:
        known = ~np.isnan(values)
        sums, counts = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
        return np.where(counts, sums / np.maximum(counts, 1), np.nan)
    return values[checked_integer("row", row, -len(values), len(values) - 1)]


def _of(row: int | None) -> str:
    return ", all rows" if row is None else f", row {row}"


def _check_names(names: Any, count: int) -> None:
    if names is not None and len(names) != count:
        raise ValueError(f"names must name {count} features; got {len(names)}.")


def _bars(ax: Any, values: np.ndarray, names: Any, what: str, title: str) -> Any:
    _check_names(names, len(values))
    places = np.arange(len(values))
    ax.bar(places, values, color=BLUE)
    if names is not None:
        ax.set_xticks(places, names)
    ax.set(xlabel="place", ylabel=what, title=title)
    return ax


def _heat(
    ax: Any, values: np.ndarray, limits: tuple[float, float], signed: bool, label: str, above: bool
) -> Any:
    """Draw values (rows of the picture, steps) with their colours to the right."""
    ax = axes_of(ax, SIZE)
    bare = ax.get_figure().get_layout_engine() is None  # nobody makes room for the colours' names
    shares = 0.82 if bare else 1.0, 1.0 / (1.0 + ABOVE) if above else 1.0
    ax.set_axes_locator(partial(_part, shares))
    ax.grid(False)
    colours = map_of(signed).with_extremes(bad="0.8")
    low, high = limits
    image = ax.imshow(
        np.ma.masked_invalid(values), aspect="auto", interpolation="nearest", cmap=colours,
        vmin=low, vmax=high if high > low else low + 1.0,
    )  # fmt: skip
    beside = ax.inset_axes((1.02, 0.0, 0.03, 1.0))
    ax.get_figure().colorbar(image, cax=beside, label=label)
    ax.set_xlabel("step of the input")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def _part(shares: tuple[float, float], ax: Any, renderer: Any) -> Any:
    """Return what part of its place an Axes takes: the rest is for those around it."""
    from matplotlib.transforms import Bbox

    left, low, width, height = ax.get_position(original=True).bounds
    return Bbox.from_bounds(left, low, shares[0] * width, shares[1] * height)


def _above(ax: Any, x: Any, row: int | None, shape: Any, names: Any, label: str) -> Any:
    """Draw the input on an Axes above, and return that; `ax` itself where there is none."""
    if x is None:
        return ax
    array = _read(x, shape)
    if row is not None:
        array = array[row : row + 1] if row != -1 else array[-1:]
    lines = array.mean(axis=0)
    _check_names(names, lines.shape[1])
    top = axes_of(ax.inset_axes((0.0, 1.06, 1.0, ABOVE - 0.06), sharex=ax))
    for number, one in enumerate(lines.T):
        colour, dash = LINES[number % len(LINES)], ("-", "--", ":")[number // len(LINES) % 3]
        name = str(number) if names is None else names[number]
        top.plot(np.arange(len(one)), one, dash, color=colour, lw=1.5, label=name)
    top.set_ylabel(label)
    top.tick_params(labelbottom=False)
    if lines.shape[1] > 1 or names is not None:
        top.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05), fontsize="small", frameon=False,
                   handlelength=1.2)  # fmt: skip
    return top


def _read(x: Any, shape: Any) -> np.ndarray:
    """Return the input as (rows, steps, features)."""
    side = x.x if is_pair(x) else x
    array = np.asarray(side[:]) if is_source(side) else checked_array("x", side)
    if array.ndim != 3 or array.shape[:2] != tuple(shape):
        rows, steps = shape
        raise ValueError(f"x must have shape ({rows}, {steps}, features); got {array.shape}.")
    return array
