"""Models with random weights that the tests look into."""

import numpy as np

import nlstm
from nlstm.layers import GRU, LSTM, Bidirectional, Dense, SimpleRNN

STEPS, FEATURES = 7, 3


def with_random_weights(model, scale=0.5):
    """Return a model whose weights, biases too, are random."""
    rng = np.random.default_rng(1)
    for one in model.weights:
        value = rng.normal(scale=scale, size=one.shape)
        one.set(np.abs(value) if one.name.endswith("variance") else value)
    return model


def chain(*layers, dtype="float64", steps=STEPS, scale=0.5):
    """Return a model of layers on sequences."""
    shape = nlstm.Input((steps, FEATURES), dtype=dtype)
    return with_random_weights(nlstm.Sequential([shape, *layers]), scale)


def rows(count, steps=STEPS, seed=0):
    """Return random sequences."""
    return np.random.default_rng(seed).normal(size=(count, steps, FEATURES))


# One of each kernel.
RECURRENT = {
    "LSTM": lambda **more: LSTM(5, **more),
    "peephole": lambda **more: LSTM(5, peephole=True, **more),
    "relu": lambda **more: LSTM(5, activation="relu", recurrent_activation="hard_sigmoid", **more),
    "silu": lambda **more: LSTM(5, activation="silu", **more),
    "normalised": lambda **more: LSTM(5, layer_norm=True, **more),
    "projected": lambda **more: LSTM(5, proj_size=2, **more),
    "levels": lambda **more: LSTM(5, num_layers=2, **more),
    "GRU": lambda **more: GRU(5, **more),
    "reset before": lambda **more: GRU(5, reset_after=False, **more),
    "SimpleRNN": lambda **more: SimpleRNN(5, **more),
    "SimpleRNN, gelu": lambda **more: SimpleRNN(5, activation="gelu", **more),
    "both ways": lambda **more: Bidirectional(LSTM(5, **more)),
}


def of_each(kind, dtype="float64"):
    """Return a model around one kind of recurrent layer."""
    return chain(RECURRENT[kind](return_sequences=True), LSTM(4), Dense(2), dtype=dtype)
