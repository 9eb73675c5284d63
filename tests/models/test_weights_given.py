"""Weights by every door: what is none of the shape, or holds no numbers, changes nothing."""

import numpy as np
import pytest

import nlstm
from nlstm.layers import Dense, Embedding
from nlstm.optimizers import Adam

WRONG = {
    "shape": (np.ones((1, 3, 2)), ValueError, r"kernel has shape \(3, 2\); got \(1, 3, 2\)"),
    "row": (np.ones((1, 2)), ValueError, r"kernel has shape \(3, 2\); got \(1, 2\)"),
    "complex": (np.ones((3, 2), complex), TypeError, "kernel must hold real numbers"),
    "words": (np.full((3, 2), "a"), TypeError, "kernel must hold real numbers"),
    "ragged": ([[1.0], [1.0, 2.0]], ValueError, "kernel is no array"),
    "masked": (np.ma.masked_array(np.ones((3, 2)), np.eye(3, 2)), ValueError, "masked elements"),
    "too large": (np.full((3, 2), 1e300), ValueError, "kernel is too large for float32: 1e"),
}
DOORS = {
    "model": lambda model, kernel: model.set_weights([kernel, np.ones(2)]),
    "layer": lambda model, kernel: model.layers[0].set_weights([kernel, np.ones(2)]),
    "parameter": lambda model, kernel: model.weights[0].set(kernel),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_weight_is_named(door, kind):
    model = nlstm.Sequential([Dense(2, input_shape=(3,))])
    before, (kernel, error, text) = model.get_weights(), WRONG[kind]
    with pytest.raises(error, match=text):
        DOORS[door](model, kernel)
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("value", [3.0, {"kernel": 1}, "abc", None])
def test_weights_are_a_list(value):
    model = nlstm.Sequential([Dense(2, input_shape=(3,))])
    for holder in (model, model.layers[0]):
        with pytest.raises(TypeError, match="weights must be a list of arrays"):
            holder.set_weights(value)


def test_layers_that_begin_with_weights_look_at_them():
    with pytest.raises(ValueError, match="masked elements"):
        Embedding(3, 2, weights=[WRONG["masked"][0]])
    with pytest.raises(ValueError, match="weights is no array"):
        Embedding(3, 2, weights=[WRONG["ragged"][0]])


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    "name, value, text",
    [
        ("momentum/0", np.ones((3, 2), complex), "momentum/0 must hold real numbers"),
        ("momentum/0", [["a"]], "momentum/0 must hold real numbers"),
        ("iterations", np.nan, "iterations must be a finite number"),
        ("iterations", -1, "iterations must be at least 0"),
        ("learning_rate", [0.1], "learning_rate must be a finite number"),
    ],
)
def test_variables_of_an_optimizer_are_looked_at(built, name, value, text):
    model = nlstm.Sequential([Dense(2, input_shape=(3,))])
    model.compile(Adam(), "mse")
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
    state = model.optimizer.variables()
    optimizer = model.optimizer if built else Adam()
    with pytest.raises((TypeError, ValueError), match=text):
        optimizer.set_variables(state | {name: value})
    with pytest.raises(TypeError, match="variables must be a dict"):
        optimizer.set_variables([1.0])
    optimizer.set_variables(state)


def test_classes_to_weigh_are_there():
    model = nlstm.Sequential([Dense(3, "softmax", input_shape=(2,))])
    model.compile("sgd", "categorical_crossentropy")
    with pytest.raises(ValueError, match=r"y is empty: its shape is \(4, 0\)"):
        model.fit(np.ones((4, 2)), np.ones((4, 0)), class_weight={0: 1.0})
    for key in (float("nan"), float("inf")):
        with pytest.raises(TypeError, match="class_weight must be a dict of class to weight"):
            model.fit(np.ones((4, 2)), np.eye(3)[[0, 1, 2, 0]], class_weight={key: 1.0})
