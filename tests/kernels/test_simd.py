"""The error bounds that nlstm/kernels/cpu/simd.py states, against long double."""

import numpy as np
import pytest

from nlstm.kernels.cpu.machine import simd
from nlstm.kernels.cpu.machine.jit import lanes, njit


@njit
def apply(word, x, y, L):
    for k in range(0, x.size, L):
        if word == 0:
            simd.store(y, k, simd.exp(simd.load(x, k)))
        elif word == 1:
            simd.store(y, k, simd.sigmoid(simd.load(x, k)))
        elif word == 2:
            simd.store(y, k, simd.tanh(simd.load(x, k)))
        else:
            a = simd.load(x, k)
            simd.store(y, k, simd.fma(a, a, simd.splat(x, 1.0)) - a / simd.splat(x, 2.0))


def vectors(word, x):
    x = np.resize(x, -(-x.size // 64) * 64)
    y = np.empty_like(x)
    apply(word, x, y, lanes(x.dtype))
    return x, y


def arguments(dtype, limit):
    rng = np.random.default_rng(0)
    tiny = 10.0 ** rng.uniform(-30, 0, 20_000)
    parts = [np.linspace(-limit, limit, 100_001), rng.normal(0, 3, 200_000), tiny, -tiny]
    return np.concatenate(parts).astype(dtype)


def errors_in_ulp(y, exact):
    return np.abs(y - exact) / np.spacing(np.abs(exact).astype(y.dtype)).astype(np.longdouble)


WORDS = [
    ("exp", np.exp, 2),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), 3),
    ("tanh", np.tanh, 4),
]


@pytest.mark.parametrize("dtype, limit", [(np.float32, 86.0), (np.float64, 700.0)])
@pytest.mark.parametrize("word", range(3), ids=[name for name, _, _ in WORDS])
def test_error_bound(word, dtype, limit):
    _, exact, bound = WORDS[word]
    x, y = vectors(word, arguments(dtype, limit))
    error = errors_in_ulp(y, exact(x.astype(np.longdouble)))
    assert error.max() <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("word, low, high", [(0, 0.0, None), (1, 0.0, 1.0), (2, -1.0, 1.0)])
def test_saturates(word, low, high, dtype):
    _, y = vectors(word, np.array([-1e4, -np.inf, 1e4, np.inf], dtype))
    assert y[:2] == pytest.approx(low, abs=1e-37)
    assert np.isfinite(y).all()
    if high is not None:
        assert y[2:4] == pytest.approx(high, abs=1e-37)


@pytest.mark.parametrize("word", range(3))
def test_nan_stays(word):
    _, y = vectors(word, np.array([np.nan, 1.0], np.float32))
    assert np.isnan(y[0])
    assert not np.isnan(y[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arithmetic(dtype):
    x, y = vectors(3, np.linspace(-2, 2, 64, dtype=dtype))
    assert y == pytest.approx(x * x + 1 - x / 2, rel=1e-6)
