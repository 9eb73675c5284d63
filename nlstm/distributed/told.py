"""What the client shows of a job as a whole: a bar where one can be drawn, else some lines."""

import contextlib
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from nlstm.training.output import COLUMNS, is_live, say, width
from nlstm.training.progress import checked_verbose

__all__ = ["Told"]

SECONDS = 10.0  # between lines where there is no bar


class Told:
    """The display of one call.

    Parameters
    ----------
    verbose : {"auto", 0, 1, 2}
        0 nothing; 1 a bar, where output is live; 2 lines.
    title : str
    size : int or None
        Fits to do.
    found : int
        Fits that were there already.
    """

    def __init__(self, verbose: Any, title: str, size: int | None, found: int) -> None:
        level = checked_verbose(verbose)
        self._title, self._size, self._found = title, size, found
        self._lines, self._start = level > 0, time.perf_counter()
        self._next = self._start + SECONDS
        self.done = self.failed = 0
        self._bar: Any = None
        if level == 1 and is_live():
            from tqdm.std import tqdm

            self._bar = tqdm(
                total=size, desc=title, file=sys.stdout, ncols=width() or COLUMNS, leave=False
            )

    def advance(self, good: int, failed: int, logs: Mapping[str, Any]) -> None:
        """Tell that fits have ended, and the logs of the last one."""
        self.done, self.failed = self.done + good + failed, self.failed + failed
        now = time.perf_counter()
        with contextlib.suppress(OSError, ValueError):  # nobody looks any more
            if self._bar is not None:
                numbers = {n: f"{one:.4g}" for n, one in logs.items() if np.ndim(one) == 0}
                failures = {"failed": self.failed} if self.failed else {}
                self._bar.set_postfix(failures | dict(list(numbers.items())[:2]), refresh=False)
                self._bar.update(good + failed)
            elif self._lines and now >= self._next and self.done != self._size:
                self._next = now + SECONDS
                say(f"{self._title} - {self._state(now - self._start)}", flush=True)

    def _state(self, seconds: float) -> str:
        whole = f"/{self._size}" if self._size is not None else ""
        parts = [f"{self.done}{whole}", f"{seconds:.0f} s"]
        if self._size is not None and self.done:
            parts.append(f"{seconds / self.done * (self._size - self.done):.0f} s left")
        return " - ".join([*parts, *([f"{self.failed} failed"] if self.failed else [])])

    def close(self, ended: bool = True) -> None:
        """Take the bar away, and say what was done."""
        with contextlib.suppress(OSError, ValueError):
            if self._bar is not None:
                self._bar.close()
            if self._lines:
                seconds = time.perf_counter() - self._start
                found = f" - {self._found} were there" if self._found else ""
                failed = f" - {self.failed} failed" if self.failed else ""
                cut = "" if ended else " - stopped"
                say(f"{self._title} - {self.done} in {seconds:.1f} s{found}{failed}{cut}", True)
