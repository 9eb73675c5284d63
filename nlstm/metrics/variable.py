"""What a user's metric sums up in: a number or array that is overwritten, as Keras's variables."""

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from nlstm import initializers
from nlstm.arguments.checks import checked_array, checked_dtype, checked_integer, checked_name

__all__ = ["Variable"]


class Variable(NDArrayOperatorsMixin):
    """An array that arithmetic sees as one, with Keras's `assign`, `assign_add` and `assign_sub`.

    Parameters
    ----------
    shape : tuple of int
    initializer : str, Initializer or callable, optional
        By default zeros.
    dtype, name : optional
        By default float64.
    """

    def __init__(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> None:
        sizes = shape if isinstance(shape, tuple | list) else (shape,)
        self.shape = tuple(checked_integer("shape", size, 0) for size in sizes)
        self.name = checked_name(name) or "variable"
        self.dtype = np.dtype(checked_dtype(dtype, integers=True) or np.float64)
        first = initializers.of_weights("zeros" if initializer is None else initializer)
        self.value = np.asarray(first(self.shape), self.dtype)

    def assign(self, value: Any) -> "Variable":
        """Overwrite with a number or an array of the same shape."""
        found = checked_array("value", value)
        if found.shape not in (self.shape, ()):
            raise ValueError(f"{self.name} has shape {self.shape}; got {found.shape}.")
        self.value = np.broadcast_to(found, self.shape).astype(self.dtype)
        return self

    def assign_add(self, value: Any) -> "Variable":
        """Add to it."""
        return self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> "Variable":
        """Take from it."""
        return self.assign(self.value - np.asarray(value))

    def numpy(self) -> np.ndarray:
        """Return a copy."""
        return self.value.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        given = [one.value if isinstance(one, Variable) else one for one in inputs]
        return getattr(ufunc, method)(*given, **options)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"<Variable {self.name}: {self.value!r}>"
