"""A study of Optuna: trials that report, and end early."""

import numpy as np
import pytest

from nlstm.callbacks import OptunaPruning
from nlstm.layers import Dense
from nlstm.models import Sequential

X, Y = np.random.default_rng(0).random((20, 3)), np.zeros((20, 1))


@pytest.fixture
def optuna():
    module = pytest.importorskip("optuna")
    module.logging.set_verbosity(module.logging.ERROR)
    return module


def fitted(trial, rate=0.1, **options):
    model = Sequential([Dense(1, input_shape=(3,), kernel_initializer="ones")])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = rate
    history = model.fit(X, Y, validation_split=0.2, epochs=6, verbose=0,
                        callbacks=[OptunaPruning(trial, **options)])  # fmt: skip
    return history.history["val_loss"][-1]


def test_a_study_prunes_what_is_hopeless(optuna):
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
    study.enqueue_trial({"rate": 0.1})
    study.enqueue_trial({"rate": 1e-6})
    study.optimize(lambda trial: fitted(trial, trial.suggest_float("rate", 1e-6, 1.0)), n_trials=2)
    first, second = study.trials
    assert first.state.name == "COMPLETE" and [*first.intermediate_values] == [0, 1, 2, 3, 4, 5]
    assert second.state.name == "PRUNED" and [*second.intermediate_values] == [0]
    assert study.best_trial is not None and first.value < second.intermediate_values[0]


def test_interval(optuna):
    study = optuna.create_study()
    study.optimize(lambda trial: fitted(trial, interval=2, monitor="loss"), n_trials=1)
    assert [*study.trials[0].intermediate_values] == [1, 3, 5]


def test_a_log_that_is_not_there_is_a_warning(optuna):
    with pytest.warns(RuntimeWarning, match="watches 'val_acc', which is not among the logs: loss"):
        fitted(optuna.create_study().ask(), monitor="val_acc")


def test_wrong_arguments_are_named(optuna):
    trial = optuna.create_study().ask()
    with pytest.raises(ValueError, match="trial must be a trial of Optuna; got 3"):
        OptunaPruning(3)
    with pytest.raises(ValueError, match="interval must be a positive integer; got 0"):
        OptunaPruning(trial, interval=0)
    with pytest.raises(ValueError, match="monitor must be a string; got 3"):
        OptunaPruning(trial, monitor=3)
