"""Tiled products against NumPy."""

import numpy as np
import pytest

from nlstm.kernels.cuda import products
from nlstm.kernels.cuda.activations import INPUT_NAMES, NAMES
from nlstm.kernels.cuda.arrays import empty, to_device
from nlstm.kernels.cuda.launch import SIMULATED
from tests.reference.activations import ACTIVATIONS


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("R, K, C", [(1, 1, 1), (9, 5, 10), (16, 8, 33), (50, 3, 17)])
def test_product(R, K, C, transposed):
    rng = np.random.default_rng(0)
    A, B, b = rng.random((R, K)), rng.random((K, C)), rng.random(C)
    out = empty((R, C), np.float64)
    given = to_device(B.T.copy() if transposed else B)
    products.multiply(to_device(A), given, to_device(b), out, True, transposed)
    np.testing.assert_allclose(out.to_host(), A @ B + b, rtol=1e-14)


@pytest.mark.parametrize("parts", [1, 3])
def test_gradient_parts(parts):
    rng = np.random.default_rng(0)
    R, F, H, C = 21, 3, 6, 10
    x, h, dz = rng.random((R, F)), rng.random((R, H)), rng.random((R, C))
    M = F + H + 1
    scratch, out = empty((parts, M, C), np.float64), empty(M * C, np.float64)
    add = products.sum_parts(np.dtype("float64"))
    products.multiply_transposed(to_device(x), to_device(h), to_device(dz), scratch)
    add(-(-M * C // add.threads), scratch.reshape(parts, M * C), out)
    expected = np.concatenate([x, h, np.ones((R, 1))], axis=1).T @ dz
    np.testing.assert_allclose(out.to_host().reshape(M, C), expected, rtol=1e-13)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    "R, K, C", [(1, 4, 4), (9, 8, 12), (40, 20, 36), (17, 4, 100), (70, 36, 8)]
)
def test_product_of_aligned_rows(R, K, C, transposed, biased, monkeypatch):
    monkeypatch.setattr(products, "product", None)
    rng = np.random.default_rng(0)
    A, B, b = (rng.random(shape, np.float32) for shape in ((R, K), (K, C), (C,)))
    out = empty((R, C), np.float32)
    out.write(np.full((R, C), np.nan))
    given = to_device(B.T.copy() if transposed else B)
    products.multiply(to_device(A), given, to_device(b), out, biased, transposed)
    np.testing.assert_allclose(out.to_host(), A @ B + biased * b, rtol=1e-6)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(
    "R, F, H, C", [(21, 3, 8, 12), (40, 4, 4, 40), (8, 5, 0, 8), (70, 8, 36, 4), (3, 16, 20, 20)]
)
def test_gradient_parts_of_aligned_rows(R, F, H, C, parts, monkeypatch):
    monkeypatch.setattr(products, "gradient_parts", None)
    rng = np.random.default_rng(0)
    x, h, dz = (rng.random((R, columns), np.float32) for columns in (F, H, C))
    M = F + H + 1
    scratch = empty((parts, M, C), np.float32)
    scratch.write(np.full((parts, M, C), np.nan))
    given = to_device(h) if H else None
    products.multiply_transposed(to_device(x), given, to_device(dz), scratch)
    expected = np.concatenate([x, h, np.ones((R, 1))], axis=1).T @ dz
    np.testing.assert_allclose(scratch.to_host().sum(axis=0), expected, rtol=1e-5)


@pytest.mark.skipif(not SIMULATED, reason="calls what only kernels can call on a GPU")
@pytest.mark.parametrize("name", sorted(NAMES))
def test_activation(name):
    forward, derivative = NAMES[name](np.float64)
    expected, slope = ACTIVATIONS[name]
    for z in (-3.7, -0.6, -1e-3, 0.2, 1.9, 7.5):
        np.testing.assert_allclose(forward(z), expected(np.array(z)), rtol=1e-13)
        np.testing.assert_allclose(
            derivative(z if name in INPUT_NAMES else forward(z)),
            slope(np.array(z)),
            rtol=1e-10,
            atol=1e-13,
        )
