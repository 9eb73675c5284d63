"""What operators make of symbols: values by NumPy, gradients by differences."""

import numpy as np
import pytest

from nlstm import Input, Model
from nlstm.layers import LSTM, Dense, Masking
from nlstm.layers.arithmetic import Arithmetic, Linear
from nlstm.layers.parts import GetItem
from nlstm.models import model_from_json
from tests.layers.binding import Bound

rng = np.random.default_rng(0)
X, OTHER, FLAT = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 5))

OPERATORS = {
    "sum": lambda x, other: x + other,
    "difference": lambda x, other: x - other,
    "product": lambda x, other: x * other,
    "number_after": lambda x, other: x * 2 + 1,
    "number_before": lambda x, other: 0.5 * (2 - x),
    "numpy_number": lambda x, other: x * np.float32(3) - np.int64(2),
    "negative": lambda x, other: -x,
    "quotient": lambda x, other: x / 4,
    "square": lambda x, other: x * x,
}  # fmt: skip

KEYS = {
    "step": np.s_[:, 1],
    "last_step": np.s_[:, -1, :],
    "steps": np.s_[:, 1:3],
    "backwards": np.s_[:, ::-1],
    "feature": np.s_[:, :, -2],
    "features": np.s_[..., 1:4],
    "both": np.s_[:, -2:, :2],
    "features_of_a_step": np.s_[:, 0, 1:],
    "batch": np.s_[:],
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name):
    x, other = Input((4, 5)), Input((4, 5))
    model = Model([x, other], OPERATORS[name](x, other), dtype="float64")
    again = model_from_json(model.to_json())
    for one in (model, again):
        np.testing.assert_allclose(
            one.predict([X, OTHER], verbose=0), OPERATORS[name](X, OTHER), rtol=1e-14
        )


@pytest.mark.parametrize("name", KEYS)
def test_parts(name):
    x = Input((4, 5))
    model = Model(x, x[KEYS[name]], dtype="float64")
    again = model_from_json(model.to_json())
    for one in (model, again):
        assert one.output_shape == (None, *X[KEYS[name]].shape[1:])
        np.testing.assert_array_equal(one.predict(X, verbose=0), X[KEYS[name]])


def test_parts_of_flat_values_and_of_any_number_of_steps():
    x, flat = Input((None, 5)), Input((5,))
    model = Model([x, flat], [x[:, -1], x[:, 1:], flat[:, 1:3]], dtype="float64")
    assert model.output_shape == [(None, 5), (None, None, 5), (None, 2)]
    for steps in (4, 2):
        last, rest, some = model.predict([X[:, :steps], FLAT], verbose=0)
        np.testing.assert_array_equal(last, X[:, steps - 1])
        np.testing.assert_array_equal(rest, X[:, 1:steps])
        np.testing.assert_array_equal(some, FLAT[:, 1:3])
    with pytest.raises(ValueError, match="takes nothing of 1"):
        model.predict([X[:, :1], FLAT], verbose=0)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_gradients_of_parts(key):
    Bound(GetItem(key), X).check_gradients()


@pytest.mark.parametrize("layer", [Linear(-1.5, 0.5), Linear(2, 0)])
@pytest.mark.parametrize("x", [X, FLAT])
def test_gradients_of_lines(layer, x):
    Bound(Linear(layer.factor, layer.offset), x).check_gradients()


def test_gradients_of_products():
    Bound(Arithmetic("multiply"), X, OTHER).check_gradients()


def test_the_result_has_no_mask_as_in_keras():
    masks = [np.array([[1, 1, 0, 0]] * 3), np.array([[1, 0, 0, 0]] * 3)]
    for layer, inputs in ((Arithmetic("multiply"), (X, OTHER)), (Linear(1, 1), (X,))):
        bound = Bound(layer, *inputs, masks=masks[: len(inputs)])
        (y,) = bound.forward()
        np.testing.assert_allclose(y, X * OTHER if len(inputs) > 1 else X + 1)
        assert bound.outputs[0].mask is None


def test_a_model_of_sums_learns():
    x = Input((4, 5))
    h = Masking()(x)
    y = LSTM(5, return_sequences=True)(h) * 0.5 + x
    model = Model(x, Dense(1)(y[:, -1]))
    model.compile("adam", "mse")
    history = model.fit(X, X[:, :1, 0], epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda x: x[0], ValueError, r"x\[0\]"),
        (lambda x: x[:, 4], ValueError, "number 4 of 4"),
        (lambda x: x[:, 2:2], ValueError, "nothing of 4"),
        (lambda x: x[:, ::2], ValueError, "every 2th"),
        (lambda x: x[:, 0, 0], ValueError, "keeps the axis"),
        (lambda x: x[:, :, ::-1], ValueError, "features"),
        (lambda x: x[:, 0, 0, 0], ValueError, r"of \(None, 4, 5\)"),
        (lambda x: x[:, None], TypeError, "Reshape"),
        (lambda x: x[:, "a"], TypeError, "'a'"),
        (lambda x: x[:, [0, 1]], TypeError, "0, 1"),
        (lambda x: x[:, True], TypeError, "True"),
        (lambda x: x + "a", TypeError, "str"),
        (lambda x: np.ones(5) * x, TypeError, "ndarray"),
        (lambda x: x / x, TypeError, "divided by numbers"),
        (lambda x: x / 0, TypeError, "not 0"),
        (lambda x: x + Input((5,)), ValueError, "as many axes"),
        (lambda x: x + Input((3, 5)), ValueError, "cannot merge"),
        (lambda x: list(x), TypeError, "gone through"),
    ],
)  # fmt: skip
def test_what_does_not_go_is_said(make, kind, words):
    with pytest.raises(kind, match=words):
        make(Input((4, 5)))
