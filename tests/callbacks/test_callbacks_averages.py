"""SwapEMAWeights: which weights evaluation, other callbacks and training see."""

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.callbacks import BackupAndRestore, LambdaCallback, SwapEMAWeights
from nlstm.layers import Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD

X, Y = np.random.default_rng(0).random((20, 3)), np.random.default_rng(1).random((20, 1))
MOMENTUM = 0.75


def model_of(frozen=False):
    nlstm.set_random_seed(0)
    model = Sequential([Dense(4, input_shape=(3,)), Dense(1)], dtype="float64")
    model.layers[0].trainable = not frozen
    model.compile(SGD(0.5, use_ema=True, ema_momentum=MOMENTUM), "mse")
    return model


def flat(model):
    return np.concatenate([one.ravel() for one in model.get_weights()])


def trained(epochs, frozen=False):
    """Return weights and averages after each epoch of one step, by a model of its own."""
    model = model_of(frozen)
    weights, averages = [], []
    for _ in range(epochs):
        model.train_on_batch(X, Y)
        now = flat(model)
        averages.append(now if not averages else MOMENTUM * averages[-1] + (1 - MOMENTUM) * now)
        weights.append(now)
    return weights, averages


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_who_sees_the_averages(swap_on_epoch, frozen):
    model, seen = model_of(frozen), {"batch": [], "test": [], "epoch": []}
    callbacks = [
        SwapEMAWeights(swap_on_epoch),
        LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen["batch"].append(flat(model)),
            on_test_begin=lambda logs: seen["test"].append(flat(model)),
            on_epoch_end=lambda epoch, logs: seen["epoch"].append(flat(model)),
        ),
    ]
    fit = {"batch_size": 20, "shuffle": False, "verbose": 0, "callbacks": callbacks}
    model.fit(X, Y, epochs=4, validation_data=(X, Y), **fit)
    weights, averages = trained(4, frozen)
    np.testing.assert_allclose(seen["batch"], weights, rtol=1e-12)
    np.testing.assert_allclose(seen["test"], averages, rtol=1e-12)
    np.testing.assert_allclose(seen["epoch"], averages if swap_on_epoch else weights, rtol=1e-12)
    np.testing.assert_allclose(flat(model), averages[-1], rtol=1e-12)


def test_fit_that_stops_early_ends_with_the_averages():
    model = model_of()

    def stop(epoch, logs):
        model.stop_training = epoch == 1

    callbacks = [SwapEMAWeights(swap_on_epoch=True), LambdaCallback(on_epoch_end=stop)]
    model.fit(X, Y, 20, 9, shuffle=False, verbose=0, callbacks=callbacks)
    np.testing.assert_allclose(flat(model), trained(2)[1][-1], rtol=1e-12)


def test_predict_and_evaluate_use_averages_and_give_the_weights_back():
    model, callback = model_of(), SwapEMAWeights()
    fresh = model.predict(X)
    np.testing.assert_array_equal(model.predict(X, callbacks=[callback]), fresh)
    for _ in range(3):
        model.train_on_batch(X, Y)
    weights, averages = trained(3)
    own = model.evaluate(X, Y, verbose=0)
    found = model.predict(X, callbacks=[callback])
    loss = model.evaluate(X, Y, verbose=0, callbacks=[callback])
    assert loss == pytest.approx(np.mean((found - Y) ** 2))
    assert loss != own
    np.testing.assert_allclose(flat(model), weights[-1], rtol=1e-12)
    model.optimizer.show_average()
    np.testing.assert_allclose(flat(model), averages[-1], rtol=1e-12)
    np.testing.assert_allclose(model.predict(X), found, rtol=1e-12)


def test_weights_that_several_models_share():
    x = Input((3,), dtype="float64")
    layer = Dense(1)
    first, second = Model(x, layer(x)), Model(x, Dense(1)(layer(x)))
    first.build()
    second.compile(SGD(0.5, use_ema=True), "mse")
    for _ in range(2):
        second.train_on_batch(X, Y)
    before = flat(first)
    second.predict(X, callbacks=[SwapEMAWeights()])
    np.testing.assert_array_equal(flat(first), before)
    second.optimizer.show_average()
    assert (flat(first) != before).any()


def test_backups_know_which_weights_they_hold(tmp_path):
    def fit(epochs, model, stop_at=None):
        def stop(epoch, logs):
            if epoch == stop_at:
                raise KeyboardInterrupt

        callbacks = [
            SwapEMAWeights(swap_on_epoch=True),
            BackupAndRestore(tmp_path / "backup"),
            LambdaCallback(on_epoch_begin=stop),
        ]
        model.fit(X, Y, 20, epochs, shuffle=False, verbose=0, callbacks=callbacks)

    with pytest.raises(KeyboardInterrupt):
        fit(4, model_of(), stop_at=2)
    model = model_of()
    fit(4, model)
    np.testing.assert_allclose(flat(model), trained(4)[1][-1], rtol=1e-12)


def test_an_optimizer_without_averages_is_named():
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="SwapEMAWeights needs an optimizer with use_ema=True"):
        model.evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()])


def test_an_interrupted_validation_takes_the_averages_away():
    def interrupt(batch, logs=None):
        raise KeyboardInterrupt

    x, y = np.random.default_rng(0).normal(size=(2, 8, 3))
    model = nlstm.Sequential([nlstm.Input((3,)), nlstm.layers.Dense(3)])
    model.compile(nlstm.optimizers.Adam(0.1, use_ema=True), "mse")
    stop = nlstm.callbacks.LambdaCallback(on_test_batch_begin=interrupt)
    callbacks = [nlstm.callbacks.SwapEMAWeights(), stop]
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=1, verbose=0, validation_data=(x, y), callbacks=callbacks)
    assert not model.optimizer.average_shown
