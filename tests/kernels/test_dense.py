"""The dense kernels against the float64 reference."""

import numpy as np
import pytest

from nlstm.kernels import load
from nlstm.kernels.cpu.machine.jit import lanes
from nlstm.kernels.cpu.products.few_columns import has_few_columns
from nlstm.kernels.cpu.products.layout import padded
from tests.kernels.schedules import same_bits
from tests.reference.bfloat16 import rounded
from tests.reference.dense import dense_backward, dense_forward

ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid", "softmax"]


GUARD = 7.0


def guarded(size, dtype):
    """Return an array of NaN with something else behind it."""
    memory = np.full(size + 4096, GUARD, dtype)
    memory[:size] = np.nan
    return memory[:size]


def run(x, W, b, dy, activation, pad=False, paired=False):
    dtype = x.dtype
    ops = load("cpu", dtype)
    (R, K), O = x.shape, W.shape[1]  # noqa: E741
    if pad:
        x = np.pad(x, ((0, 0), (0, ops.padded(K, dtype) - K)))
    forward, backward = (ops.dense_paired if paired else ops.dense)(activation)
    size = ops.dense_scratch_size(K, O, dtype)
    if paired:
        size = ops.dense_paired_scratch_size(R, K, O, dtype)
    packed = ops.pack_columns(W)
    bias = None if b is None else ops.pack_columns(b[None])[:, 0]
    y = np.full((R, ops.padded(O, dtype)), np.nan, dtype)
    scratch = guarded(size, dtype)
    forward(x, packed, bias, y, scratch, O)
    assert (scratch.base[size:] == GUARD).all()
    outputs = y.copy()
    dy_rows = np.zeros_like(y)
    dy_rows[:, :O] = dy
    dW = np.full_like(packed, np.nan)
    db = None if b is None else np.full_like(bias, np.nan)
    dx = np.full((R, ops.padded(K, dtype)), np.nan, dtype)
    scratch = guarded(size, dtype)
    backward(x, packed, y, dy_rows, dW, db, dx, scratch, O)
    assert (scratch.base[size:] == GUARD).all()
    assert not outputs[:, O : packed.shape[0] * packed.shape[2]].any()
    return {
        "y": outputs[:, :O],
        "dx": dx[:, :K],
        "dW": ops.unpack_columns(dW, O),
        "db": None if b is None else ops.unpack_columns(db[:, None], O)[0],
    }


def random_case(R, K, O, dtype, bias=True):  # noqa: E741
    rng = np.random.default_rng(1)
    x, W = rng.standard_normal((R, K)), rng.standard_normal((K, O)) / np.sqrt(K)
    b, dy = rng.standard_normal(O), rng.standard_normal((R, O))
    x, W, b, dy = (array.astype(dtype) for array in (x, W, b, dy))
    return x, W, b if bias else None, dy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 2), (300, 50, 1), (131, 20, 70)], ids=str)
def test_agrees_with_reference(shape, activation, dtype):
    x, W, b, dy = random_case(*shape, dtype)
    result = run(x, W, b, dy, activation)
    dx, dW, db = dense_backward(x, W, b, dy, activation)
    expected = {"y": dense_forward(x, W, b, activation), "dx": dx, "dW": dW, "db": db}
    tolerance = 8 * np.finfo(dtype).eps * np.sqrt(max(shape))
    for name, value in expected.items():
        error = np.abs(result[name] - value).max() / max(1.0, np.abs(value).max())
        assert error < tolerance, name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(301, 50, 1), (64, 130, 3)], ids=str)
def test_few_columns(shape, dtype):
    R, K, most = shape
    L = lanes(dtype)
    taken = [n for n in range(1, most + 1) if has_few_columns.py_func(n, K, padded(K, dtype), L)]
    assert taken == list(range(1, (most if L > 2 else 1) + 1))  # of two lanes one column at most
    shape = R, K, taken[-1]
    x, W, b, dy = random_case(*shape, dtype)
    result = run(x, W, b, dy, "tanh", pad=True)
    expected = run(x, W, b, dy, "tanh")  # rows that are not padded take the way over tiles
    tolerance = 8 * np.finfo(dtype).eps * np.sqrt(max(shape))
    for name, value in expected.items():
        error = np.abs(result[name] - value).max() / max(1.0, np.abs(value).max())
        assert error < tolerance, name


def test_few_columns_without_bias():
    x, W, _, dy = random_case(9, 50, 2, np.float64, bias=False)
    assert run(x, W, None, dy, "linear", pad=True)["y"] == pytest.approx(x @ W)


def test_without_bias():
    x, W, _, dy = random_case(9, 5, 3, np.float64, bias=False)
    result = run(x, W, None, dy, "linear")
    assert result["y"] == pytest.approx(x @ W)
    assert result["db"] is None


@pytest.mark.parametrize("shape", [(900, 60, 70), (5000, 200, 3)], ids=str)
def test_same_bits_at_any_number_of_threads(shape, threads):
    x, W, b, dy = random_case(*shape, np.float32)
    found = same_bits(
        threads,
        lambda: run(x, W, b, dy, "tanh", pad=True).values(),
        "dense.dense.forward_parallel",
        "dense.dense.backward_parallel",
    )
    expected = [dense_forward(x, W, b, "tanh"), *dense_backward(x, W, b, dy, "tanh")]
    tolerance = 8 * np.finfo(np.float32).eps * np.sqrt(max(shape))
    for value, wanted in zip(found, expected, strict=True):
        assert np.abs(value - wanted).max() < tolerance * max(1.0, np.abs(wanted).max())


PAIRED = [(1, 1, 17), (7, 3, 33), (300, 50, 20), (131, 21, 70), (40, 1024, 48)]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", ""])
@pytest.mark.parametrize("shape", PAIRED, ids=str)
def test_products_of_bfloat16(shape, bias):
    """Without an activation all operands are given, and so rounded as in float64."""
    x, W, b, dy = random_case(*shape, np.float32, bias)
    result = run(x, W, b, dy, "linear", paired=True)
    x, W, seen = rounded(x), rounded(W), rounded(dy)
    expected = {"y": x @ W + (0 if b is None else b), "dx": seen @ W.T, "dW": x.T @ seen}
    if bias:
        expected["db"] = dy.sum(0, dtype=np.float64)
    tolerance = 8 * np.finfo(np.float32).eps * np.sqrt(max(shape))
    for name, value in expected.items():
        error = np.abs(result[name] - value).max() / max(1.0, np.abs(value).max())
        assert error < tolerance, name


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softmax"])
def test_activations_after_products_of_bfloat16(activation):
    case = random_case(131, 20, 70, np.float32)
    result, plain = (run(*case, activation, pad=True, paired=one) for one in (True, False))
    for name, value in plain.items():
        error = np.abs(result[name] - value).max() / max(1.0, np.abs(value).max())
        assert error < 2.0**-6, name


def test_same_bits_of_bfloat16(threads):
    case = random_case(301, 200, 70, np.float32)
    same_bits(
        threads,
        lambda: run(*case, "tanh", paired=True).values(),
        "dense.paired.forward_parallel",
        "dense.paired.backward_parallel",
    )
