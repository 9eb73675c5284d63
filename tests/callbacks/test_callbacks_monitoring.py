"""Callbacks that watch a number: what Keras 3.15 does with the same history."""

from types import SimpleNamespace

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import (
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from nlstm.layers import Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD
from nlstm.optimizers.former import Decay
from nlstm.optimizers.schedules import ExponentialDecay

# The numbers of this file came from Keras, its callbacks called by hand with these values.
HISTORY = [1.3, 0.42, 0.44, 0.48, 0.58, 0.28, 0.08, 0.01, 0.35, 0.56, 0.2, 0.18, 0.12, 0.51, 0.15]
HISTORY += [0.34]
X, Y = np.random.default_rng(0).random((20, 3)), np.random.default_rng(1).random((20, 1))


@pytest.fixture
def model():
    nlstm.set_random_seed(0)
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(SGD(0.1), "mse")
    return model


@pytest.mark.parametrize(
    "options, rates",
    [
        (
            {"patience": 1},
            [0.1, 0.1, 0.01, 0.001, *[0.0001] * 4, 1e-05, 1e-06, 1e-07, 1e-08, 1e-09, 1e-10]
            + [1e-11, 1e-12],
        ),
        (
            {"patience": 2, "cooldown": 2, "factor": 0.5},
            [*[0.1] * 3, *[0.05] * 6, *[0.025] * 3, *[0.0125] * 3, 0.00625],
        ),
        (
            {"patience": 0, "min_delta": 0.1, "factor": 0.3, "min_lr": 0.002},
            [0.1, 0.1, 0.03, 0.009, *[0.0027] * 3, *[0.002] * 9],
        ),
        (
            {"mode": "max", "patience": 2, "factor": 0.7},
            [
                rate
                for rate in (0.1, 0.07, 0.049, 0.0343, 0.02401, 0.016807, 0.0117649, 0.00823543)
                for _ in range(2)
            ],
        ),
        (
            {"patience": 3, "min_delta": 0, "factor": 0.2, "cooldown": 1},
            [*[0.1] * 4, *[0.02] * 6, *[0.004] * 3, *[0.0008] * 3],
        ),
    ],
)
def test_reduce_lr_on_plateau(model, options, rates):
    callback = ReduceLROnPlateau(**options)
    callback.set_model(model)
    for _ in range(2):  # the second time from the start again
        model.optimizer.learning_rate = 0.1
        callback.on_train_begin()
        found = []
        for epoch, value in enumerate(HISTORY):
            logs = {"val_loss": value}
            callback.on_epoch_end(epoch, logs)
            found.append(model.optimizer.learning_rate)
            assert logs["learning_rate"] == ([0.1] + found)[epoch]
        np.testing.assert_allclose(found, rates, rtol=1e-5)


@pytest.mark.parametrize(
    "options, stopped, best, wait, weight",
    [
        ({"patience": 0}, 2, 1, 1, 2.0),
        ({"patience": 2}, 3, 1, 2, 3.0),
        ({"patience": 2, "min_delta": 0.1}, 3, 1, 2, 3.0),
        ({"patience": 3, "baseline": 0.5}, 4, 1, 3, 4.0),
        ({"patience": 2, "mode": "max"}, 2, 0, 2, 2.0),
        ({"patience": 1, "start_from_epoch": 4}, 8, 7, 1, 8.0),
        ({"patience": 4, "baseline": 0.05, "restore_best_weights": True}, 3, 1, 4, 1.0),
        ({"patience": 3, "min_delta": 0.05}, 4, 1, 3, 4.0),
    ],
)
def test_early_stopping(model, options, stopped, best, wait, weight):
    callback = EarlyStopping(**options)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(HISTORY):
        model.set_weights([np.full((3, 1), float(epoch)), np.zeros(1)])
        callback.on_epoch_end(epoch, {"val_loss": value})
        if model.stop_training:
            break
    callback.on_train_end()
    assert (callback.stopped_epoch, callback.best_epoch, callback.wait) == (stopped, best, wait)
    assert model.get_weights()[0][0, 0] == weight


@pytest.mark.parametrize(
    "monitor, more",
    [
        ("loss", False),
        ("val_loss", False),
        ("val_decoder_loss", False),
        ("mae", False),
        ("val_sparse_categorical_accuracy", True),
        ("acc", True),
        ("val_auc_1", True),
        ("f1_score", True),
        ("recall_2", True),
    ],
)
def test_which_way_is_better(model, monitor, more):
    for callback in (EarlyStopping(monitor), ModelCheckpoint("f", monitor)):
        callback.set_model(model)
        assert callback._is_improvement(2.0, 1.0) is more
        assert callback._is_improvement(1.0, 2.0) is not more
        assert callback._is_improvement(1.0, 1.0) is False
        assert callback._is_improvement(1.0, None) is True


def test_a_metric_may_say_which_way_is_better():
    class Metric:
        name, direction = "score", "up"

    callback = EarlyStopping("val_score")
    callback.set_model(SimpleNamespace(metrics=[Metric()]))
    assert callback._is_improvement(2.0, 1.0)


def test_reduce_lr_on_plateau_inside_fit(model, capsys):
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10, verbose=1)
    history = model.fit(X, Y, epochs=4, verbose=0, callbacks=[callback])
    assert history.history["learning_rate"] == [0.1, 0.1, 0.05, 0.025]
    assert model.optimizer.learning_rate == 0.0125
    said = capsys.readouterr().out.split("\n")
    assert "Epoch 2: ReduceLROnPlateau reduces the learning rate to 0.05." in said
    with pytest.warns(UserWarning, match="watches 'val_loss', which is not among the logs: loss"):
        model.fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau()])
    with pytest.raises(ValueError, match="factor must be below 1; got 1.0"):
        ReduceLROnPlateau(factor=1.0)


def test_learning_rate_scheduler(model, capsys):
    used = []
    look = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: used.append(model.optimizer.learning_rate)
    )
    halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate, verbose=1)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[halve, look])
    assert used == history.history["learning_rate"] == [0.1, 0.05, 0.025]
    assert "Epoch 3: LearningRateScheduler sets the learning rate to 0.025." in (
        capsys.readouterr().out
    )
    by_epoch = LearningRateScheduler(lambda epoch: np.float32(0.5) ** epoch)
    found = model.fit(X, Y, epochs=3, initial_epoch=1, verbose=0, callbacks=[by_epoch])
    assert found.history["learning_rate"] == [0.5, 0.25]


def sets_it():
    return [
        ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=9, min_lr=0.02),
        LearningRateScheduler(lambda epoch, rate: max(rate / 2, 0.02) if epoch else rate),
    ]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.filterwarnings("ignore:decay of SGD:DeprecationWarning")
def test_of_an_optimizer_with_decay_the_rate_is_set_that_is_divided(number, tmp_path):
    """Keras 2: each step is taken with learning_rate / (1 + decay * iterations)."""
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(SGD(0.1, decay=0.25), "mse")
    used = []
    look = LambdaCallback(
        on_train_batch_end=lambda *_: used.append(model.optimizer.settings.host[0])
    )
    given = {"batch_size": 10, "verbose": 0}
    found = model.fit(X, Y, epochs=3, callbacks=[look, sets_it()[number]], **given).history
    rates = [[0.1, 0.1, 0.05], [0.1, 0.05, 0.025]][number]
    assert found["learning_rate"] == pytest.approx(rates)
    assert used == pytest.approx([rates[n // 2] / (1 + 0.25 * n) for n in range(6)])
    # What was set goes along: into nlstm's files, and into Keras's as a schedule.
    last = float(model.optimizer.learning_rate)
    model.save(tmp_path / "m.nlstm")
    loaded = nlstm.models.load_model(tmp_path / "m.nlstm")
    assert loaded.optimizer.learning_rate == last
    loaded.fit(X, Y, **given)
    assert loaded.optimizer.settings.host[0] == pytest.approx(last / (1 + 0.25 * 7))
    loaded.optimizer.learning_rate = 0.5
    assert loaded.optimizer.learning_rate == 0.5 and type(loaded.optimizer._schedule) is Decay


@pytest.mark.parametrize("number", [0, 1])
def test_a_rate_that_a_schedule_gives_is_refused_before_the_first_step(model, number):
    model.compile(SGD(ExponentialDecay(0.1, 3, 0.5)), "mse")
    before, callback = model.get_weights(), sets_it()[number]
    with pytest.raises(
        TypeError,
        match=rf"^{type(callback).__name__} sets the learning rate, which follows Exponential"
        "Decay and cannot be set; give the optimizer a number instead",
    ):
        model.fit(X, Y, verbose=0, callbacks=[callback])
    assert all(map(np.array_equal, model.get_weights(), before))
    model.compile(SGD(lambda: 0.1), "mse")  # one without steps gives way
    assert model.fit(X, Y, verbose=0, callbacks=[callback]).history["learning_rate"] == [0.1]


def test_errors_of_a_schedule_are_those_of_its_author(model):
    def broken(epoch, rate):
        return rate + "1"

    with pytest.raises(
        TypeError, match=r"^unsupported operand type\(s\) for \+: 'float' and 'str'$"
    ):
        model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(broken)])
    with pytest.raises(ValueError, match="schedule must return a number; it returned None"):
        model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: None)])
    with pytest.raises(TypeError, match="schedule must be a function of the epoch; got 0.1"):
        LearningRateScheduler(0.1)
