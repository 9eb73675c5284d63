"""How long units remember, beside gates and Jacobians of NumPy's."""

import numpy as np
import pytest

from nlstm.inspection import memory, trace
from nlstm.layers import GRU, LSTM, Bidirectional, Dense, SimpleRNN
from tests.inspection.models import RECURRENT, chain, of_each, rows
from tests.reference.finite_differences import gradient
from tests.reference.lstm import lstm_backward, lstm_forward


def jacobians(x, weights, lag):
    """Return d h_T / d h_(T-lag) and d h_T / d c_(T-lag) of one row, each (units, units)."""
    units = len(weights[1])
    if lag == 0:
        return np.eye(units), np.zeros((units, units))
    before = lstm_forward(x[:, :-lag], *weights)
    h, c = (before.h, before.c) if lag < x.shape[1] else (None, None)
    found = lstm_forward(x[:, -lag:], *weights, h0=h, c0=c)
    ends = [
        lstm_backward(found, np.zeros((1, lag, units)), dh=np.eye(units)[unit : unit + 1])
        for unit in range(units)
    ]
    return np.concatenate([one.dh0 for one in ends]), np.concatenate([one.dc0 for one in ends])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [7, 3, 5, 1]])
@pytest.mark.parametrize("dtype, limit", [("float64", 1e-6), ("float32", 1e-4)])
def test_influence_and_kept(reverse, lengths, dtype, limit):
    model, x = chain(LSTM(5, go_backwards=reverse), Dense(1), dtype=dtype), rows(4)
    found = memory(model, x, lengths=lengths)["lstm"]
    weights = model.get_weights()[:3]
    logs, kept = [], {lag: [] for lag in range(8)}
    squares = {lag: [] for lag in range(8)}
    for row, length in enumerate(lengths or [7] * 4):
        one = x[row : row + 1, :length]
        one = one[:, ::-1] if reverse else one
        z = np.array([step.z[0, 5:10] for step in lstm_forward(one, *weights).steps])
        f = 1 / (1 + np.exp(-z))
        logs.append(np.log(f))
        for lag in range(length + 1):
            squares[lag].append([(part**2).sum(0) for part in jacobians(one, weights, lag)])
            kept[lag].append(np.prod(f[length - lag :], axis=0))
    constants = -1 / np.concatenate(logs).mean(axis=0)
    np.testing.assert_allclose(found.time_constants, constants, rtol=limit)
    for lag in range(8):
        of_h, of_c = np.mean(squares[lag], axis=0)
        assert found.influence[lag] == pytest.approx(np.sqrt(of_h.mean()), abs=limit)
        assert found.influence_of_c[lag] == pytest.approx(np.sqrt(of_c.mean()), abs=limit)
        np.testing.assert_allclose(found.influence_of_units[lag], np.sqrt(of_h), atol=limit)
        np.testing.assert_allclose(found.kept[lag], np.mean(kept[lag], axis=0), atol=limit)
    assert found.influence[0] == 1.0 and (found.kept[0] == 1.0).all()


@pytest.mark.parametrize("kind", ["GRU", "reset before", "SimpleRNN", "SimpleRNN, gelu"])
def test_influence_in_layers_of_one_state(kind):
    """By a model that begins at the state: an initial state is an input like others."""
    import nlstm

    inputs = nlstm.Input((3, 3), dtype="float64"), nlstm.Input((5,), dtype="float64")
    layer = RECURRENT[kind]()
    started = nlstm.Model(list(inputs), layer(inputs[0], initial_state=inputs[1]))
    model = chain(RECURRENT[kind](), Dense(1))
    started.set_weights(model.get_weights()[:-2])
    x = rows(1)
    found = next(iter(memory(model, x).values()))
    (name,) = trace(model, x)
    h = trace(model, x)[name].h[:, 3].copy()
    slopes = [
        gradient(lambda u=unit: started.predict([x[:, 4:], h], verbose=0)[0, u], h)[0]
        for unit in range(5)
    ]
    assert found.influence[3] == pytest.approx(np.sqrt((np.array(slopes) ** 2).sum() / 5), abs=1e-7)
    assert (found.time_constants is None) == (found.kind == "SimpleRNN")
    assert found.influence_of_c is None


def test_drawn_directions_are_near():
    model, x = chain(LSTM(80), Dense(1), scale=0.2), rows(2)
    found = memory(model, x)["lstm"]
    weights = model.get_weights()[:3]
    for lag in (1, 4, 7):
        size = np.mean([(jacobians(x[n : n + 1], weights, lag)[0] ** 2).sum() for n in range(2)])
        assert found.influence[lag] == pytest.approx(np.sqrt(size / 80), rel=0.3)


@pytest.mark.parametrize("kind", RECURRENT)
def test_every_kind(kind):
    found = memory(of_each(kind), rows(6), rows=3)
    for one in found.values():
        assert one.influence.shape == (8,) and np.isfinite(one.influence).all()
        assert one.influence_of_units.shape[0] == 8 and 0 <= one.reach <= 7
    assert "time constants" in str(found["lstm" if "lstm" in found else [*found][-1]])


def test_lags_and_plain_results():
    model = chain(Bidirectional(LSTM(4, return_sequences=True)), GRU(3), Dense(1))
    found = memory(model, rows(3), lags=2)
    assert {len(one.influence) for one in found.values()} == {3}
    assert {len(one.kept) for one in found.values()} == {3}
    assert repr(found).startswith("<Memory, reach in steps: bidirectional/forward_lstm")
    assert "|dh/dh'|" in str(found) and "kept" in str(found)
    assert found.to_dict()["gru"]["kind"] == "GRU"
    with pytest.raises(KeyError, match="There is no 'x'"):
        found["x"]
    with pytest.raises(ValueError, match="no LSTM"):
        memory(chain(Dense(1)), rows(2))


def test_a_unit_that_never_forgets():
    model = chain(LSTM(3, recurrent_activation="hard_sigmoid"), Dense(1))
    weights = model.get_weights()
    weights[0][:], weights[1][:] = 0.0, 0.0
    weights[2][3:6] = 100.0  # the forget gate is 1
    model.set_weights(weights)
    found = memory(model, rows(2))["lstm"]
    assert np.isinf(found.time_constants).all() and (found.kept == 1.0).all()
    weights[2][3:6] = -100.0
    model.set_weights(weights)
    found = memory(model, rows(2))["lstm"]
    assert (found.time_constants < 0.1).all() and found.kept[1:].max() < 1e-20


def test_layers_of_one_activation_keep_nothing_they_do_not_see():
    model = chain(SimpleRNN(3), Dense(1))
    weights = model.get_weights()
    weights[1][:] = 0.0
    model.set_weights(weights)
    found = memory(model, rows(2))["simple_rnn"]
    assert found.reach == 0 and not found.influence[1:].any()
