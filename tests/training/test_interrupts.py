"""An interrupt at any moment leaves weights and optimizer of a whole step."""

import hashlib
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import LambdaCallback
from nlstm.constraints import MaxNorm
from nlstm.kernels.operations import DEFAULT
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.optimizers import SGD, Adam

needs_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no timer")
# An interrupt may fall into the finalizer of a weak reference, where Python can only report it.
in_finalizers = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
PACKAGE = str(Path(nlstm.__file__).parent)
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


def accumulation_and_averages():
    return plain()[0], Adam(0.01, gradient_accumulation_steps=3, use_ema=True)


def accumulation_and_frozen():
    return frozen()[0], Adam(0.01, gradient_accumulation_steps=2)


KINDS = [
    plain,
    constraint,
    frozen,
    accumulation,
    averages,
    accumulation_and_averages,
    accumulation_and_frozen,
]


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


def untouched(model, initial):
    """Whether no step was taken; the optimizer may have its moments already."""
    moments = model.optimizer.variables()
    moments.pop("learning_rate")
    kept = all(map(np.array_equal, model.get_weights(), initial))
    return kept and not any(moment.any() for moment in moments.values())


class Alarm:
    """Raises KeyboardInterrupt while it is on."""

    on = False

    def __call__(self, *_):
        if self.on:
            raise KeyboardInterrupt


class InterruptAt:
    """Raises KeyboardInterrupt at one of the moments at which nlstm's own Python has its turn."""

    def __init__(self, moment):
        self.left = moment

    def __call__(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self


@in_finalizers
@pytest.mark.parametrize("kind", KINDS)
def test_every_moment_of_a_step(kind):
    """A step is interrupted at its first moment, its second, ... until it runs to its end."""
    model, twin = compiled(kind), compiled(kind)
    steps = model.train_on_batch, twin.train_on_batch
    for step in steps:
        step(X[:8], Y[:8])
    moment, before = 0, sys.gettrace()
    interrupt = InterruptAt(0)
    while interrupt.left <= 0:
        moment += 1
        interrupt = InterruptAt(moment)
        sys.settrace(interrupt)
        try:
            model.train_on_batch(X[:8], Y[:8])
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        if state(model) != state(twin):
            twin.train_on_batch(X[:8], Y[:8])
            assert state(model) == state(twin), moment
    assert moment > 50


@in_finalizers
def test_every_moment_of_an_exchange_of_averages():
    model = compiled(averages)
    for _ in range(3):
        model.train_on_batch(X[:8], Y[:8])
    optimizer, before = model.optimizer, sys.gettrace()

    def sides():
        weights = [one.tobytes() for one in model.get_weights()]
        mean = [one.tobytes() for name, one in optimizer.variables().items() if "average" in name]
        return (mean, weights) if optimizer.average_shown else (weights, mean)

    expected = sides()
    assert expected[0] != expected[1]
    for moment in range(1, 1000):
        interrupt = InterruptAt(moment)
        sys.settrace(interrupt)
        try:
            optimizer.show_average(not optimizer.average_shown)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert sides() == expected, moment
        if interrupt.left > 0:
            break
    assert moment > 10


@needs_timer
@in_finalizers
@pytest.mark.skipif(DEFAULT[0] == "opaque", reason="its kernels are Python, and can be interrupted")
@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_optimizer_are_of_one_step(kind):
    model = compiled(kind)
    whole, initial = set(), model.get_weights()
    fit(model, 40, LambdaCallback(on_train_batch_end=lambda batch, logs: whole.add(state(model))))
    whole.add(state(model))  # with its averages in the weights' place
    model = compiled(kind)
    fit(model, 1)  # kernels are compiled, the optimizer has its moments
    alarm, moments = Alarm(), 0
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        for seed in range(30):
            model = compiled(kind)
            signal.setitimer(signal.ITIMER_REAL, random.Random(seed).uniform(0.0005, 0.01))
            try:
                alarm.on = True
                fit(model, 40)
                alarm.on = False
            except KeyboardInterrupt:
                moments += 1
                assert untouched(model, initial) or state(model) in whole
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
