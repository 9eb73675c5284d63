"""What there is of GPUs, asked of the driver itself: the package that compiles is not imported."""

import ctypes
import os
import sys
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

__all__ = ["Gpu", "found", "has_package", "missing", "simulated"]

PACKAGE, MODULE = "numba-cuda", "numba_cuda"
INSTALL = 'pip install "nlstm[cuda]"'
NO_DEVICE = 100  # of the driver: it runs and sees none
MAJOR, MINOR = 75, 76  # attributes of a device


class Gpu(NamedTuple):
    """A device of the driver.

    Attributes
    ----------
    name : str
    size : int
        Bytes of its memory.
    capability : tuple of int
        What its code is compiled for, such as (9, 0).
    """

    name: str
    size: int
    capability: tuple[int, int]


def simulated() -> bool:
    """Whether Numba's simulator stands for a GPU, as in tests."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def has_package() -> bool:
    """Whether the package is installed that compiles for GPUs."""
    return find_spec(MODULE) is not None


def missing(number: int = 0) -> str | None:
    """Return what is missing for computing on GPU `number`, in a sentence; None if nothing is."""
    if simulated():
        return None if number == 0 else _too_few(number, 1)
    if not has_package():
        return f"the package {PACKAGE} is not installed: {INSTALL}"
    gpus = found()
    if isinstance(gpus, str):
        return gpus
    return None if number < len(gpus) else _too_few(number, len(gpus))


def _too_few(number: int, count: int) -> str:
    if count == 0:
        return "NVIDIA's driver sees no GPU (CUDA_VISIBLE_DEVICES may hide it); " + _otherwise()
    return f"there is no GPU {number}: they are counted from 0, and there are {count}."


def _otherwise() -> str:
    return 'the package is there. device="cpu" computes without.'


@cache
def found() -> tuple[Gpu, ...] | str:
    """Return the GPUs; a sentence where there is no driver, or one that does not start."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return f"NVIDIA's driver ({name}) is not installed, or not seen here; " + _otherwise()
    error = driver.cuInit(0)
    if error == NO_DEVICE:
        return ()
    if error:
        return f"NVIDIA's driver does not start (cuInit gives error {error}); " + _otherwise()
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return tuple(_described(driver, number) for number in range(count.value))


def _described(driver: ctypes.CDLL, number: int) -> Gpu:
    device, size, text = ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(100)
    driver.cuDeviceGet(ctypes.byref(device), number)
    driver.cuDeviceGetName(text, len(text), device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    capability = []
    for attribute in (MAJOR, MINOR):
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        capability.append(value.value)
    return Gpu(text.value.decode(), size.value, (capability[0], capability[1]))
