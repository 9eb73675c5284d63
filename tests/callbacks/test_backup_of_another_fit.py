"""A backup of a fit of something else is an error that names what differs."""

import json
import warnings

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import BackupAndRestore
from nlstm.files.arrays_file import BACKUP, read_arrays, write_arrays
from nlstm.layers import LSTM, Add, Bidirectional, Dense, Dropout, Input
from nlstm.losses import Huber, Loss, MeanSquaredError
from nlstm.models import Model, Sequential
from nlstm.optimizers import Adam
from nlstm.regularizers import L2

RNG = np.random.default_rng(0)
X, Y = RNG.random((20, 4, 3)), RNG.random((20, 2))


class Quartic(Loss):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * np.mean((y_pred - y_true) ** 4, axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * self.scale * (y_pred - y_true) ** 3 / y_pred.shape[-1]


def layers(units=4, name="lstm", **options):
    return [LSTM(units, **{"dropout": 0.2, "name": name, **options}), Dense(2)]


def made(optimizer="adam", loss="mse", parts=layers, dtype="float32", **options):
    nlstm.set_random_seed(3)
    model = Sequential([Input((4, 3)), *parts()], dtype=dtype)
    model.compile(optimizer, loss, **options)
    return model


def fit(model, folder, epochs, **options):
    return model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, checkpoint=folder, **options)


def both_ways(**options):
    return lambda: [Bidirectional(LSTM(2, **options)), Dense(2)]


OTHERS = {
    "loss": ({}, {"loss": "mae"}, "the loss was MeanSquaredError and is MeanAbsoluteError"),
    "of a loss": ({"loss": Huber(0.5)}, {"loss": "huber"}, r"delta of the loss was 0.5 and is 1"),
    "own loss": ({"loss": Quartic()}, {"loss": Quartic(2.0)}, "scale of the loss was 1.0 and is 2"),
    "loss weight": ({}, {"loss_weights": 2}, "loss_weights of the loss was 1.0 and is 2.0"),
    "optimizer": ({}, {"optimizer": "sgd"}, "is that of Adam; the model is trained by SGD"),
    "of an optimizer": (
        {},
        {"optimizer": Adam(clipnorm=1.0)},
        "clipnorm of the optimizer was None and is 1.0",
    ),
    "dropout": ({}, {"parts": lambda: layers(dropout=0.5)}, "dropout of lstm was 0.2 and is 0.5"),
    "activation": (
        {},
        {"parts": lambda: layers(activation="relu", go_backwards=True)},
        "activation of lstm was 'tanh' and is 'relu'; go_backwards of lstm was False and is True",
    ),
    "penalty": (
        {"parts": lambda: layers(kernel_regularizer="l2")},
        {"parts": lambda: layers(kernel_regularizer=L2(0.5))},
        r"kernel_regularizer of lstm was L2\(l2=0.01\) and is L2\(l2=0.5\)",
    ),
    "in a wrapper": (
        {"parts": both_ways()},
        {"parts": both_ways(recurrent_dropout=0.5)},
        "recurrent_dropout of bidirectional/layer was 0.0 and is 0.5; recurrent_dropout of "
        "bidirectional/forward_layer was 0.0 and is 0.5",
    ),
    "more layers": (
        {},
        {"parts": lambda: [Dropout(0.5), *layers()]},
        "of another fit: this model has dropout. ",
    ),
    "fewer layers": (
        {"parts": lambda: [Dropout(0.5), *layers()]},
        {},
        "of another fit: its model had dropout. ",
    ),
    "units": ({}, {"parts": lambda: layers(5)}, r"has lstm/kernel of shape \(3, 16\)"),
    "dtype": ({}, {"dtype": "float64"}, "the model was of float32 and is of float64"),
}


@pytest.mark.parametrize("before, now, said", OTHERS.values(), ids=OTHERS)
def test_another_fit(tmp_path, before, now, said):
    fit(made(**before), tmp_path, 1)
    model = made(**now)
    weights = model.get_weights()
    with pytest.raises(ValueError, match=said):
        fit(model, tmp_path, 2)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=said):
        backup = BackupAndRestore(tmp_path)
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[backup])
    assert len(fit(made(**before), tmp_path, 2).history["loss"]) == 2


SAME = {
    "names of losses": ({}, {"loss": "mean_squared_error"}),
    "objects": ({"optimizer": Adam()}, {"loss": MeanSquaredError()}),
    "penalties": (
        {"parts": lambda: layers(kernel_regularizer="l2", zoneout=0.5)},
        {"parts": lambda: layers(kernel_regularizer=L2(), zoneout=(0.5, 0.5))},
    ),
    "lambdas": [{"parts": lambda: layers(kernel_constraint=lambda weight: weight)}] * 2,
    "how weights began": (
        {},
        {"parts": lambda: layers(kernel_initializer="he_normal", seed=4, implementation=1)},
    ),
    "metrics": ({}, {"metrics": ["mae"], "recompute": 2}),
    "crossentropy": [{"loss": "crossentropy"}] * 2,
    "own": [{"loss": Quartic()}, {"loss": Quartic()}],
}


@pytest.mark.parametrize("before, now", SAME.values(), ids=SAME)
def test_the_same_fit_in_other_words(tmp_path, before, now):
    fit(made(**before), tmp_path, 1)
    assert len(fit(made(**now), tmp_path, 2).history["loss"]) == 2


def test_calls_in_another_order(tmp_path):
    def graph(crossed):
        nlstm.set_random_seed(3)
        x = Input((4, 3))
        one, other = LSTM(2, name="one")(x), LSTM(2, name="other")(x)
        both = Add()([Dense(2, name="a")(one), Dense(2, name="b")(other if crossed else one)])
        model = Model(x, [both, other])
        model.compile("adam", "mse")
        return model

    for crossed in (False, True):
        model, given = graph(crossed), {"batch_size": 8, "verbose": 0, "checkpoint": tmp_path}
        if not crossed:
            model.fit(X, [Y, Y], **given)
            continue
        with pytest.raises(ValueError, match="of another fit: layers were connected in another"):
            model.fit(X, [Y, Y], epochs=2, **given)


def test_the_learning_rate_of_compile_is_not_taken_and_that_is_told(tmp_path):
    fit(made(Adam(0.01)), tmp_path, 1)
    model = made(Adam(0.5))
    with pytest.warns(UserWarning, match=r"goes on with its learning rate, 0.01, and not .*, 0.5"):
        fit(model, tmp_path, 2)
    assert model.optimizer.learning_rate == 0.01
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.optimizer.learning_rate = 0.002  # of a fit that was interrupted
        fit(model, tmp_path, 3)
        fit(made(Adam(0.01)), tmp_path, 4)


def test_backups_of_former_days_say_nothing_of_it(tmp_path):
    fit(made(), tmp_path, 1)
    path = tmp_path / "backup.nlstm"
    metadata, arrays = read_arrays(path, BACKUP)
    state = json.loads(metadata["state"])
    assert state.pop("fit")["layers"]["lstm"]["dropout"] == "0.2"
    write_arrays(path, BACKUP, arrays, {"state": json.dumps(state)})
    assert len(fit(made(loss="mae"), tmp_path, 2).history["loss"]) == 2
