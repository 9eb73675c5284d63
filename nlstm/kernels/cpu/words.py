"""The CPU's words: each is NumPy's own function or array, so that a step costs what it costs."""

import math
import sys
from functools import partial

import numpy as np

from nlstm.kernels import operations
from nlstm.kernels.cpu.machine.jit import lanes
from nlstm.kernels.cpu.products import layout
from nlstm.kernels.cpu.products.tile import load_tile
from nlstm.kernels.operations import Layout

__all__ = ["Cell", "Words"]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
# Below it one thread is done before the others have started.
PARALLEL_ELEMENTS = 1_000_000


class Cell:
    """One array, which both sides see."""

    __slots__ = ("device", "host")

    def __init__(self, dtype, size):
        self.host = self.device = np.zeros(size, dtype)

    def push(self):
        """Do nothing."""

    def pull(self):
        """Do nothing."""


class Words:
    """See `nlstm.kernels.operations.Operations`."""

    def __init__(self, device, dtype):
        self.device = device
        self.dtype = self.compute_dtype = dtype
        load_tile(dtype.name)

    def __getattr__(self, kernel):
        if kernel.startswith("__"):
            raise AttributeError(kernel)
        found = self.__dict__[kernel] = self.kernel(kernel)  # the next time it is found at once
        return found

    def kernel(self, name):
        return getattr(sys.modules[__package__], name)

    def __reduce__(self):
        return operations.load, (self.device, self.dtype.name)

    # Memory

    def zeros(self, shape, dtype=None):
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        size = math.prod(shape) if isinstance(shape, tuple) else int(shape)
        raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        return raw[start : start + size * dtype.itemsize].view(dtype).reshape(shape)

    def empty(self, shape, dtype=None):
        return np.empty(shape, dtype or self.dtype)

    def to_device(self, host):
        return host

    def to_host(self, array):
        return array

    write = staticmethod(np.copyto)
    cell = Cell

    # Calls

    fill = staticmethod(np.ndarray.fill)
    copy = staticmethod(np.copyto)
    add = staticmethod(np.add)
    scale = staticmethod(np.multiply)
    join = staticmethod(np.bitwise_or)

    def either(self, out, source, mask):
        return np.copyto, (out, source, "same_kind", mask.view(np.bool_)[..., None])

    def host(self, function, reads, writes, *arguments):
        return function, arguments

    def branch(self, choose, *ways):
        def run_one():
            run(ways[choose()])

        return run_one, ()

    def program(self, *parts):
        calls = []
        for part in parts:
            calls += part
        return partial(run, calls)

    def update(self, rule, size):
        return getattr(self, rule + ("_parallel" if size >= PARALLEL_ELEMENTS else ""))

    # Shapes

    padded = staticmethod(layout.padded)

    def slots(self, steps, every):
        return (steps + 1, steps) if every else (2, steps % 2)

    def gate_inputs_shape(self, steps, rows, features):
        width = lanes(self.dtype)
        return steps, rows, -(-features // width) * layout.GATES, width

    # Layouts

    def gate_matrix(self, units):
        return Layout(layout.pack_gates, lambda packed: layout.unpack_gates(packed, units))

    def gate_vector(self, units):
        return _vector(*self.gate_matrix(units))

    def peephole_vector(self, units):
        return Layout(layout.pack_peephole, lambda packed: layout.unpack_peephole(packed, units))

    def unit_matrix(self, units):
        return Layout(layout.pack_columns, lambda packed: layout.unpack_columns(packed, units))

    def unit_vector(self, units):
        return _vector(*self.unit_matrix(units))

    def row_matrix(self, features):
        pack, unpack = self.pack_rows, self.unpack_rows
        return Layout(pack, lambda packed: unpack(packed, features))

    def row_vector(self, features):
        pack, unpack = self.row_matrix(features)
        return Layout(lambda vector: pack(vector[None])[0], lambda packed: unpack(packed[None])[0])


def run(calls):
    """Run bound calls in order. An interrupt falls between two of them, never inside a kernel."""
    for function, arguments in calls:
        function(*arguments)


def _vector(pack, unpack):
    """Return the layout of a vector: that of a matrix of one row, without the row's axis."""
    return Layout(
        lambda vector: pack(vector[None])[:, 0], lambda packed: unpack(packed[:, None])[0]
    )
