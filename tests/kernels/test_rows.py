"""Sums of several rows at once, to the bit those of one row."""

import numpy as np
import pytest

from nlstm.kernels.cpu.machine.jit import lanes, njit
from nlstm.kernels.cpu.machine.rows import (
    inverse_roots,
    load_first,
    quotients,
    spread_parts,
    store_first,
    sum_rows,
)
from nlstm.kernels.cpu.machine.simd import load, store, sum_lanes

EPSILON = 1e-5


@njit
def of_one(x, row, count, out):
    for r in range(out.shape[1]):
        total = sum_lanes(load(x, 3 + r * row))
        out[0, r] = total
        out[1, r] = total / count
        out[2, r] = 1.0 / np.sqrt(total / count + EPSILON)


@njit
def of_all(x, row, count, out):
    sums, L = sum_rows(x, 3, row), out.shape[1]
    store(out, 0, sums)
    store(out, L, quotients(sums, count))
    store(out, 2 * L, inverse_roots(sums, count, EPSILON))


@njit
def move(x, count, out):
    store_first(out, 1, load_first(x, 1, count), count + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_sums_of_rows(dtype, scale):
    L, rng = lanes(dtype), np.random.default_rng(0)
    for row in (L, 2 * L, 3 * L + 1):
        x = (rng.lognormal(0, 9, 3 + L * row) * rng.choice([-1, 1], 3 + L * row)).astype(dtype)
        x *= dtype(scale)
        one, all_ = np.empty((3, L), dtype), np.full((3, L), np.nan, dtype)
        of_one(x, row, 28, one)
        of_all(x, row, 28, all_)
        assert one.tobytes() == all_.tobytes()
        assert not np.array_equal(one[0], one[0, ::-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_with_nan_spoils_no_other(dtype):
    L = lanes(dtype)
    x = np.ones(3 + L * L, dtype)
    x[3 + L : 3 + 2 * L] = np.nan, *[np.inf] * (L - 1)
    found = np.empty((3, L), dtype)
    of_all(x, L, 4, found)
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_array_equal(np.delete(found[0], 1, 0), L)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_part_of_a_vector(dtype):
    L = lanes(dtype)
    x = np.arange(L + 1, dtype=dtype) + 1
    for count in range(L + 1):
        out = np.full(L + 3, -1, dtype)
        move(x, count, out)
        stored = min(count + 1, L)
        wanted = [-1, *x[1 : count + 1], *[0] * (stored - count), *[-1] * (L + 2 - stored)]
        np.testing.assert_array_equal(out, wanted)


@njit
def spread(x, count):
    spread_parts(x, 3, count)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parts_are_spread_to_vectors(dtype):
    L = lanes(dtype)
    for count in range(1, L // 2 + 1):
        x = np.arange(1, 5 * L + 1).astype(dtype)
        wanted = x.copy()
        wanted[3 : 3 + 4 * L] = 0
        for part in range(4):
            wanted[3 + part * L :][:count] = x[3 + part * count :][:count]
        spread(x, count)
        np.testing.assert_array_equal(x, wanted)
