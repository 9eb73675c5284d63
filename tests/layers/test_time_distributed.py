"""A model applied to each step: names, files, copies, sharing. Numbers: beside Keras's."""

import copy
import pickle

import numpy as np
import pytest

from nlstm import Input, Model, Sequential
from nlstm.layers import LSTM, Add, Dense, Dropout, Embedding, Flatten, Reshape, TimeDistributed
from nlstm.models import clone_model, load_model, model_from_json

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4, 3)), RNG.normal(size=(6, 1))


def inner(*known, **options):
    return Sequential([*known, Dense(3, "tanh"), Dropout(0.2, seed=1), Dense(2)], **options)


def outer(member=None, dtype="float64"):
    member = inner(name="each") if member is None else member
    made = Sequential([Input((4, 3)), TimeDistributed(member), LSTM(2), Dense(1)], dtype=dtype)
    made.compile("adam", "mse")
    return made


def test_every_step_is_a_row_of_the_model():
    member = inner()
    made = Sequential([Input((4, 3)), TimeDistributed(member)])
    found = made.predict(X, verbose=0)
    wanted = member.predict(X.reshape(-1, 3), verbose=0).reshape(6, 4, 2)
    np.testing.assert_array_equal(found, wanted)


def test_weights_are_named_below_the_model():
    made = outer()
    names = [name for name in made.binder.weights.named if name.startswith("time")]
    assert names == [
        f"time_distributed/each/{layer}/{weight}"
        for layer in ("dense", "dense_1")
        for weight in ("kernel", "bias")
    ]
    assert made.layers[0].count_params() == 12 + 8


@pytest.mark.parametrize("way", ["file", "deepcopy", "pickle"])
@pytest.mark.parametrize("known", [True, False])
def test_copies_train_on(way, known, tmp_path):
    made = outer(inner(*([Input((3,))] if known else []), name="each"))
    made.fit(X, Y, verbose=0)
    if way == "file":
        made.save(tmp_path / "m.nlstm")
        other = load_model(tmp_path / "m.nlstm")
    else:
        other = copy.deepcopy(made) if way == "deepcopy" else pickle.loads(pickle.dumps(made))
    for model in (made, other):
        model.fit(X, Y, epochs=2, verbose=0)
    for one, twin in zip(made.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, twin)
    member = other.layers[0].layer
    wanted = member.predict(X.reshape(-1, 3), verbose=0)  # it shares the copy's weights
    found = Model(other.input, other.layers[0].output).predict(X, verbose=0)
    np.testing.assert_array_equal(found.reshape(-1, 2), wanted)


def test_configs_and_clones():
    made = outer()
    for other in (model_from_json(made.to_json()), clone_model(made)):
        other.set_weights(made.get_weights())
        np.testing.assert_array_equal(other.predict(X, verbose=0), made.predict(X, verbose=0))
    assert clone_model(made).layers[0].layer is not made.layers[0].layer


def test_a_model_in_two_places_has_its_weights_once():
    x, member = Input((4, 3)), inner()
    made = Model(x, Add()([TimeDistributed(member)(x)[:, 0], member(x[:, 1])]))
    made.compile("sgd", "mse")
    assert len(made.weights) == 4 and made.count_params() == 20
    before = member.predict(X[:, 0], verbose=0)
    made.fit(X, np.zeros((6, 2)), verbose=0)
    assert (member.predict(X[:, 0], verbose=0) != before).any()


def test_indices_inside_are_looked_at():
    words = Sequential([Embedding(5, 3), LSTM(2)])
    made = Sequential([Input((4, 6)), TimeDistributed(words)])
    assert made.predict(np.ones((2, 4, 6)), verbose=0).shape == (2, 4, 2)
    with pytest.raises(ValueError, match="x must lie in 0 to 4"):
        made.predict(np.full((2, 4, 6), 5), verbose=0)
    behind = Sequential(
        [Input((4, 6)), Dense(6, kernel_initializer="ones"), TimeDistributed(words)]
    )
    with pytest.raises(ValueError, match="embedding got 54 from the layer before it"):
        behind.predict(np.full((2, 4, 6), 9), verbose=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x, a: Model(a, [Dense(1)(a), Dense(2)(a)]), "has 1 and 2"),
        (lambda x, a: Sequential([Reshape((3, 1)), LSTM(2, stateful=True)]), "lstm .* is stateful"),
        (lambda x, a: Sequential([Input((5,)), Dense(1)]), r"inputs of shape \(None, 5\); got"),
        (lambda x, a: Sequential([Reshape((3, 1))]), "gives .*, not"),
    ],
)
def test_what_does_not_go_is_said(make, words):
    x, a = Input((4, 3)), Input((3,))
    with pytest.raises(ValueError, match=words):
        TimeDistributed(make(x, a))(x)


def test_a_model_that_has_changed_is_said():
    member = inner()
    made = outer(member)
    made.predict(X, verbose=0)
    member.add(Dense(2))
    with pytest.raises(ValueError, match="has changed since it was applied"):
        made.predict(X[:3], verbose=0)


def test_samples_of_three_axes_are_said():
    with pytest.raises(
        ValueError, match=r"got \(4, 3, 2\). .*TimeDistributed\(model\), with a Res"
    ):
        Sequential([Input((4, 3, 2)), TimeDistributed(LSTM(2))])
    steps = Sequential([Reshape((3, 2)), LSTM(2)])
    made = Sequential([Input((4, 6)), TimeDistributed(steps), Flatten()])
    assert made.output_shape == (None, 8)
