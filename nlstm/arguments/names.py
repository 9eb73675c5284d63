"""Names: a thing by the one a user wrote, what is near when there is none, and a free one."""

import difflib
import re
from collections.abc import Iterable

__all__ = ["FreeNames", "snake_case", "unknown_name"]


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """Return the error for a name that is not known.

    Parameters
    ----------
    kind : str
        What was looked for: ``"loss"``, ``"activation"``.
    name : object
        What came.
    known : iterable of str
        Every name that would have been right.
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.5)
    if near:
        hint = "did you mean " + " or ".join(repr(one) for one in near) + "?"
    else:
        hint = "known are " + ", ".join(repr(one) for one in names) + "."
    return ValueError(f"Unknown {kind} {name!r}: {hint}")


def snake_case(name: str) -> str:
    """Return the name that Keras gives by default to what is of the class `name`."""
    split = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", split).lower()


class FreeNames:
    """Gives names that are free, thousands of one kind too.

    Parameters
    ----------
    taken : iterable of str
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self._tried: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.taken

    def take(self, name: str) -> None:
        """Let a name be free no more."""
        self.taken.add(name)

    def free(self, name: str) -> str:
        """Return `name`, with a number if it is taken."""
        if name not in self.taken:
            return name
        number = self._tried.get(name, 1)
        while f"{name}_{number}" in self.taken:
            number += 1
        self._tried[name] = number
        return f"{name}_{number}"
