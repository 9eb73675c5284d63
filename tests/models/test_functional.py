"""Symbols, functional models, shared layers and weights: numbers, names, orders, errors."""

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.layers import LSTM, Dense, Dropout, Embedding, InputLayer
from nlstm.models import Sequential
from nlstm.optimizers import SGD, Adam
from nlstm.plan.symbols import Symbol

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4, 2))
Z = RNG.normal(size=(7, 3))


def says(kind, text):
    import re

    return pytest.raises(kind, match=f"^{re.escape(text)}$")


def branched():
    """Two inputs, a layer that serves both, two outputs."""
    a, b = Input((4, 2), dtype="float64", name="a"), Input((3,), name="b")
    shared = Dense(3, "tanh", name="shared")
    one = Dense(1, name="one")(shared(LSTM(3)(a)))
    two = Dense(2, name="two")(shared(b))
    return Model([a, b], [one, two])


def test_input_is_a_symbol_with_keras_shape():
    x = Input((5, 2), batch_size=3, name="x")
    assert isinstance(x, Symbol) and x.shape == (3, 5, 2) and x.name == "x"
    assert Input(batch_shape=(3, None, 2)).shape == (3, None, 2)
    assert LSTM(4, return_sequences=True)(x).shape == (3, 5, 4)
    assert Input((None,), dtype="int32").shape == (None, None)
    with says(ValueError, "Input needs a shape, such as (steps, features)."):
        Input()
    with says(ValueError, "Input takes batch_shape, or shape and batch_size, not both."):
        Input((3,), batch_shape=(1, 3))


def test_a_chain_is_the_sequential_of_its_layers():
    rng = np.random.default_rng(1)
    x = Input((4, 2))
    model = Model(x, Dense(1)(LSTM(3, return_sequences=True)(x)))
    other = Sequential([Input((4, 2)), LSTM(3, return_sequences=True), Dense(1)])
    other.set_weights(model.get_weights())
    assert model.get_weights()[0].shape == (2, 12)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    y = rng.random((7, 4, 1))
    histories = []
    for one in (model, other):
        one.compile("adam", "mse")
        histories.append(one.fit(X, y, batch_size=3, shuffle=False, verbose=0).history)
    assert histories[0] == histories[1]
    for one, two in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_sequential_takes_symbols_and_input_layers():
    for begin in (Input((4, 2)), InputLayer((4, 2))):
        model = Sequential()
        model.add(begin)
        model.add(LSTM(3))
        assert model.predict(X).shape == (7, 3)
        assert model.input.shape == (None, 4, 2) and model.output.shape == (None, 3)
        assert model.layers[0].output is model.output


def test_layers_come_in_keras_order_with_unique_names():
    model = branched()  # the order is what Keras 3.15 gives for the same model
    assert [one.name for one in model.layers] == ["a", "lstm", "b", "shared", "one", "two"]
    assert model.input_names == ["a", "b"] and model.output_names == ["one", "two"]
    assert model.input_shape == [(None, 4, 2), (None, 3)]
    assert model.output_shape == [(None, 1), (None, 2)]
    x = Input((3,))
    model = Model(x, Dense(1)(Dense(2)(Dense(3)(x))))
    assert [one.name for one in model.design.layers] == ["dense", "dense_1", "dense_2"]
    with says(ValueError, "The name 'd' is used twice in the model; names are unique."):
        Model(x, Dense(1, name="d")(Dense(1, name="d")(x)))


def dense(x, layer):
    kernel, bias = layer.get_weights()
    return x @ kernel + bias


def test_several_outputs_and_a_shared_layer_compute_what_they_say():
    model = branched()
    outputs = model.predict([X, Z])
    assert isinstance(outputs, list)
    layer = model.get_layer
    two = dense(np.tanh(dense(Z, layer("shared"))), layer("two"))
    np.testing.assert_allclose(outputs[1], two, atol=1e-14)
    hidden = Sequential([LSTM(3, input_shape=(4, 2), dtype="float64")])
    hidden.set_weights(layer("lstm").get_weights())
    one = dense(np.tanh(dense(hidden.predict(X), layer("shared"))), layer("one"))
    np.testing.assert_allclose(outputs[0], one, atol=1e-14)
    np.testing.assert_array_equal(model.predict({"b": Z, "a": X})[1], outputs[1])
    np.testing.assert_array_equal(model([X, Z])[0], outputs[0])


def test_gradients_through_shared_layers_are_those_of_the_loss():
    rng = np.random.default_rng(1)
    model = branched()
    targets = [rng.random((7, 1)), rng.random((7, 2))]
    model.compile(SGD(1.0), ["mse", "mae"], loss_weights=[0.5, 2.0])
    before = model.get_weights()
    model.train_on_batch([X, Z], targets)
    steps = [old - new for old, new in zip(before, model.get_weights())]
    rng = np.random.default_rng(1)
    for number, weights in enumerate(before):
        direction = rng.normal(size=weights.shape)
        values = []
        for sign in (1, -1):
            moved = [w.copy() for w in before]
            moved[number] += sign * 1e-6 * direction
            model.set_weights(moved)
            values.append(model.test_on_batch([X, Z], targets)[0])
        slope = (values[0] - values[1]) / 2e-6
        assert slope == pytest.approx((steps[number] * direction).sum(), abs=1e-8)


def test_an_inner_value_may_be_an_output_and_outputs_a_dict():
    x = Input((4, 2))
    h = LSTM(3, return_sequences=True)(x)
    model = Model({"x": x}, {"inner": h, "last": Dense(2)(h)})
    found = model.predict({"x": X})
    assert found.keys() == {"inner", "last"}
    np.testing.assert_allclose(
        found["last"], dense(found["inner"], model.layers[-1]), rtol=1e-5, atol=1e-6
    )
    inner = Model(x, h)
    np.testing.assert_array_equal(inner.predict(X), found["inner"])
    part = Model(h, model.layers[-1].output)  # what comes before h is left out
    np.testing.assert_array_equal(part.predict(found["inner"]), found["last"])


def test_models_share_the_weights_of_shared_layers():
    rng = np.random.default_rng(1)
    x = Input((4, 2), dtype="float64")
    h = LSTM(3)(x)
    whole, encoder = Model(x, Dense(1)(h)), Model(x, h)
    y = rng.random((7, 1))
    whole.compile(Adam(0.1), "mse")
    whole.fit(X, y, epochs=2, verbose=0)
    for one, other in zip(encoder.get_weights(), whole.get_weights()):
        np.testing.assert_array_equal(one, other)
    # The encoder trains too, with moments of its own, as a model by itself would.
    alone = Sequential([LSTM(3, input_shape=(4, 2), dtype="float64")])
    alone.set_weights(encoder.get_weights())
    for model in (encoder, alone):
        model.compile(Adam(0.1), "mse")
        model.fit(X, np.ones((7, 3)), epochs=3, batch_size=3, shuffle=False, verbose=0)
    for one, other in zip(encoder.get_weights(), alone.get_weights()):
        np.testing.assert_allclose(one, other, atol=1e-14)
    np.testing.assert_array_equal(whole.get_weights()[0], encoder.get_weights()[0])
    np.testing.assert_allclose(
        whole.predict(X), dense(encoder.predict(X), whole.layers[-1]), atol=1e-14
    )


def test_a_model_is_called_like_a_layer():
    inner = branched()
    a, b = Input((4, 2)), Input((3,))
    one, two = inner([a, b])
    outer = Model([a, b], Dense(1, name="top")(two))
    assert one.shape == (None, 1)
    np.testing.assert_allclose(
        outer.predict([X, Z]), dense(inner.predict([X, Z])[1], outer.layers[-1]), atol=1e-14
    )
    stack = Sequential([LSTM(3), Dense(1)])
    x = Input((4, 2))
    model = Model(x, stack(x))
    np.testing.assert_array_equal(model.predict(X), stack.predict(X))


def test_a_mask_is_an_input():
    x, mask = Input((4, 2), dtype="float64"), Input((4,), dtype="bool")
    lstm = LSTM(3)
    model = Model([x, mask], lstm(x, mask=mask))
    counts = np.array([[1, 1, 0, 0]] * 7, bool)
    found = model.predict([X, counts])
    plain = Model(x, lstm(x))
    np.testing.assert_allclose(found, short(plain, X[:, :2]), atol=1e-14)
    np.testing.assert_allclose(
        model.predict([X, np.ones((7, 4), bool)]), plain.predict(X), atol=1e-14
    )


def short(model, x):
    """Return what the LSTM of `model` gives for sequences of another length."""
    other = Sequential([LSTM(3, input_shape=(None, 2), dtype="float64")])
    other.set_weights(model.get_weights())
    return other.predict(x)


def test_dropout_is_off_in_prediction_and_the_output_may_be_the_input():
    x = Input((3,))
    model = Model(x, [Dropout(0.5)(x), Dense(1)(x)])
    np.testing.assert_array_equal(model.predict(Z)[0], Z.astype(np.float32))
    model.compile("sgd", [None, "mse"])
    assert model.train_on_batch(Z, Z[:, :1]) > 0


def test_summary_says_what_is_connected(capsys):
    branched().summary()
    out = capsys.readouterr().out
    assert "Connected to" in out and "lstm, b" in out
    Sequential([LSTM(3, input_shape=(4, 2))]).summary()
    assert "Connected to" not in capsys.readouterr().out


def test_weights_go_through_a_file(tmp_path):
    model = branched()
    model.save_weights(tmp_path / "w")
    nlstm.set_random_seed(9)
    other = branched()
    other.load_weights(tmp_path / "w")
    for one, two in zip(model.predict([X, Z]), other.predict([X, Z])):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "call, kind, text",
    [
        (
            lambda a, b: Model(a, Dense(1)(b)),
            ValueError,
            "Graph disconnected: 'b' is not reachable from inputs ['a'].",
        ),
        (
            lambda a, b: Dense(1)(np.ones((2, 3))),
            TypeError,
            "dense is called on what Input or another layer returned; got ndarray. Arrays go to a "
            "model's predict.",
        ),
        (lambda a, b: Dense(1)(), TypeError, "dense needs an input to be called on."),
        (
            lambda a, b: Dense(1)(b, state=a),
            TypeError,
            "dense is called without an argument 'state'.",
        ),
        (
            lambda a, b: LSTM(2)(b),
            ValueError,
            "lstm expects sequences, (batch, steps, features); what comes before it gives "
            "(None, 3). An LSTM before it needs return_sequences=True.",
        ),
        (
            lambda a, b: Model(3, b),
            TypeError,
            "inputs of a model are what Input or layers returned; got 3.",
        ),
        (lambda a, b: Model(b, b), ValueError, "The model has no layers."),
        (lambda a, b: Model([b, b], Dense(1)(b)), ValueError, "inputs names one input twice."),
    ],
)
def test_what_is_no_graph(call, kind, text):
    with says(kind, text):
        call(Input((4, 2), name="a"), Input((3,), name="b"))


def test_a_shared_layer_keeps_its_features():
    layer = Dense(1)
    x, y = Input((3,)), Input((4,))
    model = Model([x, y], [layer(x), layer(y)])
    with says(ValueError, "dense was built for 3 features; it is called on 4."):
        model.get_weights()


def test_a_shared_embedding_takes_any_number_of_steps():
    rng = np.random.default_rng(1)
    table, reader = Embedding(5, 3), LSTM(2)
    x, y = Input((4,), dtype="int32"), Input((7,), dtype="int32")
    model = Model([x, y], [reader(table(x)), reader(table(y))])
    words = rng.integers(0, 5, (6, 7))
    short, long = model.predict([words[:, :4], words])
    np.testing.assert_array_equal(long, Model(y, model.outputs[1]).predict(words))
    np.testing.assert_array_equal(short, Model(x, model.outputs[0]).predict(words[:, :4]))


def test_data_that_do_not_fit_several_inputs():
    model = branched()
    for x, text in [
        (X, "x must be a list of 2 arrays or a dict, for a, b; got ndarray."),
        ([X], "x must be a list of 2 arrays or a dict, for a, b; got 1 of them."),
        ({"a": X}, "x is a dict of 'a'; expected 'b' in it."),
        ([X, Z[:3]], "x['b'] has 3 rows, but x['a'] has 7."),
        ([X, Z[:, :2]], "b expects 3 features; x['b'] of shape (7, 2) has 2."),
    ]:
        with says(ValueError, text):
            model.predict(x)


def test_indices_are_checked():
    layer = Dense(1, name="d")
    layer.index_limit = 4
    x = Input((3,), dtype="int32")
    model = Model(x, layer(x))
    model.predict([[0, 1, 3]])
    for indices, text in [
        (
            [[0, 4, 1]],
            "x must lie in 0 to 3; row 0, step 1, has 4. The table has 4 rows, its input_dim.",
        ),
        ([[0, 1, 2], [0, 0.5, 1]], "x must hold indices, which are whole numbers; row 1 does not."),
    ]:
        with says(ValueError, text):
            model.predict(indices)


def test_graphs_may_be_deep(tmp_path):
    x = h = Input((3,))
    for _ in range(1000):
        h = h * 0.5 + x
    model = Model(x, h)
    model.summary(print_fn=lambda line: None)
    model.save(tmp_path / "deep.nlstm")
    again = nlstm.models.load_model(tmp_path / "deep.nlstm")
    np.testing.assert_allclose(again.predict(np.ones((2, 3)), verbose=0), 2.0)


def test_another_input_of_the_same_name_is_called_that():
    a, b = Input((2,), name="a"), Input((2,), name="a")
    with pytest.raises(ValueError, match="inputs \\['a'\\]. It is another Input of that name"):
        Model(a, Dense(1)(b))
