"""Compilers that make machine code of a kernel once.

A kernel is put together from many functions and, with parallel loops, from Numba's wrappers around
them. Numba optimises each of these by itself and makes machine code of it, and again as a part of
each of its callers. Here all of them stay as they are until they are part of the kernel.

This leans on Numba's inside as versions 0.62 to 0.68 have it. Where a name is gone, kernels are
compiled as Numba does it by itself, which takes longer.
"""

import functools
import warnings

import numba
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from nlstm.kernels.cpu.machine.pruning import PruningCompiler


class WithoutAddresses:
    """What a library without machine code says of its code generator."""

    def set_env(self, name, environment):
        """Do nothing: `KernelCompiler` sets the environments of all parts of a kernel."""


class LinkedLibrary(JITCodeLibrary):
    """Code on its way into a kernel: neither optimised nor made into machine code by itself."""

    codegen = WithoutAddresses()

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name):
        return 0  # what Numba has for a function that Python cannot call


class KernelLibrary(JITCodeLibrary):
    """A whole kernel."""

    def _optimize_final_module(self):
        super()._optimize_final_module()
        # Once more, now that all is inlined: it takes 3 % off the recurrence.
        made = self._codegen._module_pass_manager()
        passes, *builder = made if isinstance(made, tuple) else (made,)  # one object in old Numbas
        passes.run(self._final_module, *builder)


class KernelCompiler(PruningCompiler):
    """Compile a kernel; what is compiled for it meanwhile becomes part of it."""

    @global_compiler_lock  # what another thread compiles is not to become a part
    def _compile_core(self):
        codegen = self.state.targetctx.codegen()
        before = codegen._library_class
        codegen._library_class = KernelLibrary
        self.state.library = codegen.create_library(self.state.func_id.func_qualname)
        self.state.library.enable_object_caching()
        codegen._library_class = LinkedLibrary
        try:
            result = super()._compile_core()
        finally:
            codegen._library_class = before
        for environment in result._find_referenced_environments():
            codegen.set_env(environment.env_name, environment)
        return result


@functools.cache
def kernel_compiler():
    """Return the compiler of kernels: `KernelCompiler`, or one that needs less of Numba."""
    missing = missing_names()
    if not missing:
        return KernelCompiler
    warnings.warn(
        f"Numba {numba.__version__} has no {', '.join(missing)}: nlstm's kernels take longer to "
        "compile. Numba 0.62 to 0.68 have what it looks for.",
        RuntimeWarning,
        stacklevel=2,
    )
    return PruningCompiler


def missing_names():
    """Return what is needed of Numba here and not found."""
    codegen = cpu_target.target_context.codegen()
    needed = {
        JITCodeLibrary: ("_optimize_final_module", "_finalize_final_module",
                         "_finalize_dynamic_globals", "enable_object_caching"),
        PruningCompiler: ("_compile_core",),
        CompileResult: ("_find_referenced_environments",),
        codegen: ("_library_class", "_module_pass_manager", "set_env", "create_library"),
    }  # fmt: skip
    return [name for owner, names in needed.items() for name in names if not hasattr(owner, name)]
