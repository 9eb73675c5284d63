"""Copies and pickles of callbacks: after a fit, and to be used in another."""

import copy
import pickle

import cloudpickle
import numpy as np
import pytest

from nlstm import callbacks
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD
from tests.copied import TWINS, WAYS

X, Y = np.random.default_rng(0).random((20, 4, 2)), np.random.default_rng(1).random((20, 1))


def fitted(*used, epochs=3):
    model = Sequential([LSTM(2), Dense(1)])
    averages = any(isinstance(one, callbacks.StochasticWeightAveraging) for one in used)
    model.compile(SGD(0.1, use_ema=not averages), "mse")
    model.fit(X, Y, 10, epochs, verbose=0, validation_split=0.2, callbacks=list(used))
    return model


def halved(epoch, rate):
    return rate / 2


def board(folder):
    pytest.importorskip("tensorboard")
    return callbacks.TensorBoard(folder, update_freq=2)


MADE = {
    "BackupAndRestore": lambda folder: callbacks.BackupAndRestore(folder / "backup", 1),
    "CSVLogger": lambda folder: callbacks.CSVLogger(folder / "log"),
    "EarlyStopping": lambda _: callbacks.EarlyStopping(patience=9, restore_best_weights=True),
    "LambdaCallback": lambda _: callbacks.LambdaCallback(on_train_end=print),
    "LearningRateScheduler": lambda _: callbacks.LearningRateScheduler(halved),
    "ModelCheckpoint": lambda folder: callbacks.ModelCheckpoint(folder / "m", save_freq=3),
    "ReduceLROnPlateau": lambda _: callbacks.ReduceLROnPlateau(patience=1),
    "StochasticWeightAveraging": lambda _: callbacks.StochasticWeightAveraging(0),
    "SwapEMAWeights": lambda _: callbacks.SwapEMAWeights(),
    "TensorBoard": lambda folder: board(folder / "logs"),
    "TerminateOnNaN": lambda _: callbacks.TerminateOnNaN(),
    "History": lambda _: callbacks.History(),
}


def test_all_are_here():
    known = {"Callback", "CallbackList", "OptunaPruning"}  # a trial is of one fit
    assert set(callbacks.__all__) - known <= set(MADE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MADE)
def test_a_callback_that_was_used(name, way, tmp_path):
    callback = MADE[name](tmp_path)
    fresh = TWINS[way](callback)
    model = fitted(callback)
    twin = TWINS[way](callback)
    assert type(twin) is type(fresh) is type(callback)
    np.testing.assert_equal(twin.get_state(), callback.get_state())
    if way == "copy":
        assert twin.model is model
    else:
        assert twin.model is not model
        assert np.array_equal(twin.model.predict(X, verbose=0), model.predict(X, verbose=0))
    for one in (fresh, twin):
        fitted(one, epochs=1)
    assert callback.model is model and not vars(twin).keys() - vars(callback).keys() - {"model"}


@pytest.mark.parametrize("way", WAYS)
def test_the_history_that_fit_returns(way):
    model = fitted()
    history = model.history
    twin = TWINS[way](history)
    assert (twin.history, twin.epoch, twin.params) == (history.history, [0, 1, 2], history.params)
    twin.history["loss"].append(0.0)
    assert len(history.history["loss"]) == 3
    if way != "copy":
        assert twin.model.history is twin


def test_a_lambda_of_a_callback_is_named():
    found = []
    callback = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: found.append(epoch))
    with pytest.raises(
        pickle.PicklingError, match="argument on_epoch_end of LambdaCallback cannot be pickled"
    ):
        pickle.dumps(callback)
    fitted(copy.deepcopy(callback))
    assert found == [0, 1, 2]
    fitted(cloudpickle.loads(cloudpickle.dumps(callback)))
    schedule = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(pickle.PicklingError, match="argument schedule of LearningRateScheduler"):
        pickle.dumps(schedule)
