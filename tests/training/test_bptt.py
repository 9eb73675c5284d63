"""Truncated back-propagation through time: to the bit the loop over stateful layers."""

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.callbacks import BackupAndRestore, Callback, LambdaCallback
from nlstm.layers import (
    GRU,
    LSTM,
    Add,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    Masking,
    Reshape,
    SimpleRNN,
    SpatialDropout1D,
    TimeDistributed,
)
from nlstm.losses import Loss, MeanSquaredError, SparseCategoricalCrossentropy
from nlstm.models import Sequential
from nlstm.optimizers import SGD, Adam
from nlstm.windows import Windows

RNG = np.random.default_rng(0)
M, T, F, K, ROWS = 7, 11, 3, 4, 4
X, Y = RNG.normal(size=(M, T, F)).astype(np.float32), RNG.normal(size=(M, T, 2))
PIECES = [slice(a, min(a + K, T)) for a in range(0, T, K)]
WEIGHT = RNG.random((M, T))
FULL = RNG.random((M, T)) < 0.7
FULL[0, K : 2 * K] = True


def compiled(model, optimizer="adam", loss="mse", **options):
    model.compile(optimizer, loss, **options)
    return model


def stack(*layers, stateful=False, **options):
    """Return a model of layers, each made by a function of `stateful`."""
    nlstm.set_random_seed(3)
    model = Sequential([layer(stateful) if callable(layer) else layer for layer in layers])
    model.build((None, None, F))
    return compiled(model, **options)


def recurrent(kind, units=5, **options):
    return lambda stateful: kind(units, return_sequences=True, stateful=stateful, **options)


def begin(model):
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()


def loop(model, train, order=None, rows=ROWS, epochs=2):
    """Call train(rows, steps) for the pieces of all batches."""
    for epoch in range(epochs):
        index = np.arange(M) if order is None else order[epoch]
        for start in range(0, M, rows):
            begin(model)
            for steps in PIECES:
                train(index[start : start + rows], steps)


def fit(model, x=X, y=Y, **options):
    given = {"batch_size": ROWS, "epochs": 2, "shuffle": False, "bptt_steps": K, "verbose": 0}
    return model.fit(x, y, **given | options)


def same(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def near(model, other, rtol=1e-5):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol, 1e-7)


STACKS = {
    "LSTM": [recurrent(LSTM)],
    "GRU": [recurrent(GRU)],
    "GRU, reset before": [recurrent(GRU, reset_after=False)],
    "SimpleRNN": [recurrent(SimpleRNN)],
    "levels": [recurrent(LSTM, num_layers=2)],
    "a stack": [recurrent(LSTM), lambda _: LayerNormalization(), recurrent(GRU, 4)],
    "peephole": [recurrent(LSTM, peephole=True)],
    "layer_norm": [recurrent(LSTM, layer_norm=True)],
    "zoneout": [recurrent(LSTM, zoneout=0.2)],
    "dropout": [recurrent(LSTM, dropout=0.3), lambda _: Dropout(0.2)],
    "recurrent_dropout": [recurrent(GRU, dropout=0.2, recurrent_dropout=0.2)],
    "noise over features": [lambda _: SpatialDropout1D(0.3), recurrent(SimpleRNN, dropout=0.2)],
    "masks": [lambda _: Masking(), recurrent(LSTM), recurrent(GRU, 3)],
    "averages": [recurrent(LSTM), lambda _: BatchNormalization()],
    "penalties": [
        recurrent(LSTM, kernel_regularizer="l2", activity_regularizer="l1"),
        lambda _: Dense(4, kernel_constraint="non_neg"),
    ],
    "steps alone": [recurrent(LSTM), lambda _: TimeDistributed(Dense(3, "relu"))],
}


@pytest.mark.parametrize("name", STACKS)
def test_it_is_the_loop_over_stateful_layers(name):
    layers, x = [*STACKS[name], lambda _: Dense(2)], np.where(FULL[..., None], X, 0)
    model, other = (stack(*layers, stateful=stateful) for stateful in (False, True))
    fit(model, x)
    loop(other, lambda rows, steps: other.train_on_batch(x[rows, steps], Y[rows, steps]))
    same(model, other)
    assert not any(getattr(layer, "stateful", False) for layer in model.layers)
    assert not any(getattr(layer, "states", None) for layer in model.layers)


class Quartic(Loss):
    def call(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 4, axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


@pytest.mark.parametrize("weight", [None, WEIGHT, WEIGHT[:, 0]], ids=["none", "steps", "rows"])
@pytest.mark.parametrize("loss", ["mae", Quartic(), MeanSquaredError("sum")])
def test_losses_and_sample_weights(loss, weight):
    layers = lambda _: Masking(), recurrent(LSTM), lambda _: Dense(2)
    model, other = (stack(*layers, stateful=one, loss=loss) for one in (False, True))
    fit(model, sample_weight=weight)

    def train(rows, steps):
        part = None if weight is None else weight[rows]
        part = part if part is None or part.ndim == 1 else part[:, steps]
        other.train_on_batch(X[rows, steps], Y[rows, steps], sample_weight=part)

    loop(other, train)
    same(model, other)


def test_class_weights_and_one_target_for_all_steps():
    y, weights = RNG.integers(0, 3, (M, T)), {0: 2.0, 2: 0.5}
    options = {"loss": "sparse_categorical_crossentropy"}
    layers = recurrent(LSTM), lambda _: Dense(3, "softmax")
    model, other = (stack(*layers, stateful=stateful, **options) for stateful in (False, True))
    fit(model, y=y, class_weight=weights)

    def train(rows, steps):
        other.train_on_batch(X[rows, steps], y[rows, steps], class_weight=weights)

    loop(other, train)
    same(model, other)
    model, other = (stack(*layers[:1], lambda _: Dense(1), stateful=one) for one in (False, True))
    fit(model, y=Y[:, 0, :1])
    loop(other, lambda rows, steps: other.train_on_batch(X[rows, steps], Y[rows, 0, :1]))
    same(model, other)


def functional(stateful):
    """Return a model of two sequences, one flat input and a mask, and two outputs."""
    nlstm.set_random_seed(3)
    x, other, flat, mask = Input((None, F)), Input((None, 2)), Input((4,)), Input((None,))
    h = LSTM(5, return_sequences=True, stateful=stateful)(x, mask=mask)
    g = Add()([GRU(5, return_sequences=True, stateful=stateful)(other), Dense(5)(flat)])
    h = Add()([h, g])
    model = Model([x, other, flat, mask], [Dense(2, name="a")(h), Dense(1, name="b")(g)])
    return compiled(model, loss={"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.3})


def test_several_inputs_and_outputs():
    model, other = functional(False), functional(True)
    x, flat = [X, Y, RNG.random((M, 4)), FULL.astype(float)], 2
    y = {"a": Y, "b": X[..., :1]}
    history = fit(model, x, y).history
    assert list(history) == ["loss", "a_loss", "b_loss"]

    def train(rows, steps):
        part = [one[rows] if i == flat else one[rows, steps] for i, one in enumerate(x)]
        other.train_on_batch(part, {name: one[rows, steps] for name, one in y.items()})

    loop(other, train)
    same(model, other)


def test_lengths_are_masks():
    nlstm.set_random_seed(3)
    lengths = RNG.integers(1, T + 1, M)
    x, mask = Input((None, F)), Input((None,))
    layer = LSTM(5, return_sequences=True, stateful=True)
    other = compiled(Model([x, mask], Dense(2)(layer(x, mask=mask))))
    model = stack(recurrent(LSTM), lambda _: Dense(2))
    model.set_weights(other.get_weights())
    fit(model, lengths=lengths)
    given = (np.arange(T) < lengths[:, None]).astype(float)
    loop(
        other,
        lambda rows, at: other.train_on_batch([X[rows, at], given[rows, at]], Y[rows, at]),
    )
    same(model, other)


@pytest.mark.parametrize("mask_zero", [False, True])
def test_indices(mask_zero):
    x, y = RNG.integers(0, 6, (M, T)), RNG.integers(0, 6, (M, T))

    def made(stateful):
        nlstm.set_random_seed(3)
        layers = [
            Embedding(6, 4, mask_zero=mask_zero),
            LSTM(5, return_sequences=True, stateful=stateful),
            Dense(6, "softmax"),
        ]
        model = Sequential([Input((None,)), *layers])
        return compiled(model, loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    model, other = made(False), made(True)
    fit(model, x, y)
    loop(other, lambda rows, steps: other.train_on_batch(x[rows, steps], y[rows, steps]))
    same(model, other)


def test_a_model_for_each_step_begins_at_zeros():
    def made(stateful):
        inner = Sequential([Reshape((F, 1)), LSTM(3)])
        each = lambda _: TimeDistributed(inner)  # noqa: E731
        return stack(each, recurrent(GRU), lambda _: Dense(2), stateful=stateful)

    model, other = made(False), made(True)
    fit(model)
    loop(other, lambda rows, steps: other.train_on_batch(X[rows, steps], Y[rows, steps]))
    same(model, other)


def test_each_call_of_a_layer_has_its_own_states():
    nlstm.set_random_seed(3)
    inputs = [Input((None, F)) for _ in range(2)]
    both, alone = (LSTM(5, return_sequences=True) for _ in range(2))
    shared = compiled(Model(inputs, [Dense(2)(both(x)) for x in inputs]), SGD(0.0))
    apart = compiled(Model(inputs[0], Dense(2)(alone(inputs[0]))), SGD(0.0))
    apart.set_weights(shared.get_weights()[:3] + shared.get_weights()[3:5])
    history = fit(shared, [X, X[::-1]], [Y, Y], epochs=1, batch_size=M).history
    assert history["dense_loss"] == fit(apart, epochs=1, batch_size=M).history["loss"]


def test_validation_takes_lengths_and_batches():
    lengths = np.arange(1, M + 1)
    given = {"lengths": lengths, "validation_lengths": lengths, "batch_size": M, "epochs": 1}
    model = stack(recurrent(LSTM), lambda _: Dense(2), optimizer=SGD(0.0))
    found = fit(model, validation_data=(X, Y), **given).history
    wanted = model.evaluate(X, Y, lengths=lengths, batch_size=M, verbose=0)
    np.testing.assert_allclose([found["loss"][0], found["val_loss"][0]], wanted, rtol=1e-6)
    batches = iter([(X[:4], Y[:4]), (X[4:], Y[4:])])
    found = fit(model, validation_data=batches, epochs=1).history
    assert found["val_loss"][0] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)


def test_rows_are_shuffled_as_without_pieces():
    model, other = (stack(recurrent(LSTM), lambda _: Dense(2), stateful=s) for s in (False, True))
    fit(model, shuffle=True)
    order = [other.training.order(M) for _ in range(2)]
    loop(other, lambda rows, at: other.train_on_batch(X[rows, at], Y[rows, at]), order)
    same(model, other)


@pytest.mark.parametrize("length", [1, K - 1, K, 2 * K, T + 5])
def test_pieces_of_any_length(length):
    layers = recurrent(LSTM), lambda _: Dense(2)
    model, other = (stack(*layers, stateful=stateful) for stateful in (False, True))
    fit(model, bptt_steps=length, epochs=1, batch_size=M)
    for start in range(0, T, length):
        steps = slice(start, start + length)
        other.train_on_batch(X[:, steps], Y[:, steps])
    same(model, other)


@pytest.mark.parametrize("update", ["piece", "sequence"])
def test_sequences_of_one_step(update):
    model, other = (stack(recurrent(LSTM), lambda _: Dense(2)) for _ in range(2))
    weight = WEIGHT[:, :1]
    fit(model, X[:, :1], Y[:, :1], sample_weight=weight, bptt_update=update)
    fit(other, X[:, :1], Y[:, :1], sample_weight=weight, bptt_steps=None)
    same(model, other)


def test_batches_of_any_steps_come_one_by_one():
    model, other = (stack(recurrent(LSTM), lambda _: Dense(2), stateful=s) for s in (False, True))
    batches = [(X[:3, :t], Y[:3, :t], WEIGHT[:3, :t]) for t in (11, 5, 1, 3, 8)]
    history = model.fit(iter(batches), verbose=0, bptt_steps=K).history
    assert np.isfinite(history["loss"]).all()
    for x, y, weight in batches:
        begin(other)
        for steps in PIECES:
            if x[:, steps].size:
                other.train_on_batch(x[:, steps], y[:, steps], weight[:, steps])
    same(model, other)


def test_windows_are_cut_too():
    series = RNG.normal(size=(30, 2))
    windows = Windows(series, 8, horizon=8, scaling="standard", targets=[1])
    model, other = (
        compiled(Sequential([Input((8, 2)), LSTM(4, return_sequences=True), Dense(1)]))
        for _ in range(2)
    )
    other.set_weights(model.get_weights())
    model.fit(windows, batch_size=5, bptt_steps=3, verbose=0, shuffle=False)
    everything = np.arange(windows.x.shape[0])
    x, y = windows.x[everything], windows.y[everything]
    other.fit(x, y, batch_size=5, bptt_steps=3, verbose=0, shuffle=False)
    near(model, other)


# One target a sequence


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
def test_without_steps_in_the_output_the_last_piece_is_trained(kind):
    def made(stateful):
        return stack(
            recurrent(kind),
            lambda _: kind(4, stateful=stateful),
            lambda _: Dense(2),
            stateful=stateful,
        )

    model, other = made(False), made(True)
    history = fit(model, y=Y[:, 0], validation_data=(X, Y[:, 0])).history
    losses = []
    rest = T % K
    for _ in range(2):
        for rows in (slice(0, ROWS), slice(ROWS, M)):
            begin(other)
            other.predict(X[rows, :rest], verbose=0)
            other.predict(X[rows, rest : T - K], verbose=0)
            losses.append(other.train_on_batch(X[rows, T - K :], Y[rows, 0]))
    same(model, other)
    means = np.average(np.reshape(losses, (2, 2)), axis=1, weights=[ROWS, M - ROWS])
    np.testing.assert_allclose(history["loss"], means, rtol=1e-6)
    found = model.evaluate(X, Y[:, 0], verbose=0)
    assert history["val_loss"][-1] == pytest.approx(found, rel=1e-6)


def test_an_output_of_each_kind():
    nlstm.set_random_seed(3)
    x = Input((None, F))
    h, last, _ = LSTM(4, return_sequences=True, return_state=True)(x)
    model = compiled(Model(x, [Dense(2)(h), Dense(1)(last), Dense(1)(h[:, -1])]), SGD(0.0))
    y = [Y, Y[:, 0, :1], Y[:, 1, :1]]
    history = fit(model, y=y, epochs=1).history
    wanted = model.evaluate(X, y, verbose=0)
    np.testing.assert_allclose([one[0] for one in history.values()], wanted, rtol=1e-5)


# What is reported


@pytest.mark.parametrize("loss", ["mse", MeanSquaredError("sum"), Quartic()])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("update", ["piece", "sequence"])
def test_the_means_are_those_of_all_steps(loss, masked, update):
    """Where nothing changes, an epoch has the loss and metrics that evaluate gives."""
    layers = [recurrent(LSTM), lambda _: Dense(2)]
    if masked:
        layers.insert(0, lambda _: Masking())
    metrics = ["mae", "r2_score", nlstm.metrics.RootMeanSquaredError()]
    options = {"metrics": metrics, "weighted_metrics": ["mse"]}
    model = stack(*layers, optimizer=SGD(0.0), loss=loss, **options)
    x = np.where(FULL[..., None], X, 0)
    held = (x, Y, WEIGHT)
    given = {"sample_weight": WEIGHT, "validation_data": held, "batch_size": M, "epochs": 1}
    history = fit(model, x, bptt_update=update, **given).history
    wanted = model.evaluate(*held[:2], sample_weight=WEIGHT, batch_size=M, verbose=0)
    for prefix in ("", "val_"):
        found = [history[prefix + name][0] for name in model.metrics_names]
        np.testing.assert_allclose(found, wanted, rtol=2e-5)


def test_the_means_of_pieces_weigh_by_their_steps():
    layers = recurrent(LSTM), lambda _: Dense(2)
    model, other = (stack(*layers, stateful=stateful) for stateful in (False, True))
    history = fit(model, epochs=1).history
    losses, weights = [], []

    def train(rows, steps):
        losses.append(other.train_on_batch(X[rows, steps], Y[rows, steps]))
        weights.append(len(rows) * Y[0, steps].shape[0])

    loop(other, train, epochs=1)
    assert history["loss"][0] == pytest.approx(np.average(losses, weights=weights), rel=1e-6)


def test_callbacks_see_batches_and_can_stop():
    seen = []

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, logs["loss"]))
            self.model.stop_training = len(seen) == 3

    model = stack(recurrent(LSTM), lambda _: Dense(2))
    history = fit(model, callbacks=[Watch()])
    assert [batch for batch, _ in seen] == [0, 1, 0]
    assert history.params["steps"] == 2
    assert history.history["loss"][0] == pytest.approx(seen[1][1])
    assert model.optimizer.iterations == 3 * len(PIECES)


class Stop(Exception):
    """Interrupts a fit."""


@pytest.mark.parametrize("update", ["piece", "sequence"])
@pytest.mark.parametrize("save_freq", ["epoch", 1])
def test_an_interrupted_fit_goes_on(tmp_path, save_freq, update):
    layers = recurrent(LSTM, dropout=0.2), lambda _: Dense(2)
    options = {"epochs": 3, "bptt_update": update, "shuffle": True}
    whole = stack(*layers)
    wanted = fit(whole, **options).history
    seen = []

    def stop(batch, logs):
        seen.append(batch)
        if len(seen) == 4:
            raise Stop

    backup = BackupAndRestore(tmp_path / "b", save_freq)
    with pytest.raises(Stop):
        fit(stack(*layers), callbacks=[backup, LambdaCallback(on_train_batch_end=stop)], **options)
    model = stack(*layers)
    found = fit(model, callbacks=[BackupAndRestore(tmp_path / "b", save_freq)], **options).history
    same(model, whole)
    assert found["loss"] == wanted["loss"]


def test_two_fits_are_one(tmp_path):
    layers = recurrent(LSTM, dropout=0.2), lambda _: Dense(2)
    whole, model = stack(*layers), stack(*layers)
    fit(whole, shuffle=True)
    fit(model, shuffle=True, epochs=1)
    model.predict(X[:, :3], verbose=0)
    fit(model, shuffle=True, initial_epoch=1)
    same(model, whole)
    before = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)


# One update a sequence


IN_TIME = {
    "plain": ({}, {}),
    "sum": ({"loss": MeanSquaredError("sum")}, {}),
    "own": ({"loss": Quartic()}, {}),
    "by weights": ({"loss": MeanSquaredError("mean_with_sample_weight")}, {"weight": WEIGHT}),
    "weights": ({}, {"weight": WEIGHT}),
    "masks": ({"masked": True}, {"weight": WEIGHT}),
    "masks by weights": (
        {"masked": True, "loss": MeanSquaredError("mean_with_sample_weight")},
        {"weight": WEIGHT},
    ),
    "penalties": ({"dense": {"kernel_regularizer": "l2", "activity_regularizer": "l1"}}, {}),
    "lengths": ({}, {"lengths": np.arange(1, M + 1)}),
}


@pytest.mark.parametrize("name", IN_TIME)
def test_one_update_a_sequence_is_scaled_as_that_of_whole_sequences(name):
    """Without states the gradient of a sequence is the sum of those of its pieces."""
    options, given = IN_TIME[name]
    weight, lengths = given.get("weight"), given.get("lengths")
    x = np.where(FULL[..., None], X, 0)

    def made():
        nlstm.set_random_seed(3)
        layers = [Dense(3, **options.get("dense", {})), Dense(2)]
        begun = [Masking()] if options.get("masked") else []
        model = Sequential([Input((None, F)), *begun, *layers], dtype="float64")
        return compiled(model, SGD(1e-3), options.get("loss", "mse"), metrics=["mae"])

    model, other = made(), made()
    rest = {"epochs": 3, "sample_weight": weight, "lengths": lengths, "batch_size": ROWS}
    found = fit(model, x, bptt_update="sequence", **rest).history
    wanted = other.fit(x, Y, shuffle=False, verbose=0, **rest).history
    near(model, other, 1e-10)
    assert model.optimizer.iterations == other.optimizer.iterations == 6
    if name not in ("masks", "lengths", "masks by weights", "by weights"):
        for key in wanted:
            np.testing.assert_allclose(found[key], wanted[key], rtol=1e-8)


def test_one_update_a_sequence_with_a_class_that_is_ignored():
    y = RNG.integers(-1, 2, (M, T))

    def made():
        nlstm.set_random_seed(3)
        model = Sequential([Input((None, F)), Dense(2, "softmax")], dtype="float64")
        return compiled(model, SGD(0.1), SparseCategoricalCrossentropy(ignore_class=-1))

    model, other = made(), made()
    fit(model, y=y, bptt_update="sequence")
    other.fit(X, y, batch_size=ROWS, epochs=2, shuffle=False, verbose=0)
    near(model, other, 1e-10)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_one_update_a_sequence_sums_the_gradients_of_its_pieces(kind):
    layers = lambda _: Masking(), recurrent(kind), lambda _: Dense(2)
    x = np.where(FULL[..., None], X, 0)
    model, other = (stack(*layers, stateful=one, optimizer=SGD(1.0)) for one in (False, True))
    start = other.get_weights()
    fit(model, x, bptt_update="sequence", epochs=1, batch_size=M)
    total = [np.zeros_like(one) for one in start]
    for steps in PIECES:
        other.train_on_batch(x[:, steps], Y[:, steps])
        share = FULL[:, steps].sum() / FULL.sum()
        for sums, new, old in zip(total, other.get_weights(), start, strict=True):
            sums += share * (old - new)
        other.set_weights(start)
    for found, old, sums in zip(model.get_weights(), start, total, strict=True):
        np.testing.assert_allclose(found, old - sums, rtol=1e-4, atol=1e-6)


def test_one_piece_is_one_plain_step():
    layers = recurrent(LSTM, dropout=0.2), lambda _: Dense(2)
    model, other, third = (stack(*layers) for _ in range(3))
    other.fit(X, Y, batch_size=ROWS, epochs=2, shuffle=False, verbose=0)
    for one, update in ((model, "piece"), (third, "sequence")):
        fit(one, bptt_steps=T, bptt_update=update)
        same(one, other)


def test_sequences_and_groups_of_batches():
    """Gradients that an optimizer accumulates are those of updates, pieces or sequences."""
    layers = recurrent(LSTM), lambda _: Dense(2)
    adam = lambda: Adam(gradient_accumulation_steps=2)  # noqa: E731
    model, other = (stack(*layers, stateful=s, optimizer=adam()) for s in (False, True))
    fit(model)
    loop(other, lambda rows, at: other.train_on_batch(X[rows, at], Y[rows, at]))
    same(model, other)
