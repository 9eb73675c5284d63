"""Data that come batch by batch, steps per epoch, validation by batches, and what breaks off."""

import contextlib

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import LambdaCallback
from nlstm.data.sources import Rows
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential

RNG = np.random.default_rng(0)
X = RNG.random((20, 4, 2))
Y = RNG.random((20, 1))
W = RNG.random(20)


def model_of(built=True):
    nlstm.set_random_seed(0)
    model = Sequential([LSTM(3, input_shape=(4, 2)) if built else LSTM(3), Dense(1)])
    model.compile("adam", "mse", weighted_metrics=["mae"])
    return model


def cut(*arrays):
    for start in range(0, 20, 6):
        yield tuple(array[start : start + 6] for array in arrays)


class Numbered:
    """As Keras's PyDataset."""

    def __init__(self):
        self.batches = list(cut(X, Y, W))
        self.asked, self.ends = [], 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        self.asked.append(number)
        return self.batches[number]

    def on_epoch_end(self):
        self.ends += 1


class Again:
    """Can be gone through many times."""

    def __iter__(self):
        return cut(X, Y, W)


def same_weights(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("built", [True, False])
def test_batches_train_as_arrays_do(built):
    arrays = model_of()
    wanted = arrays.fit(
        X, Y, batch_size=6, epochs=2, shuffle=False, sample_weight=W, verbose=0
    ).history
    for data, options in [
        (Again(), {}),
        (Numbered(), {"shuffle": False}),
        ((batch for _ in range(2) for batch in cut(X, Y, W)), {"steps_per_epoch": 4}),
    ]:
        model = model_of(built)
        history = model.fit(data, epochs=2, verbose=0, **options)
        assert history.history == wanted
        same_weights(model, arrays)


def test_numbered_batches_are_shuffled_whole_and_told_of_the_end():
    data = Numbered()
    model_of().fit(data, epochs=3, verbose=0)
    orders = [data.asked[start : start + 4] for start in (0, 4, 8)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(set(map(tuple, orders))) > 1
    assert data.ends == 3


def test_evaluate_and_predict_take_batches():
    model = model_of()
    wanted = model.evaluate(X, Y, sample_weight=W, batch_size=6, verbose=0)
    assert model.evaluate(Again(), verbose=0) == wanted
    assert model.evaluate(cut(X, Y, W), verbose=0) == wanted
    some = model.evaluate(X[:12], Y[:12], sample_weight=W[:12], batch_size=6, verbose=0)
    assert model.evaluate(Again(), steps=2, verbose=0) == some
    assert model.evaluate(X, Y, sample_weight=W, batch_size=6, steps=2, verbose=0) == some
    whole = model.predict(X)
    for data in (Again(), Numbered(), cut(X, Y), (x for (x,) in cut(X))):
        np.testing.assert_array_equal(model.predict(data), whole)
    np.testing.assert_array_equal(model.predict(Again(), steps=2), whole[:12])
    np.testing.assert_array_equal(model.predict(X, batch_size=6, steps=2), whole[:12])


def test_validation_by_batches():
    one, other = model_of(), model_of()
    wanted = one.fit(X, Y, validation_data=(X, Y, W), batch_size=6, epochs=2, verbose=0)
    found = other.fit(X, Y, validation_data=Again(), batch_size=6, epochs=2, verbose=0)
    assert found.history == wanted.history
    assert list(found.history) == ["loss", "mae", "val_loss", "val_mae"]


@pytest.mark.parametrize("frequency, epochs", [(2, [2, 4]), ([1, 3], [1, 3])])
def test_validation_frequency(frequency, epochs):
    seen = []
    watch = LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(epoch + 1) if "val_loss" in logs else None
    )
    model_of().fit(
        X, Y, epochs=4, validation_split=0.2, validation_freq=frequency, callbacks=watch, verbose=0
    )
    assert seen == epochs


def test_steps_per_epoch_go_on_where_the_last_stopped():
    losses = {}
    for steps, epochs in ((4, 3), (2, 6)):
        model = model_of()
        history = model.fit(
            X,
            Y,
            batch_size=6,
            steps_per_epoch=steps,
            epochs=epochs,
            shuffle=False,
            validation_data=(X, Y),
            validation_steps=2,
            verbose=0,
        )
        losses[steps] = model.get_weights()
        assert len(history.epoch) == epochs
        held = model.evaluate(X[:12], Y[:12], batch_size=6, verbose=0)[0]
        assert history.history["val_loss"][-1] == pytest.approx(held, rel=1e-6)
    for one, other in zip(losses[4], losses[2]):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "steps, epochs, updates, warns",
    [(7, 3, 12, True), (3, 4, 8, True), (2, 3, 6, False), (4, 2, 8, False)],
)
@pytest.mark.parametrize("data", [lambda: (X, Y), lambda: (Numbered(),), lambda: (Again(),)])
def test_an_epoch_in_which_the_data_end_is_cut_short(steps, epochs, updates, warns, data):
    model = model_of()
    options = {"batch_size": 6} if len(data()) > 1 else {}
    expected = pytest.warns(RuntimeWarning, match="data ran out after .* which ends there")
    with expected if warns else contextlib.nullcontext():
        history = model.fit(*data(), steps_per_epoch=steps, epochs=epochs, verbose=0, **options)
    assert len(history.epoch) == epochs
    assert model.optimizer.iterations == updates


def test_steps_without_a_batch_size_cut_the_rows():
    model = model_of()
    model.fit(X, Y, steps_per_epoch=7, epochs=2, verbose=0)  # 3 rows each, as in Keras
    assert model.optimizer.iterations == 14
    assert model.predict(X, steps=7).shape == (20, 1)
    with pytest.warns(RuntimeWarning, match="ran out after 4 of 9 steps"):
        assert model.predict(X, batch_size=6, steps=9).shape == (20, 1)


def test_a_generator_that_fails_leaves_the_last_whole_step_and_the_history():
    def failing():
        for epoch in range(3):
            for number, batch in enumerate(cut(X, Y)):
                if (epoch, number) == (2, 1):
                    raise OSError("the disk is gone")
                yield batch

    model, whole = model_of(), model_of()
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(failing(), steps_per_epoch=4, epochs=5, verbose=0)
    history = whole.fit(X, Y, batch_size=6, shuffle=False, epochs=2, verbose=0)
    assert model.history.history == history.history and model.history.epoch == [0, 1]
    whole.train_on_batch(X[:6], Y[:6])
    same_weights(model, whole)
    model.fit(X, Y, verbose=0)


def test_data_that_run_out():
    model = model_of()
    with pytest.warns(RuntimeWarning, match="The data ran out before epoch 2: training stops"):
        history = model.fit(cut(X, Y), epochs=3, verbose=0)
    assert history.epoch == [0]
    with pytest.warns(RuntimeWarning, match="ran out after 1 of 3 steps of this epoch"):
        history = model.fit(cut(X, Y), epochs=3, steps_per_epoch=3, verbose=0)
    assert history.epoch == [0, 1]
    for call in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="gave no batch"):
            call(iter(()), verbose=0)


def endless(*arrays):
    while True:
        yield from cut(*arrays)


def test_a_generator_stays_the_users_and_goes_on_where_it_stopped():
    model, wanted = model_of(), model_of()
    train, held = endless(X, Y), endless(X, Y)
    options = {"steps_per_epoch": 3, "epochs": 2, "verbose": 0}
    history = model.fit(train, validation_data=held, validation_steps=2, **options)
    assert len(history.history["val_loss"]) == 2
    for generator in (train, held):  # 6 and 4 of 4 a pass
        np.testing.assert_array_equal(next(generator)[0], X[12:18] if generator is train else X[:6])
    wanted.fit((batch for _, batch in zip(range(6), endless(X, Y))), **options)
    same_weights(model, wanted)
    model.fit(train, **options)
    model.evaluate(train, steps=1, verbose=0)
    model.predict(train, steps=1)
    np.testing.assert_array_equal(next(train)[0], X[18:20])  # 6 + 1 + 6 + 1 + 1 were taken


@pytest.mark.parametrize("steps", [None, 3])
def test_a_validation_generator_that_ends_does_not_end_the_fit(steps):
    model = model_of()
    with pytest.warns(RuntimeWarning, match="validation_data gave no batch for|ran out"):
        history = model.fit(
            X, Y, validation_data=cut(X, Y), validation_steps=steps, epochs=4, verbose=0
        )
    assert len(history.history["loss"]) == 4
    assert len(history.history["val_loss"]) == (1 if steps is None else 2)


def test_evaluate_and_predict_can_be_stopped():
    model = model_of()

    class Stop(nlstm.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    some = model.evaluate(X[:12], Y[:12], batch_size=6, verbose=0)
    assert model.evaluate(endless(X, Y), callbacks=Stop(), verbose=0) == some
    assert model.evaluate(X, Y, batch_size=6, callbacks=[Stop()], verbose=0) == some
    for data, options in ((endless(X), {}), (X, {"batch_size": 6})):
        found = model.predict(data, callbacks=[Stop()], **options)
        np.testing.assert_array_equal(found, model.predict(X[:12]))
    history = model.fit(
        X, Y, validation_data=(X, Y), batch_size=6, callbacks=[Stop()], epochs=2, verbose=0
    )
    assert len(history.epoch) == 2 and model.stop_evaluating
    assert model.evaluate(X[:12], Y[:12], batch_size=6, verbose=0) != some
    assert not model.stop_evaluating


def test_batches_of_unlike_steps_are_no_one_array():
    model = Sequential([LSTM(3, return_sequences=True, input_shape=(None, 2))])
    with pytest.raises(ValueError, match="x gives batches of unlike steps, .* lstm has shape"):
        model.predict(iter([X, X[:, :2]]))
    assert model.predict(iter([X, X])).shape == (40, 4, 3)


def test_batches_that_do_not_fit():
    model = model_of()
    before = model.get_weights()
    for batch, text in [
        ((X, Y, W, W), "A batch is x, "),
        (X, "fit needs y; got None."),
        ((X[..., :1], Y), "lstm expects 2 features"),
        ((X, Y[:3]), "x has 20 rows, but y has 3."),
    ]:
        with pytest.raises(ValueError, match=text):
            model.fit(iter([batch]), verbose=0)
    for options, text in [
        ({"y": Y}, "y must be None where x gives batches."),
        ({"validation_split": 0.1}, "validation_split needs arrays, but x gives batches."),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be at least 1; got 0."),
    ]:
        with pytest.raises(ValueError, match=text):
            model.fit(iter([(X, Y)]), verbose=0, **options)
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert model.history is None


def test_the_number_of_batches_is_shown_once_it_is_known(capsys):
    model_of().fit(Again(), epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[1] for line in lines] == ["4 steps", "4 steps"]


# Sources


class Doubled:
    """A source that computes its rows when they are needed."""

    def __init__(self, array):
        self.inner = Rows(array)
        self.shape = array.shape

    def part(self, rows):
        return Doubled(self.inner.array[rows])

    def feed(self, ops, index, out):
        return [*self.inner.feed(ops, index, out), (ops.scale, (out, 2.0, out))]

    def flattened(self):
        return Doubled(self.inner.array.reshape(len(self.inner.array), 1, -1))


class Pair:
    def __init__(self, x, y):
        self.x, self.y = x, y


def test_sources_feed_batches():
    rng = np.random.default_rng(1)
    x, y = X.astype(np.float32), rng.random((20, 3, 1)).astype(np.float32)
    wanted, model = (Sequential([LSTM(3), Dense(3)]) for _ in range(2))
    for one in (wanted, model):
        one.build((None, 4, 2))
        one.compile("adam", "mse")
    model.set_weights(wanted.get_weights())
    sources = Doubled(x), Doubled(y)
    options = {"epochs": 2, "shuffle": False, "validation_split": 0.2, "verbose": 0}
    history = wanted.fit(2 * x, 2 * y[:, :, 0], **options).history
    assert model.fit(*sources, **options).history == history
    assert model.evaluate(Pair(*sources), verbose=0) == model.evaluate(*sources, verbose=0)
    np.testing.assert_array_equal(model.predict(sources[0]), wanted.predict(2 * x))
    np.testing.assert_array_equal(model.predict(Pair(*sources)), wanted.predict(2 * x))
    fresh = Sequential([LSTM(3), Dense(3)])
    fresh.compile("adam", "mse")
    fresh.fit(Pair(*sources), validation_data=Pair(*sources), verbose=0)
    assert fresh.input_shape == (None, None, 2)
