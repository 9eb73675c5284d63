"""The forecaster: what it sees, dates past the end, several horizons, quantiles, backtests."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402

from nlstm.sklearn import LSTMForecaster  # noqa: E402
from nlstm.windows import StandardScaler, backtest  # noqa: E402

STEPS = np.arange(240)
WAVE = 100.0 + 20.0 * np.sin(STEPS / 4)
AHEAD = 100.0 + 20.0 * np.sin(np.arange(240, 270) / 4)
NOISE = np.random.default_rng(0).normal(size=270)
QUICK = {"lags": 12, "horizon": 4, "units": 12, "epochs": 40, "learning_rate": 0.02}
QUICK |= {"random_state": 0}
LIBRARIES = ["pandas", "polars"]


def dated(library, columns, start="2024-01-30", every="1d"):
    """Return a frame of a library, by day or hour from a date on."""
    module = pytest.importorskip(library)
    unit = {"1d": "D", "1h": "h"}[every]
    count = len(next(iter(columns.values())))
    dates = np.datetime64(start, "us") + np.arange(count).astype(f"timedelta64[{unit}]")
    if library == "pandas":
        return module.DataFrame(columns, module.DatetimeIndex(dates, name="date"))
    return module.DataFrame({"date": dates, **columns})


def dates_of(frame):
    found = frame["date"] if "date" in frame.columns else frame.index
    return found.to_numpy().astype("datetime64[s]")


def test_an_array_goes_on():
    forecaster = LSTMForecaster(**QUICK).fit(WAVE)
    found = forecaster.predict()
    assert found.shape == (4,) and np.abs(found - AHEAD[:4]).max() < 3
    longer = forecaster.predict(10)  # forecasts from forecasts
    np.testing.assert_array_equal(longer[:4], found)
    assert np.abs(longer - AHEAD[:10]).max() < 5
    np.testing.assert_array_equal(forecaster.predict(3), found[:3])
    earlier = forecaster.predict(series=WAVE[:100])  # the end of another
    assert np.abs(earlier - WAVE[100:104]).max() < 3
    assert LSTMForecaster(**QUICK).fit(WAVE[:, None]).predict().shape == (4, 1)


@pytest.mark.parametrize("scaling", ["minmax", "robust", "log", StandardScaler(), None])
def test_scaling(scaling):
    options = QUICK | {"scaling": scaling, "window_scaling": None if scaling else "standard"}
    forecaster = LSTMForecaster(**options).fit(WAVE)
    assert np.abs(forecaster.predict(8) - AHEAD[:8]).max() < 8
    assert forecaster.scaler_ is not scaling or scaling is None


@pytest.mark.parametrize("scaling", ["standard", None])
def test_whole_numbers_are_not_rounded_on_the_way(scaling):
    wave = np.round(5.0 * np.sin(STEPS / 4)).astype(int)
    options = QUICK | {"scaling": scaling, "horizon": 1}
    found = [LSTMForecaster(**options).fit(one).predict(5) for one in (wave, wave.astype(float))]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_come_back_with_the_dates_that_follow(library):
    frame = dated(library, {"flow": WAVE, "rain": NOISE[:240]})
    forecaster = LSTMForecaster(targets=["flow"], **QUICK).fit(frame)
    found = forecaster.predict(6)
    assert type(found) is type(frame) and len(found) == 6
    wanted = np.datetime64("2024-01-30") + np.arange(240, 246).astype("timedelta64[D]")
    np.testing.assert_array_equal(dates_of(found), wanted)
    plain = LSTMForecaster(**QUICK).fit(WAVE).predict(6)
    np.testing.assert_array_equal(found["flow"].to_numpy(), plain)
    both = LSTMForecaster(**QUICK).fit(frame).predict()
    assert [name for name in both.columns if name != "date"] == ["flow", "rain"]
    with pytest.raises(ValueError, match="columns .*'rain', 'flow'.*; the forecaster was fitted"):
        order = ["rain", "flow"] if library == "pandas" else ["date", "rain", "flow"]
        forecaster.predict(series=frame[order])


def test_a_series_of_pandas_keeps_its_name():
    pandas = pytest.importorskip("pandas")
    index = pandas.period_range("2000-01", periods=240, freq="M")
    found = LSTMForecaster(**QUICK).fit(pandas.Series(WAVE, index, name="level")).predict(2)
    assert found.name == "level" and list(map(str, found.index)) == ["2020-01", "2020-02"]
    undated = LSTMForecaster(**QUICK).fit(pandas.Series(WAVE)).predict(2)
    assert undated.name is None and list(undated.index) == [240, 241]


def test_columns_of_one_name():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.stack([WAVE, WAVE], axis=1), columns=["a", "a"])
    with pytest.raises(ValueError, match=r"a name for each column; got \['a', 'a'\]"):
        LSTMForecaster(**QUICK).fit(frame)


def test_uneven_dates_need_a_freq():
    pandas = pytest.importorskip("pandas")
    days = pandas.bdate_range("2024-01-01", periods=260)
    held = pandas.Series(WAVE, days.delete(range(5, 25)))
    forecaster = LSTMForecaster(**QUICK)
    with pytest.warns(UserWarning, match="go by 1 day, but for one gap .* from 2024-01-05"):
        forecaster.fit(held)
    with pytest.raises(ValueError, match="not evenly apart: row 5 has 2024-02-05"):
        forecaster.predict()
    found = clone(forecaster).set_params(freq="B", gaps="ignore").fit(held).predict()
    assert list(found.index) == list(pandas.bdate_range(days[-1], periods=5)[1:])


@pytest.mark.parametrize("library", LIBRARIES)
def test_quantiles(library):
    noisy = WAVE + 5.0 * NOISE[:240]
    frame = dated(library, {"flow": noisy}, every="1h")
    forecaster = LSTMForecaster(quantiles=(0.1, 0.5, 0.9), **QUICK)
    found = forecaster.fit(frame).predict()
    names = [f"flow_{level}" for level in (0.1, 0.5, 0.9)]
    assert [name for name in found.columns if name != "date"] == names
    values = np.stack([found[name].to_numpy() for name in names], axis=1)
    assert (values[:, 0] < values[:, 2]).all()
    np.testing.assert_array_equal(clone(forecaster).fit(noisy).predict(), values)
    assert clone(forecaster).fit(noisy[:, None]).predict().shape == (4, 1, 3)
    with pytest.raises(ValueError, match="horizon must be at most 4, .* do not tell quantiles"):
        forecaster.predict(5)


@pytest.mark.parametrize("library", [None, *LIBRARIES])
def test_columns_known_ahead(library):
    """What comes follows the plan of the same step, and nothing else tells it."""
    columns = {"flow": NOISE[1:] * 0.01 + np.sign(NOISE[1:]), "plan": np.sign(NOISE[1:])}
    past = {name: one[:240] for name, one in columns.items()}
    ahead = {"plan": columns["plan"][240:]}
    given, future = [0, 1], np.stack([ahead["plan"]], axis=1)
    series = np.stack(list(past.values()), axis=1)
    options = QUICK | {"future": [1]}
    if library is not None:
        series = dated(library, past)
        options["future"] = ["plan"]
        # Steps before the end, and other columns, are passed over.
        future = dated(library, {"other": NOISE[1:], "plan": columns["plan"]})
    forecaster = LSTMForecaster(**options).fit(series)
    for steps in (4, 8):
        found = forecaster.predict(steps, future=future)
        values = found[:, 0] if library is None else found["flow"].to_numpy()
        np.testing.assert_allclose(values, columns["flow"][240 : 240 + steps], atol=0.4)
    assert given == [0, 1]
    with pytest.raises(ValueError, match="future must hold 4 steps of the columns known ahead"):
        forecaster.predict()
    with pytest.raises(ValueError, match="future must hold 40 steps past the end"):
        forecaster.predict(40, future=future)
    if library is not None:
        late = dated(library, {"plan": columns["plan"]}, start="2024-10-01")
        with pytest.raises(ValueError, match="future must hold 4 steps past the end"):
            forecaster.predict(future=late)
    with pytest.raises(ValueError, match="future is for forecasters"):
        LSTMForecaster(**QUICK).fit(WAVE).predict(future=future)


def test_exogenous_columns_are_seen_and_not_forecast():
    late = np.concatenate([[0.0], NOISE[:239]])  # what the other column was a step before
    series = np.stack([late, NOISE[:240]], axis=1)
    options = QUICK | {"horizon": 1, "epochs": 60}
    seen = LSTMForecaster(exogenous=[1], **options).backtest(series, 180)
    assert seen.forecasts.shape == (60, 1, 1) and seen.mae()[0, 0] < 0.3
    assert LSTMForecaster(**options).backtest(late, 180).mae()[0, 0] > 0.6
    with pytest.raises(ValueError, match="do not tell exogenous"):
        LSTMForecaster(exogenous=[1], **options).fit(series).predict(2)


def test_several_series_share_a_model():
    both = {"a": WAVE, "b": 5.0 * WAVE[:200]}
    forecaster = LSTMForecaster(scaling=StandardScaler(per_series=True), **QUICK).fit(both)
    found = forecaster.predict(6)
    assert list(found) == ["a", "b"]
    assert np.abs(found["a"] - AHEAD[:6]).max() < 5
    assert np.abs(found["b"] - 5.0 * WAVE[200:206]).max() < 25
    listed = LSTMForecaster(**QUICK).fit([WAVE, WAVE]).predict()
    assert isinstance(listed, list) and len(listed) == 2


@pytest.mark.parametrize("library", [None, *LIBRARIES])
def test_a_backtest_knows_nothing_of_what_comes(library):
    columns = {"flow": WAVE.copy()}
    series = WAVE if library is None else dated(library, columns)
    start = 200 if library is None else "2024-08-17"
    forecaster = LSTMForecaster(**QUICK)
    found = forecaster.backtest(series, start, stride=6)
    assert not hasattr(forecaster, "model_")
    assert found.origins.tolist() == list(range(200, 237, 6)) and found.mae().max() < 3
    fitted = clone(forecaster).fit(WAVE[:200])
    np.testing.assert_array_equal(found.forecasts[0, :, 0], fitted.predict())
    own = fitted.backtest(WAVE, 200, stride=6, fit=False)
    np.testing.assert_array_equal(own.forecasts, found.forecasts)
    after = WAVE.copy()
    after[200:] = 0.0
    other = forecaster.backtest(after, 200, stride=6)
    np.testing.assert_array_equal(other.forecasts[0], found.forecasts[0])
    again = forecaster.backtest(series, start, stride=6, refit_every=3)
    np.testing.assert_array_equal(again.forecasts[:3], found.forecasts[:3])
    late = clone(forecaster).set_params(scaling=fitted.scaler_)
    assert (again.forecasts[3:] != found.forecasts[3:]).any() and late is not None
    if library is None:
        with pytest.raises(ValueError, match="to_frame needs a series that came as a frame"):
            found.to_frame()
        return
    table = found.to_frame()
    assert list(table.columns) == ["target", "origin", "date", "ahead", "forecast", "actual"]
    assert len(table) == 7 * 4
    np.testing.assert_array_equal(table["forecast"].to_numpy(), found.forecasts.ravel())
    np.testing.assert_array_equal(table["actual"].to_numpy(), found.actuals.ravel())
    wanted = np.datetime64("2024-01-30") + (found.origins[:, None] + np.arange(4)).ravel()
    np.testing.assert_array_equal(table["date"].to_numpy().astype("datetime64[D]"), wanted)


def test_several_series_are_cut_at_the_same_date():
    pandas = pytest.importorskip("pandas")
    days = pandas.date_range("2024-01-01", periods=240)
    both = [pandas.Series(WAVE, days), pandas.Series(WAVE[40:], days[40:])]
    found = LSTMForecaster(**QUICK).backtest(both, "2024-08-01", 10)
    first = [found.origins[found.series_index == n].min() for n in (0, 1)]
    assert first == [213, 173]
    table = found.to_frame()
    assert table["series"].unique().tolist() == [0, 1]
    assert (table.groupby("series")["date"].min() == pandas.Timestamp("2024-08-01")).all()
    with pytest.raises(ValueError, match="refit_every needs the same start"):
        LSTMForecaster(**QUICK).backtest(both, "2024-08-01", refit_every=1)


def test_the_backtest_is_that_of_windows():
    forecaster = LSTMForecaster(**QUICK).fit(WAVE)
    other = backtest(forecaster.model_, WAVE, 200, 4, sequence_length=12, scaler=forecaster.scaler_)
    found = forecaster.backtest(WAVE, 200, fit=False)
    np.testing.assert_array_equal(found.forecasts, other.forecasts)


def test_early_stopping_holds_the_latest_windows_back():
    series = np.concatenate([WAVE, NOISE[:60] * 50.0])
    stopped = LSTMForecaster(**QUICK | {"epochs": 300}, validation_fraction=0.25).fit(series)
    assert stopped.n_iter_ < 150
    assert stopped.validation_loss_curve_[-1] > stopped.loss_curve_[-1]
    whole = LSTMForecaster(**QUICK, early_stopping=False).fit(series)
    assert whole.n_iter_ == 40 and not whole.validation_loss_curve_
    with pytest.raises(ValueError, match="of 5 windows leaves none .*early_stopping=False"):
        LSTMForecaster(**QUICK).fit(WAVE[:20])


def test_a_warm_start_goes_on():
    options = QUICK | {"early_stopping": False}
    once = LSTMForecaster(**options | {"epochs": 4}).fit(WAVE)
    warm = LSTMForecaster(**options | {"epochs": 2}, warm_start=True).fit(WAVE).fit(WAVE)
    np.testing.assert_array_equal(warm.predict(), once.predict())
    assert len(warm.loss_curve_) == 4


def test_gaps():
    series = WAVE.copy()
    series[100] = np.nan
    with pytest.raises(ValueError, match="series holds nan in row 100"):
        LSTMForecaster(**QUICK).fit(series)
    forecaster = LSTMForecaster(drop_nan=True, **QUICK).fit(series)
    assert np.abs(forecaster.predict() - AHEAD[:4]).max() < 3
    series[-1] = np.nan
    with pytest.raises(ValueError, match="series holds nan in row 11"):
        LSTMForecaster(drop_nan=True, **QUICK).fit(series).predict()


@pytest.mark.parametrize("way", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("library", [None, *LIBRARIES])
def test_copies_forecast_the_same(library, way):
    series = WAVE if library is None else dated(library, {"flow": WAVE})
    forecaster = LSTMForecaster(**QUICK).fit(series)
    found, wanted = way(forecaster).predict(6), forecaster.predict(6)
    assert found.equals(wanted) if library else (found == wanted).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lags": 0}, "lags must be a positive integer"),
        ({"horizon": 2.5}, "horizon must be a positive integer"),
        ({"targets": [5]}, "targets must lie in -2 to 1"),
        ({"targets": ["flow"]}, "Names are for frames"),
        ({"exogenous": [0, 1]}, "targets names no column"),
        ({"targets": [0], "future": [0]}, r"different columns; got \[0\], \[\], \[0\]"),
        ({"quantiles": [2]}, "quantiles must lie between 0 and 1"),
        ({"scaling": "none"}, "'none'"),
        ({"window_scaling": "mean"}, "window_scaling must be one of"),
        ({"loss": None}, "loss must be a name"),
        ({"lags": 239}, "series must have at least 243 steps"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        LSTMForecaster(**QUICK | options).fit(np.stack([WAVE, WAVE], axis=1))


def test_future_is_called_by_its_name_and_has_that_of_its_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"level": WAVE, "plan": WAVE})
    forecaster = LSTMForecaster(**QUICK | {"horizon": 2, "future": ["plan"]}).fit(frame)
    with pytest.raises(ValueError, match=r"future must have the columns \['plan'\]; got \['x'\]"):
        forecaster.predict(future=pd.DataFrame({"x": WAVE[:2]}))
    with pytest.raises(TypeError, match="future must be an array of numbers; got str"):
        forecaster.predict(future="plan")
    assert len(forecaster.predict(future=pd.DataFrame(WAVE[:2]))) == 2


def test_before_a_fit_nothing_is_forecast():
    from sklearn.exceptions import NotFittedError

    for call in (
        lambda one: one.predict(),
        lambda one: one.backtest(WAVE, 200, fit=False),
    ):
        with pytest.raises(NotFittedError):
            call(LSTMForecaster())
    fitted = LSTMForecaster(**QUICK).fit(WAVE).set_params(lags=5)
    for call in (lambda: fitted.predict(), lambda: fitted.backtest(WAVE, 200, fit=False)):
        with pytest.raises(ValueError, match="set anew after fit: 12, 4, None became 5, 4, None"):
            call()
    with pytest.raises(ValueError, match="refit_every trains a copy"):
        LSTMForecaster().backtest(WAVE, 200, fit=False, refit_every=2)
    with pytest.raises(ValueError, match="series must have lags=12 steps; got 5"):
        LSTMForecaster(**QUICK).fit(WAVE).predict(series=WAVE[:5])
