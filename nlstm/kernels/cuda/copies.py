"""Copies between the host and the device, on the stream that all work is queued on.

What is small passes through pinned memory, so that nobody waits for what is queued before it.
"""

import numpy as np

from nlstm.kernels.cuda.compiled import check
from nlstm.kernels.cuda.launch import SIMULATED, cuda, handle, stream, synchronize, turn

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

    def place(self, size):
        """Return pinned memory of so many bytes."""
        if self._bytes is None:
            stream()
            make = np.empty if SIMULATED else cuda.pinned_array
            self._bytes = make(ROOM, np.uint8)
        if self._next + size > ROOM:
            synchronize()
            self._next = 0
        start, self._next = self._next, self._next + -(-size // APART) * APART
        return self._bytes[start : start + size]


ring = Ring()


def bytes_of(host):
    """Return the bytes of a contiguous array."""
    return host.reshape(-1).view(np.uint8)


def upload(host, array) -> None:
    """Copy a contiguous array of the host to one on the device, after what is queued."""
    with turn:
        place = bytes_of(host)
        if place.size <= LARGE:
            place = ring.place(host.nbytes)
            place[...] = bytes_of(host)
        to_device(place, array)
        if host.nbytes > LARGE:
            synchronize()


def download(array, host) -> None:
    """Copy an array of the device to a contiguous one here, once all that is queued is done."""
    with turn:
        place = bytes_of(host)
        if place.size <= LARGE:
            place = ring.place(host.nbytes)
        to_host(array, place)
        synchronize()
        if host.nbytes <= LARGE:
            bytes_of(host)[...] = place


if SIMULATED:

    def to_device(place, array):
        bytes_of(array.raw._ary)[...] = place

    def to_host(array, place):
        place[...] = bytes_of(array.raw._ary)

    def clear(memory):
        memory._ary.fill(0)

else:

    def to_device(place, array):
        from cuda.bindings import driver

        stream()
        there = array.address, place.ctypes.data
        check(driver.cuMemcpyHtoDAsync(*there, place.size, handle())[0])

    def to_host(array, place):
        from cuda.bindings import driver

        stream()
        there = place.ctypes.data, array.address
        check(driver.cuMemcpyDtoHAsync(*there, place.size, handle())[0])

    def clear(memory):
        """Fill memory with zeros."""
        from numba.cuda.cudadrv.driver import device_memset

        device_memset(memory, 0, memory.size, stream())
