"""Gaps in dates: which there are, and what becomes of windows across them."""

import warnings

import numpy as np
import pytest

from nlstm.windows import (
    ExpandingSplit,
    StandardScaler,
    Windows,
    backtest,
    nested_backtest,
    timeseries_dataset_from_array,
    windows,
)
from nlstm.windows.frames import given_as

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
RNG = np.random.default_rng(0)
HOURS = pandas.date_range("2024-02-10", periods=60, freq="h")
HELD = HOURS.delete([20, 21, 40])
VALUES = RNG.random(len(HELD))
FRAMES = {
    "pandas": lambda: pandas.DataFrame({"v": VALUES}, HELD),
    "column": lambda: pandas.DataFrame({"v": VALUES, "day": HELD}),
    "polars": lambda: polars.DataFrame({"v": VALUES, "day": HELD.to_numpy()}),
    "period": lambda: pandas.DataFrame({"v": VALUES}, HELD.to_period("h")),
}


class Last:
    def predict(self, x, **options):
        return np.repeat(x[:, -1:], 2, axis=1)


def uneven(dates):
    """Return the rows that pandas's and polars's dates find, which are to be the same."""
    dates = pandas.DatetimeIndex(dates.to_list())  # without the step that pandas knows
    found = given_as("s", pandas.Series(0.0, dates)).dates.uneven()
    if dates.tz is None:
        other = given_as("s", polars.DataFrame({"day": dates.to_numpy(), "v": 0.0})).dates.uneven()
        assert other.rows.tolist() == found.rows.tolist() and other.step == found.step
    return found.rows.tolist()


def every(freq, **options):
    return pandas.date_range("2023-01-30", **{"periods": 400, "freq": freq} | options)


def holidays():
    days = every("B")
    return days[~((days.month == 12) & (days.day > 24))]


def sessions():
    hours = [pandas.Timedelta(hours=9.5 + n) for n in range(7)]
    return pandas.DatetimeIndex([day + hour for day in every("B") for hour in hours])


def without_leap_days(freq, years):
    dates = pandas.date_range("2020-01-01", f"{2020 + years}-01-01", freq=freq)
    return dates[(dates.month != 2) | (dates.day != 29)]


def drifting(seconds):
    noise = RNG.normal(0, seconds * 1e6, 400).astype("timedelta64[us]")
    return pandas.DatetimeIndex(every("10min").to_numpy() + noise)


LONG = every("h", periods=9000)
EVEN = {freq: (lambda freq=freq: every(freq)) for freq in ["D", "2D", "h", "90s", "W-WED", "B"]}
EVEN |= {freq: (lambda freq=freq: every(freq, periods=60)) for freq in ["MS", "ME", "2MS", "BME"]}
EVEN |= {freq: (lambda freq=freq: every(freq, periods=60)) for freq in ["QS", "QE", "YS"]}
EVEN |= {
    "hours of Berlin": lambda: every("h", periods=9000, tz="Europe/Berlin"),
    "days of Berlin": lambda: every("D", tz="Europe/Berlin"),
    "ten days a third of a month": lambda: pandas.DatetimeIndex(
        [f"2024-{month:02}-{day:02}" for month in range(1, 13) for day in (1, 11, 21)]
    ),
    "Sunday to Thursday": lambda: every("D")[~np.isin(every("D").day_of_week, [4, 5])],
    "hours of working days": lambda: LONG[LONG.day_of_week < 5],
    "clocks that drift": lambda: drifting(2),
    "clocks that drift far": lambda: drifting(40),
    "sessions": sessions,
    "days of climate models": lambda: without_leap_days("D", 6),
    "hours of climate models": lambda: without_leap_days("6h", 3),
}


@pytest.mark.parametrize("kind", EVEN)
def test_calendars_are_even_but_for_what_is_missing(kind):
    dates = EVEN[kind]()
    assert uneven(dates) == []
    first = len(dates) // 2
    wide = 2 if kind in ("BME", "ME", "MS") or len(dates) < 100 else 8  # no holidays
    while dates[first - 1].weekday() != 1 or dates[first - 1].hour > 12:
        first += 1  # neither a night nor a weekend by itself
        if first > len(dates) - 30:
            first = len(dates) // 2
            break
    assert uneven(dates.delete(range(first, first + wide))) == [first]


def test_holidays_and_what_comes_between():
    assert uneven(holidays()) == []
    assert uneven(every("B", periods=9)) == []
    assert uneven(every("B", periods=9).delete(6)) == [6]  # too few to tell holidays
    assert uneven(every("h").insert(7, every("h")[6])) == [7]
    assert uneven(every("h").insert(7, every("h")[6] + pandas.Timedelta("7min"))) == [7]
    assert len(uneven(every("h").repeat(3))) == 800  # three series that are mixed
    some = RNG.random(4000) < 0.4
    hours = every("h", periods=4000)[some]
    wanted = np.flatnonzero(np.diff(np.flatnonzero(some)) > 1) + 1
    assert uneven(hours) == wanted.tolist()  # fewer than half are an hour apart
    naive = every("h", periods=9000, tz="Europe/Berlin").tz_localize(None)
    assert uneven(naive) == [1322, 6530]  # an hour too few, and one twice


@pytest.mark.parametrize("dates", [["2024-01-01"], ["2024-01-01", "2024-01-09"]])
def test_few_dates_have_no_step(dates):
    assert uneven(pandas.DatetimeIndex(dates)) == []


def test_events_have_no_step():
    seconds = np.cumsum(RNG.exponential(600.0, 3000) * 1e6).astype("timedelta64[us]")
    assert uneven(pandas.DatetimeIndex(np.datetime64("2024-01-01") + seconds)) == []


def crossing(starts, span, rate):
    """Return whether each window has a longer way than its steps, by its first and last date."""
    steps = (span - 1) * rate
    return HELD[starts + steps] - HELD[starts] > pandas.Timedelta(hours=steps)


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize("rate, stride, horizon", [(1, 1, 2), (2, 3, 1), (1, 1, 0)])
def test_windows_across_gaps(form, rate, stride, horizon):
    frame, shape = FRAMES[form](), (4, horizon, stride, rate)
    whole = Windows(VALUES, *shape)
    across = crossing(whole.starts, 4 + horizon, rate)
    count = rf"{across.sum()} of {across.size} windows"
    message = rf"of series go by 1 hour, but for 2 gaps .* from 2024-02-10 19:00.* 22:00.*{count}"
    with pytest.warns(UserWarning, match=message) as told:
        found = Windows(frame, *shape)
    assert len(told) == 1 and told[0].filename == __file__
    np.testing.assert_array_equal(found.x[:], whole.x[:])
    np.testing.assert_array_equal(Windows(frame, *shape, gaps="ignore").x[:], whole.x[:])
    kept = Windows(frame, *shape, gaps="drop")
    np.testing.assert_array_equal(kept.starts, whole.starts[~across])
    np.testing.assert_array_equal(kept.x[:], whole.x[:][~across])


def test_what_reaches_across_no_gap_is_silent():
    frame = FRAMES["pandas"]()
    assert len(Windows(frame, 1, 0)) == 57  # windows of one step
    parts = [frame[:20], frame[20:38], frame[38:]]
    assert len(Windows(parts, 4)) == 57 - 12
    assert len(Windows(frame.asfreq("h"), 4, drop_nan=True)) == 57 - 12
    assert len(Windows(frame, 4, gaps="drop").since("2024-02-11")) == 35 - 6


def test_several_series_and_files(tmp_path, monkeypatch):
    monkeypatch.setattr("nlstm.data.on_file.SMALL", 1)
    np.save(tmp_path / "a.npy", VALUES[:30])
    given = [tmp_path / "a.npy", FRAMES["pandas"](), FRAMES["pandas"]()]
    with pytest.warns(UserWarning, match=r"of series\[1\] go .* 2 more in 1 other series"):
        Windows(given, 4)
    kept = Windows(given, 4, gaps="drop")
    assert np.bincount(kept.series_index).tolist() == [26, 45, 45]
    file = np.load(tmp_path / "a.npy", mmap_mode="r")[:, None]
    dated = pandas.DataFrame(file, HELD[:30], ["v"], copy=False)
    assert len(Windows(dated, 4, gaps="drop")) == 26 - 4


def test_it_says_where_nothing_is_left():
    dates = pandas.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-09", "2024-01-10"])
    frame = pandas.DataFrame({"v": np.arange(4.0)}, dates)
    with pytest.raises(ValueError, match='one gap or repeat, from .*gaps="drop" leaves no window'):
        Windows(frame, 2, gaps="drop")
    mixed = pandas.concat([FRAMES["pandas"]()] * 2).sort_index()
    with pytest.warns(UserWarning, match="mixed series of the same dates are a list, or a group-"):
        Windows(mixed, 2)
    with pytest.raises(ValueError, match="Unknown gaps 'skip'"):
        Windows(frame, 2, gaps="skip")


@pytest.mark.parametrize("recursive", [False, True])
def test_backtests(recursive):
    class Model:
        def predict(self, x, **options):
            return x[:, -1:] if recursive else np.repeat(x[:, -1:], 2, axis=1)

    frame, options = FRAMES["pandas"](), {"sequence_length": 3, "recursive": recursive}
    with pytest.warns(UserWarning, match="go by 1 hour") as told:
        whole = backtest(Model(), frame, 5, 2, **options)
    assert len(told) == 1
    found = backtest(Model(), frame, 5, 2, **options, gaps="drop")
    kept = ~crossing(whole.origins - 3, 5, 1)
    assert 0 < kept.sum() < kept.size
    np.testing.assert_array_equal(found.origins, whole.origins[kept])
    np.testing.assert_array_equal(found.forecasts, whole.forecasts[kept])


def test_nested_backtests_warn_once():
    split = ExpandingSplit(1, test_size=20)
    options = {"sequence_length": 3, "horizon": 2, "outer": split, "inner": ExpandingSplit(2)}
    options |= {"scaler": StandardScaler()}
    with pytest.warns(UserWarning, match="go by 1 hour") as told:
        whole = nested_backtest(lambda windows: Last(), FRAMES["pandas"](), **options)
    assert len(told) == 1
    found = nested_backtest(lambda w: Last(), FRAMES["pandas"](), **options, gaps="drop")
    assert not crossing(found.forecasts.origins - 3, 5, 1).any()
    assert crossing(whole.forecasts.origins - 3, 5, 1).any()


@pytest.mark.parametrize("form", FRAMES)
def test_windows_as_arrays(form):
    frame = FRAMES[form]()
    for call in (
        lambda given: windows(given, 3, 1),
        lambda given: timeseries_dataset_from_array(given, None, 3),
    ):
        with pytest.warns(UserWarning, match='2 gaps or repeats: .* gaps="drop"'):
            call(frame)
        with pytest.raises(ValueError, match="must have its oldest step first"):
            call(frame[::-1])
    timeseries_dataset_from_array(frame, None, 1)


def test_without_dates_nothing_is_looked_at(monkeypatch):
    monkeypatch.setattr("nlstm.windows.gaps.any_within", None)
    monkeypatch.setattr("nlstm.windows.uneven.np.diff", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Windows(VALUES, 3)
        Windows(pandas.DataFrame({"v": VALUES}), 3)
