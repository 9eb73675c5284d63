"""Pairs of bfloat16: their rounding, the tile that multiplies them, and the LSTM made of both."""

import ctypes

import numba
import numpy as np
import pytest
from llvmlite import binding, ir
from numba.core.registry import cpu_target

from nlstm.kernels.cpu.lstm import pairs as lstm_pairs_file
from nlstm.kernels.cpu.machine.jit import lanes, multiplies_pairs
from nlstm.kernels.cpu.machine.simd import load
from nlstm.kernels.cpu.products import pairs
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, emit_tile, tile_signature
from tests.kernels.lstm_case import random_case, run_kernels
from tests.kernels.schedules import same_bits
from tests.kernels.test_lstm import OPTIONS, PREDICTED, SCHEDULES, SHAPES, reference
from tests.reference.bfloat16 import rounded

L = lanes("float32")
NATIVE = [False, True] if multiplies_pairs() else [False]
SPECIAL = [0.0, -0.0, 1e-39, -1e-40, 1.1754943e-38, np.inf, -np.inf, np.nan, 3.4e38, -3.4028235e38]
TIES = [1 + 2.0**-8, 1 + 3 * 2.0**-8, -(1 + 2.0**-8), 1 + 2.0**-8 + 2.0**-23, 2.0**-126]


@pytest.fixture(params=NATIVE, ids=["instruction" if one else "widened" for one in NATIVE])
def native(request, monkeypatch):
    """Let pairs be made and multiplied by the processor's instructions, or without them."""
    monkeypatch.setattr(pairs, "multiplies_pairs", lambda: request.param)
    return request.param


def numbers(count, seed=0):
    rng = np.random.default_rng(seed)
    found = rng.standard_normal(count) * 10.0 ** rng.integers(-30, 30, count)
    found[: len(SPECIAL + TIES)] = SPECIAL + TIES
    return found.astype(np.float32)


def halves(words):
    """Return the lower and the upper numbers of words."""
    low = (words << np.uint32(16)).view(np.float32)
    return low, (words & np.uint32(0xFFFF0000)).view(np.float32)


def test_rounding(native):
    @numba.njit
    def write(x, out, single):
        for k in range(0, x.size, 2 * L):
            a, b = load(x, k), load(x, k + L)
            pairs.store_along(out[0], k // 2, a, b)
            pairs.store_across(out[1], k // 2, a, b)
            pairs.store_half(out[2], k // 2, a)
            pairs.store_half(out[2], k // 2 + L // 2, b)
            for j in range(L):
                out[3][k // 2 + j] = pairs.pair(x[k + 2 * j], x[k + 2 * j + 1])

    x = numbers(64 * L)
    out = np.zeros((4, x.size // 2), np.uint32)
    write(x, out, None)
    wanted = rounded(x)
    vectors = wanted.reshape(-1, 2, L)
    along, across = (wanted[::2], wanted[1::2]), (vectors[:, 0].ravel(), vectors[:, 1].ravel())
    for words, pair in zip(out, (along, across, along, along), strict=True):
        for found, expected in zip(halves(words), pair, strict=True):
            np.testing.assert_array_equal(found, expected)
            assert np.array_equal(np.signbit(found), np.signbit(expected))


def made_tile(rows, vectors, native, monkeypatch):
    """Return a pair tile of one shape as a function, and what keeps its code."""
    triple, processor, features = cpu_target.target_context.codegen().magic_tuple()
    module = ir.Module()
    module.triple = triple
    kind, _ = tile_signature("float32", "pair_tile")
    function = ir.Function(module, kind, "one_tile")
    set.add(function.attributes, f'"min-legal-vector-width"="{32 * L}"')
    builder = ir.IRBuilder(function.append_basic_block())
    emit_tile(builder, "float32", rows, vectors, function.args[2:], "pair_tile")
    target = binding.Target.from_triple(triple).create_target_machine(
        cpu=processor, features=features, opt=2
    )
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), target)
    engine.finalize_object()
    arguments = [ctypes.c_void_p if one.is_pointer else ctypes.c_int64 for one in kind.args]
    call = ctypes.CFUNCTYPE(None, *arguments)(engine.get_function_address("one_tile"))
    return call, engine


def paired_rows(matrix):
    """Return the words of rows 2k and 2k + 1; a last row of its own goes with zeros."""
    bits = rounded(np.pad(matrix, ((0, len(matrix) % 2), (0, 0)))).astype(np.float32)
    bits = bits.view(np.uint32)
    return np.ascontiguousarray(bits[::2] >> np.uint32(16) | bits[1::2])


@pytest.mark.parametrize("rows, vectors", [(ROWS, VECTORS), (1, 3), (2, 1), (ROWS - 1, 2)])
def test_tile(rows, vectors, native, monkeypatch):
    rng = np.random.default_rng(1)
    K, width = 7, vectors * L
    A, B = rng.standard_normal((rows, K)), rng.standard_normal((K, width))
    start = rng.standard_normal((rows, width)).astype(np.float32)
    words = np.ascontiguousarray(paired_rows(A.T).T), paired_rows(B)
    C = np.full((rows, width), np.nan, np.float32)
    call, engine = made_tile(rows, vectors, native, monkeypatch)
    two = words[0].shape[1]
    source = (words[0].ctypes.data, two, 1, 0, words[1].ctypes.data, L, width, 0, two, 1)
    source += (C.ctypes.data, 0, 0)
    places = (C.ctypes.data, width, L, start.ctypes.data, width, L)
    call(rows, vectors, *places, *source, *source)
    wanted = start + 2 * rounded(A) @ rounded(B)
    assert C == pytest.approx(wanted, abs=50 * float(np.finfo(np.float32).eps))
    assert engine


# --- the LSTM -------------------------------------------------------------------------------------

WITHOUT_STATES = [
    {name: value for name, value in one.items() if name not in ("h_mask", "x_masks")}
    for one in OPTIONS
    if one != {"h_mask": True}
]
TIGHT, FLIPPED = 2e-6, 2.0**-8


def assert_agrees(result, case):
    """Hold results to a reference that rounds the same operands.

    Its float64 numbers round otherwise where one of float32 lies at the middle of two: few do, but
    what comes of such a number moves by 2^-9 of it, and in time all numbers do a little.
    """
    expected, plain = reference(case | {"rounded": rounded}), reference(case)
    for name, value in expected.items():
        scale = max(1.0, np.abs(value).max())
        error, change = np.abs(result[name] - value) / scale, np.abs(plain[name] - value) / scale
        assert np.median(error) < TIGHT + np.median(change) / 4, name
        assert error.max() < FLIPPED, name
    assert not result["lanes past H"].any()


@pytest.mark.parametrize(
    "options", WITHOUT_STATES, ids=lambda options: "+".join(options) or "plain"
)
@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
def test_agrees_with_reference(shape, options):
    case = random_case(*shape, np.float32, **options)
    last_only = options.get("last_only", False)
    assert_agrees(run_kernels(case, last_only=last_only, paired=True), case)


@pytest.mark.parametrize("shape", [(7, 1, 5, 33), (64, 1, 40, 50)], ids=str)
def test_one_step_is_exact(shape):
    """Of one step, what is rounded forward is given: no number lies otherwise than in float64."""
    case = random_case(*shape, np.float32)
    result, expected = run_kernels(case, paired=True), reference(case | {"rounded": rounded})
    plain = reference(case)
    for name in ("outputs", "c"):
        assert np.abs(result[name] - expected[name]).max() < TIGHT
        assert np.abs(plain[name] - expected[name]).max() > 100 * TIGHT


@pytest.mark.parametrize("name", SCHEDULES)
def test_same_bits_at_any_number_of_threads(name, threads, monkeypatch):
    monkeypatch.setattr(lstm_pairs_file, "SMALL_COPY", 0)
    shape = SCHEDULES[name][0]
    case, names = random_case(*shape, np.float32), []

    def run():
        result = run_kernels(case, paired=True)
        names[:] = result
        return result.values()

    found = same_bits(
        threads,
        run,
        "lstm.forward.run_forward",
        "lstm.backward.run_backward",
        "lstm.pairs.round_operands_parallel",
    )
    assert_agrees(dict(zip(names, found)), case)


@pytest.mark.parametrize("shape", [(7, 6, 3, 20), *PREDICTED], ids=str)
def test_prediction_gives_the_states_of_training(shape):
    case = random_case(*shape, np.float32)
    trained, predicted = (run_kernels(case, train=one, paired=True) for one in (True, False))
    assert np.array_equal(trained["h"], predicted["h"])
    assert np.array_equal(trained["c"], predicted["c"])


def test_nan_stays_visible():
    case = random_case(4, 3, 2, 8, np.float32)
    case["x"][2, 1, 0] = np.nan
    outputs = run_kernels(case, paired=True)["outputs"]
    assert np.isnan(outputs[2, 1:]).all()
    assert np.isfinite(outputs[[0, 1, 3]]).all()
