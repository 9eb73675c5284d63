"""A reader by itself: data by name and place, and errors that change nothing."""

from contextlib import nullcontext

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.layers import LSTM, Concatenate, Dense
from nlstm.network.wiring import Wiring
from nlstm.training.goal import aims
from nlstm.training.reader import Reader


def reader_of(loss="mse"):
    x, z = Input((5, 3), name="x"), Input((2,), name="z")
    h = Concatenate()([LSTM(4)(x), z])
    outputs = {"first": Dense(1)(h), "second": Dense(3, activation="softmax")(h)}
    network = Wiring({"x": x, "z": z}, outputs, "float64").network("This")
    return Reader(network, aims(network.output_names, loss, None, None, None))


X = {"x": np.ones((6, 5, 3)), "z": np.zeros((6, 2))}
SEVERAL = {"first": "mse", "second": "sparse_categorical_crossentropy"}


def test_inputs_by_name_or_by_place():
    reader = reader_of()
    for given in (X, list(X.values())):
        with nullcontext() if given is X else pytest.warns(UserWarning, match="without names"):
            data = reader.inputs(given)
        assert data.samples == ((5, 3), (2,)) and data.rows == 6
        assert [source.shape for source in data.x] == [(6, 5, 3), (6, 1, 2)]


@pytest.mark.parametrize(
    "call",
    [
        lambda model, x: model.fit(x, np.ones((6, 1)), verbose=0),
        lambda model, x: model.evaluate(x, np.ones((6, 1)), verbose=0),
        lambda model, x: model.predict(x, verbose=0),
        lambda model, x: model.predict_on_batch(x),
        lambda model, x: model.train_on_batch(x, np.ones((6, 1))),
        lambda model, x: model(x),
    ],
    ids=["fit", "evaluate", "predict", "predict_on_batch", "train_on_batch", "call"],
)
def test_a_missing_name_is_told_at_the_users_line(call):
    x = Input((5, 3), name="x")
    model = Model({"x": x}, Dense(1)(LSTM(4)(x)))
    model.compile("adam", "mse")
    with pytest.warns(UserWarning, match="without names") as told:
        call(model, X["x"])
    assert {one.filename for one in told} == {__file__}


def test_lengths_go_to_the_input_they_name():
    data = reader_of().inputs(X, lengths={"x": [1, 2, 3, 4, 5, 5]})
    np.testing.assert_array_equal(data.lengths[0], [1, 2, 3, 4, 5, 5])
    assert data.lengths[1] is None


def test_targets_of_outputs_that_are_measured():
    y = {"first": np.ones((6, 1)), "second": np.arange(6) % 3}
    data = reader_of(SEVERAL).data(X, y, None, "fit")
    assert [source.shape for source in data.y] == [(6, 1, 1), (6, 1, 1)]
    data = reader_of({"first": "mse"}).data(X, np.ones((6, 1)), None, "fit")
    assert data.y[1] is None


def test_weights_by_name_or_one_for_all():
    y = {"first": np.ones((6, 1)), "second": np.arange(6) % 3}
    reader = reader_of(SEVERAL)
    weights = reader.data(X, y, {"second": np.ones(6)}, "fit").weight
    assert weights[0] is None and weights[1].shape == (6, 1, 1)
    assert all(one.shape == (6, 1, 1) for one in reader.data(X, y, np.ones(6), "fit").weight)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ({**X, "z": np.zeros((5, 2))}, np.ones((6, 1)), r"x\['z'\] has 5 rows, but x\['x'\] has 6"),
        ({"x": X["x"]}, np.ones((6, 1)), r"x is a dict of 'x'; expected 'z' in it"),
        (X, None, r"fit needs y; got None"),
        (X, {"first": np.ones((6, 1))}, r"y is a dict of 'first'; expected 'second' in it"),
    ],
)
def test_errors_name_what_came(x, y, words):
    with pytest.raises(ValueError, match=words):
        reader_of(SEVERAL).data(x, y, None, "fit")
