"""States that are given to a stateful layer are looked at before a batch starts from them."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential

X = np.random.default_rng(0).random((4, 5, 3))
GOOD = np.full((4, 3), 0.5)


def made():
    return Sequential([Input((5, 3), batch_size=4), LSTM(3, stateful=True), Dense(1)])


@pytest.mark.parametrize(
    "states, words",
    [
        ("ab", "a list of arrays; got str"),
        (5, "a list of arrays; got int"),
        ([0.0, 0.0], "shapes"),
        ([GOOD, GOOD[:3]], "shapes"),
        ([GOOD, GOOD * np.nan], "finite"),
        ([GOOD, GOOD * 1j], "real numbers"),
        ([GOOD, np.ma.masked_array(GOOD, GOOD > 0)], "masked"),
    ],
)
def test_states_that_cannot_be_are_refused(states, words):
    layer = made().layers[0]
    layer.set_states([GOOD, GOOD])
    with pytest.raises((TypeError, ValueError), match=words):
        layer.set_states(states)
    np.testing.assert_array_equal(layer.states, [GOOD, GOOD])


@pytest.mark.parametrize(
    "states, words",
    [
        ([GOOD], r"goes on from 2 states of \[3, 3\] units; got \[\(4, 3\)\]"),
        ([GOOD, GOOD[:, :2]], r"got \[\(4, 3\), \(4, 2\)\]"),
        ([GOOD, GOOD * 1e39], "too large for float32"),
    ],
)
def test_states_of_another_layer_are_refused(states, words):
    model = made()
    model.layers[0].set_states(states)
    with pytest.raises(ValueError, match=words):
        model.predict(X, batch_size=4, verbose=0)
    model.layers[0].set_states([GOOD, GOOD])
    assert np.isfinite(model.predict(X, batch_size=4, verbose=0)).all()
