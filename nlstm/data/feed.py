"""Data that come batch by batch: generators, iterators, lists of batches, Keras's PyDataset."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from nlstm.arguments.numbers import is_arraylike
from nlstm.arguments.warned import warn_user
from nlstm.data.sources import is_pair, is_source

__all__ = ["Feed", "is_batches", "number_of_batches", "pass_over", "unpacked"]

END: Any = object()  # what stands after the last item


def is_batches(x: Any) -> bool:
    """Whether `x` yields batches, rather than being one set of data."""
    if isinstance(x, np.ndarray | list | tuple | Mapping | str | bytes | set | range) or x is None:
        return False
    if is_source(x) or is_pair(x) or is_arraylike(x) or hasattr(x, "dtype"):
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or _is_indexed(x)


def _is_indexed(x: Any) -> bool:
    return hasattr(x, "__getitem__") and (hasattr(x, "__len__") or hasattr(x, "num_batches"))


def number_of_batches(x: Any) -> int | None:
    """Return how many batches a pass over `x` has, where it says so."""
    if hasattr(x, "num_batches"):  # Keras's PyDataset may be endless
        return None if x.num_batches is None else int(x.num_batches)
    return len(x) if hasattr(x, "__len__") else None


def pass_over(x: Any, order: Callable[[int], np.ndarray] | None = None) -> Iterator[Any]:
    """Give the batches of one pass.

    Parameters
    ----------
    x : iterable, iterator, or object with __len__ and __getitem__
        Hooks `on_epoch_begin` and `on_epoch_end` of the latter are called.
    order : callable, optional
        Returns the order in which so many numbered batches are taken.
    """
    if hasattr(x, "__next__") or not _is_indexed(x):
        for item in x:  # noqa: UP028, "yield from" would close a user's generator with this one
            yield item
        return
    size = number_of_batches(x)
    getattr(x, "on_epoch_begin", _nothing)()
    numbers = iter(int, 1) if size is None else range(size)
    if size is None:
        numbers = _count()
    elif order is not None:
        numbers = order(size).tolist()
    for number in numbers:
        yield x[number]
    getattr(x, "on_epoch_end", _nothing)()


def _nothing() -> None:
    pass


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def unpacked(batch: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) of a batch: x, (x,), (x, y) or (x, y, sample_weight)."""
    if not isinstance(batch, tuple | list):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(f"A batch is x, (x, y) or (x, y, sample_weight); got {len(batch)} parts.")
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight


class Feed:
    """Items for one epoch after the other.

    Parameters
    ----------
    begin : callable
        Returns an iterator over the items of one pass over the data.
    size : int or None
        Items of a pass, where known.
    steps : int, optional
        Items of an epoch; by default a pass. With it epochs go on where the one before stopped. One
        in which a pass ends is cut short, as Keras does it, and the next begins a new pass.
    """

    def __init__(
        self,
        begin: Callable[[], Iterator[Any]],
        size: int | None,
        steps: int | None = None,
    ) -> None:
        self._begin, self._steps = begin, steps
        self.size = size if steps is None else steps
        self._current: Iterator[Any] | None = None
        self._ahead: list[Any] = []  # an item of the current pass that was looked at
        self._warned = False
        self.once = False  # whether another pass would not begin from the start
        self.passed = 0  # items of the current pass that were given
        self.make: Callable[[Any], Any] = lambda item: item  # what an epoch gives for an item
        # Gives the batches of a pass apart from all epochs: (Data, rows), or as they come.
        self.again: Callable[[], Iterator[Any]] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether an epoch begins where the one before stopped."""
        return self._steps is not None

    def resume(self, passed: int) -> None:
        """Begin anew, because seeds have changed, after the first `passed` items of a pass."""
        self.restart()
        if passed:
            for _ in range(passed):
                self._next()
            self.passed = passed

    def peek(self) -> Any:
        """Return the first item of the next epoch, which is kept for it; None if there is none."""
        self.restart()
        first = self._next()
        if first is END:
            return None
        self._ahead = [first]
        return first

    def restart(self) -> None:
        """Let the next epoch begin with a new pass, if there is more than one."""
        if not self.once:
            self._current, self._ahead = None, []

    def epoch(self, first: int = 0) -> Iterator[Any]:
        """Give the items of the next epoch, or of one whose first items were given before."""
        steps, step = self._steps, first
        while steps is None or step < steps:
            fresh, item = self._current is None, self._next()
            if item is END and step == 0 and not fresh:  # the last epoch ended with a pass
                self._current = None
                item = self._next()
            if item is END:
                self._current = None
                if steps is not None and step:
                    self._warn(step, steps)
                return
            step += 1
            self.passed += 1
            yield self.make(item)

    def _next(self) -> Any:
        """Return the next item of the current pass, or END."""
        if self._ahead:
            return self._ahead.pop()
        if self._current is None:
            self._current, self.passed = self._begin(), 0
        return next(self._current, END)

    def _warn(self, step: int, steps: int) -> None:
        if not self._warned:
            self._warned = True
            warn_user(
                f"The data ran out after {step} of {steps} steps of this epoch, which ends there."
            )
