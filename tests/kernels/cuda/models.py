"""Models that train a little: between them they launch most of what a device has."""

import numpy as np

from nlstm import Model, Sequential, optimizers, set_random_seed
from nlstm.kernels.operations import DEFAULT
from nlstm.layers import (
    GRU,
    LSTM,
    Add,
    AveragePooling1D,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Cropping1D,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    GlobalAveragePooling1D,
    Input,
    LayerNormalization,
    LeakyReLU,
    Masking,
    MaxPooling1D,
    Permute,
    PReLU,
    SimpleRNN,
    TimeDistributed,
    UpSampling1D,
    ZeroPadding1D,
)

X, Y = (np.random.default_rng(0).random(shape) for shape in ((6, 4, 2), (6, 1)))
LENGTHS = np.array([1, 2, 3, 4, 4, 2])


def seed(rng):
    model = Sequential([LSTM(4, input_shape=(4, 2)), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model, X, Y


def classification(rng):
    layers = [
        Embedding(7, 3, input_shape=(4,), mask_zero=True),
        Bidirectional(LSTM(2, dropout=0.3)),
        Dense(3, activation="softmax"),
    ]
    model = Sequential(layers)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, rng.integers(0, 7, (6, 4)), rng.integers(0, 3, 6)


def stack(rng):
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
    return model, X, rng.integers(0, 2, (6, 1))


def states(rng):
    x = Input((None, 2))
    y, h, c = LSTM(3, return_sequences=True, return_state=True)(x)
    z = LSTM(3, return_sequences=True)(y, initial_state=[h, c])
    model = Model(x, Dense(5)(GlobalAveragePooling1D()(Add()([y, z]))))
    rule = optimizers.AdamW(0.01, use_ema=True, gradient_accumulation_steps=2)
    model.compile(rule, "huber", metrics=["R2Score"])
    return model, X, rng.random((6, 5))


def sequences(rng):
    layers = [
        Masking(input_shape=(4, 2)),
        LSTM(3, return_sequences=True),
        TimeDistributed(Dense(2)),
    ]
    model = Sequential(layers)
    model.compile("nadam", "mae", metrics=["mse"])
    return model, X * (rng.random((6, 4, 1)) > 0.3), rng.random((6, 4, 2))


def of_lstm(options, sequences):
    def make(rng):
        layers = [
            Dense(3, input_shape=(4, 2)),
            LSTM(**{"units": 3, "return_sequences": sequences} | options),
            Dense(1),
        ]
        model = Sequential(layers)
        model.compile("adam", "mse")
        return model, X, rng.random((6, 4, 1)) if sequences else Y

    return make


def other_layers(rng):
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


def gated(rng):
    x = Input((None, 2))
    y, h = GRU(3, return_sequences=True, return_state=True, dropout=0.2)(x)
    y = Bidirectional(GRU(2, return_sequences=True, recurrent_dropout=0.3, dropout=0.2))(y)
    y = GRU(3, return_sequences=True, activation="gelu", use_bias=False)(y, initial_state=h)
    model = Model(x, Dense(1)(GRU(3, go_backwards=True)(y)))
    model.compile("adam", "mse")
    return model, X, Y


def gated_before(rng):
    options = {"reset_after": False, "return_sequences": True}
    layers = [
        GRU(3, input_shape=(None, 2), dropout=0.2, **options),
        GRU(2, recurrent_dropout=0.3, dropout=0.2, go_backwards=True, **options),
        GRU(3, reset_after=False, activation="silu"),
        Dense(1),
    ]
    model = Sequential(layers)
    model.compile("adam", "mse")
    return model, X, Y


def convolved(rng):
    layers = [
        ZeroPadding1D(1, input_shape=(4, 2)),
        Conv1D(6, 3, padding="causal", activation="relu", dilation_rate=2),
        BatchNormalization(),
        PReLU(shared_axes=[1]),
        MaxPooling1D(2, strides=1, padding="same"),
        Conv1D(4, 2, groups=2, strides=2, activation="gelu"),
        UpSampling1D(2),
        AveragePooling1D(2),
        Cropping1D((1, 0)),
        Permute((2, 1)),
        PReLU(),
        GRU(3),
        BatchNormalization(),
        Dense(1),
    ]
    model = Sequential(layers)
    model.compile("adam", "mse")
    return model, X, Y


def normalised(rng):
    layers = [
        Masking(input_shape=(4, 2)),
        BatchNormalization(momentum=0.5),
        LSTM(3),
        BatchNormalization(trainable=False),
        Dense(1),
    ]
    model = Sequential(layers)
    model.compile("adam", "mse")
    return model, X * (rng.random((6, 4, 1)) > 0.3), Y


MODELS = [
    (seed, {"validation_split": 0.4}),
    (classification, {}),
    (stack, {"sample_weight": np.arange(6.0)}),
    (states, {"lengths": LENGTHS}),
    (sequences, {}),
    (other_layers, {}),
    (gated, {"lengths": LENGTHS}),
    (gated_before, {"lengths": LENGTHS}),
    (convolved, {}),
    (normalised, {}),
]
LSTM_OPTIONS = [
    {"layer_norm": True, "dropout": 0.3},
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
]


def fitted(device, make, **options):
    """Return a model's history, predictions and weights after two epochs on a device."""
    before, DEFAULT[0] = DEFAULT[0], device
    try:
        set_random_seed(0)
        model, x, y = make(np.random.default_rng(1))
        history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, **options).history
        return history, model.predict(x, verbose=0), *model.get_weights()
    finally:
        DEFAULT[0] = before
