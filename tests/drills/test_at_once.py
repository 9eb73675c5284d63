"""Threads, processes and forks that use one model, or one file, at once."""

import multiprocessing
import threading

import numpy as np
import pytest

from nlstm.callbacks import LambdaCallback
from nlstm.files.whole_file import left_behind
from nlstm.models import load_model
from tests.drills.children import Child, digest, needs_fork
from tests.drills.counts import Drill, times
from tests.models.test_threads import X, Y, model_of, together

ROWS, STEPS = 256, (20, 50)


def test_four_threads_predict():
    """As many rows as come, in two shapes."""
    model, draw = model_of(), np.random.default_rng(0)
    data = {steps: draw.random((ROWS, steps, 3)).astype(np.float32) for steps in STEPS}
    counts = range(1, ROWS + 1, times(15, 1))
    cases = [(rows, steps) for rows in counts for steps in STEPS]
    expected = {
        (rows, steps): model.predict(data[steps][:rows], verbose=0).tobytes()
        for rows, steps in cases
    }
    wrong, each = [], times(100, 2500)

    def predict(seed):
        for number in np.random.default_rng(seed).integers(len(cases), size=each):
            rows, steps = cases[number]
            found = model.predict(data[steps][:rows], verbose=0).tobytes()
            if found != expected[rows, steps]:
                wrong.append((rows, steps))

    with Drill("predicts of one model in four threads") as drill:
        together(*(lambda seed=seed: predict(seed) for seed in range(4)))
        drill.done, drill.wrong = 4 * each, wrong


def test_predict_evaluate_save_and_fit_at_once(tmp_path):
    """Numbers and files are of whole steps: a prediction's, and a batch's of an evaluation."""
    model, predicted, scored, states = model_of(), set(), [], set()
    epochs = times(8, 60)

    def score(model):
        return model.evaluate(X, Y, len(X), verbose=0)

    def look(*_):
        predicted.add(model.predict(X, verbose=0).tobytes())
        scored.append(score(model))
        states.add(digest(model))

    model.build()
    look()
    see = LambdaCallback(on_train_batch_end=look)
    model.fit(X, Y, 8, epochs, 0, shuffle=False, callbacks=[see])
    twin, done = model_of(), threading.Event()
    twin.build()

    def saved(number):
        path = tmp_path / f"{number}"
        twin.save(path)
        found = load_model(path)
        if found.optimizer.iterations:
            return digest(found) in states
        return found.predict(X, verbose=0).tobytes() in predicted

    def saved_weights(number):
        path, other = tmp_path / f"{number}", model_of()
        other.build()
        twin.save_weights(path)
        other.load_weights(path)
        return other.predict(X, verbose=0).tobytes() in predicted

    ways = {
        "predict": lambda _: twin.predict(X, verbose=0).tobytes() in predicted,
        "evaluate": lambda _: score(twin) in scored,
        "save": saved,
        "save_weights": saved_weights,
    }

    def until_done(name):
        found = 0
        while not (done.is_set() and found):
            drill.check(ways[name](name), f"{name}: of no whole step")
            drill.note(name)
            found += 1

    def fit():
        try:
            twin.fit(X, Y, 8, epochs, 0, shuffle=False)
        finally:
            done.set()

    with Drill("predict, evaluate and save while a fit runs") as drill:
        together(fit, *(lambda name=name: until_done(name) for name in ways))
        drill.check(digest(twin) == digest(model), "the fit was disturbed")


@needs_fork
def test_two_processes_write_one_file(tmp_path):
    path, writers = tmp_path / "m", 2
    model = model_of()
    model.build()
    model.save(path)

    def writer(value):
        def work(say):
            model.set_weights([np.full_like(one, value) for one in model.get_weights()])
            for _ in range(times(20, 500)):
                model.save(path)
            say("done")

        return work

    allowed = [{0.0 + value} for value in range(1, 1 + writers)]
    model.set_weights([np.ones_like(one) for one in model.get_weights()])
    model.save(path)
    with Drill("reads while two processes write one file") as drill:
        children = [Child(writer(value)) for value in range(1, 1 + writers)]
        ends = []
        waiters = [threading.Thread(target=lambda c=c: ends.append(c.end())) for c in children]
        for one in waiters:
            one.start()
        while len(ends) < writers and any(one.is_alive() for one in waiters):
            found = {float(v) for w in load_model(path).get_weights() for v in np.unique(w)}
            drill.check(found in allowed, f"{found}")
        for one in waiters:
            one.join()
        drill.check(ends == [0] * writers, f"writers ended with {ends}")
        left = [one.name for one in tmp_path.iterdir()]
        drill.check(left == ["m"] and not list(left_behind(str(path))), f"{left}")


@needs_fork
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="forks are not offered here"
)
def test_forks_while_threads_predict_and_fit():
    """A child predicts, fits and copies what it was given, whatever other threads were doing."""
    model, trained = model_of(), model_of()
    expected = model.predict(X, verbose=0).tobytes()
    model.evaluate(X, Y, verbose=0)
    twin = model_of()
    losses = twin.fit(X, Y, 8, verbose=0, shuffle=False).history["loss"]
    done = threading.Event()

    def until_done(function):
        while not done.is_set():
            function()

    def work(say):
        say("predict", model.predict(X, verbose=0).tobytes() == expected)
        own = model_of()
        say("fit", own.fit(X, Y, 8, verbose=0, shuffle=False).history["loss"] == losses)
        say("other", np.isfinite(trained.predict(X, verbose=0)).all())
        trained.set_weights(model.get_weights())
        say("set", trained.predict(X, verbose=0).tobytes() == expected)
        trained.fit(X, Y, 8, verbose=0)
        say("ends", True)

    wanted = [f"{word} True" for word in ("predict", "fit", "other", "set", "ends")]
    threads = [
        threading.Thread(target=until_done, args=(one,), daemon=True)
        for one in (
            lambda: model.predict(X, verbose=0),
            lambda: model.predict(X[:5], verbose=0),
            lambda: model.evaluate(X, Y, verbose=0),
            lambda: trained.fit(X, Y, 8, verbose=0),
        )
    ]
    with Drill("forks while threads predict, evaluate and fit") as drill:
        for one in threads:
            one.start()
        try:
            for _ in range(times(8, 150)):
                child = Child(work)
                try:
                    status = child.end()
                except TimeoutError as error:
                    status = error
                drill.check(status == 0 and child.lines == wanted, f"{status} {child.lines}")
        finally:
            done.set()
            for one in threads:
                one.join(20)
