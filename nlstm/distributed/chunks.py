"""Fits in chunks of some seconds, handed out until none is left; what fails twice is told.

Where a call fails as a whole, because its worker died or could not read it, its chunk is halved
until the one fit is alone that is at fault.
"""

import hashlib
import json
import math
from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from nlstm.arguments.warned import warn_user
from nlstm.distributed.crew import Crew
from nlstm.distributed.work import Failure, Outcome, Unreadable, fit_chunk

__all__ = ["Item", "Keeper", "Supply", "carry_out", "seed_of"]

SECONDS = 20.0  # of a chunk
LEAST = 1.0  # seconds of a chunk near the end, where chunks get smaller so that all end together
MOST_BYTES = 8 << 20  # of the data of a chunk, unless one fit has more
MOST = 1000  # fits of a chunk
TRIES = 2
HOPELESS = 10  # fits that have failed before any other came
CROWDED = (
    "Several chunks came to one worker process at once, and waited for each other: a worker needs "
    "one thread (Dask: --nthreads 1, or Client(threads_per_worker=1))."
)


@dataclass
class Item:
    """One fit: its key, its data as bytes, how often it has failed."""

    key: Any
    data: bytes
    failures: int = 0


@dataclass
class Supply:
    """Where fits come from.

    Attributes
    ----------
    items : iterator of Item or None
        None stands for: none before another one has ended.
    size : int or None
        How many there are, if that is known.
    alone : bool
        Whether each fit is a chunk, and waits for a free worker: for proposals that learn.
    """

    items: Iterable[Item | None]
    size: int | None = None
    alone: bool = False


class Keeper(Protocol):
    """Who keeps what comes."""

    @property
    def count(self) -> int:
        """How many models there are, former ones too."""

    def keep(self, good: list[tuple[Item, Outcome]], bad: list[tuple[Item, Outcome]]) -> None:
        """Keep models, and the failures of fits that are given up."""


def seed_of(root: Iterable[int], key: Any) -> int:
    """Return the seed of a fit, by its key alone."""
    text = json.dumps([list(root), key], default=str)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")


@dataclass
class _Pace:
    """How many fits make a chunk, by what the last chunk took."""

    each: float | None = None

    def size(self, left: int | None, workers: int) -> int:
        if self.each is None:
            return 1
        each = max(self.each, 1e-6)
        count = min(MOST, int(SECONDS / each))
        if left is not None:
            count = min(count, max(math.ceil(left / (2 * workers)), int(LEAST / each)))
        return max(1, count)

    def learn(self, outcomes: list[Outcome]) -> None:
        self.each = sum(one.seconds for one in outcomes) / len(outcomes)


@dataclass
class _Books:
    """What is under way."""

    supply: Supply
    keeper: Keeper
    root: tuple[int, ...]
    noun: str
    pace: _Pace = field(default_factory=_Pace)
    again: "deque[list[Item]]" = field(default_factory=deque)
    pending: dict[Future[Any], list[Item]] = field(default_factory=dict)
    taken: int = 0
    given_up: list[tuple[Item, Outcome]] = field(default_factory=list)  # before the first success
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.items = iter(self.supply.items)

    def chunk(self, workers: int) -> list[Item]:
        """Return what is to be done next; an empty list for nothing, or nothing yet."""
        if self.again:
            return self.again.popleft()
        left = None if self.supply.size is None else self.supply.size - self.taken
        most = 1 if self.supply.alone else self.pace.size(left, workers)
        chunk: list[Item] = []
        size = 0
        while len(chunk) < most and size < MOST_BYTES:
            item = next(self.items, None)
            if item is None:
                break
            chunk.append(item)
            size += len(item.data)
        self.taken += len(chunk)
        return chunk

    def hear(self, chunk: list[Item], outcomes: list[Outcome]) -> None:
        """Keep what is good, and try again what is not."""
        if all(one.failure is None for one in outcomes):
            self.pace.learn(outcomes)
        pairs = list(zip(chunk, outcomes, strict=True))
        good = [pair for pair in pairs if pair[1].failure is None]
        bad = self._failed([pair for pair in pairs if pair[1].failure is not None])
        self._keep(good, bad)

    def lose(self, chunk: list[Item], error: BaseException) -> None:
        """Do again in halves what was lost as a whole."""
        if len(chunk) > 1:
            half = len(chunk) // 2
            self.again.extend([chunk[:half], chunk[half:]])
            return
        text = f"The worker was lost, or could not do it: {error}"
        failure = Failure(type(error).__name__, text)
        self._keep([], self._failed([(chunk[0], Outcome(0.0, failure=failure))]))

    def _failed(self, pairs: list[tuple[Item, Outcome]]) -> list[tuple[Item, Outcome]]:
        """Count failures; return those that are not tried again."""
        for item, _ in pairs:
            item.failures += 1
        again = [item for item, _ in pairs if item.failures < TRIES]
        if again:
            self.again.append(again)
        return [pair for pair in pairs if pair[0].failures >= TRIES]

    def _keep(self, good: list[tuple[Item, Outcome]], bad: list[tuple[Item, Outcome]]) -> None:
        if not good and not self.keeper.count:
            self.given_up += bad
            self._check_hope()
            return
        bad, self.given_up = [*self.given_up, *bad], []
        if good or bad:
            self.keeper.keep(good, bad)

    def _check_hope(self) -> None:
        """Raise where nothing but failures has come, as from a fault in what builds models."""
        failed, size = len(self.given_up), self.supply.size
        if failed and failed >= min(HOPELESS, HOPELESS if size is None else size):
            item, outcome = self.given_up[0]
            which = "only" if failed == size == 1 else f"first {failed}"
            raise RuntimeError(
                f"The {which} {self.noun} failed, twice each, and nothing else came; no more are "
                f"tried. {item.key!r} ended with {outcome.failure}"
                + (f"\n\nIn the worker:\n{outcome.failure.traceback}" if outcome.failure else "")
            )

    def keep_what_came(self) -> None:
        """Keep the models of chunks that are done, and were not heard of yet."""
        for future, chunk in self.pending.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                pairs = zip(chunk, future.result()[0], strict=True)
                good = [pair for pair in pairs if pair[1].failure is None]
                if good:
                    self.keeper.keep(good, [])

    def note(self, outcomes: list[Outcome], waited: bool) -> None:
        """Note what workers warned of."""
        self.told += [f"In a worker: {text}" for one in outcomes for text in one.warned]
        self.told += [CROWDED] if waited else []
        self.told = list(dict.fromkeys(self.told))[:HOPELESS]


def carry_out(
    supply: Supply, crew: Crew, job: bytes, keeper: Keeper, root: tuple[int, ...], noun: str
) -> None:
    """Hand out chunks until all fits are kept, or given up."""
    books = _Books(supply, keeper, root, noun)
    try:
        _until_done(books, crew, job)
    except BaseException as error:
        for future in books.pending:
            future.cancel()
        if isinstance(error, KeyboardInterrupt):
            books.keep_what_came()
        raise
    if books.given_up:
        keeper.keep([], books.given_up)
    for text in books.told:
        warn_user(text)


def _until_done(books: _Books, crew: Crew, job: bytes) -> None:
    while True:
        _hand_out(books, crew, job)
        if not books.pending:
            break
        done, _ = wait(books.pending, return_when=FIRST_COMPLETED)
        for future in [one for one in books.pending if one in done]:  # as they were handed out
            chunk = books.pending[future]  # until it is kept, for an interrupt
            try:
                outcomes, waited = future.result()
            except Unreadable:
                raise
            except Exception as error:  # of the executor, not of a fit
                crew.ended(future, error)
                books.lose(chunk, error)
            else:
                crew.ended(future, None)
                books.hear(chunk, outcomes)
                books.note(outcomes, waited)
            del books.pending[future]


def _hand_out(books: _Books, crew: Crew, job: bytes) -> None:
    workers = crew.workers
    room = crew.room(len(books.pending))
    if books.supply.alone:
        room = min(room, workers - len(books.pending))
    for _ in range(room):
        chunk = books.chunk(workers)
        if not chunk:
            break
        calls = [(item.key, seed_of(books.root, item.key), item.data) for item in chunk]
        books.pending[crew.submit(fit_chunk, job, calls)] = chunk
