"""Compilers that make machine code of a kernel once.

A kernel is put together from many functions and, with parallel loops, from Numba's wrappers around
them. Numba optimises each of these by itself and makes machine code of it, and again as a part of
each of its callers. Here all of them stay as they are until they are part of the kernel.
"""

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock

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
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


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
