"""Counting batches for callbacks that act after every so many."""

from typing import Any, NamedTuple

__all__ = ["EveryBatches", "Epochs", "checked_save_freq"]


class Epochs(NamedTuple):
    """So many epochs, which Keras 2's `period` counted."""

    number: int


def checked_save_freq(value: Any) -> Any:
    """Return "epoch" or a positive number of batches, or raise an error that says so."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if value != "epoch" and not whole and not isinstance(value, Epochs):
        raise ValueError(f"save_freq must be 'epoch' or a number of batches; got {value!r}.")
    return value


class EveryBatches:
    """Says at which batches it is time: Keras's count, which goes on from epoch to epoch.

    Parameters
    ----------
    every : "epoch" or int
        "epoch" means at no batch.
    """

    def __init__(self, every: str | int | Epochs) -> None:
        self._every = every
        self._passed = 0
        self._last: int | None = None

    def __call__(self, batch: int) -> bool:
        """Count `batch`; whether it is time."""
        if not isinstance(self._every, int):
            return False
        new_epoch = self._last is None or batch <= self._last
        self._passed += batch + 1 if new_epoch else batch - (self._last or 0)
        self._last = batch
        if self._passed < self._every:
            return False
        self._passed = 0
        return True

    def get_state(self) -> list[int | None]:
        """Return the counts."""
        return [self._passed, self._last]

    def set_state(self, state: Any) -> None:
        """Put them back."""
        self._passed, self._last = state
