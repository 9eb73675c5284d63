"""Scalers: what they learn, the way there and back, and their state."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nlstm.windows import (
    LogScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
    WindowScaler,
    load_scaler,
)

SCALERS = [
    StandardScaler(),
    MinMaxScaler(),
    MinMaxScaler((-1.0, 1.0)),
    RobustScaler(),
    LogScaler(),
    LogScaler(unit=100.0),
]


def fresh(scaler):
    return load_scaler(scaler.get_state())


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
def test_there_and_back(scaler, dtype, data):
    width = 32 if dtype == "float32" else 64
    values = st.floats(0, 2.0**17, width=width, allow_subnormal=False)
    shape = array_shapes(min_dims=1, max_dims=3, max_side=6)
    series = data.draw(arrays(dtype, shape, elements=values))
    again = fresh(scaler).fit(series)
    wide = again.scale.min() < 2.0**17 / np.finfo(dtype).max  # else the dtype holds any result
    try:
        scaled = again.transform(series)
    except ValueError as error:
        assert wide and "cannot hold" in str(error)
        return
    assert np.isfinite(scaled).all()
    back = again.inverse_transform(scaled)
    assert scaled.dtype == back.dtype == series.dtype and back.shape == series.shape
    # Rounding of the scaled number counts by how far it lies from 0, hence by shift and scale.
    table = np.abs(series.reshape(-1, series.shape[-1] if series.ndim > 1 else 1))
    bound = 16 * np.finfo(dtype).eps * (table.max(axis=0) + np.abs(again.shift[0]) + again.scale[0])
    if isinstance(scaler, LogScaler):
        bound = 64 * np.finfo(dtype).eps * (table.max(axis=0) + scaler.unit)
        bound *= 1.0 + np.abs(again.shift[0]) + again.scale[0]
    error = np.abs(back.astype(np.float64) - series).reshape(table.shape)
    assert (error <= bound).all()


def test_what_a_dtype_cannot_hold_is_named():
    series = np.array([0.0, 1e-38, 2e-38, 3e-38, 1e5], np.float32)
    scaler = RobustScaler().fit(series)
    message = r"100000 in column 0 becomes 5e\+42, which float32 cannot hold: .* its scale 2e-38"
    with pytest.raises(ValueError, match=message):
        scaler.transform(series)
    np.testing.assert_allclose(
        scaler.inverse_transform(scaler.transform(series.astype(np.float64))), series, atol=1e-11
    )
    with pytest.raises(ValueError, match="1000 in column 1 becomes inf, which float64 cannot hold"):
        LogScaler().fit(np.array([[0.0, 0.0], [9.0, 9.0]])).inverse_transform([[1.0, 1000.0]])
    for kind in (StandardScaler, MinMaxScaler, RobustScaler):
        with pytest.raises(ValueError, match=r"Column 0 reaches from -1.5e\+308 to 1.5e\+308"):
            kind().fit([-1.5e308, -1.5e308, 1.5e308, 1.5e308])
    windows = WindowScaler().fit(np.array([[[0.0], [1e-38]]], np.float32))
    with pytest.raises(ValueError, match="column 0 becomes .* which float32 cannot hold"):
        windows.transform(np.full((1, 1, 1), 10, np.float32))


def test_infinity_and_nan_stay_what_they_are():
    scaler = StandardScaler().fit([1.0, 2.0, 3.0])
    assert scaler.transform([-np.inf, np.inf]).tolist() == [-np.inf, np.inf]
    assert np.isnan(scaler.inverse_transform([np.nan])).all()


def test_float64_comes_back_to_the_last_bits():
    series = np.random.default_rng(0).normal(300.0, 40.0, (1000, 3))
    for scaler in SCALERS:
        again = fresh(scaler)
        back = again.inverse_transform(again.fit_transform(series))
        np.testing.assert_allclose(back, series, rtol=4e-15)


def test_what_is_learnt():
    series = np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0], [np.nan, 5.0]])
    known = np.array([1.0, 2.0, 6.0])
    scaled = StandardScaler().fit_transform(series)
    np.testing.assert_allclose(scaled[:3, 0], (known - 3.0) / known.std())
    scaled = MinMaxScaler((-1, 1)).fit_transform(series)
    np.testing.assert_allclose(scaled[:3, 0], [-1.0, -0.6, 1.0])
    assert (scaled[:, 1] == -1.0).all()  # a column that never changes
    scaled = RobustScaler().fit_transform(series)
    np.testing.assert_allclose(scaled[:3, 0], (known - 2.0) / 2.5)
    logarithms = np.log1p(known / 2.0)
    scaled = LogScaler(unit=2.0).fit_transform(series)
    np.testing.assert_allclose(
        scaled[:3, 0], (logarithms - logarithms.mean()) / logarithms.std(), rtol=1e-12
    )
    assert np.isnan(scaled[3, 0])


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda one: type(one).__name__)
def test_columns_that_never_change_are_safe(scaler):
    again = fresh(scaler)
    series = np.tile([0.1, 3.0], (7, 1))  # the mean of seven 0.1 is not 0.1 in float64
    scaled = again.fit_transform(series)
    assert np.isfinite(scaled).all() and (again.scale == 1.0).all()
    np.testing.assert_allclose(again.inverse_transform(scaled), series, rtol=1e-15)


def test_targets_alone_come_back_from_forecasts_of_any_rank():
    series = np.random.default_rng(1).normal(10.0, 3.0, (50, 4))
    scaler = StandardScaler().fit(series)
    scaled = scaler.transform(series)
    back = scaler.inverse_transform(scaled[:, [3, 1]], columns=[-1, 1])
    np.testing.assert_allclose(back, series[:, [3, 1]])
    windows = scaled[:48].reshape(8, 6, 4)[:, :, [2]]
    np.testing.assert_allclose(
        scaler.inverse_transform(windows, [2]), series[:48].reshape(8, 6, 4)[:, :, [2]]
    )


def test_several_series_share_a_scale_or_have_their_own():
    rng = np.random.default_rng(2)
    series = [rng.normal(mean, 2.0, (size, 2)) for mean, size in ((0.0, 30), (50.0, 70))]
    shared = StandardScaler().fit(series)
    np.testing.assert_allclose(shared.shift[0], np.concatenate(series).mean(axis=0))
    own = StandardScaler(per_series=True)
    scaled = own.fit_transform(series)
    for number, (one, raw) in enumerate(zip(scaled, series)):
        np.testing.assert_allclose(one.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(own.transform(raw, which=number), one)
        np.testing.assert_allclose(own.inverse_transform(one, which=number), raw)
    for back, raw in zip(own.inverse_transform(scaled), series):
        np.testing.assert_allclose(back, raw)
    with pytest.raises(ValueError, match="which must say which of the 2 series"):
        own.transform(series[0])
    with pytest.raises(ValueError, match="learnt 2 series; got 1"):
        own.transform(series[:1])
    with pytest.raises(ValueError, match="which must lie in 0 to 1; got 2"):
        own.transform(series[0], which=2)


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda one: type(one).__name__)
def test_state_goes_through_json(scaler):
    series = np.random.default_rng(3).random((20, 2))
    learnt = fresh(scaler).fit(series)
    loaded = load_scaler(json.loads(json.dumps(learnt.get_state())))
    assert type(loaded) is type(scaler)
    assert np.array_equal(loaded.transform(series), learnt.transform(series))
    assert loaded.get_state() == learnt.get_state()


def test_states_of_another_kind_are_named():
    with pytest.raises(ValueError, match="StandardScaler expects a state .* of 'RobustScaler'"):
        StandardScaler().set_state(RobustScaler().get_state())
    with pytest.raises(ValueError, match="state must be of one of .*; got None"):
        load_scaler({})


def test_large_series_are_converted_by_chunks():
    series = np.random.default_rng(4).random((150_000, 2), dtype=np.float32)
    scaler = MinMaxScaler().fit(series)
    scaled = scaler.transform(series)
    expected = (series.astype(np.float64) - scaler.shift) / scaler.scale
    assert np.array_equal(scaled, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: StandardScaler().transform([1.0]), ValueError, "StandardScaler knows no scale"),
        (lambda: StandardScaler().fit([np.nan, np.nan]), ValueError, "Column 0 holds NaN alone"),
        (lambda: StandardScaler().fit([np.inf, 1.0]), ValueError, "Column 0 holds infinity"),
        (lambda: LogScaler().fit([-1.0, 1.0]), ValueError, "expects values above -1; got -1"),
        (lambda: LogScaler(0.0), ValueError, "unit must be above 0; got 0.0"),
        (lambda: MinMaxScaler((1, 0)), ValueError, "feature_range must be"),
        (lambda: RobustScaler((50, 101)), ValueError, "quantile_range must be"),
        (lambda: StandardScaler().fit(["a"]), TypeError, "series must hold real numbers"),
        (
            lambda: StandardScaler().fit(np.ones((3, 2))).transform(np.ones((3, 1))),
            ValueError,
            r"maps 2 columns; series has shape \(3, 1\). inverse_transform takes some of them",
        ),
        (
            lambda: StandardScaler().fit(np.eye(3)).inverse_transform(np.ones((5, 2)), columns=[1]),
            ValueError,
            r"maps 1 column; series has shape \(5, 2\). series\[..., None\] makes of each number",
        ),
        (
            lambda: StandardScaler().fit([np.ones((3, 2)), np.ones((3, 1))]),
            ValueError,
            "the same columns",
        ),
    ],
)
def test_wrong_use_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("kind", ["standard", "first", "last"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_window_by_itself_and_back(kind, dtype):
    x = np.random.default_rng(5).normal(100.0, 5.0, (6, 8, 3)).astype(dtype)
    x[2, :, 1] = 0.1
    scaler = WindowScaler(kind)
    scaled = scaler.fit_transform(x)
    assert scaled.dtype == x.dtype
    if kind == "standard":
        np.testing.assert_allclose(scaled.mean(axis=1), 0.0, atol=1e-5)
        deviation = scaled.std(axis=1)
        assert deviation[2, 1] == 0.0 and (scaled[2, :, 1] == 0.0).all()
        np.testing.assert_allclose(np.delete(deviation.ravel(), 7), 1.0, rtol=1e-4)
    else:
        assert (scaled[:, 0 if kind == "first" else -1] == 0.0).all()
    rounding = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(scaler.inverse_transform(scaled), x, rtol=rounding)
    y = x[:, :2, [2, 0]] + 1
    loaded = WindowScaler().set_state(json.loads(json.dumps(scaler.get_state())))
    back = loaded.inverse_transform(scaler.transform(y, [2, 0]), [2, 0])
    np.testing.assert_allclose(back, y, rtol=rounding)


def test_windows_with_nan():
    x = np.array([[[1.0], [np.nan], [3.0]]])
    assert WindowScaler().fit_transform(x)[0, [0, 2], 0].tolist() == [-1.0, 1.0]
    assert WindowScaler("last").fit_transform(x)[0, 0, 0] == -2.0
    with pytest.raises(ValueError, match="Window 0 has NaN in feature 0 at the first step"):
        WindowScaler("first").fit(x[:, 1:])
    with pytest.raises(ValueError, match="Window 0 has NaN in feature 0 at all steps"):
        WindowScaler().fit(x[:, 1:2])


def test_windows_that_were_not_fitted_are_named():
    with pytest.raises(ValueError, match="call fit first"):
        WindowScaler().transform(np.zeros((1, 1, 1)))
    with pytest.raises(ValueError, match=r"keeps 2 windows of 1 columns; got .*\(3, 1, 1\)"):
        WindowScaler().fit(np.zeros((2, 4, 1))).transform(np.zeros((3, 1, 1)))
    with pytest.raises(ValueError, match="kind must be one of"):
        WindowScaler("mean")
    with pytest.raises(ValueError, match=r"expects shape .*; got \(3, 1\)"):
        WindowScaler().fit(np.zeros((3, 1)))


@pytest.mark.parametrize("scaler", [StandardScaler(), WindowScaler()])
def test_single_precision_stays_so_in_any_order_of_bytes(scaler):
    x = np.random.default_rng(0).random((3, 4, 2), np.float32)
    wanted = scaler.fit_transform(x)
    found = scaler.fit_transform(x.astype(">f4"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted)


def test_a_set_is_no_series():
    with pytest.raises(TypeError, match="series must be an array of numbers; got set"):
        StandardScaler().fit({1.0, 2.0})
    with pytest.raises(ValueError, match=r"got \(\)|shape \(\)"):
        StandardScaler().fit(np.array(1.0))


@pytest.mark.parametrize("steps", [[1e300, 1.0, 2.0], [1e308, -1e308, -1.7e308]])
def test_steps_too_far_apart_are_named(steps):
    with pytest.raises(ValueError, match="Window 0 has values whose squares .* in feature 0"):
        WindowScaler().fit(np.array(steps).reshape(1, 3, 1))


@pytest.mark.parametrize("kind", ["standard", "first", "last"])
def test_infinity_in_a_window_is_named(kind):
    windows = np.ones((2, 3, 2))
    windows[1, 1, 0] = np.inf
    with pytest.raises(ValueError, match="Window 1 has infinity in feature 0"):
        WindowScaler(kind).fit(windows)
