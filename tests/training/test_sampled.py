"""predict(samples=...): draws with dropout on."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.callbacks import Callback, LambdaCallback
from nlstm.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    Masking,
    Reshape,
    SimpleRNN,
    SpatialDropout1D,
    TimeDistributed,
)
from nlstm.models import Sequential, clone_model, load_model
from nlstm.plan.draws import BLOCK
from nlstm.training.state import state_of
from nlstm.windows import Windows
from tests.reference.lstm import lstm_forward

RNG = np.random.default_rng(0)
X = RNG.normal(size=(11, 6, 3))
WORD = 2**64


def made(*layers, dtype="float64", shape=(6, 3)):
    model = Sequential([Input(shape), *layers], dtype=dtype)
    model.build()
    return model


# --- the masks, in Python -------------------------------------------------------------------------


def mixed(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB % WORD
    return z ^ z >> 31


def key_of(*words):
    key = 0
    for word in words:
        key = mixed(((key ^ word) + 0x9E3779B97F4A7C15) % WORD)
    return key


def mask(place, seed, row, draw, rate, *shape):
    """The mask of one row of one draw, at a place among the model's masks."""
    token = key_of(nlstm.layers.Layer(seed=seed).seeds.key(0), row, draw // BLOCK) >> 1
    key, size = key_of(place, token, 0), int(np.prod(shape))
    first = draw % BLOCK * size + 1
    bits = [mixed((key + (first + n) * 0x9E3779B97F4A7C15) % WORD) >> 32 for n in range(size)]
    kept = np.array(bits) >= int(rate * 2**32)
    return kept.reshape(shape) / (1 - rate)


def test_a_draw_is_a_pass_with_these_masks():
    lstm = LSTM(5, dropout=0.3, recurrent_dropout=0.2, return_sequences=True)
    model = made(SpatialDropout1D(0.4), lstm, Dropout(0.5), Dense(2))
    W, U, b, V, d = model.get_weights()
    found = model.predict(X, samples=20, seed=9)
    for row, draw in ((0, 0), (7, 0), (3, 1), (10, 19), (0, 8)):
        x = X[row : row + 1] * mask(0, 9, row, draw, 0.4, 3)
        x_mask = mask(1, 9, row, draw, 0.3, 4, 1, 3)
        h_masks = mask(2, 9, row, draw, 0.2, 4, 1, 5)
        h = lstm_forward(x, W, U, b, x_mask=x_mask, h_masks=h_masks).outputs[0]
        y = (h * mask(3, 9, row, draw, 0.5, 6, 5)) @ V + d
        np.testing.assert_allclose(found[draw, row], y, rtol=1e-10, atol=1e-12)


def test_mean_and_spread_of_a_linear_model():
    model = made(Dropout(0.25), Dense(1, use_bias=False), shape=(8,))
    x, (w,) = RNG.normal(size=(3, 8)), model.get_weights()
    draws = model.predict(x, samples=4000, seed=0)
    spread = np.sqrt(0.25 / 0.75 * (x**2) @ w**2)
    assert (np.abs(draws.mean(0) - x @ w) < 5 * spread / np.sqrt(4000)).all()
    np.testing.assert_allclose(draws.std(0), spread, rtol=0.06)


# --- what it does not depend on -------------------------------------------------------------------

LAYERS = {
    "lstm": lambda r: LSTM(9, dropout=r, recurrent_dropout=r, num_layers=2),
    "lstm inputs": lambda r: LSTM(9, dropout=r),
    "normalised": lambda r: LSTM(9, dropout=r, layer_norm=True),
    "gru": lambda r: GRU(9, dropout=r, recurrent_dropout=r),
    "gru before": lambda r: GRU(9, dropout=r, recurrent_dropout=r, reset_after=False),
    "simple": lambda r: SimpleRNN(9, dropout=r, recurrent_dropout=r),
    "both ways": lambda r: Bidirectional(LSTM(9, dropout=r)),
    "spatial": lambda r: SpatialDropout1D(r),
    "each step": lambda r: TimeDistributed(Dropout(r)),
    "sequences of steps": lambda r: TimeDistributed(
        Sequential([Reshape((5, 4)), LSTM(9, dropout=r, recurrent_dropout=r)])
    ),
    "in a model": lambda r: Sequential([Dense(9), Dropout(r)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_draws_by_row(name):
    nlstm.set_random_seed(4)
    model = made(Dense(20, activation="tanh"), LAYERS[name](0.4), Dense(2))
    draws = model.predict(X, samples=12, seed=1)
    assert draws.shape == (12, *model.predict(X).shape)
    flat = draws.reshape(12 * len(X), -1)
    assert len(np.unique(flat, axis=0)) == len(flat)
    np.testing.assert_allclose(model.predict(X, 1, samples=12, seed=1), draws, rtol=1e-12)
    hardly = made(Dense(20, activation="tanh"), LAYERS[name](1e-12), Dense(2))
    drawn = hardly.predict(X, samples=9)
    np.testing.assert_allclose(drawn, np.stack(9 * [hardly.predict(X)]), rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def model():
    nlstm.set_random_seed(4)
    layers = LSTM(5, dropout=0.3, recurrent_dropout=0.3, return_sequences=True), Dropout(0.2)
    return made(*layers, GRU(4, dropout=0.1), Dense(2), dtype="float32")


def test_batches_samples_and_sources_change_nothing(model):
    x = X.astype("f")
    draws = model.predict(x, samples=40, seed=1)
    for batch_size in (1, 3, 16, 100):
        again = model.predict(x, batch_size, samples=40, seed=1)
        np.testing.assert_array_equal(again, draws)
    np.testing.assert_array_equal(model.predict(x, samples=13, seed=1), draws[:13])
    np.testing.assert_array_equal(model.predict(x[:4], samples=40, seed=1), draws[:, :4])
    batches = (x[first : first + 4] for first in range(0, 11, 4))
    np.testing.assert_array_equal(model.predict(batches, samples=40, seed=1), draws)
    np.testing.assert_array_equal(model.predict(x, 4, steps=2, samples=40, seed=1), draws[:, :8])
    assert (model.predict(x, samples=40, seed=2) != draws).any()


def test_threads_change_nothing(model):
    x, threads = RNG.normal(size=(60, 6, 3)), nlstm.get_num_threads()
    try:
        nlstm.set_num_threads(1)
        draws = model.predict(x, samples=40, seed=1)
    finally:
        nlstm.set_num_threads(threads)
    np.testing.assert_array_equal(model.predict(x, samples=40, seed=1), draws)


def test_without_a_seed_the_seed_of_the_process_decides(model):
    def pair():
        nlstm.set_random_seed(5)
        return model.predict(X, samples=3), model.predict(X, samples=3)

    (first, second), again = pair(), pair()
    assert (first != second).any()
    np.testing.assert_array_equal((first, second), again)


def test_windows(model):
    windows = Windows(RNG.normal(size=(30, 3)).astype("f"), sequence_length=6)
    x = np.stack([windows[row][0] for row in range(len(windows))])
    draws = model.predict(windows, samples=5, seed=1)
    np.testing.assert_array_equal(draws, model.predict(x, samples=5, seed=1))


@pytest.mark.parametrize("way", ["lengths", "masking"])
def test_masked_steps(way):
    begin = [Masking()] if way == "masking" else []
    model = made(*begin, LSTM(4, dropout=0.3, recurrent_dropout=0.3), shape=(None, 3))
    lengths = np.arange(11) % 6 + 1
    x = np.where(np.arange(6)[:, None] < lengths[:, None, None], X, 0.0)
    given = {"lengths": lengths} if way == "lengths" else {}
    draws = model.predict(x, samples=10, seed=3, **given)
    for row in (0, 4, 9):
        alone = model.predict(x[: row + 1, : lengths[row]], samples=10, seed=3)
        np.testing.assert_allclose(draws[:, row], alone[:, row], rtol=1e-12)


def test_a_mask_that_comes_before_all_dropout():
    model = made(Embedding(9, 4, mask_zero=True), LSTM(3, recurrent_dropout=0.4), shape=(None,))
    tokens = np.array([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0]])
    draws = model.predict(tokens, samples=9, seed=0)
    short = model.predict(tokens[:, :2], samples=9, seed=0)
    np.testing.assert_allclose(draws[:, 1], short[:, 1], rtol=1e-12)


def test_copies_and_files_draw_the_same(model, tmp_path):
    draws = model.predict(X, samples=9, seed=1)
    twin = clone_model(model)
    twin.set_weights(model.get_weights())
    model.save(tmp_path / "m.nlstm")
    for one in (twin, load_model(tmp_path / "m.nlstm"), copy.deepcopy(model)):
        np.testing.assert_array_equal(one.predict(X, samples=9, seed=1), draws)


def test_a_layer_that_is_called_twice_has_one_mask():
    x = Input((8,), dtype="float64")
    layer = Dropout(0.5)
    first, second = Model(x, [layer(x), layer(2.0 * x)]).predict(np.ones((3, 8)), samples=5)
    np.testing.assert_allclose(second, 2 * first)


def test_threads_draw_side_by_side(model):
    draws = [model.predict(X, samples=40, seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: model.predict(X, samples=40, seed=seed), range(4)))
    np.testing.assert_array_equal(found, draws)


# --- what is left as it is ------------------------------------------------------------------------


def test_nothing_of_the_model_changes():
    nlstm.set_random_seed(4)
    model = made(
        BatchNormalization(), LSTM(4, dropout=0.3, stateful=True), GaussianNoise(9.0), Dense(1)
    )
    model.compile("adam", "mse")
    model.fit(X, X[:, 0, :1], batch_size=11, epochs=2, verbose=0)
    numbers, arrays = state_of(model._binder, model.training)
    weights = model.get_weights()
    draws = model.predict(X, samples=800, seed=0)
    after = state_of(model._binder, model.training)
    assert after[0] == numbers
    for before, now in ((arrays.values(), after[1].values()), (weights, model.get_weights())):
        for one, other in zip(before, now, strict=True):
            np.testing.assert_array_equal(one, other)
    plain = model.predict(X)  # with averages in batch normalisation, and without noise
    assert np.abs(draws.mean(0) - plain).max() < 0.15


def test_zoneout_is_its_mean():
    model = made(LSTM(4, zoneout=0.5), Dropout(1e-12))
    draws = model.predict(X, samples=3)
    np.testing.assert_allclose(draws, np.stack(3 * [model.predict(X)]), rtol=1e-9)


def test_draws_of_a_stateful_model_go_on_from_its_states():
    def model(stateful):
        nlstm.set_random_seed(4)
        layers = LSTM(4, dropout=0.3, recurrent_dropout=0.3, stateful=stateful), Dense(1)
        return made(*layers, shape=(None, 3))

    x = RNG.normal(size=(5, 9, 3))
    long, pieces = model(False), model(True)
    pieces.predict(x[:, :3])
    states = pieces.layers[0].states
    one = pieces.predict(np.concatenate([x[:, 3:6], x[:, 6:]]), 5, samples=11, seed=2)
    two = pieces.predict((x[:, at : at + 3] for at in (3, 6)), samples=11, seed=2)
    np.testing.assert_array_equal(one, two)
    for before, now in zip(states, pieces.layers[0].states, strict=True):
        np.testing.assert_array_equal(before, now)
    pieces.layers[0].reset_state()
    parts = np.concatenate([x[:, at : at + 3] for at in (0, 3, 6)])
    found = pieces.predict(parts, 5, samples=11, seed=2)
    np.testing.assert_allclose(found[:, 10:], long.predict(x, samples=11, seed=2), rtol=1e-12)
    assert pieces.layers[0].states is None
    with pytest.raises(ValueError, match="a batch of 4 rows cannot go on from states of 5"):
        pieces.predict((x[:n, :3] for n in (5, 4)), samples=2)


# --- what comes back ------------------------------------------------------------------------------


def test_several_outputs():
    x = Input((6, 3), dtype="float64")
    h = LSTM(4)(x)
    y = {"sure": Dense(1)(h), "unsure": Dense(2)(Dropout(0.5)(h)), "x": Dropout(0.1)(x)}
    model = Model(x, y)
    draws = model.predict(X, samples=7, seed=0)
    assert {name: one.shape for name, one in draws.items()} == {
        "sure": (7, 11, 1),
        "unsure": (7, 11, 2),
        "x": (7, 11, 6, 3),
    }
    np.testing.assert_allclose(draws["sure"], np.stack(7 * [model.predict(X)["sure"]]), rtol=1e-12)
    low, high = (model.predict(X, samples=7, seed=0, quantiles=q)["unsure"] for q in (0.1, [0.9]))
    np.testing.assert_allclose(low[0], np.quantile(draws["unsure"], 0.1, axis=0), rtol=1e-12)
    assert (high > low).any()


def test_quantiles_in_parts(model, monkeypatch):
    draws = model.predict(X, samples=30, seed=1)
    monkeypatch.setattr("nlstm.training.draws.ELEMENTS", 30 * 2 * 4)
    found = model.predict(X, 30, samples=30, seed=1, quantiles=(0.05, 0.5, 0.95))
    np.testing.assert_allclose(found, np.quantile(draws, (0.05, 0.5, 0.95), axis=0), rtol=1e-6)


def test_callbacks_see_runs_and_can_stop(model):
    seen = []

    class Seen(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(batch)
            self.model.stop_predicting = batch == 5

    draws = model.predict(X, 8, samples=16, seed=1)
    found = model.predict(X, 8, samples=16, seed=1, callbacks=[Seen()], verbose=1)
    np.testing.assert_array_equal(found, draws[:, :3])  # two runs a row
    assert seen == [0, 1, 2, 3, 4, 5]
    batches = [X[:4].astype("f"), X[4:].astype("f")]
    hooks = [LambdaCallback(on_predict_batch_begin=lambda batch, logs: seen.append("batch"))]
    model.predict(iter(batches), samples=2, callbacks=hooks)
    assert seen[6:] == ["batch", "batch"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"samples": 0}, "samples must be"),
        ({"samples": 2.5}, "samples must be"),
        ({"quantiles": (0.1,)}, r"quantiles=\(0.1,\) is for draws with dropout: give samples=100"),
        ({"seed": 1}, "seed=1 is for draws"),
        ({"samples": 3, "quantiles": (0.1, 1.5)}, "quantiles must be numbers from 0 to 1"),
        ({"samples": 3, "quantiles": ()}, "quantiles must be numbers from 0 to 1"),
        ({"samples": 3, "seed": "a"}, "seed must be"),
    ],
)
def test_errors_name_the_argument(model, arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        model.predict(X, **arguments)


def test_a_layer_that_draws_in_its_own_way():
    class Own(Dropout):
        def bind(self, plan, x):
            return x if not plan.drops else plan.random_counter()

    with pytest.raises(TypeError, match=r"plan.drop draws masks"):
        made(Own(0.5)).predict(X, samples=2)


def test_a_model_without_dropout():
    model = made(GaussianNoise(1.0), Dropout(0.0), LSTM(2))
    with pytest.raises(ValueError, match="samples= draws with dropout, but the model has none"):
        model.predict(X, samples=2)
