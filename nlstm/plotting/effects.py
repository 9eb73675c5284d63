"""`order_test` and `importance`: what the model loses, as dots with intervals."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind, checked_choice
from nlstm.plotting.style import BLACK, BLUE, axes_of

__all__ = ["importance", "order_test"]

PARTS = {"features": "feature", "lags": "lag", "order": "order"}


def order_test(found: Any, *, label: str | None = None, ax: Any = None) -> Any:
    """Draw what the model loses where the steps of its windows come in another order.

    Parameters
    ----------
    found : OrderTest
        What `nlstm.inspection.order_test` returned.
    label : str, optional
        The metric with its unit.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from nlstm.inspection import OrderTest

    if not isinstance(found, OrderTest):
        raise WrongKind(f"found must be an OrderTest of nlstm.inspection; got {found!r}.")
    return _dots(found, found.effects, "Without the order of steps", label, ax)


def importance(
    found: Any, part: str = "features", *, label: str | None = None, ax: Any = None
) -> Any:
    """Draw what the model loses without each feature, or lag, or the order.

    Parameters
    ----------
    found : Importance
        What `nlstm.inspection.importance` returned.
    part : {"features", "lags", "order"}
    label, ax
        As for `order_test`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from nlstm.inspection import Importance

    if not isinstance(found, Importance):
        raise WrongKind(f"found must be an Importance of nlstm.inspection; got {found!r}.")
    part = checked_choice("part", part, tuple(PARTS))
    effects = getattr(found, part)
    if not len(effects):
        raise ValueError(f"part {part!r} is empty: the model's input has no steps.")
    return _dots(found, effects, f"Without each {PARTS[part]}", label, ax)


def _dots(found: Any, effects: Any, title: str, label: str | None, ax: Any) -> Any:
    rows = np.arange(len(effects))
    if ax is None:
        ax = axes_of(None, (6.0, 1.5 + 0.28 * len(rows)))
    ax = axes_of(ax)
    ax.axvline(0.0, color=BLACK, lw=0.8)
    ax.hlines(rows, effects.low, effects.high, color=BLUE, lw=2.5, alpha=0.5, label="95 %")
    ax.plot(effects.values, rows, "o", color=BLUE, ms=6)
    ax.set_yticks(rows, effects.names)
    ax.set(
        ylim=(len(rows) - 0.5, -0.5), title=f"{title} ({found.metric} as it is: {found.score:.3g})"
    )
    ax.set_xlabel(f"{label or found.metric}: worse by; 95 % intervals")
    ax.grid(False, axis="y")
    return ax
