"""Each warning comes once, and at the line of the one who is warned."""

import inspect
import warnings

import numpy as np
import pytest

from nlstm import callbacks, layers, optimizers
from nlstm.models import Sequential

X = np.random.default_rng(0).random((40, 5, 3))
Y = X[:, 0, :1].copy()
QUIET = {"verbose": 0}


def model(optimizer="sgd", trainable=True):
    made = Sequential([layers.LSTM(2, input_shape=(5, 3)), layers.Dense(1)])
    made.trainable = trainable
    made.compile(optimizer, "mse")
    return made


def batches(count):
    for _ in range(count):
        yield X[:8], Y[:8]


def diverging():
    return model(optimizers.SGD(1e30))


def diverged():
    made = model()
    made.set_weights([np.full_like(one, 1e30) for one in made.get_weights()])
    return made


def watching(callback):
    return model().fit(X, Y, epochs=3, callbacks=[callback], **QUIET)


CASES = {
    "The loss became": lambda: diverging().fit(X, Y, epochs=3, **QUIET),
    "The loss became inf;": lambda: diverged().train_on_batch(X, Y),
    "ran out before epoch 2": lambda: model().fit(batches(3), epochs=3, **QUIET),
    "ran out after 2 of 3": lambda: model().fit(batches(5), steps_per_epoch=3, epochs=3, **QUIET),
    "ran out after 5 of 9": lambda: model().evaluate(X, Y, steps=9, batch_size=8, **QUIET),
    "ran out after 5 of 9 steps.": lambda: model().predict(X, steps=9, batch_size=8, **QUIET),
    "ran out after 2 of 5": lambda: model().predict(batches(2), steps=5, **QUIET),
    "gave no batch for epoch 2": lambda: model().fit(
        X, Y, validation_data=batches(1), epochs=3, **QUIET
    ),
    "no weights to train: it": lambda: model(trainable=False).fit(X, Y, epochs=2, **QUIET),
    "no weights to train": lambda: model(trainable=False).train_on_batch(X, Y),
    "alpha is Keras 2's": lambda: layers.LeakyReLU(alpha=0.1),
    "nb_epoch of fit": lambda: model().fit(X, Y, nb_epoch=1, **QUIET),
    "lr of SGD": lambda: optimizers.SGD(lr=0.1),
}


@pytest.mark.parametrize("text", CASES)
def test_the_warning_is_at_the_users_line(text):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        CASES[text]()
    assert text in str(found[0].message) and len(found) == 1
    _, first = inspect.getsourcelines(CASES[text])
    assert found[0].filename == __file__ and first <= found[0].lineno <= first + 2


@pytest.mark.parametrize(
    "callback",
    [
        callbacks.EarlyStopping(),
        callbacks.ReduceLROnPlateau(),
        callbacks.ModelCheckpoint("m.nlstm", save_best_only=True),
    ],
    ids=repr,
)
def test_a_callback_that_watches_nothing_says_so_once(callback, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")  # Python's own: once a line
        watching(callback)
    assert len(found) == 1 and found[0].filename == __file__
    assert "'val_loss'" in str(found[0].message)
