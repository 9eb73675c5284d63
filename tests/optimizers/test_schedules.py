"""Schedules: the same numbers as Keras, and what an optimizer does with them."""

import numpy as np
import pytest

from nlstm import optimizers
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
