"""Tests that begin at a date, and backtests that are cut at one."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

from nlstm.windows import (
    Backtest,
    ExpandingSplit,
    RollingConformal,
    SlidingSplit,
    SplitConformal,
    Windows,
    backtest,
    nested_backtest,
)

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
DAYS = pandas.date_range("2014-01-01", periods=400, name="day")
FRAME = pandas.DataFrame({"v": np.random.default_rng(0).normal(size=400).cumsum()}, DAYS)
OTHER = polars.from_pandas(FRAME.reset_index())
START = "2014-10-01"
STEP = DAYS.get_loc(START)


class Last:
    def predict(self, x, **options):
        return np.repeat(x[:, -1:], 3, axis=1)


@pytest.mark.parametrize("kind", [ExpandingSplit, SlidingSplit])
@pytest.mark.parametrize("frame", [FRAME, OTHER], ids=["pandas", "polars"])
@pytest.mark.parametrize("start", [START, STEP])
def test_the_first_test_begins_at_a_date(kind, frame, start):
    made = Windows(frame, 7, 3)
    parts = list(kind(3, test_start=start).split(made))
    tested = np.concatenate([test for _, test in parts])
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(made.origins >= STEP))
    assert [test.size for _, test in parts] == [42, 42, 41]
    for training, test in parts:
        assert made.origins[training].max() + 2 < made.origins[test].min() - 7
    sized = list(kind(2, test_start=start, test_size=30).split(made))
    assert [made.origins[test].min() for _, test in sized] == [STEP, STEP + 30]
    assert {test.size for _, test in sized} == {30}


def test_several_series_begin_and_go_on_together():
    made = Windows({"long": FRAME, "short": FRAME.iloc[200:]}, 7, 3)
    dates = np.array([DAYS[step + 200 * k] for k, step in zip(made.series_index, made.origins)])
    for options in ({}, {"test_size": 45}):
        bounds = []
        for training, test in ExpandingSplit(3, test_start=START, **options).split(made):
            assert (
                np.bincount(made.series_index[test])[0] == np.bincount(made.series_index[test])[1]
            )
            assert dates[training].max() < dates[test].min()
            bounds += [dates[test].min(), dates[test].max()]
        assert (
            bounds[0] == pandas.Timestamp(START) and (np.diff(bounds) > pandas.Timedelta(0)).all()
        )


def test_rows_of_frames_and_arrays():
    for x, start in ((FRAME, START), (OTHER, START), (FRAME.to_numpy(), STEP), (FRAME, STEP)):
        ((training, test),) = ExpandingSplit(1, test_start=start).split(x)
        np.testing.assert_array_equal(training, np.arange(STEP))
        np.testing.assert_array_equal(test, np.arange(STEP, 400))
    split = SlidingSplit(2, test_start=START, train_size=100)
    assert [one.size for one, _ in split.split(FRAME)] == [100, 100]
    assert cross_val_score(Ridge(), FRAME, FRAME["v"], cv=split).shape == (2,)
    assert repr(split) == "SlidingSplit(n_splits=2, train_size=100, test_start='2014-10-01')"


def test_an_outer_split_by_date():
    outer = ExpandingSplit(2, test_start=START)
    found = nested_backtest(lambda windows: Last(), FRAME, 7, 3, outer=outer)
    assert found.forecasts.origins.tolist() == list(range(STEP, 398))


@pytest.mark.parametrize(
    "options, x, error, message",
    [
        (
            {"test_start": "2016-01-01"},
            FRAME,
            ValueError,
            "parts are more than .* on: 0 row",
        ),
        ({"test_start": START, "test_size": 90}, FRAME, ValueError, "of 90 rows are .*: 127 rows"),
        ({"test_start": "x"}, FRAME, TypeError, "test_start must be a step or a date .* got 'x'"),
        ({"test_start": START}, np.zeros(9), TypeError, "test_start must be an integer; got '2014"),
        ({"test_start": 0}, FRAME, ValueError, "no training rows"),
        (
            {"test_start": START, "min_train_size": 300},
            FRAME,
            ValueError,
            "min_train_size must be at most 273, the rows left before the first test",
        ),
    ],
)
def test_faults_are_named(options, x, error, message):
    with pytest.raises(error, match=message):
        list(ExpandingSplit(2, **options).split(x))


@pytest.mark.parametrize("frame", [FRAME, OTHER], ids=["pandas", "polars"])
@pytest.mark.parametrize("rate", [1, 2])
def test_backtests_are_cut_at_a_date(frame, rate):
    found = backtest(Last(), frame, 200, 3, sequence_length=7, sampling_rate=rate)
    early, late = found.before(START), found.since(START)
    last = found.origins + 2 * rate
    for part, rows in ((early, last < STEP), (late, found.origins >= STEP)):
        assert 0 < len(part) == rows.sum() < len(found)
        np.testing.assert_array_equal(part.origins, found.origins[rows])
        np.testing.assert_array_equal(part.forecasts, found.forecasts[rows])
        np.testing.assert_array_equal(part.mae(), np.abs(found.errors[rows]).mean(axis=0))
    assert len(found.before(STEP)) == len(early) and len(found.since(STEP)) == len(late)
    assert len(late.to_frame()) == 3 * len(late)
    assert len(found.part(slice(5))) == 5
    intervals = RollingConformal().run(found, start=START)
    assert len(intervals) == len(late)
    by_row = RollingConformal().run(found, start=int((found.origins < STEP).sum()))
    np.testing.assert_array_equal(intervals.upper, by_row.upper)
    SplitConformal().calibrate(early).interval(late)


def test_backtests_of_several_series_are_cut_in_each():
    found = backtest(Last(), [FRAME, FRAME.iloc[100:]], START, 3, sequence_length=7)
    assert [found.origins[found.series_index == k].min() for k in (0, 1)] == [STEP, STEP - 100]
    late = found.since("2015-01-01")
    assert np.bincount(late.series_index).tolist() == [33, 33]


def test_backtests_without_dates():
    made = Backtest(np.arange(5), np.zeros(5, int), np.zeros((5, 2, 1)), np.zeros((5, 2, 1)))
    assert made.before(4).origins.tolist() == [0, 1, 2] and made.since(4).origins.tolist() == [4]
    with pytest.raises(TypeError, match="step must be an integer; got '2014"):
        made.since(START)
    found = backtest(Last(), FRAME.to_numpy(), 200, 3, sequence_length=7)
    with pytest.raises(TypeError, match="Dates are for frames that have some"):
        found.since(START)
    with pytest.raises(TypeError, match="start must be an integer; got '2014-10-01'"):
        RollingConformal().run(found, start=START)
    dated = backtest(Last(), FRAME, 200, 3, sequence_length=7)
    with pytest.raises(ValueError, match="start must lie in 0 to 197; got 198"):
        RollingConformal().run(dated, start="2016-01-01")
