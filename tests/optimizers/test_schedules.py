"""Schedules: the same numbers as Keras, and what an optimizer does with them."""

import numpy as np
import pytest

from nlstm import optimizers
from nlstm.layers import Dense, Input
from nlstm.models import Sequential
from nlstm.optimizers import schedules
from tests.golden import cases, rules


@pytest.mark.parametrize(
    "case, wanted",
    rules("schedules"),
    ids=[str(case) for case in cases.SCHEDULES],
)
def test_numbers_of_keras(case, wanted):
    schedule = getattr(schedules, case[0])(**case[1])
    found = [schedule(step) for step in cases.STEPS]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-12)


def test_an_optimizer_follows_it():
    optimizer = optimizers.Adam(schedules.ExponentialDecay(0.1, 1, 0.5))
    assert optimizer.learning_rate == 0.1
    with pytest.raises(TypeError, match="follows ExponentialDecay and cannot be set"):
        optimizer.learning_rate = 0.2
    optimizer.learning_rate = schedules.ExponentialDecay(0.3, 1, 0.5)
    assert optimizer.learning_rate == 0.3
    again = optimizers.Adam.from_config(optimizer.get_config())  # of the one that was set
    assert again.get_config() == optimizer.get_config() and again.learning_rate == 0.3


def test_a_callable_without_steps():
    rates = iter([0.5, 0.25])
    optimizer = optimizers.SGD(lambda: next(rates))
    assert optimizer.learning_rate == 0.5
    optimizer.learning_rate = 0.1
    assert optimizer.learning_rate == 0.1


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: schedules.CosineDecay(0.1, 0), "decay_steps must be above 0; got 0"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), "values must be one more than"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none(rate):
    """Found at the step that would take it; the weights stay."""
    model = Sequential([Input((2,)), Dense(1)])
    model.compile(optimizers.SGD(lambda: rate), "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=rf"lambda> must return 0 or more; got {rate}"):
        model.train_on_batch([[1.0, 2.0]], [[1.0]])
    np.testing.assert_equal(model.get_weights(), before)
