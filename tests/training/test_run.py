"""A run by itself: epochs, validation, and a stop, on a network without a model."""

import numpy as np
import pytest

from nlstm import Sequential, set_random_seed
from nlstm.callbacks import LambdaCallback
from nlstm.layers import LSTM, Dense
from nlstm.optimizers import SGD
from nlstm.training.hooks import Callback, CallbackList, LastCallback
from nlstm.training.progress import Progress
from nlstm.training.run import Run
from tests.network.test_binder import binder_of, data_of, training_of


class Stand:
    """What hooks know of a model."""

    stop_training = False


class Recorder(Callback):
    def __init__(self, stop_at=None):
        self.seen, self.stop_at = [], stop_at

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("batch", batch, logs["loss"]))
        if len(self.seen) == self.stop_at:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(("epoch", epoch, sorted(logs)))


def running(callbacks, work):
    binder = binder_of(LSTM(4), Dense(1))
    training = training_of(binder)
    with binder.bench(training) as bench:
        run = Run(binder, bench, training, CallbackList(callbacks, Stand(), {}))
        work(run)
    return run


def train(run, epochs=2, validation=None, **options):
    feed = run.array_feed(data_of(10), 4, True, None, options.get("steps"))
    run.train(feed, epochs, 0, Progress(0, run.logs), validation, lambda epoch: epoch == 1)


def test_epochs_batches_and_validation_when_it_is_due():
    recorder = Recorder()

    def work(run):
        train(run, validation=run.array_feed(data_of(6, seed=5), 4, False, None, None))

    running([recorder], work)
    kinds = [(kind, number) for kind, number, _ in recorder.seen]
    epoch = [("batch", 0), ("batch", 1), ("batch", 2)]
    assert kinds == [*epoch, ("epoch", 0), *epoch, ("epoch", 1)]
    logs = [what for kind, _, what in recorder.seen if kind == "epoch"]
    assert logs == [["loss"], ["loss", "val_loss"]]


def test_a_stop_ends_after_the_batch():
    recorder = Recorder(stop_at=2)
    running([recorder], train)
    assert [kind for kind, _, _ in recorder.seen] == ["batch", "batch", "epoch"]


def test_callbacks_that_ask_get_the_run():
    last = LastCallback()
    run = running([last], train)
    assert last.run is run and run.feed.size == 3


def test_logs_of_one_batch_are_its_own():
    binder = binder_of(LSTM(4), Dense(1))
    training = training_of(binder)
    whole = Run.once(binder, training, data_of(10), updates=False)
    again = Run.once(binder, training, data_of(10), updates=False)
    assert whole == again
    trained = Run.once(binder, training, data_of(10), updates=True)
    assert trained == whole  # before its update
    assert Run.once(binder, training, data_of(10), updates=False)["loss"] < whole["loss"]


def test_an_evaluation_without_a_batch_is_an_error():
    def work(run):
        feed = run.array_feed(data_of(10), 4, False, None, None)
        feed.epoch = lambda first=0: iter(())
        with pytest.raises(ValueError, match=r"^The data to evaluate gave no batch\.$"):
            run.evaluate(feed, None)

    running([], work)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows():
    def work(run):
        feed = run.array_feed(data_of(10), 4, False, None, None)
        found = run.evaluate(feed, None)["loss"]
        parts = [
            Run.once(run.binder, run.training, data_of(10).part(slice(a, a + 4)), updates=False)
            for a in (0, 4, 8)
        ]
        weights = np.array([4, 4, 2])
        wanted = np.dot([part["loss"] for part in parts], weights) / 10
        assert found == pytest.approx(wanted, rel=1e-12)

    running([], work)


def model_of(**options):
    model = Sequential([LSTM(4, input_shape=(5, 3)), Dense(1)])
    model.compile("sgd", "mse", **options)
    return model


X, Y = np.random.default_rng(0).normal(size=(12, 5, 3)), np.ones((12, 1))


def test_what_a_callback_compiles_counts_from_the_next_epoch():
    model = model_of()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    frozen = model.layers[0].get_weights()

    def thaw(epoch, logs):
        if epoch == 1:
            model.layers[0].trainable = True
            model.compile(SGD(0.5), "mse", metrics=["mae"])

    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_begin=thaw)])
    assert model.optimizer.iterations == 2
    assert not np.array_equal(frozen[0], model.layers[0].get_weights()[0])
    assert len(history.history["loss"]) == 3 and len(history.history["mae"]) == 2


def test_a_layer_that_comes_in_mid_fit_is_an_error():
    model = model_of()
    grow = LambdaCallback(on_epoch_end=lambda epoch, logs: model.add(Dense(1)))
    with pytest.raises(RuntimeError, match=r"a callback has added a layer to it"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[grow])


def test_what_is_refused_changes_nothing():
    model = Sequential([LSTM(4), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="callbacks must be"):
        model.fit(X, Y, verbose=0, callbacks=[3])
    assert not model.built
    model = model_of()
    model.trainable = False
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="The model has no weights to train"):
        model.fit(X, Y, verbose=0)
    assert model.training.epochs_shuffled == 0


def test_a_dtype_that_is_refused_takes_no_stream_of_random_numbers():
    weights = []
    for refused in (False, True):
        set_random_seed(7)
        if refused:
            with pytest.raises(ValueError, match="dtype must be one of"):
                Sequential(dtype="float16")
        model = model_of()
        weights.append(model.get_weights()[0])
    np.testing.assert_array_equal(*weights)
