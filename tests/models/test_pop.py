"""Layers taken away from a Sequential, one after the other, and others put in their place."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential

X = np.random.default_rng(0).random((4, 5, 3))


def three(shape):
    return Sequential([LSTM(4, return_sequences=True, **shape), LSTM(3), Dense(1)])


@pytest.mark.parametrize("shape", [{}, {"input_shape": (5, 3)}], ids=["unknown", "known"])
@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
def test_layers_are_taken_away_one_after_the_other(shape, used):
    model = three(shape)
    if used:
        model.predict(X, verbose=0)
    first, *others = model._stack.members
    assert [model.pop(), model.pop()] == others[::-1]
    assert not any(one.nodes or one.taken for one in others)
    hidden = model.predict(X, verbose=0)
    assert hidden.shape == (4, 5, 4)
    model.add(others[0])
    assert model.predict(X, verbose=0).shape == (4, 3)
    assert model.layers == [first, others[0]]
    model.pop(), model.pop()
    with pytest.raises(ValueError, match="no layer to take away"):
        model.pop()
    model.add(Dense(2))
    assert model.predict(X, verbose=0).shape == (4, 5, 2)


def test_layers_behind_and_before_a_model_are_taken_away():
    inner = Sequential([Input((5, 3)), LSTM(4, return_sequences=True)])
    model = Sequential([Input((5, 3)), LSTM(3, return_sequences=True), inner, LSTM(2), Dense(1)])
    for shape in ((4, 2), (4, 5, 4), (4, 5, 3)):
        model.pop()
        assert model.predict(X, verbose=0).shape == shape
