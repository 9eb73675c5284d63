"""A fork never waits for a thread that has stayed in the parent, nor a parent for its fork."""

import threading

import numba
import numpy as np
import pytest
from numba.np.ufunc import parallel

import nlstm
from nlstm.kernels.cpu.machine import threads as module
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from tests.drills.children import Child, needs_fork

pytestmark = needs_fork
X = np.random.default_rng(0).random((8, 5, 3)).astype(np.float32)


def made(stateful=False):
    nlstm.set_random_seed(1)
    return Sequential([nlstm.Input(batch_shape=(8, 5, 3)), LSTM(4, stateful=stateful), Dense(1)])


def predicted(model):
    return model.predict(X, batch_size=8, verbose=0).tobytes()


def held(lock):
    """Hold a lock in another thread; return what ends that."""
    taken, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            done.wait(20)

    threading.Thread(target=hold, daemon=True).start()
    assert taken.wait(20)
    return done


@pytest.mark.parametrize("name", ["_building", "_binding", "in_turn"])
def test_locks_of_a_model(name):
    expected = predicted(made())
    model = made(stateful=name == "in_turn")
    if name == "_building":
        lock = model._building
    else:
        lock = getattr(model.binder if name == "_binding" else model.binder.weights, name)
    done = held(lock)
    child = Child(lambda say: say(predicted(model) == expected))
    assert child.end() == 0 and child.lines == ["True"]
    done.set()


def test_a_lock_that_the_forking_thread_holds_stays_its_own():
    model = made()
    model.build()

    def work(say):
        with model.binder._binding:
            say(predicted(model) == expected)
        model.binder._binding.release()

    expected = predicted(model)
    with model.binder._binding:
        child = Child(work)
    assert child.end() == 0 and child.lines == ["True"]


@pytest.mark.parametrize("number", [0, 1])
def test_locks_of_numba(number):
    expected = predicted(made())
    done = held(module._numbas_locks()[number])
    threading.Timer(0.2, done.set).start()
    child = Child(lambda say: say(numba.get_num_threads(), predicted(made()) == expected))
    assert child.end() == 0 and child.lines == ["1 True"]


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_lock_of_numba_that_an_interrupt_left_closed(number, error):
    """It falls right behind the closing, inside Numba; other threads must not wait for ever."""
    predicted(made())
    lock = [*module._numbas_locks(), parallel._backend_init_process_lock][number]

    def leave_closed(*_):
        lock.acquire()
        raise error

    model = made()
    model.compile("sgd", "mse")
    stop = nlstm.callbacks.LambdaCallback(on_train_batch_end=leave_closed)
    with pytest.raises(error):
        model.fit(X, np.zeros((8, 1)), batch_size=8, verbose=0, callbacks=[stop])
    held(lock).set()


def test_a_child_that_is_killed_inside_numba():
    def work(say):
        with parallel._backend_init_process_lock:
            say("inside")
            threading.Event().wait(100)

    predicted(made())
    assert Child(work).ready().kill_after(0) < 0
    found = []
    thread = threading.Thread(target=lambda: found.append(numba.get_num_threads()), daemon=True)
    thread.start()
    thread.join(20)
    assert found
