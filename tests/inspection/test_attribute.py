"""Attributions beside finite differences, and beside what they must add up to."""

import copy

import numpy as np
import pytest

import nlstm
from nlstm.inspection import attribute
from nlstm.layers import GRU, LSTM, Concatenate, Dense, Embedding, GlobalAveragePooling1D
from nlstm.windows import Windows
from tests.inspection.models import RECURRENT, chain, of_each, rows, with_random_weights
from tests.reference.finite_differences import gradient

METHODS = ("gradient", "gradient_x_input", "integrated_gradients", "smoothgrad", "occlusion")


def output_of(model, x, target):
    return model.predict(x, verbose=0)[(slice(None), *target)]


@pytest.mark.parametrize("kind", RECURRENT)
def test_gradients(kind):
    model, x = of_each(kind), rows(2)
    found = attribute(model, x, target=1, method="gradient")
    wanted = gradient(lambda: output_of(model, x, (1,)).sum(), x)
    np.testing.assert_allclose(found.values, wanted, rtol=0, atol=1e-6)
    assert np.abs(wanted).max() > 1e-4
    np.testing.assert_allclose(found.outputs, output_of(model, x, (1,)), rtol=0, atol=1e-12)
    single = attribute(of_each(kind, "float32"), x, target=1, method="gradient")
    np.testing.assert_allclose(single.values, wanted, rtol=0, atol=1e-4)
    times = attribute(model, x, target=1, method="gradient_x_input")
    np.testing.assert_array_equal(times.values, found.values * x)


def test_targets_by_step_and_by_row():
    model, x = chain(LSTM(4, return_sequences=True), Dense(3, activation="softmax")), rows(4)
    places = np.array([[0, 1], [6, 2], [3, 0], [-1, -1]])
    found = attribute(model, x, target=places, method="gradient")
    for row, place in enumerate(places):
        one = attribute(model, x[row : row + 1], target=tuple(place), method="gradient")
        np.testing.assert_array_equal(found.values[row], one.values[0])
    assert not found.values[0, 1:].any()  # what comes later cannot count
    flat = chain(LSTM(4), Dense(3))
    by_row = attribute(flat, x, target=[0, 2, 1, -1], method="gradient")
    for row, place in enumerate([0, 2, 1, 2]):
        one = attribute(flat, x, target=place, method="gradient")
        np.testing.assert_array_equal(by_row.values[row], one.values[row])


@pytest.mark.parametrize("kind", RECURRENT)
@pytest.mark.parametrize("baseline", [None, 0.5, "mean", np.ones(3), rows(5, seed=9)])
def test_integrated_gradients_are_complete(kind, baseline):
    model, x = of_each(kind), rows(5)
    found = attribute(model, x, target=0, baseline=baseline)
    if baseline is None or isinstance(baseline, str):
        baseline = 0.0 if baseline is None else x.mean(axis=(0, 1))
    base = np.zeros_like(x) + baseline
    differences = output_of(model, x, (0,)) - output_of(model, base, (0,))
    np.testing.assert_allclose(found.outputs - found.base_outputs, differences, atol=1e-12)
    np.testing.assert_allclose(found.values.sum((1, 2)) - differences, found.gaps, atol=1e-12)
    assert found.completeness == pytest.approx(np.abs(found.gaps).sum() / np.abs(differences).sum())
    assert found.completeness < 0.01 and found.steps in (50, 100, 200, 400, 800)


def test_incomplete_integrals_are_warned_of():
    model, x = chain(LSTM(4), Dense(1), scale=3.0), 10 * rows(4)
    with pytest.warns(RuntimeWarning, match="Integrated gradients of 1 steps miss"):
        found = attribute(model, x, steps=1)
    assert found.completeness > 0.01 and "off by" in repr(found)


def test_smoothgrad_is_the_mean_of_gradients_around():
    model, x = chain(LSTM(4), Dense(1)), rows(3)
    found = attribute(model, x, method="smoothgrad", samples=4, noise=0.2, seed=5)
    spread = x.std(axis=(0, 1))
    sums = np.zeros_like(x)
    for row in range(3):
        noise = np.random.default_rng((5, row)).standard_normal((4, 7, 3)) * 0.2 * spread
        for one in noise:
            near = attribute(model, x[row : row + 1] + one, method="gradient")
            sums[row] += near.values[0] / 4
    np.testing.assert_allclose(found.values, sums, rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", [(1, 1), (1, None), (None, 1), (3, 2)])
def test_occlusion(window):
    model, x = chain(LSTM(4), Dense(1)), rows(3)
    base = np.ones((7, 3))
    found = attribute(model, x, method="occlusion", baseline=base, window=window)
    sizes = [size or most for size, most in zip(window, (7, 3))]
    sums, counts = np.zeros_like(x), np.zeros_like(x)
    before = output_of(model, x, (0,))
    for step in range(8 - sizes[0]):
        for feature in range(4 - sizes[1]):
            part = np.s_[:, step : step + sizes[0], feature : feature + sizes[1]]
            hidden = x.copy()
            hidden[part] = 1.0
            sums[part] += (before - output_of(model, hidden, (0,)))[:, None, None]
            counts[part] += 1
    np.testing.assert_allclose(found.values, sums / counts, rtol=0, atol=1e-12)
    if window == (1, None):
        np.testing.assert_allclose(found.by_step(), found.values[:, :, 0], atol=1e-12)
    if window == (None, 1):
        np.testing.assert_allclose(found.by_feature(), found.values[:, 0], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_rows_do_not_depend_on_batches(method):
    model, x = chain(LSTM(4, dropout=0.5), Dense(1)), rows(9)
    given = {"method": method, "lengths": np.arange(9) % 7 + 1}
    whole = attribute(model, x, **given)
    parts = attribute(model, x, batch_size=4, **given)
    np.testing.assert_allclose(whole.values, parts.values, rtol=0, atol=1e-12)
    assert not whole.values[0, 1:].any() and whole.values[6].any()  # masked steps do not count


def tokens_model():
    model = nlstm.Sequential([Embedding(9, 4, mask_zero=True), LSTM(3), Dense(2)])
    model.predict(np.ones((1, 5)), verbose=0)
    return with_random_weights(model)


def test_tokens():
    model = tokens_model()
    x = np.array([[3, 1, 4, 0, 0], [2, 8, 5, 1, 7]])
    found = attribute(model, x, target=1)
    assert found.values.shape == x.shape and found.completeness < 1e-3
    assert not found.values[0, 3:].any()
    np.testing.assert_allclose(found.outputs, output_of(model, x, (1,)), atol=1e-6)
    other = attribute(model, x, target=1, baseline=6)
    assert other.completeness < 1e-3 and not np.allclose(other.values, found.values)
    full = attribute(model, x[1:], target=1, baseline=6)
    np.testing.assert_allclose(full.base_outputs, output_of(model, 0 * x[1:] + 6, (1,)), atol=1e-6)
    gradient_by_token = attribute(model, x, target=1, method="gradient").values
    assert (gradient_by_token >= 0).all() and gradient_by_token.shape == x.shape
    hidden = attribute(model, x, target=1, method="occlusion", baseline=6).values
    changed = x.copy()
    changed[:, 2] = 6
    loss = output_of(model, x, (1,)) - output_of(model, changed, (1,))
    np.testing.assert_allclose(hidden[:, 2], loss, atol=1e-6)
    with pytest.raises(ValueError, match="indices from 0 to 8"):
        attribute(model, x, target=1, baseline=9)


def several():
    series, static = nlstm.Input((7, 3), name="series"), nlstm.Input((2,), name="static")
    token = nlstm.Input((4,), name="token")
    h = LSTM(4, return_sequences=True)(series)
    joined = [GlobalAveragePooling1D()(h), static, GRU(3)(Embedding(9, 4)(token))]
    outputs = {"each": Dense(2)(h), "one": Dense(1)(Concatenate()(joined))}
    return with_random_weights(nlstm.Model([series, static, token], outputs))


def test_several_inputs_and_outputs():
    model, rng = several(), np.random.default_rng(0)
    x = [rows(5).astype(np.float32), rng.normal(size=(5, 2)), rng.integers(0, 9, (5, 4))]
    found = attribute(model, x, target={"one": None})
    assert {name: one.shape for name, one in found.values.items()} == {
        "series": (5, 7, 3), "static": (5, 2), "token": (5, 4),
    }  # fmt: skip
    total = sum(one.reshape(5, -1).sum(1) for one in found.values.values())
    np.testing.assert_allclose(total, found.outputs - found.base_outputs, atol=1e-5)
    assert "series: feature" in str(found) and "token: place" in str(found)
    each = attribute(model, x, target={"each": (2, 1)}, method="gradient")
    assert not each.values["static"].any() and each.values["series"].any()
    based = attribute(model, x, target={"one": 0}, baseline={"static": 1.0, "token": 3})
    np.testing.assert_allclose(
        based.base_outputs,
        model.predict([0 * x[0], 0 * x[1] + 1, 0 * x[2] + 3], verbose=0)["one"][:, 0],
        atol=1e-6,
    )
    with pytest.raises(ValueError, match="baseline names 'other'"):
        attribute(model, x, target={"one": 0}, baseline={"other": 1.0})


def test_an_input_that_several_layers_take():
    x = nlstm.Input((7, 3))
    joined = Concatenate()([LSTM(4)(x), GRU(3, go_backwards=True)(x)])
    model = with_random_weights(nlstm.Model(x, Dense(1)(joined)))
    values = rows(2)
    found = attribute(model, values, method="gradient").values
    wanted = gradient(lambda: float(output_of(model, values, (0,)).sum()), values, 1e-2)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_windows_and_what_was_trained_go_on():
    series = np.random.default_rng(0).normal(size=(60, 3))
    windows = Windows(series, 7, targets=[0])
    model = chain(LSTM(4, stateful=False), Dense(1))
    model.compile("adam", "mse")
    model.fit(windows, epochs=1, verbose=0)
    twin = copy.deepcopy(model)
    found = attribute(model, windows)
    np.testing.assert_allclose(found.values, attribute(model, windows.x[:]).values, atol=1e-12)
    for one in (model, twin):
        one.fit(windows, epochs=1, verbose=0, shuffle=False)
    for one, other in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_results_are_plain():
    model, x = chain(LSTM(4), Dense(1)), rows(3)
    found = attribute(model, x)
    assert repr(found).startswith("<Attribution of dense[0] by integrated_gradients: x (3, 7, 3)")
    assert "rain" in found.table(["rain", "high", "low"])
    assert found.by_step().shape == (3, 7) and found.by_feature().shape == (3, 3)
    assert found.to_dict()["completeness"] == found.completeness
    with pytest.raises(ValueError, match="names must name 3 features; got 1"):
        found.table(["rain"])


@pytest.mark.parametrize(
    "given, error, match",
    [
        ({"target": None}, ValueError, "choose one of many numbers: a feature from 0 to 1"),
        ({"target": 2}, ValueError, "target must lie in -2 to 1"),
        ({"target": "a"}, TypeError, "target must hold whole numbers"),
        ({"target": {"x": 0}}, ValueError, "the outputs are dense"),
        ({"target": [0, 1, 1, 0]}, ValueError, "one for each row"),
        ({"target": 0, "method": "lime"}, ValueError, "method"),
        ({"target": 0, "baseline": np.ones(4)}, ValueError, "baseline of shape"),
        ({"target": 0, "baseline": "median"}, ValueError, "numbers or 'mean'"),
        ({"target": 0, "method": "occlusion", "window": 3}, TypeError, "window must be a pair"),
        ({"target": 0, "steps": 0}, ValueError, "steps must be"),
    ],
)
def test_wrong_questions(given, error, match):
    with pytest.raises(error, match=match):
        attribute(chain(LSTM(4), Dense(2)), rows(3), **given)
