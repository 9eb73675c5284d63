"""The LSTM layer against the reference, Keras's golden values, and its own arguments."""

import numpy as np
import pytest

from nlstm.initializers import Constant
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from tests.layers.gradients import assert_close, gradients, model_of
from tests.reference.lstm import lstm_backward, lstm_forward

X = np.random.default_rng(0).normal(size=(5, 7, 3))


def reference(model, x, **options):
    kernel, recurrent_kernel, *bias = model.get_weights()
    b = bias[0] if bias else np.zeros(kernel.shape[1])
    return lstm_forward(x, kernel, recurrent_kernel, b, **options)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("options", [{}, {"go_backwards": True}, {"use_bias": False}])
@pytest.mark.parametrize("units", [1, 4, 19])
def test_outputs_and_gradients(units, options, return_sequences):
    model = model_of(LSTM(units, return_sequences=return_sequences, **options), shape=(7, 3))
    trace = reference(model, X, reverse=options.get("go_backwards", False))
    outputs = trace.outputs if return_sequences else trace.h
    assert_close([model.predict(X)], [outputs])

    y = np.random.default_rng(1).normal(size=outputs.shape)
    slope = 2 * (outputs - y) / y.size
    if not return_sequences:
        doutputs = np.zeros_like(trace.outputs)
        doutputs[:, -1] = slope
        slope = doutputs
    wanted = lstm_backward(trace, slope)
    assert_close(
        gradients(model, X, y), [wanted.dW, wanted.dU, wanted.db][: len(model.get_weights())]
    )


@pytest.mark.parametrize("activation", ["relu", "linear", "sigmoid", None])
def test_activations(activation):
    model = model_of(LSTM(4, activation, "tanh", return_sequences=True), shape=(7, 3))
    trace = reference(model, X, activation=activation or "linear", recurrent_activation="tanh")
    assert_close([model.predict(X)], [trace.outputs])


@pytest.mark.parametrize("last_sequences", [False, True])
def test_two_layers_and_a_head(last_sequences):
    first, second = LSTM(6, return_sequences=True), LSTM(5, return_sequences=last_sequences)
    model = model_of(first, second, Dense(2), shape=(None, 3))
    W1, U1, b1, W2, U2, b2, kernel, bias = model.get_weights()
    one = lstm_forward(X, W1, U1, b1)
    two = lstm_forward(one.outputs, W2, U2, b2)
    hidden = two.outputs if last_sequences else two.h
    p = hidden @ kernel + bias
    assert_close([model.predict(X)], [p])

    y = np.random.default_rng(1).normal(size=p.shape)
    dp = 2 * (p - y) / y.size
    dhidden = dp @ kernel.T
    if last_sequences:
        doutputs = dhidden
    else:
        doutputs = np.zeros_like(two.outputs)
        doutputs[:, -1] = dhidden
    back_two = lstm_backward(two, doutputs)
    back_one = lstm_backward(one, back_two.dx)
    dkernel = hidden.reshape(-1, 5).T @ dp.reshape(-1, 2)
    dbias = dp.reshape(-1, 2).sum(axis=0)
    wanted = [back.__dict__[name] for back in (back_one, back_two) for name in ("dW", "dU", "db")]
    assert_close(gradients(model, X, y), [*wanted, dkernel, dbias])


# Keras's own golden values: keras/src/layers/rnn/lstm_test.py


def golden_model(**options):
    layer = LSTM(
        3,
        kernel_initializer=Constant(0.01),
        recurrent_initializer=Constant(0.02),
        bias_initializer=Constant(0.03),
        **options,
    )
    return Sequential([layer])


@pytest.mark.parametrize(
    "options, wanted",
    [
        ({}, [0.6288687, 0.86899155, 0.9460773]),
        ({"go_backwards": True}, [0.35622165, 0.74789524, 0.8872726]),
        ({"unit_forget_bias": False}, [0.57019705, 0.8661914, 0.9459622]),
        ({"use_bias": False}, [0.54986924, 0.86226785, 0.9443936]),
    ],
)
def test_golden_values(options, wanted):
    x = np.arange(72).reshape(3, 6, 4).astype("float32")
    model = golden_model(**options)
    model.build((None, 6, 4))
    np.testing.assert_allclose(model.predict(x), np.repeat(np.c_[wanted], 3, axis=1), rtol=2e-6)


# Initial values


def test_initial_weights():
    model = Sequential([LSTM(5, input_shape=(None, 3))])
    kernel, recurrent_kernel, bias = model.get_weights()
    assert np.abs(kernel).max() <= np.sqrt(6 / (3 + 20))
    np.testing.assert_allclose(recurrent_kernel @ recurrent_kernel.T, np.eye(5), atol=1e-6)
    np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], 5))


# Dropout: the masks are read off a linear LSTM's gradients


def test_dropout_is_off_outside_training():
    plain, dropped = (
        model_of(LSTM(4, dropout=rate, recurrent_dropout=rate), shape=(7, 3)) for rate in (0.0, 0.5)
    )
    np.testing.assert_array_equal(plain.predict(X), dropped.predict(X))
    y = np.zeros((5, 4))
    assert plain.evaluate(X, y, verbose=0) == dropped.evaluate(X, y, verbose=0)
    assert plain.test_on_batch(X, y) != dropped.train_on_batch(X, y)


def test_dropout_uses_one_mask_for_all_steps():
    # One unit, one row, the same input at every step: a dropped feature has a zero row of dW.
    model = model_of(LSTM(1, dropout=0.5, seed=3), shape=(None, 40))
    dW, *_ = gradients(model, np.full((1, 6, 40), 0.1), np.zeros((1, 1)))
    dropped = (dW == 0).all(axis=1)
    assert 8 <= dropped.sum() <= 32
    kept = dW[~dropped]
    np.testing.assert_allclose(kept, np.broadcast_to(kept[0], kept.shape), rtol=1e-9)


def test_recurrent_dropout_has_a_mask_per_gate():
    # dU's row k, gate j is zero where unit k is dropped for gate j.
    model = model_of(LSTM(30, recurrent_dropout=0.5, seed=3), shape=(None, 3))
    _, dU, _ = gradients(model, X[:1], np.zeros((1, 30)))
    dropped = (dU.reshape(30, 4, 30) == 0).all(axis=2)
    assert (8 <= dropped.sum(axis=0)).all() and (dropped.sum(axis=0) <= 22).all()
    assert len({tuple(column) for column in dropped.T}) == 4


@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
def test_gradients_under_dropout_match_the_reference(name):
    model = model_of(LSTM(4, seed=11, return_sequences=True, **{name: 0.4}), shape=(7, 3))
    W, U, b = model.get_weights()
    y = np.random.default_rng(1).normal(size=(5, 7, 4))
    from nlstm.kernels.cpu.data.random import dropout_mask

    layer = model.layers[0]
    purpose, rows, features = {"dropout": (0, 5, 3), "recurrent_dropout": (1, 20, 4)}[name]
    mask = np.zeros((rows, features))
    dropout_mask(layer.seeds.key(purpose), np.array([1]), purpose, 0.4, features, mask)
    assert (mask == 0).any()
    masks = {"x_mask": mask} if name == "dropout" else {"h_masks": mask.reshape(4, 5, 4)}
    trace = lstm_forward(X, W, U, b, **masks)
    wanted = lstm_backward(trace, 2 * (trace.outputs - y) / y.size)
    assert_close(gradients(model, X, y), [wanted.dW, wanted.dU, wanted.db])


def test_a_seed_of_its_own_repeats_the_masks():
    y = np.zeros((5, 4))
    losses = [
        model_of(LSTM(4, dropout=0.5, recurrent_dropout=0.3, seed=seed), shape=(7, 3))
        .train_on_batch(X, y)
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert losses[0] == losses[1] != losses[2]
