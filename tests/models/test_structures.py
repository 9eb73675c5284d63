"""Inputs, targets and losses in the structure that a model was given."""

import numpy as np
import pytest

from nlstm import Input, Model, Sequential
from nlstm.arguments.names import FreeNames
from nlstm.arguments.structures import leaves, matched, packed, spread
from nlstm.layers import LSTM, Add, Concatenate, Dense, Dropout, Embedding
from nlstm.models import clone_model
from nlstm.network import stack
from nlstm.optimizers import Adam

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4, 3))
NEST = {"a": 1, "b": [2, (3,)]}


def test_leaves_come_and_go():
    assert leaves(NEST) == [1, 2, 3]
    assert packed(NEST, "xyz") == {"a": "x", "b": ["y", ("z",)]}
    assert matched("y", NEST, {"b": (5, [6]), "a": 4}) == [4, 5, 6]
    for wrong in ({"a": 1}, {"a": 1, "b": [2]}, [1, 2, 3], {"a": 1, "b": [2, 3]}):
        with pytest.raises(ValueError, match="y must be of the structure"):
            matched("y", NEST, wrong)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("mse", ["mse"] * 3),
        ({"a": "mse"}, ["mse", None, None]),
        ({"a": "mse", "b": "mae"}, ["mse", "mae", "mae"]),
        ({"a": "mse", "b": ["mae", ("mape",)]}, ["mse", "mae", "mape"]),
        (["mse", ["mae", "mape"]], ["mse", "mae", "mape"]),
        (["mse", "mae", "mape"], ["mse", "mae", "mape"]),
        ({"c": "mse"}, {"c": "mse"}),
    ],
)
def test_losses_are_spread(given, wanted):
    assert spread(NEST, given) == wanted


def test_nested_outputs_train_as_flat_ones():
    histories = []
    for nested in (True, False):
        x = Input((3,))
        a, b, c = (Dense(n, kernel_initializer="ones", name=f"d{n}")(x) for n in (1, 2, 4))
        y = [np.ones((6, n)) for n in (1, 2, 4)]
        model = Model(x, {"a": a, "b": [b, (c,)]} if nested else [a, b, c])
        loss, shares = ["mse", "mae", "mae"], [1.0, 0.5, 2.0]
        if nested:
            loss, shares = {"a": "mse", "b": "mae"}, {"a": 1.0, "b": [0.5, (2.0,)]}
            y = {"a": y[0], "b": [y[1], (y[2],)]}
        model.compile("sgd", loss, loss_weights=shares)
        histories.append(model.fit(X[:, 0], y, epochs=2, verbose=0).history)
        again = Model.from_config(model.get_config())
        again.compile(**model.get_compile_config())
        assert again.evaluate(X[:, 0], y, verbose=0)
    assert histories[0] == histories[1]


def test_a_clone_is_compiled_as_the_model_is():
    model = Sequential([Input((4, 3)), LSTM(2), Dense(1)])
    assert not model.compiled and not clone_model(model).compiled
    model.compile(Adam(0.25), "mse", metrics=["mae"])
    made = clone_model(model)
    assert made.compiled and made.optimizer is not model.optimizer
    assert made.get_compile_config() == model.get_compile_config()


def test_operators_are_no_layers_of_a_model():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], Dense(2)((a + b) * 2))
    assert [layer.name for layer in model.layers] == ["a", "b", "dense"]
    assert clone_model(model).predict([X[:, 0], X[:, 1]], verbose=0).shape == (6, 2)


def test_batches_decide_what_the_input_is():
    def batches():
        yield (X[:4],)
        yield (X[4:],)

    model = Sequential([LSTM(2), Dense(1)])
    found = model.predict(batches(), verbose=0)
    np.testing.assert_array_equal(found, model.predict(X, verbose=0))
    with pytest.raises(ValueError, match="gave no batch"):
        Sequential([LSTM(2)]).predict(iter(()), verbose=0)


def test_an_empty_model_gives_its_input_to_the_one_around():
    inside = Sequential([Input((3,))])
    model = Sequential([inside])
    inside.add(Dense(2))
    assert model.predict(X[:, 0], verbose=0).shape == (6, 2)
    with pytest.raises(AttributeError, match="output_shape"):
        Sequential([Sequential([Input((3,))])]).output_shape  # noqa: B018


def test_shapes_are_asked_for_several_inputs():
    a, b = Input((None, 3), name="a"), Input((None, 3), name="b")
    model = Model({"a": a, "b": b}, [LSTM(2)(a), Add()([a, b])])
    shapes = {"b": (7, 5, 3), "a": (7, 5, 3)}
    assert model.compute_output_shape(shapes) == [(7, 2), (7, 5, 3)]
    assert model.compute_output_shape(list(shapes.values())) == [(7, 2), (7, 5, 3)]
    assert not model.built
    with pytest.raises(ValueError, match="one for each of 2 inputs; got 1"):
        model.compute_output_shape((7, 5, 3))
    with pytest.raises(ValueError, match="expected 'b' in it"):
        model.compute_output_shape({"a": (7, 5, 3)})


def test_embeddings_that_are_given_are_there_at_once():
    table = RNG.normal(size=(3, 2)).astype("f4")
    layer = Embedding(3, 2, weights=[table])
    assert [weight.shape for weight in layer.weights] == [(3, 2)]
    np.testing.assert_array_equal(layer.get_weights()[0], table)
    layer.set_weights([table + 1])
    np.testing.assert_array_equal(layer.embeddings.numpy(), table + 1)
    model = Sequential([Input((1,)), layer])
    np.testing.assert_array_equal(model.predict([[1]], verbose=0)[0], table[1:2] + 1)
    with pytest.raises(ValueError, match="weights has shape"):
        Embedding(3, 2, weights=[table]).set_weights([table[:2]])
    assert Embedding(3, 2).weights == []


def test_a_stack_is_connected_once_however_many_layers_it_gets(monkeypatch):
    made = []
    monkeypatch.setattr(stack, "Graph", lambda *given: made.append(given) or kept(*given))
    model = Sequential([Input((3,)), *(Dropout(0.1) for _ in range(50)), Dense(1)])
    assert not made
    assert len(model.layers) == 51 and len(made) == 1
    assert [layer.name for layer in model.layers[:3]] == ["dropout", "dropout_1", "dropout_2"]


kept = stack.Graph


def test_names_are_free_and_stay_so():
    names = FreeNames(["a", "a_1", "b"])
    for wanted in ("a_2", "a_3"):
        assert names.free("a") == wanted
        names.take(wanted)
    assert names.free("c") == "c" and "c" not in names


METHODS = ["train_step", "test_step", "call", "make_train_function", "compute_loss"]


@pytest.mark.parametrize("name", METHODS)
def test_methods_that_would_never_be_called_are_said(name):
    cls = type("Own", (Model,), {name: lambda self, data: {}})
    x = Input((3,))
    with pytest.raises(TypeError, match=rf"Own\.{name} would never be called: nlstm runs"):
        cls(x, Dense(1)(x))
    model = Model(x, Dense(1)(x))
    with pytest.raises(TypeError, match=rf"Model\.{name} would never be called"):
        setattr(model, name, lambda data: {})


@pytest.mark.parametrize("value", ["yes", None, 2, [True]])
def test_trainable_is_a_flag(value):
    with pytest.raises(ValueError, match="trainable must be True or False"):
        Dense(1, trainable=value)
    layer = Dense(1)
    for thing in (layer, Sequential([layer])):
        with pytest.raises(TypeError, match="trainable must be True or False"):
            thing.trainable = value
    with pytest.raises(TypeError, match=r"Dense\.call would never be called"):
        layer.call = len


@pytest.mark.parametrize(
    "form",
    [
        lambda a, b: {"p": a, "q": [b]},
        lambda a, b: {"a": a, "q": {"b": b}},
        lambda a, b: {"a": (a,), "b": [b]},
        lambda a, b: [{"a": a}, b],
    ],
)
def test_inputs_in_nested_dicts(form):
    rng = np.random.default_rng(0)
    a, b = Input((5, 3), name="a"), Input((3,), name="b")
    model = Model(form(a, b), Dense(1)(Concatenate()([LSTM(2)(a), b])))
    x, y = (rng.random((4, 5, 3)), rng.random((4, 3))), np.zeros((4, 1))
    expected = model.predict(form(*x), verbose=0)
    np.testing.assert_array_equal(model(form(*x)), expected)
    model.compile("sgd", "mse")
    model.fit(form(*x), y, validation_data=(form(*x), y), verbose=0)
    model.train_on_batch(form(*x), y)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    answers = [one.predict(form(*x), verbose=0) for one in (model, again)]
    np.testing.assert_array_equal(*answers)
    assert model(form(Input((5, 3)), Input((3,)))).shape == (None, 1)
    assert model.compute_output_shape(form((7, 5, 3), (7, 3))) == (7, 1)
