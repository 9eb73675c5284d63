"""Arrays that lie in files: what stays there, and the pages of it that are in memory.

An `np.memmap`, or a view of one, of more than `SMALL` numbers is never converted or copied as a
whole: batches are gathered from it. The system keeps what was read in its cache of files, which is
nobody's memory; what the process has of it in its own map is given back every `KEPT` bytes.
"""

import mmap
from typing import Any

import numpy as np

from nlstm.kernels.devices import is_gpu
from nlstm.kernels.operations import Operations

__all__ = ["Pages", "at_place", "file_of", "is_read_in_place", "place_of", "stays_file"]

SMALL = 1 << 23  # numbers; a file of fewer is read at once, as if it were an array in memory
KEPT = 1 << 27  # bytes of a file that the process maps at most, about
AROUND = 1 << 16  # bytes that a system maps around a place where it is read


def stays_file(array: Any) -> bool:
    """Whether an array lies in a file, and is too large to be read at once."""
    return array.base is not None and array.size > SMALL and _origin(array) is not None


def file_of(array: Any) -> Any:
    """Return the path of the file that an array lies in; None of one in memory."""
    origin = _origin(array)
    return None if origin is None else origin.filename


def is_read_in_place(array: np.ndarray, ops: Operations) -> bool:
    """Whether a device's kernels read an array where it lies."""
    some = array[:1]
    return not is_gpu(ops.device) and ops.to_device(some) is some


def _origin(array: Any) -> np.memmap | None:
    """Return the map of a file that an array is a view of."""
    found = None
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            found = array
        array = array.base
    return found if isinstance(array, mmap.mmap) else None


def place_of(array: np.ndarray) -> Any:
    """Return what `at_place` makes the array of, in another process too: a file by its name."""
    origin = _origin(array)
    if origin is None:
        return array
    if origin.filename is None:
        raise TypeError("An np.memmap of a file without a name cannot be pickled.")
    begins = [one.__array_interface__["data"][0] for one in (array, origin)]
    offset = begins[0] - begins[1] + origin.offset
    return str(origin.filename), offset, array.shape, array.dtype, array.strides


def at_place(place: Any) -> np.ndarray:
    """Return the array that `place_of` was given."""
    if isinstance(place, np.ndarray):
        return place
    name, offset, shape, dtype, strides = place
    file = np.memmap(name, np.uint8, "r")
    return np.ndarray(shape, dtype, file, offset, strides)


class Pages:
    """The pages of files that a process has in its map.

    Parameters
    ----------
    *arrays : ndarray
        Those that lie in files are looked after.
    """

    def __init__(self, *arrays: Any) -> None:
        self._maps: list[mmap.mmap] = []
        for origin in map(_origin, arrays):
            # Of mode "c" they would take with them what was written there.
            if origin is not None and getattr(origin, "mode", "c") != "c":
                self._maps.append(_map_of(origin))
        if not hasattr(mmap, "MADV_DONTNEED"):  # Windows
            self._maps = []
        self.let_go()  # of what others have read, who count no more

    def touch(self, size: int, places: int = 1) -> None:
        """Note that `size` bytes were read or written in so many places."""
        self._touched += size + places * AROUND
        if self._touched > KEPT:
            self.let_go()

    def let_go(self) -> None:
        """Give the pages back; what was written stays in the file, and is read from there again."""
        self._touched = 0
        for one in self._maps:
            one.madvise(mmap.MADV_DONTNEED)


def _map_of(array: Any) -> mmap.mmap:
    while not isinstance(array, mmap.mmap):
        array = array.base
    return array
