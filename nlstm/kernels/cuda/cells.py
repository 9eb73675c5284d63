"""Cells: a few numbers on both sides, which go to and fro without waiting for what is queued."""

import numpy as np

from nlstm.kernels.cuda import arrays
from nlstm.kernels.cuda.launch import SIMULATED, cuda, stream, synchronize, turn

__all__ = ["Cell"]

ROOM = 1 << 20  # bytes of pinned memory for what is on its way
LARGE = ROOM // 8  # what goes by itself
APART = 64


class Ring:
    """Pinned memory, which copies on the stream read and write while Python goes on.

    Each copy has a place of its own; when the last is taken, all that is queued is waited for and
    the first comes again.
    """

    def __init__(self):
        self._bytes = None
        self._next = 0

    def place(self, dtype, size):
        """Return pinned memory for so many numbers."""
        if self._bytes is None:
            stream()
            make = np.empty if SIMULATED else cuda.pinned_array
            self._bytes = make(ROOM, np.uint8)
        length = size * dtype.itemsize
        if self._next + length > ROOM:
            synchronize()
            self._next = 0
        start, self._next = self._next, self._next + -(-length // APART) * APART
        return self._bytes[start : start + length].view(dtype)


ring = Ring()


class Cell:
    """Two copies."""

    def __init__(self, dtype, size):
        self.host = np.zeros(size, dtype)
        self.device = arrays.zeros(size, dtype)

    def push(self):
        """Bring the host's copy to the device, after what is queued."""
        if self.host.nbytes > LARGE:
            self.device.write(self.host)
        elif self.host.size:
            with turn:
                place = ring.place(self.host.dtype, self.host.size)
                place[...] = self.host
                if SIMULATED:
                    self.device.raw._ary[...] = place
                else:
                    self.device.raw.copy_to_device(place, stream=stream())

    def pull(self):
        """Bring the device's copy to the host, once all that is queued is done."""
        if self.host.nbytes > LARGE:
            self.host[...] = self.device.to_host()
        elif self.host.size:
            with turn:
                place = ring.place(self.host.dtype, self.host.size)
                if SIMULATED:
                    place[...] = self.device.raw._ary
                else:
                    self.device.raw.copy_to_host(place, stream=stream())
                    synchronize()
                self.host[...] = place
