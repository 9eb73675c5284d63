"""Gaps in the dates of what a forecaster learns from, and forecasts from."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone

from nlstm.sklearn import LSTMForecaster
from nlstm.windows import StandardScaler

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
HOURS = pandas.date_range("2024-02-10", periods=90, freq="h")
HELD = HOURS.delete([20, 21])
FRAMES = {
    "pandas": lambda: pandas.DataFrame({"v": np.sin(np.arange(88.0))}, HELD),
    "polars": lambda: polars.DataFrame({"v": np.sin(np.arange(88.0)), "day": HELD.to_numpy()}),
}
QUICK = {"lags": 6, "units": 2, "epochs": 1, "random_state": 0}


@pytest.mark.parametrize("form", FRAMES)
def test_training_and_forecasts(form):
    frame = FRAMES[form]()
    forecaster = LSTMForecaster(**QUICK, freq="1h" if form == "polars" else "h")
    with pytest.warns(UserWarning, match="go by 1 hour, but for one gap .* 6 of 82 w") as told:
        forecaster.fit(frame)
    assert len(told) == 1
    silent = clone(forecaster).set_params(gaps="ignore").fit(frame)
    forecaster.predict()  # the gap is far away
    end = frame[:24]
    with pytest.warns(
        UserWarning, match="The last 6 dates of series go by 1 hour, but for one gap"
    ):
        found = forecaster.predict(series=end)
    np.testing.assert_array_equal(silent.predict(series=end)["v"], found["v"])
    clean = clone(forecaster).set_params(gaps="drop").fit(frame)
    assert clean.loss_curve_ != silent.loss_curve_
    with pytest.warns(UserWarning, match="The last 6 dates"):
        clean.predict(series=end)
    forecaster.predict(series=frame[:26])  # the first of six steps comes right after it


@pytest.mark.parametrize("refit_every", [None, 20])
def test_backtests_warn_once(refit_every):
    frame, options = FRAMES["pandas"](), {"start": 40, "refit_every": refit_every}
    with pytest.warns(UserWarning, match="6 of 82 windows") as told:
        LSTMForecaster(**QUICK).backtest(frame, **options)
    assert len(told) == 1
    for gaps in ("drop", "ignore"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            LSTMForecaster(**QUICK, gaps=gaps).backtest(frame, **options)
            LSTMForecaster(**QUICK, gaps=gaps).backtest(frame, start=18)  # before the gap


def test_a_cloned_scaler_knows_its_columns():
    frame = FRAMES["pandas"]().assign(w=1.0)
    scaler = clone(LSTMForecaster(scaling=StandardScaler().fit(frame))).scaling
    with pytest.raises(ValueError, match="in another order"):
        scaler.transform(frame[["w", "v"]])
