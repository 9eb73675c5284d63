"""The layers in models: shapes that come from data, masks on their way to the loss, states."""

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model, Sequential
from nlstm.layers import (
    LSTM,
    Activation,
    Add,
    Bidirectional,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    LayerNormalization,
    Masking,
    Multiply,
    RepeatVector,
    SimpleRNN,
    SpatialDropout1D,
    TimeDistributed,
)
from nlstm.optimizers import Adam
from tests.layers.gradients import assert_descends

RNG = np.random.default_rng(0)
WORDS = RNG.integers(1, 9, (40, 6))
WORDS[::2, 4:] = 0


def reached(model, x, y):
    """Return the loss after some training by Adam."""
    model.compile(Adam(0.02), "mse")
    model.fit(x, y, epochs=60, batch_size=16, verbose=0)
    return model.evaluate(x, y, verbose=0)


def test_text_without_an_input():
    def made(rate):
        nlstm.set_random_seed(0)
        layers = [
            Embedding(9, 5, mask_zero=True),
            SpatialDropout1D(rate),
            Bidirectional(LSTM(4, return_sequences=True)),
            GlobalAveragePooling1D(),
            Dense(1),
        ]
        return Sequential(layers, dtype="float64")

    y = (WORDS == 3).mean(axis=1, keepdims=True)
    assert_descends(made(0.0), WORDS, y)
    model = made(0.1)
    assert reached(model, WORDS, y) < 0.1 * y.var()
    assert model.predict(WORDS[:2, :3]).shape == (2, 1)  # any number of steps
    # What is padding does not count.
    short = np.where(np.arange(6) < 4, WORDS, 0)
    np.testing.assert_allclose(model.predict(short), model.predict(short[:, :4]), atol=1e-6)


def test_indices_are_checked_before_anything_runs():
    model = Sequential([Embedding(9, 5), LSTM(4), Dense(1)])
    model.compile("adam", "mse")
    words = WORDS.copy()
    words[7, 2] = 9
    with pytest.raises(ValueError, match="0 to 8; row 7"):
        model.fit(words, np.zeros((40, 1)), verbose=0)
    assert not model.built


def test_an_autoencoder():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 5, 3))

    def made(stddev):
        nlstm.set_random_seed(0)
        layers = [
            Input((5, 3)),
            GaussianNoise(stddev),
            SimpleRNN(8),
            RepeatVector(5),
            SimpleRNN(8, return_sequences=True),
            LayerNormalization(),
            TimeDistributed(Dense(3)),
        ]
        return Sequential(layers, dtype="float64")

    assert_descends(made(0.0), x, x)
    assert reached(made(0.1), x, x) < 0.7 * x.var()


def test_masked_steps_are_none_of_the_loss():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(8, 5, 2))
    x[:, 3:] = -1.0
    model = Sequential([Masking(-1.0), LSTM(3, return_sequences=True), TimeDistributed(Dense(1))])
    model.compile("sgd", "mse")
    y = rng.normal(size=(8, 5, 1))
    first = model.evaluate(x, y, verbose=0)
    y[:, 3:] = 100.0
    assert model.evaluate(x, y, verbose=0) == pytest.approx(first)


def test_branches_with_a_shared_layer():
    rng = np.random.default_rng(1)
    words, extra = Input((6,), dtype="int32", name="words"), Input((3,), name="extra")
    vectors = Embedding(9, 4)(words)
    shared = LSTM(4)
    left, right = shared(vectors), shared(Activation("tanh")(vectors))
    gate = Dense(4, "sigmoid")(extra)
    joined = Concatenate()([Add()([left, right]), Multiply()([left, gate]), Flatten()(vectors)])
    model = Model([words, extra], Dense(1)(joined), dtype="float64")
    assert model.output_shape == (None, 1)
    assert_descends(
        model, [WORDS, rng.normal(size=(40, 3))], (WORDS == 3).mean(axis=1, keepdims=True)
    )


def test_states_go_from_layer_to_layer():
    rng = np.random.default_rng(1)
    x = Input((4, 3))
    y, h1, h2 = Bidirectional(SimpleRNN(5, return_sequences=True, return_state=True))(x)
    z = Bidirectional(SimpleRNN(5), merge_mode="sum")(y, initial_state=[h1, h2])
    model = Model(x, Dense(1)(z), dtype="float64")
    assert_descends(model, rng.normal(size=(20, 4, 3)), rng.normal(size=(20, 1)))


def test_a_stateful_layer_in_a_model():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 6, 3))
    model = Sequential([Input((None, 3)), SimpleRNN(5, stateful=True), Dense(1)])
    whole = model.predict(x)
    model.layers[0].reset_state()
    model.predict(x[:, :2])
    np.testing.assert_allclose(model.predict(x[:, 2:]), whole, atol=1e-6)
