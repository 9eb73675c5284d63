"""Callbacks: which hooks run when, and what the ready-made ones do."""

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    History,
    LambdaCallback,
    TerminateOnNaN,
)
from nlstm.layers import Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD

X, Y = np.random.default_rng(0).random((20, 3)), np.random.default_rng(1).random((20, 1))


def model_of(optimizer="sgd"):
    nlstm.set_random_seed(0)
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(optimizer, "mse")
    return model


class Recorder(Callback):
    """Write down every hook."""

    def __init__(self):
        self.seen = []

    def __getattribute__(self, name):
        if name.startswith("on_"):
            seen = object.__getattribute__(self, "seen")
            return lambda *arguments: seen.append((name, *arguments))
        return object.__getattribute__(self, name)


class BatchRecorder(Recorder):
    """The same, with batch hooks that are really overridden."""

    def on_train_batch_begin(self, batch, logs=None): ...

    def on_train_batch_end(self, batch, logs=None): ...

    def on_test_batch_end(self, batch, logs=None): ...

    def on_predict_batch_begin(self, batch, logs=None): ...


def test_order_of_hooks():
    recorder = BatchRecorder()
    model_of().fit(X, Y, batch_size=10, verbose=0, callbacks=[recorder], validation_data=(X, Y))
    names = [name for name, *_ in recorder.seen]
    assert names == [
        "on_train_begin",
        "on_epoch_begin",
        *["on_train_batch_begin", "on_train_batch_end"] * 2,
        "on_test_begin",
        *["on_test_batch_end"] * 2,
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]
    assert recorder.seen[-2][1] == 0
    assert recorder.seen[-2][2].keys() == {"loss", "val_loss"}
    assert [event[1] for event in recorder.seen if event[0] == "on_train_batch_end"] == [0, 1]


def test_batch_hooks_that_are_not_overridden_are_not_called():
    recorder = Recorder()
    model_of().fit(X, Y, verbose=0, callbacks=recorder)
    assert not [name for name, *_ in recorder.seen if "batch" in name]


def test_evaluate_and_predict_have_their_hooks():
    recorder = BatchRecorder()
    model = model_of()
    model.evaluate(X, Y, batch_size=10, verbose=0, callbacks=[recorder])
    model.predict(X, batch_size=20, callbacks=[recorder])
    assert [name for name, *_ in recorder.seen] == [
        "on_test_begin",
        *["on_test_batch_end"] * 2,
        "on_test_end",
        "on_predict_begin",
        "on_predict_batch_begin",
        "on_predict_end",
    ]


def test_the_last_batch_has_the_logs_of_the_epoch():
    logs = []
    record = LambdaCallback(on_batch_end=lambda batch, at: logs.append(at["loss"]))
    history = model_of().fit(X, Y, batch_size=7, verbose=0, callbacks=[record]).history
    assert len(logs) == 3
    assert logs[-1] == history["loss"][0]


def test_callbacks_know_their_model_and_the_params():
    callback, model = Callback(), model_of()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert callback.model is model
    assert callback.params == {"epochs": 2, "steps": 1, "verbose": 0}


def test_things_that_are_no_callbacks():
    with pytest.raises(TypeError, match="callbacks must be nlstm.callbacks.Callback objects"):
        CallbackList([print], None, {})
    with pytest.raises(TypeError, match="LambdaCallback knows no hook 'on_epoch_ends'"):
        LambdaCallback(on_epoch_ends=print)


def fed(stopping, values, model=None):
    """Run `stopping` on a series of monitored values; return the epoch at which it stops."""
    model = model or model_of()
    stopping.set_model(model)
    stopping.on_train_begin()
    model.stop_training = False
    for epoch, value in enumerate(values):
        model.set_weights([np.full((3, 1), float(epoch)), np.zeros(1)])
        stopping.on_epoch_end(epoch, {"val_loss": value, "val_accuracy": value})
        if model.stop_training:
            break
    stopping.on_train_end()
    return epoch


@pytest.mark.parametrize(
    "options, values, stopped",
    [
        ({}, [3, 2, 2.5, 1], 2),
        ({"patience": 2}, [3, 2, 2.5, 2.4, 1], 3),
        ({"patience": 2}, [3, 2, 2.5, 1, 1.5, 1.5, 0], 5),
        ({"min_delta": 0.5}, [3, 2.8, 1], 1),
        ({"mode": "max"}, [1, 2, 3, 2], 3),
        ({"monitor": "val_accuracy"}, [0.1, 0.2, 0.1, 0.3], 2),
        ({"baseline": 1.0, "patience": 2}, [3, 4, 4], 1),
        ({"start_from_epoch": 3}, [1, 2, 3, 4, 5], 4),
    ],
)
def test_early_stopping(options, values, stopped):
    assert fed(EarlyStopping(**options), values) == stopped


def test_early_stopping_restores_the_best_weights():
    model = model_of()
    fed(EarlyStopping(patience=2, restore_best_weights=True), [3, 1, 2, 2], model)
    assert model.get_weights()[0][0, 0] == 1.0
    fed(EarlyStopping(patience=2), [3, 1, 2, 2], model)
    assert model.get_weights()[0][0, 0] == 3.0


def test_early_stopping_says_what_it_did(capsys):
    fed(EarlyStopping(restore_best_weights=True, verbose=1), [3, 1, 2])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 3: early stopping",
        "Restoring the weights of the best epoch, 2.",
    ]


def test_early_stopping_inside_fit():
    stopping = EarlyStopping(monitor="loss", patience=1, min_delta=10.0)
    history = model_of().fit(X, Y, epochs=50, verbose=0, callbacks=[stopping])
    assert history.epoch == [0, 1]


def test_early_stopping_without_its_number_warns():
    with pytest.warns(
        UserWarning, match="watches 'val_loss', which is not among the logs: loss; valid"
    ):
        model_of().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


def test_early_stopping_mode():
    with pytest.raises(ValueError, match="mode must be 'auto', 'min' or 'max'"):
        EarlyStopping(mode="least")


def test_terminate_on_nan(capsys):
    model = model_of(SGD(1e20))
    with pytest.warns(RuntimeWarning, match="The loss became"):
        history = model.fit(X, Y, batch_size=2, epochs=5, verbose=0, callbacks=[TerminateOnNaN()])
    assert len(history.epoch) == 1
    assert "training stops" in capsys.readouterr().out


def test_history_may_be_shared_and_is_returned():
    extra, model = History(), model_of()
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[extra])
    assert history is model.history
    assert extra.history == history.history


def test_a_callback_may_predict_and_evaluate():
    model, seen = model_of(), []

    def look(epoch, logs):
        seen.append((model.predict(X).shape, model.evaluate(X, Y, verbose=0)))

    looking = model.fit(X, Y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_epoch_end=look)])
    assert len(seen) == 2
    assert looking.history == model_of().fit(X, Y, epochs=2, verbose=0).history
