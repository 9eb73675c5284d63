"""Constraints: Keras's numbers, and that they hold in training."""

import numpy as np
import pytest

from nlstm import constraints
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from tests.golden import cases, rules


@pytest.mark.parametrize(
    "case, wanted",
    rules("constraints"),
    ids=[str(case) for case in cases.CONSTRAINTS],
)
def test_numbers_of_keras(case, wanted):
    found = getattr(constraints, case[0])(**case[1])(cases.matrix())
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_they_hold_after_every_step():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5, 2)), rng.normal(size=(6, 1))
    options = {
        "kernel_constraint": constraints.MaxNorm(0.3),
        "bias_constraint": lambda b: np.clip(b, -0.01, 0.01),
    }
    model = Sequential([LSTM(3), Dense(1, "tanh", **options)], dtype="float64")
    model.build((None, 5, 2))
    model.set_weights([rng.normal(size=w.shape) * 0.4 for w in model.get_weights()])
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=2, epochs=2, verbose=0)
    *_, kernel, bias = model.get_weights()
    assert np.linalg.norm(kernel) <= 0.3 + 1e-9
    assert np.abs(bias).max() <= 0.01


def test_names():
    assert isinstance(constraints.get("max_norm"), constraints.MaxNorm)
    assert constraints.get(None) is None
    assert constraints.Constraint()(3.0) == 3.0  # as in Keras


@pytest.mark.parametrize(
    "name, error, text",
    [
        ("norm", ValueError, "Unknown constraint 'norm'"),
        (3, TypeError, "A constraint is a name or a callable; got 3"),
    ],
)
def test_errors(name, error, text):
    with pytest.raises(error, match=text):
        constraints.get(name)


def test_what_weights_cannot_hold_is_named():
    model = Sequential([Dense(1, kernel_constraint=lambda w: np.full(w.shape, 1e300))])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"constraint makes of .*kernel is too large for float32"):
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
