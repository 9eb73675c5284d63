"""The CPU's words: each is NumPy's own function or array, so that a step costs what it costs."""

import math
import sys
from collections import deque
from functools import partial
from itertools import starmap
from operator import call

import numpy as np

from nlstm.kernels import operations
from nlstm.kernels.cpu.machine.jit import Guarded, lanes, one_at_a_time
from nlstm.kernels.cpu.machine.launching import bound, compiled
from nlstm.kernels.cpu.machine.memory import has_room
from nlstm.kernels.cpu.machine.threads import recover
from nlstm.kernels.cpu.optimizers import choice
from nlstm.kernels.cpu.products import layout
from nlstm.kernels.cpu.products.tile import load_tile
from nlstm.kernels.operations import Layout

__all__ = ["Cell", "Words"]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


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

    recover = staticmethod(recover)

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
    has_room = staticmethod(has_room)

    # Calls

    fill = staticmethod(np.ndarray.fill)
    copy = staticmethod(np.copyto)
    add = staticmethod(np.add)
    scale = staticmethod(np.multiply)
    join = staticmethod(np.bitwise_or)
    update = staticmethod(choice.update)

    def either(self, out, source, mask):
        return np.copyto, (out, source, "same_kind", mask.view(np.bool_)[..., None])

    def host(self, function, reads, writes, *arguments):
        return function, arguments

    def branch(self, choose, *ways):
        return Branch(choose, ways), ()

    bound = staticmethod(bound)

    def program(self, *parts, whole=()):
        calls = []
        for part in parts:
            calls += part
        if not whole:
            return partial(run, calls)
        branch = _laid_out(whole)
        if branch is None:
            last = whole_of(whole)

            def run_all():
                for function, arguments in calls:
                    function(*arguments)
                run_whole(last)

            return run_all

        def run_with_branch():
            run(calls)
            branch()

        return run_with_branch

    # Shapes

    padded = staticmethod(layout.padded)

    def slots(self, steps, every):
        return (steps + 1, steps) if every else (2, steps % 2)

    def gate_inputs_shape(self, steps, rows, features):
        width = lanes(self.dtype)
        return steps, rows, -(-features // width) * layout.GATES, width

    def gru_scratch_size(self, steps, rows, features, units):
        return self.lstm_scratch_size(steps, rows, features, units, self.dtype)

    # Layouts

    def gate_matrix(self, units):
        return Layout(layout.pack_gates, lambda packed: layout.unpack_gates(packed, units))

    def gate_vector(self, units):
        return _vector(*self.gate_matrix(units))

    def peephole_vector(self, units):
        return Layout(layout.pack_peephole, lambda packed: layout.unpack_peephole(packed, units))

    def gru_matrix(self, units, empty):
        return Layout(
            lambda matrix: layout.pack_gates(layout.four_of_three(matrix, empty)),
            lambda packed: layout.three_of_four(layout.unpack_gates(packed, units), empty),
        )

    def gru_bias_rows(self, units):
        rows = [self.gru_matrix(units, empty) for empty in (3, 2)]
        return Layout(
            lambda pair: np.stack([one.pack(row[None])[:, 0] for one, row in zip(rows, pair)]),
            lambda packed: np.concatenate(
                [one.unpack(row[:, None]) for one, row in zip(rows, packed)]
            ),
        )

    def split_matrix(self, units):
        return Layout(layout.pack_parts, lambda packed: layout.unpack_parts(packed, units))

    def split_vector(self, units):
        pack, unpack = self.split_matrix(units)
        return Layout(
            lambda vector: pack(vector[None])[:, :, 0],
            lambda packed: unpack(packed[:, :, None])[0],
        )

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


class Branch:
    """One of several lists of calls."""

    def __init__(self, choose, ways):
        self.choose, self.ways = choose, ways
        self.prepared = [whole_of(way) for way in ways]

    def __call__(self):
        run_whole(self.prepared[self.choose()])


def _laid_out(calls):
    """Return calls with a branch among them as one branch between whole lists, else None.

    So that what stands around the branch runs with it, or not at all. One branch is all there is.
    """
    for place, (branch, _) in enumerate(calls):
        if isinstance(branch, Branch):
            before, after = calls[:place], calls[place + 1 :]
            return Branch(branch.choose, [[*before, *way, *after] for way in branch.ways])
    return None


def run(calls):
    """Run bound calls in order. An interrupt falls between two of them, never inside a kernel."""
    for function, arguments in calls:
        function(*arguments)


def whole_of(calls):
    """Return calls as `run_whole` takes them. Kernels are compiled now, which runs Python."""
    found = []
    for function, arguments in calls:
        kernel = function.kernel if isinstance(function, Guarded) else function
        kernel = compiled(kernel, arguments)
        if kernel is np.copyto and len(arguments) == 2:  # which begins in Python
            kernel, arguments = np.ndarray.__setitem__, (arguments[0], ..., arguments[1])
        found.append((kernel, *arguments))
    return found, any(isinstance(function, Guarded) for function, _ in calls)


def run_whole(prepared):
    """Run what `whole_of` gave. Between its kernels Python's own code never has its turn, so that
    no interrupt, which it raises, falls there.
    """
    calls, guarded = prepared
    if guarded:
        with one_at_a_time:
            deque(starmap(call, calls), 0)
    else:
        deque(starmap(call, calls), 0)


def _vector(pack, unpack):
    """Return the layout of a vector: that of a matrix of one row, without the row's axis."""
    return Layout(
        lambda vector: pack(vector[None])[:, 0], lambda packed: unpack(packed[:, None])[0]
    )
