"""Which entries of a config are one object: those with the same number, as in Keras's files."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["known", "note", "number_of", "reading", "writing"]

KEY = "shared_object_id"


class _Scope(threading.local):
    """What the outermost config that is being written, or read, has met so far."""

    written: dict[int, tuple[int, Any]] | None = None
    made: dict[Any, Any] | None = None


_scope = _Scope()


def writing(make: Callable[[], Any]) -> Any:
    """Return the config that `make` gives; in the outermost, what occurs once has no number."""
    if _scope.written is not None:
        return make()
    _scope.written = {}
    try:
        found = make()
    finally:
        _scope.written = None
    counts = Counter(entry[KEY] for entry in _entries(found))
    for entry in list(_entries(found)):
        if counts[entry[KEY]] == 1:
            del entry[KEY]
    return found


def number_of(thing: Any) -> dict[str, int]:
    """Return what the entry of a layer or model holds besides; nothing for other things."""
    if _scope.written is None or not getattr(thing, "keeps_identity", False):
        return {}
    number, _ = _scope.written.setdefault(id(thing), (len(_scope.written) + 1, thing))
    return {KEY: number}


def _entries(config: Any) -> Iterator[dict[str, Any]]:
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if KEY in one and "class_name" in one:
                yield one
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one


def reading(make: Callable[[], Any]) -> Any:
    """Return what `make` makes of a config; what is met twice in the outermost is made once."""
    if _scope.made is not None:
        return make()
    _scope.made = {}
    try:
        return make()
    finally:
        _scope.made = None


def known(entry: dict[str, Any], cls: type) -> Any:
    """Return the layer or model that an entry with this number stands for; None for a new one."""
    found = (_scope.made or {}).get(entry.get(KEY))
    return found if type(found) is cls else None


def note(entry: dict[str, Any], thing: Any) -> Any:
    """Keep what was made of an entry, and return it."""
    if KEY in entry and _scope.made is not None and getattr(thing, "keeps_identity", False):
        _scope.made[entry[KEY]] = thing
    return thing
