"""Every shape of the register tile against a plain product."""

import numpy as np
import pytest
from numba.core.registry import cpu_target

from nlstm.kernels import load
from nlstm.kernels.cpu.machine import jit
from nlstm.kernels.cpu.machine.jit import lanes, njit
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, gate_tile, load_gate_tile, tile


@njit
def product(rows, vectors, C, A, B, A2, B2, L):
    K, width = B.shape
    place = (C, 0, C.shape[1], L)
    first = (A, 0, K, 1, 0, B, 0, L, width, 0, K, 1)
    # A2 by columns in two blocks: strides for j and k differ from those of the first source.
    half = A2.shape[0] // 2
    rows2 = A2.shape[1]
    second = (A2, 0, 1, rows2, half * rows2, B2, 0, L, width, half * width, half, 2)
    tile(rows, vectors, place, None, (first,))
    # C itself is what it asks for on the way: that changes no number.
    tile(rows, vectors, place, place, (first + (C, 0, L, 0), second + (C, L, 1, -1)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", range(1, ROWS + 1))
@pytest.mark.parametrize("vectors", range(1, VECTORS + 1))
def test_every_shape(rows, vectors, dtype):
    load("cpu", dtype)
    rng = np.random.default_rng(0)
    L = lanes(dtype)
    width = vectors * L
    A, B = (
        rng.standard_normal((rows, 5)).astype(dtype),
        rng.standard_normal((5, width)).astype(dtype),
    )
    A2 = rng.standard_normal((8, rows)).astype(dtype)
    B2 = rng.standard_normal((8, width)).astype(dtype)
    C = np.full((rows, width), np.nan, dtype)
    product(rows, vectors, C, A, B, A2, B2, L)
    assert C == pytest.approx(2 * A @ B + A2.T @ B2, abs=50 * float(np.finfo(dtype).eps))


@njit
def product_by_gate(rows, C, A, B, L):
    K, width = B.shape
    place = (C, 0, C.shape[1], L)
    # Two blocks of k, in each of which every gate has L numbers.
    half = K // 2
    source = (A, 0, 2 * width, 1, width, B, 0, L, width, half * width, half, 2)
    gate_tile(rows, VECTORS, place, None, (source,))
    gate_tile(rows, VECTORS, place, place, (source, source))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", range(1, ROWS + 1))
def test_every_gate_tile(rows, dtype):
    load_gate_tile(dtype)
    rng = np.random.default_rng(0)
    L = lanes(dtype)
    half = max(1, L - 1)
    A = rng.standard_normal((rows, 2, VECTORS, L)).astype(dtype)
    B = rng.standard_normal((2 * half, VECTORS * L)).astype(dtype)
    C = np.full((rows, VECTORS * L), np.nan, dtype)
    product_by_gate(rows, C, A, B, L)
    expected = 3 * np.einsum("rjvk,jkvl->rvl", A[..., :half], B.reshape(2, half, VECTORS, L))
    assert C == pytest.approx(expected.reshape(C.shape), abs=400 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize(
    "triple, features, registers",
    [
        ("aarch64-unknown-linux-gnu", "", 32),
        ("arm64-apple-darwin24.0.0", "+neon", 32),
        ("x86_64-unknown-linux-gnu", "+avx2,+fma", 16),
        ("x86_64-unknown-linux-gnu", "+avx512f", 32),
    ],
)
def test_registers_of_an_architecture(monkeypatch, triple, features, registers):
    codegen = cpu_target.target_context.codegen()
    monkeypatch.setattr(codegen, "magic_tuple", lambda: (triple, "", features))
    monkeypatch.setattr(jit, "target_features", lambda: {f[1:] for f in features.split(",")})
    assert jit.vector_registers.__wrapped__() == registers
