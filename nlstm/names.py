"""Finding a thing by the name a user wrote, and saying what is near when there is none."""

import difflib
from collections.abc import Iterable

__all__ = ["unknown_name"]


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
