"""`Windows` against a plain loop, by indexing and by the calls that feed a batch."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlstm import kernels
from nlstm.windows import Windows, timeseries_dataset_from_array

OPS = kernels.load("cpu", "float32")


@st.composite
def arguments(draw):
    columns = draw(st.integers(1, 4))
    some = st.lists(st.integers(0, columns - 1), min_size=1, max_size=3, unique=True)
    length, rate, stride = (draw(st.integers(1, most)) for most in (5, 3, 4))
    horizon = draw(st.integers(0, 4))
    span = (length + horizon - 1) * rate + 1
    steps = draw(st.lists(st.integers(1, 30), min_size=1, max_size=3).map(lambda s: [*s, span + 5]))
    return (
        steps,
        columns,
        {
            "sequence_length": length,
            "horizon": horizon,
            "stride": stride,
            "sampling_rate": rate,
            "inputs": draw(st.none() | some),
            "targets": draw(st.none() | some),
            "future": draw(st.none() | some) if horizon else None,
            "scaling": draw(st.sampled_from([None, "standard", "first", "last"])),
        },
    )


def loop_reference(series, static, options):
    """Return {(series, origin): (x, y)} of all windows, cut one by one."""
    length, horizon, rate = (options[k] for k in ("sequence_length", "horizon", "sampling_rate"))
    every = list(range(series[0].shape[1]))
    inputs = every if options["inputs"] is None else options["inputs"]
    targets = every if options["targets"] is None else options["targets"]
    found = {}
    for number, one in enumerate(series):
        for start in range(0, len(one), options["stride"]):
            seen = [start + k * rate for k in range(length)]
            ahead = [start + (length + k) * rate for k in range(horizon)]
            if [*seen, *ahead][-1] >= len(one):
                break
            past = one[seen]
            shift, scale = np.zeros(len(every)), np.ones(len(every))
            if options["scaling"] == "standard":
                shift, scale = past.mean(axis=0), past.std(axis=0)
                scale[scale == 0] = 1.0
            elif options["scaling"] is not None:
                shift = past[0 if options["scaling"] == "first" else -1]
            x = ((past - shift) / scale)[:, inputs]
            if options["future"]:
                led = one[[step + horizon * rate for step in seen]][:, options["future"]]
                x = np.concatenate([x, led], axis=1)
            if static is not None:
                x = np.concatenate([x, np.repeat(static[number][None], length, axis=0)], axis=1)
            y = ((one[ahead] - shift) / scale)[:, targets]
            found[number, start + length * rate] = x, y
    return found


def fed(side, index, dtype=np.float32):
    """Run the calls that copy windows `index` to a batch; return (windows, steps, features)."""
    _, steps, features = side.shape
    out = np.full((steps, len(index), features + 1), 7.0, dtype)
    changing = np.zeros(len(index), np.int64)
    calls = side.feed(OPS, changing, out)
    changing[:] = index  # what is bound once reads the rows when it runs
    for function, arguments in calls:
        function(*arguments)
    assert (out[:, :, -1] == 7.0).all()
    return out[:, :, :-1].swapaxes(0, 1)


@given(arguments(), st.booleans(), st.integers(0, 2**32 - 1))
@settings(deadline=None)  # the first example compiles
def test_windows_are_what_a_loop_cuts(drawn, with_static, seed):
    steps, columns, options = drawn
    rng = np.random.default_rng(seed)
    series = [rng.integers(-9, 9, (n, columns)).astype(np.float32) for n in steps]
    static = rng.integers(-9, 9, (len(steps), 2)).astype(np.float32) if with_static else None
    expected = loop_reference([one.astype(np.float64) for one in series], static, options)
    windows = Windows(series, **options, static=static)
    keys = list(zip(windows.series_index.tolist(), windows.origins.tolist()))
    assert len(windows) == len(keys) == len(expected) and set(keys) == set(expected)
    order = rng.permutation(len(keys))[:8]
    close = {"rtol": 1e-5, "atol": 1e-5}
    for side, place in ((windows.x, 0), (windows.y, 1)):
        if side is None:
            assert options["horizon"] == 0
            continue
        wanted = np.array([expected[keys[row]][place] for row in order])
        assert side.shape == (len(windows), *wanted.shape[1:])
        np.testing.assert_allclose(side[order], wanted, **close)
        np.testing.assert_allclose(fed(side, order), wanted, **close)
        np.testing.assert_allclose(
            fed(side.part(slice(1, None)), order[order > 0] - 1), wanted[order > 0], **close
        )
    if windows.y is not None:
        wanted = np.array([expected[keys[row]][1].reshape(1, -1) for row in order])
        np.testing.assert_allclose(fed(windows.y.flattened(), order), wanted, **close)
        targets = options["targets"] or range(columns)
        ahead = np.arange(options["horizon"]) * options["sampling_rate"]
        own = [series[s][o + ahead][:, list(targets)] for s, o in (keys[r] for r in order)]
        np.testing.assert_allclose(
            windows.inverse_scaling(windows.y[order], order), np.array(own), rtol=1e-4, atol=1e-4
        )


def test_one_float_array_is_not_copied():
    series = np.zeros((100, 3), np.float32)
    windows = Windows(series, 10)
    assert np.shares_memory(windows.x._panel.flat, series)


def peak_bytes(work):
    """Return the most memory that `work` held at a time, beyond what was there before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("gaps", [False, True])
def test_memory_is_that_of_the_series_however_much_windows_overlap(gaps):
    series = np.zeros((300_000, 2), np.float32)
    series[1000] = np.nan if gaps else 0.0
    out = np.zeros((365, 64, 2), np.float32)
    index = np.zeros(64, np.int64)

    def work():
        windows = Windows(series, 365, horizon=24, drop_nan=gaps)
        assert len(windows) > 290_000
        for function, arguments in windows.x.feed(OPS, index, out):
            function(*arguments)

    work()  # compiles
    assert peak_bytes(work) < 3 * series.nbytes  # all windows at once would be 365 of them


def test_order_is_time_and_the_last_windows_are_the_last_of_each_series():
    windows = Windows([np.arange(50.0), np.arange(20.0), np.arange(3.0)], 4, stride=2)
    assert windows.part(windows.series_index == 0).origins.tolist() == list(range(4, 50, 2))
    cut = int(len(windows) * 0.8)
    held = windows.part(slice(cut, None))
    for number, steps in ((0, 50), (1, 20)):
        first = held.origins[held.series_index == number].min()
        kept = windows.part(slice(cut))
        assert kept.origins[kept.series_index == number].max() < first
        assert 0.7 * steps < first < 0.95 * steps


def test_before_and_since_share_no_target():
    windows = Windows(np.arange(100.0), 5, horizon=3, sampling_rate=2)
    early, late = windows.before(60), windows.since(60)
    assert early.y[:].max() == 59 and late.y[:].min() == 60
    assert late.x[:].min() == 50  # it may look back across the cut
    assert early.origins.max() == 55 and len(early) + len(late) == len(windows) - 4


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 2)), max_size=6), st.integers(1, 3))
def test_windows_that_would_hold_nan_are_skipped(places, rate):
    series = np.arange(90.0).reshape(30, 3)
    for row, column in places:
        series[row, column] = np.nan
    options = {"sequence_length": 3, "horizon": 2, "sampling_rate": rate}
    options |= {"inputs": [0], "targets": [1], "future": [2]}
    clean = loop_reference([series], None, {**options, "stride": 1, "scaling": None})
    kept = [o for (_, o), (x, y) in clean.items() if not np.isnan(x).any() | np.isnan(y).any()]
    if not kept:
        with pytest.raises(ValueError, match="drop_nan leaves none"):
            Windows(series, **options, drop_nan=True)
        return
    windows = Windows(series, **options, drop_nan=True)
    assert windows.origins.tolist() == kept
    assert not np.isnan(windows.x[:]).any() and not np.isnan(windows.y[:]).any()


def test_values_that_are_not_finite_are_named():
    series = np.zeros((20, 2))
    series[7, 1] = np.nan
    with pytest.raises(ValueError, match=r"series holds nan in row 7, column 1. drop_nan=True"):
        Windows(series, 3)
    assert len(Windows(series, 3, inputs=[0], targets=[0])) == 17  # a column that nobody reads
    series[7, 1] = -np.inf
    with pytest.raises(ValueError, match=r"series\[1\] holds -inf in row 7, column 1.$"):
        Windows([np.zeros((5, 2)), series], 3, drop_nan=True)
    with pytest.raises(ValueError, match=r"holds 1e\+39, which float32 cannot hold"):
        fed(Windows(np.full((9, 1), 1e39), 3).x, [0])


@pytest.mark.parametrize(
    ("scaling", "dtype", "most"),
    [("first", "float64", 8.98e307), ("last", "float32", 1.7e38), ("standard", "float64", 3.8e153),
     ("standard", "float32", 1.7e38)],
)  # fmt: skip
def test_what_no_scaling_can_scale_is_named(scaling, dtype, most):
    steps = np.array([most, -most, most, most, -most, most], dtype)
    windows = Windows(steps, 3, scaling=scaling)
    assert np.isfinite(windows.x[:]).all()
    if dtype == "float32":
        assert np.isfinite(fed(windows.x, [0, 1])).all()
    with pytest.raises(ValueError, match=f"series holds .*, which scaling='{scaling}' cannot"):
        Windows(steps * 1.1, 3, scaling=scaling)
    if dtype == "float64":
        wide = Windows(np.full(6, 3e38), 3, scaling=scaling)
        with pytest.raises(ValueError, match=r"cannot scale in float32: at most 1.70141e\+38"):
            wide.x.check_size(np.dtype(np.float32))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sequence_length": 0}, ValueError, "sequence_length must be at least 1; got 0"),
        ({"horizon": -1}, ValueError, "horizon must be at least 0; got -1"),
        ({"stride": 1.5}, TypeError, "stride must be an integer; got 1.5"),
        ({"sequence_length": 9, "horizon": 2}, ValueError, "at least 11 steps .* longest has 10"),
        ({"inputs": [2]}, ValueError, r"inputs must lie in -2 to 1; got \[2\]"),
        ({"targets": [0.5]}, TypeError, "targets must be a list of column numbers"),
        ({"inputs": []}, ValueError, "the model sees nothing"),
        ({"future": [0], "horizon": 0}, ValueError, "future needs a horizon"),
        ({"static": np.zeros((2, 3))}, ValueError, r"static must have shape .*got \(2, 3\)"),
        ({"static": [np.nan]}, ValueError, "static must be finite"),
        ({"scaling": "mean"}, ValueError, "scaling must be one of .*; got 'mean'"),
    ],
)
def test_wrong_arguments_are_named(options, error, message):
    with pytest.raises(error, match=message):
        Windows(np.zeros((10, 2)), **{"sequence_length": 3, **options})


def test_wrong_series_are_named():
    with pytest.raises(ValueError, match=r"series must have shape .*; got \(2, 2, 2\)"):
        Windows(np.zeros((2, 2, 2)), 1)
    with pytest.raises(ValueError, match=r"series\[1\] has 3 columns, but series\[0\] has 2"):
        Windows([np.zeros((5, 2)), np.zeros((5, 3))], 1)
    with pytest.raises(TypeError, match="series must hold real numbers; got dtype"):
        Windows(np.array(["a", "b"]), 1)
    with pytest.raises(ValueError, match=r"forecasts must have 8 windows .*; got shape \(3, 1\)"):
        Windows(np.arange(10.0), 2, scaling="last").inverse_scaling(np.zeros((3, 1)))


def test_numbers_that_no_series_has():
    series = np.arange(10.0)
    assert len(Windows(series, 2, 1, stride=10**30)) == 1
    for options in ({"sequence_length": 10**30}, {"sequence_length": 2, "horizon": 10**30}):
        with pytest.raises(ValueError, match="series must have at least 1000000000"):
            Windows(series, **options)
    with pytest.raises(ValueError, match="sampling_rate must lie in 1 to"):
        Windows(series, 1, 0, sampling_rate=10**30)
    made = timeseries_dataset_from_array(series, None, sequence_length=10**12)
    assert list(made) == []
