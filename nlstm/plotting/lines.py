"""`history` and `memory`: curves over epochs, and over steps back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_flag
from nlstm.plotting.style import BLACK, BLUE, GREEN, GREY, LINES, RED, axes_of
from nlstm.training.history import History

__all__ = ["history", "memory"]

FLOOR = 1e-4  # of shares and influences: what is below is not drawn


def history(
    found: Any,
    names: str | Sequence[str] = "loss",
    *,
    log: bool = False,
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw losses or metrics over epochs: training as a line, validation dashed.

    Parameters
    ----------
    found : History or dict of str to list of float
        What fit returned.
    names : str or sequence of str, default "loss"
        Which logs; those of validation come along.
    log : bool, default False
        A logarithmic axis.
    label : str, optional
        What the values are, with their unit; by default the names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from nlstm import plotting
    >>> ax = plotting.history({"loss": [2.0, 1.0], "val_loss": [2.1, 1.4]})
    >>> [line.get_label() for line in ax.lines][:2]
    ['loss', 'val_loss']
    """
    logs = found.history if isinstance(found, History) else found
    if not isinstance(logs, Mapping):
        raise WrongKind(f"found must be a History of fit, or its dict; got {found!r}.")
    log = checked_flag("log", log)
    if not isinstance(names, str | Sequence):
        raise WrongKind(f"names must be names of logs; got {names!r}.")
    wanted = [names] if isinstance(names, str) else list(names)
    curves = [(n, one) for n, name in enumerate(wanted) for one in _curves_of(logs, name)]
    ax = axes_of(ax)
    for number, name in curves:
        values = np.asarray(logs[name], np.float64)
        epochs = np.arange(1, len(values) + 1)
        dash = "--" if name.startswith("val_") else "-"
        mark = "o" if len(values) == 1 else ""
        ax.plot(epochs, values, dash + mark, color=LINES[number % len(LINES)], label=name)
    held_back = logs.get("val_loss")
    if "loss" in wanted and held_back and np.isfinite(held_back).any():
        best = int(np.nanargmin(held_back))
        ax.plot(best + 1, held_back[best], "o", color=RED, ms=5, label=f"least, epoch {best + 1}")
    ax.set(xlabel="epoch", ylabel=label or ", ".join(wanted), title="Training")
    if log:
        ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize="small")
    return ax


def _curves_of(logs: Mapping[str, Any], name: str) -> list[str]:
    """Return the logs of a name: of training, and of validation."""
    there = [one for one in (name, f"val_{name}") if one in logs]
    if not there:
        raise ValueError(f"names must be among {', '.join(logs) or 'none'}; got {name!r}.")
    for one in there:
        if not len(logs[one]) or np.ndim(logs[one]) != 1 or isinstance(logs[one][0], str):
            raise ValueError(f"names: {one!r} must have one number for each epoch.")
    return there


def memory(found: Any, layer: str | None = None, *, ax: Any = None) -> Any:
    """Draw how much is left of the state k steps before, over k.

    Parameters
    ----------
    found : Memory or LayerMemory
        What `nlstm.inspection.memory` returned, or a layer of it.
    layer : str, optional
        Which one of several.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The share of c that forget gates let through, of the middle unit, and between the tenth and
        the ninetieth of a hundred; the influence on the last h of h and of c before; ticks on the
        floor are time constants of units.
    """
    from nlstm.inspection import LayerMemory, Memory

    if isinstance(found, Memory):
        if layer is None and len(found) > 1 or layer is not None and layer not in found.layers:
            raise ValueError(f"layer must be one of {tuple(found)}; got {layer!r}.")
        found = found[layer] if layer is not None else next(iter(found.values()))
    if not isinstance(found, LayerMemory):
        raise WrongKind(f"found must be a Memory of nlstm.inspection; got {found!r}.")
    ax = axes_of(ax)
    lags = np.arange(len(found.influence))
    if found.kept is not None:
        low, middle, high = np.maximum(np.quantile(found.kept, (0.1, 0.5, 0.9), axis=1), FLOOR)
        ax.fill_between(lags, low, high, color=GREEN, alpha=0.2, lw=0)
        state = "c" if found.kind == "LSTM" else "h"
        ax.plot(lags, middle, "-", color=GREEN, label=f"share of {state} let through")
    _influence(ax, lags, found.influence, "o-", BLUE, "influence of h before")
    if found.influence_of_c is not None:
        _influence(ax, lags, found.influence_of_c, "s-", RED, "influence of c before")
    ax.axvline(found.reach, color=GREY, lw=1, ls=":", label=f"reach: {found.reach} steps")
    ax.set_yscale("log")
    if found.time_constants is not None:
        near = found.time_constants[found.time_constants <= lags[-1]]
        floor = ax.get_xaxis_transform()
        ax.plot(near, np.zeros(len(near)), "|", color=BLACK, ms=12, mew=1, transform=floor,
                clip_on=False, label="time constants")  # fmt: skip
    ax.set(xlabel="steps back", ylabel="share, or size of d h / d state")
    ax.set_title(f"Memory of {found.name}")
    ax.legend(loc="upper right", fontsize="small")
    return ax


def _influence(
    ax: Any, lags: np.ndarray, values: np.ndarray, form: str, colour: str, name: str
) -> None:
    shown = np.where(values >= FLOOR, values, np.nan)
    ax.plot(lags, shown, form, color=colour, ms=4, lw=1.2, label=name)
