"""A training by itself: what compile chose, and the orders of rows."""

import numpy as np
import pytest

from nlstm import kernels, optimizers
from nlstm.arguments.seeds import SeedStream
from nlstm.layers import LSTM, Dense
from nlstm.training.training import Training


def compiled(before, layers=(), **options):
    arguments = {"optimizer": "adam", "loss": "mse", "loss_weights": None} | options
    return before.compiled(["out"], layers, **arguments, metrics=["mae"], weighted_metrics=None)


def test_before_compile_there_is_nothing_to_aim_at():
    training = Training(SeedStream(3))
    assert training.optimizer is None and training.loss is None
    assert training.get_config() is None and training.aims == []
    with pytest.raises(ValueError, match=r"^fit needs a loss: call compile"):
        training.check_compiled("fit")


def test_compile_makes_another_one_whose_orders_go_on():
    first = Training(SeedStream(3))
    orders = [first.order(9).tolist() for _ in range(3)]
    assert orders[0] != orders[1] and sorted(orders[0]) == list(range(9))
    second = compiled(first)
    assert second.epochs_shuffled == 3 and first.aims == []
    fresh = Training(SeedStream(3))
    assert [fresh.order(9).tolist() for _ in range(3)] == orders
    assert second.order(9).tolist() == fresh.order(9).tolist()
    assert second.without_aims().epochs_shuffled == 4


def test_what_is_frozen_is_looked_at_once():
    lstm, dense = LSTM(4), Dense(1)
    lstm.trainable = False
    training = compiled(Training(SeedStream(3)), [lstm, dense])
    lstm.trainable, dense.trainable = True, False
    assert training.frozen == (lstm,)


def test_config_has_the_arguments_of_compile():
    config = compiled(Training(SeedStream(3)), optimizer=optimizers.SGD(0.5)).get_config()
    assert config["optimizer"]["config"]["learning_rate"] == 0.5
    assert config["loss"] == "mse" and config["metrics"] == ["mae"]


def test_goals_are_new_each_time():
    training = compiled(Training(SeedStream(3)))
    ops = kernels.load(None, np.dtype(np.float64))
    goal, other = training.goal([1], ops), training.goal([1], ops)
    goal.set_state({"totals": np.ones_like(goal.get_state()["totals"])})
    assert not other.get_state()["totals"].any()
    assert list(goal.logs()) == ["loss", "mae"]
    np.testing.assert_array_equal(goal.get_state()["totals"], 1.0)
