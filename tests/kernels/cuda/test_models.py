"""Models that train in the simulator and on the CPU, with the same numbers."""

import numpy as np
import pytest

from nlstm import Model, Sequential, optimizers, set_random_seed
from nlstm.kernels.operations import DEFAULT
from nlstm.layers import (
    LSTM,
    Add,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    GlobalAveragePooling1D,
    Input,
    LayerNormalization,
    LeakyReLU,
    Masking,
    SimpleRNN,
    TimeDistributed,
)

RNG = np.random.default_rng(0)
X, Y = RNG.random((6, 4, 2)), RNG.random((6, 1))
LENGTHS = np.array([1, 2, 3, 4, 4, 2])


def seed():
    model = Sequential([LSTM(4, input_shape=(4, 2)), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model, X, Y


def classification():
    layers = [
        Embedding(7, 3, input_shape=(4,), mask_zero=True),
        Bidirectional(LSTM(2, dropout=0.3)),
        Dense(3, activation="softmax"),
    ]
    model = Sequential(layers)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, RNG.integers(0, 7, (6, 4)), RNG.integers(0, 3, 6)


def stack():
    layers = [
        LSTM(3, return_sequences=True, input_shape=(4, 2)),
        Dropout(0.4),
        LSTM(3, go_backwards=True),
        Dense(6, activation="gelu"),
        Dense(1, activation="sigmoid", kernel_regularizer="l2"),
    ]
    model = Sequential(layers)
    rule = optimizers.SGD(0.1, momentum=0.9, clipnorm=0.1)
    model.compile(rule, "binary_crossentropy", metrics=["accuracy", "AUC"])
    return model, X, RNG.integers(0, 2, (6, 1))


def states():
    x = Input((None, 2))
    y, h, c = LSTM(3, return_sequences=True, return_state=True)(x)
    z = LSTM(3, return_sequences=True)(y, initial_state=[h, c])
    model = Model(x, Dense(5)(GlobalAveragePooling1D()(Add()([y, z]))))
    rule = optimizers.AdamW(0.01, use_ema=True, gradient_accumulation_steps=2)
    model.compile(rule, "huber", metrics=["R2Score"])
    return model, X, RNG.random((6, 5))


def sequences():
    layers = [
        Masking(input_shape=(4, 2)),
        LSTM(3, return_sequences=True),
        TimeDistributed(Dense(2)),
    ]
    model = Sequential(layers)
    model.compile("nadam", "mae", metrics=["mse"])
    return model, X * (RNG.random((6, 4, 1)) > 0.3), RNG.random((6, 4, 2))


def results(device, make, **options):
    before, DEFAULT[0] = DEFAULT[0], device
    try:
        global RNG
        RNG = np.random.default_rng(1)
        set_random_seed(0)
        model, x, y = make()
        history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, **options).history
        return history, model.predict(x, verbose=0), *model.get_weights()
    finally:
        DEFAULT[0] = before


@pytest.mark.parametrize(
    "make, options",
    [
        (seed, {"validation_split": 0.4}),
        (classification, {}),
        (stack, {"sample_weight": np.arange(6.0)}),
        (states, {"lengths": LENGTHS}),
        (sequences, {}),
    ],
)
def test_fit_and_predict(make, options):
    compare(make, options)


def compare(make, options):
    expected, found = (results(device, make, **options) for device in ("cpu", "cuda"))
    for name, values in expected[0].items():
        np.testing.assert_allclose(found[0][name], values, rtol=2e-5, err_msg=name)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def of_lstm(options, sequences):
    def make():
        layers = [
            Dense(3, input_shape=(4, 2)),
            LSTM(**{"units": 3, "return_sequences": sequences} | options),
            Dense(1),
        ]
        model = Sequential(layers)
        model.compile("adam", "mse")
        return model, X, RNG.random((6, 4, 1)) if sequences else Y

    return make


def other_layers():
    layers = [
        SimpleRNN(3, return_sequences=True, input_shape=(4, 2), dropout=0.2, recurrent_dropout=0.2),
        LayerNormalization(),
        SimpleRNN(2, go_backwards=True, activation="silu"),
        LeakyReLU(),
        GaussianNoise(0.1),
        Dense(1),
    ]
    model = Sequential(layers)
    model.compile("lion", "mse")
    return model, X, Y


@pytest.mark.parametrize(
    "options",
    [
        {"recurrent_dropout": 0.4},
        {"recurrent_dropout": 0.4, "dropout": 0.3, "go_backwards": True},
        {"peephole": True},
        {"zoneout": (0.3, 0.2)},
        {"zoneout": 0.2, "peephole": True, "recurrent_dropout": 0.1},
        {"activation": "silu"},
        {"dropout": 0.3, "go_backwards": True},
        {"proj_size": 2},
        {"num_layers": 2},
        {"units": 40},
    ],
)
@pytest.mark.parametrize("sequences", [False, True])
def test_arguments_of_the_lstm(options, sequences):
    compare(of_lstm(options, sequences), {"lengths": LENGTHS})


def test_other_layers():
    compare(other_layers, {})


def test_what_is_absent_is_named():
    def make():
        model = Sequential([LSTM(2, name="first", input_shape=(4, 2), layer_norm=True)])
        model.compile("adam", "mse")
        return model, X, RNG.random((6, 2))

    with pytest.raises(NotImplementedError, match="^first: .* is not on cuda yet"):
        results("cuda", make)
