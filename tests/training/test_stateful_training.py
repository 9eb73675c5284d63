"""Stateful layers in fit: batches of one size, and states that files and backups keep."""

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import BackupAndRestore, LambdaCallback
from nlstm.layers import LSTM, Bidirectional, Dense, SimpleRNN
from nlstm.models import Sequential, load_model

RNG = np.random.default_rng(0)
X, Y = RNG.random((48, 4, 3)), RNG.random((48, 1))


def made(layer=None):
    nlstm.set_random_seed(3)
    layer = layer or LSTM(4, stateful=True, num_layers=2)
    model = Sequential([layer, Dense(1)])
    model.build((None, 4, 3))
    model.compile("adam", "mse")
    return model


def fit(model, *callbacks, x=X, y=Y, batch_size=8, **options):
    return model.fit(
        x,
        y,
        batch_size=batch_size,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **options,
    )


def same(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


class Stop(Exception):
    """Interrupts a fit."""


@pytest.mark.parametrize("save_freq", ["epoch", 4])
def test_an_interrupted_fit_goes_on_from_its_states(tmp_path, save_freq):
    whole = made()
    fit(whole)
    seen = []

    def stop(batch, logs):
        seen.append(batch)
        if len(seen) == 11:
            raise Stop

    with pytest.raises(Stop):
        backup = BackupAndRestore(tmp_path / "b", save_freq)
        fit(made(), backup, LambdaCallback(on_train_batch_end=stop))
    model = made()
    fit(model, BackupAndRestore(tmp_path / "b", save_freq))
    same(model, whole)
    for one, two in zip(model.layers[0].states, whole.layers[0].states, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "layer", [lambda: SimpleRNN(5, stateful=True), lambda: Bidirectional(LSTM(4, stateful=True))]
)
def test_a_file_holds_the_states(tmp_path, layer):
    model = made(layer())
    model.predict(X[:8])
    model.save(tmp_path / "m")
    other = load_model(tmp_path / "m")
    for one, two in zip(model.layers[0].states, other.layers[0].states, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(model.predict(X[:8]), other.predict(X[:8]))
    model.layers[0].reset_state()
    model.save(tmp_path / "m")
    assert load_model(tmp_path / "m").layers[0].states is None


def test_a_rest_of_another_size_is_an_error_before_anything_runs():
    model = made()
    weights = model.get_weights()
    wrong = "48 rows in batches of 10 end with one of 8"
    for call in (
        lambda: fit(model, batch_size=10),
        lambda: model.evaluate(X, Y, batch_size=10, verbose=0),
        lambda: model.predict(X, batch_size=10),
    ):
        with pytest.raises(ValueError, match=wrong):
            call()
    with pytest.raises(ValueError, match="those of x have 8, those of validation_data 4"):
        fit(model, validation_data=(X[:4], Y[:4]))
    assert model.layers[0].states is None
    for one, two in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, two)
    model.evaluate(X, Y, batch_size=10, steps=4, verbose=0)
