"""An interrupt at any moment leaves weights and optimizer of a whole step."""

import hashlib
import random
import signal

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import LambdaCallback
from nlstm.constraints import MaxNorm
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD, Adam

needs_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no timer")
RNG = np.random.default_rng(0)
X, Y = RNG.random((64, 4, 3)), RNG.random((64, 2))


def plain():
    return Sequential([LSTM(4, input_shape=(4, 3)), Dense(2)]), Adam(0.01)


def constraint():
    layers = [LSTM(4, input_shape=(4, 3), kernel_constraint=MaxNorm(0.5)), Dense(2)]
    return Sequential(layers), SGD(0.1, momentum=0.9)


def frozen():
    layers = [LSTM(4, input_shape=(4, 3)), Dense(3, trainable=False), Dense(2)]
    return Sequential(layers), Adam(0.01)


def accumulation():
    return plain()[0], Adam(0.01, gradient_accumulation_steps=3, clipnorm=1.0)


def averages():
    return plain()[0], Adam(0.01, use_ema=True, weight_decay=0.1, ema_overwrite_frequency=2)


def compiled(kind):
    nlstm.set_random_seed(1)
    model, optimizer = kind()
    model.compile(optimizer, "mse")
    model.build()
    return model


def state(model):
    found = hashlib.sha256(b"".join(one.tobytes() for one in model.get_weights()))
    for name, value in sorted(model.optimizer.variables().items()):
        found.update(name.encode() + value.tobytes())
    return found.hexdigest()


def fit(model, epochs, *callbacks):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)


def interrupted(*_):
    raise KeyboardInterrupt


@needs_timer
@pytest.mark.parametrize("kind", [plain, constraint, frozen, accumulation, averages])
def test_weights_and_optimizer_are_of_one_step(kind):
    model = compiled(kind)
    whole = {state(model)}
    fit(model, 40, LambdaCallback(on_train_batch_end=lambda batch, logs: whole.add(state(model))))
    model = compiled(kind)
    fit(model, 1)  # kernels are compiled, the optimizer has its moments
    before, moments = signal.signal(signal.SIGALRM, interrupted), 0
    try:
        for seed in range(30):
            model = compiled(kind)
            signal.setitimer(signal.ITIMER_REAL, random.Random(seed).uniform(0.001, 0.02))
            try:
                fit(model, 40)
            except KeyboardInterrupt:
                moments += 1
                fresh = model.optimizer._buffer is None  # it came before the first step
                assert fresh or state(model) in whole
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert moments > 5


def test_an_error_of_a_constraint_puts_the_step_back():
    calls = []

    def constrain(weights):
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError
        return weights

    layers = [LSTM(4, input_shape=(4, 3)), Dense(2, kernel_constraint=constrain)]
    model = Sequential(layers)
    model.compile(Adam(0.1), "mse")
    states = []
    with pytest.raises(ZeroDivisionError):
        fit(
            model,
            1,
            LambdaCallback(on_train_batch_end=lambda batch, logs: states.append(state(model))),
        )
    assert len(states) == 2 and state(model) == states[-1]
    assert model.optimizer.iterations == 2
