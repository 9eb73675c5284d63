"""Models inside a Sequential: as the same layers one after the other, with a name of their own."""

import copy
import pickle

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.layers import LSTM, Concatenate, Dense, Dropout
from nlstm.models import Sequential, clone_model, load_model, model_from_json
from nlstm.network.depth import DEEPEST

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 5, 3)), RNG.normal(size=(8, 1))


def encoder(known=True):
    shape = {"input_shape": (5, 3)} if known else {}
    return Sequential([LSTM(4, return_sequences=True, **shape), LSTM(4)], name="encoder")


def branches_on(h):
    return Dense(3)(Concatenate()([Dense(2)(h), Dense(3, "tanh")(h)]))


def branches():
    x = Input((4,))
    return Model(x, branches_on(x), name="branches")


def model_of(*members):
    model = Sequential(members, dtype="float64")
    model.build((None, 5, 3))
    model.compile("adam", "mse")
    return model


def trained_alike(one, other):
    """Whether two models with the same weights stay the same in training."""
    other.set_weights(one.get_weights())
    histories = [model.fit(X, Y, epochs=3, shuffle=False, verbose=0) for model in (one, other)]
    assert histories[0].history == histories[1].history
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("known", [True, False])
def test_a_stack_in_a_stack(known):
    nested = model_of(encoder(known), Dense(2), Sequential([Dense(1)]))
    flat = model_of(LSTM(4, return_sequences=True), LSTM(4), Dense(2), Dense(1))
    trained_alike(nested, flat)
    inner = nested.layers[0]
    assert inner.dtype == "float64"
    wanted = Model(flat.input, flat.layers[1].output).predict(X)
    np.testing.assert_array_equal(inner.predict(X), wanted)


def test_parts_by_name():
    inner = encoder()
    nested = model_of(inner, Dense(2), Sequential([Dense(1)]), Sequential([Dense(1)]))
    assert nested.layers[0] is inner is nested.get_layer("encoder")
    assert [one.name for one in nested.layers] == ["encoder", "dense", "sequential", "sequential_1"]
    assert next(iter(nested.binder.weights.named)) == "encoder/lstm/kernel"
    assert len(nested.weights) == len(nested.binder.weights.named) == 12
    lines = []
    nested.summary(print_fn=lines.append)
    table = "\n".join(lines)
    assert "│ encoder (Sequential)      │ (None, 4)    │     272 │" in table
    assert nested.count_params() == 272 + 10 + 3 + 2


def test_a_graph_in_a_stack(tmp_path):
    nested = model_of(LSTM(4), branches(), Dense(1))
    x = Input((5, 3), dtype="float64")
    flat = Model(x, Dense(1)(branches_on(LSTM(4)(x))))
    flat.compile("adam", "mse")
    trained_alike(nested, flat)
    nested.save(tmp_path / "m.nlstm")
    loaded = load_model(tmp_path / "m.nlstm")
    trained_alike(nested, loaded)


@pytest.mark.parametrize("known", [True, False])
def test_files_keep_the_nesting_and_training(tmp_path, known):
    deep = Sequential([encoder(known), Dropout(0.3, seed=1)], name="deep")
    nested = model_of(deep, Dense(1))
    deep.trainable = False
    deep.layers[0].layers[1].trainable = True
    nested.compile("adam", "mse")
    nested.fit(X, Y, verbose=0)
    nested.save(tmp_path / "m.nlstm")
    loaded = load_model(tmp_path / "m.nlstm")
    assert [one.name for one in loaded.get_layer("deep").layers] == ["encoder", "dropout"]
    assert [len(one.trainable_weights) for one in (nested, loaded)] == [5, 5]
    np.testing.assert_array_equal(loaded.predict(X), nested.predict(X))
    before = loaded.get_weights()
    trained_alike(nested, loaded)  # the moments and the draws of dropout too
    assert [np.array_equal(a, b) for a, b in zip(before, loaded.get_weights())] == [
        *[True] * 3, *[False] * 5
    ]  # fmt: skip
    nested.save_weights(tmp_path / "w.safetensors")
    again = model_from_json(nested.to_json())
    again.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(again.predict(X), nested.predict(X))


def stacked(depth, known=True):
    model = Sequential([Input((5, 3)), LSTM(2)] if known else [LSTM(2)])
    for _ in range(depth - 1):
        model = Sequential([model])
    return model


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("ending", [".nlstm", ".keras", ".h5"])
def test_models_fifty_deep_go_into_files_and_copies(tmp_path, ending, known):
    if ending != ".nlstm":
        pytest.importorskip("h5py")
    model = stacked(DEEPEST, known)
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / f"m{ending}")
    for same in (load_model(tmp_path / f"m{ending}"), copy.deepcopy(model)):
        np.testing.assert_allclose(same.predict(X, verbose=0), expected, rtol=1e-6)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X, verbose=0), expected)
    assert clone_model(model).count_params() == model.count_params()


def test_models_that_are_nested_deeper_are_refused():
    said = "nested more than 50 deep, more than files and copies hold: give it the layers"
    for known in (True, False):
        deepest = stacked(DEEPEST, known)
        with pytest.raises(ValueError, match=f"^outer would have models {said}"):
            Sequential([deepest], name="outer")
        outer = Sequential(name="outer")
        with pytest.raises(ValueError, match=said):
            outer.add(deepest)
        assert outer.layers == []


def test_a_model_that_has_grown_too_deep_inside_is_refused():
    inner = Sequential()
    model = Sequential([inner])
    for _ in range(DEEPEST - 2):
        inner.add(further := Sequential())
        inner = further
    inner.add(LSTM(2))
    model.predict(X, verbose=0)
    inner.pop()
    inner.add(Sequential([LSTM(2)]))
    with pytest.raises(ValueError, match="nested more than 50 deep"):
        model.predict(X, verbose=0)


def test_copies_have_layers_of_their_own():
    nested = model_of(encoder(), Dense(1))
    copy = clone_model(nested)
    assert copy.get_layer("encoder") is not nested.get_layer("encoder")
    copy.set_weights(nested.get_weights())
    np.testing.assert_array_equal(copy.predict(X), nested.predict(X))


def test_a_model_in_two_stacks_shares_its_weights():
    inner = encoder()
    before = inner.predict(X)
    one = Sequential([inner, Dense(1)])
    other = Sequential([inner, Dense(1)])
    one.compile("adam", "mse")
    one.fit(X, Y, verbose=0)
    assert (inner.predict(X) != before).any()
    np.testing.assert_array_equal(
        inner.predict(X), Model(other.input, other.layers[0](other.input)).predict(X)
    )
    other.set_weights([*inner.get_weights(), *one.layers[1].get_weights()])
    np.testing.assert_array_equal(other.predict(X), one.predict(X))


def test_added_to_a_model_with_weights():
    nested = model_of(LSTM(4))
    before = nested.predict(X)
    nested.add(Sequential([Dense(2), Dense(1)]))
    assert nested.predict(X).shape == (8, 1)
    nested.compile("adam", "mse")
    np.testing.assert_array_equal(Model(nested.input, nested.layers[0].output).predict(X), before)
    nested.fit(X, Y, verbose=0)


def two_outputs():
    x = Input((4,))
    return Model(x, [Dense(1)(x), Dense(1)(x)], name="two")


@pytest.mark.parametrize(
    "call, error, text",
    [
        (
            lambda: Sequential([Sequential([Dense(1)], dtype="float32")], dtype="float64"),
            ValueError,
            "sequential is float32, but the model is float64",
        ),
        (lambda: Sequential([Sequential(name="none")]).predict(X), ValueError, "has no layers"),
        (lambda: Sequential([Dense(1), Sequential(name="none")]), ValueError, "'none' has no lay"),
        (lambda: Sequential([two_outputs()]), ValueError, "'two' has 1 and 2"),
        (
            lambda: Sequential([encoder(), encoder()]),
            ValueError,
            "The name 'encoder' is taken by another layer of this model",
        ),
        (lambda: Sequential([Input((5, 2)), Dense(1), encoder(), 3]), TypeError, "or a model"),
        (
            lambda: Sequential([LSTM(2, input_shape=(5, 3)), encoder()]),
            ValueError,
            "lstm expects sequences",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_model_twice_is_an_error_that_changes_nothing():
    inner = Sequential([Dense(3)])
    model = Sequential([inner])
    with pytest.raises(
        ValueError, match=r"sequential has the layers \['dense'\] of 'sequential' already"
    ):
        model.add(inner)
    assert model.layers == [inner] and inner.name == "sequential"


def test_dtypes_meet_in_either_order():
    inner = Sequential([Dense(2)], dtype="float64")
    assert Sequential([Dense(3, input_shape=(3,)), inner]).dtype == "float64"
    inner = Sequential([Dense(2)])
    Sequential([inner, Dense(3, dtype="float64")])
    assert inner.dtype == "float64"
    built = Sequential([Dense(2, input_shape=(3,))])
    built.build()
    with pytest.raises(ValueError, match="sequential is float32, but the model is float64"):
        Sequential([Dense(3, input_shape=(3,)), built], dtype="float64")
