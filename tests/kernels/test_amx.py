"""AMX tiles: their code for Sapphire Rapids, read, and run on a model of the instructions.

No machine that runs these tests need have AMX.
"""

import ctypes
import re
import subprocess
import sys

import numpy as np
import pytest
from llvmlite import binding

from nlstm.kernels.cpu.machine import amx, jit, simd
from nlstm.kernels.cpu.products import pairs, tile
from nlstm.kernels.cpu.products.amx import STEP
from nlstm.kernels.cpu.products.frame import VECTORS, tile_signature
from tests.kernels.amx_model import ModelledTile, amx_module
from tests.kernels.test_pairs import halves, paired_rows

L = 16  # columns of a tile
TRIPLE = "x86_64-unknown-linux-gnu"


# --- its assembly ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def assembly():
    """Give the assembly for Sapphire Rapids, made as Numba makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simd, "lanes", lambda dtype: L)
        patch.setattr(pairs, "multiplies_pairs", lambda: True)
        text = str(amx_module(TRIPLE))
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(TRIPLE).create_target_machine(
        cpu="sapphirerapids", features="", opt=3, reloc="default", codemodel="jitdefault"
    )
    module = binding.parse_assembly(text)
    passes = binding.create_pass_builder(
        target, binding.create_pipeline_tuning_options(speed_level=3)
    )
    passes.getModulePassManager().run(module, passes)
    return target.emit_assembly(module)


def test_instructions_are_there(assembly):
    for name in ("ldtilecfg", "tileloadd", "tdpbf16ps", "tilestored", "tilerelease", "vdpbf16ps"):
        assert re.search(rf"^\s+{name}\b", assembly, re.M), name


def test_no_register_is_spilled(assembly):
    moves = re.findall(r"^\s+tile(?:loadd|stored)\s.*", assembly, re.M)
    assert moves and not any("%rsp" in one or "%rbp" in one for one in moves)
    stored = len(re.findall(r"^\s+tilestored\s", assembly, re.M))
    copies = len(re.findall(r"^\s+ldtilecfg\s", assembly, re.M))  # one for each inlined source
    assert stored == copies * sum(range(1, VECTORS + 1))


def test_loops_hold_their_addresses(assembly):
    """Nothing goes over the stack while full tiles are multiplied."""
    blocks = [one for one in re.split(r"\n(?=[.\w$]+:)", assembly) if "tdpbf16ps" in one]
    ends = [re.search(rf"\sj\w+\s+{re.escape(one.split(':')[0])}\b", one) for one in blocks]
    loops = [one[: end.start()] for one, end in zip(blocks, ends, strict=True) if end]
    assert len(loops) >= VECTORS
    assert not [one for one in loops if re.search(r"\(%rsp|\(%rbp", one)]


# --- its sums -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def machine():
    """Give the function, which returns how often each instruction was run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simd, "lanes", lambda dtype: L)
        patch.setattr(pairs, "multiplies_pairs", lambda: False)
        made = ModelledTile()
    signature, _ = tile_signature("float32", "amx_tile")
    arguments = [ctypes.c_void_p if one.is_pointer else ctypes.c_int64 for one in signature.args]
    function = ctypes.CFUNCTYPE(None, *arguments)(made.address)

    def call(*arguments):
        function(*arguments)
        return made.counts()

    return call


class Case:
    """Operands of a product as kernels lay them out, and what they come to.

    A : rows of words, with some between them. B : blocks (J, K, VECTORS, L), as gate weights are.
    """

    def __init__(self, rows, vectors, K, J=1, seed=0):
        rng = np.random.default_rng(seed)
        self.rows, self.vectors, self.K, self.J = rows, vectors, K, J
        A, B = rng.standard_normal((rows, 2 * K * J)), rng.standard_normal((2 * K * J, VECTORS * L))
        self.A = np.full((rows, K * J + 3), 0x7FC07FC0, np.uint32)  # NaN where none may be read
        self.A[:, : K * J] = paired_rows(A.T).T
        self.B = paired_rows(B)
        numbers = [np.stack(halves(words), -1).astype(float) for words in (self.A, self.B)]
        of_a = numbers[0][:, : K * J].reshape(rows, -1)
        of_b = numbers[1].transpose(0, 2, 1).reshape(2 * K * J, -1)
        self.product = (of_a @ of_b)[:, : vectors * L]
        self.start = rng.standard_normal((rows, VECTORS * L)).astype(np.float32)

    def source(self, by_columns=False):
        """Return the source's fields; the A of columns is the same, transposed."""
        width = VECTORS * L
        of_b = (self.B.ctypes.data, L, width, self.K * width, self.K, self.J)
        if by_columns:
            self.columns = np.ascontiguousarray(self.A.T)
            return (self.columns.ctypes.data, 1, self.rows, self.K * self.rows, *of_b)
        return (self.A.ctypes.data, self.A.shape[1], 1, self.K, *of_b)


NOTHING = (None, 0, 0, 0, None, 0, 0, 0, 0, 0)
AHEAD = (None, 0, 0)  # a tile of AMX asks for nothing ahead


def computed(call, case, *sources, start=None, rows=slice(None)):
    """Return C and how often each instruction was run."""
    C = np.full((case.rows, VECTORS * L + 5), np.nan, np.float32)
    fields = [(*one, *AHEAD) for one in [*sources, NOTHING, NOTHING][:2]]
    begin = case.start if start is None else start
    place = (C.ctypes.data, C.shape[1], L)
    row = begin.shape[1] if begin.ndim == 2 else 0
    counts = call(
        case.rows, case.vectors, *place, begin.ctypes.data, row, L, *fields[0], *fields[1]
    )
    width = case.vectors * L
    assert np.isnan(C[:, width:]).all()
    return C[:, :width], counts


def steps(K):
    return -(-K // STEP)


@pytest.mark.parametrize("K", [STEP, STEP + 1, 3 * STEP - 1, 4 * STEP])
@pytest.mark.parametrize("rows, vectors", [(1, 4), (6, 3), (16, 2), (16, 4), (2, 1)])
def test_product(machine, rows, vectors, K):
    case = Case(rows, vectors, K)
    C, counts = computed(machine, case, case.source())
    assert C == pytest.approx(case.start[:, : vectors * L] + case.product, abs=2e-5)
    assert counts == {
        "ldtilecfg": 1,
        "tileloadd64": vectors + steps(K) * (1 + vectors),
        "tdpbf16ps": steps(K) * vectors,
        "tilestored64": vectors,
        "tilerelease": 1,
    }


def test_blocks_and_a_start_that_rows_share(machine):
    case = Case(5, 4, STEP + 4, J=3)
    bias = np.arange(VECTORS * L, dtype=np.float32)
    C, counts = computed(machine, case, case.source(), start=bias)
    assert C == pytest.approx(bias + case.product, abs=2e-5)
    assert counts["tdpbf16ps"] == 3 * 2 * 4


@pytest.mark.parametrize("K, by_columns", [(STEP - 1, False), (2 * STEP, True)])
def test_other_sources_are_the_pair_tiles(machine, K, by_columns):
    rows, vectors = tile.ROWS, 3
    case, tall = Case(rows, vectors, K), Case(rows, vectors, 2 * STEP, seed=1)
    wanted, other, own = (
        case.start[:, : vectors * L] + case.product,
        case.source(by_columns),
        tall.source(),
    )
    C, counts = computed(machine, case, other)
    assert C == pytest.approx(wanted, abs=2e-5) and not counts
    for sources in ((other, own), (own, other)):
        C, counts = computed(machine, case, *sources)
        assert C == pytest.approx(wanted + tall.product, abs=2e-5)
        assert counts["tdpbf16ps"] == 2 * vectors


def test_every_cut_gives_the_same_bits(machine):
    case, other = Case(6, 4, 2 * STEP + 3), Case(6, 4, STEP, seed=1)
    whole, _ = computed(machine, case, case.source(), other.source())
    first, _ = computed(machine, case, case.source())
    for n in range(6):
        for v in range(4):
            one = Case(1, 1, 2 * STEP + 3)
            one.start = np.ascontiguousarray(first[n : n + 1, v * L : (v + 1) * L])
            a, *of_a, b, b_v, b_k, b_j, K, J = other.source()
            a, b = a + 4 * n * other.A.shape[1], b + 4 * v * L
            part, _ = computed(machine, one, (a, *of_a, b, b_v, b_k, b_j, K, J))
            assert np.array_equal(part[0], whole[n, v * L : (v + 1) * L])


@pytest.mark.skipif(jit.lanes("float32") != L, reason="kernels pack other panels here")
def test_layers():
    code = "from tests.kernels import amx_model; amx_model.check_layers()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- the switch -----------------------------------------------------------------------------------


@pytest.fixture
def chosen(monkeypatch):
    """Give a function that says which tile is made for pairs, in a process with such a switch."""
    jit.multiplies_tiles.cache_clear()
    for name in ("pair", "amx"):
        monkeypatch.setattr(tile, f"{name}_tile_address", lambda array, name=name: name)

    def choose(value):
        monkeypatch.delenv(amx.VARIABLE, raising=False)
        if value is not None:
            monkeypatch.setenv(amx.VARIABLE, value)
        return tile.paired_address(np.empty(0, np.float32))

    yield choose
    jit.multiplies_tiles.cache_clear()


@pytest.mark.parametrize("value", [None, "", "0"])
def test_off_unless_asked_for(chosen, value, monkeypatch):
    monkeypatch.setattr(amx, "allow", None)  # it is not asked
    assert chosen(value) == "pair"


def test_on_where_it_is_allowed(chosen, monkeypatch):
    monkeypatch.setattr(jit, "target_features", lambda: amx.NEEDED | {"avx2"})
    monkeypatch.setattr(amx.sys, "platform", "linux")
    monkeypatch.setattr(amx, "request", lambda: 0)
    assert chosen("1") == "amx"
    assert jit.pair_products() == "multiplied in AMX tiles"


@pytest.mark.parametrize(
    "features, platform, error, text",
    [
        (set(), "linux", 0, "no amx-bf16, amx-tile, avx512bf16, avx512f;"),
        (amx.NEEDED - {"amx-bf16"}, "linux", 0, "no amx-bf16;"),
        (amx.NEEDED, "win32", 0, "on Linux only, not on win32"),
        (amx.NEEDED, "linux", 95, r"the system does not allow them: .* \(errno 95\)"),
    ],
)
def test_error_where_it_is_not(chosen, monkeypatch, features, platform, error, text):
    monkeypatch.setattr(jit, "target_features", lambda: frozenset(features))
    monkeypatch.setattr(amx.sys, "platform", platform)
    monkeypatch.setattr(amx, "request", lambda: error)
    with pytest.raises(
        RuntimeError, match=f"NLSTM_AMX=1 asks for AMX tiles, but .*{text}"
    ) as raised:
        chosen("1")
    assert jit.pair_products() == str(raised.value)


def test_other_values_are_refused(chosen):
    with pytest.raises(ValueError, match="NLSTM_AMX in the environment is 'yes'; expected 1, 0"):
        chosen("yes")


@pytest.mark.skipif("amx-tile" in jit.target_features(), reason="this processor has AMX")
@pytest.mark.skipif(amx.sys.platform != "linux", reason="asks Linux")
def test_this_system_says_no():
    assert amx.request() != 0
