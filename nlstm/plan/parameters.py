"""Parameters: packed for the kernels in one flat buffer, seen by users as Keras's arrays."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["Parameter", "ParameterBuffer", "aligned_zeros", "aligned_size"]

Copy = tuple[Callable[..., Any], tuple[Any, ...]]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


def aligned_size(size: int, dtype: np.dtype) -> int:
    """Return `size` rounded up so that what follows it in an aligned buffer is aligned too."""
    per_line = ALIGNMENT // dtype.itemsize
    return -(-size // per_line) * per_line


def aligned_zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """Return `size` zeros whose first element lies on a multiple of `ALIGNMENT` bytes."""
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


class Parameter:
    """One weight array of a layer.

    Parameters
    ----------
    name : str
        Keras's name, such as ``"recurrent_kernel"``.
    shape : tuple of int
        Keras's shape.
    initial_value : callable
        Called once with no argument when the buffer exists; returns an array of `shape`.
    pack, unpack : callable
        From Keras's array to the kernels' layout, and back.
    regularizer : Regularizer, optional
        Adds a penalty on the values to the loss.
    constraint : callable, optional
        Gives the values, in Keras's shape, that replace those after each update.

    Attributes
    ----------
    packed : ndarray
        The values in the kernels' layout; a view into the model's flat buffer.
    gradient : ndarray
        Like `packed`, for the gradient.
    home : ParameterBuffer or None
        Where they lie.
    original : Parameter
        Itself; in a mirror what it is the copy of.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        initial_value: Callable[[], np.ndarray],
        pack: Callable[[np.ndarray], np.ndarray],
        unpack: Callable[[np.ndarray], np.ndarray],
        regularizer: Any = None,
        constraint: Callable[[np.ndarray], Any] | None = None,
    ) -> None:
        self.name = name
        self.shape = shape
        self.size = math.prod(shape)
        self.packed: np.ndarray
        self.gradient: np.ndarray
        self.home: ParameterBuffer | None = None
        self.original = self  # a mirror's copies keep it
        self._initial_value = initial_value
        self._pack = pack
        self._unpack = unpack
        self.regularizer = regularizer
        self.constraint = constraint

    def packed_shape(self, dtype: np.dtype) -> tuple[int, ...]:
        """Return the shape in the kernels' layout."""
        return self._pack(np.zeros(self.shape, dtype)).shape

    def initialize(self) -> None:
        """Set the initial value."""
        self.set(np.asarray(self._initial_value()))

    def start_with(self, value: np.ndarray) -> None:
        """Take `value` for the initial value."""
        self._initial_value = lambda: value

    def get(self) -> np.ndarray:
        """Return a copy in Keras's shape."""
        return np.array(self._unpack(self.packed)).reshape(self.shape)

    def get_gradient(self) -> np.ndarray:
        """Return a copy of the gradient in Keras's shape."""
        return np.array(self._unpack(self.gradient)).reshape(self.shape)

    def set(self, value: np.ndarray) -> None:
        """Overwrite with an array of Keras's shape."""
        self.packed[...] = self.pack(value)

    def pack(self, value: np.ndarray) -> np.ndarray:
        """Return an array of Keras's shape in the kernels' layout."""
        return self._pack(np.ascontiguousarray(value, self.packed.dtype))

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """Return a copy, in Keras's shape, of an array in the kernels' layout."""
        return np.array(self._unpack(packed)).reshape(self.shape)

    def bind_rules(self, plan: Any) -> None:
        """Append the calls of the regularizer and the constraint to a plan, once."""
        if self.regularizer is not None:
            self.regularizer.bind(plan, self)
        if self.constraint is not None and plan.training:
            plan.constrain(self.apply_constraint)

    def apply_constraint(self) -> None:
        """Replace the values by what the constraint makes of them."""
        assert self.constraint is not None
        self.set(np.asarray(self.constraint(self.get())))


class ParameterBuffer:
    """All parameters of a model in one flat array, and their gradients in another.

    Parameters
    ----------
    parameters : sequence of Parameter
        Their `packed` and `gradient` become views; their initial values are set.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    value, gradient : ndarray, shape (P,)
        Padding between and inside parameters is zero, and every optimizer rule leaves it so.
    moved : bool
        Whether a parameter has gone to another buffer since, so that views are dead.
    """

    def __init__(self, parameters: Sequence[Parameter], dtype: np.dtype) -> None:
        self.parameters = tuple(parameters)
        shapes = [parameter.packed_shape(dtype) for parameter in self.parameters]
        sizes = [aligned_size(math.prod(shape), dtype) for shape in shapes]
        self.value = aligned_zeros(sum(sizes), dtype)
        self.gradient = aligned_zeros(sum(sizes), dtype)
        self.moved = False
        self._outside: list[Copy] = []
        self._windows: list[tuple[slice, tuple[int, ...]]] = []
        start = 0
        for parameter, shape, size in zip(self.parameters, shapes, sizes, strict=True):
            window = slice(start, start + math.prod(shape))
            self._windows.append((window, shape))
            kept = getattr(parameter, "packed", None)
            parameter.packed = self.value[window].reshape(shape)
            parameter.gradient = self.gradient[window].reshape(shape)
            if kept is None:
                parameter.initialize()
            else:
                parameter.packed[...] = kept
            if parameter.home is not None:
                parameter.home.moved = True
            parameter.home = self
            start += size

    @classmethod
    def mirror(
        cls, parameters: Sequence[Parameter], dtype: np.dtype
    ) -> "tuple[ParameterBuffer, list[Copy], list[Copy]]":
        """Return a buffer of copies, for an optimizer of parameters that lie in several buffers.

        Also the copying calls: values and gradients in, before its step, and values out, after it.
        """
        copies = [copy.copy(parameter) for parameter in parameters]
        for one in copies:
            one.home = None
        mirror = cls(copies, dtype)
        pulled, pushed = [], []
        for own, outside in zip(copies, parameters, strict=True):
            pulled.append((np.copyto, (own.packed, outside.packed)))
            pulled.append((np.copyto, (own.gradient, outside.gradient)))
            pushed.append((np.copyto, (outside.packed, own.packed)))
        mirror._outside = pushed
        return mirror, pulled, pushed

    def fetch(self) -> None:
        """Copy the values in from the parameters that a mirror is of."""
        for function, (outside, own) in self._outside:
            function(own, outside)

    def publish(self) -> None:
        """Copy the values out to the parameters that a mirror is of."""
        for function, arguments in self._outside:
            function(*arguments)

    def get(self) -> list[np.ndarray]:
        """Return copies in Keras's shapes and order."""
        return [parameter.get() for parameter in self.parameters]

    def set(self, values: Sequence[np.ndarray]) -> None:
        """Overwrite all parameters; `values` must have been checked."""
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.set(value)

    def start_of(self, parameter: Parameter) -> int:
        """Return where one of `parameters` starts in the flat arrays."""
        places = (place for place, one in enumerate(self.parameters) if one is parameter)
        return self._windows[next(places)][0].start

    def ranges(self) -> list[tuple[int, int]]:
        """Return where each parameter starts and stops in the flat arrays."""
        return [(window.start, window.stop) for window, _ in self._windows]

    def split(self, flat: np.ndarray) -> list[np.ndarray]:
        """Return copies, in Keras's shapes, of the parts of an array like `value`."""
        return [
            parameter.unpack(flat[window].reshape(shape))
            for parameter, (window, shape) in zip(self.parameters, self._windows, strict=True)
        ]

    def join(self, values: Sequence[np.ndarray], flat: np.ndarray) -> None:
        """Overwrite an array like `value` by what `split` returned."""
        for parameter, value, (window, _) in zip(
            self.parameters, values, self._windows, strict=True
        ):
            flat[window] = parameter.pack(value).reshape(-1)
