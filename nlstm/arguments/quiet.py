"""NumPy's warnings left out of one call, also where Ctrl-C ends it.

`np.errstate` is entered and left in Python: an interrupt there leaves the warnings off for all that
the process does afterwards. What is set in a context of its own ends with it.
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np

__all__ = ["quietly"]

T = TypeVar("T")


def quietly(call: Callable[..., T], *arguments: Any, **kinds: Any) -> T:
    """Return what a call gives under `np.errstate(**kinds)` (NumPy 1 keeps no such contexts)."""
    return copy_context().run(_under, kinds, call, arguments)


def _under(kinds: dict[str, Any], call: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    with np.errstate(**kinds):
        return call(*arguments)
