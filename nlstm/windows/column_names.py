"""Names of columns: those that frames agree on, and that columns stand where they are counted."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlstm.windows.frames import Given

__all__ = ["check_columns", "check_order_of_columns", "common_names", "names_of"]


def names_of(given: Given) -> list[Any] | None:
    """Return the names of a frame's columns as JSON has them; None where it has none.

    That of a Series is none of a column.
    """
    return None if given.flat or not given.names else [_plain(one) for one in given.names]


def _are_places(names: list[Any]) -> bool:
    """Whether names are numbers from 0 on, as pandas calls columns that have none."""
    return names == list(range(len(names)))


def _plain(name: Any) -> Any:
    if isinstance(name, np.generic):
        name = name.item()
    if isinstance(name, tuple):
        return tuple(map(_plain, name))
    return name if isinstance(name, str | int) else str(name)


def common_names(given: Sequence[Given]) -> list[Any] | None:
    """Return the names of columns of all frames; None where there are none, or they differ."""
    found = [names for names in map(names_of, given) if names is not None]
    return found[0] if found and all(names == found[0] for names in found) else None


def check_order_of_columns(names: Sequence[str], given: Sequence[Given]) -> None:
    """Raise a ValueError for frames that have a column at another place than the first has."""
    columns = [None if one.flat else one.names for one in given]
    first = next((number for number, one in enumerate(columns) if one), None)
    if first is None:
        return
    wanted: Any = columns[first]
    for name, found in zip(names, columns, strict=True):
        if not found or found == wanted:
            continue
        if set(found) == set(wanted):
            raise ValueError(
                f"{name} has columns {found}, but {names[first]} has {wanted}. They count by "
                f"place: frame[{wanted}] puts them in order."
            )
        for place, column in enumerate(found):
            if column in wanted and (place >= len(wanted) or wanted[place] != column):
                raise ValueError(
                    f"{name} has column {column!r} at place {place}, but {names[first]} has it at "
                    f"place {wanted.index(column)}. They count by place: give all the same order."
                )


def check_columns(called: str, given: Given, names: list[Any], chosen: np.ndarray | None) -> None:
    """Raise a ValueError for a frame whose columns are not those that a scaler was fitted on.

    Parameters
    ----------
    called : str
        What errors call the frame.
    given : Given
    names : list
        Those that the scaler knows.
    chosen : ndarray or None
        Which of them the user says that the frame holds; its own names may be others then, but none
        that the scaler knows by another place.
    """
    found = names_of(given)
    if found is None:
        return
    wanted = names if chosen is None else [names[place] for place in chosen]
    if found == wanted or (chosen is not None and _are_places(found)):
        return
    if (_are_places(found) or _are_places(names)) and set(found) != set(wanted):
        return
    known = set(found) & set(wanted if chosen is None else names)
    if chosen is not None and len(found) == len(wanted):
        pairs = zip(found, wanted, strict=True)
        if not any(one in known and one != other for one, other in pairs):
            return
    missing = [one for one in wanted if one not in found]
    unknown = [one for one in found if one not in wanted]
    those = "scaler.names" if chosen is None else str(wanted)
    if not missing and not unknown:
        raise ValueError(
            f"{called} has the columns {_listed(found)} in another order than the scaler was "
            f"fitted on. They count by place: frame[{those}] puts them in order."
        )
    parts = {"missing": missing, "unknown": unknown}
    told = "; ".join(f"{word} {_listed(one)}" for word, one in parts.items() if one)
    ways = "" if missing else f" frame[{those}] leaves them out."
    raise ValueError(
        f"{called} has other columns than the scaler was fitted on: {told}.{ways} An array, as of "
        "to_numpy(), goes by place."
    )


def _listed(names: list[Any]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(one) for one in names[:8]) + more
