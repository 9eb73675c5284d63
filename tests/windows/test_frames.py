"""Frames of pandas and polars as series: dates apart from numbers, names, dates past the end."""

import datetime

import numpy as np
import pytest

from nlstm.windows import StandardScaler, Windows, backtest, timeseries_dataset_from_array, windows
from nlstm.windows.frames import given_as

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
VALUES = np.random.default_rng(0).random((30, 2))
DAYS = pandas.date_range("2024-01-30", periods=30, name="day")
FRAMES = {
    "index": lambda: pandas.DataFrame(VALUES, DAYS, ["rain", "flow"]),
    "column": lambda: pandas.DataFrame({"day": DAYS, "rain": VALUES[:, 0], "flow": VALUES[:, 1]}),
    "polars": lambda: polars.DataFrame(
        {"rain": VALUES[:, 0], "day": DAYS.to_numpy(), "flow": VALUES[:, 1]}
    ),
    "polars date": lambda: FRAMES["polars"]().with_columns(polars.col("day").cast(polars.Date)),
}


class Last:
    def predict(self, x, **options):
        return np.repeat(x[:, -1:], 2, axis=1)


@pytest.mark.parametrize("form", FRAMES)
def test_a_column_of_dates_is_no_feature(form):
    frame = FRAMES[form]()
    found, wanted = Windows(frame, 4, 2), Windows(VALUES, 4, 2)
    np.testing.assert_array_equal(found.x[:], wanted.x[:])
    np.testing.assert_array_equal(Windows(frame, 4, targets=["flow"]).y[:][:, 0, 0], VALUES[4:, 1])
    shifts = [StandardScaler().fit(one).shift for one in (frame, VALUES)]
    np.testing.assert_array_equal(*shifts)
    for one, other in zip(windows(frame, 4, 2), windows(VALUES, 4, 2)):
        np.testing.assert_array_equal(one, other)
    (x,) = timeseries_dataset_from_array(frame, None, 30)
    np.testing.assert_array_equal(x[0], VALUES)
    assert found.since("2024-02-10").origins.min() == 11
    assert found.before(datetime.date(2024, 2, 10)).origins.max() == 9


@pytest.mark.parametrize("form", FRAMES)
def test_a_backtest_gives_a_table_with_dates(form):
    frame = FRAMES[form]()
    found = backtest(Last(), frame, "2024-02-20", 2, 3, sequence_length=4)
    np.testing.assert_array_equal(found.origins, [21, 24, 27])
    table = found.to_frame()
    assert type(table) is type(frame)
    assert list(table.columns) == ["target", "origin", "date", "ahead", "forecast", "actual"]
    assert list(table["target"]) == ["rain"] * 6 + ["flow"] * 6
    steps = np.tile([21, 22, 24, 25, 27, 28], 2)
    days = DAYS[steps].to_numpy().astype("datetime64[D]")
    np.testing.assert_array_equal(table["date"].to_numpy().astype("datetime64[D]"), days)
    np.testing.assert_array_equal(
        table["actual"].to_numpy(), VALUES[steps].T[[0, 1]].ravel()[np.r_[0:6, 18:24]]
    )
    assert list(table["ahead"]) == [1, 2] * 6


def test_a_table_of_quantiles_and_of_several_series():
    class Three(Last):
        def predict(self, x, **options):
            return np.concatenate([x[:, -1:] + level for level in (-1, 0, 1)], axis=2)

    for library in (pandas, polars):
        both = {key: library.DataFrame({"v": VALUES[:20, n]}) for n, key in enumerate("ab")}
        options = {"sequence_length": 3, "quantiles": [0.1, 0.5, 0.9]}
        table = backtest(Three(), both, 10, 1, **options).to_frame()
        assert list(table.columns)[-4:] == ["0.1", "0.5", "0.9", "actual"]
        assert list(table["series"]) == ["a"] * 10 + ["b"] * 10
        assert list(table["origin"]) == list(range(10, 20)) * 2  # no dates: numbers of steps
        np.testing.assert_allclose(table["0.9"].to_numpy()[10:], VALUES[9:19, 1] + 1)


def test_frames_go_where_arrays_do():
    wanted = windows(VALUES, 5, 2, target=VALUES[:, 1])
    for library in (pandas, polars):
        frame = library.DataFrame({"rain": VALUES[:, 0], "flow": VALUES[:, 1]})
        for one, other in zip(windows(frame, 5, 2, target=frame["flow"]), wanted):
            np.testing.assert_array_equal(one, other)
        (x, y), *_ = timeseries_dataset_from_array(frame, frame["flow"], 5)
        np.testing.assert_array_equal(x[3], VALUES[3:8])
        static = library.DataFrame({"area": [1.0, 2.0]})
        assert Windows([frame, frame], 5, static=static).x.shape == (50, 5, 3)


@pytest.mark.parametrize("form", FRAMES)
def test_dates_that_go_back_or_are_missing(form):
    frame = FRAMES[form]()
    with pytest.raises(ValueError, match="oldest step first; row 1 has 2024-02-27.* after 2024-02"):
        Windows(frame[::-1], 3)
    assert StandardScaler().fit(frame[::-1]).shift.shape == (1, 2)
    if "polars" in form:
        broken = frame.with_columns(
            polars.when(polars.int_range(30) == 3).then(None).otherwise("day").alias("day")
        )
        with pytest.raises(ValueError, match="row 3 has None, after 2024-02-01"):
            Windows(broken, 3)


def test_two_columns_of_dates():
    for library in (pandas, polars):
        days = DAYS.to_numpy()
        frame = library.DataFrame({"a": days, "b": days, "v": VALUES[:, 0]})
        with pytest.raises(ValueError, match=r"several columns of dates, \['a', 'b'\]"):
            Windows(frame, 3)


EVERY = ["D", "2D", "h", "15min", "90s", "W-WED", "MS", "ME", "2MS", "QS", "QE", "YS", "B"]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("every", EVERY)
def test_dates_go_on(every, zone):
    dates = pandas.date_range("2024-03-30", periods=45, freq=every, tz=zone)  # clocks change
    given, wanted = pandas.DatetimeIndex(dates[:40].to_list()), dates[40:]
    assert given.freq is None
    found = given_as("s", pandas.Series(0.0, given)).dates.after(5)
    assert found.to_list() == wanted.to_list()
    utc = (given if zone is None else given.tz_convert("UTC").tz_localize(None)).to_numpy()
    column = polars.Series("day", utc)
    if zone is not None:
        column = column.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    dates = given_as("s", polars.DataFrame({"day": column, "v": 0.0})).dates
    found = dates.after(5)
    assert found.to_list() == [one.to_pydatetime() for one in wanted] and found.name == "day"
    assert found.dtype == column.dtype
    assert dates.step_of("start", given[7].to_pydatetime()) == 7


def test_dates_that_do_not_say_how_they_go_on():
    uneven = pandas.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-05", "2020-01-06"])
    for given, freq in ((uneven, "D"), (uneven[:1], "D")):
        series = pandas.Series(0.0, given)
        frame = polars.DataFrame({"day": given.to_numpy(), "v": 0.0})
        for one, word in ((series, freq), (frame, "1d")):
            dates = given_as("s", one).dates
            with pytest.raises(ValueError, match="give freq"):
                dates.after(2)
            assert len(dates.after(2, word)) == 2
            with pytest.raises(ValueError, match="freq must be"):
                dates.after(2, "x")
    business = given_as("s", polars.DataFrame({"day": uneven.to_numpy()[:2], "v": 0.0})).dates
    assert [one.day for one in business.after(3, "1bd")] == [3, 6, 7]


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize("date", [None, "x", [1], 3.5])
def test_what_is_no_date(form, date):
    with pytest.raises((TypeError, ValueError), match="step must be"):
        Windows(FRAMES[form](), 3).since(date)
