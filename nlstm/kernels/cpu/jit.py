"""How every CPU kernel is compiled, and for which machine.

The vector width and the number of vector registers are read from the target that Numba compiles for, so
``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` choose the code path just as a different machine would.
"""

import functools

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic


@functools.cache
def target_features() -> frozenset[str]:
    """Return the names of the CPU features that Numba compiles for, such as ``avx512f``."""
    codegen = cpu_target.target_context.codegen()
    return frozenset(
        name[1:] for name in codegen._get_host_cpu_features().split(",") if name.startswith("+")
    )


@functools.cache
def vector_bytes() -> int:
    """Return the width of a vector register in bytes."""
    features = target_features()
    if "avx512f" in features:
        return 64
    return 32 if "avx2" in features and "fma" in features else 16


@functools.cache
def vector_registers() -> int:
    """Return the number of vector registers (AVX-512 and ARM have 32, the older x86 sets 16)."""
    features = target_features()
    return 32 if "avx512f" in features or "neon" in features else 16


def lanes(dtype) -> int:
    """Return how many numbers of `dtype` a vector register holds."""
    return vector_bytes() // np.dtype(dtype).itemsize


# error_model="numpy": a division by zero gives inf or NaN instead of a branch and an exception.
njit = functools.partial(numba.njit, cache=True, error_model="numpy")
njit_parallel = functools.partial(njit, parallel=True)
# For functions that only kernels call: no entry from Python and no cache file, which costs compile time.
njit_inner = functools.partial(
    numba.njit, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)


@intrinsic
def thread_count(typingctx):
    """The number of threads a parallel loop gets; unlike numba.get_num_threads, it can be cached."""

    numba.get_num_threads()  # starts the threading layer, which makes the symbol known

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(word, []), "get_num_threads"
        )
        return builder.call(function, [])

    return types.int64(), codegen


@njit_parallel
def _start_threads(out):
    for i in numba.prange(out.size):
        out[i] = i


def describe():
    """Return what kernels are compiled for, and where compiled code is kept."""
    _start_threads(np.zeros(2))  # the threading layer has no name before its first use
    return {
        "cpu": cpu_target.target_context.codegen()._get_host_cpu_name(),
        "vector_bits": 8 * vector_bytes(),
        "threads": numba.get_num_threads(),
        "threading_layer": numba.threading_layer(),
        "cache_folder": _start_threads._cache.cache_path,
    }
