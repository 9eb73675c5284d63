"""The Activation layer, and TimeDistributed around it and others."""

import numpy as np
import pytest

from nlstm.layers import (
    LSTM,
    Activation,
    Dense,
    Dropout,
    Flatten,
    LayerNormalization,
    ReLU,
    Softmax,
    TimeDistributed,
)
from tests.layers.binding import Bound
from tests.layers.gradients import assert_close, gradients, model_of
from tests.reference.dense import dense_forward

X = np.random.default_rng(0).normal(size=(5, 4, 3))
NAMES = ["relu", "tanh", "sigmoid", "softmax"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_values(name, padded, dtype):
    bound = Bound(Activation(name), X, masks=(np.ones((5, 4)),), dtype=dtype, padded=padded)
    wanted = dense_forward(X, np.eye(3), np.zeros(3), name)
    np.testing.assert_allclose(bound.forward()[0], wanted, rtol=3e-6, atol=1e-6)
    assert bound.outputs[0].mask is bound.inputs[0].mask


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    Bound(Activation(name), X).check_gradients()


def test_large_values_on_several_threads():
    x = np.random.default_rng(0).normal(size=(90, 20, 67))
    bound = Bound(Activation("tanh"), x)
    np.testing.assert_allclose(bound.forward()[0], np.tanh(x), atol=1e-14)
    (dx,), _ = bound.backward(np.ones_like(x))
    np.testing.assert_allclose(dx, 1 - np.tanh(x) ** 2, atol=1e-14)


def test_linear_is_no_work():
    bound = Bound(Activation(None), X)
    assert bound.outputs[0] is bound.inputs[0]
    assert Activation("linear").streamed() is None


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_loss_is_fused_with_it(wrapped):
    y = np.eye(4)[np.random.default_rng(1).integers(0, 4, (5, 4))]
    last = Activation("softmax")
    split = (Dense(4), TimeDistributed(last) if wrapped else last)
    one = model_of(*split, shape=(4, 3), loss="categorical_crossentropy")
    other = model_of(Dense(4, "softmax"), shape=(4, 3), loss="categorical_crossentropy")
    assert_close(gradients(one, X, y), gradients(other, X, y))


@pytest.mark.parametrize(
    "layer",
    [
        Dense(4, "tanh"),
        Activation("softmax"),
        Dropout(0.4, seed=1),
        LayerNormalization(),
        Flatten(),
    ],
    ids=lambda layer: layer.name,
)
def test_time_distributed(layer):
    wrapper = TimeDistributed(layer)
    bound = Bound(wrapper, X, masks=(np.ones((5, 4)),))
    bound.check_gradients()
    assert wrapper.name == "time_distributed"
    assert all(one.name.startswith(f"{layer.name}/") for one in wrapper.parameters)
    assert bound.outputs[0].mask is bound.inputs[0].mask
    if not isinstance(layer, Dropout):
        rows = Bound(layer, X.reshape(20, 3))
        np.testing.assert_allclose(
            bound.forward()[0], rows.forward()[0].reshape(5, 4, -1), atol=1e-14
        )


def test_time_distributed_errors():
    with pytest.raises(TypeError, match="TimeDistributed expects a layer"):
        TimeDistributed("dense")
    with pytest.raises(ValueError, match="time_distributed cannot apply lstm: lstm expects"):
        TimeDistributed(LSTM(3)).output_shape((4, 3))
    with pytest.raises(ValueError, match="time_distributed expects sequences"):
        TimeDistributed(Dense(3)).output_shape((3,))


def test_layers_with_names_of_their_own():
    for layer, name in (
        (Softmax(), "softmax"),
        (ReLU(), "relu"),
        (ReLU(6), "relu6"),
        (ReLU(negative_slope=0.2), "leaky_relu"),
    ):
        assert layer.activation == name
        assert type(layer).from_config(layer.get_config()).activation == name
    with pytest.raises(ValueError, match="must be one of"):
        ReLU(threshold=1.0)
    with pytest.raises(ValueError, match="axis must be -1"):
        Softmax(1)
