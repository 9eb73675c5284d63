"""Names: a thing by the one a user wrote, what is near when there is none, and a free one."""

import difflib
import re
from collections.abc import Iterable

__all__ = ["free_name", "snake_case", "unknown_name"]


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


def free_name(name: str, taken: set[str]) -> str:
    """Return `name`, with a number if it is taken."""
    if name not in taken:
        return name
    return next(f"{name}_{n}" for n in range(1, len(taken) + 1) if f"{name}_{n}" not in taken)
