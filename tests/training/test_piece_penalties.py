"""Penalties on weights and outputs, where sequences are run in pieces that make up one loss."""

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.layers import GRU, LSTM, Dense, SimpleRNN
from nlstm.optimizers import SGD
from nlstm.regularizers import L2
from tests.training.test_long_predict import cut_from

RNG = np.random.default_rng(0)
M, T, F, K = 6, 20, 3, 5
X = RNG.normal(size=(M, T, F))


class Own(L2):
    """The same in NumPy."""

    def __call__(self, x):
        return super().__call__(x)

    def gradient(self, x):
        return super().gradient(x)


def one(x, penalty, sequences):
    kinds = (LSTM, GRU, SimpleRNN)
    for kind in kinds:
        x = kind(3, return_sequences=sequences or kind is not kinds[-1], **penalty)(x)
    return Dense(2)(x)


def states(x, penalty, sequences):
    y, h, _ = LSTM(4, return_sequences=True, return_state=True, **penalty)(x)
    return Dense(2)(y if sequences else h)


MODELS = {
    "the last layer": lambda x, p, s: Dense(2, **p)(LSTM(4, return_sequences=s)(x)),
    "recurrent layers": one,
    "states": states,
    "outputs of both kinds": lambda x, p, s: [one(x, {}, True), Dense(2, **p)(one(x, p, False))],
}


def made(model, penalty, sequences, optimizer):
    nlstm.set_random_seed(1)
    x = Input((None, F), dtype="float64")
    model = Model(x, MODELS[model](x, penalty, sequences))
    model.compile(optimizer, "mse")
    shapes = [[M, T, 2] if len(one.shape) == 3 else [M, 2] for one in model.outputs]
    targets = [np.random.default_rng(2).normal(size=shape) for shape in shapes]
    return model, targets


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize(
    "penalty", [{"kernel_regularizer": "l2"}, {"activity_regularizer": "l2"}, "own"], ids=str
)
@pytest.mark.parametrize("kind", MODELS)
def test_evaluation(kind, penalty, sequences, monkeypatch):
    if penalty == "own":
        penalty = {"activity_regularizer": Own(0.1), "kernel_regularizer": Own(0.1)}
    model, y = made(kind, penalty, sequences, SGD(0.0))
    whole = model.evaluate(X, y, batch_size=4, verbose=0)
    ran = cut_from(monkeypatch, 1, K)
    np.testing.assert_allclose(model.evaluate(X, y, batch_size=4, verbose=0), whole, rtol=1e-12)
    by_output = kind == "outputs of both kinds" or sequences
    assert ran == ([4, 2] if by_output or "activity_regularizer" not in penalty else [])


def check_that_pieces_are_the_whole(fitted):
    """Compare the last layer's weights and the losses of a fit in pieces with those of a whole."""
    found, loss = fitted(bptt_steps=K, bptt_update="sequence")
    weights, wanted = fitted()
    np.testing.assert_allclose(loss, wanted, rtol=1e-12)
    for one_, other in zip(found, weights, strict=True):
        np.testing.assert_allclose(one_, other, rtol=1e-10)


@pytest.mark.parametrize("penalty", ["kernel_regularizer", "activity_regularizer"])
@pytest.mark.parametrize("sequences", [False, True])
def test_one_update_a_sequence(penalty, sequences):
    """What comes after the recurrent layers has the gradients of whole sequences."""

    def fitted(**options):
        model, y = made("the last layer", {penalty: L2(0.5)}, sequences, SGD(1.0))
        history = model.fit(X, y, batch_size=M, verbose=0, **options).history
        return model.layers[-1].get_weights(), history["loss"]

    check_that_pieces_are_the_whole(fitted)


def test_what_has_no_steps_is_penalised_once_a_sequence():
    def fitted(**options):
        nlstm.set_random_seed(1)
        x = Input((None, F), dtype="float64")
        y, h, _ = LSTM(4, return_sequences=True, return_state=True)(x)
        model = Model(x, [Dense(2)(y), Dense(2, activity_regularizer=L2(0.5))(h)])
        model.compile(SGD(1.0), "mse")
        targets = np.zeros((M, T, 2)), np.zeros((M, 2))
        history = model.fit(X, targets, batch_size=M, verbose=0, **options).history
        return model.layers[-1].get_weights(), history["loss"]

    check_that_pieces_are_the_whole(fitted)
