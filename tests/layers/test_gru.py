"""The GRU layer against a reference and central differences."""

import numpy as np
import pytest

from nlstm import Input, Model, Sequential, set_random_seed
from nlstm.layers import GRU, Bidirectional, Dense
from nlstm.models import load_model
from nlstm.optimizers import Adam
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound
from tests.reference.gru import gru_forward

X = np.random.default_rng(0).normal(size=(5, 4, 3))
MASK = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]])
H0 = np.random.default_rng(1).normal(size=(5, 6))
AFTER = pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
MASKED = pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])


@AFTER
@MASKED
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backwards", [False, True])
def test_agrees_with_the_reference(mask, backwards, dtype, after):
    flags = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    layer = GRU(6, reset_after=after, **flags)
    bound = Bound(layer, X, H0, masks=(mask,), dtype=dtype)
    y, state = bound.forward()
    wanted = gru_forward(X, *layer.get_weights(), H0, mask, backwards, after)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(state, y[:, -1])


@AFTER
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 3, 2, 17), (7, 1, 20, 16), (13, 3, 5, 33)])
def test_odd_shapes(shape, after):
    N, T, F, H = shape
    x = np.random.default_rng(0).normal(size=(N, T, F))
    layer = GRU(H, return_sequences=True, reset_after=after)
    y = Bound(layer, x, dtype="float32").forward()[0]
    wanted = gru_forward(x, *layer.get_weights(), np.zeros((N, H)), reset_after=after)
    np.testing.assert_allclose(y, wanted, rtol=2e-5, atol=2e-5)


@AFTER
@pytest.mark.parametrize("names", [("relu", "sigmoid"), ("gelu", "mish"), ("linear", "softplus")])
def test_activations(names, after):
    options = {"activation": names[0], "recurrent_activation": names[1], "reset_after": after}
    layer = GRU(6, return_sequences=True, **options)
    bound = Bound(layer, X)
    wanted = gru_forward(X, *layer.get_weights(), np.zeros((5, 6)), **options)
    np.testing.assert_allclose(bound.forward()[0], wanted, rtol=1e-10, atol=1e-10)
    bound.check_gradients(tolerance=2e-5)


@AFTER
@MASKED
@pytest.mark.parametrize(
    "options",
    [
        {"return_sequences": True, "return_state": True},
        {"return_state": True, "go_backwards": True},
        {"use_bias": False, "return_sequences": True},
        {"units": 1},
        {"dropout": 0.3, "seed": 1, "return_sequences": True},
        {"recurrent_dropout": 0.4, "seed": 1},
        {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 2, "go_backwards": True},
        {"zero_output_for_mask": True, "return_sequences": True},
        {"zero_output_for_mask": True, "go_backwards": True},
    ],
    ids=str,
)
def test_gradients(mask, options, after):
    layer = GRU(**{"units": 6, "reset_after": after} | options)
    Bound(layer, X, H0[:, : layer.units], masks=(mask,)).check_gradients()


@AFTER
def test_prediction_gives_the_bits_of_training(after):
    for sequences in (False, True):
        layer = GRU(6, return_sequences=sequences, reset_after=after)
        training = Bound(layer, X).forward()[0]
        np.testing.assert_array_equal(Bound(layer, X, training=False).forward()[0], training)


def test_parts_that_are_zero_stay_so():
    """In the kernels' layout of four parts: as `pack` writes them, whatever training did."""
    start = Input((4, 3))
    layer = GRU(5, kernel_regularizer="l1_l2", recurrent_constraint="unit_norm")
    model = Model(start, Dense(1)(layer(start)))
    model.compile("adamw", "mse")
    model.fit(X, np.ones((5, 1)), epochs=5, verbose=0)
    for parameter in layer.parameters:
        packed = model.binder.network.ops.to_host(parameter.packed)
        value = parameter.unpack(packed)
        assert value.any() and packed.size > value.size
        np.testing.assert_array_equal(packed, parameter.pack(value))


RUNS = {
    True: (("lstm.forward.run_forward", "lstm.backward.run_backward"), (37, 30, 3, 20)),
    False: (
        ("gru.before.before_forward_parallel", "gru.before_backward.before_backward_parallel"),
        (37, 30, 9, 33),
    ),
}


@AFTER
@MASKED
def test_the_same_bits_at_any_number_of_threads(threads, mask, after):
    kernels, (N, T, F, H) = RUNS[after]
    x = np.random.default_rng(0).normal(size=(N, T, F))
    slope = np.random.default_rng(1).normal(size=(N, T, H))
    mask = None if mask is None else np.random.default_rng(2).random((N, T)) < 0.7

    def run(dtype):
        layer = GRU(H, return_sequences=True, reset_after=after)
        bound = Bound(layer, x, masks=(mask,), dtype=dtype)
        layer.set_weights([0.3 * weight for weight in layer.get_weights()])  # no chaos
        y = bound.forward()
        dx, dweights = bound.backward(slope)
        return [*y, *dx, *dweights]

    found = same_bits(threads, lambda: run("float32"), *kernels)
    exact = same_bits(threads, lambda: run("float64"), *kernels)
    for one, two in zip(found, exact, strict=True):
        assert np.abs(one - two).max() < 2e-5 * max(1.0, np.abs(two).max())


@AFTER
def test_slices_of_units(threads, after):
    """Few rows and many units."""
    N, T, F, H = 5, 40, 3, 200
    x = np.random.default_rng(0).normal(size=(N, T, F))

    def run():
        layer = GRU(H, return_sequences=True, reset_after=after)
        bound = Bound(layer, x, dtype="float32")
        layer.set_weights([0.1 * weight for weight in layer.get_weights()])
        y = bound.forward()
        dx, dweights = bound.backward(np.ones((N, T, H)))
        weights = layer.get_weights()
        wanted = gru_forward(x, *weights, np.zeros((N, H)), reset_after=after)
        np.testing.assert_allclose(y[0], wanted, atol=1e-5)
        return [*y, *dx, *dweights]

    same_bits(threads, run, *RUNS[after][0])


@AFTER
def test_a_stateful_layer_goes_on(after):
    layer = GRU(6, return_sequences=True, stateful=True, reset_after=after)
    whole = Bound(layer, X)
    wanted = whole.forward()[0]
    layer.reset_state()
    first, second = Bound(layer, X[:, :2]), Bound(layer, X[:, 2:])
    found = [first.forward()[0], second.forward()[0]]
    np.testing.assert_allclose(np.concatenate(found, axis=1), wanted, atol=1e-12)
    with pytest.raises(ValueError, match="a batch of 2 rows cannot go on from states of 5"):
        Bound(layer, X[:2]).forward()


@AFTER
def test_in_models(tmp_path, after):
    """Stacked, in both directions, saved, trained on."""
    set_random_seed(0)
    layers = [
        Bidirectional(GRU(4, return_sequences=True, reset_after=after)),
        GRU(5, dropout=0.2, reset_after=after),
        Dense(1),
    ]
    model = Sequential([Input((None, 3)), *layers])
    model.compile(Adam(0.02), "mse")
    history = model.fit(X, np.ones((5, 1)), epochs=20, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    rows = 2 if after else 1
    shapes = [w.shape for w in model.get_weights()]
    bias = (2, 12) if after else (12,)
    assert shapes[:3] == [(3, 12), (4, 12), bias] and rows * 15 == np.prod(shapes[8])
    model.save(tmp_path / "model.nlstm")
    loaded = load_model(tmp_path / "model.nlstm")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_errors():
    with pytest.raises(ValueError, match="gru expects sequences"):
        GRU(3).output_shape((5,))
    with pytest.raises(ValueError, match="one initial state of shape"):
        GRU(3).output_shape((None, 5), (4,))
    with pytest.raises(TypeError, match="gru cannot run one step at a time"):
        GRU(3).streamed()
