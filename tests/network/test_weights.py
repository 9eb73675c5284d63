"""Weights by themselves: made, named, read, written, moved, mirrored."""

import numpy as np
import pytest

from nlstm import Input
from nlstm.layers import LSTM, Dense, InputLayer
from nlstm.network.stack import Stack
from nlstm.network.weights import Weights
from nlstm.plan.plan import run


def stack_of(*members):
    stack = Stack("tower", "float64")
    for member in (InputLayer((5, 3)), *members):
        stack.add(member)
    return stack


def test_they_are_named_and_lie_in_one_place():
    weights = Weights(stack_of(LSTM(4), Dense(2)).network("This"))
    assert list(weights.named) == [
        "lstm/kernel",
        "lstm/recurrent_kernel",
        "lstm/bias",
        "dense/kernel",
        "dense/bias",
    ]
    assert len(weights.homes) == 1 and weights.count == 12 * 4 + 16 * 4 + 16 + 8 + 2
    assert weights.shapes["lstm/kernel"] == (3, 16)


def test_set_is_whole_or_not_at_all():
    weights = Weights(stack_of(LSTM(4)).network("This"))
    before = weights.get()
    wrong = [value + 1 for value in before]
    wrong[-1] = wrong[-1][:-1]
    with pytest.raises(ValueError, match=r"lstm/bias has shape \(16,\); got \(15,\)"):
        weights.set(wrong)
    with pytest.raises(ValueError, match=r"The model has 3 weights; got 2\."):
        weights.set(wrong[:2])
    for one, other in zip(before, weights.get(), strict=True):
        np.testing.assert_array_equal(one, other)
    weights.set([value + 1 for value in before])
    np.testing.assert_array_equal(weights.get()[0], before[0] + 1)


def test_layers_that_come_later_move_all_to_one_place():
    stack = stack_of(LSTM(4))
    former = Weights(stack.network("This"))
    values = former.get()
    stack.add(Dense(2))
    weights = Weights(stack.network("This"), former)
    assert former.moved and not weights.moved and len(weights.homes) == 1
    np.testing.assert_array_equal(weights.get()[0], values[0])


def test_frozen_layers_have_a_mirror_beside_them():
    lstm, dense = LSTM(4), Dense(2)
    weights = Weights(stack_of(lstm, dense).network("This"))
    assert weights.buffer(()) == (weights.homes[0], [], [])
    mirror, fetch, give_back = weights.buffer((lstm,))
    assert weights.buffer((lstm,))[0] is mirror is not weights.homes[0]
    assert list(weights.trained((lstm,))) == ["dense/kernel", "dense/bias"]
    run(fetch)
    mirror.value[:] += 1.0
    before = weights.get()
    run(give_back)
    after = weights.get()
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_allclose(after[3], before[3] + 1.0)


def test_the_first_that_is_not_finite_is_named():
    weights = Weights(stack_of(LSTM(4), Dense(2)).network("This"))
    assert weights.first_non_finite() is None
    values = weights.get()
    values[3][1, 1] = np.nan
    weights.set(values)
    assert weights.first_non_finite() == "dense/kernel"


def test_a_layer_of_another_size_is_an_error():
    lstm = LSTM(4)
    Weights(stack_of(lstm).network("This"))
    x = Input((5, 2))
    lstm(x)
    other = Stack("other", "float64")
    lstm.taken = False
    other.add(InputLayer((5, 2)))
    other.add(lstm)
    with pytest.raises(ValueError, match=r"lstm was built for 3 features; it is called on 2\."):
        Weights(other.network("This"))
