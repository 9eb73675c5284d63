"""Parameters: packed for the kernels in flat buffers, seen by users as Keras's arrays.

Users' arrays are packed and unpacked on the host, whatever the device.
"""

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Self

import numpy as np

from nlstm.arguments.checks import checked_weight
from nlstm.kernels.operations import Array, Call, Operations
from nlstm.plan.gate import Gate
from nlstm.plan.turns import turn

__all__ = ["Parameter", "ParameterBuffer", "aligned_size"]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


def aligned_size(size: int, dtype: np.dtype) -> int:
    """Return `size` rounded up so that what follows it in an aligned buffer is aligned too."""
    per_line = ALIGNMENT // dtype.itemsize
    return -(-size // per_line) * per_line


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
        From Keras's array to the kernels' layout, and back: a `Layout` of the operations.
    regularizer : Regularizer, optional
        Adds a penalty on the values to the loss.
    constraint : callable, optional
        Gives the values, in Keras's shape, that replace those after each update.
    trainable : bool
        False for moving averages, which the layer changes: it has no gradient.

    Attributes
    ----------
    packed : Array
        The values in the kernels' layout; a view into the model's flat buffer.
    gradient : Array
        Like `packed`, for the gradient.
    home : ParameterBuffer or None
        Where they lie.
    original : Parameter
        Itself; in a mirror what it is the copy of.
    owner : (Layer, int) or None
        The layer that was built with it, and its number there: a copy comes with the layer's copy.
    """

    def __repr__(self) -> str:
        holder = "" if self.owner is None else f"{self.owner[0].name}/"
        return f"<Parameter {holder}{self.name} {self.shape}>"

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        initial_value: Callable[[], np.ndarray],
        pack: Callable[[np.ndarray], np.ndarray],
        unpack: Callable[[np.ndarray], np.ndarray],
        regularizer: Any = None,
        constraint: Callable[[np.ndarray], Any] | None = None,
        trainable: bool = True,
    ) -> None:
        self.name, self.trainable = name, trainable
        self.shape = shape
        self.size = math.prod(shape)
        self.packed: Array
        self.gradient: Array
        self.home: ParameterBuffer | None = None
        self.original = self  # a mirror's copies keep it
        self.owner: tuple[Any, int] | None = None
        self._initial_value = initial_value
        self._pack, self._unpack = pack, unpack
        self.regularizer, self.constraint = regularizer, constraint

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Go with the layer: what holds a weight of a model still does in a copy of both."""
        if self.owner is None:
            raise TypeError(
                f"The weight {self.name!r} cannot be copied or pickled without a layer."
            )
        return _weight_of, self.owner

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def mirrored(self) -> "Parameter":
        """Return one like it for another buffer, which remembers this one."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        twin.home = None
        return twin

    def packed_shape(self, dtype: np.dtype) -> tuple[int, ...]:
        """Return the shape in the kernels' layout."""
        return self._pack(np.zeros(self.shape, dtype)).shape

    def initialize(self) -> None:
        """Set the initial value."""
        self.set(self.initial_value())

    def initial_value(self) -> np.ndarray:
        """Return what the initializer gives."""
        what = f"The initial value of {self.name}"
        return checked_weight(what, self.shape, self._initial_value())

    def start_with(self, value: np.ndarray) -> None:
        """Take `value` for the initial value."""
        self._initial_value = lambda: value

    def get(self) -> np.ndarray:
        """Return a copy in Keras's shape; before it lies anywhere, of the initial value."""
        if self.home is None:
            return np.array(self.initial_value())
        return self.home.gate.shared(lambda: self.unpack(self.ops.to_host(self.packed)))

    def numpy(self) -> np.ndarray:
        """Return a copy in Keras's shape."""
        return self.get()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.get(), dtype)

    def get_gradient(self) -> np.ndarray:
        """Return a copy of the gradient in Keras's shape."""
        return self.unpack(self.ops.to_host(self.gradient))

    def set(self, value: Any) -> None:
        """Overwrite with an array of Keras's shape."""
        assert self.home is not None
        array = self.checked(value)
        self.home.gate.exclusive(self.ops.write, self.packed, self.pack(array))

    def checked(self, value: Any, owner: str = "") -> np.ndarray:
        """Return what may be set: an array of real numbers of the shape."""
        return checked_weight(owner + self.name, self.shape, value, self.packed.dtype)

    def is_finite(self) -> bool:
        """Whether no value is NaN or infinite."""
        return bool(np.isfinite(self.ops.to_host(self.packed)).all())

    @property
    def ops(self) -> Operations:
        """What holds them."""
        assert self.home is not None
        return self.home.ops

    def pack(self, value: np.ndarray, dtype: np.dtype | None = None) -> np.ndarray:
        """Return an array of Keras's shape in the kernels' layout."""
        return self._pack(np.ascontiguousarray(value, dtype or self.packed.dtype))

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """Return a copy, in Keras's shape, of an array in the kernels' layout."""
        return np.array(self._unpack(packed)).reshape(self.shape)

    def bind_rules(self, plan: Any) -> None:
        """Append the calls of the regularizer and the constraint to a plan, once."""
        if self.regularizer is not None:
            self.regularizer.bind(plan, self)
        if self.constraint is not None and plan.training:
            packed = self.packed
            plan.constraints.append(plan.ops.host(self._constrain, (packed,), (packed,), packed))

    def _constrain(self, packed: np.ndarray) -> None:
        """Replace packed values by what the constraint makes of them."""
        assert self.constraint is not None
        made = self.constraint(self.unpack(packed))
        owner = f"What the constraint makes of {self.name}"
        value = checked_weight(owner, self.shape, made, packed.dtype)
        packed[...] = self.pack(value)


def _weight_of(layer: Any, number: int) -> Parameter:
    return layer.parameters[number]


class Place:
    """A buffer, as copies and pickles of what lies in it know it."""


class ParameterBuffer:
    """The parameters of a model in one flat array, and their gradients in another.

    Parameters
    ----------
    parameters : sequence of Parameter
        Their `packed` and `gradient` become views; their initial values are set.
    ops : Operations
        Where they lie, and in which dtype.
    values : sequence of ndarray, optional
        What new ones begin with, in Keras's shapes, instead of their initial values.
    places : iterable of Place, optional
        Where those that they are copies of lie.

    Attributes
    ----------
    value, gradient : Array, shape (P,)
        Padding between and inside parameters is zero, and every optimizer rule leaves it so.
    moved : bool
        Whether a parameter has gone to another buffer since, so that views are dead.
    gate : Gate
        What reads or writes it while other threads may goes through it.
    in_turn : RLock
        For what only one thread at a time may do with the layers.
    alone : bool
        Whether they are a copied layer's, until a model takes them.
    place, former : Place, set of Place
        By which copies are brought together again.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        ops: Operations,
        values: Sequence[np.ndarray] | None = None,
        places: Iterable[Place] = (),
    ) -> None:
        self.parameters, self.ops = tuple(parameters), ops
        self.alone, self.place, self.former = values is not None, Place(), set(places)
        dtype = ops.dtype
        shapes = [parameter.packed_shape(dtype) for parameter in self.parameters]
        sizes = [aligned_size(math.prod(shape), dtype) for shape in shapes]
        self.value, self.gradient = ops.zeros(sum(sizes)), ops.zeros(sum(sizes))
        self.moved = False
        self.gate, self.in_turn = Gate(), turn()
        self._outside: list[tuple[Array, Array]] = []  # of a mirror: theirs, its own
        self._windows: list[tuple[slice, tuple[int, ...]]] = []
        start = 0
        given = [None] * len(sizes) if values is None else values
        for parameter, shape, size, value in zip(
            self.parameters, shapes, sizes, given, strict=True
        ):
            window = slice(start, start + math.prod(shape))
            self._windows.append((window, shape))
            kept = getattr(parameter, "packed", None)
            packed = self.value[window].reshape(shape)
            if value is not None:
                ops.write(packed, parameter.pack(value, dtype))
            elif kept is None:
                ops.write(packed, parameter.pack(parameter.initial_value(), dtype))
            else:
                ops.copy(packed, kept)
            start += size
        self._take_in()  # once all values are there: an initializer may raise

    def _take_in(self) -> None:
        """Make the parameters views of the flat arrays."""
        for parameter, (window, shape) in zip(self.parameters, self._windows, strict=True):
            parameter.packed = self.value[window].reshape(shape)
            parameter.gradient = self.gradient[window].reshape(shape)
            if parameter.home is not None:
                parameter.home.moved = True
            parameter.home = self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse: a copy of a layer or model has a buffer of its own."""
        raise TypeError("A ParameterBuffer cannot be copied or pickled: copy the layer or model.")

    @classmethod
    def housed(cls, parameters: Sequence[Parameter], ops: Operations, anew: bool = False) -> Any:
        """Return where some parameters lie, those that lie nowhere or alone, or `anew` all, moved.

        What lay in one place before it was copied comes together too; averages lie apart.
        """
        fresh = {one for one in parameters if anew or one.home is None or one.home.alone}
        if fresh:
            places = set[Place]().union(*(one.home.former for one in fresh if one.home))
            near = {one.home for one in parameters if one.home and places & one.home.former}
            moved = fresh.union(*(home.parameters for home in near))
            together = [one for one in parameters if one in moved]
            order = [*together, *(moved - set(together))]
            for kind in (True, False):
                cls([one for one in order if one.trainable is kind], ops, places=places)
        homes = {id(one.home): one.home for one in parameters if one.home is not None}
        return list(homes.values()) or [cls([], ops)]

    @classmethod
    def mirror(
        cls, parameters: Sequence[Parameter], ops: Operations
    ) -> "tuple[ParameterBuffer, list[Call], list[Call]]":
        """Return a buffer of copies, for an optimizer of parameters that lie in several buffers.

        Also the copying calls: values and gradients in, before its step, and values out, after it.
        """
        copies = [parameter.mirrored() for parameter in parameters]
        mirror = cls(copies, ops)
        pulled: list[Call] = []
        pushed: list[Call] = []
        for own, outside in zip(copies, parameters, strict=True):
            pulled.append((ops.copy, (own.packed, outside.packed)))
            pulled.append((ops.copy, (own.gradient, outside.gradient)))
            pushed.append((ops.copy, (outside.packed, own.packed)))
            mirror._outside.append((outside.packed, own.packed))
        return mirror, pulled, pushed

    @property
    def fetching(self) -> list[tuple[Array, Array]]:
        """What is copied in, (to, from), from the parameters that a mirror is of."""
        return [(own, outside) for outside, own in self._outside]

    @property
    def publishing(self) -> list[tuple[Array, Array]]:
        """What is copied out, (to, from), to the parameters that a mirror is of."""
        return list(self._outside)

    def get(self) -> list[np.ndarray]:
        """Return copies in Keras's shapes and order."""
        return [parameter.get() for parameter in self.parameters]

    def set(self, values: Sequence[np.ndarray]) -> None:
        """Overwrite all parameters; `values` must have been checked."""
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.set(value)

    def ranges(self) -> list[tuple[int, int]]:
        """Return where each parameter starts and stops in the flat arrays."""
        return [(window.start, window.stop) for window, _ in self._windows]

    def start_of(self, parameter: Parameter) -> int:
        """Return where a parameter starts in the flat arrays."""
        return self._windows[self.parameters.index(parameter)][0].start

    def split(self, flat: Array) -> list[np.ndarray]:
        """Return copies, in Keras's shapes, of the parts of an array like `value`."""
        host = self.ops.to_host(flat)
        return [
            parameter.unpack(host[window].reshape(shape))
            for parameter, (window, shape) in zip(self.parameters, self._windows, strict=True)
        ]

    def join(self, values: Sequence[np.ndarray], flat: Array) -> None:
        """Overwrite an array like `value` by what `split` returned."""
        for parameter, value, (window, _) in zip(
            self.parameters, values, self._windows, strict=True
        ):
            self.ops.write(flat[window], parameter.pack(value).reshape(-1))
