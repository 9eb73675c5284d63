"""What a run shows: a live bar an epoch on a terminal or in a notebook, a line anywhere else."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nlstm.training.output import printable, say

__all__ = ["Progress", "checked_verbose", "is_live"]

WHOLE = (int, np.integer)  # True and False too
FIRST_SECONDS = 0.2  # a part that is over by then is drawn once, at its end
SECONDS_PER_UPDATE = 0.25


def is_live() -> bool:
    """Whether output goes to a terminal or a notebook, where a bar can be redrawn."""
    return "ipykernel" in sys.modules or bool(getattr(sys.stdout, "isatty", bool)())


def checked_verbose(verbose: Any) -> int:
    """Return 0, 1 or 2 for Keras's `verbose`; "auto" is 1 where output is live, else 2."""
    if isinstance(verbose, str) and verbose == "auto":
        return 1 if is_live() else 2
    if isinstance(verbose, WHOLE) and verbose in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"verbose must be 'auto', 0, 1 or 2; got {verbose!r}.")


class Progress:
    """The display of one run.

    Parameters
    ----------
    verbose : int
        0 nothing; 1 a live bar; 2 a line at the end of each part. Where output is not live, 1 is as
        2: a bar would flood a pipe.
    logs : callable
        Returns the running loss and metrics; asked a few times a second at most.
    lines : bool, default True
        Whether a part leaves its bar or line behind.

    Attributes
    ----------
    steps : int or None
        Batches of the part.
    """

    def __init__(
        self, verbose: int, logs: Callable[[], Mapping[str, float]], lines: bool = True
    ) -> None:
        self._lines = verbose > 0 and lines
        self._live = verbose == 1 and is_live()
        self._logs = logs
        self._bar: Any = None
        self._title, self._start, self._start_t, self._next = "", 0.0, 0.0, 0.0
        self.steps: int | None = None

    def begin(self, title: str, steps: int | None) -> None:
        """Start a part of `steps` batches; None where their number is not known before the end."""
        self._title, self.steps = title, steps
        self._start, self._start_t = time.perf_counter(), time.time()
        self._next = self._start + FIRST_SECONDS

    @property
    def step_hook(self) -> Callable[[int], None] | None:
        """A function to call after each batch with its number; None where nothing is drawn."""
        return self._step if self._live else None

    def _step(self, batch: int) -> None:
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + SECONDS_PER_UPDATE
            self._draw(batch + 1, self._logs())

    def _draw(self, batches: int, logs: Mapping[str, float]) -> None:
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(
                total=self.steps,
                desc=self._title,
                unit="step",
                leave=self._lines,
                file=sys.stdout,
                mininterval=0.0,  # how often is decided here
            )
            self._bar.start_t = self._start_t  # the bar's clock starts with the part
        self._bar.set_postfix_str(printable(_format(logs)), refresh=False)
        self._bar.update(batches - self._bar.n)

    def end(self, logs: Mapping[str, float]) -> None:
        """End the part: with its full bar where output is live, else with a line."""
        if self._live and self._lines:
            self._draw(self.steps or 0, logs)
        elif self._lines:
            seconds = time.perf_counter() - self._start
            took = f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
            head = f"{self._title} - {self.steps} steps - {took}"
            say(" - ".join([head, _format(logs)]) if logs else head, flush=True)
        self.close()

    def close(self) -> None:
        """Let the bar go."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _format(logs: Mapping[str, float]) -> str:
    return " - ".join(
        f"{name}: {value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{name}: {value:.4e}"
        for name, value in logs.items()
    )
