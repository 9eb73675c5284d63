"""Callbacks that write files: what Keras 3.15 writes, and when."""

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import CSVLogger, LambdaCallback, ModelCheckpoint
from nlstm.layers import Dense
from nlstm.models import Sequential, load_model

HISTORY = [1.3, 0.42, 0.44, 0.48, 0.58, 0.28, 0.08, 0.01]
X, Y = np.random.default_rng(0).random((20, 3)), np.random.default_rng(1).random((20, 1))


@pytest.fixture
def model():
    nlstm.set_random_seed(0)
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


# The names came from Keras, its callbacks called by hand with these values.
@pytest.mark.parametrize(
    "options, names",
    [
        ({"save_best_only": True}, "01-1.30 02-0.42 06-0.28 07-0.08 08-0.01"),
        (
            {"save_best_only": True, "initial_value_threshold": 0.4},
            "06-0.28 07-0.08 08-0.01",
        ),
        ({"save_best_only": True, "mode": "max"}, "01-1.30"),
        ({}, "01-1.30 02-0.42 03-0.44 04-0.48 05-0.58 06-0.28 07-0.08 08-0.01"),
        ({"save_freq": 5}, "2-1 3-2 4-3 5-4 7-1 8-2"),
        ({"save_freq": 3}, "1-3 2-2 3-1 3-4 4-3 5-2 6-1 6-4 7-3 8-2"),
    ],
)
@pytest.mark.parametrize("weights_only", [True, False])
def test_model_checkpoint(model, tmp_path, options, names, weights_only):
    name = "{epoch}-{batch}" if "save_freq" in options else "{epoch:02d}-{val_loss:.2f}"
    path = tmp_path / "new" / "folder" / name
    callback = ModelCheckpoint(path, save_weights_only=weights_only, **options)
    callback.set_model(model)
    for epoch, value in enumerate(HISTORY):
        callback.on_epoch_begin(epoch)
        for batch in range(4):
            callback.on_train_batch_end(batch, {"loss": 1.0})
        callback.on_epoch_end(epoch, {"val_loss": value})
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert " ".join(one.name for one in files) == names
    if weights_only:
        model.load_weights(files[0])
        with pytest.raises(ValueError, match="holds no nlstm model"):
            load_model(files[0])
    else:
        assert load_model(files[0]).get_config() == model.get_config()


def test_model_checkpoint_inside_fit(model, tmp_path, capsys):
    path = tmp_path / "best.nlstm"
    callback = ModelCheckpoint(path, monitor="val_mae", save_best_only=True, verbose=1)
    model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[callback])
    said = [line for line in capsys.readouterr().out.split("\n") if line]
    assert said[0].startswith("Epoch 1: val_mae improved from None to ")
    assert said[0].endswith(f", saving model to {path}")
    for one, other in zip(load_model(path).get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("period, epochs", [(1, "12345"), (2, "24"), (3, "3")])
def test_model_checkpoint_of_every_so_many_epochs(model, tmp_path, period, epochs):
    with pytest.warns(DeprecationWarning, match="period of ModelCheckpoint"):
        callback = ModelCheckpoint(tmp_path / "{epoch}", period=period)
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[callback])
    assert sorted(path.name for path in tmp_path.iterdir()) == list(epochs)


def test_model_checkpoint_costs_no_logs_per_batch(model, tmp_path):
    callback = ModelCheckpoint(tmp_path / "m")
    hooks = nlstm.callbacks.CallbackList([callback], model, {})
    assert hooks.batch_hook("on_train_batch_end") is None

    class Mine(ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)

    for callback in (ModelCheckpoint(tmp_path / "m", save_freq=2), Mine(tmp_path / "m")):
        hooks = nlstm.callbacks.CallbackList([callback], model, {})
        assert hooks.batch_hook("on_train_batch_end") is not None


def test_what_model_checkpoint_refuses(model, tmp_path):
    with pytest.raises(ValueError, match="save_freq must be 'epoch' or a number of batches; got 0"):
        ModelCheckpoint("m", save_freq=0)
    with pytest.raises(KeyError, match="'val_loss' is not among epoch, loss, mae"):
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "{val_loss}")])
    with pytest.raises(IsADirectoryError, match="filepath of ModelCheckpoint is a folder"):
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path)])
    callback = ModelCheckpoint(tmp_path / "m", save_best_only=True)
    with pytest.warns(
        UserWarning, match="saves without comparing: 'val_loss' is not among the logs"
    ):
        model.fit(X, Y, verbose=0, callbacks=[callback])
    assert (tmp_path / "m").exists()


def test_csv_logger_writes_what_keras_writes(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("older")
    callback = CSVLogger(path, separator=";")
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 0.5, "acc": 1.0})
    callback.on_epoch_end(1, {"loss": 0.25, "acc": 1.0, "val_loss": 3.0})
    callback.on_train_end()
    callback = CSVLogger(str(path), separator=";", append=True)
    callback.on_train_begin()
    callback.on_epoch_end(2, {"loss": 0.5, "acc": float("nan")})
    callback.on_train_end()
    assert path.read_bytes().decode() == (
        "epoch;acc;loss;val_acc;val_loss\r\n0;1.0;0.5;NA;NA\r\n1;1.0;0.25;NA;3.0\r\n"
        "2;nan;0.5;NA;NA\r\n"
    )


def test_csv_logger_inside_fit(model, tmp_path):
    path = tmp_path / "log.csv"
    seen = []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(path.read_text()))
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path), look])
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,loss,mae,val_loss,val_mae"
    assert lines[2] == f"1,{history.history['loss'][1]},{history.history['mae'][1]},NA,NA"
    assert len(seen[0].splitlines()) == 2  # it is there as soon as the epoch is over
    model.fit(X, Y, verbose=0, callbacks=[CSVLogger(path)])
    assert len(path.read_text().splitlines()) == 2
