"""The Activation layer, and TimeDistributed around it and others."""

import numpy as np
import pytest

from nlstm.layers import (
    ELU,
    LSTM,
    Activation,
    Dense,
    Dropout,
    Flatten,
    Identity,
    LayerNormalization,
    LeakyReLU,
    ReLU,
    Softmax,
    TimeDistributed,
)
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound
from tests.layers.gradients import assert_close, gradients, model_of
from tests.layers.poison import host
from tests.reference.activations import ACTIVATIONS
from tests.reference.dense import dense_forward, softmax

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


def large(layer, threads, *kernels):
    """Return x, a slope, what the layer makes of x on several threads, and the gradient."""
    x, slope = np.random.default_rng(0).normal(size=(2, 90, 20, 67))

    def run():
        bound = Bound(layer, x)
        (y,) = bound.forward()
        (dx,), _ = bound.backward(slope)
        return y, dx

    return x, slope, *same_bits(threads, run, *kernels)


def test_large_values_on_several_threads(threads):
    kernels = "activations.rows.forward_parallel", "activations.rows.backward_parallel"
    x, slope, y, dx = large(Activation("tanh"), threads, *kernels)
    np.testing.assert_allclose(y, np.tanh(x), atol=1e-14)
    np.testing.assert_allclose(dx, slope * (1 - np.tanh(x) ** 2), atol=1e-14)


def test_large_values_whose_slope_needs_the_input_on_several_threads(threads):
    kernels = "activations.pointwise.forward_parallel", "activations.pointwise.backward_parallel"
    x, slope, y, dx = large(Activation("gelu"), threads, *kernels)
    wanted, derivative = (function(x) for function in ACTIVATIONS["gelu"])
    np.testing.assert_allclose(y, wanted, atol=1e-13)
    np.testing.assert_allclose(dx, slope * derivative, atol=1e-13)


def test_large_rows_on_several_threads(threads):
    kernels = "activations.rows.forward_parallel", "activations.rows.backward_parallel"
    x, slope, y, dx = large(Activation("softmax"), threads, *kernels)
    wanted = softmax(x)
    np.testing.assert_allclose(y, wanted, atol=1e-14)
    inner = (slope * wanted).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(dx, wanted * (slope - inner), atol=1e-14)


def test_linear_is_no_work():
    bound = Bound(Activation(None), X)
    assert bound.outputs[0] is bound.inputs[0]
    assert Activation("linear").streamed() is None
    bound = Bound(Identity(), X)
    assert bound.outputs[0] is bound.inputs[0]
    assert Identity.from_config(Identity(name="same").get_config()).name == "same"


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
        (ELU(), "elu"),
    ):
        assert layer.activation == name
        assert type(layer).from_config(layer.get_config()).activation == name
    with pytest.raises(ValueError, match="axis must be -1"):
        Softmax(1)


RECTIFIERS = [  # the layer, and what it makes of x
    (ReLU(0.5, 0.1), lambda x: np.where(x > 0, np.minimum(x, 0.5), 0.1 * x)),
    (ReLU(threshold=0.25), lambda x: np.where(x > 0.25, x, 0.0)),
    (ReLU(1.0, 0.5, 0.25), lambda x: np.where(x > 0.25, np.minimum(x, 1.0), 0.5 * (x - 0.25))),
    (LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
    (ELU(0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x))),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer, function", RECTIFIERS, ids=lambda one: type(one).__name__)
def test_rectifiers(layer, function, dtype):
    layer = type(layer).from_config(layer.get_config())
    bound = Bound(layer, X, masks=(np.ones((5, 4)),), dtype=dtype, padded=dtype == "float64")
    np.testing.assert_allclose(bound.forward()[0], function(X), rtol=3e-6, atol=1e-6)
    assert not host(bound.outputs[0].value)[..., 3:].any()
    assert bound.outputs[0].mask is bound.inputs[0].mask
    if dtype == "float64":
        Bound(layer, X).check_gradients()


def test_rectifiers_on_several_threads(threads):
    kernels = "activations.ramp.rise_parallel", "activations.ramp.fall_parallel"
    x, slope, y, dx = large(LeakyReLU(0.25), threads, *kernels)
    np.testing.assert_array_equal(y, np.where(x > 0, x, 0.25 * x))
    np.testing.assert_array_equal(dx, slope * np.where(x > 0, 1.0, 0.25))


def test_rectifiers_are_not_skipped_by_streams():
    with pytest.raises(TypeError, match="^leaky_re_lu cannot run one step at a time"):
        LeakyReLU(name="leaky_re_lu").streamed()


def test_rectifiers_of_what_is_not_finite():
    x = np.array([[[-np.inf, np.inf, np.nan]]])
    found = Bound(ReLU(threshold=1.0), x).forward()[0]
    np.testing.assert_array_equal(found, [[[0.0, np.inf, np.nan]]])
    found = Bound(ReLU(2.0, 0.5, 1.0), x).forward()[0]
    np.testing.assert_array_equal(found, [[[-np.inf, 2.0, np.nan]]])


def test_a_loss_is_not_fused_across_a_ramp():
    y = np.random.default_rng(1).normal(size=(5, 4))
    one = model_of(Dense(4), LeakyReLU(0.2), shape=(3,), loss="mse")
    other = model_of(Dense(4, "leaky_relu"), shape=(3,), loss="mse")
    other.set_weights(one.get_weights())
    assert_close(gradients(one, X[:, 0], y), gradients(other, X[:, 0], y))


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: ReLU(-1.0), "max_value"),
        (lambda: ReLU(negative_slope=-0.1), "negative_slope"),
        (lambda: ReLU(threshold=np.nan), "threshold"),
        (lambda: LeakyReLU(-0.1), "negative_slope"),
        (lambda: ELU(-1.0), "alpha"),
    ],
)
def test_wrong_numbers_are_named(call, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 0( and finite)?; got"):
        call()
    with pytest.raises(TypeError, match="negative_slope must be a number; got None"):
        ReLU(negative_slope=None)
