"""The state of an optimizer before there is a model, and state that comes from elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from nlstm.arguments.checks import check_mapping, checked_integer, checked_weight
from nlstm.arguments.numbers import as_numbers

__all__ = ["NamedArray", "Variables", "Waiting", "check_fit", "checked_variables"]


class NamedArray(NDArrayOperatorsMixin):
    """A copy of one of an optimizer's variables, with its name; arithmetic sees an array."""

    def __init__(self, name: str, value: np.ndarray) -> None:
        self.name = self.path = name
        self.value, self.shape, self.dtype = value, value.shape, value.dtype

    def numpy(self) -> np.ndarray:
        """Return the array."""
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        given = [one.value if isinstance(one, NamedArray) else one for one in inputs]
        return getattr(ufunc, method)(*given, **options)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"<NamedArray {self.name}: shape {self.shape}>"


class Variables(list[NamedArray]):
    """An optimizer's variables: a list, and called a dict of arrays by name.

    Parameters
    ----------
    arrays : dict of str to ndarray
    unlisted : str, optional
        What the dict alone has.
    """

    def __init__(self, arrays: dict[str, np.ndarray], unlisted: str | None = None) -> None:
        super().__init__(NamedArray(name, one) for name, one in arrays.items() if name != unlisted)
        self._arrays = arrays

    def __call__(self) -> dict[str, np.ndarray]:
        """Return the arrays by name."""
        return self._arrays


class Waiting:
    """A cell of an optimizer that serves no model yet, so that nobody knows its device."""

    device = None

    def __init__(self, values: Sequence[float], dtype: Any) -> None:
        self.host = np.array(values, dtype)

    def push(self) -> None:
        """Do nothing."""

    def pull(self) -> None:
        """Do nothing."""


def checked_variables(variables: Any) -> dict[str, np.ndarray]:
    """Return an optimizer's variables, given by name, as arrays of its own."""
    check_mapping("variables", variables)
    found = {name: np.array(as_numbers(str(name), one)) for name, one in variables.items()}
    for name in ("iterations", "learning_rate"):
        if name in found and (found[name].shape or not np.isfinite(found[name])):
            raise ValueError(f"{name} must be a finite number; got {variables[name]!r}.")
    if "iterations" in found:
        checked_integer("iterations", int(found["iterations"]), 0)
    return found


def check_fit(expected: Mapping[str, np.ndarray], variables: Mapping[str, np.ndarray]) -> None:
    """Raise an error for the first name, shape or number that does not fit `expected`."""
    for name in sorted(expected.keys() | variables.keys()):
        if name not in expected or name not in variables:
            holder = "the file has" if name in variables else "the optimizer has"
            raise ValueError(f"Optimizer state does not fit: only {holder} {name!r}.")
        own = expected[name]
        checked_weight(f"Optimizer state {name!r}", own.shape, variables[name], own.dtype)
