"""What was constructed comes back from its config: layers, initializers, losses, a user's own."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nlstm
from nlstm import initializers, losses, optimizers, saving
from nlstm.arguments import config
from nlstm.layers import LSTM, Dense, Dropout, InputLayer
from nlstm.models import Sequential


def again(thing, custom_objects=None):
    """Return what comes out of the JSON of `thing`."""
    text = config.dumps(config.serialize(thing))
    return config.deserialize(config.loads(text), custom_objects)


@pytest.mark.parametrize(
    "thing",
    [
        LSTM(3),
        LSTM(3, return_sequences=True, name="first", input_shape=(None, 2), dtype="float64"),
        LSTM(np.int64(3), dropout=np.float32(0.5), seed=4),
        LSTM(3, kernel_initializer=initializers.RandomNormal(stddev=0.1, seed=2)),
        LSTM(3, kernel_initializer=initializers.Zeros, dtype=np.float64),
        Dense(2, nlstm.activations.relu, False, dtype=np.dtype("float32")),
        Dropout(0.1, 3),
        InputLayer((5, 2), 3, name="x"),
        initializers.VarianceScaling(2.0, "fan_out", "uniform"),
        losses.BinaryCrossentropy(from_logits=True),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_things_go_through_json(thing):
    made = again(thing)
    assert type(made) is type(thing)
    assert made.get_config() == thing.get_config()
    assert type(thing).from_config(thing.get_config()).get_config() == thing.get_config()
    json.dumps(thing.get_config())


def test_config_holds_the_defaults_and_the_name_that_the_model_gave():
    model = Sequential([LSTM(2, return_sequences=True), LSTM(2, seed=1)])
    found = model.design.layers[1].get_config()
    assert found["name"] == "lstm_1"
    assert found["recurrent_activation"] == "sigmoid"
    assert found["seed"] == 1
    assert again(model.design.layers[1]).name == "lstm_1"


def test_nested_objects_are_made_again():
    made = again(LSTM(3, kernel_initializer=initializers.Constant(0.25)))
    assert made.kernel_initializer.value == 0.25
    written = config.serialize(LSTM(3, kernel_initializer=initializers.Constant(0.25)))
    assert written["class_name"] == "LSTM"
    assert written["module"] == "nlstm.layers"
    assert written["config"]["kernel_initializer"]["class_name"] == "Constant"


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_and_pickles_remember_too(twin):
    layer = LSTM(3, kernel_initializer=initializers.Constant(0.25), name="a")
    assert twin(layer).get_config() == layer.get_config()


def test_signatures_are_those_of_the_constructors():
    import inspect

    assert list(inspect.signature(Dense).parameters)[:2] == ["units", "activation"]
    with pytest.raises(TypeError, match="takes no arguments"):
        initializers.Initializer(3)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(min_size=1), inner)
    ),
    max_leaves=20,
)


@given(plain)
def test_plain_values_go_through_json(value):
    encoded = config.encode(value, "x")
    assert config.deserialize(config.loads(config.dumps(encoded))) == value


def test_arrays_go_through_json():
    value = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    found = config.deserialize(config.loads(config.dumps(config.encode({"a": value}, "x"))))["a"]
    np.testing.assert_array_equal(found, value)
    assert found.dtype == np.float32


# A user's classes and functions


class Scaled(Dense):
    """Takes arguments of its own, keywords for the rest, and no name."""

    def __init__(self, units, scale=(1.0, 2.0), **others):
        super().__init__(units, name="fixed", **others)
        self.scale = scale


def ramp(shape, dtype=None):
    return np.linspace(0, 1, int(np.prod(shape))).reshape(shape)


@saving.register_keras_serializable("tests")
def known(shape, dtype=None):
    return ramp(shape) * 2


@saving.register
class Known(initializers.Initializer):
    """Has the config of Keras's examples."""

    def __init__(self, width):
        self.width = width * 2

    def draw(self, shape, generator):
        return np.full(shape, self.width)

    def get_config(self):
        return {"width": self.width / 2}


def test_users_classes_need_custom_objects_or_register():
    layer = Scaled(2, scale=(3.0, 4.0), use_bias=False)
    with pytest.raises(ValueError, match="'Scaled' is none of nlstm's: give custom_objects="):
        again(layer)
    made = again(layer, {"Scaled": Scaled})
    assert made.scale == (3.0, 4.0)
    assert (made.use_bias, made.name) == (False, "fixed")
    layer.name = "renamed"
    assert again(layer, {"Scaled": Scaled}).name == "renamed"
    assert again(Known(3.0)).width == 6.0


def test_users_functions():
    layer = Dense(2, kernel_initializer=known)
    assert again(layer).kernel_initializer.function is known
    layer = Dense(2, kernel_initializer=ramp)
    assert again(layer, {"ramp": ramp}).kernel_initializer.function is ramp
    with pytest.raises(ValueError, match="'ramp' is none of nlstm's"):
        again(layer)


def test_what_cannot_be_written_is_named():
    def inner(shape, dtype=None):
        return np.zeros(shape)

    for value, reason in [
        (lambda shape, dtype=None: np.zeros(shape), "a lambda"),
        (inner, "the inner function inner"),
    ]:
        layer = Dense(2, kernel_initializer=value, name="head")
        start = "The argument kernel_initializer of Dense 'head' cannot be written to a file: it is"
        with pytest.raises(TypeError, match=f"{start} {reason}"):
            layer.get_config()
    for value, reason in [
        (np.zeros(200_000), "an array of 200000 elements"),
        (np.array(["a"]), "an array of dtype <U1"),
        ({1: 2}, "a dict whose keys are not all strings"),
        (object(), "a object without get_config"),
        ({3}, "a set without get_config"),
    ]:
        with pytest.raises(
            TypeError, match=f"argument x cannot be written to a file: it is {reason}"
        ):
            config.encode(value, "x")

    class Many(initializers.Initializer):
        def __init__(self, *values):
            self.values = values

    with pytest.raises(TypeError, match=r"Many was given \*values, which has no names"):
        Many(1, 2).get_config()


def test_register_refuses_what_would_be_mistaken():
    with pytest.raises(ValueError, match="Plain has no get_config"):

        @saving.register
        class Plain:
            pass

    with pytest.raises(ValueError, match="tests>known is registered already"):
        saving.register("tests", "known")(ramp)


def test_unknown_classes_of_nlstm():
    with pytest.raises(ValueError, match="Unknown class of nlstm.layers 'LSTMM': known are"):
        config.deserialize({"class_name": "LSTMM", "module": "nlstm.layers", "config": {}})
    with pytest.raises(ValueError, match="'print' is none of nlstm's"):
        config.deserialize({"class_name": "function", "config": "print"})
