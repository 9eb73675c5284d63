"""Objects are shown by the call that makes them, as they are now."""

import copy

import numpy as np
import pytest

import nlstm
from nlstm import (
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    windows,
)
from nlstm.arguments.config import own_module
from nlstm.arguments.shown import short
from nlstm.models import Sequential

NAMES = {
    name: getattr(room, name)
    for room in (
        layers,
        losses,
        metrics,
        optimizers,
        optimizers.schedules,
        callbacks,
        initializers,
        regularizers,
        constraints,
        windows,
    )
    for name in dir(room)
    if name[0].isupper()
}
INNER = ("nlstm.arguments", "nlstm.kernels", "nlstm.training", "nlstm.data", "nlstm.plan")
X = np.zeros((6, 5, 3))


@pytest.mark.parametrize(
    "text",
    [
        "LSTM(8, kernel_regularizer=L2(0.1), return_sequences=True, name='lstm')",
        "Bidirectional(LSTM(4, name='inner'), merge_mode='sum', name='bidirectional')",
        "Dense(1, activation='relu', input_shape=(3,), name='dense', trainable=False)",
        "Embedding(10, 4, mask_zero=True, name='embedding')",
        "Adam()",
        "SGD(0.1, momentum=0.9)",
        "AdamW(ExponentialDecay(0.1, 100, 0.9), weight_decay=0.1)",
        "PiecewiseConstantDecay([1, 2], [0.1, 0.2, 0.3])",
        "MeanSquaredError()",
        "QuantileLoss([0.1, 0.5, 0.9])",
        "SparseCategoricalCrossentropy(ignore_class=3)",
        "Precision(thresholds=[0.1, 0.5], name='p')",
        "Mean()",
        "GlorotUniform(seed=3)",
        "L1L2(0.1, 0.2)",
        "MaxNorm(3.0)",
        "EarlyStopping(monitor='loss', patience=3)",
        "ModelCheckpoint(filepath='m.nlstm', save_best_only=True)",
        "CSVLogger(filename='log.csv')",
        "BackupAndRestore(backup_dir='b')",
        "TerminateOnNaN()",
        "StandardScaler(per_series=True)",
        "MinMaxScaler()",
        "WindowScaler(kind='last')",
    ],
)
def test_what_is_shown_makes_the_same(text):
    made = eval(text, dict(NAMES))
    assert repr(made) == text
    assert repr(copy.deepcopy(made)) == text
    again = eval(repr(made), dict(NAMES))
    if hasattr(made, "get_config"):
        assert again.get_config() == made.get_config()


def test_every_public_class_has_a_text_of_its_own():
    classes = [
        one
        for one in NAMES.values()
        if isinstance(one, type) and own_module(one) and not one.__module__.startswith(INNER)
    ]
    plain = [one.__name__ for one in classes if one.__repr__ is object.__repr__]
    assert classes and plain == []


def test_what_was_set_since_is_shown():
    optimizer = optimizers.Adam(0.1, name="a")
    optimizer.learning_rate = 0.5
    assert repr(optimizer) == "Adam(0.5, name='a')"
    optimizer = optimizers.SGD()
    optimizer.learning_rate = 0.5
    assert repr(optimizer) == "SGD(learning_rate=0.5)"
    layer = layers.LSTM(3)
    layer.trainable = False
    assert repr(layer) == "LSTM(3, name='lstm', trainable=False)"
    stopping = callbacks.EarlyStopping()
    stopping.patience = 4
    assert repr(stopping) == "EarlyStopping(patience=4)"


def test_classes_of_users():
    class Mine(layers.Dense):
        def __init__(self, scale, **options):
            super().__init__(3, **options)

    class Watch(callbacks.Callback):
        def __init__(self, whom, every=3):
            self.every = every

    assert repr(Mine(4, use_bias=False)) == "Mine(4, use_bias=False, name='mine')"
    assert repr(Watch("me", 4)) == "Watch(every=4)"
    assert repr(callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)) == (
        "LambdaCallback(on_epoch_end=<lambda>)"
    )


def test_models_and_what_they_give():
    model = Sequential([layers.LSTM(4), layers.Dense(1)])
    assert repr(model) == "<Sequential 'sequential', 2 layers, for any input>"
    model.compile("adam", "mse")
    history = model.fit(X, X[:, 0, :1], epochs=2, verbose=0)
    shown = "<Sequential 'sequential', 2 layers, 133 weights, (None, None, 3) -> (None, 1)>"
    assert repr(model) == str(model) == shown
    assert repr(history) == f"<History of 2 epochs, loss: {history.history['loss'][-1]:.4g}>"
    assert repr(model.weights[0]) == "<Parameter lstm/kernel (3, 16)>"
    assert repr(model.stream()) == "<Stream (1, 3) -> (1, 1), 2 layers that compute>"
    x = nlstm.Input((5, 3))
    ends = [layers.Dense(2)(x), layers.Dense(1)(x)]
    shapes = "(None, 5, 3) -> [(None, 5, 2), (None, 5, 1)]"
    assert repr(nlstm.Model(x, ends)) == f"<Model 'functional', 2 layers, {shapes}>"


def test_windows():
    both = [np.zeros((30, 2)), np.zeros((20, 2))]
    one = windows.Windows(both[0], 5, horizon=2)
    assert repr(one) == "<24 Windows: inputs (5, 2), targets (2, 2)>"
    assert repr(windows.Windows(both, 5, horizon=0)) == "<42 Windows of 2 series: inputs (5, 2)>"
    assert repr(one.x) == "<Side (24, 5, 2) float64>"
    batches = nlstm.utils.timeseries_dataset_from_array(both[0], both[0][:, 0], 5)
    assert repr(batches) == "<TimeseriesDataset: 1 batches, windows (5, 2), targets ()>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((3, 4)), "<ndarray (3, 4)>"),
        (np.float32(0.5), "0.5"),
        ("a" * 100, "'" + "a" * 55 + "...'"),
        (list(range(100)), "<list of 100>"),
        ((1,), "(1,)"),
        ({"a": (1, np.tanh)}, "{'a': (1, tanh)}"),
        (True, "True"),
    ],
)
def test_values_are_short(value, text):
    assert short(value) == text
