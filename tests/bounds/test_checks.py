"""That the checks see: only with NUMBA_BOUNDSCHECK=1, where the suite leans on them."""

import os

import numpy as np
import pytest
from numba import prange

from nlstm.kernels.cpu.machine import rows, simd
from nlstm.kernels.cpu.machine.jit import lanes, njit, njit_parallel
from nlstm.kernels.cpu.products.tile import load_tile, tile

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_BOUNDSCHECK") != "1", reason="kernels do not check"
)


@njit
def one(x, k):
    return x[k]


@njit
def vector(x, k):
    simd.store(x, 0, simd.load(x, k))


@njit
def stored(x, k):
    simd.store(x, k, simd.load(x, 0))


@njit
def product(out, at, a, a_row, b, n):
    tile(
        2,
        1,
        (out, at, out.size // 2, 0),
        None,
        ((a, 0, a_row, 1, 0, b, 0, 0, b.size // 3, 0, n, 1),),
    )


@njit
def sums(x, at, row, out):
    simd.store(out, 0, rows.sum_rows(x, at, row))


@njit
def spread(x, at):
    rows.spread_parts(x, at, 1)


@njit
def first(x, at, count):
    rows.store_first(x, 0, rows.load_first(x, at, count), count)


@njit_parallel
def several(x, k):
    for i in prange(4):
        x[i] = x[i + k]


def found(function, *args):
    from tests.bounds import checks

    function(*args)
    return checks.taken()


def test_what_is_outside_is_found():
    width = lanes("float32")
    x = np.zeros(4 * width, np.float32)
    inside, outside = x[: 2 * width], 2 * width
    for function in (vector, stored):
        assert found(function, inside, width) is None
        assert f"{width + 1} to {2 * width} of {2 * width}" in found(function, inside, width + 1)
        assert "-1 to" in found(function, x[1 : 1 + 2 * width], -1)
    assert found(one, inside, outside - 1) is None
    assert found(one, inside, outside)


def test_rows():
    width = lanes("float32")
    x, out = np.zeros(width * width, np.float32), np.zeros(width, np.float32)
    assert found(sums, x, 0, width, out) is None
    assert "sum_rows" in found(sums, x, 1, width, out)
    assert "sum_rows" in found(sums, x[:-1], 0, width, out)
    assert found(spread, x[: 4 * width], 0) is None
    assert "spread_parts" in found(spread, x[: 4 * width], 1)
    assert found(first, x[:3], 1, 2) is None
    assert found(first, x[:3], 3, 0) is None
    assert "the first" in found(first, x[:3], 1, 3)


@njit
def asked_ahead(out, a, a_row, b, n):
    ahead = (b, b.size, 1, 1)  # not read, and so not looked at
    tile(
        2,
        1,
        (out, 0, out.size // 2, 0),
        None,
        ((a, 0, a_row, 1, 0, b, 0, 0, b.size // 3, 0, n, 1, *ahead),),
    )


def test_tile():
    load_tile("float32")
    width = lanes("float32")
    out, a, b = (np.zeros(size, np.float32) for size in (2 * width, 6, 3 * width))
    assert found(product, out, 0, a, 3, b, 3) is None
    assert "tile to" in found(product, out, 1, a, 3, b, 3)
    assert "tile a" in found(product, out, 0, a, 4, b, 3)
    assert "tile b" in found(product, out, 0, np.zeros(9, np.float32), 4, b, 4)
    assert found(asked_ahead, out, a, 3, b, 3) is None
    assert "tile a" in found(asked_ahead, out, a, 4, b, 3)


def test_in_a_parallel_loop():
    x = np.zeros(9)
    assert found(several, x[:8], 4) is None
    assert found(several, x[:8], 5)
