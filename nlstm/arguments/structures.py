"""Nested lists, tuples and dicts of things, in Keras's order: as they are given."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["is_nested", "leaves", "matched", "packed", "spread"]


def leaves(structure: Any) -> list[Any]:
    """Return what is in nested lists, tuples and dicts, in order."""
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if isinstance(structure, list | tuple):
        return [leaf for one in structure for leaf in leaves(one)]
    return [structure]


def packed(structure: Any, values: Iterable[Any]) -> Any:
    """Return a structure with `values` in the place of its leaves."""
    given = iter(values)

    def put(one: Any) -> Any:
        if isinstance(one, Mapping):
            return {key: put(inner) for key, inner in one.items()}
        if isinstance(one, list | tuple):
            made = [put(inner) for inner in one]
            if hasattr(one, "_fields"):  # a named tuple
                return type(one)(*made)
            return tuple(made) if isinstance(one, tuple) else made
        return next(given)

    return put(structure)


def is_nested(structure: Any) -> bool:
    """Whether lists, tuples or dicts lie in another one."""
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    return isinstance(structure, list | tuple) and any(
        isinstance(one, list | tuple | Mapping) for one in structure
    )


def matched(what: str, structure: Any, value: Any) -> list[Any]:
    """Return the parts of `value` that stand where `structure` has its leaves.

    Raises
    ------
    ValueError
        `value` is of another structure; the error names it `what`.
    """

    def parts(one: Any, given: Any) -> Iterator[Any]:
        if isinstance(one, Mapping):
            if not isinstance(given, Mapping) or any(key not in given for key in one):
                raise _unlike(what, structure)
            pairs: list[tuple[Any, Any]] = [(inner, given[key]) for key, inner in one.items()]
        elif isinstance(one, list | tuple):
            if not isinstance(given, list | tuple) or len(given) != len(one):
                raise _unlike(what, structure)
            pairs = list(zip(one, given, strict=True))
        else:
            yield given
            return
        for pair in pairs:
            yield from parts(*pair)

    return list(parts(structure, value))


def spread(structure: Any, value: Any) -> Any:
    """Return an entry for each leaf of `structure`; what is no list or dict serves all below it.

    A list with as many entries as there are leaves, or of another form, stays as it is.
    """
    found: list[Any] = []

    def walk(one: Any, given: Any) -> bool:
        if isinstance(one, Mapping):
            pairs = list(one.items())
            if isinstance(given, Mapping):
                return given.keys() <= one.keys() and all(
                    walk(inner, given.get(key)) for key, inner in pairs
                )
            if not isinstance(given, list | tuple):
                return all(walk(inner, given) for _, inner in pairs)
            one = [inner for _, inner in pairs]
        if isinstance(one, list | tuple):
            if isinstance(given, Mapping):
                return False
            if not isinstance(given, list | tuple):
                given = [given] * len(one)
            return len(given) == len(one) and all(map(walk, one, given))
        found.append(given)
        return True

    return found if walk(structure, value) else value


def _unlike(what: str, structure: Any) -> ValueError:
    wanted = packed(structure, [getattr(one, "name", one) for one in leaves(structure)])
    return ValueError(f"{what} must be of the structure {wanted}.")
