"""The Dense layer against the reference, alone and with the losses that are fused with it."""

import numpy as np
import pytest

from nlstm.layers import Dense
from tests.layers.gradients import assert_close, gradients, model_of
from tests.reference import losses
from tests.reference.dense import dense_backward, dense_forward

FLAT = np.random.default_rng(0).normal(size=(6, 3))
SEQUENCE = np.random.default_rng(0).normal(size=(6, 4, 3))


@pytest.mark.parametrize("x", [FLAT, SEQUENCE], ids=["flat", "sequence"])
@pytest.mark.parametrize(
    "activation", ["linear", "relu", "tanh", "sigmoid", "softmax", "gelu", "elu"]
)
@pytest.mark.parametrize("units", [1, 5, 20])
def test_outputs_and_gradients(units, activation, x):
    model = model_of(Dense(units, activation), shape=x.shape[1:])
    kernel, bias = model.get_weights()
    p = dense_forward(x, kernel, bias, activation)
    assert_close([model.predict(x)], [p])
    y = np.random.default_rng(1).normal(size=p.shape)
    _, dkernel, dbias = dense_backward(x, kernel, bias, 2 * (p - y) / y.size, activation)
    assert_close(gradients(model, x, y), [dkernel, dbias])


def test_without_bias():
    model = model_of(Dense(4, use_bias=False), shape=(3,))
    (kernel,) = model.get_weights()
    assert_close([model.predict(FLAT)], [FLAT @ kernel])
    y = np.zeros((6, 4))
    (found,) = gradients(model, FLAT, y)
    assert_close([found], [FLAT.T @ (2 * (FLAT @ kernel) / y.size)])


@pytest.mark.parametrize("x", [FLAT, SEQUENCE], ids=["flat", "sequence"])
@pytest.mark.parametrize(
    "loss, activation",
    [
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
        ("binary_crossentropy", "softmax"),  # not a fused pair
        ("categorical_crossentropy", "sigmoid"),
    ],
)
def test_crossentropies(loss, activation, x):
    model = model_of(Dense(1, "tanh"), Dense(4, activation), shape=x.shape[1:], loss=loss)
    W1, b1, W2, b2 = model.get_weights()
    hidden = dense_forward(x, W1, b1, "tanh")
    p = dense_forward(hidden, W2, b2, activation)
    labels = np.random.default_rng(1).integers(0, 4, p.shape[:-1])
    y = labels if loss.startswith("sparse") else np.eye(4)[labels]
    value, dp = getattr(losses, loss)(y, p)
    dhidden, dW2, db2 = dense_backward(hidden, W2, b2, dp, activation)
    _, dW1, db1 = dense_backward(x, W1, b1, dhidden, "tanh")
    assert model.evaluate(x, y, verbose=0) == pytest.approx(value, rel=1e-12)
    assert_close(gradients(model, x, y), [dW1, db1, dW2, db2])
