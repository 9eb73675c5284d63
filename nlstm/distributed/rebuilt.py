"""Whether `build` still makes the models that a folder has: one of them is built again."""

from collections.abc import Callable, Sequence
from typing import Any

from nlstm.distributed.built import difference
from nlstm.distributed.chunks import seed_of
from nlstm.distributed.crew import Crew
from nlstm.distributed.shelf import Shelf
from nlstm.distributed.work import Unreadable, build_one

__all__ = ["Rebuilt"]

TRIES = 3  # fits that are built again until one can be compared: the data of others may have gone


class Rebuilt:
    """Compares one fit of a shelf, the first that can be, with what a worker builds for it now.

    Parameters
    ----------
    shelf : Shelf
    crew : Crew
        One that is idle while it is asked.
    job : bytes
    root : sequence of int
        What seeds come from.
    """

    def __init__(self, shelf: Shelf, crew: Crew, job: bytes, root: Sequence[int]) -> None:
        self._shelf, self._crew, self._job, self._root = shelf, crew, job, root
        self._tries = TRIES

    @property
    def done(self) -> bool:
        """Whether one was compared, or none could be."""
        return not self._tries

    def compare(self, key: Any, data: Callable[[], bytes]) -> None:
        """Raise a ValueError where the model of a key was another one; nothing once it is `done`.

        `data` : returns what goes to the worker.
        """
        entry = self._shelf.entries.get(key)
        if self.done or entry is None or entry.failure is not None:
            return
        before = self._shelf.built(key)
        if before is None:
            return
        now = self._built(key, data())
        self._tries = 0 if now is not None else self._tries - 1
        found = None if now is None else difference(before, now)
        if found is not None:
            place, was, would_be = found
            raise ValueError(
                f"out has fits of another model: {key!r} was made with {was} as {place}, and "
                f"now it would be {would_be}. Choose another folder, or remove it."
            )

    def _built(self, key: Any, data: bytes) -> str | None:
        crew = self._crew
        future = crew.submit(build_one, self._job, key, seed_of(self._root, key), data)
        try:
            found: str | None = future.result()
        except Unreadable:
            raise
        except Exception as error:  # of the executor: where it goes on, so does the call
            crew.ended(future, error)
            return None
        crew.ended(future, None)
        return found
