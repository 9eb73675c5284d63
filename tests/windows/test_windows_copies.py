"""Copies and pickles of windows and scalers."""

import numpy as np
import pytest

from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.windows import (
    LogScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
    Windows,
    WindowScaler,
    timeseries_dataset_from_array,
)
from tests.copied import TWINS, WAYS

SERIES = [np.random.default_rng(n).random((40 + n, 3)) + 1.0 for n in range(2)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scaling", [None, "standard", "last"])
def test_windows_feed_the_same(scaling, way):
    given = {"inputs": [0, 1], "future": [2], "static": [[1.0], [2.0]], "targets": [0]}
    windows = Windows(SERIES, 5, 2, scaling=scaling, **given).before(30)
    twin = TWINS[way](windows)
    for one, other in zip(twin[:], windows[:], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(TWINS[way](windows.x)[3:5], windows.x[3:5])
    weights = []
    for one in (windows, twin):
        model = Sequential([LSTM(3, seed=1), Dense(2, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        model.fit(one, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    np.testing.assert_equal(*weights)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, RobustScaler, LogScaler])
def test_scalers(scaler, way):
    one = scaler().fit(SERIES)
    twin = TWINS[way](one)
    twin.shift[:] += 1.0
    assert not np.array_equal(twin.shift, one.shift)
    assert TWINS[way](one).get_state() == one.get_state()
    np.testing.assert_array_equal(TWINS[way](one).transform(SERIES[0]), one.transform(SERIES[0]))


@pytest.mark.parametrize("way", WAYS)
def test_a_window_scaler(way):
    x = np.random.default_rng(0).random((4, 5, 2))
    scaler = WindowScaler().fit(x)
    twin = TWINS[way](scaler)
    np.testing.assert_array_equal(twin.transform(x), scaler.transform(x))
    twin.scale[:] = 9.0
    assert not (scaler.scale == 9.0).any()


@pytest.mark.parametrize("way", WAYS)
def test_a_shuffled_data_set_has_an_order_of_its_own(way):
    def first(data):
        return next(iter(data))[0].tolist()

    data = timeseries_dataset_from_array(SERIES[0], None, 4, shuffle=True, seed=1)
    first(data)
    twin = TWINS[way](data)
    expected = [first(twin), first(twin)]
    assert [first(data), first(data)] == expected
