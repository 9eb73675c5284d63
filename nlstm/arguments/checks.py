"""One check for each kind of argument: it returns the value, or raises an error that names it."""

import math
import operator
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.names import unknown_name
from nlstm.arguments.numbers import as_array, as_numbers, holds_masks, listed
from nlstm.arguments.quiet import quietly

__all__ = [
    "LARGEST_SIZE",
    "WrongKind",
    "check_mapping",
    "checked_array",
    "checked_arrays",
    "checked_batch_shape",
    "checked_choice",
    "checked_dtype",
    "checked_flag",
    "checked_integer",
    "checked_layer_name",
    "checked_name",
    "checked_number",
    "checked_numbers",
    "checked_numpy_dtype",
    "checked_path",
    "checked_rate",
    "checked_seed",
    "checked_shape",
    "checked_size",
    "checked_weight",
    "is_number",
    "short_hint",
]


LARGEST_SIZE = 2**31 - 1
INTEGERS = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "int")
FLOATS = ("float16", "bfloat16", "float32", "float64", "float", "double", "single", "half")


class WrongKind(TypeError, ValueError):
    """An argument of the wrong kind: a TypeError as in Python, a ValueError as in Keras."""


def checked_integer(
    name: str, value: Any, least: int | None = None, most: int | None = None
) -> int:
    """Return a whole number of at least `least` and at most `most`; True and False are none."""
    number = _index(value)
    if number is None:
        raise WrongKind(f"{name} must be an integer; got {value!r}.")
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(f"{name} must {_limits(least, None, None, most)}; got {number}.")
    return number


def checked_flag(name: str, value: Any) -> bool:
    """Return True or False; 1 and 0 will do."""
    if isinstance(value, bool | np.bool_) or (is_number(value) and value in (0, 1)):
        return bool(value)
    raise WrongKind(f"{name} must be True or False; got {value!r}.")


def checked_numpy_dtype(name: str, value: Any) -> np.dtype:
    """Return a dtype of NumPy."""
    try:
        return np.dtype(value)
    except (TypeError, ValueError):
        hint = short_hint(str(value))
        raise WrongKind(f'{name} must be a dtype such as "float32"; got {value!r}.{hint}') from None


def short_hint(dtype: str) -> str:
    """Return what to take for a dtype of 16 bits; bfloat16 is one where ml_dtypes makes it so."""
    if "float16" not in dtype:
        return ""
    return ' nlstm.set_matmul_precision("bfloat16") rounds what is multiplied.'


def checked_size(name: str, value: Any) -> int:
    """Return a number of units, features or rows: a positive integer."""
    number = _index(value)
    if number is None:
        raise WrongKind(f"{name} must be a positive integer; got {value!r}.")
    if not 1 <= number <= LARGEST_SIZE:
        raise ValueError(
            f"{name} must be a positive integer{'' if number < 1 else ' below 2**31'}; got "
            f"{number if abs(number) < 1e20 else 'a huge one'}."
        )
    return number


def _index(value: Any) -> int | None:
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def check_mapping(name: str, value: Any) -> None:
    """Raise unless `value` is a dict."""
    if not isinstance(value, Mapping):
        raise WrongKind(f"{name} must be a dict; got {value!r}.")


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
    """Return a finite number inside the limits; an array without axes is taken for its number."""
    if getattr(value, "shape", None) == () and not isinstance(value, np.generic):
        value = np.asarray(value)[()]
    if not is_number(value):
        raise WrongKind(f"{name} must be a number; got {value!r}.")
    inside = (
        _finite(value)
        and (at_least is None or value >= at_least)
        and (above is None or value > above)
        and (below is None or value < below)
        and (at_most is None or value <= at_most)
    )
    if not inside:
        limits = _limits(at_least, above, below, at_most)
        plain = _finite(value) or limits == "be finite"
        raise ValueError(f"{name} must {limits}{'' if plain else ' and finite'}; got {value}.")
    return float(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number larger than any float
        return False


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


def checked_numbers(name: str, values: Any) -> list[float]:
    """Return a sequence of finite numbers as a list of its own."""
    if isinstance(values, str | bytes | dict) or not np.iterable(values):
        raise WrongKind(f"{name} must be a sequence of numbers; got {values!r}.")
    return [checked_number(f"{name}[{i}]", value) for i, value in enumerate(values)]


def checked_choice(name: str, value: Any, known: Sequence[str]) -> str:
    """Return one of the words that are known."""
    if not isinstance(value, str):
        words = ", ".join(map(repr, known))
        raise WrongKind(f"{name} must be one of {words}; got {value!r}.")
    if value not in known:
        raise unknown_name(name, value, known)
    return value


def checked_name(value: Any, name: str = "name") -> str | None:
    """Return what something is to be called; None leaves it to the default."""
    if value is not None and not isinstance(value, str):
        raise WrongKind(f"{name} must be a string; got {value!r}.")
    return value


def checked_layer_name(value: Any) -> str | None:
    """Return the name of a layer or model; "/" parts names in files."""
    if not isinstance(value, str | None) or "/" in (value or ""):
        raise WrongKind(f"name must be a string without '/'; got {value!r}.")
    return value


def checked_seed(name: str, value: Any) -> int | None:
    """Return a seed, a whole number of at least 0, or None."""
    return None if value is None else checked_integer(name, value, 0)


def checked_dtype(value: Any, name: str = "dtype", integers: bool = False) -> Any:
    """Return a dtype of real numbers, by name or as an object, or a policy of them; or None."""
    shown = getattr(value, "name", value)
    if not isinstance(shown, str) and value is not None:
        shown = getattr(value, "__name__", None)
    known = (*FLOATS, *INTEGERS) if integers else FLOATS
    if value is not None and str(shown).removeprefix("mixed_") not in known:
        kinds = "a name such as 'float32', or None"
        raise (WrongKind if shown is None else ValueError)(
            f"{name} must be {kinds}; got {value!r}."
        )
    return value


def checked_array(name: str, values: Any) -> np.ndarray:
    """Return an array of real numbers, none of them masked; NaN may be among them."""
    try:
        array = np.asanyarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.dtype.kind == "O" and hasattr(values, "to_numpy"):
        array = as_numbers(name, values)  # a frame's columns may miss some
    if array.dtype.kind not in "fiub":
        raise WrongKind(f"{name} must hold real numbers; got dtype {array.dtype}.")
    if np.ma.is_masked(array):
        raise ValueError(f"{name} has masked elements: fill them in, or weigh them 0.")
    return np.asarray(array)


def checked_arrays(name: str, values: Any) -> list[np.ndarray]:
    """Return a list of arrays as `checked_array` gives them."""
    given = listed(name, values)
    return [checked_array(f"{name}[{number}]", one) for number, one in enumerate(given)]


def checked_rate(name: str, value: Any) -> float:
    """Return a share that is left out, as a dropout rate is: 0 <= rate < 1."""
    return checked_number(name, value, 0, 1)


def checked_shape(name: str, value: Any, known: bool = True) -> tuple[int | None, ...]:
    """Return the shape of one sample: (steps or None, features), or (features,).

    (None,) is for an `Embedding`, which takes any number of indices. Unless the features must be
    `known`, (None, None) and (steps, None) will do.
    """
    try:
        if isinstance(value, str | bytes | dict | set):
            raise TypeError
        shape = tuple(None if n is None else operator.index(n) for n in value)
    except TypeError:
        raise WrongKind(
            f"{name} must be a tuple such as (steps, features); got {value!r}."
        ) from None
    if len(shape) > 2:
        raise ValueError(
            f"{name} must be (steps, features), steps may be None, or (features,); got {shape}. "
            "More axes go as features: TimeDistributed(model), with a Reshape that begins the "
            "model, gives each step its axes."
        )
    wrong = [n for n in shape if n is not None and n < 1]
    if not shape or wrong or (known and len(shape) == 2 and shape[-1] is None):
        raise ValueError(
            f"{name} must be (steps, features), steps may be None, or (features,); got {shape}."
        )
    return shape


def checked_batch_shape(name: str, value: Any) -> tuple[int | None, ...]:
    """Return a shape with the batch axis: (rows or None, steps or None, features) and the like."""
    if not isinstance(value, list | tuple) or not value:
        raise WrongKind(f"{name} must be a tuple such as (None, steps, features); got {value!r}.")
    rows = None if value[0] is None else checked_size(f"The batch size of {name}", value[0])
    return (rows, *checked_shape(name, value[1:], known=False))


def checked_weight(
    name: str, shape: tuple[int, ...], value: Any, dtype: np.dtype | None = None
) -> np.ndarray:
    """Return an array of real numbers of `shape`, none too large for `dtype`."""
    array = as_array(name, value)
    if holds_masks(value) and np.ma.is_masked(value):
        raise ValueError(f"{name} is a masked array with masked elements.")
    if array.dtype.kind == "O" and hasattr(value, "to_numpy"):
        array = as_numbers(name, value)  # a frame's columns may miss some
    if array.dtype.kind not in "fiub":
        raise WrongKind(f"{name} must hold real numbers; got dtype {array.dtype}.")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {shape}; got {array.shape}.")
    if dtype is None or array.dtype == dtype:
        return array
    cast = quietly(array.astype, dtype, over="ignore")
    lost = np.isinf(cast) & np.isfinite(array)
    if lost.any():
        raise ValueError(f"{name} is too large for {dtype}: {array[lost][0]} is in it.")
    return cast


def checked_path(name: str, value: Any, what: str = "file") -> str:
    """Return a path as a string; numbers are none, though `open` takes them."""
    if not isinstance(value, str | bytes | os.PathLike):
        raise WrongKind(f"{name} must be the path of a {what}; got {value!r}.")
    path = os.fsdecode(value)
    if not path or "\0" in path:
        raise ValueError(f"{name} must name a {what}; got {path!r}.")
    return path
