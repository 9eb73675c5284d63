"""The device's words."""

import sys
import weakref

import numpy as np

from nlstm.kernels import operations
from nlstm.kernels.cuda import arrays, basics, launch, layouts, sequences
from nlstm.kernels.cuda.arrays import DeviceArray
from nlstm.kernels.cuda.cells import Cell
from nlstm.kernels.cuda.gate_cells import GRU
from nlstm.kernels.cuda.lstm import scratch_of
from nlstm.kernels.cuda.programs import Branch, Program, Queued
from nlstm.kernels.devices import kind_and_number
from nlstm.kernels.shared import bundles

__all__ = ["Words"]

SUBSTANTIAL = 1 << 20  # bytes: what is taken at once, so that free memory is what is left
PAIRED = 'matmul_precision="bfloat16"'
SPARE = 1 << 28  # bytes that data leave to what is still to come


class Words:
    """See `nlstm.kernels.operations.Operations`."""

    Weights, Work, Gradients = bundles.Weights, bundles.Work, bundles.Gradients
    Gains, NormalisedWork = bundles.Gains, bundles.NormalisedWork
    Masks, Zoneout = bundles.Masks, bundles.Zoneout

    def __init__(self, device, dtype):
        self._resident = weakref.WeakValueDictionary()  # by the host's arrays, which they keep
        launch.use(kind_and_number(device)[1])
        self.device = device
        self.dtype = self.compute_dtype = dtype

    def __getattr__(self, kernel):
        if kernel.startswith("__"):
            raise AttributeError(kernel)
        found = getattr(sys.modules[__package__], kernel, None)
        if found is None:
            raise operations.Absent(PAIRED if "_paired" in kernel else kernel)
        if callable(found) and not kernel.startswith(("pack_", "unpack_")):
            found = Queued(found)
        self.__dict__[kernel] = found
        return found

    def __reduce__(self):
        return operations.load, (self.device, self.dtype.name)

    # Memory

    def zeros(self, shape, dtype=None):
        made = arrays.zeros(shape, dtype or self.dtype)
        if made.nbytes > SUBSTANTIAL:
            made.block.bytes  # noqa: B018, which takes it
        return made

    def empty(self, shape, dtype=None):
        return arrays.empty(shape, dtype or self.dtype)

    def to_device(self, host):
        return arrays.to_device(np.ascontiguousarray(host))

    def resident(self, host):
        array = self._resident.get(id(host))
        if array is None:
            array = self._resident[id(host)] = self.to_device(host)
            array.block.owner = host  # whose id is nobody else's for so long
        return array

    def to_host(self, array):
        return array.to_host()

    def write(self, array, host):
        array.write(host)

    cell = Cell
    adopt = staticmethod(arrays.adopted)

    def all_finite(self, array):
        """Whether no number is NaN or infinite."""
        found = arrays.zeros(1, np.int64)
        basics.mark_not_finite(array, found)
        return not found.to_host()[0]

    def has_room(self, size):
        """Whether data of `size` bytes fit beside what is there."""
        return size + SPARE < launch.free_memory()

    # Calls

    fill, copy, add = Queued(basics.fill), Queued(basics.copy), Queued(basics.add)
    scale, join = Queued(basics.scale), Queued(basics.join)
    next_rows = Queued(sequences.next_rows)

    def either(self, out, source, mask):
        return Queued(basics.either), (out, source, mask)

    def enter(self, crowd=1):
        """Do nothing: the device's threads are its own."""
        return crowd

    def leave(self, before):
        """Do nothing."""

    def recover(self):
        """Open the compiler's lock, which an interrupt may have left closed."""
        launch.recover()

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
        return Branch(choose, ways), ()

    def bound(self, calls):
        return calls

    def program(self, *parts, whole=()):
        return Program([call for part in parts for call in part], whole)

    def update(self, rule, size):
        return getattr(self, rule)

    # Shapes

    def padded(self, features, dtype):
        return features

    def slots(self, steps, every):
        return steps + 1, steps

    def gate_inputs_shape(self, steps, rows, features):
        return steps, rows, layouts.GATES, features

    def gru_scratch_size(self, steps, rows, features, units):
        return scratch_of(steps, rows, features, units, self.dtype, GRU).size

    gate_matrix = staticmethod(layouts.gate_matrix)
    gate_vector = staticmethod(layouts.gate_vector)

    peephole_vector = staticmethod(layouts.peephole_vector)
    gru_matrix = staticmethod(layouts.gru_matrix)
    gru_bias_rows = staticmethod(layouts.gru_bias_rows)
    split_matrix = staticmethod(layouts.split_matrix)
    split_vector = staticmethod(layouts.split_vector)
    unit_matrix = staticmethod(layouts.unit_matrix)
    unit_vector = staticmethod(layouts.unit_vector)
    row_matrix = staticmethod(layouts.row_matrix)
    row_vector = staticmethod(layouts.row_vector)
