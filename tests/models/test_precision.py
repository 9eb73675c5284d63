"""Products of bfloat16: who chooses them, what keeps the choice, which layers have them."""

import copy
import pickle

import numpy as np
import pytest

import nlstm
from nlstm import mixed_precision
from nlstm.inspection import health
from nlstm.layers import GRU, LSTM, Bidirectional, Dense, Input, SimpleRNN
from nlstm.models import Model, Sequential, clone_model, model_from_json

FLOAT32, BFLOAT16 = "float32", "bfloat16"


@pytest.fixture(autouse=True)
def before():
    """Leave the choice as it was."""
    chosen = nlstm.get_matmul_precision()
    yield
    nlstm.set_matmul_precision(chosen)


def data(rows=48, steps=9, features=5):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, steps, features))
    return x, np.tanh(x[:, -3:].sum((1, 2)))[:, None]


def trained(layers, precision, **fit):
    nlstm.set_random_seed(3)
    model = Sequential([Input((None, 5)), *layers(), Dense(1)], matmul_precision=precision)
    model.compile("adam", "mse")
    x, y = data()
    losses = model.fit(x, y, epochs=4, batch_size=16, verbose=0, **fit).history["loss"]
    return model, losses, model.predict(x, batch_size=16, verbose=0)


def bits(model):
    return [weight.tobytes() for weight in model.get_weights()]


def test_float32_is_what_models_have():
    assert nlstm.get_matmul_precision() == FLOAT32
    assert Sequential([Dense(1)]).matmul_precision == FLOAT32


def test_a_choice_is_for_models_that_are_made_afterwards():
    old = Sequential([Dense(1)])
    nlstm.set_matmul_precision(BFLOAT16)
    x = Input((3, 2))
    assert Model(x, LSTM(2)(x)).matmul_precision == BFLOAT16
    assert Sequential([Dense(1)]).matmul_precision == BFLOAT16
    assert Sequential([Dense(1)], matmul_precision=FLOAT32).matmul_precision == FLOAT32
    assert old.matmul_precision == FLOAT32
    assert clone_model(old).matmul_precision == FLOAT32
    assert model_from_json(old.to_json()).matmul_precision == FLOAT32


@pytest.mark.parametrize("given", ["bf16", "tf32", 16])
def test_another_precision_is_refused(given):
    with pytest.raises((ValueError, TypeError), match="matmul_precision"):
        nlstm.set_matmul_precision(given)
    with pytest.raises((ValueError, TypeError), match="matmul_precision"):
        Sequential(matmul_precision=given)
    with pytest.raises((ValueError, TypeError), match="matmul_precision"):
        nlstm.set_matmul_precision(None)


def test_float64_is_refused_where_both_are_named():
    with pytest.raises(ValueError, match="dtype is float64"):
        Sequential(dtype="float64", matmul_precision=BFLOAT16)
    nlstm.set_matmul_precision(BFLOAT16)
    model = Sequential([LSTM(3, input_shape=(4, 2))], dtype="float64")
    lines = []
    model.summary(print_fn=lines.append)
    assert lines[-1] == "Products of bfloat16 in: no layer"


def test_kerass_names():
    mixed_precision.set_global_policy("mixed_bfloat16")
    assert nlstm.get_matmul_precision() == BFLOAT16
    policy = mixed_precision.global_policy()
    assert (policy.name, policy.compute_dtype) == ("mixed_bfloat16", BFLOAT16)
    assert policy.variable_dtype == FLOAT32
    mixed_precision.set_dtype_policy("float32")
    assert mixed_precision.dtype_policy().name == FLOAT32
    mixed_precision.set_global_policy(policy)
    assert nlstm.get_matmul_precision() == BFLOAT16
    with pytest.raises(ValueError, match="mixed_float16"):
        mixed_precision.set_global_policy("mixed_float16")


def test_what_keeps_the_choice(tmp_path):
    model, _, wanted = trained(lambda: [LSTM(7)], BFLOAT16)
    x, _ = data()
    model.save(tmp_path / "model.nlstm")
    again = nlstm.models.load_model(tmp_path / "model.nlstm")
    made = [again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for one in made:
        assert one.matmul_precision == BFLOAT16
        assert np.array_equal(one.predict(x, verbose=0), wanted)
    assert clone_model(model).matmul_precision == BFLOAT16
    inputs = Input((None, 5))
    outer = Model(inputs, LSTM(3)(inputs), matmul_precision=BFLOAT16)
    assert model_from_json(outer.to_json()).matmul_precision == BFLOAT16
    assert pickle.loads(pickle.dumps(outer)).matmul_precision == BFLOAT16


ROUNDING = {
    "lstm": lambda: [LSTM(20, return_sequences=True), LSTM(7, go_backwards=True)],
    "options": lambda: [LSTM(20, dropout=0.2, zoneout=0.1, peephole=True)],
    "stateful": lambda: [LSTM(20, stateful=True)],
    "projection": lambda: [LSTM(20, proj_size=6)],
    "gru": lambda: [GRU(20)],
    "bidirectional": lambda: [Bidirectional(LSTM(9))],
    "dense": lambda: [LSTM(6, layer_norm=True), Dense(40, activation="tanh")],
    "dense of steps": lambda: [Dense(33, activation="tanh"), SimpleRNN(6)],
}


@pytest.mark.parametrize("layers", ROUNDING.values(), ids=ROUNDING)
def test_training_is_near_that_of_float32(layers):
    plain, losses, outputs = trained(layers, FLOAT32, shuffle=False)
    model, near, found = trained(layers, BFLOAT16, shuffle=False)
    assert losses != near and bits(plain) != bits(model)
    assert near == pytest.approx(losses, rel=0.01)
    assert found == pytest.approx(outputs, abs=0.02)
    again, same, _ = trained(layers, BFLOAT16, shuffle=False)
    assert same == near and bits(again) == bits(model)


NOT_ROUNDING = {
    "layer_norm": lambda: [LSTM(6, layer_norm=True)],
    "recurrent_dropout": lambda: [LSTM(6, recurrent_dropout=0.2)],
    "gru": lambda: [GRU(6, recurrent_dropout=0.2)],
    "before": lambda: [GRU(6, reset_after=False)],
}


@pytest.mark.parametrize("layers", NOT_ROUNDING.values(), ids=NOT_ROUNDING)
def test_layers_that_stay_float32(layers):
    plain, _, _ = trained(layers, FLOAT32)
    model, _, _ = trained(layers, BFLOAT16)
    assert bits(plain) == bits(model)


def test_summary_names_the_layers():
    layers = [
        Input((4, 2)),
        LSTM(3, return_sequences=True, name="a"),
        GRU(3, reset_after=False, return_sequences=True),
        Bidirectional(LSTM(2), name="b"),
        Dense(17, name="c"),
        Dense(16),
    ]
    lines = []
    Sequential(layers, matmul_precision=BFLOAT16).summary(print_fn=lines.append)
    assert lines[-1] == "Products of bfloat16 in: a, b, c"


def test_summary_says_what_recompute_leaves_in_float32():
    model, lines = Sequential([Input((None, 2)), LSTM(3)], matmul_precision=BFLOAT16), []
    model.compile("sgd", "mse", recompute=100)
    model.summary(print_fn=lines.append)
    assert lines[-1].endswith("kept of 100; products of its layers are float32 in training")


def test_the_outer_model_decides():
    inner = Sequential([Input((None, 5)), LSTM(6)], matmul_precision=BFLOAT16)
    outer = Sequential([inner])
    plain = Sequential([Input((None, 5)), LSTM(6)])
    for model in (outer, plain):
        model.build()
    plain.set_weights(inner.get_weights())
    x, _ = data()
    wanted = plain.predict(x, verbose=0)
    assert np.array_equal(outer.predict(x, verbose=0), wanted)
    assert not np.array_equal(inner.predict(x, verbose=0), wanted)


def test_inspection_records_float32():
    model, _, _ = trained(lambda: [LSTM(6)], BFLOAT16)
    plain, _, _ = trained(lambda: [LSTM(6)], FLOAT32)
    plain.set_weights(model.get_weights())
    found, wanted = (health(one, *data()) for one in (model, plain))
    assert found.loss == wanted.loss
    assert found.weight_gradients == pytest.approx(wanted.weight_gradients, rel=0.02)


def test_a_batch_of_another_size():
    model, _, outputs = trained(lambda: [LSTM(6)], BFLOAT16)
    x, _ = data()
    for rows in (1, 3, 47):
        found = model.predict(x[:rows], verbose=0)
        assert np.array_equal(found, outputs[:rows])
