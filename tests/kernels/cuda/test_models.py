"""Models that train in the simulator and on the CPU, with the same numbers."""

import numpy as np
import pytest

from nlstm import Sequential
from nlstm.kernels import cuda, operations
from nlstm.layers import SimpleRNN
from tests.kernels.cuda import models


def compare(make, options):
    expected, found = (models.fitted(device, make, **options) for device in ("cpu", "cuda"))
    for name, values in expected[0].items():
        np.testing.assert_allclose(found[0][name], values, rtol=2e-5, err_msg=name)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("make, options", models.MODELS)
def test_fit_and_predict(make, options):
    compare(make, options)


@pytest.mark.parametrize(
    "sequences, options",
    [(one, options) for options in models.LSTM_OPTIONS for one in (True, False)][:-1],
)  # of many units, which are slow, once
def test_arguments_of_the_lstm(options, sequences):
    compare(models.of_lstm(options, sequences), {"lengths": models.LENGTHS})


def test_what_is_absent_is_named(monkeypatch):
    def make(rng):
        model = Sequential([SimpleRNN(2, name="first", input_shape=(4, 2))])
        model.compile("adam", "mse")
        return model, models.X, rng.random((6, 2))

    monkeypatch.delattr(cuda, "rnn")
    monkeypatch.delitem(vars(operations.load("cuda", "float32")), "rnn", raising=False)
    with pytest.raises(NotImplementedError, match="^first: rnn is not on cuda yet"):
        models.fitted("cuda", make)
