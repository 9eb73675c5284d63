"""Numbered batches: what users subclass to load data as they are needed."""

import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["PyDataset"]


class PyDataset:
    """Batches that `fit`, `evaluate` and `predict` ask for by number.

    A subclass has ``__getitem__(index)``, which returns x, (x, y) or (x, y, sample_weight), and
    ``__len__()``, or a property `num_batches`, which may be None for an endless one. It may have
    ``on_epoch_begin`` and ``on_epoch_end``. `fit` takes the batches in a random order unless
    ``shuffle=False``.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size
        For old code; batches are asked for one after the other, when they are needed.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers, self.use_multiprocessing = workers, use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index).")

    def __iter__(self) -> Iterator[Any]:
        """Give the batches in their order."""
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None for an endless set."""
        length = getattr(self, "__len__", None)
        if length is None:
            raise NotImplementedError(f"{type(self).__name__} must define __len__().")
        return length()

    def on_epoch_begin(self) -> None:
        """Run before a pass."""

    def on_epoch_end(self) -> None:
        """Run after a pass."""
