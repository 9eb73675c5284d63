"""Kernels are compiled once, whole: their parts are not machine code by themselves."""

import numba
import numpy as np
import pytest
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target

from nlstm.kernels.cpu.machine import cache, linking
from nlstm.kernels.cpu.machine.jit import njit, njit_inner
from nlstm.kernels.cpu.machine.linking import LinkedLibrary
from nlstm.kernels.shared.folders import Places

SHARE = 2.0


@njit_inner
def half(value):
    return value / SHARE


def halves(values, out):
    for i in numba.prange(values.size):
        out[i] = half(values[i])


def fails(values):
    return half(values) + "text"


def library_class():
    return cpu_target.target_context.codegen()._library_class


@pytest.mark.parametrize("parallel", [False, True])
def test_parts_have_no_machine_code_and_the_kernel_has(parallel, tmp_path, monkeypatch):
    # A kernel that an earlier run has left in the cache would come without its parts.
    monkeypatch.setattr(cache, "places", lambda: Places((tmp_path,), tmp_path, ()))
    kernel, out = njit(halves, parallel=parallel), np.zeros(6)
    kernel(np.full(6, 4.0), out)
    np.testing.assert_array_equal(out, 2.0)
    assert library_class() is JITCodeLibrary
    [part] = half.overloads.values()
    assert isinstance(part.library, LinkedLibrary)
    [whole] = kernel.overloads.values()
    assert not isinstance(whole.library, LinkedLibrary)


def test_a_kernel_that_cannot_be_compiled_leaves_numba_as_it_was():
    with pytest.raises(numba.TypingError):
        njit(fails)(np.zeros(3))
    assert library_class() is JITCodeLibrary

    @numba.njit
    def plain(value):
        return value + 1

    assert plain(1) == 2


def test_a_part_that_is_compiled_already_goes_into_another_kernel():
    def double(values):
        return 2.0 * half(values[0])

    njit(halves)(np.ones(2), np.zeros(2))
    assert njit(double)(np.array([6.0])) == 6.0

    @numba.njit
    def outside(value):
        return half(value)

    assert outside(9.0) == 4.5


@pytest.fixture
def other_numba(monkeypatch):
    """Take a name away that another Numba may not have."""
    monkeypatch.delattr(CompileResult, "_find_referenced_environments")
    linking.kernel_compiler.cache_clear()
    with pytest.warns(RuntimeWarning, match="has no _find_referenced_environments"):
        linking.kernel_compiler()
    monkeypatch.undo()  # plain compilation needs it
    yield
    linking.kernel_compiler.cache_clear()


@pytest.mark.parametrize("parallel", [False, True])
def test_a_numba_with_another_inside_compiles_plainly(parallel, tmp_path, monkeypatch, other_numba):
    monkeypatch.setattr(cache, "places", lambda: Places((tmp_path,), tmp_path, ()))
    for hits in (0, 1):
        kernel, out = njit(halves, parallel=parallel), np.zeros(6)
        assert kernel._compiler.pipeline_class is linking.PruningCompiler
        kernel(np.full(6, 4.0), out)
        np.testing.assert_array_equal(out, 2.0)
        assert sum(kernel.stats.cache_hits.values()) == hits


def test_this_numba_has_what_is_needed():
    assert not linking.missing_names()
    assert linking.kernel_compiler() is linking.KernelCompiler
