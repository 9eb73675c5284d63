"""A draw: what is to be run, from nothing each time, and what must hold of its answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.fuzz.arrays import Given

__all__ = ["Case", "flat", "unequal"]


def _nothing(found: Any) -> Iterator[str]:
    yield from ()


@dataclass
class Case:
    """One draw.

    Attributes
    ----------
    run : callable
        Takes whether arguments are to be in their plainest form; returns arrays and numbers.
    names : tuple of str
        Words of which an error has to have one.
    arguments : tuple of Given
    story : str
    check : callable
        Takes the answer; gives a sentence for whatever does not hold.
    wrong : str or None
        Why an answer is none; beside what the arguments say.
    finite : bool
        Whether the answer must be finite.
    """

    run: Callable[[bool], Any]
    names: tuple[str, ...]
    arguments: tuple[Given, ...] = ()
    story: str = ""
    check: Callable[[Any], Iterator[str]] = _nothing
    wrong: str | None = None
    finite: bool = True
    kinds: tuple[type, ...] = field(default=(ValueError, TypeError))

    @property
    def must_fail(self) -> str | None:
        """Why there must be an error; None where there need be none."""
        return next((one.wrong for one in self.arguments if one.wrong), self.wrong)


def flat(value: Any) -> list[np.ndarray]:
    """Return all numbers of lists, dicts and arrays in a list of arrays."""
    if isinstance(value, dict):
        return [one for key in sorted(value, key=str) for one in flat(value[key])]
    if isinstance(value, list | tuple):
        return [one for part in value for one in flat(part)]
    if value is None or isinstance(value, str):
        return []
    return [np.array(value)]


def unequal(first: Any, second: Any, tolerance: float | None = None) -> str | None:
    """Return where two answers differ; to the bit unless there is a tolerance."""
    one, other = flat(first), flat(second)
    if [a.shape for a in one] != [a.shape for a in other]:
        return f"shapes {[a.shape for a in one]} and {[a.shape for a in other]}"
    for number, (a, b) in enumerate(zip(one, other)):
        if tolerance is None:
            same = np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")
        else:
            same = np.allclose(a, b, tolerance, tolerance, equal_nan=True)
        if not same:
            with np.errstate(all="ignore"):
                most = np.nanmax(np.abs(np.subtract(a, b, dtype=np.float64)), initial=0.0)
            return f"part {number} of shape {a.shape} by up to {most:.3g}"
    return None
