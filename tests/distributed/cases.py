"""Fits that are made on one process and on several, and compared."""

import numpy as np

import nlstm
from nlstm import Input, Model, Sequential, losses, metrics, optimizers
from nlstm import layers as L
from nlstm.callbacks import EarlyStopping, LambdaCallback, LearningRateScheduler, ReduceLROnPlateau
from nlstm.windows import Windows

ROWS, STEPS, FEATURES = 1003, 6, 3


def drawn(rows=ROWS, steps=STEPS, features=FEATURES, outputs=2):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, steps, features)).astype(np.float32)
    y = np.tanh(x[:, :, 0].sum(1, keepdims=True) + 0.1 * rng.normal(size=(rows, outputs)))
    return x, y.astype(np.float32), rng.uniform(0.5, 2.0, rows)


def plain(optimizer, loss="mse", **more):
    model = Sequential([L.LSTM(8, input_shape=(None, FEATURES)), L.Dense(2)])
    model.compile(optimizer, loss, metrics=["mae"], **more)
    return model


def weighted(optimizer, batch_size, epochs=3):
    x, y, weight = drawn()
    fit = dict(x=x, y=y, sample_weight=weight, batch_size=batch_size, epochs=epochs)
    return plain(optimizer), fit


def everything():
    """Dropout of every kind, two layers, stateful, validation, and an early stop."""
    x, y, _ = drawn(400)
    model = Sequential(
        [
            Input(batch_shape=(40, STEPS, FEATURES)),
            L.LSTM(
                8, return_sequences=True, stateful=True, dropout=0.2, recurrent_dropout=0.3,
                zoneout=0.1,
            ),
            L.Dropout(0.3),
            L.SpatialDropout1D(0.1),
            L.GaussianNoise(0.1),
            L.GRU(6, stateful=True, dropout=0.2, recurrent_dropout=0.1),
            L.Dense(2),
        ]
    )  # fmt: skip
    model.compile(optimizers.SGD(0.5, momentum=0.5), "mse")
    stop = EarlyStopping("val_loss", patience=2, min_delta=0.01, restore_best_weights=True)
    fit = dict(x=x, y=y, batch_size=40, epochs=30, validation_data=(x[:80], y[:80]))
    return model, fit | {"callbacks": [stop, LambdaCallback(on_epoch_begin=_reset(model))]}


def _reset(model):
    def reset(epoch, logs):
        for layer in (model.layers[0], model.layers[4]):
            layer.reset_state()

    return reset


def masked():
    """Lengths, class weights are apart; a plateau lowers the rate."""
    x, y, _ = drawn(203)
    lengths = np.random.default_rng(1).integers(1, STEPS + 1, 203)
    model = Sequential(
        [L.LSTM(8, return_sequences=True, input_shape=(STEPS, FEATURES)), L.Dense(2)]
    )
    model.compile(optimizers.SGD(0.5), "mse", metrics=["mae"], weighted_metrics=["mse"])
    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05)
    y = np.repeat(y[:, None], STEPS, 1)
    return model, dict(x=x, y=y, lengths=lengths, batch_size=50, epochs=4, callbacks=[plateau])


def several():
    """Outputs with losses that are divided by unlike numbers, and penalties on what comes out."""
    x, y, weight = drawn(150)
    one, other = Input((STEPS, FEATURES)), Input((FEATURES,))
    seen = L.Masking(0.0)(one)
    h = L.LSTM(8, return_sequences=True, activity_regularizer="l2", kernel_regularizer="l2")(seen)
    last = L.GlobalAveragePooling1D()(h)
    joined = L.Concatenate()([last, other])
    outputs = {"steps": L.Dense(2, name="steps")(h), "last": L.Dense(2, name="last")(joined)}
    model = Model([one, other], outputs)
    model.compile(
        optimizers.SGD(0.2, clipnorm=0.5),
        {"steps": "mse", "last": losses.MeanAbsoluteError(reduction="mean_with_sample_weight")},
        loss_weights={"steps": 0.7, "last": 1.3},
        metrics={"steps": ["mae"], "last": [metrics.R2Score(), "mse"]},
    )
    x = x.copy()
    x[::3, 3:] = 0.0
    targets = {"steps": np.repeat(y[:, None], STEPS, 1), "last": y}
    fit = dict(x=[x, x[:, 0]], y=targets, sample_weight=weight, batch_size=32, epochs=3)
    return model, fit


def accumulated():
    """Sums instead of means, gradients of several batches, averages of weights, schedules."""
    x, y, _ = drawn(200)
    rate = LearningRateScheduler(lambda epoch: 2e-3 / (epoch + 1))
    optimizer = optimizers.Adam(
        1e-3, gradient_accumulation_steps=3, use_ema=True, global_clipnorm=1.0
    )
    model = plain(optimizer, losses.MeanSquaredError(reduction="sum"))
    return model, dict(x=x, y=y, batch_size=32, epochs=4, callbacks=[rate], validation_split=0.2)


class Spread(metrics.Metric):
    """A user's metric, which no sum over rows gives."""

    def __init__(self):
        super().__init__(name="spread")
        self.largest = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest = max(self.largest, float(np.ptp(y_pred)))

    def result(self, total=None):
        return self.largest

    def reset_state(self):
        self.largest = 0.0


class Quartic(losses.Loss):
    def call(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 4, axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


def of_a_user():
    x, y, _ = drawn(100)
    model = Sequential(
        [L.LSTM(8, input_shape=(STEPS, FEATURES)), L.Dense(2, kernel_constraint="max_norm")]
    )
    model.compile(optimizers.SGD(0.03), Quartic(), metrics=[Spread()])
    return model, dict(x=x, y=y, batch_size=32, epochs=3)


def classes():
    x, _, _ = drawn(150)
    labels = np.random.default_rng(2).integers(0, 3, 150)
    model = Sequential(
        [L.Bidirectional(L.SimpleRNN(5, dropout=0.2), input_shape=(STEPS, FEATURES)),
         L.Dense(3, activation="softmax")]
    )  # fmt: skip
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    model.compile(optimizers.SGD(0.3), loss, metrics=["accuracy"])
    fit = dict(x=x, y=labels, batch_size=32, epochs=3, class_weight={0: 1.0, 1: 3.0})
    return model, fit


def frozen():
    """Weights that lie apart: some are not trained."""
    x, y, _ = drawn(100)
    model = Sequential([L.LSTM(8, input_shape=(STEPS, FEATURES)), L.Dense(4), L.Dense(2)])
    model.layers[1].trainable = False
    model.compile(optimizers.SGD(0.3), "mse")
    return model, dict(x=x, y=y, batch_size=32, epochs=3)


def windows():
    series = np.cumsum(np.random.default_rng(3).normal(size=(300, 2)), 0) / 10
    model = Sequential([L.LSTM(8, input_shape=(12, 2)), L.Dense(2)])
    model.compile(optimizers.SGD(0.1), "mse")
    return model, dict(x=Windows(series, 12, horizon=1), batch_size=50, epochs=3)


class Batches:
    """Batches of unlike sizes, by their numbers."""

    def __len__(self):
        return 8

    def __getitem__(self, number):
        x, y, _ = drawn(9 + number)
        return x, y


def batches():
    return plain(optimizers.SGD(0.1)), dict(x=Batches(), epochs=3, steps_per_epoch=4)


def normalised():
    x, y, _ = drawn(128)
    model = Sequential(
        [L.LSTM(8, input_shape=(STEPS, FEATURES)), L.BatchNormalization(momentum=0.5), L.Dense(2)]
    )
    model.compile(optimizers.SGD(0.1), "mse")
    return model, dict(x=x, y=y, batch_size=128, epochs=1, shuffle=False)


def in_pieces(update):
    """Sequences with lengths in pieces, of outputs with and without steps, and a rest."""
    x, y, weight = drawn(75)
    one = Input((STEPS, FEATURES))
    h = L.LSTM(8, return_sequences=True, activity_regularizer="l2", kernel_regularizer="l2")(one)
    h = L.Dropout(0.2)(L.GRU(6, return_sequences=True, dropout=0.2, recurrent_dropout=0.1)(h))
    steps = {name: L.Dense(2, name=name)(h) for name in ("mean", "weighed", "sum")}
    last = L.Dense(2, name="last")(L.LSTM(4)(h))
    model = Model(one, steps | {"last": last})
    loss = {
        "mean": "mse",
        "weighed": losses.MeanAbsoluteError(reduction="mean_with_sample_weight"),
        "sum": losses.MeanSquaredError(reduction="sum"),
        "last": "mse",
    }
    shares = {"mean": 1.0, "weighed": 0.7, "sum": 0.01, "last": 1.3}
    measured = {"mean": ["mae", metrics.R2Score(), Spread()], "last": ["mse"]}
    weighed = {"weighed": ["mse", metrics.CosineSimilarity()]}
    rate = optimizers.SGD(0.1, momentum=0.5)
    model.compile(rate, loss, shares, metrics=measured, weighted_metrics=weighed)
    lengths = np.random.default_rng(1).integers(1, STEPS + 1, 75)
    targets = {name: np.repeat(y[:, None], STEPS, 1) for name in steps} | {"last": y}
    fit = dict(
        x=x, y=targets, sample_weight=weight, lengths=lengths, batch_size=37, epochs=2,
        validation_split=0.2, bptt_steps=4, bptt_update=update,
    )  # fmt: skip
    return model, fit


def pieces_of(update, batch_size=16):
    """Classes of steps, some of them ignored; batches that leave ranks without rows."""
    x, _, weight = drawn(49)
    labels = np.random.default_rng(2).integers(0, 3, (49, STEPS))
    model = Sequential(
        [L.LSTM(8, return_sequences=True, input_shape=(None, FEATURES)), L.Dropout(0.2),
         L.Dense(3, activation="softmax")]
    )  # fmt: skip
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    model.compile(optimizers.SGD(0.3), loss, metrics=["accuracy"])
    fit = dict(x=x, y=labels, sample_weight=weight, batch_size=batch_size, epochs=2)
    return model, fit | dict(bptt_steps=4, bptt_update=update)


CASES = {
    "sgd": lambda: weighted(optimizers.SGD(0.3), 64),
    "tiny": lambda: weighted(optimizers.SGD(0.05), 3, 1),
    "adam": lambda: weighted(optimizers.Adam(1e-2), 64),
    "everything": everything,
    "masked": masked,
    "several": several,
    "accumulated": accumulated,
    "of_a_user": of_a_user,
    "classes": classes,
    "frozen": frozen,
    "windows": windows,
    "batches": batches,
    "normalised": normalised,
    "pieces": lambda: in_pieces("piece"),
    "sums of pieces": lambda: in_pieces("sequence"),
    "few pieces": lambda: pieces_of("piece"),
    "sums of few pieces": lambda: pieces_of("sequence"),
}


def run(name, distribute=None, first_step=True):
    """Return what a case makes, by name."""
    found = {}
    if first_step:
        nlstm.set_random_seed(5)
        model, fit = CASES[name]()
        one = {key: value for key, value in fit.items() if "valid" not in key and key != "epochs"}
        one |= {"epochs": 1, "steps_per_epoch": 1, "callbacks": None}
        model.fit(**one, verbose=0, distribute=distribute)
        for parameter in model.trainable_weights:
            key = f"gradient/{len(found)}"
            if not name == "frozen":
                found[key] = parameter.get_gradient()
    nlstm.set_random_seed(5)
    model, fit = CASES[name]()
    history = model.fit(**fit, verbose=0, distribute=distribute)
    for number, weight in enumerate(model.get_weights()):
        found[f"weight/{number}"] = weight
    for key, values in history.history.items():
        found[f"log/{key}"] = np.array(values)
    if name in ("batches", "windows"):
        return found
    asked = {key: fit[key] for key in ("x", "lengths") if key in fit}
    size = {"batch_size": fit["batch_size"]}
    outputs = model.predict(**asked, **size, verbose=0, distribute=distribute)
    for key, output in (outputs if isinstance(outputs, dict) else {"y": outputs}).items():
        found[f"output/{key}"] = output
    scores = model.evaluate(
        **asked, y=fit["y"], **size, verbose=0, return_dict=True, distribute=distribute
    )
    return found | {f"score/{key}": np.array(value) for key, value in scores.items()}
