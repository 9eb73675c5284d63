"""How things are shown: as the call that makes them, short enough for a line."""

import inspect
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["as_call", "by_attributes", "cells", "short"]

LONGEST_TEXT, MOST_ITEMS = 60, 8
PLAIN = bool | int | float | str | np.generic | None


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for a wide character."""
    if text.isascii():
        return len(text)
    return sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def as_call(
    thing: Any,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    also: Mapping[str, Any] | None = None,
) -> str:
    """Return the call of a class that makes such an object, without what is as by default.

    Parameters
    ----------
    thing : object
        Plain attributes that are called as arguments of the constructor are shown as they are now.
    args, kwargs
        What the constructor was given, where the object remembers it.
    also : mapping, optional
        More attributes, which are shown where they differ from these values.
    """
    parameters = list(inspect.signature(type(thing).__init__).parameters.values())[1:]
    given = {one.name: value for one, value in zip(parameters, args, strict=False)}
    parts = []
    for one in parameters:
        if one.kind is one.VAR_POSITIONAL or one.kind is one.VAR_KEYWORD:
            continue
        value = (kwargs or {}).get(one.name, given.get(one.name, one.default))
        value = _now(thing, one.name, value)
        if one.name in given:
            parts.append(short(value))
        elif one.name not in (also or {}) and not _same(value, one.default):
            parts.append(f"{one.name}={short(value)}")
    more = {name: getattr(thing, name, value) for name, value in (also or {}).items()}
    known = {*(one.name for one in parameters), *more}
    rest = {name: value for name, value in (kwargs or {}).items() if name not in known}
    for name, value in more.items():
        if name not in given and not _same(value, (also or {})[name]):
            rest[name] = value
    parts += [f"{name}={short(value)}" for name, value in rest.items()]
    return f"{type(thing).__name__}({', '.join(parts)})"


def by_attributes(thing: Any) -> str:
    """Return the call of a class whose arguments are kept as attributes of their names."""
    kept = vars(thing)
    names = list(inspect.signature(type(thing).__init__).parameters)[1:]
    return as_call(thing, (), {name: kept[name] for name in names if name in kept})


def _now(thing: Any, name: str, value: Any) -> Any:
    """Return an attribute in the place of a plain argument that may have been changed since."""
    if value is None or not isinstance(value, PLAIN):
        return value
    found = getattr(thing, name, value)
    return found if isinstance(found, PLAIN) and found is not None else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(map(_same, one, other))
    return one is other or (isinstance(one, PLAIN) and isinstance(other, PLAIN) and one == other)


def short(value: Any) -> str:
    """Return the text of a value; of what is large its kind and size."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float | None):
        return repr(value) if not isinstance(value, float) else repr(float(value))
    if isinstance(value, str | bytes):
        text = repr(value)
        return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 4] + "..." + text[-1]
    if isinstance(value, dict) and len(value) <= MOST_ITEMS:
        return "{" + ", ".join(f"{short(k)}: {short(one)}" for k, one in value.items()) + "}"
    if isinstance(value, list | tuple) and len(value) <= MOST_ITEMS:
        inner = ", ".join(map(short, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if callable(value) and isinstance(getattr(value, "__name__", None), str):
        return str(value.__name__)
    return _sized(value)


def _sized(value: Any) -> str:
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"<{kind} {shape}>"
    if isinstance(value, list | tuple | dict | set):
        return f"<{kind} of {len(value)}>"
    text = repr(value)
    return text if "\n" not in text else f"<{kind}>"
