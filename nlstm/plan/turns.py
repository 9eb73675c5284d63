"""Locks that a fork does not leave closed: who held them has stayed in the parent."""

import os
import weakref
from threading import RLock
from typing import Any

__all__ = ["turn"]

_locks: "weakref.WeakSet[Any]" = weakref.WeakSet()


def turn() -> Any:
    """Return a lock for one thread at a time, which may take it again."""
    lock = RLock()
    _locks.add(lock)
    return lock


def _after_fork() -> None:
    for lock in _locks:
        if not lock._is_owned():
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
