"""One check for each kind of argument: it returns the value, or raises an error that names it."""

import math
import operator
import os
from typing import Any

import numpy as np

__all__ = [
    "check_weight",
    "checked_integer",
    "checked_number",
    "checked_path",
    "checked_rate",
    "checked_shape",
    "checked_size",
    "is_number",
]


def checked_integer(
    name: str, value: Any, least: int | None = None, most: int | None = None
) -> int:
    """Return a whole number of at least `least` and at most `most`; True and False are none."""
    number = _index(value)
    if number is None:
        raise TypeError(f"{name} must be an integer; got {value!r}.")
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(f"{name} must {_limits(least, None, None, most)}; got {number}.")
    return number


def checked_size(name: str, value: Any) -> int:
    """Return a number of units, features or rows: a positive integer."""
    number = _index(value)
    if number is None:
        raise TypeError(f"{name} must be a positive integer; got {value!r}.")
    if number < 1:
        raise ValueError(f"{name} must be a positive integer; got {number}.")
    return number


def _index(value: Any) -> int | None:
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def is_number(value: Any) -> bool:
    """Whether `value` is a real number; True and False are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def checked_number(
    name: str,
    value: Any,
    at_least: float | None = None,
    below: float | None = None,
    *,
    above: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return a finite number inside the limits."""
    if not is_number(value):
        raise TypeError(f"{name} must be a number; got {value!r}.")
    inside = (
        math.isfinite(value)
        and (at_least is None or value >= at_least)
        and (above is None or value > above)
        and (below is None or value < below)
        and (at_most is None or value <= at_most)
    )
    if not inside:
        raise ValueError(f"{name} must {_limits(at_least, above, below, at_most)}; got {value}.")
    return float(value)


def _limits(
    at_least: float | None, above: float | None, below: float | None, at_most: float | None
) -> str:
    if at_least is not None and at_most is not None:
        return f"lie in {_shown(at_least)} to {_shown(at_most)}"
    named = {"at least": at_least, "above": above, "below": below, "at most": at_most}
    words = [f"{word} {_shown(limit)}" for word, limit in named.items() if limit is not None]
    return f"be {' and '.join(words) or 'finite'}"


def _shown(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


def checked_rate(name: str, value: Any) -> float:
    """Return a share that is left out, as a dropout rate is: 0 <= rate < 1."""
    return checked_number(name, value, 0, 1)


def checked_shape(name: str, value: Any) -> tuple[int | None, ...]:
    """Return the shape of one sample: (steps or None, features), or (features,).

    (None,) is for an `Embedding`, which takes any number of indices.
    """
    try:
        shape = tuple(None if n is None else operator.index(n) for n in value)
    except TypeError:
        raise TypeError(
            f"{name} must be a tuple such as (steps, features); got {value!r}."
        ) from None
    wrong = [n for n in shape if n is not None and n < 1]
    if len(shape) not in (1, 2) or wrong or (len(shape) == 2 and shape[-1] is None):
        raise ValueError(
            f"{name} must be (steps, features), steps may be None, or (features,); got {shape}."
        )
    return shape


def check_weight(name: str, shape: tuple[int, ...], value: np.ndarray) -> None:
    """Raise unless `value` is an array of real numbers of `shape`."""
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {value.dtype}.")
    if value.shape != shape:
        raise ValueError(f"{name} has shape {shape}; got {value.shape}.")


def checked_path(name: str, value: Any, what: str = "file") -> str:
    """Return a path as a string; numbers are none, though `open` takes them."""
    if not isinstance(value, str | bytes | os.PathLike):
        raise TypeError(f"{name} must be the path of a {what}; got {value!r}.")
    path = os.fsdecode(value)
    if not path or "\0" in path:
        raise ValueError(f"{name} must name a {what}; got {path!r}.")
    return path
