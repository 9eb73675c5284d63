"""Windows against a plain loop, and every message of a wrong argument."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlstm.windows import windows


@st.composite
def window_sizes(draw):
    input_steps, horizon, stride = (draw(st.integers(1, 7)) for _ in range(3))
    steps = draw(st.integers(input_steps + horizon, 40))
    return steps, input_steps, horizon, stride


@given(sizes=window_sizes(), features=st.integers(1, 3), targets=st.integers(1, 3))
def test_windows_are_what_a_loop_cuts(sizes, features, targets):
    steps, input_steps, horizon, stride = sizes
    series = np.arange(steps * features, dtype=np.float32).reshape(steps, features)
    target = -np.arange(steps * targets, dtype=np.float64).reshape(steps, targets)
    x, y = windows(series, input_steps, horizon, stride, target)
    starts = range(0, steps - input_steps - horizon + 1, stride)
    ends = [start + input_steps for start in starts]
    np.testing.assert_array_equal(x, [series[s:e] for s, e in zip(starts, ends)])
    np.testing.assert_array_equal(y, [target[e : e + horizon] for e in ends])
    assert x.dtype == series.dtype and y.dtype == target.dtype
    assert len(x) == (steps - input_steps - horizon) // stride + 1


@given(sizes=window_sizes())
def test_one_series_forecasts_itself(sizes):
    steps, input_steps, horizon, stride = sizes
    series = np.arange(steps)
    x, y = windows(series, input_steps, horizon, stride)
    assert x.shape[1:] == (input_steps, 1) and y.shape[1:] == (horizon, 1)
    np.testing.assert_array_equal(y[:, 0, 0], x[:, -1, 0] + 1)


def test_target_of_one_dimension_is_one_column():
    series = np.random.default_rng(0).normal(size=(9, 4))
    _, y = windows(series, 3, 2, target=series[:, 1])
    np.testing.assert_array_equal(y[0, :, 0], series[3:5, 1])


def test_dates_are_cut_like_values():
    dates = np.arange("2012-01-01", "2012-01-08", dtype="datetime64[D]")
    _, forecast_dates = windows(dates, 5, 1)
    assert forecast_dates[:, 0, 0].astype(str).tolist() == ["2012-01-06", "2012-01-07"]


def test_windows_are_views_that_cannot_be_written():
    series = np.zeros((100_000, 8))
    x, y = windows(series, 1000, 100)
    assert np.shares_memory(x, series) and np.shares_memory(y, series)
    assert not x.flags.writeable and not y.flags.writeable


@pytest.mark.parametrize("name", ["input_steps", "horizon", "stride"])
@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (0, ValueError, "{} must be at least 1; got 0"),
        (-3, ValueError, "{} must be at least 1; got -3"),
        (1.5, TypeError, "{} must be an integer; got 1.5"),
        ("a day", TypeError, "{} must be an integer; got 'a day'"),
    ],
)
def test_wrong_number_of_steps_is_named(name, number, error, message):
    steps = {"input_steps": 2, "horizon": 1, "stride": 1, name: number}
    with pytest.raises(error, match=message.format(name)):
        windows(np.zeros(10), **steps)


def test_series_too_short_is_named():
    with pytest.raises(ValueError, match=r"input_steps \+ horizon = 24 \+ 12 steps; got 35 steps"):
        windows(np.zeros(35), 24, 12)
    assert len(windows(np.zeros(36), 24, 12)[0]) == 1


def test_wrong_rank_is_named():
    with pytest.raises(ValueError, match=r"series of shape .*; got \(2, 3, 4\)"):
        windows(np.zeros((2, 3, 4)), 1, 1)
    with pytest.raises(ValueError, match=r"target of shape .*; got \(\)"):
        windows(np.zeros(5), 1, 1, target=3.0)


def test_target_of_another_length_is_named():
    with pytest.raises(ValueError, match="as long as series, 10 steps; got 9 steps"):
        windows(np.zeros(10), 2, 1, target=np.zeros(9))
