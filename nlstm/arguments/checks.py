"""Arguments that count something."""

import operator
from typing import Any

__all__ = ["checked_count"]


def checked_count(name: str, value: Any, least: int) -> int:
    """Return an integer of at least `least`, or raise an error that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}.") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}; got {number}.")
    return number
