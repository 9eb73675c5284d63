"""Models: layers, shapes, weights, and what they print."""

import numpy as np
import pytest

import nlstm
from nlstm import kernels
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential

X = np.random.default_rng(0).random((4, 5, 2), dtype=np.float32)


def small(**options):
    return Sequential([LSTM(3, input_shape=(5, 2)), Dense(1)], **options)


def test_weights_have_keras_shapes_and_order():
    model = small()
    assert [w.shape for w in model.get_weights()] == [(2, 12), (3, 12), (12,), (3, 1), (1,)]
    assert [w.dtype for w in model.get_weights()] == [np.float32] * 5
    assert model.count_params() == 24 + 36 + 12 + 3 + 1


def test_set_weights_goes_round():
    model = small()
    weights = [np.random.default_rng(1).random(w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    for one, other in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(one, other.astype(np.float32))


def test_weights_that_come_out_are_copies():
    model = small()
    model.get_weights()[0][:] = 7
    assert not (model.get_weights()[0] == 7).any()


def test_weights_of_one_layer():
    model = small()
    model.layers[1].set_weights([np.ones((3, 1)), np.zeros(1)])
    np.testing.assert_array_equal(model.get_weights()[3], np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"dense/kernel has shape \(3, 1\); got \(1, 3\)"):
        model.layers[1].set_weights([np.ones((1, 3)), np.zeros(1)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype(dtype):
    for model in (small(dtype=dtype), Sequential([Input((5, 2), dtype=dtype), LSTM(3)])):
        assert model.predict(X).dtype == dtype
        assert model.get_weights()[0].dtype == dtype


def test_names_are_unique_in_a_model():
    model = Sequential([LSTM(2, return_sequences=True), LSTM(2), Dense(1), Dense(1), Dense(1)])
    assert [one.name for one in model.design.layers] == [
        "lstm",
        "lstm_1",
        "dense",
        "dense_1",
        "dense_2",
    ]
    model = Sequential([Dense(1, name="head", input_shape=(3,))])
    with pytest.raises(ValueError, match="The name 'head' is taken"):
        model.add(Dense(1, name="head"))
    assert model.get_layer("head") is model.layers[0] is model.get_layer(index=0)
    with pytest.raises(ValueError, match="No layer 'tail'"):
        model.get_layer("tail")


def test_input_shape_may_come_from_input_the_first_layer_build_or_the_data():
    models = [
        Sequential([Input((5, 2)), LSTM(3), Dense(1)]),
        small(),
        Sequential([LSTM(3), Dense(1)]),
        Sequential([LSTM(3), Dense(1)]),
    ]
    models[2].build((None, 5, 2))
    models[3].compile("sgd", "mse")
    models[3].fit(X, np.ones(4), verbose=0)
    for model in models:
        assert model.built or model.layers
        assert model.predict(X).shape == (4, 1)
        assert model.output_shape == (None, 1)
    assert [model.input_shape for model in models] == [(None, 5, 2)] * 3 + [(None, None, 2)]


def test_layers_leave_out_the_input():
    assert [type(one) for one in Sequential([Input((3,)), Dense(1)]).layers] == [Dense]


def test_a_model_may_grow_after_it_was_built():
    model = Sequential([LSTM(3, input_shape=(5, 2), return_sequences=True)])
    before = model.get_weights()
    model.add(Dense(2))
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert model.predict(X).shape == (4, 5, 2)


def test_the_same_seed_gives_the_same_weights():
    models = []
    for _ in range(2):
        nlstm.set_random_seed(5)
        models += [small(), small()]
    first, second, third, _ = (model.get_weights()[0] for model in models)
    np.testing.assert_array_equal(first, third)
    assert not np.array_equal(first, second)


def test_summary():
    lines = []
    model = Sequential([LSTM(50, input_shape=(20, 10), return_sequences=True), Dense(1)])
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert 'Model: "sequential"' in text
    assert "lstm (LSTM)" in text and "(None, 20, 50)" in text and "12,200" in text
    assert "Total params: 12,251 (47.86 KB)" in text
    assert len({len(line) for line in lines[1:-4]}) == 1
    width = kernels.load("cpu").padded(50, "float32")
    # Saved: 4 gates, h and c; between the layers: the gradient of h; the output and its gradient.
    least, most = 4 * (4 * 50 + 2 * 50), 4 * (4 * width + 3 * width + 3 * width)
    found = int(lines[-1].removeprefix("Bytes per step in training: ").replace(",", ""))
    assert found == model.bytes_per_step()
    assert least < found < most
    lines.clear()
    Sequential([Dense(1)]).summary(print_fn=lines.append)
    assert not any("Bytes per step" in line for line in lines)
    assert "?" in lines[4]


def test_weights_that_float32_cannot_hold_are_refused():
    model = Sequential([Dense(2, input_shape=(3,))])
    before = model.get_weights()
    with pytest.raises(ValueError, match="dense/bias is too large for float32: -1e"):
        model.set_weights([np.zeros((3, 2)), np.array([0.0, -1e300])])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda shape, dtype: np.zeros(shape, complex), "real numbers"),
        (lambda shape, dtype: np.ma.masked_array(np.ones(shape), True), "masked"),
    ],
)
def test_what_an_initializer_gives_is_looked_at(make, words):
    model = Sequential([Dense(2, input_shape=(3,), kernel_initializer=make)])
    with pytest.raises((TypeError, ValueError), match=f"What the initializer gives.*{words}"):
        model.get_weights()
