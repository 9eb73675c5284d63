"""Permutations of features, lags and order, on functions whose answers are known."""

import numpy as np
import pytest

import nlstm
from nlstm.inspection import importance, order_test
from nlstm.inspection.scores import blocks_of_rows
from nlstm.layers import Concatenate, Dense, Embedding, Flatten, GlobalAveragePooling1D
from nlstm.metrics import MeanAbsoluteError
from nlstm.windows import Windows
from tests.inspection.models import rows


def linear(weights):
    """Return a model that gives the sum of x (steps, 3) times `weights`."""
    shape = np.shape(weights)
    model = nlstm.Sequential([nlstm.Input(shape, dtype="float64"), Flatten(), Dense(1)])
    model.set_weights([np.reshape(weights, (-1, 1)), np.zeros(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


WEIGHTS = np.zeros((4, 3))
WEIGHTS[3, 0], WEIGHTS[1, 2] = 2.0, 1.0  # lag 0 of feature 0, lag 2 of feature 2


def test_no_rows_are_an_error():
    with pytest.raises(ValueError, match="x must have at least one row"):
        order_test(linear(WEIGHTS), np.zeros((0, 4, 3)), np.zeros((0, 1)))


def data(count=300):
    x = rows(count, steps=4)
    return x, (x * WEIGHTS).sum((1, 2))[:, None]


def test_what_counts_is_found():
    x, y = data()
    found = importance(linear(WEIGHTS), x, y, names=["a", "b", "c"], draws=50)
    assert (found.metric, found.score) == ("loss", pytest.approx(0.0, abs=1e-12))
    # Two numbers of variance 1, independent: the squared difference is 2 w^2.
    assert found.features["a"] == pytest.approx(8.0, rel=0.15)
    assert found.features["c"] == pytest.approx(2.0, rel=0.15)
    assert found.features["b"] == 0.0
    assert found.lags["0"] == pytest.approx(8.0, rel=0.15)
    assert found.lags["2"] == pytest.approx(2.0, rel=0.15)
    assert found.lags["1"] == found.lags["3"] == 0.0
    assert found.order["steps shuffled"] > 5.0
    for effects in (found.features, found.lags, found.order):
        assert (effects.low <= effects.values).all() and (effects.values <= effects.high).all()
    quick = {"draws": 10, "repeats": 1, "lags": [0]}
    first, again = (importance(linear(WEIGHTS), x, y, **quick) for _ in range(2))
    np.testing.assert_array_equal(first.features.low, again.features.low)
    assert "worse by" in str(found) and repr(found).startswith("<Importance by loss")
    assert found.to_dict()["features"]["names"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "metric, name",
    [
        ("mae", "mae"),
        (MeanAbsoluteError(), "mean_absolute_error"),
        (lambda y, p: np.abs(y - p).mean(), "<lambda>"),
        (lambda y, p: np.abs(y - p)[:, 0], "<lambda>"),
    ],
)
def test_metrics(metric, name):
    x, y = data(50)
    found = importance(linear(WEIGHTS), x, y, metric, lags=[0, 2], repeats=2, draws=20)
    wanted = importance(linear(WEIGHTS), x, y, "mae", lags=[0, 2], repeats=2, draws=20)
    assert found.metric == name
    np.testing.assert_allclose(found.features.values, wanted.features.values, rtol=1e-6)
    assert found.lags.names == ("0", "2")


def test_more_may_be_better():
    x, y = data(50)
    kind = {"repeats": 1, "draws": 10}
    nse = importance(linear(WEIGHTS), x, y, "nse", **kind)
    assert nse.features["0"] > 0.5  # of 1 it was
    mine = importance(
        linear(WEIGHTS), x, y, lambda y, p: -np.square(y - p).mean(), mode="max", **kind
    )
    assert mine.features["0"] > 0.5
    flipped = importance(
        linear(WEIGHTS), x, y, lambda y, p: -np.square(y - p).mean(), mode="min", **kind
    )
    assert flipped.features["0"] == -mine.features["0"]


def test_classes():
    model = nlstm.Sequential([nlstm.Input((4, 3)), Flatten(), Dense(2, activation="softmax")])
    weights = np.zeros((12, 2))
    weights[9, 1] = 9.0
    model.set_weights([weights, np.zeros(2)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = rows(200, steps=4)
    found = importance(model, x, (x[:, 3, 0] > 0).astype(int), "accuracy", repeats=2, draws=20)
    assert found.score > 0.95
    assert found.features["0"] == pytest.approx(0.5, abs=0.1) and found.features["1"] == 0.0


def test_several_inputs_and_tokens():
    series, token = nlstm.Input((4, 3), name="series"), nlstm.Input((5,), name="token")
    parts = [GlobalAveragePooling1D()(series), GlobalAveragePooling1D()(Embedding(9, 4)(token))]
    model = nlstm.Model([series, token], Dense(1)(Concatenate()(parts)))
    model.compile("sgd", "mse")
    x = {"token": np.random.default_rng(0).integers(0, 9, (40, 5)), "series": rows(40, steps=4)}
    found = importance(model, x, np.zeros((40, 1)), repeats=1, draws=10)
    assert found.features.names == ("series: 0", "series: 1", "series: 2", "token: 0")
    assert found.lags.names == tuple("01234")
    assert found.features["series: 0"] != 0.0
    assert found.order["steps shuffled"] == pytest.approx(0.0, abs=1e-6)
    listed = importance(model, [x["series"], x["token"]], np.zeros((40, 1)), repeats=1, draws=10)
    np.testing.assert_array_equal(listed.features.values, found.features.values)


def test_order():
    x, y = data()
    found = order_test(linear(WEIGHTS), x, y)
    names = ("steps shuffled", "blocks of 2 shuffled", "reversed")
    assert found.effects.names == names
    assert all(found.effects[name] > 4.0 for name in names)
    mean = np.ones((4, 3))
    blind = order_test(linear(mean), x, (x * mean).sum((1, 2))[:, None])
    np.testing.assert_allclose(blind.effects.values, 0.0, atol=1e-12)
    halves = np.repeat([[1.0], [3.0]], 2, axis=0) * np.ones(3)
    y = (x * halves).sum((1, 2))[:, None]
    whole = order_test(linear(halves), x, y, blocks=[1, 2, 3, 4]).effects
    assert whole["blocks of 4 shuffled"] == pytest.approx(0.0, abs=1e-12)
    assert whole["blocks of 1 shuffled"] == whole["steps shuffled"]
    # Halves change places in half of the rows: squares of 2 * (6 numbers less 6 others).
    assert whole["blocks of 2 shuffled"] == pytest.approx(0.5 * 4 * 12, rel=0.25)
    assert "in order" in str(found) and found.to_dict()["metric"] == "loss"


def test_windows():
    series = np.random.default_rng(0).normal(size=(80, 3))
    windows = Windows(series, 4, targets=[0])
    model = nlstm.Sequential([nlstm.Input((4, 3)), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    whole = order_test(model, windows.x[:], windows.y[:][:, 0], draws=20)
    np.testing.assert_array_equal(
        order_test(model, windows, draws=20).effects.low, whole.effects.low
    )


def test_drawn_rows_follow_each_other():
    drawn = blocks_of_rows(10, 4, 50, 0)
    assert drawn.shape == (50, 10) and drawn.min() == 0 and drawn.max() == 9
    assert ((np.diff(drawn[:, :4]) % 10) == 1).all()


@pytest.mark.parametrize(
    "given, error, match",
    [
        ({"y": None}, ValueError, "y must be given"),
        ({"metric": "mea"}, ValueError, "mea"),
        ({"metric": 3}, TypeError, "metric must be a name"),
        ({"lags": [4]}, ValueError, "lags must lie in 0 to 3"),
        ({"names": ["a"]}, ValueError, "names must name 3 features; got 1"),
        ({"metric": lambda y, p: np.nan}, ValueError, "is nan"),
        ({"mode": "up"}, ValueError, "mode"),
    ],
)
def test_wrong_arguments(given, error, match):
    x, y = data(20)
    with pytest.raises(error, match=match):
        importance(linear(WEIGHTS), **({"x": x, "y": y} | given))
    with pytest.raises(TypeError, match="model must be"):
        order_test("model", x, y)
