"""How every CPU kernel is compiled, and for which machine.

The vector width and the number of vector registers are read from the target that Numba compiles
for, so ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` choose the code path just as a different
machine would.
"""

import functools
import os
import threading
from types import FunctionType

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.core.targetconfig import ConfigStack
from numba.extending import intrinsic

from nlstm.kernels.cpu.machine import amx, notice, threads
from nlstm.kernels.cpu.machine.cache import cache_folder, keep
from nlstm.kernels.cpu.machine.linking import kernel_compiler
from nlstm.kernels.cpu.machine.pruning import PruningCompiler

if numba.config.DISABLE_JIT:
    raise RuntimeError(
        "nlstm computes with kernels that Numba compiles, which NUMBA_DISABLE_JIT=1 forbids: "
        "unset it. (Coverage of your own code does not need it.)"
    )
notice.announce_compilation()


@functools.cache
def target_features() -> frozenset[str]:
    """Return the names of the CPU features that Numba compiles for, such as ``avx512f``."""
    features = cpu_target.target_context.codegen().magic_tuple()[2]
    return frozenset(name[1:] for name in features.split(",") if name.startswith("+"))


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
    triple = cpu_target.target_context.codegen().magic_tuple()[0]
    arm = triple.startswith(("aarch64", "arm64"))  # Numba may name no features of it
    return 32 if arm or "avx512f" in target_features() else 16


@functools.cache
def multiplies_pairs() -> bool:
    """Whether the processor multiplies pairs of bfloat16 into float32 sums."""
    return {"avx512f", "avx512bf16"} <= target_features()


@functools.cache
def multiplies_tiles() -> bool:
    """Whether pairs are multiplied in AMX tiles; an error where that is asked for in vain."""
    return amx.is_asked() and amx.allow(target_features())


def lanes(dtype) -> int:
    """Return how many numbers of `dtype` a vector register holds."""
    return vector_bytes() // np.dtype(dtype).itemsize


def njit(function=None, **options):
    """Compile a kernel that is called from Python, and keep its code in nlstm's own cache."""
    if function is None:
        return functools.partial(njit, **options)
    options = {"pipeline_class": kernel_compiler()} | options
    # error_model="numpy": a division by zero gives inf or NaN, not a branch and an exception.
    # No NRT: arrays are the caller's, so their references need not be counted at every call.
    # A parallel loop that sums into one number does not compile then, and ought not to.
    return keep(numba.njit(function, error_model="numpy", _nrt=False, **options))


one_at_a_time = threading.RLock()


def njit_parallel(function):
    """Compile a kernel with parallel loops.

    Numba lets go of Python's lock in such loops, and its workqueue layer ends the process when two
    Python threads are in them at once. Under that layer they wait for each other.
    """
    kernel = njit(function, parallel=True)
    start_threads()
    if numba.threading_layer() != "workqueue":
        return kernel

    return Guarded(kernel)


class Guarded:
    """A kernel that one thread at a time runs."""

    def __init__(self, kernel):
        self.kernel = kernel
        functools.update_wrapper(self, kernel.py_func)

    def __call__(self, *args):
        with one_at_a_time:
            return self.kernel(*args)


def two_forms(function):
    """Compile a kernel of slices twice; return its forms (on one thread, on all threads).

    Called as ``forms[work >= enough](...)``, by whether the work is worth waking a second thread.
    Each is compiled where it is first called, so small models never compile the parallel one, whose
    compilation takes longer. `function` is named ``..._forms`` and cuts its work into
    `slice_count()` slices, which are one in the serial form; any cut gives the same bits.
    """
    name = function.__name__.removesuffix("_forms")

    def form(ending):
        code = function.__code__.replace(co_name=name + ending, co_qualname=name + ending)
        found = FunctionType(code, function.__globals__, name + ending, function.__defaults__)
        # By its name the cache knows one form from the other.
        return functools.wraps(function, ("__module__", "__doc__"), ())(found)

    forms = [njit(form("_alone")), njit_parallel(form("_parallel"))]
    threads.forms.append(forms)
    return forms


# For functions that only kernels call: no entry from Python and no cache file, which costs compile
# time. A kernel that counts references cannot call one that returns an array.
njit_inner = functools.partial(
    numba.njit, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False,
    pipeline_class=PruningCompiler,
)  # fmt: skip


def start_threads():
    """Start Numba's threads, whose waiting ends in sleep after about a tenth of a millisecond.

    GNU OpenMP by itself spins for milliseconds, which on shared cores takes them from whoever has
    work. A choice in the environment is left alone.
    """
    chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = "10000"
    numba.get_num_threads()
    if not chosen:
        del os.environ["GOMP_SPINCOUNT"]


@intrinsic
def thread_count(typingctx):
    """The number of threads a parallel loop gets; unlike numba.get_num_threads, it can be
    cached.
    """
    start_threads()  # makes the symbol known

    def codegen(context, builder, signature, args):
        return _call_thread_count(builder)

    return types.int64(), codegen


def _call_thread_count(builder):
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.IntType(64), []), "get_num_threads"
    )
    return builder.call(function, [])


@intrinsic
def slice_count(typingctx):
    """The number of threads a parallel loop of this kernel gets; 1 in its serial form."""
    start_threads()

    def codegen(context, builder, signature, args):
        if not ConfigStack().top().auto_parallel.enabled:
            return ir.IntType(64)(1)
        return _call_thread_count(builder)

    return types.int64(), codegen


def pair_products():
    """Return in words how pairs of bfloat16 are multiplied, or why they cannot be."""
    try:
        if multiplies_tiles():
            return "multiplied in AMX tiles"
    except (RuntimeError, ValueError) as error:
        return str(error)
    return "multiplied in pairs" if multiplies_pairs() else "widened to float32, slower"


def describe():
    """Return what kernels are compiled for, and where compiled code is kept."""
    start_threads()  # the threading layer has no name before
    return {
        "cpu": cpu_target.target_context.codegen().magic_tuple()[1],
        "vector_bits": 8 * vector_bytes(),
        "bfloat16_products": pair_products(),
        "threads": threads.get_num_threads(),
        "threading_layer": numba.threading_layer(),
        "cache_folder": str(cache_folder() or "none"),
    }


# --- denormal numbers -----------------------------------------------------------------------------
# Many CPUs need a hundred times as long for them. As zeros they change results by 1e-38 at most.

FLUSH_BITS = 0x8040  # of the x86 control register: results to zero, operands as zero


def _control_register(builder, instruction, slot):
    name = f"llvm.x86.sse.{instruction}"
    signature = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    builder.call(function, [builder.bitcast(slot, ir.IntType(8).as_pointer())])


@intrinsic
def flush_denormals(typingctx):
    """Take denormal numbers as zeros on this thread; return the mode before (x86 only)."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(32)
        if "sse2" not in target_features():
            return word(0)
        slot = cgutils.alloca_once(builder, word)
        _control_register(builder, "stmxcsr", slot)
        before = builder.load(slot)
        builder.store(builder.or_(before, word(FLUSH_BITS)), slot)
        _control_register(builder, "ldmxcsr", slot)
        return before

    return types.uint32(), codegen


@intrinsic
def restore_denormals(typingctx, mode):
    """Go back to the mode that `flush_denormals` returned."""

    def codegen(context, builder, signature, args):
        if "sse2" in target_features():
            slot = cgutils.alloca_once_value(builder, args[0])
            _control_register(builder, "ldmxcsr", slot)
        return context.get_dummy_value()

    return types.void(types.uint32), codegen
