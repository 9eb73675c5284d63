"""One series or several: lists, tuples, dicts and generators of arrays, frames, groups."""

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import numpy as np

from nlstm.arguments.numbers import as_numbers, is_arraylike
from nlstm.windows.column_names import check_order_of_columns
from nlstm.windows.frames import Given, given_as
from nlstm.windows.paths import is_path

__all__ = ["Several", "opened"]


class Several(NamedTuple):
    """Series as arrays of real numbers, NaN where they are masked.

    Attributes
    ----------
    arrays : list of ndarray
    names : list of str
        What errors call them.
    keys : list or None
        Those of a dict.
    listed : bool
        Whether several came, or a list of one.
    given : list of Given
        What they came as.
    """

    arrays: list[np.ndarray]
    names: list[str]
    keys: list[Any] | None
    listed: bool
    given: list[Given]


def opened(series: Any, called: str = "series") -> Several:
    """Return one series, or several, as arrays.

    What becomes an array by itself is one series, a .npy file's path, and a list of numbers or of
    lists too. A list,
    tuple or generator of arrays is several, a dict always is; of pairs (key, series), as a group-by
    gives them, the series are taken. A frame's one column of dates is none of numbers. Errors name
    the argument `called`. `Several` is what this function has returned, and comes back as it is.
    """
    if isinstance(series, Several):
        return series
    keys, listed = None, isinstance(series, Mapping)
    if listed:
        keys, series = list(series), list(series.values())
        names = [f"{called}[{key!r}]" for key in keys]
    else:
        if not isinstance(series, list | tuple | str | bytes | Set) and _gives_series(series):
            series = list(series)
        if isinstance(series, list | tuple):
            series = [_without_key(one) for one in series]
            listed = any(is_arraylike(one) or is_path(one) for one in series)
        names = [f"{called}[{n}]" for n in range(len(series))] if listed else [called]
    if listed and not series:
        raise ValueError(f"{called} must hold at least one series; got none.")
    several = series if listed else [series]
    given = [given_as(name, one) for name, one in zip(names, several, strict=True)]
    arrays = [as_numbers(name, one.numbers) for name, one in zip(names, given, strict=True)]
    given = [one._replace(flat=array.ndim == 1) for one, array in zip(given, arrays, strict=True)]
    check_order_of_columns(names, given)
    return Several(arrays, names, keys, listed, given)


def _gives_series(series: Any) -> bool:
    several = hasattr(series, "__iter__") and getattr(series, "ndim", 1) != 0
    return several and not is_arraylike(series)


def _without_key(one: Any) -> Any:
    """Return the series of a pair (key, series)."""
    pair = isinstance(one, tuple) and len(one) == 2 and is_arraylike(one[1])
    return one[1] if pair and not is_arraylike(one[0]) else one
