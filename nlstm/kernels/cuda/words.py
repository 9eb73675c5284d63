"""The device's words, and programs: a step is recorded once as graphs, and replayed."""

import sys

import numpy as np

from nlstm.kernels import operations
from nlstm.kernels.cuda import arrays, basics, layouts
from nlstm.kernels.cuda.arrays import DeviceArray
from nlstm.kernels.cuda.launch import SIMULATED, Graph
from nlstm.kernels.shared import bundles

__all__ = ["Cell", "Words"]


class Queued:
    """A function that queues work on the device, and does nothing else."""

    __slots__ = ("function",)

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return queued(self.function(*arguments))


def queued(found):
    """Return what a kernel, or a factory of kernels, gave, with functions as `Queued`."""
    if isinstance(found, tuple):
        return tuple(queued(one) for one in found)
    return Queued(found) if callable(found) else found


class Cell:
    """Two copies."""

    def __init__(self, dtype, size):
        self.host = np.zeros(size, dtype)
        self.device = arrays.zeros(size, dtype)

    def push(self):
        """Bring the host's copy to the device."""
        if self.host.size:
            self.device.write(self.host)

    def pull(self):
        """Bring the device's copy to the host."""
        if self.host.size:
            self.host[...] = self.device.to_host()


class Words:
    """See `nlstm.kernels.operations.Operations`."""

    Weights, Work, Gradients = bundles.Weights, bundles.Work, bundles.Gradients
    Gains, NormalisedWork = bundles.Gains, bundles.NormalisedWork
    Masks, Zoneout = bundles.Masks, bundles.Zoneout

    def __init__(self, device, dtype):
        self.device = device
        self.dtype = self.compute_dtype = dtype

    def __getattr__(self, kernel):
        if kernel.startswith("__"):
            raise AttributeError(kernel)
        found = getattr(sys.modules[__package__], kernel, None)
        if found is None:
            raise operations.Absent(kernel)
        if callable(found) and not kernel.startswith(("pack_", "unpack_")):
            found = Queued(found)
        self.__dict__[kernel] = found
        return found

    def __reduce__(self):
        return operations.load, (self.device, self.dtype.name)

    # Memory

    def zeros(self, shape, dtype=None):
        return arrays.zeros(shape, dtype or self.dtype)

    def empty(self, shape, dtype=None):
        return arrays.empty(shape, dtype or self.dtype)

    def to_device(self, host):
        return arrays.to_device(np.ascontiguousarray(host))

    def to_host(self, array):
        return array.to_host()

    def write(self, array, host):
        array.write(host)

    cell = Cell

    # Calls

    fill, copy, add = Queued(basics.fill), Queued(basics.copy), Queued(basics.add)
    scale, join = Queued(basics.scale), Queued(basics.join)

    def either(self, out, source, mask):
        return Queued(basics.either), (out, source, mask)

    def enter(self, crowd=1):
        """Do nothing: the device's threads are its own."""
        return crowd

    def leave(self, before):
        """Do nothing."""

    def host(self, function, reads, writes, *arguments):
        read, written = ({id(one) for one in part} for part in (reads, writes))

        def call():
            given = []
            for one in arguments:
                if isinstance(one, DeviceArray):
                    there = id(one) in read
                    given.append(one.to_host() if there else np.empty(one.shape, one.dtype))
                else:
                    given.append(one)
            function(*given)
            for one, host in zip(arguments, given, strict=True):
                if id(one) in written and isinstance(one, DeviceArray):
                    one.write(host)

        return call, ()

    def branch(self, choose, *ways):
        prepared = [self.program(way) for way in ways]

        def run_one():
            prepared[choose()]()

        return run_one, ()

    def program(self, *parts, whole=()):
        return Program([call for part in (*parts, whole) for call in part])

    def update(self, rule, size):
        return getattr(self, rule)

    # Shapes

    def padded(self, features, dtype):
        return features

    def slots(self, steps, every):
        return steps + 1, steps

    def gate_inputs_shape(self, steps, rows, features):
        return steps, rows, layouts.GATES, features

    gate_matrix = staticmethod(layouts.gate_matrix)
    gate_vector = staticmethod(layouts.gate_vector)

    peephole_vector = staticmethod(layouts.peephole_vector)
    unit_matrix = staticmethod(layouts.unit_matrix)
    unit_vector = staticmethod(layouts.unit_vector)
    row_matrix = staticmethod(layouts.row_matrix)
    row_vector = staticmethod(layouts.row_vector)


class Program:
    """Calls in order: those that only queue work become graphs, at the second run.

    The first run compiles what has to be, which cannot be recorded.
    """

    def __init__(self, calls):
        self._calls = calls
        self._runs = 0
        self._pieces = []

    def __call__(self):
        """Run all calls."""
        if self._runs == 1 and not SIMULATED:
            self._pieces = list(_recorded(self._calls))
        if self._pieces:
            for piece in self._pieces:
                piece()
        else:
            for function, arguments in self._calls:
                function(*arguments)
        self._runs += 1


def _recorded(calls):
    """Give what runs the calls: graphs, and between them calls of the host."""
    queued = []
    for function, arguments in calls:
        if isinstance(function, Queued):
            queued.append((function, *arguments))
            continue
        if queued:
            yield Graph(queued).replay
            queued = []
        yield lambda function=function, arguments=arguments: function(*arguments)
    if queued:
        yield Graph(queued).replay
