"""What a run shows: a live line an epoch where one can be drawn, and a line at the end of each."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from nlstm.arguments.shown import cells
from nlstm.training.output import COLUMNS, folded, is_live, printable, say, shows, width

__all__ = ["Progress", "checked_verbose"]

WHOLE = (int, np.integer)  # True and False too
FIRST_SECONDS = 0.2  # a part that is over by then is not drawn before its end
SECONDS_PER_UPDATE = 0.25
BAR = 8, 20  # cells of the bar at least, and at most
PLAIN = 1e-3, 1e6  # smaller and larger numbers are shown with an exponent


def checked_verbose(verbose: Any) -> int:
    """Return 0, 1 or 2 for Keras's `verbose`; "auto" is 1 where output is live, else 2."""
    if isinstance(verbose, str) and verbose == "auto":
        return 1 if is_live() else 2
    if isinstance(verbose, WHOLE) and verbose in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"verbose must be 'auto', 0, 1 or 2; got {verbose!r}.")


class Progress:
    """The display of one run. Where standard output fails, the run goes on without.

    Parameters
    ----------
    verbose : int
        0 nothing; 1 a live line while a part runs, and one at its end; 2 the latter alone. Where
        output is not live, 1 is as 2: a bar would flood a pipe.
    logs : callable
        Returns the running loss and metrics; asked a few times a second at most.
    lines : bool, default True
        Whether a part leaves a line behind.

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
        self._title, self._start, self._next = "", 0.0, 0.0
        self.steps: int | None = None

    def begin(self, title: str, steps: int | None) -> None:
        """Start a part of `steps` batches; None where their number is not known before the end."""
        self._title, self.steps = title, steps
        self._start = time.perf_counter()
        self._next = self._start + FIRST_SECONDS

    @property
    def step_hook(self) -> Callable[[int], None] | None:
        """A function to call after each batch with its number; None where nothing is drawn."""
        return self._step if self._live else None

    def _step(self, batch: int) -> None:
        now = time.perf_counter()
        if now >= self._next and self._live:
            self._next = now + SECONDS_PER_UPDATE
            logs = self._logs()
            with self._or_without():
                self._draw(batch + 1, now - self._start, logs)

    def _draw(self, batches: int, seconds: float, logs: Mapping[str, float]) -> None:
        columns = width() or COLUMNS
        line = _live_line(self._title, batches, self.steps, seconds, logs, columns)
        text = (line or " ").replace("{", "{{").replace("}", "}}")
        if self._bar is None:
            from tqdm.std import tqdm  # it knows the bars that somebody has drawn around this one

            # Not drawn yet: if that fails, there is a bar to close.
            self._bar = tqdm(leave=False, file=sys.stdout, mininterval=0.0, delay=1e-9)
        self._bar.bar_format, self._bar.ncols = text, columns
        self._bar.refresh()

    def end(self, logs: Mapping[str, float]) -> None:
        """End the part with its line."""
        with self._or_without():
            self._close(leave=False)
            if self._lines:
                seconds = time.perf_counter() - self._start
                took = f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
                parts = [self._title, f"{self.steps} steps", took, *_named(logs)]
                with _between_bars(self._live):
                    say(folded(parts, width()), flush=True)

    def close(self) -> None:
        """Let go of a line that is live; of a part that was cut short it stays."""
        with self._or_without():
            self._close(leave=self._lines)

    def _close(self, leave: bool) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.leave = leave
            bar.close()

    @contextlib.contextmanager
    def _or_without(self) -> Iterator[None]:
        """Show nothing more where the terminal or the file is gone, or the disk is full."""
        try:
            yield
        except OSError:
            self._live = self._lines = False
        except ValueError:
            if not getattr(sys.stdout, "closed", False):
                raise
            self._live = self._lines = False


@contextlib.contextmanager
def _between_bars(live: bool) -> Iterator[None]:
    """Take bars that somebody has drawn around this one off the screen for a moment."""
    if not (live and "tqdm" in sys.modules):
        yield
        return
    from tqdm.std import tqdm

    with tqdm.external_write_mode(sys.stdout):
        yield


def _live_line(
    title: str,
    batches: int,
    steps: int | None,
    seconds: float,
    logs: Mapping[str, float],
    columns: int,
) -> str:
    """Return the line for a part that runs: what fits whole, the most important first."""
    room = columns - 1  # the last column makes some terminals wrap
    count = f"{batches}/{steps}" if steps else f"{batches} steps"
    head = next((one for one in (f"{title} - {count}", count, "") if cells(one) <= room), "")
    tail = ""
    for part in _named(logs):
        if head and cells(f"{head}{tail} - {part}") <= room:
            tail += f" - {part}"
        else:
            break
    if head.startswith(title):
        times, bar = [f" - {_clock(seconds)}"], 0
        if steps:
            left = f"{_clock(seconds / batches * max(steps - batches, 0))} left"
            times, bar = [f"{times[0]}, {left}", f" - {left}"], 1 + BAR[0]
        wide = cells(head + times[0] + tail) + bar <= room  # the bar before the time that has gone
        narrow = cells(head + times[-1] + tail) <= room
        tail = (times[0] if wide else times[-1] if narrow else "") + tail
    if steps and head.startswith(title):
        free = min(room - cells(head + tail) - 1, BAR[1])
        if free >= BAR[0]:
            full = free * min(batches, steps) // steps
            on, off = ("━", "╌") if shows("━╌") else ("#", ".")
            head += f" {on * full}{off * (free - full)}"
    return head + tail


def _clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _named(logs: Mapping[str, float]) -> list[str]:
    return [printable(f"{name}: {_shown(value)}") for name, value in logs.items()]


def _shown(value: Any) -> str:
    if np.ndim(value):  # a metric of several numbers, such as one for each class
        return f"[{', '.join(map(_shown, value))}]"
    plain = value == 0 or PLAIN[0] < abs(value) < PLAIN[1]
    return f"{value:.4f}" if plain else f"{value:.4e}"
