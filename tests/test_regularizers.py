"""Regularizers: Keras's numbers, and what they do in training and evaluation."""

import numpy as np
import pytest

from nlstm import regularizers
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer
from tests.golden import cases, rules
from tests.reference.finite_differences import gradient as differences

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 5, 2)), RNG.normal(size=(6, 1))
ONE_HOT = np.eye(3)[RNG.integers(0, 3, 6)]


@pytest.mark.parametrize(
    "case, wanted",
    rules("regularizers"),
    ids=[str(case) for case in cases.REGULARIZERS],
)
def test_numbers_of_keras(case, wanted):
    found = getattr(regularizers, case[0])(**case[1])
    x = cases.matrix()
    assert found(x) == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_allclose(
        found.gradient(x), differences(lambda: found(x), x), rtol=1e-6, atol=1e-9
    )


class Fourth(Regularizer):
    def __call__(self, x):
        return 0.1 * (x**4).sum()

    def gradient(self, x):
        return 0.4 * x**3


def model_of(loss="mse", activation="tanh", units=1, sequences=False, **options):
    model = Sequential(
        [LSTM(3, return_sequences=sequences), Dense(units, activation, **options)],
        dtype="float64",
    )
    model.build((None, 5, 2))
    rng = np.random.default_rng(7)
    model.set_weights([rng.normal(size=w.shape) * 0.4 for w in model.get_weights()])
    model.compile("sgd", loss)
    return model


PENALTIES = {
    "kernel": ({"kernel_regularizer": "l2"}, lambda k, b, p: 0.01 * (k**2).sum()),
    "bias": ({"bias_regularizer": L1(0.3)}, lambda k, b, p: 0.3 * np.abs(b).sum()),
    "own": ({"kernel_regularizer": Fourth()}, lambda k, b, p: 0.1 * (k**4).sum()),
    "activity": (
        {"activity_regularizer": L1L2(0.1, 0.2)},
        lambda k, b, p: (0.1 * np.abs(p) + 0.2 * p**2).sum() / len(p),
    ),
    "own activity": ({"activity_regularizer": Fourth()}, lambda k, b, p: 0.1 * (p**4).sum() / 6),
}


@pytest.mark.parametrize("kind", PENALTIES)
@pytest.mark.parametrize("shape", ["flat", "sequence", "softmax"])
def test_loss_and_weights_follow_the_penalty(kind, shape):
    """One step of descent moves the weights by the slopes of the loss that is reported."""
    options, penalty = PENALTIES[kind]
    y, setting = Y, {}
    if shape == "sequence":
        setting = {"sequences": True}
    elif shape == "softmax":
        y = ONE_HOT
        setting = {"loss": "categorical_crossentropy", "activation": "softmax", "units": 3}
    model, plain = model_of(**setting, **options), model_of(**setting)
    *_, kernel, bias = model.get_weights()
    extra = penalty(kernel, bias, model.predict(X))
    wanted = plain.evaluate(X, y, verbose=0) + extra
    assert model.evaluate(X, y, verbose=0) == pytest.approx(wanted, rel=1e-9)
    assert model.evaluate(X, y, batch_size=6, verbose=0) == pytest.approx(wanted, rel=1e-9)
    before = model.get_weights()
    assert model.train_on_batch(X, y) == pytest.approx(wanted, rel=1e-9)
    steps = [(old - new) / 0.01 for old, new in zip(before, model.get_weights())]
    for at in (0, 3, 4):
        weights = [weight.copy() for weight in before]

        def loss(weights=weights):
            model.set_weights(weights)
            return model.evaluate(X, y, verbose=0)

        np.testing.assert_allclose(steps[at], differences(loss, weights[at]), rtol=1e-5, atol=1e-7)


def test_names():
    assert isinstance(regularizers.get("l1_l2"), L1L2) and regularizers.get("l1l2")
    assert regularizers.get("L2").l2 == 0.01
    assert isinstance(regularizers.get(L2), L2)
    assert regularizers.get(None) is None


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: L1(-0.1), ValueError, "l1 must be at least 0; got -0.1"),
        (lambda: regularizers.get("l3"), ValueError, "Unknown regularizer 'l3'"),
        (lambda: regularizers.get(abs), TypeError, "does not differentiate Python code"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_single_row_is_orthogonal_to_nothing():
    rule = OrthogonalRegularizer(0.5)
    row = np.array([[1.0, 2.0]])
    assert rule(row) == 0.0
    np.testing.assert_array_equal(rule.gradient(row), np.zeros((1, 2)))


def test_an_activity_penalty_does_not_see_what_keeps_rows_apart():
    """Rows of 2 KiB, float32, have a vector between them that nobody writes."""
    model = Sequential([LSTM(500, activity_regularizer="l2", input_shape=(3, 2))])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3, 2)), np.zeros((4, 500))
    clean = model.evaluate(x, y, verbose=0)
    with model.binder.bench(model.training) as bench:
        bench.plans._arena.block.fill(np.nan)
    assert model.evaluate(x, y, verbose=0) == clean
