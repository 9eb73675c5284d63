"""Backtests with models whose forecasts are known, beside a plain loop over origins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlstm.windows import StandardScaler, backtest


class Model:
    """Forecasts by a function of the inputs; counts its calls."""

    def __init__(self, forecast):
        self.forecast, self.calls = forecast, []

    def predict(self, x, batch_size=None, verbose="auto"):
        self.calls.append((x.shape, batch_size))
        return self.forecast(x)


def drift(horizon):
    """Go on by the difference of the last two steps."""
    ahead = np.arange(1, horizon + 1)[:, None]
    return lambda x: x[:, -1:] + ahead * (x[:, -1:] - x[:, -2:-1])


@given(
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    length=st.integers(2, 6),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 5),
    start=st.integers(0, 20),
    scaled=st.sampled_from([None, False, True]),
    scaling=st.sampled_from([None, "standard", "first", "last"]),
)
def test_forecasts_are_those_of_a_loop(steps, length, horizon, stride, start, scaled, scaling):
    rng = np.random.default_rng(len(steps))
    series = [rng.normal(50.0, 9.0, (n, 2)) for n in [*steps, length + horizon + 20]]
    scaler = None if scaled is None else StandardScaler(per_series=scaled).fit(series)
    found = backtest(
        Model(drift(horizon)),
        series,
        start,
        horizon,
        stride,
        sequence_length=length,
        scaler=scaler,
        scaling=scaling,
    )
    expected = {}
    for number, one in enumerate(series):
        for origin in range(start, len(one) - horizon + 1, stride):
            if origin >= length:
                forecast = drift(horizon)(one[None, origin - length : origin])[0]
                expected[number, origin] = forecast, one[origin : origin + horizon]
    keys = list(zip(found.series_index.tolist(), found.origins.tolist()))
    assert sorted(keys) == sorted(expected) and (np.diff(found.origins) >= 0).all()
    forecasts, actuals = (np.array([expected[key][i] for key in keys]) for i in (0, 1))
    # The drift is linear, so that no scaler of a window or a series may change it.
    np.testing.assert_allclose(found.forecasts, forecasts, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.actuals, actuals)
    errors = forecasts - actuals
    np.testing.assert_allclose(found.mae(), np.abs(errors).mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.rmse(), np.sqrt((errors**2).mean(axis=0)), rtol=1e-9)


def test_one_call_forecasts_all_origins():
    model = Model(lambda x: x[:, -2:, 0])
    found = backtest(
        model, np.arange(40.0), 10, 2, 3, sequence_length=4, targets=[0], batch_size=64
    )
    assert model.calls == [((10, 4, 1), 64)]
    assert found.origins.tolist() == list(range(10, 39, 3))
    assert (found.errors == -2.0).all() and found.mae().tolist() == [[2.0], [2.0]]


def test_the_model_is_refitted_on_the_way():
    told = []
    model = Model(lambda x: x[:, -1:])
    found = backtest(
        model,
        np.arange(30.0),
        20,
        1,
        sequence_length=5,
        refit=lambda one, origin: told.append((one is model, origin, len(model.calls))),
        refit_every=4,
    )
    assert told == [(True, 20, 0), (True, 24, 1), (True, 28, 2)]
    assert [shape[0] for shape, _ in model.calls] == [4, 4, 2]
    assert (found.errors == -1.0).all()


@pytest.mark.parametrize("scaling", [None, "last"])
def test_one_step_forecasts_are_fed_back(scaling):
    """Column 0 grows by column 1, which is known ahead; the model thinks by one more each step."""
    rng = np.random.default_rng(0)
    growth = rng.integers(1, 9, 40).astype(np.float64)
    series = np.column_stack([np.cumsum(growth), growth, rng.random(40)])
    scaler = StandardScaler().fit(series) if scaling is None else None
    gain = 1.0 if scaler is None else scaler.scale[0, 1] / scaler.scale[0, 0]
    offset = 1.0 if scaler is None else (scaler.shift[0, 1] + 1.0) / scaler.scale[0, 0]
    model = Model(lambda x: x[:, -1, :1] + x[:, -1, 1:] * gain + offset)
    found = backtest(
        model,
        series,
        12,
        5,
        2,
        sequence_length=3,
        inputs=[0],
        targets=[0],
        future=[1],
        scaler=scaler,
        scaling=scaling,
        recursive=True,
    )
    wrong_by = np.broadcast_to(np.arange(1.0, 6.0)[:, None], found.errors.shape)
    np.testing.assert_allclose(found.errors, wrong_by, rtol=1e-9)
    assert len(model.calls) == 5 and found.origins.tolist() == list(range(12, 36, 2))


def test_quantiles_and_their_coverage():
    """Targets are 0 to 9 in turn, and the quantiles are constants."""
    series = np.column_stack([np.arange(60.0) % 10, np.arange(60.0) % 10 * 100])
    levels = np.array([[2.0, 200.0], [4.5, 450.0], [7.0, 700.0]])  # quantiles, columns
    blocks = levels[:, None].repeat(2, axis=1)  # and steps between them
    model = Model(lambda x: np.tile(blocks.ravel(), (len(x), 1)))
    found = backtest(
        model, series, 10, 2, 2, sequence_length=3, quantiles=[0.3, 0.5, 0.8], scaler=None
    )
    assert found.forecasts.shape == (25, 2, 2, 3)
    assert found.forecasts[0, 0].tolist() == levels.T.tolist()
    assert found.point[0, 0].tolist() == [4.5, 450.0]
    coverage = found.coverage()
    assert list(coverage) == [0.3, 0.5, 0.8]
    np.testing.assert_allclose(list(coverage.values()), [0.3, 0.5, 0.8])
    actual, q = found.actuals[:, 0, 0], np.array([2.0, 4.5, 7.0])
    above = actual[:, None] - q
    pinball = np.where(above >= 0, [0.3, 0.5, 0.8], np.array([0.3, 0.5, 0.8]) - 1) * above
    np.testing.assert_allclose(found.pinball()[0, 0], pinball.mean())

    scaler = StandardScaler().fit(series)
    scaled = ((levels - scaler.shift[0]) / scaler.scale[0]).ravel()
    model = Model(lambda x: np.tile(scaled, (len(x), 2, 1)))  # steps first, then blocks
    again = backtest(
        model, series, 10, 2, 2, sequence_length=3, quantiles=[0.3, 0.5, 0.8], scaler=scaler
    )
    np.testing.assert_allclose(again.forecasts, found.forecasts, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_length": None}, "sequence_length must be given"),
        ({"start": 30}, "origins that 3 steps come before lie in 3 to 19"),
        ({"stride": 0}, "stride must be at least 1; got 0"),
        ({"refit_every": 2}, "refit_every is for refit, which is None; got 2"),
        (
            {"horizon": 2},
            r"outputs have shape \(.*, 1, 2\); expected \(batch, 2, 2\) or \(batch, 4\) ",
        ),
        ({"recursive": True, "targets": [0]}, r"columns \[1\] are neither targets nor known"),
        ({"recursive": True, "inputs": [0]}, r"feeds targets back, but \[1\] are not"),
        ({"recursive": True, "quantiles": [0.5]}, "quantiles give several"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    chosen = {"start": 10, "horizon": 1, "sequence_length": 3, **options}
    with pytest.raises(ValueError, match=message):
        backtest(Model(lambda x: x[:, -1:]), np.zeros((20, 2)), **chosen)


@pytest.mark.parametrize(("horizon", "columns", "hint"), [(3, 1, True), (3, 4, False)])
def test_a_model_of_fewer_targets_is_asked_for_their_names(horizon, columns, hint):
    model = Model(lambda x: np.zeros((len(x), horizon * columns)))
    with pytest.raises(ValueError, match="for 3 steps of 2 targets") as raised:
        backtest(model, np.zeros((20, 2)), 10, horizon, sequence_length=3)
    assert str(raised.value).endswith("names the columns that are forecast.") == hint


def test_forecasts_without_quantiles_have_no_coverage():
    found = backtest(Model(lambda x: x[:, -1:]), np.zeros(20), 10, 1, sequence_length=3)
    with pytest.raises(ValueError, match="give backtest quantiles="):
        found.coverage()


def test_numbers_that_no_series_has():
    given = {"start": 4, "horizon": 1, "sequence_length": 2}
    found = backtest(Model(drift(1)), np.arange(9.0), **given, stride=10**30)
    assert found.origins.tolist() == [4]
    with pytest.raises(ValueError, match="No forecast of 1 steps begins at start=1000000000"):
        backtest(Model(drift(1)), np.arange(9.0), **given | {"start": 10**30})


@pytest.mark.parametrize("future", [None, [1]])
@pytest.mark.parametrize("recursive", [False, True])
def test_forecasts_that_would_hold_nan_are_left_out(recursive, future):
    series = np.arange(40.0).reshape(20, 2)
    broken = series.copy()
    broken[2, 0] = broken[12, 1] = np.nan
    model = Model(lambda x: x[:, -1:, :1] if recursive else x[:, -2:, :1])
    chosen = {"sequence_length": 3, "targets": [0], "recursive": recursive, "future": future}
    chosen |= {"inputs": [0] if recursive or future else None}
    with pytest.raises(ValueError, match="series holds nan in row"):
        backtest(model, broken if future or not recursive else broken[:, :1], 4, 2, **chosen)
    found = backtest(model, broken, 4, 2, **chosen, drop_nan=True)
    whole = backtest(model, series, 4, 2, **chosen)
    kept = np.isin(whole.origins, found.origins)
    np.testing.assert_array_equal(found.forecasts, whole.forecasts[kept])
    np.testing.assert_array_equal(found.actuals, whole.actuals[kept])
    sees = {None: range(-3, 0), 1: range(-1, 2)}  # steps around the origin, by what is known ahead
    if future and recursive:
        sees = {1: range(-2, 2)}
    used = sees[1] if future else sees[None]
    reads_column_1 = bool(future) or not recursive
    wanted = [
        one
        for one in whole.origins
        if not (one - 3 <= 2 <= one + 1 or (reads_column_1 and 12 - one in used))
    ]
    assert found.origins.tolist() == wanted and len(wanted) < len(whole.origins)
