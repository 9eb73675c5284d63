"""A digest of weights after a seeded fit of models that use every layer and kind of option.

Run before and after a change that should leave results alone, on one machine: equal lines, equal
bits. ``python benchmarks/machine/bits.py``
"""

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # from any folder

import numpy as np

import nlstm
from nlstm import Input, Model, Sequential
from nlstm.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    LayerNormalization,
    LeakyReLU,
    Masking,
    MaxPooling1D,
    Multiply,
    PReLU,
    RepeatVector,
    Reshape,
    SimpleRNN,
    SpatialDropout1D,
    TimeDistributed,
)

ROWS, STEPS, FEATURES = 40, 11, 5


def data(seed=0, outputs=1, sequences=False):
    """Return x and y of one draw."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, STEPS, FEATURES))
    y = rng.normal(size=(ROWS, STEPS, outputs) if sequences else (ROWS, outputs))
    return x, y


def plain():
    """The seed model."""
    model = Sequential([LSTM(50, input_shape=(STEPS, FEATURES)), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(*data(), epochs=3, batch_size=16, verbose=0, validation_split=0.2)
    return model


def dropout():
    """Every mask of the LSTM, a stack, float64, a clipped RMSprop with averages."""
    model = Sequential(dtype="float64")
    model.add(LSTM(19, dropout=0.2, recurrent_dropout=0.3, return_sequences=True))
    model.add(SpatialDropout1D(0.1))
    model.add(LSTM(33, zoneout=(0.1, 0.2), peephole=True, return_sequences=True))
    model.add(Dropout(0.3))
    model.add(LSTM(8, num_layers=2, dropout=0.1))
    model.add(Dense(3, activation="tanh", kernel_regularizer="l2", kernel_constraint="max_norm"))
    model.compile(nlstm.optimizers.RMSprop(clipnorm=0.5, use_ema=True, momentum=0.3), "huber")
    model.fit(*data(1, 3), epochs=3, verbose=0)
    return model


def classes():
    """Embedding with a mask, both directions, softmax."""
    model = Sequential([Embedding(30, 12, mask_zero=True), Bidirectional(LSTM(17)), Dense(4)])
    model.add(Activation("softmax"))
    model.compile("nadam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 30, (ROWS, STEPS)), rng.integers(0, 4, ROWS)
    model.fit(x, y, epochs=3, verbose=0, class_weight={0: 2.0, 3: 0.5})
    return model


def stateful():
    """States from batch to batch, both recurrent layers."""
    model = Sequential(
        [
            Input((STEPS, FEATURES), batch_size=10),
            LSTM(21, stateful=True, return_sequences=True),
            SimpleRNN(13, stateful=True, activation="relu"),
            Dense(2),
        ]
    )
    model.compile(nlstm.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "mae")
    model.fit(*data(3, 2), epochs=3, batch_size=10, shuffle=False, verbose=0)
    return model


def functional():
    """Two inputs, two outputs, shared layers, states handed on, merging."""
    x, z = Input((STEPS, FEATURES), name="x"), Input((4,), name="z")
    shared = Dense(6, activation="gelu")
    sequence, h, c = LSTM(16, return_sequences=True, return_state=True)(shared(x))
    again = LSTM(16, return_sequences=True)(sequence, initial_state=[h, c])
    both = Multiply()([sequence, again])
    pooled = Concatenate()([GlobalAveragePooling1D()(both), GlobalMaxPooling1D()(both), z])
    first = Dense(1, name="first")(pooled)
    second = Dense(2, activation="sigmoid", name="second")(Add()([h, c]))
    model = Model({"x": x, "z": z}, {"first": first, "second": second})
    model.compile(
        nlstm.optimizers.Adam(1e-2, amsgrad=True, gradient_accumulation_steps=2),
        {"first": "log_cosh", "second": "binary_crossentropy"},
        loss_weights={"first": 0.5, "second": 2.0},
    )
    rng = np.random.default_rng(4)
    x, y = data(4, 1)
    targets = {"first": y, "second": rng.integers(0, 2, (ROWS, 2))}
    model.fit({"x": x, "z": rng.normal(size=(ROWS, 4))}, targets, epochs=4, verbose=0)
    return model


def masked():
    """Masking and lengths, outputs at every step, sample weights."""
    model = Sequential([Masking(9.0), LSTM(24, return_sequences=True, zero_output_for_mask=True)])
    model.add(TimeDistributed(Dense(2)))
    model.compile("adamax", "mse", weighted_metrics=["mae"])
    x, y = data(5, 2, True)
    x[::3, 7:] = 9.0
    model.fit(x, y, sample_weight=np.linspace(0.1, 2, ROWS), epochs=3, verbose=0)
    return model


def lengths():
    """Lengths instead of a mask, backwards."""
    model = Sequential([LSTM(24, go_backwards=True, input_shape=(None, FEATURES)), Dense(1)])
    model.compile("adagrad", "log_cosh")
    rng = np.random.default_rng(6)
    model.fit(*data(6), lengths=rng.integers(1, STEPS + 1, ROWS), epochs=3, verbose=0)
    return model


def normalised():
    """Layer normalisation inside and outside."""
    model = Sequential([LSTM(31, layer_norm=True, return_sequences=True), LayerNormalization()])
    model.add(LSTM(40, layer_norm=True, dropout=0.1))
    model.add(Dense(1))
    model.compile(nlstm.optimizers.AdamW(1e-2), "mse")
    model.fit(*data(7), epochs=3, verbose=0)
    return model


def shapes():
    """Pooling, reshaping, noise, rectifiers."""
    model = Sequential([GaussianNoise(0.1), LSTM(9, return_sequences=True)])
    for layer in (LeakyReLU(), Flatten(), Dense(12), Reshape((12, 1)), LSTM(7), RepeatVector(3)):
        model.add(layer)
    model.add(LSTM(5, activation="softsign", recurrent_activation="hard_sigmoid"))
    model.add(Dense(1))
    model.compile("adadelta", "mape")
    x, y = data(8)
    model.fit(x, y + 5, epochs=3, verbose=0)
    return model


def projected():
    """A projection, two levels, two models that share it."""
    inside = Sequential([LSTM(20, proj_size=6, num_layers=2, return_sequences=True)])
    model = Sequential([inside, LSTM(11), Dense(1)])
    model.compile(nlstm.optimizers.Lion(1e-3, weight_decay=0.01), "mse")
    model.fit(*data(9), epochs=3, verbose=0)
    return model


def frozen():
    """A frozen layer beside trained ones, train_on_batch."""
    model = Sequential([LSTM(12, return_sequences=True, input_shape=(STEPS, FEATURES)), LSTM(15)])
    model.add(Dense(1, use_bias=False))
    model.layers[0].trainable = False
    model.compile("ftrl" if hasattr(nlstm.optimizers, "Ftrl") else "adam", "mse")
    x, y = data(10)
    for start in range(0, ROWS, 8):
        model.train_on_batch(x[start : start + 8], y[start : start + 8])
    return model


def wide():
    """Enough work for every parallel branch."""
    model = Sequential([LSTM(160, return_sequences=True), LSTM(130), Dense(10)])
    model.compile("adam", "mse")
    rng = np.random.default_rng(11)
    model.fit(rng.normal(size=(96, 30, 40)), rng.normal(size=(96, 10)), epochs=2, verbose=0)
    return model


def windows():
    """What stands in front of recurrent layers, and GRUs of both kinds."""
    model = Sequential([Conv1D(12, 3, padding="causal"), BatchNormalization(), MaxPooling1D(2)])
    model.add(Bidirectional(GRU(17, return_sequences=True, dropout=0.1, recurrent_dropout=0.2)))
    model.add(PReLU(shared_axes=[1]))
    model.add(GRU(9, reset_after=False))
    model.add(Dense(1))
    model.compile("adamw", "mse")
    model.fit(*data(12), epochs=3, batch_size=16, verbose=0)
    return model


MODELS = (
    plain,
    dropout,
    classes,
    stateful,
    functional,
    masked,
    lengths,
    normalised,
    shapes,
    projected,
    frozen,
    wide,
    windows,
)


def main():
    """Print one line a model."""
    for make in MODELS:
        nlstm.set_random_seed(7)
        model = make()
        digest = hashlib.sha256()
        for weight in model.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
        for values in model.history.history.values() if model.history else ():
            digest.update(np.array(values).tobytes())
        print(f"{make.__name__:<12} {digest.hexdigest()[:32]}", flush=True)


if __name__ == "__main__":
    main()
