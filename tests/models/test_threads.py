"""One model in several threads, and in forked processes."""

import multiprocessing
import os
import sys
import threading
import warnings

import numpy as np
import pytest

import nlstm
from nlstm import constraints, kernels, metrics
from nlstm.callbacks import LambdaCallback
from nlstm.layers import LSTM, Dense
from nlstm.metrics import Metric
from nlstm.models import Sequential
from tests.training.test_interrupts import InterruptAt, in_finalizers

RNG = np.random.default_rng(0)
X, Y = RNG.random((64, 20, 3)).astype(np.float32), RNG.random((64, 1)).astype(np.float32)
CASES = [
    RNG.random((rows, steps, 3)).astype(np.float32)
    for rows in (1, 3, 33, 256)
    for steps in (20, 50)
]


def model_of(**options):
    nlstm.set_random_seed(1)
    model = Sequential([LSTM(32, input_shape=(None, 3), **options), Dense(1)])
    model.compile("adam", "mse")
    return model


def together(*functions):
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(one,), daemon=True) for one in functions]
    for one in threads:
        one.start()
    for one in threads:
        one.join(100)
        assert not one.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("threads", [-1, 0, 99_999, True, 2.0, "2", None])
def test_numbers_of_threads_are_checked(threads):
    before = nlstm.get_num_threads()
    with pytest.raises((TypeError, ValueError)) as raised:
        nlstm.set_num_threads(threads)
    most, said = kernels.most_threads(), str(raised.value)
    if type(threads) is int:
        assert (
            raised.type is ValueError and f"threads must lie in 1 to {most}; got {threads}." in said
        )
        assert ("NUMBA_NUM_THREADS=99999, set before Python starts" in said) == (threads > most)
    else:
        assert isinstance(raised.value, TypeError)
        assert said == f"threads must be an integer; got {threads!r}."
    assert nlstm.get_num_threads() == before
    nlstm.set_num_threads(np.int64(1))
    nlstm.set_num_threads(before)


def test_four_threads_predict():
    model = model_of()
    expected = [model.predict(x, verbose=0).tobytes() for x in CASES]

    def predict(seed):
        for case in np.random.default_rng(seed).integers(len(CASES), size=200):
            assert model.predict(CASES[case], verbose=0).tobytes() == expected[case]

    together(*(lambda seed=seed: predict(seed) for seed in range(4)))


def test_threads_build_once():
    nlstm.set_random_seed(1)
    expected = model_of().predict(CASES[0], verbose=0)
    model = model_of()
    meeting = threading.Barrier(4)

    def predict():
        meeting.wait(20)
        assert np.array_equal(model.predict(CASES[0], verbose=0), expected)

    together(*[predict] * 4)


def test_predictions_during_a_fit_are_of_whole_steps():
    model, whole = model_of(), set()
    model.build()

    def note(*_):
        whole.add(model.predict(CASES[2], verbose=0).tobytes())

    note()
    callback = nlstm.callbacks.LambdaCallback(on_train_batch_end=note)
    model.fit(X, Y, epochs=3, shuffle=False, verbose=0, callbacks=[callback])
    twin, seen, done = model_of(), [], threading.Event()
    twin.build()

    def predict():
        while not done.is_set():
            seen.append(twin.predict(CASES[2], verbose=0).tobytes())

    def fit():
        try:
            twin.fit(X, Y, epochs=3, shuffle=False, verbose=0)
        finally:
            done.set()

    together(fit, predict)
    assert set(seen) <= whole
    for one, other in zip(twin.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)


class Largest(Metric):
    """Keeps its sum in itself."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.found = max(self.found, float(np.max(y_pred)))

    def result(self, total=None):
        return self.found

    def reset_state(self):
        self.found = -1e9


def test_what_keeps_something_outside_the_call_is_used_in_turn():
    model = model_of()
    model.compile("adam", "mse", metrics=[Largest()])
    pairs = [(X, Y), (X + 1, Y)]
    expected = [model.evaluate(x, y, batch_size=8, verbose=0) for x, y in pairs]

    def evaluate(number):
        for _ in range(10):
            assert model.evaluate(*pairs[number], batch_size=8, verbose=0) == expected[number]

    together(lambda: evaluate(0), lambda: evaluate(1))


def test_stateful_models_are_used_in_turn():
    nlstm.set_random_seed(1)
    model = Sequential([nlstm.Input(batch_shape=(8, 20, 3)), LSTM(4, stateful=True), Dense(1)])

    def predict():
        for _ in range(10):
            assert model.predict(X, batch_size=8, verbose=0).shape == (64, 1)

    together(predict, predict)


@pytest.mark.parametrize("stateful", [False, True])
@in_finalizers
def test_an_interrupt_at_any_moment_lets_other_threads_in(stateful):
    """And takes no memory: a bench that does not come back is kept by nobody."""
    nlstm.set_random_seed(1)
    layers = [LSTM(4, stateful=stateful), Dense(1)]
    model = Sequential([nlstm.Input(batch_shape=(8, 20, 3)), *layers])

    def predict():
        return model.predict(X[:8], batch_size=8, verbose=0)

    predict()
    moment, before = 0, sys.gettrace()
    interrupt = InterruptAt(0)
    while interrupt.left <= 0:
        moment += 1
        interrupt = InterruptAt(moment)
        sys.settrace(interrupt)
        try:
            predict()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        together(predict)
    assert moment > 50 and len(model.binder._benches) < 4


def in_child(job):
    model, x, y, expected = job
    right = np.array_equal(model.predict(x, verbose=0), expected)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nlstm.set_num_threads(nlstm.get_num_threads() + 1)
    return right, nlstm.get_num_threads(), len(caught), model.fit(X, Y, verbose=0).history["loss"]


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods() or nlstm.get_num_threads() < 2,
    reason="needs fork and two processors",
)
def test_a_fork_works_on_one_thread():
    model, large = model_of(), RNG.random((256, 200, 3)).astype(np.float32)
    expected = model.predict(large, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, of forks beside threads
        with multiprocessing.get_context("fork").Pool(1) as pool:
            found = pool.map_async(in_child, [(model, large, Y, expected)]).get(100)
    right, threads, said, loss = found[0]
    assert right and threads == 1 and said == 1
    assert loss == model.fit(X, Y, verbose=0).history["loss"]


@pytest.mark.skipif(
    not hasattr(os, "fork") or nlstm.get_num_threads() < 2, reason="needs fork and two processors"
)
@pytest.mark.parametrize("when", ["predict", "train"])
def test_a_fork_within_a_call_goes_on_with_it(when):
    """Its step was bound when there were threads: the Dense layer is wide enough for them."""
    x = RNG.random((256, 40, 4)).astype(np.float32)

    def run(*callbacks):
        nlstm.set_random_seed(1)
        model = Sequential([LSTM(64, input_shape=(40, 4), return_sequences=True), Dense(1)])
        model.compile("adam", "mse")
        if when == "predict":
            return model.predict(x, 128, verbose=0, callbacks=[*callbacks]).tobytes()
        y = np.ones((256, 40, 1))
        return model.fit(x, y, 128, verbose=0, callbacks=[*callbacks]).history["loss"]

    def fork(*_):
        if not child:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's own, of forks beside threads
                child.append(os.fork())

    expected, found, child = run(), None, []
    try:
        found = run(LambdaCallback(**{f"on_{when}_batch_begin": fork}))
    finally:
        if child == [0]:
            os._exit(0 if found == expected else 1)
    assert os.waitpid(child[0], 0)[1] == 0 and found == expected


def test_a_constraint_and_a_metric_may_predict_while_a_step_goes_on():
    class Predicting(constraints.Constraint):
        def __call__(self, weights):
            seen.append(model.predict(X[:2], verbose=0))
            return weights

    class Asking(metrics.Metric):
        def reset_state(self):
            pass

        def update_state(self, y_true, y_pred, sample_weight=None):
            seen.append(model.predict(X[:2], verbose=0))

        def result(self):
            return 0.0

    seen = []
    model = Sequential([LSTM(3), Dense(1, kernel_constraint=Predicting())])
    model.compile("sgd", "mse", metrics=[Asking()])
    model.fit(X, np.zeros((len(X), 1)), batch_size=len(X), verbose=0)
    assert len(seen) == 2
    assert np.isfinite(seen).all() and seen[0].shape == (2, 1)
