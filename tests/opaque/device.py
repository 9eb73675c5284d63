"""A device that is the CPU behind arrays which hide their memory: what reaches for it is a leak.

`pytest --device opaque` computes on it. Its arrays can what `nlstm.kernels.operations.Array` says
and no more; a host array among the arguments of a kernel is refused, as a device refuses it; cells
keep two copies, so that a push or pull that is missing is seen.
"""

import numpy as np

from nlstm.kernels.cpu import words
from nlstm.kernels.operations import DEFAULT, DEVICES

__all__ = ["Memory", "Words", "choose"]

NAME = "opaque"
ON_HOST = ("pack_", "unpack_", "statistic")  # of the contract, what takes host arrays


def choose():
    """Let what is computed from now on be computed here."""
    DEVICES[NAME] = __name__
    DEFAULT[0] = NAME


class Memory:
    """An array whose numbers only kernels and words see."""

    __slots__ = ("_array",)
    __array_ufunc__ = None
    __iter__ = None
    __hash__ = object.__hash__

    def __init__(self, array):
        self._array = array

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    size = property(lambda self: self._array.size)

    def reshape(self, *shape):
        found = self._array.reshape(*shape)
        if found.size and not np.shares_memory(found, self._array):
            raise TypeError("reshape would copy")
        return Memory(found)

    def __getitem__(self, key):
        if isinstance(key, tuple):
            rest, last = key
            plain = rest is Ellipsis and isinstance(last, slice) and last.start is None
        else:
            last, plain = key, isinstance(key, int | slice)
        if not plain or getattr(last, "step", None) is not None:
            raise TypeError(f"[{key}] is none of [int], [a:b], [..., :k]")
        if isinstance(key, int) and self._array.ndim == 1:
            raise TypeError("a number of a device's array is not to be had")
        return Memory(self._array[key])

    def _refuse(self, *arguments, **options):
        raise TypeError("a device's array is no ndarray: use a word of its operations")

    __array__ = __array_function__ = __eq__ = __ne__ = __bool__ = __float__ = __int__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __deepcopy__ = __reduce__ = _refuse


class Kernel:
    """A function that runs on the device."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return wrapped(self.function(*(inside(one) for one in arguments)))


def inside(argument):
    """Return the memory of an argument."""
    if isinstance(argument, Memory):
        return argument._array
    if isinstance(argument, tuple):
        parts = [inside(one) for one in argument]
        return type(argument)(*parts) if hasattr(argument, "_fields") else tuple(parts)
    if isinstance(argument, np.ndarray) and argument.ndim:
        raise TypeError(f"a host array of shape {argument.shape} among a kernel's arguments")
    return argument


def wrapped(found):
    """Return what a kernel or a factory of kernels gave, with functions as kernels."""
    if isinstance(found, tuple):
        return tuple(wrapped(one) for one in found)
    return Kernel(found) if callable(found) else found


class Cell:
    """Two copies."""

    def __init__(self, dtype, size):
        self.host = np.zeros(size, dtype)
        self.device = Memory(np.zeros(size, dtype))

    def push(self):
        self.device._array[...] = self.host

    def pull(self):
        self.host[...] = self.device._array


class UserCall(Kernel):
    """A call of NumPy code: it gets copies, and what it writes goes back."""

    def __init__(self, function, reads, writes):
        self.function = function
        self.reads, self.writes = ([id(one) for one in part] for part in (reads, writes))
        self.kept = (reads, writes)  # so that no id comes again

    def __call__(self, *arguments):
        given = []
        for one in arguments:
            if isinstance(one, Memory):
                host = one._array.copy()
                if id(one) not in self.reads:
                    host[...] = 99
                given.append(host)
            else:
                given.append(one)
        self.function(*given)
        for one, host in zip(arguments, given, strict=True):
            if id(one) in self.writes and isinstance(one, Memory):
                one._array[...] = host


class Words(words.Words):
    """The CPU's words on such arrays."""

    def kernel(self, name):
        found = super().kernel(name)
        bundle = isinstance(found, type)  # a name for arguments that travel together
        if not callable(found) or bundle or name.startswith(ON_HOST[:2]):
            return found
        if name in ON_HOST:
            return lambda *arguments: wrapped(found(*arguments))
        return Kernel(found)

    def zeros(self, shape, dtype=None):
        return Memory(super().zeros(shape, dtype))

    def empty(self, shape, dtype=None):
        found = super().empty(shape, dtype)
        found.fill(np.nan if found.dtype.kind == "f" else 77)
        return Memory(found)

    def to_device(self, host):
        return Memory(np.array(host, order="C"))

    def to_host(self, array):
        return array._array.copy()

    def write(self, array, host):
        np.copyto(array._array, host)

    cell = Cell
    fill = Kernel(np.ndarray.fill)
    copy = Kernel(np.copyto)
    add = Kernel(lambda a, b, out: np.add(a, b, out) is None)
    scale = Kernel(lambda array, factor, out: np.multiply(array, factor, out) is None)
    join = Kernel(lambda a, b, out: np.bitwise_or(a, b, out) is None)

    def either(self, out, source, mask):
        function, (_, _, casting, where) = super().either(out._array, inside(source), mask._array)
        return Kernel(function), (out, source, casting, Memory(where))

    def host(self, function, reads, writes, *arguments):
        return UserCall(function, reads, writes), arguments

    def program(self, *parts, whole=()):
        for function, arguments in (call for part in (*parts, whole) for call in part):
            hidden = any(isinstance(one, Memory) for one in arguments)
            if hidden and not isinstance(function, Kernel):
                raise TypeError(f"{function} is no kernel and no call of the host")
        return super().program(*parts, whole=whole)

    def update(self, rule, size):
        return Kernel(super().update(rule, size))
