"""What layers and models are asked for: masks of other steps, overridden methods, changed units."""

import numpy as np
import pytest

from nlstm import Input, Model, Sequential
from nlstm.layers import (
    LSTM,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    LeakyReLU,
    ReLU,
    Softmax,
)  # fmt: skip
from nlstm.training.hooks import CallbackList

X = np.random.default_rng(0).normal(size=(4, 5, 2))


@pytest.mark.parametrize("mask", [(3,), (3, 1), (5, 2)])
def test_a_mask_has_the_steps_of_its_input(mask):
    with pytest.raises(ValueError, match=rf"mask of shape \(None, {mask[0]}.*\(None, 5, 2\)"):
        LSTM(3)(Input((5, 2)), mask=Input(mask))


def test_a_mask_of_data_has_their_steps():
    x, mask = Input((None, 2)), Input((None, 1))
    model = Model([x, mask], LSTM(3)(x, mask=mask))
    model.predict([X, np.ones((4, 5, 1))], verbose=0)
    with pytest.raises(ValueError, match=r"mask of shape \(None, 3, 1\).*\(None, 5, 2\)"):
        model.predict([X, np.ones((4, 3, 1))], verbose=0)


def test_softmax_takes_a_mask_of_its_shape():
    x, mask = Input((3,)), Input((3,))
    model = Model([x, mask], Softmax()(x, mask), dtype="float64")
    kept = np.array([[1.0, 0, 1], [0, 0, 0]])
    y = model.predict([np.array([[1.0, 9, 2], [1, 2, 3]]), kept], verbose=0)
    share = 1 / (1 + np.e)
    np.testing.assert_allclose(y, [[share, 0, 1 - share], [0, 0, 0]])
    with pytest.raises(ValueError, match="mask of the input's shape"):
        Softmax()(x, Input((4,)))


def test_overridden_methods_are_refused():
    class Called(Dense):
        def call(self, x):
            return x

    class Trained(Sequential):
        def train_step(self, data):
            return data

    with pytest.raises(TypeError, match=r"Called\.call would never be called"):
        Called(3)
    with pytest.raises(TypeError, match=r"Trained\.train_step would never be called"):
        Trained()


def test_a_layer_in_use_keeps_its_arguments():
    model = Sequential([LSTM(3, input_shape=(5, 2))])
    with pytest.raises(AttributeError, match="units cannot change"):
        model.layers[0].units = 4
    model.layers[0].trainable = False


def test_weights_are_made_whole_or_not_at_all():
    failing = [True]

    def initial(shape, dtype=None):
        if failing:
            raise KeyboardInterrupt
        return np.full(shape, 0.5)

    model = Sequential([Dense(3, input_dim=2, kernel_initializer="ones")])
    model.add(Dense(1, kernel_initializer=initial))
    with pytest.raises(KeyboardInterrupt):
        model.build()
    failing.clear()
    np.testing.assert_array_equal(model.get_weights()[0], np.ones((2, 3)))
    np.testing.assert_array_equal(model.get_weights()[2], np.full((3, 1), 0.5))


def test_indices_from_a_layer_are_looked_at():
    model = Sequential([Input((3,)), Flatten(), Embedding(10, 2)])
    model.predict(np.full((2, 3), 9.0), verbose=0)
    with pytest.raises(ValueError, match="from 0 to 9"):
        model.predict(np.full((2, 3), 1e6), verbose=0)


def test_predict_builds_from_the_data():
    for predict in (
        lambda m: m.predict(X, verbose=0),
        lambda m: m(X),
        lambda m: m.predict_on_batch(X),
    ):  # noqa: E501
        model = Sequential([LSTM(3), Dense(1)])
        assert not hasattr(model, "input_shape")
        assert predict(model).shape == (4, 1)
        assert model.input_shape == (None, None, 2)


def test_pop():
    model = Sequential([LSTM(3, input_shape=(5, 2)), Dense(1)])
    hidden = model.get_weights()[:3]
    assert model.pop().units == 1
    assert model.output_shape == (None, 3)
    for one, other in zip(model.get_weights(), hidden, strict=True):
        np.testing.assert_array_equal(one, other)


def test_words_of_keras():
    assert Dense(3, activation=ReLU()).activation == "relu"
    with pytest.raises(ValueError, match="numbers of its own"):
        Dense(3, activation=LeakyReLU())
    layer = Dense(3, use_bias=False, input_dim=4)
    Sequential([layer]).build()
    assert layer.bias is None
    with pytest.warns(DeprecationWarning, match="alpha"):
        assert LeakyReLU(alpha=0.1).negative_slope == 0.1
    with pytest.warns(DeprecationWarning, match="input_length"):
        Embedding(3, 2, input_length=4)
    with pytest.warns(DeprecationWarning, match="batch_input_shape"):
        model = Sequential([LSTM(3, batch_input_shape=(2, 5, 2))])
    assert model.input_shape == (2, 5, 2)
    assert LSTM(3).compute_output_shape((None, 4, 2)) == (None, 3)
    x = Input((5, 2))
    assert GlobalAveragePooling1D()(x, Input((5,))).node.mask is not None
    model = Model(x, (Dense(1)(x), Dense(2)(x)))
    assert isinstance(model.predict(X, verbose=0), tuple)


def test_foreign_callbacks():
    class Plain:
        seen = 0

        def on_epoch_end(self, epoch, logs=None):
            self.seen += 1

    plain = Plain()
    hooks = CallbackList([plain], None, {})
    hooks.call("on_epoch_end", 0, {})
    assert plain.seen == 1 and hooks.batch_hook("on_train_batch_end") is None
    with pytest.raises(TypeError, match="on_epoch_end"):
        CallbackList([object()], None, {})
