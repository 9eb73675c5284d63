"""Windows copied out of a long series, against plain indexing."""

import numpy as np
import pytest

from nlstm.kernels.cpu.data.windows import (
    gather_windows,
    repeat_static,
    scale_windows,
    window_moments,
)
from tests.kernels.schedules import same_bits


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.mark.parametrize(("steps", "rows"), [(3, 5), (365, 256)], ids=["one thread", "more"])
def test_gather(dtype, steps, rows, threads):
    rng = np.random.default_rng(0)
    series = rng.standard_normal(6000).astype(dtype)
    starts = np.arange(0, 3000, 3, dtype=np.int32)
    offsets = (np.arange(steps)[:, None] * 3 + np.array([2, 0])).astype(np.int64)
    index = rng.integers(0, starts.size, rows)

    def gather():
        out = np.full((steps, rows, 4), np.nan, dtype)
        gather_windows(series, starts, index, offsets, out)
        return [out]

    kernels = ["data.windows.gather_windows_parallel"] if rows == 256 else []
    [out] = same_bits(threads, gather, *kernels)
    expected = series[starts[index][None, :, None] + offsets[:, None, :]]
    assert np.array_equal(out[:, :, :2], expected)
    assert np.isnan(out[:, :, 2:]).all()


def test_moments_and_scaling(dtype):
    rng = np.random.default_rng(1)
    series = (1000.0 + rng.standard_normal(200)).astype(dtype)
    series[:40] = 0.1  # windows that never change, though the mean of eight 0.1 is not 0.1
    starts = np.array([0, 50, 100], np.int32)
    offsets = (np.arange(8)[:, None] * 2 + np.array([0, 1])).astype(np.int64)
    index = np.array([2, 0, 1, 2])
    shift, scale = np.full((2, 1, 4, 2), np.nan, dtype)
    window_moments(series, starts, index, offsets, shift, scale)
    windows = series[starts[index][:, None, None] + offsets].astype(np.float64)
    deviation = windows.std(axis=1)
    deviation[1] = 1.0
    close = {"rtol": 4 * np.finfo(dtype).eps}
    np.testing.assert_allclose(shift[0], windows.mean(axis=1), **close)
    np.testing.assert_allclose(scale[0], deviation, **close)

    before = rng.standard_normal((3, 4, 6)).astype(dtype)
    times = (1, 1, 2)  # four features take two numbers in turn
    for divisor in (scale, None):
        value = before.copy()
        scale_windows(value, 4, shift, divisor)
        centred = before[:, :, :4] - np.tile(shift, times)
        by = 1.0 if divisor is None else np.tile(divisor, times)
        np.testing.assert_allclose(value[:, :, :4], centred / by, **close)
        assert np.array_equal(value[:, :, 4:], before[:, :, 4:])


def test_static_features_stand_at_every_step(dtype):
    static = np.arange(6, dtype=dtype).reshape(3, 2)
    group = np.array([0, 2, 1, 1], np.int32)
    index = np.array([3, 1])
    out = np.full((5, 2, 4), np.nan, dtype)
    repeat_static(static, group, index, 1, out)
    assert (out[:, 0, 1:3] == static[1]).all() and (out[:, 1, 1:3] == static[2]).all()
    assert np.isnan(out[:, :, [0, 3]]).all()
