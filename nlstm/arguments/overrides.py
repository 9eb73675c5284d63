"""Methods that Keras calls and nlstm does not: who overrides one is told so."""

from collections.abc import Mapping, Sequence
from typing import Any

from nlstm.arguments.config import own_module

__all__ = ["check_attribute", "check_overrides"]


def check_overrides(cls: type, never_called: Mapping[str, str], instead: Sequence[str]) -> None:
    """Raise a TypeError where a user's class overrides what would never be called.

    Parameters
    ----------
    cls : type
    never_called : mapping of str to str
        Keras's methods, and what to do instead.
    instead : sequence of str
        A class that overrides one of these too, there or further down, knows what it does.
    """
    users = [one for one in cls.__mro__ if one is not object and own_module(one) is None]
    for place, one in enumerate(users):
        if any(name in vars(lower) for lower in users[: place + 1] for name in instead):
            continue
        for name, words in never_called.items():
            if name in vars(one):
                raise TypeError(f"{one.__name__}.{name} would never be called: {words}")


def check_attribute(thing: Any, name: str, never_called: Mapping[str, str]) -> None:
    """Raise a TypeError where a user sets a method of an object that would never be called."""
    if own_module(type(thing)) is not None:
        raise TypeError(
            f"{type(thing).__name__}.{name} would never be called: {never_called[name]}"
        )
