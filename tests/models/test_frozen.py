"""`trainable = False`: weights that training leaves alone."""

import numpy as np
import pytest

import nlstm
from nlstm import Input, Model
from nlstm.layers import LSTM, Bidirectional, Dense, Embedding
from nlstm.models import Sequential, clone_model, load_model
from nlstm.optimizers import SGD, Adam
from nlstm.regularizers import L2

RNG = np.random.default_rng(0)
X, Y = RNG.random((8, 4, 3)), RNG.random((8, 1))


def made(optimizer, frozen=True, **options):
    nlstm.set_random_seed(1)
    model = Sequential([LSTM(4, input_shape=(4, 3), **options), Dense(1)])
    model.layers[0].trainable = not frozen
    model.compile(optimizer, "mse")
    return model


def fit(model, epochs=2):
    return model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def test_frozen_weights_stay():
    model = made(Adam(0.1))
    before = model.get_weights()
    fit(model)
    same = [np.array_equal(one, two) for one, two in zip(before, model.get_weights())]
    assert same == [True, True, True, False, False]
    assert [one.name for one in model.trainable_weights] == ["kernel", "bias"]
    assert len(model.non_trainable_weights) == 3
    assert len(model.weights) == 5
    assert {name for name in model.optimizer.variables() if "/" in name} == {
        f"{slot}/{number}" for slot in ("momentum", "velocity") for number in (0, 1)
    }


def test_they_are_no_part_of_the_norm_that_clips():
    """The Dense layer alone on what the LSTM gives is trained to the same weights."""
    model = made(SGD(0.5, global_clipnorm=0.01))
    features = Model(model.inputs, model.layers[0].output).predict(X)
    alone = Sequential([Dense(1, input_shape=(4,))])
    alone.compile(SGD(0.5, global_clipnorm=0.01), "mse")
    alone.set_weights(model.get_weights()[3:])
    alone.fit(features, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    fit(model)
    for one, two in zip(alone.get_weights(), model.get_weights()[3:]):
        np.testing.assert_allclose(one, two, rtol=1e-5)


def test_they_have_no_penalty():
    plain, penalised = (made(SGD(0.1), kernel_regularizer=one) for one in (None, L2(10.0)))
    assert fit(plain) == fit(penalised)
    assert fit(made(SGD(0.1), False, kernel_regularizer=L2(10.0)))[0] > fit(plain)[0] + 1


def test_compile_decides():
    model = made(SGD(0.1))
    model.layers[0].trainable = True
    kernel = model.get_weights()[0]
    fit(model)
    assert np.array_equal(kernel, model.get_weights()[0])
    model.compile(SGD(0.1), "mse")
    fit(model)
    assert not np.array_equal(kernel, model.get_weights()[0])
    model.trainable = False
    assert not any(layer.trainable for layer in model.layers)
    model.compile(SGD(0.1), "mse")
    with pytest.warns(UserWarning, match="no weights to train"):
        fit(model)


def test_averages_reach_the_weights():
    """An optimizer that trains a part of the weights works on copies of them."""
    model = made(SGD(0.5, use_ema=True, ema_momentum=0.9))
    fit(model)
    for number, weight in enumerate(model.get_weights()[3:]):
        np.testing.assert_array_equal(model.optimizer.variables()[f"average/{number}"], weight)


def test_weight_decay_leaves_out_a_layers_own_weights():
    model = made(SGD(0.0, weight_decay=0.5))
    model.compile(SGD(0.1, weight_decay=0.5), "mse")
    model.optimizer.exclude_from_weight_decay([model.layers[1].kernel])
    model.layers[1].set_weights([np.ones((4, 1)), [1.0]])
    model.layers[0].set_weights([np.zeros(one.shape) for one in model.layers[0].weights])
    x, y = np.zeros((4, 4, 3)), np.ones((4, 1))  # the loss is 0
    model.fit(x, y, epochs=1, verbose=0)
    kernel, bias = model.layers[1].get_weights()
    np.testing.assert_array_equal(kernel, np.ones((4, 1)))
    np.testing.assert_allclose(bias, [0.95])


def test_constructors_configs_and_files(tmp_path):
    rng = np.random.default_rng(1)
    table = np.ones((6, 3), np.float32)
    model = Sequential(
        [
            Input((4,)),
            Embedding(6, 3, weights=[table], trainable=False),
            Bidirectional(LSTM(4, trainable=False)),
            Dense(1),
        ]
    )
    model.compile(Adam(0.1), "mse")
    x = rng.integers(0, 6, (8, 4))
    model.fit(x, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], table)
    assert len(model.trainable_weights) == 2
    assert model.layers[0].get_config()["weights"] is None
    copy = clone_model(model)
    assert [layer.trainable for layer in copy.layers] == [False, False, True]
    model.save(tmp_path / "m.nlstm")
    loaded = load_model(tmp_path / "m.nlstm")
    for one in (model, loaded):
        one.fit(x, Y, shuffle=False, verbose=0)
    for one, two in zip(model.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_the_summary_counts_them():
    lines = []
    made(SGD(0.1)).summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "Total params: 133 (532.00 B)" in text
    assert "Trainable params: 5 (20.00 B)" in text
    assert "Non-trainable params: 128 (512.00 B)" in text
