"""The SimpleRNN layer against a reference and central differences."""

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.layers import SimpleRNN
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound
from tests.reference.rnn import rnn_forward

X = np.random.default_rng(0).normal(size=(5, 4, 3))
MASK = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]])
H0 = np.random.default_rng(1).normal(size=(5, 6))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
def test_agrees_with_the_reference(mask, backwards, dtype):
    layer = SimpleRNN(6, return_sequences=True, return_state=True, go_backwards=backwards)
    bound = Bound(layer, X, H0, masks=(mask,), dtype=dtype)
    y, state = bound.forward()
    wanted = rnn_forward(X, *layer.get_weights(), "tanh", H0, mask, backwards)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(state, y[:, -1])


@pytest.mark.parametrize(
    "options",
    [
        {"return_sequences": True, "return_state": True},
        {"return_state": True, "go_backwards": True},
        {"use_bias": False, "activation": "sigmoid", "return_sequences": True},
        {"units": 1},
        {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 1, "return_sequences": True},
        {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 2, "go_backwards": True},
        {"zero_output_for_mask": True, "return_sequences": True},
        {"zero_output_for_mask": True, "go_backwards": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
def test_gradients(mask, options):
    layer = SimpleRNN(**{"units": 6} | options)
    Bound(layer, X, H0[:, : layer.units], masks=(mask,)).check_gradients()


def test_zero_output_for_mask():
    layer = SimpleRNN(6, return_sequences=True, return_state=True, zero_output_for_mask=True)
    y, state = Bound(layer, X, masks=(MASK,)).forward()
    zero = np.zeros((5, 6))
    wanted = rnn_forward(X, *layer.get_weights(), "tanh", zero, MASK)
    np.testing.assert_allclose(y, wanted * MASK[..., None], atol=1e-12)
    np.testing.assert_allclose(state, wanted[:, -1], atol=1e-12)


def test_prediction_gives_the_bits_of_training():
    for sequences in (False, True):
        layer = SimpleRNN(6, return_sequences=sequences)
        training = Bound(layer, X).forward()[0]
        np.testing.assert_array_equal(Bound(layer, X, training=False).forward()[0], training)


@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
def test_the_same_bits_at_any_number_of_threads(threads, mask):
    x = np.random.default_rng(0).normal(size=(70, 40, 9))
    slope = np.random.default_rng(1).normal(size=(70, 40, 33))
    mask = None if mask is None else np.random.default_rng(2).random((70, 40)) < 0.7

    def run(dtype):
        layer = SimpleRNN(33, return_sequences=True)
        bound = Bound(layer, x, masks=(mask,), dtype=dtype)
        layer.set_weights([0.3 * weight for weight in layer.get_weights()])  # no chaos
        y = bound.forward()
        dx, dweights = bound.backward(slope)
        return [*y, *dx, *dweights]

    kernels = "rnn.forward.forward_parallel", "rnn.backward.backward_parallel"
    found = same_bits(threads, lambda: run("float32"), *kernels)
    exact = same_bits(threads, lambda: run("float64"), *kernels)
    for one, two in zip(found, exact, strict=True):
        assert np.abs(one - two).max() < 2e-5 * max(1.0, np.abs(two).max())


def test_a_stateful_layer_goes_on():
    layer = SimpleRNN(6, return_sequences=True, stateful=True)
    whole = Bound(layer, X)
    wanted = whole.forward()[0]
    layer.reset_state()
    first, second = Bound(layer, X[:, :2]), Bound(layer, X[:, 2:])
    found = [first.forward()[0], second.forward()[0]]
    np.testing.assert_allclose(np.concatenate(found, axis=1), wanted, atol=1e-12)
    with pytest.raises(ValueError, match="a batch of 2 rows cannot go on from states of 5"):
        Bound(layer, X[:2]).forward()
    layer.reset_state()
    np.testing.assert_allclose(Bound(layer, X[:2]).forward()[0], wanted[:2], atol=1e-12)


def constant(layer, x, *states, mask=None):
    """Return the layer bound with the weights of keras/src/layers/rnn/simple_rnn_test.py."""
    bound = Bound(layer, x, *states, masks=(mask,), dtype="float32")
    values = (0.01, 0.02, 0.03)
    layer.set_weights([np.full(w.shape, v) for w, v in zip(layer.get_weights(), values)])
    return bound


def test_keras_s_own_numbers():
    x = np.arange(24.0).reshape(2, 3, 4)
    x4, state = np.arange(24.0).reshape(2, 4, 3), np.arange(8.0).reshape(2, 4)
    mask = np.array([[1, 1, 0, 1], [1, 0, 0, 1]])
    back = SimpleRNN(4, go_backwards=True)
    stateful = SimpleRNN(4, stateful=True)
    constant(stateful, x).forward()
    for bound, wanted in (
        (constant(SimpleRNN(4), x), (0.405432, 0.73605347)),
        (constant(back, x), (0.11144729, 0.5528889)),
        (constant(stateful, x), (0.40559256, 0.7361247)),
        (constant(SimpleRNN(4), x4, state), (0.33621645, 0.6262637)),
        (constant(back, x4, state), (0.07344437, 0.43043602)),
        (constant(SimpleRNN(4), x4, mask=mask), (0.32951632, 0.61799484)),
    ):
        found = bound.forward()[0]
        np.testing.assert_allclose(found, np.repeat(np.transpose([wanted]), 4, axis=1), rtol=2e-6)
    bound = constant(SimpleRNN(2, return_sequences=True), x4, mask=mask)
    np.testing.assert_allclose(
        bound.forward()[0][0, :, 0], [0.0599281, 0.15122814, 0.15122814, 0.32394567], rtol=2e-6
    )


def test_errors():
    with pytest.raises(ValueError, match="simple_rnn expects sequences"):
        SimpleRNN(3).output_shape((5,))
    with pytest.raises(ValueError, match="one initial state of shape"):
        SimpleRNN(3).output_shape((None, 5), (4,))


def test_the_state_that_comes_out_is_penalised_too():
    """As in Keras's RNN: its own SimpleRNN forgets the argument."""
    start = Input((4, 3), dtype="float64")
    layer = SimpleRNN(6, return_sequences=True, return_state=True, activity_regularizer="l2")
    y, state = layer(start)
    model = Model(start, [y, state])
    model.compile("sgd", [None, "mse"])
    y, state = model.predict(X, verbose=0)
    wanted = 0.01 * ((y**2).sum() + (state**2).sum()) / len(X)
    assert model.evaluate(X, [y, state], verbose=0) == pytest.approx(wanted, rel=1e-12)
