"""The demo on its real data: what it splits, what it says, what it writes."""

import sys

import numpy as np
import pytest

from nlstm import demo
from nlstm.models import Sequential


def test_no_day_to_forecast_is_in_two_parts_and_scaling_knows_the_training_part_only():
    task = demo._load_task()
    parts = (task.training, task.validation, task.test)
    assert [len(part.x) for part in parts] == [905, 184, 365]
    for earlier, later in zip(parts, parts[1:]):
        assert earlier.days[-1] + np.timedelta64(1, "D") == later.days[0]
    columns = np.concatenate([task.training.x[0, :, :4], task.training.x[1:, -1, :4]])
    # All rows of the training part but its last day, which no window of it has as an input.
    np.testing.assert_allclose(columns.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(columns.std(axis=0), 1.0, atol=0.01)


def test_the_target_is_the_day_after_the_window():
    task = demo._load_task()
    np.testing.assert_array_equal(task.test.y[:-1, 0], task.test.x[1:, -1, demo.HIGHEST])
    naive = demo._naive_forecasts(task)["the day before (naive)"]
    np.testing.assert_allclose(naive[1:], demo._in_degrees(task.test.y, task)[:-1])


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ({"the LSTM": 2.0, "a": 4.0, "b": 2.5}, "wins: its error is 50% below a, 20% below b."),
        ({"the LSTM": 2.0, "a": 4.0, "b": 1.9}, "does not win: it is no better than b."),
        ({"the LSTM": 5.0, "a": 4.0, "b": 5.0}, "does not win: it is no better than a, nor than b"),
        ({"the LSTM": np.nan, "a": 4.0}, "does not win: it is no better than a"),
    ],
)
def test_verdict_is_honest(errors, verdict):
    assert verdict in demo._verdict(errors)


def test_demo_writes_what_it_names(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    demo.demo(["--epochs", "2", "--folder", str(tmp_path / "new")])
    said = capsys.readouterr().out
    weights = tmp_path / "new" / "seattle_weather.weights.safetensors"
    picture = tmp_path / "new" / "seattle_weather.png"
    assert str(weights) in said and str(picture) in said
    assert picture.read_bytes().startswith(b"\x89PNG")
    model = demo._build_model()
    model.load_weights(str(weights))
    assert model.predict(demo._load_task().test.x, verbose=0).shape == (365, 1)


def test_demo_without_matplotlib_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    model = Sequential.__new__(Sequential)
    monkeypatch.setattr(Sequential, "save_weights", lambda self, path: None)
    demo._write_files(tmp_path, model, {}, None, None, None)
    assert "pip install nlstm[plot]" in capsys.readouterr().out
