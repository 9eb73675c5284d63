"""A copy of a layer has its weights, seeds and states, and belongs to nobody."""

import copy
import pickle

import numpy as np
import pytest

import nlstm
from nlstm.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Input,
    LayerNormalization,
    LeakyReLU,
    PReLU,
    SimpleRNN,
    TimeDistributed,
)
from nlstm.models import Model, Sequential
from tests.copied import TWINS, WAYS, memory

X = np.random.default_rng(0).standard_normal((6, 5, 4)).astype("f4")

LAYERS = {
    "LSTM": lambda: LSTM(3, peephole=True, num_layers=2, use_bias=False, return_sequences=True),
    "normalised": lambda: LSTM(3, layer_norm=True, return_sequences=True),
    "projection": lambda: LSTM(3, proj_size=2, return_sequences=True),
    "SimpleRNN": lambda: SimpleRNN(3, use_bias=False, return_sequences=True),
    "GRU": lambda: GRU(3, return_sequences=True),
    "GRU before": lambda: GRU(3, reset_after=False, use_bias=False, return_sequences=True),
    "Conv1D": lambda: Conv1D(6, 2, groups=2),
    "BatchNormalization": lambda: BatchNormalization(scale=False),
    "PReLU": lambda: PReLU("ones", shared_axes=[1]),
    "Bidirectional": lambda: Bidirectional(LSTM(3, return_sequences=True, use_bias=False)),
    "TimeDistributed": lambda: TimeDistributed(Dense(3)),
    "Dense": lambda: Dense(3, use_bias=False),
    "LayerNormalization": lambda: LayerNormalization(center=False, scale=False),
    "LeakyReLU": lambda: LeakyReLU(0.3),
    "Dropout": lambda: Dropout(0.4),
}


def same(weights, others):
    return [one.tobytes() for one in weights] == [one.tobytes() for one in others]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_copy_goes_into_another_model(kind, built, way):
    layer = LAYERS[kind]()
    model = Sequential([Input((5, 4)), layer])
    if built:
        model.build()
    twin = TWINS[way](layer)
    assert type(twin) is type(layer) and twin.get_config() == layer.get_config()
    assert not twin.taken and not twin.nodes and twin.built == built
    if built:
        assert same(twin.get_weights(), layer.get_weights())
        assert [w.name for w in twin.weights] == [w.name for w in layer.weights]
    other = Sequential([Input((5, 4)), twin])
    assert np.array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
    assert not layer.parameters or not same(twin.get_weights(), layer.get_weights())
    kinds = {weight.trainable for weight in twin.weights}  # moving averages lie apart
    assert len(other.binder.weights.homes) == max(1, len(kinds))


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_alone_keeps_weights_of_its_own(way):
    layer = Embedding(7, 3, weights=[np.ones((7, 3))])
    Sequential([Input((4,)), layer]).predict(np.ones((2, 4)), verbose=0)
    twin = TWINS[way](layer)
    twin.set_weights([np.zeros((7, 3))])
    assert layer.get_weights()[0].all() and not twin.embeddings.get().any()
    assert memory(twin.embeddings.home.value).ctypes.data % 64 == 0


@pytest.mark.parametrize("way", WAYS)
def test_states_of_stateful_layers_go_along(way):
    layer = LSTM(3, stateful=True)
    model = Sequential([Input((5, 4)), layer])
    model.predict(X, verbose=0)
    twin = TWINS[way](TWINS[way](layer))
    assert same(twin.states, layer.states)
    other = Sequential([Input((5, 4)), twin])
    assert np.array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    layer.reset_state()
    assert twin.states is not None and TWINS[way](layer).states is None


def test_seeds_go_along_and_none_are_drawn():
    nlstm.set_random_seed(2)
    layer = Dropout(0.5)
    words = [TWINS[way](layer).seeds.words for way in WAYS]
    assert {*words, layer.seeds.words} == {(2, 0)}
    assert Dropout(0.5).seeds.words == (2, 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", LAYERS)
def test_copies_of_copies(kind, way):
    """A layer in a layer holds nothing of how it was built before its copy was."""
    layer = LAYERS[kind]()
    Sequential([Input((5, 4)), layer]).build()
    weights, twin = layer.get_weights(), layer
    for _ in range(3):
        twin = TWINS[way](twin)
    assert same(twin.get_weights(), weights)
    model = Sequential([Input((5, 4)), twin])
    expected = Sequential([Input((5, 4)), TWINS[way](layer)])
    assert model.predict(X, verbose=0).tobytes() == expected.predict(X, verbose=0).tobytes()


@pytest.mark.parametrize("way", WAYS)
def test_names_for_weights_are_still_names_for_them(way):
    layer = Dense(2)
    Sequential([Input((3,)), layer]).build()
    layer.watched = layer.kernel
    twin, kernel = TWINS["pickle"]((layer, layer.kernel))
    assert twin.watched is twin.kernel is kernel
    alone = TWINS[way](layer.kernel)
    assert alone.get().tobytes() == layer.kernel.get().tobytes()
    alone.set(np.zeros((3, 2)))
    assert layer.kernel.get().any()


@pytest.mark.parametrize("way", WAYS)
def test_names_for_weights_of_layers_in_layers(way):
    layer = TimeDistributed(Dense(2))
    Sequential([Input((5, 3)), layer]).build()
    layer.layer.watched = layer.layer.kernel
    for _ in range(3):
        layer = TWINS[way](layer)
        assert layer.layer.watched is layer.layer.kernel is layer.parameters[0]


def test_calls_stay_behind():
    x = Input((5, 4))
    layer = LSTM(3)
    Model(x, layer(x)).build()
    assert len(pickle.dumps(layer)) < 4000
    y = copy.deepcopy(layer)(x)
    assert y.shape == (None, 3) and len(layer.nodes) == 1


def test_what_no_longer_fits_is_an_error():
    layer = Dense(2)
    Sequential([Input((3,)), layer]).build()
    vars(layer)["units"] = 3  # past the check of what cannot change
    with pytest.raises(ValueError, match=r"dense/kernel has shape \(3, 3\); got \(3, 2\)"):
        copy.deepcopy(layer)


@pytest.mark.parametrize(
    "weights, words",
    [
        (None, "list"),
        ("ab", "list"),
        ([np.ma.masked_array(np.ones((3, 2)), True), np.ones(2)], "masked"),
        ([np.full((3, 2), 1e300), np.ones(2)], "too large for float32"),
        ([np.ones((3, 2)), np.ones(2, object)], "real numbers"),
    ],
)
def test_weights_given_to_a_layer_are_looked_at(weights, words):
    layer = Dense(2)
    Sequential([Input((3,)), layer]).build()
    before = layer.get_weights()
    with pytest.raises((TypeError, ValueError), match=words):
        layer.set_weights(weights)
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
