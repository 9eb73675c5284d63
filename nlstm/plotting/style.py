"""The Axes of a picture, and the colours of all of them."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import WrongKind

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "LINES",
    "ORANGE",
    "RED",
    "along",
    "axes_of",
    "figure_of",
    "map_of",
    "shades",
]

# Okabe & Ito 2008, "Color universal design": told apart by people of any colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, RED, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
GREY = "0.55"
LINES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
SIZE = 6.0, 3.4  # inches


def figure_of(size: tuple[float, float], **options: Any) -> Any:
    """Return a Figure that pyplot knows nothing of."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install nlstm[plot].") from None
    return Figure(figsize=size, **options)


def axes_of(ax: Any, size: tuple[float, float] = SIZE) -> Any:
    """Return the Axes to draw on, a new one for None, in the style of all pictures."""
    if ax is None:
        ax = figure_of(size, layout="constrained").subplots()
    elif not (hasattr(ax, "plot") and hasattr(ax, "spines")):
        raise WrongKind(f"ax must be one Axes of matplotlib, or None; got {type(ax).__name__}.")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def along(ax: Any, places: Any) -> None:
    """Label the horizontal axis of a series: dates, or numbers of steps."""
    if np.asarray(places).dtype.kind not in "MO":
        ax.set_xlabel("step")
        return
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    zone = getattr(np.ravel(places)[0], "tzinfo", None)  # matplotlib's own is UTC
    # With its own five ticks at least, it finds no step for 4 hours, or for 100, and warns.
    locator = AutoDateLocator(zone, minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, zone))
    ax.set_xlabel("date")


def shades(count: int) -> list[str]:
    """Return the colours of so many bands that lie on each other, the widest and lightest first."""
    from matplotlib.colors import to_hex, to_rgb

    parts = np.linspace(0.18, 0.55, count) if count != 1 else np.array([0.3])
    return [to_hex(tuple(1.0 - part * (1.0 - np.array(to_rgb(BLUE))))) for part in parts]


def map_of(signed: bool) -> Any:
    """Return the colours of numbers from 0 up, or on both sides of 0."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = (BLUE, "#ffffff", RED) if signed else ("#ffffff", SKY, BLUE, "#001a33")
    return LinearSegmentedColormap.from_list("nlstm", ends)
