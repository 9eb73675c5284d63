"""Pictures of models: whoever draws them is loaded when one is asked for."""

from collections.abc import Callable
from typing import Any

__all__ = ["drawer", "offer_drawer"]

_offered: list[Callable[[], Callable[..., Any]]] = []


def offer_drawer(opened: Callable[[], Callable[..., Any]]) -> None:
    """Name what returns the function that draws the graph of a model."""
    _offered[:] = [opened]


def drawer() -> Callable[..., Any]:
    """Return the function that draws the graph of a model."""
    return _offered[0]()
