"""Arrays in device memory: a block of bytes, an offset, a shape and a dtype.

Slicing, reshaping and viewing make no call of the driver, and a placeholder without memory can be
sized before anything is allocated. `.raw` is what kernels take.
"""

import ctypes
import functools
import math
import weakref

import numpy as np

from nlstm.kernels.cuda import copies
from nlstm.kernels.cuda.launch import SIMULATED, Recording, cuda, stream, synchronize, turn

ALIGNMENT = 256


class Block:
    """Bytes on the device, which are taken where somebody first looks at them."""

    def __init__(self, size: int, zeroed: bool = False):
        self.size = max(int(size), ALIGNMENT)
        self._zeroed = zeroed
        self._bytes = None
        self._address = None
        self.owner = None  # of memory that is somebody else's

    @property
    def bytes(self):
        """The memory."""
        if self._bytes is None:
            if Recording.on:  # zeros would be written again by each replay
                raise RuntimeError("memory that is first used while a graph is recorded")
            with turn:
                stream()
                made = pool.take(self.size)
                if self._zeroed:
                    copies.clear(made)
                self._bytes = made
                Taken.count(self)
        return self._bytes

    @property
    def address(self) -> int:
        """Where the memory begins."""
        if self._address is None:
            self._address = self.bytes.__cuda_array_interface__["data"][0]
        return self._address


class Taken:
    """How many bytes of the device's memory blocks have now, and had at most."""

    now = most = 0

    @classmethod
    def count(cls, block: Block) -> None:
        """Count a block for as long as it is there."""
        cls.now += block.size
        cls.most = max(cls.most, cls.now)
        weakref.finalize(block, cls._give_back, block.size, block.bytes).atexit = False

    @classmethod
    def _give_back(cls, size: int, memory) -> None:
        cls.now -= size
        pool.give(memory)


class Pool:
    """Memory that blocks have left, for others of its size: the driver takes long to give any.

    All work is queued on one stream, so what a block that is gone has still to do is done before
    what the next one in its place asks for.
    """

    MOST = 1 << 28  # bytes that are kept
    LARGEST = MOST // 4  # of what is kept

    def __init__(self):
        self._kept = {}
        self._bytes = 0

    @staticmethod
    def rounded(size: int) -> int:
        """Return how much is taken for a block: powers of two up to a mebibyte."""
        return 1 << (size - 1).bit_length() if size <= 1 << 20 else size

    def take(self, size: int):
        """Return memory of so many bytes."""
        size = self.rounded(size)
        kept = self._kept.get(size)
        if kept:
            self._bytes -= size
            return kept.pop()
        try:
            return cuda.device_array(size, np.uint8)
        except Exception:  # by whatever name the driver says that there is no more
            if not any(self._kept.values()):
                raise
        synchronize()
        self._kept, self._bytes = {}, 0
        return cuda.device_array(size, np.uint8)

    def give(self, memory) -> None:
        """Keep memory for the next."""
        if memory.size <= self.LARGEST and self._bytes + memory.size <= self.MOST:
            self._bytes += memory.size
            self._kept.setdefault(memory.size, []).append(memory)


pool = Pool()


class DeviceArray:
    """A C-contiguous part of a block.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype
    block : Block or None. None makes a placeholder without memory.
    offset : int. Bytes before the first element.
    """

    def __init__(self, shape, dtype=np.float32, block: Block | None = None, offset: int = 0):
        shape = (shape,) if isinstance(shape, int) else shape
        self.shape = tuple(int(count) for count in shape)
        self.dtype = np.dtype(dtype)
        self.block = block
        self.offset = int(offset)
        self._raw = None

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype})"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def address(self) -> int:
        """Where the first element is on the device."""
        if self.block is None:
            raise ValueError(f"{self!r} has no memory.")
        return self.block.address + self.offset

    @property
    def raw(self):
        """The array as copies and the simulator's kernels take it, made once."""
        if self._raw is None:
            if self.block is None:
                raise ValueError(f"{self!r} has no memory.")
            part = self.block.bytes[self.offset : self.offset + self.nbytes]
            if SIMULATED:
                host = part._ary.view(self.dtype).reshape(self.shape)
                self._raw = type(part)(host)
            else:
                self._raw = part.view(self.dtype).reshape(self.shape)
        return self._raw

    def __getitem__(self, key):
        """Return element or slice `key` of axis 0, or [..., :all]; they are views."""
        if isinstance(key, tuple):
            rest, last = key
            if rest is not Ellipsis or last.indices(self.shape[-1]) != (0, self.shape[-1], 1):
                raise IndexError(f"{key} is a part of the last axis")
            return self
        length, row = self.shape[0], self.nbytes // max(self.shape[0], 1)
        if isinstance(key, slice):
            first, end, step = key.indices(length)
            if step != 1:
                raise IndexError("slices of a DeviceArray have a step of 1")
            shape = (max(end - first, 0), *self.shape[1:])
        else:
            first = key + length if key < 0 else key
            if not 0 <= first < length:
                raise IndexError(f"{key} is outside of {length} elements")
            shape = self.shape[1:]
        return DeviceArray(shape, self.dtype, self.block, self.offset + first * row)

    def reshape(self, *shape):
        """Return the same elements in another shape; one length may be -1."""
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if -1 in shape:
            known = -math.prod(shape)
            shape = tuple(self.size // max(known, 1) if n == -1 else n for n in shape)
        if math.prod(shape) != self.size:
            raise ValueError(f"cannot reshape {self.shape} to {shape}")
        return DeviceArray(shape, self.dtype, self.block, self.offset)

    def view(self, dtype):
        """Return the same bytes as another dtype; the last axis changes its length."""
        dtype = np.dtype(dtype)
        last = self.shape[-1] * self.dtype.itemsize // dtype.itemsize
        return DeviceArray((*self.shape[:-1], last), dtype, self.block, self.offset)

    def write(self, host) -> None:
        """Copy a NumPy array in, of this shape or one that broadcasts to it."""
        host = np.ascontiguousarray(np.broadcast_to(np.asarray(host, self.dtype), self.shape))
        if self.size:
            copies.upload(host, self)

    def to_host(self) -> np.ndarray:
        """Return a copy as a NumPy array."""
        host = np.empty(self.shape, self.dtype)
        if self.size:
            copies.download(self, host)
        return host


def empty(shape, dtype=np.float32, zeroed=False) -> DeviceArray:
    """Return an array of its own block, not initialised."""
    array = DeviceArray(shape, dtype)
    array.block = Block(array.nbytes, zeroed)
    return array


def to_device(host, dtype=None) -> DeviceArray:
    """Return a copy of a NumPy array on the device."""
    host = np.asarray(host, dtype)
    array = empty(host.shape, host.dtype)
    array.write(host)
    return array


def zeros(shape, dtype=np.float32) -> DeviceArray:
    """Return an array of zeros."""
    return empty(shape, dtype, zeroed=True)


def adopted(value) -> DeviceArray:
    """Return the memory of somebody else's array, (see `nlstm.data.gpu_arrays`) as one of ours.

    What was queued for it elsewhere is waited for.
    """
    interface = value.__cuda_array_interface__
    array = DeviceArray(interface["shape"], np.dtype(interface["typestr"]))
    array.block = Block(array.nbytes)
    array.block.owner = value
    if SIMULATED:
        pointer = ctypes.cast(interface["data"][0], ctypes.POINTER(ctypes.c_uint8))
        host = np.ctypeslib.as_array(pointer, (array.nbytes,))
        array.block._bytes = type(cuda.device_array(1, np.uint8))(host)
    else:
        with turn:
            stream()
            cuda.synchronize()
            array.block._bytes = cuda.as_cuda_array(value).reshape(array.size).view(np.uint8)
    return array


@functools.cache
def nothing(dtype, axes) -> DeviceArray:
    """Return an array to stand where a kernel reads nothing."""
    return empty((1,) * axes, dtype)
