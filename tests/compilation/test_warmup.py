"""`warmup` compiles what a model needs and leaves the model as it was."""

import numpy as np
import pytest

import nlstm
from nlstm.layers import LSTM, Dense, Input


def compiled(steps=None, loss="sparse_categorical_crossentropy"):
    model = nlstm.Sequential([LSTM(4, input_shape=(steps, 3)), Dense(2, activation="softmax")])
    model.compile("adam", loss, metrics=["accuracy"])
    model.build()
    return model


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse"])
def test_the_model_stays_as_it_is(loss, capsys):
    model, x = compiled(loss=loss), np.ones((2, 3, 3))
    before = model.predict(x, verbose=0), [w.copy() for w in model.get_weights()]
    nlstm.warmup(model)
    assert np.array_equal(model.predict(x, verbose=0), before[0])
    assert all(map(np.array_equal, model.get_weights(), before[1]))
    assert "Compiled or found" in capsys.readouterr().out


def test_data_of_several_inputs_and_outputs():
    a, b = Input((3, 2)), Input((2,))
    outputs = [Dense(1)(LSTM(2)(a)), Dense(2)(b)]
    model = nlstm.Model([a, b], outputs)
    nlstm.warmup(model)  # not compiled: predict alone
    model.compile("sgd", ["mse", "mae"])
    nlstm.warmup(model)
    x = [np.ones((5, 3, 2)), np.ones((5, 2))]
    nlstm.warmup(model, x, [np.ones((5, 1)), np.ones((5, 2))])


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="model must be a Sequential or Model; got list"):
        nlstm.warmup([])
    with pytest.raises(ValueError, match="beside a model"):
        nlstm.warmup(x=np.ones((2, 3, 3)))


LATER = {"distributed", "fit_many", "inspection", "plotting", "sweep", "__version__"}


def test_public_names_and_no_others():
    assert set(dir(nlstm)) == {*nlstm.__all__, *nlstm.ROOMS, *LATER}
    assert nlstm.datasets.seattle_weather
