"""Gates and states of recurrent layers, beside NumPy's."""

import copy
import pickle
import threading

import numpy as np
import pytest

import nlstm
from nlstm.inspection import attribute, trace
from nlstm.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    Reshape,
    SimpleRNN,
    SpatialDropout1D,
    TimeDistributed,
)
from tests.inspection.models import FEATURES, STEPS, chain, rows, with_random_weights
from tests.reference.activations import ACTIVATIONS
from tests.reference.gru import gru_forward
from tests.reference.lstm import lstm_forward
from tests.reference.rnn import rnn_forward

LIMITS = {"float64": 1e-6, "float32": 1e-4}
LENGTHS = np.array([7, 1, 4, 6])


def mask_of(lengths):
    return None if lengths is None else np.arange(STEPS) < np.asarray(lengths)[:, None]


def lstm_arrays(x, weights, mask, reverse, activation="tanh", recurrent="sigmoid", peephole=None):
    """Return the arrays of an LSTM by name, in the order of the input."""
    W, U, b = weights
    found = lstm_forward(
        x, W, U, b, mask=mask, reverse=reverse, activation=activation,
        recurrent_activation=recurrent, peephole=peephole,
    )  # fmt: skip
    act, gate = ACTIVATIONS[activation][0], ACTIVATIONS[recurrent][0]
    z = np.stack([step.z for step in found.steps], axis=1)
    i, f, g, o = np.split(z, 4, axis=-1)
    arrays = {"i": gate(i), "f": gate(f), "g": act(g), "o": gate(o)}
    arrays["c"], arrays["h"] = states(found, mask), found.outputs
    return {name: one[:, ::-1] if reverse else one for name, one in arrays.items()}


def states(found, mask):
    c, result = found.steps[0].c_before, []
    for place, step in enumerate(found.steps):
        present = True if mask is None else mask[:, found.order[place], None]
        c = np.where(present, step.c_new, c)
        result.append(c)
    return np.stack(result, axis=1)


def agree(found, wanted, mask, limit):
    assert list(found.arrays) == list(wanted)
    for name, one in wanted.items():
        values = found[name]
        assert values.shape == one.shape
        if mask is not None and name in found.gates:
            assert np.isnan(values[~mask]).all()
            values, one = values[mask], one[mask]
        np.testing.assert_allclose(values, one, rtol=0, atol=limit, err_msg=name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize(
    "activation, recurrent, peephole",
    [("tanh", "sigmoid", False), ("silu", "hard_sigmoid", False), ("tanh", "sigmoid", True)],
)
def test_gates_of_an_lstm(dtype, reverse, lengths, activation, recurrent, peephole):
    layer = LSTM(5, activation, recurrent, peephole=peephole, go_backwards=reverse, dropout=0.5)
    model, x = chain(layer, Dense(1), dtype=dtype), rows(4)
    found = trace(model, x, lengths=lengths)["lstm"]
    weights = model.get_weights()
    more = {"peephole": weights[3]} if peephole else {}
    mask = mask_of(lengths)
    wanted = lstm_arrays(x, weights[:3], mask, reverse, activation, recurrent, **more)
    agree(found, wanted, mask, LIMITS[dtype])
    assert (found.kind, found.backwards) == ("LSTM", reverse)
    assert found.f is found["f"] and found.h.dtype == dtype


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gates_of_a_gru(reset_after, reverse, lengths):
    model = chain(GRU(5, reset_after=reset_after, go_backwards=reverse), Dense(1))
    x, (W, U, b, *_) = rows(4), model.get_weights()
    found, mask = trace(model, x, lengths=lengths)["gru"], mask_of(lengths)
    h = gru_forward(x, W, U, b, np.zeros((4, 5)), mask, reverse, reset_after)
    h = h[:, ::-1] if reverse else h
    np.testing.assert_allclose(found.h, h, rtol=0, atol=1e-12)
    before = np.zeros_like(h)
    before[:, :-1] = h[:, 1:]
    if not reverse:
        before = np.concatenate([np.zeros((4, 1, 5)), h[:, :-1]], axis=1)
    there = np.ones((4, STEPS), bool) if mask is None else mask
    step = found.z * before + (1 - found.z) * found.g
    np.testing.assert_allclose(step[there], h[there], rtol=0, atol=1e-12)
    first, second = b if reset_after else (b, np.zeros_like(b))
    z = x @ W[:, :10] + before @ U[:, :10] + first[:10] + second[:10]
    gates = np.concatenate([found.z, found.r], axis=-1)
    np.testing.assert_allclose(gates[there], (1 / (1 + np.exp(-z)))[there], rtol=0, atol=1e-12)
    assert np.isnan(found.r[~there]).all()


def test_levels_directions_and_simple_rnn():
    model = chain(
        LSTM(4, num_layers=2, return_sequences=True),
        Bidirectional(LSTM(3, return_sequences=True)),
        SimpleRNN(5, go_backwards=True),
    )
    x, w = rows(3), model.get_weights()
    found = trace(model, x)
    forward, backward = "bidirectional/forward_lstm", "bidirectional/backward_lstm"
    assert [*found] == ["lstm/0", "lstm/1", forward, backward, "simple_rnn"]
    for place, name in enumerate(["lstm/0", "lstm/1"]):
        wanted = lstm_arrays(x, w[3 * place : 3 * place + 3], None, False)
        agree(found[name], wanted, None, 1e-12)
        x = wanted["h"]
    both = [lstm_arrays(x, w[6 + 3 * n : 9 + 3 * n], None, bool(n)) for n in range(2)]
    for name, wanted in zip([forward, backward], both):
        agree(found[name], wanted, None, 1e-12)
    x = np.concatenate([one["h"] for one in both], axis=-1)
    h = rnn_forward(x, *w[12:], "tanh", np.zeros((3, 5)), reverse=True)
    np.testing.assert_allclose(found["simple_rnn"].h, h[:, ::-1], rtol=0, atol=1e-12)
    assert found["simple_rnn"].gates == ()


def test_normalised_and_projected_layers_keep_their_equations():
    model = chain(LSTM(5, layer_norm=True, return_sequences=True), LSTM(6, proj_size=2))
    found = trace(model, rows(3))
    for one in found.values():
        before = np.concatenate([np.zeros_like(one.c[:, :1]), one.c[:, :-1]], axis=1)
        np.testing.assert_allclose(one.f * before + one.i * one.g, one.c, rtol=0, atol=1e-12)
    last = found["lstm_1"]
    np.testing.assert_allclose(last.h, last.o * np.tanh(last.c), rtol=0, atol=1e-12)


def test_masks_of_embeddings():
    model = nlstm.Sequential([Embedding(9, 4, mask_zero=True), LSTM(3), Dense(1)])
    tokens = np.array([[3, 1, 0, 0], [2, 0, 5, 1]])
    found = trace(model, tokens)["lstm"]
    assert (found.mask == (tokens != 0)).all()
    np.testing.assert_array_equal(found.h[:, 1][1], found.h[:, 0][1])
    assert np.isnan(found.i[tokens == 0]).all() and not np.isnan(found.c).any()


def test_rows_do_not_depend_on_batches():
    model, x = chain(LSTM(4, return_sequences=True), GRU(3)), rows(11)
    whole, parts = trace(model, x), trace(model, x, batch_size=4)
    for name, layer in whole.items():
        for array in layer.arrays:
            np.testing.assert_array_equal(layer[array], parts[name][array])


WHOLE = {"return_sequences": True}
DROPS = {"dropout": 0.4, "recurrent_dropout": 0.3}


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [LSTM(4, **WHOLE, **DROPS)],
        lambda: [GRU(4, **WHOLE, **DROPS)],
        lambda: [GRU(4, reset_after=False, **WHOLE, **DROPS)],
        lambda: [SimpleRNN(4, **WHOLE, **DROPS)],
        lambda: [Dropout(0.5), BatchNormalization()],
        lambda: [SpatialDropout1D(0.5), GaussianNoise(1.0)],
    ],
)
def test_what_is_seen_is_what_predict_gives(layers):
    model, x = chain(*layers(), LSTM(3)), rows(5)
    *_, last = trace(model, x).values()
    y = model.predict(x, verbose=0)
    assert np.isfinite(y).all()
    np.testing.assert_allclose(last.h[:, -1], y, rtol=0, atol=1e-12)


def test_layers_that_are_called_twice_and_steps_as_rows():
    x = nlstm.Input((STEPS, FEATURES))
    shared = LSTM(3, name="twice", return_sequences=True)
    model = nlstm.Model(x, shared(shared(x)))
    assert [*trace(model, rows(2))] == ["twice", "twice (call 2)"]
    inner = nlstm.Sequential([Reshape((3, 1), input_shape=(3,)), GRU(2)], name="inner")
    outer = with_random_weights(nlstm.Sequential([nlstm.Input((4, 3)), TimeDistributed(inner)]))
    values = np.random.default_rng(0).normal(size=(5, 4, 3))
    (found,) = trace(outer, values).values()
    assert found.h.shape == (5, 4, 3, 2)
    np.testing.assert_allclose(found.h[:, :, -1], outer.predict(values, verbose=0), atol=1e-6)


def test_a_model_stays_as_it_is():
    model = chain(LSTM(4, stateful=True, dropout=0.5, return_sequences=True), GRU(3, stateful=True))
    model.compile("adam", "mse")
    x, y = rows(4), rows(4)[:, 0]
    model.train_on_batch(x, y)
    twin, fresh = copy.deepcopy(model), copy.deepcopy(model)
    for layer in fresh.layers:
        layer.reset_state()
    gradients = [one.get_gradient() for one in model.trainable_weights]
    states_before = [layer.states for layer in model.layers]
    first, found = trace(fresh, x), trace(model, x)  # no state goes on
    for name in ("lstm", "gru"):
        np.testing.assert_array_equal(first[name].h, found[name].h)
    attribute(model, x, target=0)
    for one, before in zip(model.trainable_weights, gradients):
        np.testing.assert_array_equal(one.get_gradient(), before)
    for layer, before in zip(model.layers, states_before):
        np.testing.assert_array_equal(layer.states, before)
    for one in (model, twin):
        one.train_on_batch(x, y)
    for one, other in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_beside_a_fit_in_another_thread():
    x, y = rows(64), np.random.default_rng(1).normal(size=(64, 1))
    model = chain(LSTM(4, dropout=0.3, return_sequences=True), GRU(3), Dense(1))
    model.compile("adam", "mse")
    twin = copy.deepcopy(model)
    twin.fit(x, y, epochs=20, batch_size=8, verbose=0)
    fit = threading.Thread(target=lambda: model.fit(x, y, epochs=20, batch_size=8, verbose=0))
    fit.start()
    looks = 0
    while fit.is_alive() or not looks:
        found = attribute(model, x, steps=20)  # of one state of the weights: it adds up
        assert found.completeness < 0.01
        trace(model, x)
        looks += 1
    fit.join()
    for one, other in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_results_are_plain():
    found = trace(chain(LSTM(4), Dense(1)), rows(3))
    assert repr(found) == "<Trace of lstm>"
    assert "i, f, g, o, c, h of (3, 7, 4)" in str(found) and "median" in str(found)
    plain = found.to_dict()
    assert set(plain["lstm"]) == {"name", "kind", "arrays", "mask", "backwards"}
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again["lstm"].f, found["lstm"].f)
    assert "f" in dir(found["lstm"])
    with pytest.raises(AttributeError, match="no attribute 'q'"):
        _ = found["lstm"].q
    with pytest.raises(KeyError, match="there are lstm"):
        found["gru"]
    with pytest.raises(AttributeError):
        found["lstm"].kind = "GRU"


@pytest.mark.parametrize(
    "model, x, error, match",
    [
        (lambda: chain(Dense(2)), rows(2), ValueError, "no LSTM, GRU or SimpleRNN"),
        (lambda: chain(LSTM(2, zoneout=0.1)), rows(2), ValueError, "lstm has zoneout"),
        (lambda: chain(LSTM(2)), iter([rows(2)]), TypeError, "x must be arrays or windows"),
        (lambda: chain(LSTM(2)), rows(2)[:, :, :2], ValueError, "expects 3 features"),
        (lambda: "model", rows(2), TypeError, "model must be"),
    ],
)
def test_what_cannot_be_seen(model, x, error, match):
    with pytest.raises(error, match=match):
        trace(model(), x)
