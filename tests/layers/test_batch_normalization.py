"""BatchNormalization: numbers, gradients, and averages that no optimizer touches."""

import numpy as np
import pytest

from nlstm import Input, Model, Sequential
from nlstm.layers import LSTM, BatchNormalization, Dense, Masking, TimeDistributed
from nlstm.models import load_model
from tests.layers.binding import Bound

X = np.random.default_rng(0).normal(2.0, 3.0, size=(5, 4, 3))
MASK = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]])
Y = np.random.default_rng(1).normal(size=(5, 1))


def normalised(x, gamma, beta, mask=None):
    """Return the result, and mean and variance, with Keras's 1e-7 where there is a mask."""
    weight = np.ones(x.shape[:-1]) if mask is None else mask.astype(float)
    axes = tuple(range(x.ndim - 1))
    total = weight.sum() + (0.0 if mask is None else 1e-7)
    mean = (x * weight[..., None]).sum(axes) / total
    variance = ((x - mean) ** 2 * weight[..., None]).sum(axes) / total
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta, mean, variance


@pytest.mark.parametrize("x, mask", [(X, None), (X, MASK), (X[:, 0], None)])
def test_training(x, mask):
    layer = BatchNormalization()
    bound = Bound(layer, x, masks=(mask,))
    gamma, beta, *moving = layer.get_weights()
    wanted, *_ = normalised(x, gamma, beta, mask)
    np.testing.assert_allclose(bound.forward()[0], wanted, rtol=1e-12, atol=1e-12)
    bound.check_gradients()
    for one, other in zip(moving, layer.get_weights()[2:], strict=True):
        np.testing.assert_array_equal(one, other)  # until the update


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}], ids=str)
def test_without_gamma_or_beta(options):
    layer = BatchNormalization(**options)
    Bound(layer, X).check_gradients()
    assert len(layer.get_weights()) == 3


def test_many_rows_in_float32():
    x = np.random.default_rng(0).normal(1000.0, 1.0, size=(300, 40, 17))
    layer = BatchNormalization()
    bound = Bound(layer, x, dtype="float32")
    wanted, *_ = normalised(x.astype("f4").astype("f8"), *layer.get_weights()[:2])
    np.testing.assert_allclose(bound.forward()[0], wanted, atol=2e-3)


def model_of(layer, mask=False, optimizer="adamw"):
    start = Input((4, 3), dtype="float64")
    y = layer(Masking()(start) if mask else start)
    model = Model(start, Dense(1)(LSTM(4)(y)))
    model.compile(optimizer, "mse")
    model.build()
    return model


@pytest.mark.parametrize("masked", [False, True])
def test_averages_move_with_each_update(masked):
    layer = BatchNormalization(momentum=0.8)
    model = model_of(layer, masked)
    x = X * MASK[..., None] if masked else X
    means, variances = np.zeros(3), np.ones(3)
    _, mean, variance = normalised(x, 1.0, 0.0, MASK if masked else None)
    for _ in range(3):
        model.train_on_batch(x, Y)
        means, variances = 0.8 * means + 0.2 * mean, 0.8 * variances + 0.2 * variance
    gamma, beta, *found = layer.get_weights()
    np.testing.assert_allclose(found, [means, variances], rtol=1e-12)
    assert np.abs(gamma - 1).max() > 0
    model.test_on_batch(x, Y)
    model.predict(x, verbose=0)
    np.testing.assert_array_equal(layer.get_weights()[2:], found)


def test_prediction_uses_the_averages():
    layer = BatchNormalization()
    model = Sequential([Input((4, 3), dtype="float64"), layer])
    model.build()
    weights = [np.random.default_rng(n).uniform(0.5, 2.0, 3) for n in range(4)]
    model.set_weights(weights)
    gamma, beta, mean, variance = weights
    wanted = (X - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(model.predict(X, verbose=0), wanted, rtol=1e-6)


def test_frozen_it_predicts_while_it_trains():
    layer = BatchNormalization()
    layer.trainable = False
    model = model_of(layer)
    before = layer.get_weights()
    loss = model.train_on_batch(X, Y)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(loss)
    layer.trainable = True
    model.train_on_batch(X, Y)  # compile has not looked again
    np.testing.assert_array_equal(layer.get_weights()[2], before[2])
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    assert (layer.get_weights()[2] != before[2]).all()


def test_what_counts_as_trainable():
    layer = BatchNormalization(name="bn")
    model = model_of(layer)
    names = [one.name for one in layer.weights]
    assert names == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [one.name for one in layer.non_trainable_weights] == names[2:]
    assert [one.name for one in model.non_trainable_weights] == names[2:]
    lines = []
    model.summary(print_fn=lines.append)
    assert any("Non-trainable params: 6" in line for line in lines)
    homes = model.binder.weights.homes
    assert len(homes) == 2  # the optimizer's own lie in one flat array, and none is copied
    assert model.binder.weights.buffer(()) == (homes[0], [], [])


def test_an_update_that_raises_leaves_the_averages():
    def broken(weights):
        raise RuntimeError("no")

    layer = BatchNormalization(gamma_constraint=broken)
    model = model_of(layer)
    before = model.get_weights()
    with pytest.raises(RuntimeError, match="no"):
        model.train_on_batch(X, Y)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_files_and_going_on(tmp_path):
    model = model_of(BatchNormalization())
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model.nlstm")
    twin = load_model(tmp_path / "model.nlstm")
    for one in (model, twin):
        one.fit(X, Y, epochs=2, verbose=0)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_that_come_later():
    model = Sequential([Input((4, 3)), BatchNormalization()])
    model.build()
    model.set_weights([np.full(3, n + 1.0) for n in range(4)])
    model.add(LSTM(2))
    model.add(BatchNormalization())
    model.compile("adam", "mse")
    found = model.get_weights()
    np.testing.assert_array_equal(found[:4], [np.full(3, n + 1.0) for n in range(4)])
    model.fit(X, np.ones((5, 2)), verbose=0)
    assert len(model.binder.weights.homes) == 2


def test_used_twice():
    start = Input((3,), dtype="float64")
    layer = BatchNormalization()
    model = Model(start, layer(layer(start)))
    model.compile("sgd", "mse")
    model.fit(X[:, 0], X[:, 0], verbose=0)
    assert np.isfinite(model.get_weights()).all()


def test_on_each_step():
    wrapped = TimeDistributed(BatchNormalization())
    model = model_of(wrapped, optimizer="sgd")
    before = model.get_weights()
    model.train_on_batch(X, Y)
    assert (model.get_weights()[2] != before[2]).all()
    wrapped.trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[2], before[2])


def test_errors():
    with pytest.raises(ValueError, match="axis must be -1"):
        BatchNormalization(0)
    with pytest.raises(ValueError, match="axis 1, which is not the last"):
        BatchNormalization(1).output_shape((4, 3))
    model = Sequential([Input((4, 3)), BatchNormalization()])
    with pytest.raises(TypeError, match="batch_normalization cannot run one step at a time"):
        model.stream()
    with pytest.raises(ValueError, match="synchronized must be False"):
        BatchNormalization(synchronized=True)
