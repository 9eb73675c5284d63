"""The tile's sums stay in registers: read from its assembly, which LLVM makes for any processor."""

import re
from functools import partial

import pytest
from llvmlite import binding, ir
from numba.core.registry import cpu_target

from nlstm.kernels.cpu.machine import jit, simd
from nlstm.kernels.cpu.products import pairs
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, emit_tile, tile_signature

LINUX, MACOS = "unknown-linux-gnu", "apple-darwin24.0.0"
# Triple, kind of processor, bytes of a vector, rows of the largest tile.
MACHINES = {
    "aarch64": (f"aarch64-{LINUX}", "generic", 16, 6),
    "apple": (f"arm64-{MACOS}", "apple-m1", 16, 6),
    "avx2": (f"x86_64-{LINUX}", "haswell", 32, 3),
    "avx512": (f"x86_64-{LINUX}", "skylake-avx512", 64, 6),
    "avx512_bf16": (f"x86_64-{LINUX}", "cooperlake", 64, 6),
}
FUSED = re.compile(r"\s(?:fmla(?:\.\w+)?|vfn?madd\w+|vdpbf16ps)\s+(.*)")
VECTOR = re.compile(r"%[xyz]mm\d+|\b[vq]\d+\b")
STACK = re.compile(r"\(%[re]sp\b|\[sp\b")


@pytest.fixture
def machine(monkeypatch, request):
    """Give the function that makes assembly for the machine of the test's parameter."""
    if request.param == "this":
        triple, processor, features = cpu_target.target_context.codegen().magic_tuple()
        size, rows = jit.vector_bytes(), ROWS
        if triple.startswith("x86") and "fma" not in jit.target_features():
            pytest.skip("without fused multiply-adds there is no such assembly")
    else:
        (triple, processor, size, rows), features = MACHINES[request.param], ""
    monkeypatch.setattr(simd, "lanes", lambda dtype: size // (4 if dtype == "float32" else 8))
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(triple).create_target_machine(
        cpu=processor, features=features, opt=3, reloc="default", codemodel="jitdefault"
    )
    return partial(assembly, target, triple, size), rows


def assembly(target, triple, size, rows, dtype, kind="tile"):
    """Return the assembly of a function that is one tile of so many rows."""
    module = ir.Module()
    module.triple = triple
    function = ir.Function(module, tile_signature(dtype, kind)[0], "largest")
    for name in ("min-legal-vector-width", "prefer-vector-width"):
        set.add(function.attributes, f'"{name}"="{8 * size}"')
    builder = ir.IRBuilder(function.append_basic_block())
    emit_tile(builder, dtype, rows, VECTORS, function.args[2:], kind)
    parsed = binding.parse_assembly(str(module))
    parsed.data_layout = str(target.target_data)
    passes = binding.create_pass_builder(
        target, binding.create_pipeline_tuning_options(speed_level=3)
    )
    passes.getModulePassManager().run(parsed, passes)
    return target.emit_assembly(parsed)


def inner_loops(text):
    """Give of each loop over k the registers that are summed in, and what goes over the stack."""
    for block in re.split(r"\n(?=[.\w$]+:)", text):
        lines = [re.sub(r"\s(#|//|;).*", "", line) for line in block.splitlines()]
        fused = [found[1] for line in lines if (found := FUSED.search(line))]
        if fused:
            arm = "%" not in fused[0]  # there the first operand is the sum, in AT&T's the last
            sums = {VECTOR.findall(operands)[0 if arm else -1] for operands in fused}
            yield sums, [one for one in lines if STACK.search(one) and VECTOR.search(one)]


@pytest.mark.parametrize("kind", ["tile", "gate_tile"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("machine", [*MACHINES, "this"], indirect=True)
def test_sums_stay_in_registers(machine, dtype, kind):
    made, rows = machine
    loops = list(inner_loops(made(rows, dtype, kind)))
    assert len(loops) >= 2  # a source each
    for sums, stack in loops:
        assert len(sums) == rows * VECTORS
        assert not stack


@pytest.mark.parametrize("machine", [*MACHINES, "this"], indirect=True)
def test_each_step_asks_for_one_line(machine):
    made, rows = machine
    text = made(rows, "float32")
    fused = [line for line in text.splitlines() if FUSED.search(line)]
    assert len(fused) == 2 * rows * VECTORS  # a step of each source: no loop is unrolled
    assert len(re.findall(r"\s(?:prefetch\w*|prfm)\s", text)) == 2


@pytest.mark.parametrize("machine", MACHINES, indirect=True)
def test_a_tile_that_is_too_large_is_found(machine):
    made, rows = machine
    assert any(stack for _, stack in inner_loops(made(2 * rows, "float32")))


@pytest.mark.parametrize("machine", ["aarch64", "apple"], indirect=True)
def test_arm_has_its_own_multiply_adds(machine):
    made, rows = machine
    text = made(rows, "float32")
    assert text.count("fmla") == 2 * rows * VECTORS
    assert not re.search(r"\tblr?\t", text)  # no function is called for them


@pytest.mark.parametrize("machine", ["avx512_bf16"], indirect=True)
def test_pairs_are_multiplied_by_one_instruction(machine, monkeypatch):
    monkeypatch.setattr(pairs, "multiplies_pairs", lambda: True)
    made, rows = machine
    text = made(rows, "float32", "pair_tile")
    assert text.count("vdpbf16ps") == 2 * rows * VECTORS
    for sums, stack in inner_loops(text):
        assert len(sums) == rows * VECTORS
        assert not stack


@pytest.mark.parametrize("machine", ["avx2", "avx512", "aarch64"], indirect=True)
def test_without_the_instruction_pairs_are_widened(machine, monkeypatch):
    monkeypatch.setattr(pairs, "multiplies_pairs", lambda: False)
    made, rows = machine
    fused = [one for one in made(rows, "float32", "pair_tile").splitlines() if FUSED.search(one)]
    assert len(fused) == 2 * 2 * rows * VECTORS
