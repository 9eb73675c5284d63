"""Ctrl-C at random moments: whatever was going on can be done again, with the right numbers."""

import copy
import random
import signal
import threading
from functools import partial

import numpy as np
import pytest

import nlstm
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential, load_model
from tests.drills.counts import Drill, times
from tests.training.test_interrupts import (
    KINDS,
    Alarm,
    compiled,
    fit,
    in_finalizers,
    needs_timer,
    state,
    untouched,
)

pytestmark = [needs_timer, in_finalizers]
RNG = np.random.default_rng(0)
X, Y = RNG.random((64, 20, 3)).astype(np.float32), RNG.random((64, 1)).astype(np.float32)
MOMENTS = times(20, 400)
EPOCHS = 100  # about as many as there is time for


def interrupted(seconds, function):
    """Call a function, and raise KeyboardInterrupt in it so late; whether that came."""
    alarm, warned_of = Alarm(), np.geterr()
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        alarm.on = True
        function()
        alarm.on = False
    except KeyboardInterrupt:
        return True
    finally:
        alarm.on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        np.seterr(**warned_of)  # `np.errstate` loses it where it is interrupted itself
    return False


def model_of():
    nlstm.set_random_seed(1)
    model = Sequential([LSTM(16, input_shape=(20, 3), return_sequences=True), LSTM(8), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def other_threads(function):
    """Return what a function gives in another thread; an error if it is kept out."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()), daemon=True)
    thread.start()
    thread.join(20)
    return found[0] if found else "kept out"


@pytest.mark.parametrize("kind", KINDS)
def test_fit(kind):
    """Weights and optimizer are of a whole step; from there a fit goes on as that of a copy."""
    model = compiled(kind)
    whole, initial = set(), model.get_weights()
    see = nlstm.callbacks.LambdaCallback(on_train_batch_end=lambda *_: whole.add(state(model)))
    fit(model, EPOCHS, see)
    whole.add(state(model))  # of averages that have taken their place, where there was time for all
    fit(compiled(kind), 1)
    draw = random.Random(kind.__name__)
    with Drill(f"interrupts of fit, {kind.__name__.replace('_', ' ')}") as drill:
        for _ in range(MOMENTS):
            model = compiled(kind)
            if not interrupted(draw.uniform(0.0005, 0.03), partial(fit, model, EPOCHS)):
                continue
            right = untouched(model, initial) or state(model) in whole
            drill.check(right, f"no whole step after {model.optimizer.iterations}")
            twin = copy.deepcopy(model)
            fit(model, 1)
            fit(twin, 1)
            drill.check(state(model) == state(twin), "goes on elsewhere than its copy")


@pytest.mark.parametrize("stateful", [False, True])
def test_evaluate_and_predict(stateful):
    if not stateful:
        model = model_of()
    else:
        layers = [LSTM(8, stateful=True), Dense(1)]
        model = Sequential([nlstm.Input(batch_shape=(64, 20, 3)), *layers])
        model.compile("adam", "mse")

    def call(name):
        if stateful:
            model.layers[0].reset_state()
        if name == "predict":
            return model.predict(X, batch_size=64 if stateful else 4, verbose=0).tobytes()
        return model.evaluate(X, Y, batch_size=64 if stateful else 4, verbose=0)

    def often(name):
        for _ in range(20):
            call(name)

    names = ("evaluate", "predict")
    expected = {name: call(name) for name in names}
    draw = random.Random(0)
    what = "a stateful model" if stateful else "a model"
    with Drill(f"interrupts of evaluate and predict of {what}") as drill:
        for number in range(MOMENTS):
            for name in names:
                if interrupted(draw.uniform(0.00005, 0.0015), partial(often, name)):
                    drill.check(call(name) == expected[name], f"{name} gives other numbers")
            if number % 20 == 0:
                found = other_threads(lambda: call("predict"))
                drill.check(found == expected["predict"], f"another thread is {found!r:.20}")
        drill.note("benches", len(model.binder._benches))


@pytest.mark.parametrize("way", ["build", "fit", "load"])
def test_build(tmp_path, way):
    """Weights are made whole or not at all."""
    model_of().save(tmp_path / "m")

    def built(model):
        if way == "build":
            model.build()
        elif way == "fit":
            model.fit(X, Y, verbose=0)
        else:
            model = load_model(tmp_path / "m")
        return model

    expected = [one.tobytes() for one in built(model_of()).get_weights()]
    draw = random.Random(way)
    with Drill(f"interrupts of {way} of a new model") as drill:
        for _ in range(MOMENTS):
            model = model_of()
            if not interrupted(draw.uniform(0.00005, 0.005), partial(built, model)):
                continue
            if way == "fit":  # steps may have been made
                model.predict(X, verbose=0)
                right = all(np.ptp(one) for one in model.get_weights() if one.ndim == 2)
                drill.check(right, "weights are zeros")
                model.fit(X, Y, verbose=0)
                drill.check(np.isfinite(model.predict(X, verbose=0)).all(), "not finite")
            else:
                found = [one.tobytes() for one in built(model).get_weights()]
                drill.check(found == expected, "other weights")


def test_save(tmp_path):
    """The file is the old or the new; nothing is left beside it."""
    path, model, last = tmp_path / "m", model_of(), 0.0
    model.build()
    draw = random.Random(0)
    with Drill("interrupts of save") as drill:
        for number in range(1 + MOMENTS):
            model.set_weights([np.full_like(one, number) for one in model.get_weights()])
            if not number:
                model.save(path)
            came = interrupted(draw.uniform(0.00005, 0.01), partial(model.save, path))
            values = {float(v) for w in load_model(path).get_weights() for v in np.unique(w)}
            if came:
                right = values in ({last}, {float(number)})
                drill.check(right, f"{sorted(values)[:3]} of {last}, {number}")
                left = [one.name for one in tmp_path.iterdir()]
                drill.check(left == ["m"], f"{left}")
                drill.note("with the new file", values == {float(number)})
            last = max(values)
        model.save(path)
        drill.check([one.name for one in tmp_path.iterdir()] == ["m"], "files are left")
