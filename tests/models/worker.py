"""What the processes of `test_processes` do; a module of its own, so that each can import it."""

import numpy as np

import nlstm
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential

__all__ = ["large_data", "model_of", "work"]


def model_of():
    """Return a model that was trained for an epoch."""
    nlstm.set_random_seed(1)
    model = Sequential([LSTM(8, return_sequences=True, dropout=0.2), LSTM(4), Dense(1)])
    model.compile("adam", "mse")
    x, y = large_data()
    model.fit(x[:64], y[:64], 16, 1, verbose=0)
    return model


def large_data():
    """Return data above the megabyte from which joblib maps arrays into workers, read-only."""
    rng = np.random.default_rng(0)
    return rng.random((4096, 20, 4), np.float32), rng.random((4096, 1), np.float32)


def work(model, x, y):
    """Return what a model predicts, and where its fit goes on."""
    found = model.predict(x, verbose=0)
    stream = model.stream()
    step = [stream.step(x_t).tobytes() for x_t in x[0]]
    history = model.fit(x, y, 512, 2, initial_epoch=1, verbose=0)
    weights = [weight.tobytes() for weight in model.get_weights()]
    return found.tobytes(), step, history, weights
