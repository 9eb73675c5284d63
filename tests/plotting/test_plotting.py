"""Pictures: what they show, whose Axes they use, and errors that name the argument."""

import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import pytest

import nlstm
from nlstm.inspection import attribute, importance, memory, order_test, trace
from nlstm.layers import GRU, LSTM, Dense, Embedding, Input, Masking, Reshape, TimeDistributed
from nlstm.training.history import History
from nlstm.windows import Backtest, Intervals, Windows, backtest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from nlstm import plotting  # noqa: E402
from nlstm.plotting.style import BLUE, shades  # noqa: E402

STEPS, FEATURES, ROWS = 6, 3, 10
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@pytest.fixture(scope="module")
def model():
    nlstm.set_random_seed(0)
    made = nlstm.Sequential([Input((STEPS, FEATURES)), LSTM(4, name="lstm"), Dense(1)])
    made.compile("adam", "mse")
    return made


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(ROWS, STEPS, FEATURES))


def told(quantiles=QUANTILES, horizon=3, count=8, targets=2):
    """Return a backtest whose forecasts are the truth plus half, spread over the quantiles."""
    actuals = np.random.default_rng(1).normal(size=(count, horizon, targets))
    forecasts = actuals + 0.5
    if quantiles is not None:
        forecasts = forecasts[..., None] + 4.0 * (np.array(quantiles) - 0.5)
    return Backtest(20 + np.arange(count), np.zeros(count, int), forecasts, actuals, quantiles)


def pictures(model, x):
    """Return a function of ax for each picture."""
    h = History()
    h.history |= {"loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.5, 1.6]}
    y = x[:, -1, :1]
    return {
        "history": lambda ax: plotting.history(h, ax=ax),
        "forecast": lambda ax: plotting.forecast(told(), ax=ax),
        "fan": lambda ax: plotting.fan(told(), ax=ax),
        "residuals": lambda ax: plotting.residuals(told(), ax=ax),
        "calibration": lambda ax: plotting.calibration(told(), ax=ax),
        "gates": lambda ax: plotting.gates(trace(model, x), x, ax=ax),
        "attribution": lambda ax: plotting.attribution(attribute(model, x), x, ax=ax),
        "memory": lambda ax: plotting.memory(memory(model, x), ax=ax),
        "importance": lambda ax: plotting.importance(importance(model, x, y, draws=5), ax=ax),
        "order_test": lambda ax: plotting.order_test(order_test(model, x, y, draws=5), ax=ax),
        "graph": lambda ax: plotting.graph(model, ax=ax),
        "plot": lambda ax: model.plot(ax),
    }


NAMES = list(pictures(None, np.zeros((1, 1, 1))))


def test_every_public_function_is_drawn_here():
    assert {*NAMES} - {"plot"} | {"plot_model"} == {*plotting.__all__}


@pytest.mark.parametrize("name", NAMES)
def test_given_axes_are_used_and_an_own_figure_is_closed(name, model, x, tmp_path):
    import matplotlib.pyplot as plt

    draw = pictures(model, x)[name]
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert draw(right) is right and right.has_data() | bool(right.texts)
    assert not left.has_data() and not left.texts and figure.axes == [left, right]
    own = draw(None)
    assert own.figure is not figure and own in own.figure.axes
    assert plt.get_fignums() == []  # pyplot knows of none
    own.figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 3000


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_axes_is_named(name, model, x):
    with pytest.raises(TypeError, match=r"ax must be one Axes of matplotlib, or None; got ndarray"):
        pictures(model, x)[name](Figure().subplots(2))


@pytest.mark.parametrize("name", [one for one in NAMES if one not in ("graph", "plot")])
def test_axes_have_labels(name, model, x):
    ax = pictures(model, x)[name](None)
    titled = [ax, *ax.child_axes]
    assert ax.get_xlabel() and any(one.get_title() for one in titled)
    assert ax.get_ylabel() or name in ("importance", "order_test")  # whose rows have names


def lines_of(ax):
    return {line.get_label(): line for line in ax.lines}


def test_history_takes_logs_by_name():
    logs = {"loss": [3.0, 2.0], "val_loss": [3.0, 4.0], "mae": [1.0, 0.5]}
    ax = plotting.history(logs, ["loss", "mae"], log=True, label="error, °C")
    lines = lines_of(ax)
    assert list(lines) == ["loss", "val_loss", "mae", "least, epoch 1"]
    np.testing.assert_array_equal(lines["loss"].get_xdata(), [1, 2])
    np.testing.assert_array_equal(lines["val_loss"].get_ydata(), [3, 4])
    assert lines["val_loss"].get_linestyle() == "--" and ax.get_yscale() == "log"
    assert ax.get_ylabel() == "error, °C" and lines["val_loss"].get_color() == BLUE
    assert lines["mae"].get_color() != BLUE


@pytest.mark.parametrize(
    "found, names, error",
    [
        (3, "loss", "found must be a History of fit, or its dict; got 3"),
        ({"loss": [1.0]}, "acc", "names must be among loss; got 'acc'"),
        ({"loss": [1.0]}, 3, "names must be names of logs; got 3"),
        ({}, "loss", "names must be among none"),
        ({"loss": []}, "loss", "names: 'loss' must have one number for each epoch"),
        ({"lr": ["a"]}, "lr", "names: 'lr' must have one number for each epoch"),
    ],
)
def test_history_names_what_is_wrong(found, names, error):
    with pytest.raises((TypeError, ValueError), match=error):
        plotting.history(found, names)


def test_forecast_draws_the_step_and_target_asked_for():
    found = told()
    ax = plotting.forecast(found, ahead=2, target=1, label="height, m")
    lines = lines_of(ax)
    np.testing.assert_array_equal(lines["truth"].get_ydata(), found.actuals[:, 1, 1])
    np.testing.assert_array_equal(lines["forecast"].get_ydata(), found.forecasts[:, 1, 1, 2])
    np.testing.assert_array_equal(lines["truth"].get_xdata(), found.origins + 1)
    bands = {one.get_label(): one for one in ax.collections}
    assert list(bands) == ["10 to 90 %", "25 to 75 %"]
    heights = bands["10 to 90 %"].get_paths()[0].vertices[:, 1]
    assert heights.max() == found.forecasts[:, 1, 1, 4].max()
    colours = [to_hex(one.get_facecolor()[0]) for one in bands.values()]
    assert colours == shades(2)
    assert ax.get_ylabel() == "height, m" and "2 steps ahead" in ax.get_title()


def test_forecast_takes_arrays_as_predict_gives_them():
    truth = np.arange(5.0)
    ax = plotting.forecast((truth + 1)[:, None], truth)
    np.testing.assert_array_equal(lines_of(ax)["forecast"].get_ydata(), truth + 1)
    levels = truth[:, None] + np.array([1.0, -1.0, 0.0])  # in any order
    ax = plotting.forecast(levels, truth, quantiles=(0.9, 0.1, 0.5))
    np.testing.assert_array_equal(lines_of(ax)["forecast"].get_ydata(), truth)
    assert [one.get_label() for one in ax.collections] == ["10 to 90 %"]


def test_dates_are_those_of_the_frame_or_given():
    pandas = pytest.importorskip("pandas")
    days = pandas.date_range("2015-01-01", periods=20, name="day")
    frame = pandas.DataFrame({"high": np.arange(20.0)}, days)

    class Last:
        def predict(self, x, **options):
            return np.repeat(x[:, -1:], 2, axis=1)

    found = backtest(Last(), frame, 10, 2, sequence_length=3, sampling_rate=2)
    ax = plotting.forecast(found, ahead=2, target="high")
    assert ax.get_ylabel() == "high" and ax.get_xlabel() == "date"
    first = np.asarray(lines_of(ax)["truth"].get_xdata())[0]
    assert np.datetime64(first, "D") == np.datetime64("2015-01-13")
    dates = np.datetime64("2020-01-01") + np.arange(20)
    ax = plotting.forecast(found, dates=dates)
    assert lines_of(ax)["truth"].get_xdata()[0] == dates[10]
    with pytest.raises(ValueError, match="target must be one of .'high'.; got 'low'"):
        plotting.forecast(found, target="low")


@pytest.mark.parametrize(
    "options, error",
    [
        ({"ahead": 4}, "ahead must .*3; got 4"),
        ({"target": 2}, "target must"),
        ({"target": "high"}, r"target must be one of \[0, 1\]; got 'high'"),
        ({"series": 1}, r"series must be one of \[0\]; got 1"),
        ({"dates": np.arange(5)}, r"dates must be those of all steps of the series, 30 or more"),
        ({"label": 3}, "label must be a string"),
        ({"truth": [1.0]}, "truth goes with arrays"),
        ({"quantiles": QUANTILES}, "quantiles goes with arrays"),
    ],
)
def test_forecast_names_what_is_wrong(options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        plotting.forecast(told(), **options)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_hours_are_those_of_the_frames_zone(library):
    frames = pytest.importorskip(library)
    first, zone = datetime(2023, 7, 1, 12), "Asia/Tokyo"
    if library == "pandas":
        hours = frames.date_range(first, periods=9, freq="h", tz=zone)
    else:
        last = first + timedelta(hours=8)
        hours = frames.datetime_range(first, last, "1h", time_zone=zone, eager=True)

    class Last:
        def predict(self, x, **options):
            return x[:, -1:]

    frame = frames.DataFrame({"time": hours, "load": np.arange(9.0)})
    ax = plotting.forecast(backtest(Last(), frame, 4, 1, sequence_length=3))
    ax.figure.canvas.draw()
    assert "18:00" in [one.get_text() for one in ax.get_xticklabels()]  # 9:00 in UTC


@pytest.mark.parametrize("unit", ["s", "m", "h", "D", "M"])
def test_dates_of_any_span_have_ticks(unit):
    for steps in (3, 10, 40, 100, 230, 290):
        dates = np.arange(steps).astype(f"datetime64[{unit}]").astype("datetime64[s]")
        ax = plotting.forecast(np.zeros(steps), np.ones(steps), dates=dates)
        ax.figure.canvas.draw()
        assert 1 <= len(ax.get_xticks()) <= 9


def test_arrays_that_do_not_fit_are_named():
    intervals = Intervals(np.zeros(3), np.ones(3), np.ones(3), 0.9)
    with pytest.raises(TypeError, match=r"found .*; got Intervals: intervals.backtest\(found\)"):
        plotting.forecast(intervals, np.ones(3))
    with pytest.raises(ValueError, match="truth must be given"):
        plotting.forecast([1.0])
    with pytest.raises(ValueError, match=r"found must have shape \(3,\), for truth of shape \(3,"):
        plotting.forecast([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"found must have shape \(2, 3\), the quantiles last"):
        plotting.forecast(np.zeros((3, 2)), np.zeros(2), quantiles=(0.1, 0.5, 0.9))
    for wrong in ((1.5,), 0.5):
        with pytest.raises((TypeError, ValueError), match="quantiles must"):
            plotting.forecast(np.zeros((2, 1)), np.zeros(2), quantiles=wrong)
    with pytest.raises(ValueError, match="truth must hold at least one value"):
        plotting.residuals([], [])
    with pytest.raises(TypeError, match="found must be a Backtest of nlstm.windows; got list"):
        plotting.fan([1.0])


def test_what_is_missing_is_left_out():
    gap = np.array([[1.0, np.nan], [2.0, np.nan]])
    ax = plotting.residuals(gap, np.zeros((2, 2)), by="ahead")
    assert lines_of(ax)["median"].get_xdata().tolist() == [1]
    one = plotting.forecast([[1.0], [np.nan]], [1.0, 2.0], quantiles=(0.5,))
    assert one.lines and not one.collections
    for draw, options in ((plotting.residuals, {"by": "ahead"}),
                          (plotting.calibration, {"quantiles": (0.5,)})):  # fmt: skip
        with pytest.raises(ValueError, match="found and truth must have numbers in common"):
            draw(np.full((3, 1), np.nan), np.zeros(3), **options)


def test_masked_steps_are_grey(x):
    model = nlstm.Sequential([Input((STEPS, FEATURES)), Masking(), LSTM(2)])
    masked = x.copy()
    masked[:, :2] = masked[0] = 0.0
    found = trace(model, masked)
    for row in (1, None):
        shown = plotting.gates(found, row=row).images[0].get_array()
        assert shown.mask[:, :2].all() and not shown.mask[:, 2:].any()
    with pytest.raises(ValueError, match="row must have a step that is not masked; got 0"):
        plotting.gates(found)


def test_fan_draws_the_last_forecasts_without_overlap():
    ax = plotting.fan(told(count=8), most=2)
    drawn = [line for line in ax.lines if line.get_color() == BLUE and line.get_marker() == "None"]
    assert [line.get_xdata().tolist() for line in drawn] == [[24, 25, 26], [27, 28, 29]]
    assert [one.get_label() for one in ax.collections][:2] == ["10 to 90 %", "25 to 75 %"]
    assert len(ax.collections) == 4
    assert lines_of(ax)["truth"].get_xdata().tolist() == [24, 25, 26, 27, 28, 29]
    overlapping = plotting.fan(told(None), every=2)
    dots = [line for line in overlapping.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [21, 23, 25, 27]
    with pytest.raises(ValueError, match="most must"):
        plotting.fan(told(), most=0)
    with pytest.raises(ValueError, match="every must"):
        plotting.fan(told(), every=0)


def test_residuals_are_forecast_less_truth():
    ax = plotting.residuals(told(count=8), ahead=3, smooth=2, label="height, m")
    np.testing.assert_allclose(lines_of(ax)["error"].get_ydata(), 0.5)
    np.testing.assert_allclose(lines_of(ax)["mean of 2"].get_ydata(), 0.5)
    assert len(lines_of(ax)["mean of 2"].get_xdata()) == 7
    ax = plotting.residuals(told(), by="ahead")
    np.testing.assert_allclose(lines_of(ax)["median"].get_ydata(), 0.5)
    assert lines_of(ax)["mean"].get_xdata().tolist() == [1, 2, 3]
    ax = plotting.residuals(told(), by="forecast")
    np.testing.assert_allclose(ax.lines[1].get_xdata(), told().point[:, 0, 0])
    with pytest.raises(ValueError, match="Unknown by 'day'"):
        plotting.residuals(told(), by="day")


def test_calibration_is_the_coverage_of_the_backtest():
    found = told()
    line = lines_of(plotting.calibration(found))["forecasts"]
    np.testing.assert_array_equal(line.get_xdata(), QUANTILES)
    np.testing.assert_allclose(line.get_ydata(), list(found.coverage().values()))
    levels = np.array([[1.0, -1.0], [1.0, -1.0], [np.nan, 0.0]])
    ax = plotting.calibration(levels, [0.0, -2.0, 0.0], quantiles=(0.9, 0.1))
    np.testing.assert_allclose(lines_of(ax)["forecasts"].get_ydata(), [0.5, 1.0])
    assert "2 forecasts" in ax.get_title()
    with pytest.raises(ValueError, match="found must have quantiles"):
        plotting.calibration(told(None))


def test_gates_lie_below_the_input(model, x):
    found = trace(model, x)
    ax = plotting.gates(found, x, gate="o", row=-1, names=["a", "b", "c"], label="metres")
    np.testing.assert_array_equal(ax.images[0].get_array(), found["lstm"].o[-1].T)
    assert ax.images[0].get_clim() == (0.0, 1.0)
    above = next(one for one in ax.child_axes if one.lines)
    assert above.get_ylabel() == "metres" and len(ax.child_axes) == 2
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["a", "b", "c"]
    np.testing.assert_array_equal(above.lines[1].get_ydata(), x[-1, :, 1])
    ax = plotting.gates(found, gate="c", row=None)
    low, high = ax.images[0].get_clim()
    assert low == -high and len(ax.child_axes) == 1
    np.testing.assert_allclose(ax.images[0].get_array(), found["lstm"].c.mean(axis=0).T)


def test_gates_of_windows_and_of_one_layer_of_several(x):
    model = nlstm.Sequential([Input((4, 2)), GRU(3, return_sequences=True, name="a"), LSTM(2)])
    windows = Windows(x.reshape(-1, 2), 4, targets=[0])
    found = trace(model, windows)
    ax = plotting.gates(found, windows, layer="a", row=2)
    np.testing.assert_array_equal(ax.images[0].get_array(), found["a"].z[2].T)
    above = next(one for one in ax.child_axes if one.lines)
    np.testing.assert_allclose(above.lines[0].get_ydata(), windows.x[2:3][0, :, 0])
    with pytest.raises(ValueError, match=r"layer must be one of \('a', 'lstm.*got None"):
        plotting.gates(found)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"gate": "z"}, "Unknown gate 'z'"),
        ({"row": ROWS}, "row must"),
        ({"names": ["a"]}, "names must name 3 features; got 1"),
        ({"x": np.zeros((2, STEPS, FEATURES))}, r"x must have shape \(10, 6, features\); got"),
        ({"layer": "no"}, "layer must be one of"),
    ],
)
def test_gates_name_what_is_wrong(model, x, options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        plotting.gates(trace(model, x), **{"x": x, **options})


def test_steps_within_steps_are_not_drawn(x):
    inner = nlstm.Sequential([Input((STEPS * FEATURES,)), Reshape((STEPS, FEATURES)), LSTM(2)])
    model = nlstm.Sequential([Input((2, STEPS * FEATURES)), TimeDistributed(inner)])
    found = trace(model, x.reshape(5, 2, -1))
    with pytest.raises(ValueError, match="steps within steps, which are not drawn"):
        plotting.gates(found)


def test_attribution_by_step_and_feature_and_of_tokens(model, x):
    found = attribute(model, x)
    ax = plotting.attribution(found, x, row=3, names=["a", "b", "c"])
    np.testing.assert_array_equal(ax.images[0].get_array(), found.values[3].T)
    low, high = ax.images[0].get_clim()
    assert low == -high == -np.abs(found.values[3]).max()
    assert [one.get_text() for one in ax.get_yticklabels()] == ["a", "b", "c"]
    ax = plotting.attribution(found, row=None)
    np.testing.assert_allclose(ax.images[0].get_array(), np.abs(found.values).mean(0).T)
    words = nlstm.Sequential([Input((5,)), Embedding(7, 3), LSTM(2), Dense(1)])
    tokens = attribute(words, np.array([[1, 2, 3, 4, 5], [2, 2, 3, 4, 6]]))
    ax = plotting.attribution(tokens, row=1, names=list("abcde"))
    np.testing.assert_allclose([one.get_height() for one in ax.patches], tokens.values[1])


def test_memory_has_the_curves_of_the_layer(model, x):
    found = memory(model, x)
    lines = lines_of(plotting.memory(found))
    one = found["lstm"]
    np.testing.assert_allclose(lines["influence of h before"].get_ydata(), one.influence)
    np.testing.assert_allclose(lines["share of c let through"].get_ydata(), np.median(one.kept, 1))
    assert lines[f"reach: {one.reach} steps"].get_xdata()[0] == one.reach
    assert len(lines["time constants"].get_xdata()) == (one.time_constants <= STEPS).sum()
    with pytest.raises(ValueError, match=r"layer must be one of \('lstm',\); got 'x'"):
        plotting.memory(found, "x")


def test_effects_have_a_dot_and_an_interval_each(model, x):
    y = x[:, -1, :1]
    found = importance(model, x, y, "mae", names=["a", "b", "c"], draws=5)
    ax = plotting.importance(found, label="error, m")
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), found.features.values)
    spans = [one[:, 0].tolist() for one in ax.collections[0].get_segments()]
    lows, highs = found.features.low, found.features.high
    np.testing.assert_allclose(spans, np.column_stack([lows, highs]))
    assert [one.get_text() for one in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_xlabel().startswith("error, m: worse by")
    assert len(plotting.importance(found, "lags").get_yticklabels()) == STEPS
    with pytest.raises(ValueError, match="Unknown part 'days'"):
        plotting.importance(found, "days")


@pytest.mark.parametrize("name", ["gates", "attribution", "memory", "importance", "order_test"])
def test_other_things_are_refused(name):
    with pytest.raises(TypeError, match="found must be an? .* of nlstm.inspection; got 3"):
        getattr(plotting, name)(3)


def test_graph_has_a_box_for_each_call_and_an_arrow_for_each_way(model):
    ax = model.plot(direction="right", shapes=False, activations=True)
    texts = [one.get_text() for one in ax.texts]
    assert texts[0].endswith("(InputLayer)") and texts[3:] == ["", ""]
    assert texts[1:3] == ["lstm (LSTM)\nactivation: tanh", "dense (Dense)\nactivation: linear"]
    first, second = (one.get_position() for one in ax.texts[:2])
    assert second[0] > first[0] and second[1] == first[1]
    with pytest.raises(ValueError, match="Unknown direction 'up'"):
        model.plot(direction="up")
    with pytest.raises(TypeError, match="model must be a Sequential or a Model; got 3"):
        plotting.graph(3)


def test_matplotlib_is_loaded_when_a_picture_is_drawn():
    code = (
        "import sys, nlstm\n"
        "assert nlstm.plotting.history\n"
        "assert not {'matplotlib', 'nlstm.inspection'} & sys.modules.keys()\n"
        "nlstm.plotting.history({'loss': [1.0, 2.0]})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install nlstm\[plot\]"):
        plotting.history({"loss": [1.0]})
