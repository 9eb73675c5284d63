"""Names: a thing by the one a user wrote, what is near when there is none, and a free one."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

__all__ = ["Registry", "free_name", "snake_case", "unknown_name"]

Thing = TypeVar("Thing")


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


class Registry(Generic[Thing]):
    """Classes of one kind by Keras's names: snake case, the class's own, and short forms.

    Parameters
    ----------
    kind : str
        What they are, for errors: ``"loss"``.
    interface : type
        What all of them are.
    classes : dict of str to type
    aliases : dict of str to type, optional
        Short forms, in small and in capital letters.
    """

    def __init__(
        self,
        kind: str,
        interface: type[Thing],
        classes: Mapping[str, Callable[..., Thing]],
        aliases: Mapping[str, Callable[..., Thing]] | None = None,
    ) -> None:
        self.kind, self.interface, self.classes = kind, interface, classes
        self.shown = {**classes, **(aliases or {})}
        self.by_name = {
            **self.shown,
            **{name.upper(): found for name, found in (aliases or {}).items()},
            **{found.__name__: found for found in classes.values()},
        }

    def get(self, identifier: Any, other: str) -> Thing:
        """Return the thing for a name, an object or a class.

        Parameters
        ----------
        identifier : str, object or type
        other : str
            What else than a name may come, for the error.
        """
        if isinstance(identifier, str):
            if identifier not in self.by_name:
                raise unknown_name(self.kind, identifier, self.shown)
            return self.by_name[identifier]()
        if isinstance(identifier, type) and issubclass(identifier, self.interface):
            return identifier()
        if isinstance(identifier, self.interface):
            return identifier
        article = "An" if self.kind[0] in "aeiou" else "A"
        raise TypeError(f"{article} {self.kind} is a name or {other}; got {identifier!r}.")
