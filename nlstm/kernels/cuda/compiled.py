"""Machine code of kernels: from the cache or the compiler, loaded, and launched.

Code is compiled for the types of a kernel's arguments and kept as a file; see the CPU's cache. A
launch packs its arguments as Numba's kernels take them: of an array its two owners (none), size,
length of an element, address, shape and strides, each as eight bytes.
"""

import ctypes
import functools
import hashlib
import re
import struct
import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np

from nlstm.kernels.shared import entries, folders

FOLDERS = (Path(__file__).resolve().parent, Path(__file__).resolve().parents[1] / "shared")
LINE = "nlstm: compiling kernels for this GPU"
KEPT = "; the next start finds them in the cache"
# What no compiled code depends on.
APART = {
    "arrays.py",
    "cells.py",
    "copies.py",
    "entries.py",
    "folders.py",
    "lstm_segments.py",
    "programs.py",
    "words.py",
}
# How a number is packed, padded to eight bytes.
NUMBERS = {
    bool: "?7x", int: "q", float: "d", np.dtype(bool): "?7x", np.dtype("uint8"): "B7x",
    np.dtype("int32"): "i4x", np.dtype("uint32"): "I4x", np.dtype("int64"): "q",
    np.dtype("uint64"): "Q", np.dtype("float32"): "f4x", np.dtype("float64"): "d",
}  # fmt: skip


class Kind(tuple):
    """What an argument is compiled as: (dtype, axes) of an array, the type of a number."""


def kind_of(argument):
    """Return what a kernel is compiled for: kinds of arrays, types of numbers, tuples of these."""
    if isinstance(argument, tuple):
        return tuple(map(kind_of, argument))
    if hasattr(argument, "block"):
        return Kind((argument.dtype, len(argument.shape)))
    if isinstance(argument, np.ndarray):  # would be copied at each launch, and break a recording
        raise TypeError(f"a host array of shape {argument.shape} among a kernel's arguments")
    return getattr(argument, "dtype", type(argument))


def format_of(kind) -> str:
    """Return how arguments of a kind are packed."""
    if isinstance(kind, Kind):
        return "qqqqQ" + "q" * 2 * kind[1]
    return "".join(map(format_of, kind)) if isinstance(kind, tuple) else NUMBERS[kind]


def values_of(argument):
    """Give the numbers that an argument is packed from."""
    if isinstance(argument, tuple):
        for one in argument:
            yield from values_of(one)
    elif hasattr(argument, "block"):
        size = step = argument.dtype.itemsize
        steps = []
        for length in reversed(argument.shape):
            steps.append(step)
            step *= length
        yield from (0, 0, argument.size, size, argument.address, *argument.shape, *steps[::-1])
    else:
        yield argument


def numba_type(kind):
    """Return what the compiler calls a kind."""
    from numba.cuda import types as kinds

    if isinstance(kind, Kind):
        return kinds.Array(numba_type(kind[0]), kind[1], "C")
    if isinstance(kind, tuple):
        return kinds.BaseTuple.from_types(tuple(map(numba_type, kind)))
    if isinstance(kind, np.dtype):
        return kinds.boolean if kind.kind == "b" else getattr(kinds, kind.name)
    return {bool: kinds.boolean, int: kinds.int64, float: kinds.float64}[kind]


class Compiled:
    """A kernel's machine code, loaded into this process's context.

    Parameters
    ----------
    function : callable. The Python function.
    kind : tuple. The kinds of its arguments.
    max_registers, shared_bytes : int
    capability : tuple of int. Of the device.
    """

    def __init__(self, function, kind, max_registers, shared_bytes, capability):
        from cuda.bindings import driver

        self._driver = driver
        name, code = machine_code(function, kind, max_registers, capability)
        error, self._module = driver.cuModuleLoadData(code)
        check(error)
        error, self.function = driver.cuModuleGetFunction(self._module, name.encode())
        check(error)
        if shared_bytes:
            most = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            check(driver.cuFuncSetAttribute(self.function, most, shared_bytes)[0])
        self._packed = struct.Struct("=" + "".join(map(format_of, kind)))
        self._bytes = ctypes.create_string_buffer(self._packed.size)
        first, count = ctypes.addressof(self._bytes), self._packed.size // 8
        self._places = (ctypes.c_void_p * count)(*range(first, first + 8 * count, 8))

    def launch(self, grid, threads, shared_bytes, stream, together, arguments) -> None:
        """Queue one launch; if `together`, the driver starts all blocks at once, or refuses."""
        grid = (grid, 1, 1) if isinstance(grid, int) else (*grid, 1, 1)[:3]
        self._packed.pack_into(self._bytes, 0, *values_of(arguments))
        given = self.function, *grid, threads, 1, 1, shared_bytes, stream
        places = ctypes.addressof(self._places)
        if together:
            error = self._driver.cuLaunchCooperativeKernel(*given, places)
        else:
            error = self._driver.cuLaunchKernel(*given, places, 0)
        check(error[0])


def check(error):
    """Raise the driver's error, if it is one."""
    if int(error) != 0:
        raise RuntimeError(f"CUDA driver: {error!r}")


# --- the cache ------------------------------------------------------------------------------------


def machine_code(function, kind, max_registers, capability):
    """Return a kernel's name and its cubin, as kept or compiled now."""
    name = entry_name(function, kind, max_registers, capability)
    for _, data in entries.find(places(), name) if name else ():
        entry, _, code = data.partition(b"\n")
        return entry.decode(), code
    announce()
    entry, code = compile_now(function, kind, max_registers, capability)
    if name is not None:
        entries.keep(places(), name, entry.encode() + b"\n" + code)
    return entry, code


def compile_now(function, kind, max_registers, capability):
    """Compile a kernel: its name and its cubin."""
    from numba.cuda.cudadrv.driver import _Linker

    ptx = ptx_of(function, kind, capability)
    (entry,) = re.findall(rb"\.entry\s+([\w$]+)", ptx)
    linker = _Linker(max_registers=max_registers, cc=capability, lto=False)
    linker.add_ptx(ptx)
    return entry.decode(), bytes(linker.complete().code)


def ptx_of(function, kind, capability) -> bytes:
    """Compile a kernel as far as its PTX."""
    from numba import cuda

    ptx, _ = cuda.compile(
        function, tuple(map(numba_type, kind)), device=False, cc=capability, opt=True,
        output="ptx", abi="numba",
    )  # fmt: skip
    return ptx if isinstance(ptx, bytes) else ptx.encode()


@functools.cache
def places():
    """Return the folders of compiled kernels, see `folders.Places`."""
    return folders.places(f"cuda-{entries.hash_of(version('numba-cuda'), FOLDERS, APART)}")


@functools.cache
def announce():
    """Say once that kernels are being compiled."""
    kept = KEPT if places().write else ""
    print(f"{LINE}{kept}.", file=sys.stderr, flush=True)


def entry_name(function, kind, max_registers, capability):
    """Return the name of a kernel's file; None for what closes over something unknown."""
    try:
        label, *rest = identity(function)
    except TypeError:
        return None
    digest = hashlib.sha256(repr((label, rest, kind, max_registers, capability)).encode())
    return f"{label[-80:]}-sm_{capability[0]}{capability[1]}-{digest.hexdigest()[:32]}.kernel"


def identity(one):
    """Return what makes compiled code of a thing: of a function its place and what it closes over.

    What its globals are is in the hash of all sources.
    """
    one = getattr(one, "py_func", getattr(one, "_defn", one))  # of Numba's functions
    if isinstance(one, types.FunctionType):
        code, label = one.__code__, f"{one.__module__}.{one.__qualname__}"
        stamp = entries.file_stamp(code.co_filename, FOLDERS)
        if stamp is None:
            raise TypeError(f"{one!r} has no file")
        # Two lambdas of a line differ in these.
        constants = [each for each in code.co_consts if not isinstance(each, types.CodeType)]
        words = code.co_firstlineno, code.co_varnames, code.co_names, repr(constants)
        cells = tuple(identity(cell.cell_contents) for cell in one.__closure__ or ())
        label = label.removeprefix("nlstm.kernels.").replace("<locals>.", "")
        return label, *words, stamp, cells
    if isinstance(one, tuple):
        return tuple(map(identity, one))
    if isinstance(one, str | int | float | np.generic | np.dtype | type(None)):
        return f"{type(one).__name__} {one!r}"
    if isinstance(one, type):
        return f"{one.__module__}.{one.__qualname__}"
    if isinstance(one, types.ModuleType):
        return one.__name__
    raise TypeError(f"no identity of {one!r}")
