"""What cannot be cut into pieces, and what fit and predict say or do then."""

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.layers import (
    GRU,
    LSTM,
    Add,
    Bidirectional,
    Concatenate,
    Conv1D,
    Cropping1D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Layer,
    MaxPooling1D,
    Permute,
    PReLU,
    RepeatVector,
    Reshape,
    SimpleRNN,
    UpSampling1D,
    ZeroPadding1D,
)
from nlstm.models import Sequential

RNG = np.random.default_rng(0)
X, Y = RNG.random((4, 6, 3)), RNG.random((4, 6, 1))
START = r"bptt_steps=2 cuts sequences into pieces, which this model does not allow: "


class Own(Layer):
    def output_shape(self, shape):
        return shape

    def bind(self, plan, x):
        return x


ALL = r"\({}\) may need all steps of a sequence at once"
FAULTS = {
    "both ways": (Bidirectional(LSTM(2)), r"bidirectional \(Bidirectional\) begins at both ends"),
    "backwards": (GRU(2, go_backwards=True), r"gru \(GRU\) begins at .*: go_backwards=True"),
    "stateful": (SimpleRNN(2, stateful=True), r"keeps its states by itself: stateful=True"),
    "projection": (LSTM(2, proj_size=1), r"lstm \(LSTM\) has states .*: proj_size"),
    "pool": (GlobalAveragePooling1D(), ALL.format("GlobalAveragePooling1D")),
    "windows": (MaxPooling1D(2), ALL.format("MaxPooling1D")),
    "convolution": (Conv1D(2, 2, padding="causal"), ALL.format("Conv1D")),
    "flatten": (Flatten(), ALL.format("Flatten")),
    "reshape": (Reshape((3, 6)), ALL.format("Reshape")),
    "axes": (Permute((2, 1)), ALL.format("Permute")),
    "weights of steps": (PReLU(), ALL.format("PReLU")),
    "own": (Own(), ALL.format("Own")),
    "zeros": (ZeroPadding1D(1), ALL.format("ZeroPadding1D")),
    "fewer": (Cropping1D(1), ALL.format("Cropping1D")),
    "more": (UpSampling1D(2), ALL.format("UpSampling1D")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_layers_that_do_not_allow_it_are_named(name):
    layer, message = FAULTS[name]
    model = Sequential([Input((6, 3)), Dense(3), layer])
    model.compile("sgd", "mse")
    y = np.zeros((4, *model.output_shape[1:]))
    with pytest.raises(ValueError, match=START + ".*" + message):
        model.fit(X, y, bptt_steps=2, verbose=0)
    with pytest.raises(ValueError, match=START + ".*" + message):
        model.fit(iter([(X, y)]), bptt_steps=2, verbose=0)
    if name != "stateful":
        model.fit(X, y, verbose=0)


def graph(connect):
    x = Input((6, 3), name="x")
    model = Model(x, connect(x))
    model.compile("sgd", "mse")
    return model


CALLS = {
    "repeated": (
        lambda x: RepeatVector(6)(LSTM(2)(x)),
        r"repeat_vector.* takes to each step what is known after the last one",
    ),
    "merged": (
        lambda x: Add()([LSTM(3)(x), x]),
        r"add .* takes to each step what is known after the last one",
    ),
    "given": (
        lambda x: LSTM(2)(x, initial_state=LSTM(2, return_state=True)(x)[1:]),
        r"lstm.* is given an initial_state",
    ),
    "joined": (lambda x: Concatenate(1)([x, x]), r"concatenate .* joins steps: axis=1"),
    "a part": (lambda x: x[:, 1:3], r"get_item.* takes some of the steps"),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_that_do_not_allow_it_are_named(name):
    connect, message = CALLS[name]
    model = graph(connect)
    with pytest.raises(ValueError, match=START + ".*" + message):
        model.fit(X, np.zeros((4, *model.output_shape[1:])), bptt_steps=2, verbose=0)


def test_calls_that_allow_it():
    layers = Concatenate(), Conv1D(2, 1), PReLU(shared_axes=[1]), Permute((1, 2)), Dense(1)
    model = graph(lambda x: chain(x[:, :, :2], layers))
    model.fit(X, Y, bptt_steps=2, verbose=0)
    model = graph(lambda x: Dense(1)(Reshape((4,))(Concatenate()([LSTM(2)(x), GRU(2)(x)]))))
    model.fit(X, Y[:, 0], bptt_steps=2, verbose=0)


def chain(x, layers):
    first, *rest = layers
    x = first([x, x])
    for layer in rest:
        x = layer(x)
    return x


def test_inputs():
    with pytest.raises(ValueError, match=START + r"The model's inputs have no steps\."):
        model = Sequential([Input((3,)), Dense(1)])
        model.compile("sgd", "mse")
        model.fit(X[:, 0], Y[:, 0], bptt_steps=2, verbose=0)
    x, other = Input((None, 3), name="x"), Input((None, 3), name="other")
    model = Model([x, other], [Dense(1)(x), Dense(1)(other)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"as many steps: x\['x'\] has 6, x\['other'\] 4\."):
        model.fit([X, X[:, :4]], [Y, Y[:, :4]], bptt_steps=2, verbose=0)
    indices = Input((6,))
    both = Model(indices, [Embedding(3, 2)(indices), Dense(2)(indices[:, :3])])
    both.compile("sgd", "mse")
    whole = np.zeros((4, 6))
    with pytest.raises(ValueError, match=r"takes an input, .* whose values are steps to another"):
        both.fit(whole, [np.zeros((4, 6, 2)), np.zeros((4, 2))], bptt_steps=2, verbose=0)


@pytest.mark.parametrize(
    "given, error, message",
    [
        ({"bptt_steps": 0}, ValueError, "bptt_steps must be at least 1; got 0"),
        ({"bptt_steps": 2.5}, TypeError, "bptt_steps must be an integer; got 2.5"),
        ({"bptt_steps": True}, TypeError, "bptt_steps must be an integer; got True"),
        ({"bptt_steps": 2, "bptt_update": "epoch"}, ValueError, "bptt_update .*'epoch'"),
        ({"bptt_steps": 2, "bptt_update": 1}, TypeError, "bptt_update must be one of 'piece'"),
        ({"bptt_update": "sequence"}, ValueError, 'bptt_update="sequence" needs bptt_steps'),
    ],
)
def test_arguments(given, error, message):
    model = Sequential([Input((6, 3)), LSTM(2, return_sequences=True), Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(X, Y, verbose=0, **given)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
