"""Data that come batch by batch: generators, iterators, lists of batches, Keras's PyDataset."""

import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from nlstm.data.sources import is_pair, is_source

__all__ = ["Feed", "is_batches", "number_of_batches", "pass_over", "unpacked"]


def is_batches(x: Any) -> bool:
    """Whether `x` yields batches, rather than being one set of data."""
    if isinstance(x, np.ndarray | list | tuple | dict | str | bytes | set) or x is None:
        return False
    if is_source(x) or is_pair(x) or hasattr(x, "__array__") or hasattr(x, "dtype"):
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
        yield from x
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
        Items of an epoch; by default a pass. With it epochs go on where the one before stopped.
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
        self.once = False  # whether another pass would not begin from the start
        self.passed = 0  # items of the current pass that were given
        self.make: Callable[[Any], Any] = lambda item: item  # what an epoch gives for an item

    @property
    def goes_on(self) -> bool:
        """Whether an epoch begins where the one before stopped."""
        return self._steps is not None

    def resume(self, passed: int) -> None:
        """Begin anew, because seeds have changed, after the first `passed` items of a pass."""
        if not self.once:
            self._current = None
        if passed:
            current = self._begin() if self._current is None else self._current
            for _ in range(passed):
                next(current, None)
            self._current, self.passed = current, passed

    def peek(self) -> Any:
        """Return the first item of the next epoch, which is kept for it; None if there is none."""
        current = self._begin()
        for first in current:
            self._current = chain([first], current)
            return first
        return None

    def restart(self) -> None:
        """Let the next epoch begin with a new pass."""
        self._current = None

    def epoch(self, first: int = 0) -> Iterator[Any]:
        """Give the items of the next epoch, or of one whose first items were given before."""
        if self._steps is not None:
            yield from self._some(self._steps - first)
            return
        current, self._current = self._current, None
        if current is None:
            current, self.passed = self._begin(), 0
        for item in current:
            self.passed += 1
            yield self.make(item)

    def _some(self, steps: int) -> Iterator[Any]:
        for step in range(steps):
            for fresh in (False, True):
                if self._current is None or fresh:
                    self._current, self.passed = self._begin(), 0
                item = next(self._current, None)
                if item is not None:
                    break
            else:
                warnings.warn(
                    f"The data ran out after {step} of {steps} steps of this epoch.",
                    RuntimeWarning,
                    stacklevel=4,
                )
                return
            self.passed += 1
            yield self.make(item)
