"""Calls whose kernels are found once do what they did."""

import functools
import pickle

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import nlstm
from nlstm import kernels
from nlstm.kernels.cpu.dense import dense
from nlstm.kernels.cpu.dense.dense import dense_forward
from nlstm.kernels.cpu.lstm.forward import lstm_forward
from nlstm.kernels.cpu.machine.launching import Launcher, bound
from nlstm.kernels.cpu.words import Words
from nlstm.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    LayerNormalization,
    Masking,
    SimpleRNN,
)

OPS = kernels.load("cpu", "float32")

LAYERS = {
    "lstm": lambda: [LSTM(5)],
    "dropout": lambda: [LSTM(5, dropout=0.3), Dropout(0.2)],
    "recurrent dropout": lambda: [LSTM(5, dropout=0.3, recurrent_dropout=0.2)],
    "zoneout": lambda: [LSTM(5, zoneout=(0.1, 0.2), peephole=True)],
    "layer norm": lambda: [LSTM(5, layer_norm=True, dropout=0.2)],
    "masked": lambda: [Masking(0.5), LSTM(5, return_sequences=True), SimpleRNN(4)],
    "gru": lambda: [GRU(5, return_sequences=True), GRU(4, reset_after=False)],
    "both ways": lambda: [Bidirectional(LSTM(5, return_sequences=True)), LSTM(3)],
    "beside": lambda: [Conv1D(4, 3), BatchNormalization(), LayerNormalization(), LSTM(5)],
}


def data():
    rng = np.random.default_rng(0)
    x, y = rng.random((12, 6, 3), np.float32), rng.random((12, 2), np.float32)
    x[:, -2:][::2] = 0.5
    return x, y


def fitted(layers, **settings):
    """Return the weights and a prediction after three updates, and the model."""
    nlstm.set_random_seed(3)
    model = nlstm.Sequential([*layers(), Dense(2, activation="tanh")], **settings)
    model.compile("adam", "huber", metrics=["mae"])
    x, y = data()
    model.fit(x, y, batch_size=4, verbose=0)
    return [*model.get_weights(), model.predict(x, verbose=0)], model


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_bound_steps_give_the_bits_of_others(layers, precision, monkeypatch):
    found, _ = fitted(layers, matmul_precision=precision)
    monkeypatch.setattr(Words, "bound", staticmethod(lambda calls: calls))
    wanted, _ = fitted(layers, matmul_precision=precision)
    for one, other in zip(found, wanted, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_a_step_looks_up_no_kernel(layers):
    _, model = fitted(layers)
    model.fit(*data(), batch_size=4, verbose=0)  # predict took more memory: the step was forgotten
    [bench] = list(model.binder._benches)
    steps = list(bench.plans._kept.values())
    assert len(steps) in (1, 2)
    for step in steps:
        for function, _ in step.calls:
            assert not isinstance(function, (Dispatcher, Launcher, functools.partial)), function


def dense_arguments():
    W = OPS.unit_matrix(3).pack(np.ones((4, 3), np.float32))
    x, y = OPS.zeros((2, OPS.padded(4, "float32"))), OPS.zeros((2, OPS.padded(3, "float32")))
    return x, W, None, y, OPS.zeros(OPS.dense_scratch_size(4, 3, OPS.dtype)), 3


def test_a_bound_call_reads_its_arrays_when_it_runs():
    x, W, _, y, *_ = arguments = dense_arguments()
    [(function, given)] = bound([(OPS.dense("linear")[0], arguments)])
    for factor in (1, 2):
        x[:, :4] = factor
        function(*given)
        np.testing.assert_array_equal(y[:, :3], 4 * factor)
    W *= 3
    function(*given)
    np.testing.assert_array_equal(y[:, :3], 24)


def test_what_is_no_kernel_is_left_alone():
    def own(*arguments, **settings):
        raise AssertionError

    array = np.zeros(3)
    calls = [
        (np.copyto, (array, 1.0)),
        (own, (1, 2)),
        (functools.partial(own, setting=3), (1,)),
    ]
    assert bound(calls) == calls


def test_launchers_are_named_and_copied_as_functions_are():
    assert lstm_forward.__name__ == "lstm_forward" and "time steps" in lstm_forward.__doc__
    assert pickle.loads(pickle.dumps(lstm_forward)) is lstm_forward
    forward = pickle.loads(pickle.dumps(OPS.dense("tanh")[0]))
    assert forward.func is dense_forward


def test_a_parallel_form_is_chosen_anew_each_time(monkeypatch):
    """In a fork the serial one has its place: its threads stayed in the parent."""
    arguments = dense_arguments()
    serial, parallel = dense.forward_forms
    monkeypatch.setattr(dense, "SMALL_WORK", 1)
    calls = [(OPS.dense("linear")[0], arguments)]
    [(function, given)] = bound(calls)
    assert isinstance(function, Launcher) and function.calls(*given)[0][0] is parallel
    monkeypatch.setattr(dense, "forward_forms", [serial, serial])
    assert function.calls(*given)[0][0] is serial
