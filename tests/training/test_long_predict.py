"""Long sequences are predicted and evaluated in pieces, as the whole, in the memory of a piece."""

import os
import subprocess
import sys

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.callbacks import LambdaCallback
from nlstm.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Embedding,
    GlobalMaxPooling1D,
    LayerNormalization,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from nlstm.losses import Loss, MeanSquaredError
from nlstm.metrics import KGE, NSE
from nlstm.models import Sequential
from nlstm.training import long_predict
from nlstm.training.pieces import Pieces
from nlstm.windows import Windows

RNG = np.random.default_rng(0)
M, T, F, K = 9, 37, 3, 5
X = RNG.normal(size=(M, T, F))


def cut_from(monkeypatch, numbers, length=K):
    """Let predictions of so many numbers be made in pieces; return the rows of those that are."""
    monkeypatch.setattr(long_predict, "LONG", numbers)
    monkeypatch.setattr(long_predict, "PIECE", 1)
    monkeypatch.setattr(long_predict, "LEAST_STEPS", length)
    ran, run = [], Pieces._run
    monkeypatch.setattr(Pieces, "_run", lambda *all: (ran.append(all[-1].size), run(*all))[1])
    return ran


def both(monkeypatch, model, x, **options):
    whole = model.predict(x, verbose=0, **options)
    ran = cut_from(monkeypatch, 1)
    return whole, model.predict(x, verbose=0, **options), ran


def stacked(*layers, dtype="float32"):
    nlstm.set_random_seed(3)
    model = Sequential(list(layers), dtype=dtype)
    model.build((None, None, F))
    return model


KINDS = {
    "LSTM": lambda s: LSTM(5, return_sequences=s),
    "levels": lambda s: LSTM(5, return_sequences=s, num_layers=2, peephole=True),
    "projection": lambda s: LSTM(5, return_sequences=s, proj_size=3),
    "layer_norm": lambda s: LSTM(5, return_sequences=s, layer_norm=True),
    "wide": lambda s: LSTM(70, return_sequences=s, zoneout=0.1),
    "GRU": lambda s: GRU(5, return_sequences=s),
    "reset before": lambda s: GRU(5, return_sequences=s, reset_after=False),
    "SimpleRNN": lambda s: SimpleRNN(5, return_sequences=s),
}


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_have_the_bits_of_the_whole(monkeypatch, kind, dtype, sequences):
    layers = Dense(4, "tanh"), KINDS[kind](sequences), LayerNormalization(), Dense(2, "softmax")
    model = stacked(*layers, dtype=dtype)
    whole, found, ran = both(monkeypatch, model, X, batch_size=4)
    assert ran == [4, 4, 1]
    np.testing.assert_array_equal(found, whole)


def test_masks_and_lengths(monkeypatch):
    model = stacked(Masking(), LSTM(4, return_sequences=True), TimeDistributed(Dense(2)))
    x = np.where(RNG.random((M, T, 1)) < 0.7, X, 0)
    whole, found, ran = both(monkeypatch, model, x, lengths=RNG.integers(1, T + 1, M), batch_size=4)
    assert ran
    np.testing.assert_array_equal(found, whole)


def test_several_inputs_and_outputs(monkeypatch):
    nlstm.set_random_seed(3)
    x, indices, flat = Input((None, F)), Input((None,)), Input((4,))
    h, end, _ = LSTM(5, return_sequences=True, return_state=True)(x + Embedding(6, F)(indices))
    model = Model([x, indices, flat], {"h": h, "end": Dense(2)(end + Dense(5)(flat))})
    given = [X, RNG.integers(0, 6, (M, T)), RNG.random((M, 4))]
    whole, found, ran = both(monkeypatch, model, given, batch_size=5)
    assert ran == [5, 4]
    for name, one in whole.items():
        np.testing.assert_array_equal(found[name], one)


def test_windows_and_batches(monkeypatch):
    model = stacked(LSTM(4, return_sequences=True), GRU(3))
    windows = Windows(RNG.normal(size=(60, F)), T, horizon=0, scaling="standard")
    whole = model.predict(windows, verbose=0, batch_size=7)
    batches = model.predict(iter([X[:4], X[4:]]), verbose=0)
    ran = cut_from(monkeypatch, 1)
    np.testing.assert_array_equal(model.predict(windows, verbose=0, batch_size=7), whole)
    np.testing.assert_array_equal(model.predict(iter([X[:4], X[4:]]), verbose=0), batches)
    assert ran == [7, 7, 7, 3, 4, 5]


def test_callbacks_see_batches_of_rows(monkeypatch):
    model, seen = stacked(LSTM(4, return_sequences=True)), []
    whole = model.predict(X, verbose=0)
    cut_from(monkeypatch, 1)

    def stop(batch, logs):
        seen.append(batch)
        model.stop_predicting = batch == 1

    watch = LambdaCallback(on_predict_batch_end=stop)
    found = model.predict(X, verbose=0, batch_size=3, callbacks=[watch])
    assert seen == [0, 1]
    np.testing.assert_array_equal(found, whole[:6])


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Bidirectional(LSTM(3, return_sequences=True))],
        lambda: [LSTM(3, return_sequences=True), GlobalMaxPooling1D()],
        lambda: [LSTM(3, stateful=True)],
    ],
)
def test_what_cannot_be_cut_goes_whole(monkeypatch, layers):
    model = stacked(*layers())
    whole = model.predict(X, verbose=0)
    if model.layers[0].name == "lstm" and model.layers[0].stateful:
        model.layers[0].reset_state()
    ran = cut_from(monkeypatch, 1)
    np.testing.assert_array_equal(model.predict(X, verbose=0), whole)
    assert not ran


def test_unlike_steps_go_whole(monkeypatch):
    x, other = Input((None, F)), Input((None, F))
    model = Model([x, other], [LSTM(3)(x), GRU(3)(other)])
    wholes, founds, ran = both(monkeypatch, model, [X, X[:, :7]])
    assert not ran
    for whole, found in zip(wholes, founds, strict=True):
        np.testing.assert_array_equal(found, whole)


def test_what_is_short_goes_whole(monkeypatch):
    model = stacked(LSTM(4))
    ran = cut_from(monkeypatch, M * T * 4 + 1)
    model.predict(X, verbose=0)
    assert not ran
    model.predict(np.concatenate([X, X], axis=1), verbose=0)
    assert ran == [M]


Y = RNG.random((M, T, 2))
SCORES = {
    "mse": (None, Y, ["mae", "r2_score", "cosine_similarity", NSE(), KGE()]),
    "binary_crossentropy": ("sigmoid", (Y > 0.5) * 1.0, ["accuracy", "auc", "f1_score"]),
    "sparse_categorical_crossentropy": ("softmax", (Y[..., 0] > 0.5) * 1, ["accuracy"]),
}


def evaluated(monkeypatch, model, x, y, **options):
    """Return loss and metrics of the whole, those of pieces, and the rows that were cut."""
    options |= {"verbose": 0, "return_dict": True}
    whole = model.evaluate(x, y, **options)
    ran = cut_from(monkeypatch, 1)
    return whole, model.evaluate(x, y, **options), ran


@pytest.mark.parametrize("weights", [None, (M,), (M, T)])
@pytest.mark.parametrize("loss", SCORES)
def test_pieces_are_scored_as_the_whole(monkeypatch, loss, weights):
    activation, y, metrics = SCORES[loss]
    recurrent = LSTM(5, return_sequences=True, kernel_regularizer="l2")
    model = stacked(recurrent, Dense(2, activation), dtype="float64")
    model.compile("adam", loss, metrics=metrics, weighted_metrics=metrics[:1])
    weights = None if weights is None else RNG.random(weights)
    options = {"batch_size": 4, "sample_weight": weights}
    whole, found, ran = evaluated(monkeypatch, model, X, y, **options)
    assert ran == [4, 4, 1] and list(found) == list(whole)
    for name, value in whole.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)


def test_last_outputs_windows_and_batches_are_scored(monkeypatch):
    model = stacked(LSTM(4, return_sequences=True), GRU(3), Dense(F))
    model.compile("adam", "mae", metrics=["mse"])
    windows, batches = Windows(RNG.normal(size=(60, F)), T), [(X, X[:, 0]), (X[:4], X[:4, 1])]
    wholes = [model.evaluate(one, verbose=0) for one in (windows, iter(batches))]
    assert not cut_from(monkeypatch, 10**9)
    ran = cut_from(monkeypatch, 1)
    founds = [model.evaluate(one, verbose=0) for one in (windows, iter(batches))]
    assert ran == [23, M, 4]
    np.testing.assert_allclose(founds, wholes, rtol=1e-6)


def test_validation_in_pieces(monkeypatch):
    found = []
    for numbers in (10**9, 1):
        cut_from(monkeypatch, numbers)
        model = stacked(LSTM(4, return_sequences=True), Dense(2))
        model.compile("adam", "mse")
        fit = model.fit(X, Y, validation_data=(X, Y), epochs=3, batch_size=5, verbose=0)
        found.append([fit.history["loss"], fit.history["val_loss"]])
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(*found, rtol=1e-6)


class OwnLoss(Loss):
    def call(self, y, p):
        errors = np.square(y - p)
        return errors * errors.mean(axis=1, keepdims=True)  # of all steps

    def gradient(self, y, p):
        raise NotImplementedError


@pytest.mark.parametrize(
    "layers, loss",
    [
        (lambda: [Masking(), LSTM(4, return_sequences=True)], "mse"),
        (lambda: [LSTM(4, return_sequences=True)], MeanSquaredError("mean_with_sample_weight")),
        (lambda: [Bidirectional(LSTM(3, return_sequences=True))], "mse"),
        (lambda: [LSTM(4, return_sequences=True)], OwnLoss()),
    ],
)
def test_what_does_not_add_up_is_scored_whole(monkeypatch, layers, loss):
    model = stacked(*layers(), Dense(2))
    model.compile("adam", loss)
    options = {"batch_size": 4, "sample_weight": None}
    if isinstance(loss, MeanSquaredError):
        options["sample_weight"] = RNG.random((M, T))
    whole, found, ran = evaluated(monkeypatch, model, X, Y, **options)
    assert not ran and found == whole


@pytest.mark.parametrize("what", ["predict", "evaluate", "fit"])
def test_memory_is_that_of_a_piece(what):
    """The states of the whole sequence would take 80 MB, and training on a part of it 100."""
    text = f"""
import resource
import numpy as np
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
model = Sequential([LSTM(256, return_sequences=True), Dense(1)])
model.build((None, None, 8))
model.compile("adam", "mse")
x = np.zeros((1, 80_000, 8), np.float32)
y = x[..., :1].copy()
weight = np.ones((1, 80_000), np.float32)
short = x[:, :500], y[:, :500]
model.fit(*short, bptt_steps=200, verbose=0)
model.predict(short[0], verbose=0)
model.evaluate(*short, verbose=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if {what == "fit"}:
    model.fit(x[:, :15_000], y[:, :15_000], bptt_steps=200, verbose=0)
elif {what == "evaluate"}:
    model.evaluate(x, y, sample_weight=weight, verbose=0)
else:
    model.predict(x, verbose=0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    alone = os.environ | {"NUMBA_NUM_THREADS": "1"}  # threads that wait for each other take long
    command = [sys.executable, "-c", text]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=alone)
    assert int(ran.stdout.split()[-1]) < 30_000  # KB
