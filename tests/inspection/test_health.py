"""What is wrong with models that were made wrong."""

import copy

import numpy as np
import pytest

import nlstm
from nlstm.inspection import HealthCheck, attribute, health, trace
from nlstm.inspection.passes import Observed
from nlstm.layers import GRU, LSTM, Dense, Embedding, SimpleRNN
from nlstm.optimizers import SGD, Adam
from nlstm.windows import Windows
from tests.inspection.models import RECURRENT, chain, of_each, rows
from tests.reference.lstm import lstm_backward, lstm_forward


def compiled(model, optimizer="adam", loss="mse"):
    model.compile(optimizer, loss)
    return model


def kinds(found):
    return [one.kind for one in found.findings]


def test_other_rows_of_targets_are_named():
    model = compiled(nlstm.Sequential([nlstm.Input((7, 3), dtype="float64"), LSTM(4), Dense(2)]))
    with pytest.raises(ValueError, match="y has 20 rows; x has 1"):
        health(model, rows(1), np.zeros((20, 2)))


@pytest.mark.parametrize("kind", RECURRENT)
def test_models_as_they_begin(kind):
    nlstm.set_random_seed(0)
    layers = [
        RECURRENT[kind](return_sequences=True),
        LSTM(4),
        Dense(6, activation="relu"),
        Dense(2),
    ]
    model = compiled(nlstm.Sequential([nlstm.Input((7, 3), dtype="float64"), *layers]))
    x, y = rows(20), np.random.default_rng(1).normal(size=(20, 2))
    twin = copy.deepcopy(model)
    found = health(model, x, y)
    assert found and found.findings == ()
    assert found.loss == pytest.approx(model.evaluate(x, y, verbose=0))
    assert "Nothing looks wrong" in str(found) and found.sentence.startswith("Nothing")
    for one, other in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_array_equal(one, other)
    before = [one.get() for one in twin.trainable_weights]
    twin.train_on_batch(x, y)
    for (name, ratio), old, one in zip(
        found.weight_gradients.items(), before, twin.trainable_weights, strict=True
    ):
        assert ratio == pytest.approx(np.linalg.norm(one.get_gradient()))
        change = np.linalg.norm(one.get() - old)
        if np.linalg.norm(old):
            assert found.update_ratios[name] == pytest.approx(change / np.linalg.norm(old))


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_by_step(reverse):
    model = compiled(chain(LSTM(5, go_backwards=reverse, return_sequences=True), Dense(1)))
    x, y = rows(6), rows(6)[:, :, :1]
    found = health(model, x, y).layers["lstm"]
    *weights, kernel, _ = model.get_weights()
    p = model.predict(x, verbose=0)
    dy = 2 * (p - y) / 7 @ kernel.T  # of each row's own loss
    traced = lstm_forward(x, *weights, reverse=reverse)
    sizes = []
    for position in range(7):
        lengths = []
        for row in range(6):
            part = lstm_forward(x[row : row + 1], *weights, reverse=reverse)
            part.steps, part.order = part.steps[position + 1 :], part.order[position + 1 :]
            total = dy[row, position]
            if part.steps:
                part.x, part.mask = part.x[:, np.sort(part.order)], part.mask[:, : len(part.order)]
                part.order = list(np.argsort(np.argsort(part.order)))
                total = total + lstm_backward(part, dy[row : row + 1, position + 1 :]).dh0[0]
            lengths.append(np.linalg.norm(total))
        sizes.append(np.mean(lengths))
    wanted = np.array(sizes[::-1] if reverse else sizes)
    np.testing.assert_allclose(found.gradients, wanted, rtol=1e-6)
    outside = np.linalg.norm(dy, axis=2).mean(axis=0).sum()
    assert found.growth == pytest.approx(wanted.max() / outside)
    assert traced.outputs.shape == (6, 7, 5)


@pytest.mark.parametrize("kind", RECURRENT)
def test_step_by_step_is_all_at_once(kind):
    """The first layer's inputs get the same gradient, however the second goes back."""
    from nlstm.inspection.health import _bound, fetched

    model = compiled(of_each(kind))
    x, y = rows(4), np.random.default_rng(1).normal(size=(4, 2))
    observed = Observed(model, x, every=True, y=y)

    def run(bench):
        scored = observed.binder.observed(bench, "test", 4, 7, lambda plan: _bound(observed, plan))
        one, rows_of = scored.one, slice(0, 4)
        observed.load(one, rows_of)
        observed.ops.write(scored.targets[0], fetched(observed.data.y[0], rows_of, observed.ops))
        one.forward()
        one.backward()
        return np.array(one.gradient(0)).swapaxes(0, 1)

    found = observed.watching(run)
    slopes = 2 * (model.predict(x, verbose=0) - y) / y.size
    wanted = sum(
        attribute(model, x, target=n, method="gradient").values * slopes[:, n, None, None]
        for n in range(2)
    )
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def broken(change, layer=None, optimizer="adam", steps=7):
    """Return the health of a model after a change of its weights."""
    nlstm.set_random_seed(0)
    given = nlstm.Input((steps, 3), dtype="float64")
    model = compiled(nlstm.Sequential([given, layer or LSTM(8), Dense(1)]), optimizer)
    weights = model.get_weights()
    change(weights)
    model.set_weights(weights)
    return health(model, rows(30, steps), np.random.default_rng(1).normal(size=(30, 1)))


def scaled(place, factor):
    def change(weights):
        weights[place] *= factor

    return change


def shifted(gate, by, place=2):
    def change(weights):
        units = weights[1].shape[0]
        weights[place][..., gate * units : (gate + 1) * units] += by

    return change


@pytest.mark.parametrize(
    "change, given, kind, words",
    [
        (
            shifted(1, -30),
            {},
            "stuck",
            "gate f of 8 of 8 units of lstm is stuck at 0, so that they forget every",
        ),
        (shifted(1, 30), {}, "stuck", "stuck at 1, so that they forget nothing"),
        (shifted(0, -30), {}, "stuck", "gate i of 8 of 8 units of lstm is stuck at 0"),
        (shifted(3, -30), {}, "dead", "8 of 8 units of lstm are dead"),
        (shifted(0, 40), {"layer": GRU(8)}, "stuck", "gate z of 8 of 8 units of gru is stuck at 1"),
        (scaled(0, 1e3), {}, "saturated", "gates i, f, o of most units of lstm are at 0 or 1"),
        (
            scaled(0, 1e3),
            {"layer": SimpleRNN(8)},
            "saturated",
            "8 of 8 units of simple_rnn are sat",
        ),
        (
            scaled(0, 1.0),
            {"optimizer": SGD(1e3)},
            "large updates",
            "people lower the learning rate",
        ),
        (scaled(0, 1.0), {"optimizer": Adam(1e-12)}, "small updates", "people raise the learning"),
        (
            scaled(1, 3.0),
            {"layer": SimpleRNN(8, activation="linear"), "steps": 40},
            "exploding",
            "on their way back through 40 steps: people clip them (clipnorm=1.0",
        ),
        (
            scaled(1, 0.1),
            {"layer": SimpleRNN(8), "steps": 40},
            "vanishing",
            "more than 1 step back",
        ),
        (scaled(-2, 1e300), {}, "not finite", "people look for huge values in the data"),
    ],
)
def test_what_is_wrong(change, given, kind, words):
    found = broken(change, **given)
    assert not found and kind in kinds(found)
    finding = next(one for one in found.findings if one.kind == kind)
    assert words in finding.sentence and finding.sentence.endswith(".")
    assert finding.sentence.count(". ") == 0  # one sentence
    assert str(finding) in str(found)
    if kind in ("exploding", "not finite", "large updates"):
        assert found.sentence == finding.sentence  # the worst comes first


def test_dead_dense_units():
    model = compiled(chain(LSTM(4), Dense(8, activation="relu"), Dense(1)))
    weights = model.get_weights()
    weights[4][:6] = -100.0
    model.set_weights(weights)
    found = health(model, rows(20), np.zeros((20, 1)))
    assert "6 of 8 units of dense are dead" in found.sentence
    assert found.layers["dense"].dead.tolist() == [True] * 6 + [False] * 2


def test_stuck_gates_are_those_of_trace():
    model, x = compiled(chain(LSTM(5), Dense(1), scale=3.0)), rows(20)
    layer = health(model, x, np.zeros((20, 1))).layers["lstm"]
    f = trace(model, x)["lstm"].f.reshape(-1, 5)
    np.testing.assert_array_equal(layer.at_0["f"], (f < 0.01).mean(axis=0))
    np.testing.assert_array_equal(layer.stuck()["f", 1], (f > 0.99).mean(axis=0) >= 0.99)


def test_rows_windows_tokens_and_lengths():
    windows = Windows(np.random.default_rng(0).normal(size=(90, 3)), 7, targets=[0])
    model = compiled(chain(LSTM(4), Dense(1)))
    whole = health(model, windows, rows=50)
    places = np.unique(np.linspace(0, len(windows) - 1, 50).astype(int))
    part = health(model, windows.x[:][places], windows.y[:][places, 0])
    assert whole.loss == pytest.approx(part.loss)
    assert whole.update_ratios == pytest.approx(part.update_ratios)
    lengths = np.arange(20) % 7 + 1
    masked = health(model, rows(20), np.zeros((20, 1)), lengths=lengths)
    assert masked.loss == pytest.approx(np.mean(model.predict(rows(20), lengths=lengths) ** 2))
    tokens = compiled(nlstm.Sequential([Embedding(9, 4, mask_zero=True), GRU(3), Dense(1)]))
    x = np.random.default_rng(0).integers(0, 9, (20, 5))
    tokens.predict(x, verbose=0)
    assert health(tokens, x, np.zeros((20, 1))).layers["gru"].gradients.shape == (5,)


def test_what_it_needs():
    x, y = rows(4), np.zeros((4, 1))
    with pytest.raises(ValueError, match="health needs a loss"):
        health(chain(LSTM(4), Dense(1)), x, y)
    with pytest.raises(ValueError, match="health needs y"):
        health(compiled(chain(LSTM(4), Dense(1))), x)
    with pytest.raises(TypeError, match="model must be"):
        health(3, x, y)


def test_a_callback_says_it_once(capsys):
    x, y = rows(32), np.random.default_rng(1).normal(size=(32, 1))
    model = compiled(chain(LSTM(4), Dense(1)))
    twin = copy.deepcopy(model)
    check = HealthCheck(x, y)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[check], shuffle=False)
    assert capsys.readouterr().out == "" and [*check.reports] == [0, 1, 2]
    twin.fit(x, y, epochs=3, verbose=0, shuffle=False)
    for one, other in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_array_equal(one, other)
    model.optimizer.learning_rate = 1e3
    model.fit(x, y, epochs=4, verbose=0, callbacks=[check])
    shown = capsys.readouterr().out
    assert 1 <= shown.count("Epoch") <= 2 and "people" in shown
    model.fit(x, y, epochs=4, verbose=0, callbacks=[HealthCheck(x, y, every=2, verbose=0)])
    assert capsys.readouterr().out == ""
    HealthCheck(x, y, verbose=2)
    with pytest.raises(ValueError, match="every"):
        HealthCheck(x, y, every=0)
