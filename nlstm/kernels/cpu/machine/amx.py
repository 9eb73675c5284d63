"""Whether pairs of bfloat16 are to be multiplied in AMX tiles, and the system's leave to do so.

They are where NLSTM_AMX=1 is in the environment, and nowhere else: what is emitted for them
(`nlstm.kernels.cpu.products.amx`) was compiled and read, but never run.

The registers' 8 KiB are more than the system keeps for a thread by itself. Linux, from 5.16 on,
gives them to a process that asks, once: its threads have them too, whenever they began, and so have
its forks, but not what they execute.
"""

import ctypes
import os
import sys

VARIABLE = "NLSTM_AMX"
NEEDED = frozenset({"amx-tile", "amx-bf16", "avx512f", "avx512bf16"})

ARCH_PRCTL = 158  # of x86-64
REQUEST_PERMISSION = 0x1023  # ARCH_REQ_XCOMP_PERM
TILE_DATA = 18  # XFEATURE_XTILEDATA


def is_asked() -> bool:
    """Whether the environment asks for AMX tiles."""
    value = os.environ.get(VARIABLE, "")
    if value not in ("", "0", "1"):
        raise ValueError(f"{VARIABLE} in the environment is {value!r}; expected 1, 0 or nothing")
    return value == "1"


def allow(features: frozenset[str]) -> bool:
    """Have the system allow AMX to this process: True, or an error that says what is missing.

    Parameters
    ----------
    features : names of the CPU features that kernels are compiled for.
    """
    missing = sorted(NEEDED - features)
    if missing:
        reason = f"the CPU that kernels are compiled for has no {', '.join(missing)}"
    elif sys.platform != "linux":
        reason = f"nlstm knows how to ask the system for them on Linux only, not on {sys.platform}"
    else:
        error = request()
        # Also where the stack of a signal handler is too small for the registers (ENOSPC).
        reason = error and f"the system does not allow them: {os.strerror(error)} (errno {error})"
    if reason:
        raise RuntimeError(f"{VARIABLE}=1 asks for AMX tiles, but {reason}; unset it")
    return True


def request() -> int:
    """Ask Linux for the tiles' registers; return the number of the error, or 0."""
    library = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_long(one) for one in (ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA))
    return ctypes.get_errno() if library.syscall(*arguments) else 0
