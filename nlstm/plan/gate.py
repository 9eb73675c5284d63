"""Who may touch weights now: any number of readers, or one writer.

Numba lets go of Python's lock in parallel loops, so that threads meet in a model's weights. Who
waits is let in by turns, in the order of coming: a fit whose steps follow each other without a
break does not keep predictions out, nor do they keep it from its next step.
"""

import os
import sys
import weakref
from collections import deque
from collections.abc import Callable
from threading import Lock, get_ident
from typing import Any

__all__ = ["Gate"]

PATIENCE = 1.0  # seconds until a waiting thread looks whether those inside are still there


class Gate:
    """Lets functions run side by side, or alone.

    A function may go through the gate that its thread is in already.
    """

    def __init__(self) -> None:
        self._readers: set[int] = set()  # by thread
        self._writer: int | None = None
        self._closed = False  # a reader has to ask
        self._mutex = Lock()
        self._waiting: deque[tuple[int, bool, Lock]] = deque()  # thread, whether to write, turn
        _gates.add(self)

    @property
    def readers(self) -> int:
        """How many threads are inside to read; one that writes may read too."""
        return len(self._readers) or int(self._writer is not None)

    def shared(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return function(*arguments), which only reads."""
        me = get_ident()
        if me == self._writer or me in self._readers:
            return function(*arguments)
        try:
            self._readers.add(me)  # one instruction of Python: a writer sees it, or is seen here
            if self._closed:
                self._wait(me, False)
            return function(*arguments)
        finally:
            self._readers.discard(me)
            if self._closed:
                self._let_in()

    def exclusive(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return function(*arguments), which writes: nobody else is inside."""
        me = get_ident()
        if me == self._writer:
            return function(*arguments)
        try:
            with self._mutex:
                if self._closed:
                    ours = False
                else:
                    self._closed = True  # first, so that from now on readers ask
                    ours = not self._readers or self._readers == {me}
                    if ours:
                        self._writer = me
            if not ours:
                self._wait(me, True)
            return function(*arguments)
        finally:
            with self._mutex:
                if self._writer == me:
                    self._writer = None
                if self._waiting or self._writer is not None:
                    self._advance()
                else:
                    self._closed = False

    def _wait(self, me: int, writes: bool) -> None:
        """Come in, at once or in turn."""
        with self._mutex:
            if not writes:
                if not self._closed:
                    return
                self._readers.discard(me)
            self._closed = True
            turn = Lock()
            turn.acquire()
            mine = me, writes, turn
            self._waiting.append(mine)
            self._advance()
        try:
            while not turn.acquire(timeout=PATIENCE):
                self._let_in(look=True)
        except BaseException:  # an interrupt: what was given meanwhile, `finally` gives back
            with self._mutex:
                if mine in self._waiting:
                    self._waiting.remove(mine)
            raise

    def _let_in(self, look: bool = False) -> None:
        with self._mutex:
            if look:
                self._forget_the_gone()
            self._advance()

    def _advance(self) -> None:
        """Let in whose turn it is."""
        while self._waiting and self._writer is None:
            thread, writes, turn = self._waiting[0]
            if writes and self._readers - {thread}:
                break
            if writes:
                self._writer = thread
            else:
                self._readers.add(thread)
            self._waiting.popleft()
            turn.release()
        self._closed = self._writer is not None or bool(self._waiting)

    def _forget_the_gone(self) -> None:
        """Forget threads that an interrupt has thrown out between two lines of this file."""
        frames = sys._current_frames()

        def is_inside(thread: int) -> bool:
            frame = frames.get(thread)
            while frame is not None:
                if frame.f_code in _INSIDE and frame.f_locals.get("self") is self:
                    return True
                frame = frame.f_back
            return False

        self._readers = {one for one in self._readers if is_inside(one)}
        if self._writer is not None and not is_inside(self._writer):
            self._writer = None

    def _start_anew(self) -> None:
        me = get_ident()
        self._mutex, self._waiting = Lock(), deque()
        self._readers &= {me}
        self._writer = self._writer if self._writer == me else None
        self._closed = self._writer is not None


_INSIDE = {Gate.shared.__code__, Gate.exclusive.__code__}
_gates: "weakref.WeakSet[Gate]" = weakref.WeakSet()


def _after_fork() -> None:
    """Forget the threads that stayed in the parent."""
    for gate in _gates:
        gate._start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
