"""StochasticWeightAveraging: what is averaged, who sees it, and what a killed fit goes on from."""

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.callbacks import (
    BackupAndRestore,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    StochasticWeightAveraging,
    SwapEMAWeights,
)
from nlstm.layers import LSTM, BatchNormalization, Dense, Dropout
from nlstm.models import Sequential, load_model
from nlstm.optimizers import SGD
from nlstm.optimizers.schedules import ExponentialDecay
from nlstm.training.state import state_of

RNG = np.random.default_rng(0)
X, Y = RNG.random((20, 4, 3)), RNG.random((20, 1))


def plain():
    return [LSTM(4, recurrent_dropout=0.2), Dense(2, activation="tanh"), Dense(1)]


def normalised():
    return [LSTM(4, dropout=0.2), BatchNormalization(), Dropout(0.1), Dense(1)]


def model_of(layers=plain, frozen=False, **options):
    nlstm.set_random_seed(0)
    model = Sequential(layers(), dtype="float64")
    model.build((None, 4, 3))
    model.layers[0].trainable = not frozen
    model.compile(SGD(0.5, momentum=0.5, **options), "mse")
    return model


def flat(model):
    return np.concatenate([one.ravel() for one in model.get_weights()])


def fit(model, *callbacks, epochs=6, x=X, **options):
    options = {"batch_size": 5, "verbose": 0, "callbacks": list(callbacks)} | options
    return model.fit(x, Y if isinstance(x, np.ndarray) else None, epochs=epochs, **options)


def trained(epochs=6, **options):
    """Return the weights after each epoch, by a model of its own."""
    seen, model = [], model_of(**options)
    fit(model, LambdaCallback(on_epoch_end=lambda *_: seen.append(flat(model))), epochs=epochs)
    return seen


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("given", "epochs"),
    [
        ((), (4, 5)),
        ((0.5,), (3, 4, 5)),
        ((0,), range(6)),
        ((2,), (2, 3, 4, 5)),
        ((1, 2), (2, 4)),
        ((5,), (5,)),
    ],
)
def test_fit_ends_with_the_mean(given, epochs, frozen):
    model, callback = model_of(frozen=frozen), StochasticWeightAveraging(*given)
    history = fit(model, callback)
    weights = trained(frozen=frozen)
    np.testing.assert_allclose(
        flat(model), np.mean([weights[one] for one in epochs], axis=0), rtol=1e-12
    )
    assert callback.averaged == len(epochs) == history.history["averaged"][-1]
    assert history.history["averaged"][0] == (epochs[0] == 0)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("evaluate", [False, True])
def test_who_sees_the_mean(evaluate, swap_on_epoch):
    model, seen = model_of(), {"batch": [], "test": [], "epoch": []}
    callbacks = [
        StochasticWeightAveraging(1, evaluate=evaluate, swap_on_epoch=swap_on_epoch),
        LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen["batch"].append(flat(model)),
            on_test_begin=lambda logs: seen["test"].append(flat(model)),
            on_epoch_end=lambda epoch, logs: seen["epoch"].append(flat(model)),
        ),
    ]
    fit(model, *callbacks, epochs=4, validation_data=(X, Y))
    weights = trained(4)
    means = [weights[0], *(np.mean(weights[1 : n + 1], axis=0) for n in (1, 2, 3))]
    np.testing.assert_allclose(seen["batch"][3::4], weights, rtol=1e-12)
    np.testing.assert_allclose(seen["test"], means if evaluate else weights, rtol=1e-12)
    np.testing.assert_allclose(seen["epoch"], means if swap_on_epoch else weights, rtol=1e-12)
    np.testing.assert_allclose(flat(model), means[-1], rtol=1e-12)


def test_learning_rates():
    def rates(callback, epochs=6):
        model, seen = model_of(), []
        note = LambdaCallback(
            on_train_batch_end=lambda *_: seen.append(float(model.optimizer.learning_rate))
        )
        history = fit(model, callback, note, epochs=epochs)
        assert history.history["learning_rate"] == seen[3::4]
        return seen

    assert rates(StochasticWeightAveraging(4, learning_rate=0.1)) == 16 * [0.5] + 8 * [0.1]
    lines = {"learning_rate": 0.1, "anneal_epochs": 2}
    found = rates(StochasticWeightAveraging(2, anneal="linear", **lines))
    np.testing.assert_allclose(found[::4], [0.5, 0.5, 0.5, 0.3, 0.1, 0.1])
    found = rates(StochasticWeightAveraging(2, **lines | {"anneal_epochs": 4}))
    share = (1 - np.cos(np.pi / 4)) / 2
    np.testing.assert_allclose(found[12], share * 0.1 + (1 - share) * 0.5)
    found = rates(StochasticWeightAveraging(2, 2, learning_rate=(0.8, 0.0)))
    np.testing.assert_allclose(found, 8 * [0.5] + 2 * [0.8 - 0.1 * n for n in range(1, 9)])


@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_a_killed_fit_goes_on_to_the_bit(tmp_path, save_freq, swap_on_epoch):
    def run(model, stop_at=None, backup=True):
        seen = []

        def stop(batch, logs):
            seen.append(batch)
            if len(seen) == stop_at:
                raise KeyboardInterrupt

        callbacks = [
            StochasticWeightAveraging(
                1, 2, learning_rate=0.1, anneal_epochs=5, swap_on_epoch=swap_on_epoch
            ),
            LambdaCallback(on_train_batch_begin=stop),
        ]
        callbacks += [BackupAndRestore(tmp_path / "b", save_freq)] if backup else []
        fit(model, *callbacks, epochs=7)
        return model

    def made():
        model = model_of(normalised)
        model.optimizer.learning_rate = 0.05
        return model

    whole = run(made(), backup=False)
    for stop_at in (10, 8):
        with pytest.raises(KeyboardInterrupt):
            run(made(), stop_at)
    model = run(made())
    np.testing.assert_array_equal(flat(model), flat(whole))
    for one, other in zip(
        state_of(model._binder, model.training)[1].values(),
        state_of(whole._binder, whole.training)[1].values(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_the_averages_of_batch_normalization_are_found_anew():
    x, y = X[:, 0], Y
    model = Sequential(
        [Dense(3, activation="tanh"), BatchNormalization(), Dense(2), BatchNormalization()],
        dtype="float64",
    )
    model.compile(SGD(0.5), "mse")
    callbacks = [StochasticWeightAveraging(2, evaluate=True)]
    history = model.fit(x, np.hstack([y, y]), 10, 5, verbose=0, callbacks=callbacks)
    assert len(history.history["loss"]) == 5
    W, b, g, s, m1, v1, V, c, *_, m2, v2 = model.get_weights()
    h = [np.tanh(part @ W + b) for part in (x[:10], x[10:])]
    np.testing.assert_allclose(m1, np.mean([one.mean(0) for one in h], axis=0), rtol=1e-12)
    np.testing.assert_allclose(v1, np.mean([one.var(0) for one in h], axis=0), rtol=1e-12)
    normal = [(one - one.mean(0)) / np.sqrt(one.var(0) + 1e-3) * g + s for one in h]
    z = [one @ V + c for one in normal]
    np.testing.assert_allclose(m2, np.mean([one.mean(0) for one in z], axis=0), atol=1e-12)
    np.testing.assert_allclose(v2, np.mean([one.var(0) for one in z], axis=0), rtol=1e-10)


@pytest.mark.parametrize("stateful", [False, True])
def test_finding_averages_anew_leaves_training_as_it_is(stateful):
    def layers():
        return [LSTM(3, stateful=stateful), Dropout(0.3), BatchNormalization(), Dense(1)]

    def run(*callbacks):
        seen, model = [], model_of(layers)
        model.optimizer.learning_rate = 0.05
        note = LambdaCallback(on_train_batch_end=lambda *_: seen.append(flat(model)))
        fit(model, *callbacks, note, epochs=3, validation_data=(X, Y), shuffle=False)
        return seen

    # Validation with the mean gives a stateful layer other states.
    averaging = StochasticWeightAveraging(0, evaluate=not stateful, swap_on_epoch=True)
    np.testing.assert_array_equal(run(averaging), run())


def test_batches_and_generators():
    def layers():
        return [LSTM(3), BatchNormalization(), Dense(1)]

    def batches():
        while True:
            yield from ((X[at : at + 5], Y[at : at + 5]) for at in range(0, 20, 5))

    whole = model_of(layers)
    fit(whole, StochasticWeightAveraging(1), epochs=3, shuffle=False)
    again = model_of(layers)
    parts = [(X[at : at + 5], Y[at : at + 5]) for at in range(0, 20, 5)]
    fit(again, StochasticWeightAveraging(1), x=iter_of(parts), epochs=3, shuffle=False)
    np.testing.assert_allclose(flat(again), flat(whole), rtol=1e-12)
    once = model_of(layers)
    with pytest.warns(UserWarning, match="a generator cannot be gone through again"):
        fit(once, StochasticWeightAveraging(1), x=batches(), epochs=3, steps_per_epoch=4)
    np.testing.assert_allclose(once.get_weights()[0], whole.get_weights()[0], rtol=1e-12)


class iter_of:
    """Batches that can be gone through any number of times."""

    def __init__(self, parts):
        self.parts = parts

    def __iter__(self):
        return iter(self.parts)


def test_other_callbacks(tmp_path):
    model = model_of()
    stopping = EarlyStopping("loss", patience=99, restore_best_weights=True)
    averaging = StochasticWeightAveraging(2, swap_on_epoch=True)
    path = tmp_path / "last.nlstm"
    fit(model, averaging, ModelCheckpoint(path))
    np.testing.assert_array_equal(flat(load_model(path)), flat(model))
    mean, model = flat(model), model_of()
    fit(model, StochasticWeightAveraging(2), stopping)
    np.testing.assert_allclose(flat(model), mean, rtol=1e-12)

    def stop(epoch, logs):
        model.stop_training = epoch == 3

    model = model_of()
    fit(model, averaging, LambdaCallback(on_epoch_end=stop))
    np.testing.assert_allclose(flat(model), np.mean(trained(4)[2:], axis=0), rtol=1e-12)
    assert averaging.averaged == 2


def test_an_interrupted_validation_gives_the_weights_back():
    def interrupt(batch, logs):
        raise KeyboardInterrupt

    model = model_of()
    callbacks = [
        StochasticWeightAveraging(0, evaluate=True),
        LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch or None),
    ]
    late = LambdaCallback()
    late.on_test_batch_begin = lambda batch, logs=None: (
        interrupt(batch, logs) if callbacks[0].averaged == 2 else None
    )
    with pytest.raises(KeyboardInterrupt):
        fit(model, *callbacks, late, validation_data=(X, Y))
    np.testing.assert_array_equal(flat(model), trained(2)[-1])


HOOKS = [
    "on_epoch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("kind", ["mean", "average"])
@pytest.mark.parametrize("hook", HOOKS)
def test_an_interrupt_in_any_hook_gives_the_weights_back(hook, kind, is_first):
    calls, seen = [], []

    def interrupt(*_):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt

    other, note = LambdaCallback(), LambdaCallback()
    note.on_train_batch_end = lambda *_: seen.append(flat(model))
    setattr(other, hook, interrupt)
    model, averaging = model_of(), StochasticWeightAveraging(0, evaluate=True, swap_on_epoch=True)
    if kind == "average":
        model, averaging = model_of(use_ema=True, ema_momentum=0.5), SwapEMAWeights(True)
    both = (averaging, other) if is_first else (other, averaging)
    with pytest.raises(KeyboardInterrupt):
        fit(model, note, *both, validation_data=(X, Y))
    np.testing.assert_array_equal(flat(model), seen[-1])


@pytest.mark.parametrize("hook", ["on_predict_begin", "on_predict_batch_end", "on_predict_end"])
@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("is_first", [True, False])
def test_an_interrupted_prediction_gives_the_weights_back(hook, batches, is_first):
    def interrupt(*_):
        raise KeyboardInterrupt

    model, other, averaging = model_of(use_ema=True), LambdaCallback(), SwapEMAWeights()
    for _ in range(2):
        model.train_on_batch(X, Y)
    before = flat(model)
    setattr(other, hook, interrupt)
    both = [averaging, other] if is_first else [other, averaging]
    with pytest.raises(KeyboardInterrupt):
        model.predict(iter([X]) if batches else X, verbose=0, callbacks=both)
    np.testing.assert_array_equal(flat(model), before)


def test_a_fit_that_ends_too_early_keeps_its_weights():
    model = model_of()
    with pytest.warns(UserWarning, match="averaged no epoch: fit ended before epoch 10"):
        fit(model, StochasticWeightAveraging(9), epochs=2)
    np.testing.assert_array_equal(flat(model), trained(2)[-1])


def test_models_that_share_layers():
    x = Input((4, 3), dtype="float64")
    layer = LSTM(2)
    first = Model(x, layer(x))
    first.build()
    second = Model(x, Dense(1)(layer(x)))
    second.compile(SGD(0.5), "mse")
    seen = []
    note = LambdaCallback(on_epoch_end=lambda *_: seen.append(flat(second)))
    fit(second, StochasticWeightAveraging(0), note, epochs=3)
    np.testing.assert_allclose(flat(second), np.mean(seen, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(flat(first), flat(second)[: flat(first).size])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start_epoch": -1}, "start_epoch"),
        ({"start_epoch": 1.0}, "start_epoch must be a share below 1 .*, or .* an epoch; got 1.0"),
        ({"every": 0}, "every must be"),
        ({"learning_rate": -0.1}, "learning_rate must be"),
        ({"learning_rate": (0.1, 0.2, 0.3)}, "learning_rate must be a number or a pair"),
        ({"anneal": "exp"}, "Unknown anneal 'exp'"),
    ],
)
def test_errors_name_the_argument(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        StochasticWeightAveraging(**arguments)


def test_optimizers_that_do_not_go_with_it():
    with pytest.raises(ValueError, match="needs an optimizer without use_ema=True"):
        fit(model_of(use_ema=True), StochasticWeightAveraging())
    model = model_of()
    model.compile(SGD(ExponentialDecay(0.1, 9, 0.9)), "mse")
    with pytest.raises(ValueError, match="which follows ExponentialDecay"):
        fit(model, StochasticWeightAveraging(learning_rate=0.1))
    fit(model, StochasticWeightAveraging())
    two = [StochasticWeightAveraging(0), StochasticWeightAveraging(1)]
    with pytest.raises(ValueError, match="one StochasticWeightAveraging at most; got 2"):
        fit(model_of(), *two)
    with pytest.raises(ValueError, match="give fit steps_per_epoch"):
        fit(model_of(), StochasticWeightAveraging(learning_rate=(0.1, 0.0)), x=iter([(X, Y)]))
