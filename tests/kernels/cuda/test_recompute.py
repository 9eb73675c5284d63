"""compile(recompute=k) on CUDA: the numbers of the CPU, and of a run that keeps every gate."""

from importlib import import_module

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model, Sequential, kernels
from nlstm.layers import GRU, LSTM, Bidirectional, Dense, Masking, SimpleRNN
from nlstm.plan import cache
from tests.kernels.cuda import models

# The package has functions of these names.
lstm, lstm_segments = (
    import_module(f"nlstm.kernels.cuda.{name}") for name in ("lstm", "lstm_segments")
)
EVERY = lstm_segments.LEAST_STEPS
STEPS = 2 * EVERY + 1
LENGTHS = np.array([STEPS, 1, 3, 2, EVERY + 2, STEPS])
X, Y = np.random.default_rng(2).random((6, STEPS, 2)), models.Y
SEQUENCES = {"return_sequences": True}


def states():
    x = Input((STEPS, 2))
    y, *ends = LSTM(3, return_state=True, **SEQUENCES)(x)
    return Model(x, Dense(1)(LSTM(3, go_backwards=True)(y, initial_state=ends)))


MAKES = {
    "plain": lambda: Sequential([LSTM(4), Dense(1)]),
    "stack": lambda: Sequential(
        [LSTM(3, num_layers=2, dropout=0.3, **SEQUENCES), LSTM(3, go_backwards=True), Dense(1)]
    ),
    "everything": lambda: Sequential(
        [LSTM(3, zoneout=0.2, peephole=True, recurrent_dropout=0.3, dropout=0.2), Dense(1)]
    ),
    "masked": lambda: Sequential(
        [
            Masking(),
            Bidirectional(LSTM(3, zero_output_for_mask=True, **SEQUENCES)),
            GRU(3),
            Dense(1),
        ]
    ),
    "projection": lambda: Sequential([LSTM(4, proj_size=2, **SEQUENCES), GRU(2), Dense(1)]),
    "GRU": lambda: Sequential(
        [
            GRU(3, dropout=0.3, recurrent_dropout=0.2, **SEQUENCES),
            GRU(3, go_backwards=True),
            Dense(1),
        ]
    ),
    "others beside": lambda: Sequential(
        [SimpleRNN(3, **SEQUENCES), LSTM(3, layer_norm=True, **SEQUENCES), LSTM(3), Dense(1)]
    ),
    "states": states,
}


def compiled(make, recompute):
    def made(rng):
        model = make()
        model.compile("adam", "mse", recompute=recompute)
        return model, X, Y

    return made


def close(found, expected):
    np.testing.assert_allclose(found[0]["loss"], expected[0]["loss"], rtol=1e-5)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", MAKES)
def test_numbers_are_those_of_all_gates_kept(name):
    options = {} if name in ("masked", "states") else {"lengths": LENGTHS}
    found = models.fitted("cuda", compiled(MAKES[name], EVERY), **options)
    close(found, models.fitted("cuda", compiled(MAKES[name], None), **options))
    close(found, models.fitted("cpu", compiled(MAKES[name], None), **options))


def test_the_same_bits_again():
    runs = [models.fitted("cuda", compiled(MAKES["plain"], EVERY)) for _ in range(2)]
    assert runs[0][0] == runs[1][0]
    for ours, theirs in zip(*(run[2:] for run in runs), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def stateful(device, recompute):
    nlstm.set_random_seed(0)
    layers = [Input(batch_shape=(3, STEPS, 2)), LSTM(3, stateful=True), Dense(1)]
    model = Sequential(layers, device=device)
    model.compile("sgd", "mse", recompute=recompute)
    for first in (0, 3, 0):
        model.train_on_batch(X[first : first + 3], Y[first : first + 3])
    return [*model.get_weights(), *model.layers[0].states]


def test_states_go_on():
    for ours, theirs in zip(stateful("cuda", EVERY), stateful("cpu", None), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_auto_where_there_is_no_room(monkeypatch):
    def long(rng):
        model = Sequential([LSTM(4), Dense(1)])
        model.compile("adam", "mse")
        return model, x, Y

    x = np.random.default_rng(3).random((6, 6 * EVERY, 2))
    whole = models.fitted("cuda", long)
    for module in (lstm, cache):
        monkeypatch.setattr(module, "LITTLE", 0)
    ops = kernels.load("cuda", "float32")
    monkeypatch.setattr(ops, "has_room", lambda size: size < 3 * x.nbytes, False)
    with pytest.warns(RuntimeWarning, match=r"^There is no memory for all gates of a batch \("):
        close(models.fitted("cuda", long), whole)
