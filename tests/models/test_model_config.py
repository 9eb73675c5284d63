"""Models through JSON and cloning: the same layers, shapes and names, with weights of their own."""

import numpy as np
import pytest

from nlstm import layers, losses, optimizers
from nlstm.layers import LSTM, Dense
from nlstm.models import Model, Sequential, clone_model, model_from_json
from tests.arguments.test_config import Scaled, again


def test_a_model_goes_through_json():
    model = Sequential(
        [LSTM(3, input_shape=(None, 2), dropout=0.1), Dense(1, "sigmoid")], "net", "float64"
    )
    text = model.to_json(indent=1)
    made = model_from_json(text)
    assert made.get_config() == model.get_config()
    assert made.to_json(indent=1) == text
    assert (made.name, made.dtype, made.input_shape) == ("net", np.float64, (None, None, 2))
    assert not np.array_equal(made.get_weights()[0], model.get_weights()[0])
    assert Sequential.from_config(model.get_config()).get_config() == model.get_config()


@pytest.mark.parametrize("first", [[layers.Input((4, 2))], []])
def test_the_shape_of_the_input_is_kept(first):
    model = Sequential([*first, LSTM(3), Dense(1)])
    if not first:
        assert not Sequential.from_config(model.get_config()).built
        model.build((None, 4, 2))
    made = model_from_json(model.to_json())
    assert made.layers and made.built
    assert made.input_shape == (None, 4, 2)


def test_clone_model():
    model = Sequential([LSTM(3, input_shape=(4, 2)), Scaled(1)])
    made = clone_model(model)
    assert made.get_config() == model.get_config()
    assert made.layers[0] is not model.layers[0]
    wider = clone_model(
        model, clone_function=lambda layer: LSTM(5) if isinstance(layer, LSTM) else Dense(2)
    )
    assert [weight.shape for weight in wider.get_weights()][0] == (2, 20)


def test_compile_config():
    model = Sequential([Dense(1, input_shape=(2,))])
    assert model.get_compile_config() is None
    model.compile(optimizers.Adam(0.5), losses.MeanSquaredError(), metrics=["mae"])
    found = model.get_compile_config()
    assert found["optimizer"]["config"]["learning_rate"] == 0.5
    assert found["loss"]["class_name"] == "MeanSquaredError"
    assert found["metrics"] == ["mae"]


# Functional models


def shared():
    """Two inputs, a layer used twice, and outputs by name."""
    first, second = layers.Input((4, 2), name="a"), layers.Input((4, 2), name="b")
    both = LSTM(3, return_sequences=True)
    one, two = both(first), both(second)
    tail = LSTM(2)
    return Model([first, second], {"x": Dense(1)(tail(one)), "y": Dense(2, name="end")(tail(two))})


def single():
    x = layers.Input((None, 2), batch_size=4)
    return Model(x, Dense(1)(LSTM(3)(x)), dtype="float64", name="chain")


def listed():
    x = layers.Input((4, 2))
    h = LSTM(3)(x)
    return Model({"only": x}, [Dense(1)(h), h])


def part():
    x = layers.Input((4, 2))
    h = LSTM(3, return_sequences=True, name="cut")(x)
    return Model(h, Dense(1)(LSTM(2)(h)))


@pytest.mark.parametrize("build", [shared, single, listed, part])
def test_functional_models_go_through_json(build):
    model = build()
    made = model_from_json(model.to_json())
    assert made.to_json() == model.to_json()
    assert made.output_names == model.output_names
    if build is not part:
        assert made.input_names == model.input_names
        assert [one.name for one in made.layers] == [one.name for one in model.layers]
    made.set_weights(model.get_weights())
    rng = np.random.default_rng(0)
    x = [rng.random((4, *(n or 5 for n in one.shape[1:]))) for one in model.inputs]
    x = {"only": x[0]} if build is listed else x if len(x) > 1 else x[0]
    one, other = made.predict(x), model.predict(x)
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    for a, b in zip(*([v] if isinstance(v, np.ndarray) else v for v in (one, other)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_clone_of_a_functional_model():
    model = shared()
    made = clone_model(model)
    assert made.to_json() == model.to_json()
    wider = clone_model(
        model,
        lambda layer: LSTM(5, return_sequences=True) if layer.name == "lstm" else again(layer),
    )
    assert wider.get_weights()[0].shape == (2, 20)
    assert wider.count_params() > model.count_params()
