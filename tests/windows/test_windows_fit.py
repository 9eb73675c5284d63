"""Models fed by `Windows`, beside the same models fed by all windows as arrays."""

import tracemalloc

import numpy as np
import pytest

import nlstm
from nlstm.callbacks import Callback
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential
from nlstm.windows import Windows, backtest


def build(windows, outputs):
    nlstm.set_random_seed(0)
    model = Sequential([Input(windows.x.shape[1:]), LSTM(4), Dense(outputs)])
    model.compile("adam", "mse")
    return model


def some_windows(**options):
    series = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    chosen = {"horizon": 2, "targets": [0], "future": [2], "static": [1.0, 2.0], **options}
    return Windows(series, 5, **chosen)


@pytest.mark.parametrize("scaling", [None, "standard", "last"])
def test_training_is_that_of_arrays_to_the_bit(scaling):
    windows = some_windows(scaling=scaling)
    arrays = np.empty(windows.x.shape, np.float32), np.empty(windows.y.shape, np.float32)
    for side, array in zip((windows.x, windows.y), arrays):
        out = np.zeros((array.shape[1], array.shape[0], array.shape[2]), np.float32)
        ops = build(windows, 2).binder.network.ops
        for function, arguments in side.feed(ops, np.arange(len(windows)), out):
            function(*arguments)
        array[:] = out.swapaxes(0, 1)
    x, y = arrays[0], arrays[1][:, :, 0]  # the outputs have no steps
    np.testing.assert_allclose(windows.x[:], x, rtol=1e-4, atol=1e-5)
    options = {"batch_size": 16, "epochs": 2, "validation_split": 0.25, "verbose": 0}
    fed, plain = build(windows, 2), build(windows, 2)
    histories = [fed.fit(windows, **options).history, plain.fit(x, y, **options).history]
    assert histories[0] == histories[1]
    for one, other in zip(fed.get_weights(), plain.get_weights()):
        assert np.array_equal(one, other)
    assert fed.evaluate(windows, verbose=0) == plain.evaluate(x, y, verbose=0)
    for source in (windows, windows.x):
        assert np.array_equal(fed.predict(source, verbose=0), plain.predict(x, verbose=0))


def test_the_first_windows_may_say_the_shape():
    windows = some_windows()
    model = Sequential([LSTM(4), Dense(2)])
    model.compile("adam", "mse")
    model.fit(windows, verbose=0)
    assert model.input_shape[-1] == windows.x.shape[2]


def test_windows_validate():
    windows = some_windows()
    model = build(windows, 2)
    model.fit(windows.before(40), validation_data=windows.since(40), verbose=0)
    held = model.evaluate(windows.since(40), verbose=0)
    assert model.history.history["val_loss"] == [held]


def test_backtest_of_a_model_that_trained_on_windows():
    series = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    windows = Windows(series, 5, horizon=3, targets=[1])
    model = build(windows, 3)
    found = backtest(model, series, 40, 3, 2, targets=[1])
    chosen = windows.since(40).part(slice(None, None, 2))
    assert found.origins.tolist() == chosen.origins.tolist()
    np.testing.assert_allclose(found.forecasts[:, :, 0], model.predict(chosen, verbose=0))


class StopAfter(Callback):
    """Stop training after some batches."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.batches:
            self.model.stop_training = True


def test_training_on_a_long_series_needs_memory_near_its_own():
    series = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)

    def train(rows):
        windows = Windows(series[:rows], 365, targets=[0])
        model = build(windows, 1)
        model.fit(windows, batch_size=8, callbacks=[StopAfter(2)], verbose=0)

    train(5000)  # compiles
    tracemalloc.start()
    try:
        train(len(series))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * series.nbytes  # all windows at once would be 365 of them


def of_efficiency(outputs):
    model = Sequential([LSTM(4), Dense(outputs)])
    model.compile("adam", nlstm.losses.NSELoss(epsilon=0.0))
    return model


def test_all_values_come_before_their_deviations():
    """NSELoss reads all values, then all deviations; windows have both step by step."""
    nlstm.set_random_seed(0)
    flows = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    series = np.concatenate([flows, np.tile(np.float32([100.0, 0.01]), (40, 1))], axis=1)
    windows = Windows(series, 5, horizon=3, inputs=[0, 1], targets=[0, 1, 2, 3])
    model = of_efficiency(6)
    model.fit(windows, verbose=0)
    values, deviations = windows.y[:][:, :, :2], windows.y[:][:, :, 2:]
    found = model.predict(windows, verbose=0).reshape(values.shape)  # as backtest reads it
    wanted = np.mean(((found - values) / deviations) ** 2)
    assert model.evaluate(windows, verbose=0) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("horizon", "targets", "outputs"), [(3, [0], 3), (2, [0], 1), (2, [0, 1, 2], 3)]
)
def test_a_value_of_a_later_step_is_no_deviation(horizon, targets, outputs):
    windows = Windows(np.random.default_rng(0).normal(size=(40, 3)), 5, horizon, targets=targets)
    with pytest.raises(ValueError, match="NSELoss reads the values, then for each of them the"):
        of_efficiency(outputs).fit(windows, verbose=0)


@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("horizon", [1, 3])
def test_scaled_windows_have_no_deviations(steps, horizon):
    series = np.random.default_rng(0).normal(size=(40, 2))
    windows = Windows(series, horizon, horizon=horizon, targets=[0, 1], scaling="last")
    model = of_efficiency(horizon)
    if steps:
        model = Sequential([LSTM(4, return_sequences=True), Dense(1)])
        model.compile("adam", nlstm.losses.NSELoss())
    with pytest.raises(ValueError, match="scaling='last' scales all columns of y, and"):
        model.fit(windows, verbose=0)
