"""Nested backtests: who is chosen by what, and that nothing of a test is known before it."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import nlstm
from nlstm.layers import LSTM, Dense, Input
from nlstm.windows import (
    ExpandingSplit,
    PurgedKFold,
    StandardScaler,
    Windows,
    nested_backtest,
)


class Last:
    """Forecasts what was seen so many steps before the end."""

    def __init__(self, back):
        self.back = back

    def predict(self, x):
        return x[:, -self.back]


def last(windows, back=1):
    return Last(back)


SPLITS = {"outer": ExpandingSplit(3), "inner": ExpandingSplit(2)}


def test_each_fold_chooses_by_what_it_knows():
    """A series of period 2 that has period 3 from step 240 on."""
    series = np.concatenate([np.arange(240) % 2, np.arange(160) % 3]).astype(float)
    found = nested_backtest(last, series, 4, grid={"back": [1, 2, 3]}, **SPLITS)
    assert found.choices == ["last(back=2)", "last(back=2)", "last(back=2)"]
    assert [fold.parameters for fold in found.folds] == 3 * [{"back": 2}]
    assert [fold.score for fold in found.folds][0] == 0.0 < found.folds[2].score
    for fold in found.folds:
        assert {len(scores) for scores in fold.inner_scores.values()} == {2}
        assert fold.inner_scores["last(back=2)"].mean() == min(
            scores.mean() for scores in fold.inner_scores.values()
        )
    assert found.score == pytest.approx(np.mean([fold.score for fold in found.folds]))
    assert str(found).split("\n")[0].split() == ["fold", "choice", "inner", "mae", "windows"]
    assert len(str(found).split("\n")) == 4 and "3 folds" in repr(found)


def test_forecasts_are_those_of_a_loop():
    """Every number by hand: splits, scalers fitted to what each training part takes, choice."""
    rng = np.random.default_rng(0)
    series = np.cumsum(rng.normal(size=(160, 2)), axis=0) * [1.0, 30.0] + 100.0
    outer, inner = PurgedKFold(3, embargo=4), ExpandingSplit(2)
    windows = Windows(series, 3, 2, targets=[1])

    def ridge(windows, alpha):
        x, y = windows.x[:], windows.y[:]
        return Flat(Ridge(alpha).fit(x.reshape(len(x), -1), y[:, :, 0]))

    found = nested_backtest(
        ridge,
        series,
        3,
        2,
        targets=[1],
        grid={"alpha": [1e-3, 1e3]},
        outer=outer,
        inner=inner,
        scaler=StandardScaler(),
        metric="rmse",
    )

    def forecast(alpha, training, test):
        seen = np.zeros(160, bool)
        for origin in windows.origins[training]:
            seen[origin - 3 : origin + 2] = True
        scaler = StandardScaler().fit(series[seen])
        scaled = Windows(scaler.transform(series), 3, 2, targets=[1])
        model = ridge(scaled.part(training), alpha)
        forecasts = model.predict(scaled.x[test]).reshape(-1, 2, 1)
        return scaler.inverse_transform(forecasts, [1])

    def rmse(forecasts, test):
        return np.sqrt(((forecasts - windows.y[test]) ** 2).mean(axis=0)).mean()

    for (training, test), fold in zip(outer.split(windows), found.folds, strict=True):
        scores = {
            alpha: [
                rmse(forecast(alpha, training[a], training[b]), training[b])
                for a, b in inner.split(windows.part(training))
            ]
            for alpha in (1e-3, 1e3)
        }
        best = min(scores, key=lambda alpha: np.mean(scores[alpha]))
        assert fold.parameters == {"alpha": best}
        for alpha, its in scores.items():
            np.testing.assert_allclose(fold.inner_scores[f"ridge(alpha={alpha!r})"], its)
        expected = forecast(best, training, test)
        np.testing.assert_allclose(fold.forecasts.forecasts, expected)
        np.testing.assert_array_equal(fold.forecasts.actuals, windows.y[test])
        assert fold.score == pytest.approx(rmse(expected, test))
        assert fold.training.tolist() == training.tolist()
    together = found.forecasts
    assert together.origins.tolist() == list(range(3, 159))
    assert together.forecasts.shape == (156, 2, 1)


class Flat:
    def __init__(self, model):
        self.model = model

    def predict(self, x):
        return self.model.predict(x.reshape(len(x), -1))


def small(windows, units=2):
    model = nlstm.Sequential([Input(windows.x.shape[1:]), LSTM(units), Dense(1)])
    model.compile("adam", "mse")
    model.fit(windows, epochs=2, verbose=0)
    return model


def test_networks_are_the_same_again_whoever_else_runs():
    series = np.sin(np.arange(120) / 4.0)
    splits = {"outer": ExpandingSplit(2), "inner": ExpandingSplit(1)}
    options = {"scaler": StandardScaler(), **splits}
    one = nested_backtest(small, series, 5, seed=3, **options)
    np.random.random(7)
    nlstm.set_random_seed(99)
    both = nested_backtest({"naive": last, "small": small}, series, 5, seed=3, **options)
    for mine, its in zip(one.folds, both.folds):
        np.testing.assert_array_equal(mine.inner_scores["small"], its.inner_scores["small"])
    other = nested_backtest(small, series, 5, seed=4, **options)
    assert other.score != one.score


def test_quantiles_several_series_and_own_metrics():
    rng = np.random.default_rng(0)
    series = [rng.normal(size=80), rng.normal(size=60)]

    class Spread:
        def predict(self, x):
            return np.repeat([[-1.0, 0.0, 1.0]], len(x), axis=0)

    def spread(windows):
        return Spread()

    levels = (0.2, 0.5, 0.8)
    scaler = StandardScaler(per_series=True)
    found = nested_backtest(spread, series, 3, quantiles=levels, scaler=scaler, **SPLITS)
    assert found.metric == "pinball" and found.forecasts.quantiles == levels
    assert set(found.forecasts.series_index.tolist()) == {0, 1}
    assert found.score == pytest.approx(
        np.mean([fold.forecasts.pinball().mean() for fold in found.folds])
    )

    def worst(found):
        return np.abs(found.errors).max()

    own = nested_backtest(last, series, 3, metric=worst, **SPLITS)
    assert own.metric == "worst"
    assert own.folds[0].score == np.abs(own.folds[0].forecasts.errors).max()


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"candidates": 3}, TypeError, "candidates must be functions that train; got 3"),
        ({"candidates": [3]}, TypeError, "candidates must be functions that train; got 3"),
        ({"candidates": []}, TypeError, "candidates must be functions that train"),
        ({"candidates": [last, last]}, ValueError, "must have names of their own"),
        ({"candidates": lambda w: 3}, TypeError, r"<lambda> must return a model with predict\(x"),
        ({"candidates": lambda w: w.y[:]}, TypeError, r"model with predict\(x\); got .{1,80}\.$"),
        ({"series": Windows(np.arange(90.0), 3)}, TypeError, "series .* cut from.*; got Windows"),
        ({"grid": [1]}, TypeError, "grid must be a dict"),
        ({"grid": {"back": 1}}, ValueError, "grid must have a sequence of values"),
        ({"grid": {"back": []}}, ValueError, "grid must have a sequence of values"),
        ({"outer": 3}, TypeError, "outer must be a splitter"),
        ({"inner": 3}, TypeError, "inner must be a splitter"),
        ({"outer": "kfold"}, TypeError, "outer must be a splitter"),
        ({"inner": ExpandingSplit}, TypeError, "inner must be a splitter"),
        ({"inner": ExpandingSplit(40)}, ValueError, r"inner, on \d+ windows: .* leave too few"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1"),
        ({"metric": lambda found: "x"}, ValueError, "metric must return a finite number; got 'x'"),
        ({"metric": "mad"}, ValueError, "metric"),
        ({"metric": lambda found: np.nan}, ValueError, "metric must return a finite .* got nan"),
        ({"scaler": 3}, TypeError, "scaler must be a Scaler"),
        ({"horizon": 2}, ValueError, "The model's outputs have shape"),
    ],
)
def test_faults_are_named(options, error, message):
    given = {"candidates": last, "series": np.arange(90.0), "sequence_length": 3, **options}
    with pytest.raises(error, match=message):
        nested_backtest(**given, **{name: s for name, s in SPLITS.items() if name not in options})
