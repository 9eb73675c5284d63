"""Files of models in which wrappers share a layer or a model, and what draws numbers in them."""

import numpy as np
import pytest

from nlstm import Input, Model, set_random_seed
from nlstm.layers import LSTM, Add, Dense, Dropout, TimeDistributed
from nlstm.models import Sequential, load_model, model_from_json

X = np.random.default_rng(0).random((8, 5, 3))


def inner(rate=0.5):
    return Sequential([Input((3,)), Dense(4), Dropout(rate), Dense(2)])


def two_wrappers():
    x, shared = Input((5, 3)), inner()
    return Model(x, Add()([TimeDistributed(shared)(x), TimeDistributed(shared)(x)]))


def wrapper_and_itself():
    x, shared = Input((5, 3)), inner()
    return Model(x, Add()([TimeDistributed(shared)(x)[:, 0], shared(x[:, 1])]))


def wrapped_layer_and_itself():
    x, shared = Input((5, 3)), Dense(2)
    return Model(x, Add()([TimeDistributed(shared)(x), shared(x)]))


def in_a_stack():
    shared = inner()
    return Sequential([Input((5, 3)), TimeDistributed(shared), Dense(3), TimeDistributed(shared)])


def alone():
    return Sequential([Input((5, 3)), LSTM(3, return_sequences=True), TimeDistributed(inner())])


@pytest.mark.parametrize(
    "make", [two_wrappers, wrapper_and_itself, wrapped_layer_and_itself, in_a_stack, alone]
)
def test_shared_parts_and_seeds_come_back(make, tmp_path):
    model = make()
    model.compile("adam", "mse")
    y = np.zeros(model.predict(X, verbose=0).shape)
    model.fit(X, y, verbose=0)
    model.save(tmp_path / "m.nlstm")
    set_random_seed(5)  # whose numbers must not be taken
    again = load_model(tmp_path / "m.nlstm")
    anew = model_from_json(model.to_json())
    assert model.count_params() == again.count_params() == anew.count_params()
    histories = [one.fit(X, y, epochs=2, verbose=0).history for one in (model, again)]
    assert histories[0] == histories[1]
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_not_shared_has_no_number():
    assert "shared_object_id" not in alone().to_json()
    assert two_wrappers().to_json().count("shared_object_id") == 2 * (1 + 3)


def test_a_part_that_two_models_hold_is_not_shared_by_what_is_made_of_them():
    x, shared = Input((5, 3)), Dense(2)
    models = [Model(x, shared(x)), Model(x, shared(x))]
    made = [Model.from_config(one.get_config()) for one in models]
    assert made[0].get_layer("dense") is not made[1].get_layer("dense")
