"""What notebooks show of models, histories and windows."""

import re

import numpy as np
import pytest

import nlstm
from nlstm.arguments.html import MOST, as_html, curve
from nlstm.layers import LSTM, Concatenate, Dense, Input
from nlstm.training.history import History
from nlstm.windows import Windows


def cells(text):
    """Return the texts of each row."""
    rows = re.findall("<tr>(.*?)</tr>", text)
    return [re.findall("<t[dh]>(.*?)</t[dh]>", row) for row in rows]


def stack():
    return nlstm.Sequential([Input((5, 3)), LSTM(4, name="lstm"), Dense(1, name="out")], "mine")


def test_models_show_their_layers_and_make_no_weights():
    model = stack()
    text = model._repr_html_()
    assert not model.built and "Total" not in text
    assert cells(text)[1:] == [
        ["lstm", "LSTM", "(None, 4)", "?"],
        ["out", "Dense", "(None, 1)", "?"],
    ]
    model.build()
    text = model._repr_html_()
    assert cells(text)[1] == ["lstm", "LSTM", "(None, 4)", "128"]
    assert "<b>Sequential mine</b>" in text and "Total params: 133" in text


def test_branches_say_what_they_are_connected_to():
    x = Input((3,), name="x")
    model = nlstm.Model(x, Concatenate(name="both")([Dense(2, name="a")(x), x]))
    rows = cells(model._repr_html_())
    assert rows[0][-1] == "connected to" and rows[-1][-1] == "a, x"
    assert "?" in nlstm.Sequential([Dense(2)])._repr_html_()


def test_histories_show_first_last_least_and_a_curve():
    history = History()
    assert "History of 0 epochs" in history._repr_html_()
    for epoch, loss in enumerate([3.0, float("nan"), 1.0, 2.0]):
        history.on_epoch_end(epoch, {"loss": loss, "note": "a", "each": np.array([1.0, 2.0])})
    text = history._repr_html_()
    rows = cells(text)
    assert rows[1][:5] == ["loss", "3", "2", "1 (3)", "3 (1)"] and "<polyline" in rows[1][5]
    assert rows[2][:5] == ["note", "a", "a", "", ""] and rows[2][5] == ""
    assert rows[3][:2] == ["each", "[1, 2]"]
    history = History()
    history.on_epoch_end(0, {"loss": float("nan")})
    assert cells(history._repr_html_())[1] == ["loss", "nan", "nan", "nan", "nan", ""]


def test_windows_show_shapes_and_columns():
    series = np.zeros((20, 3))
    text = Windows(series, 4, horizon=2, inputs=[0, 1], targets=[1], future=[2])._repr_html_()
    rows = cells(text)[1:]
    assert rows == [["x", "(15, 4, 3)", "0, 1"], ["known ahead", "", "2"], ["y", "(15, 2, 1)", "1"]]
    assert "15 Windows" in text and "From 20 steps" in text
    assert "2 series of 40 steps" in Windows([series, series], 4, horizon=0)._repr_html_()
    wide = Windows(np.zeros((9, 30)), 4)._repr_html_()
    assert cells(wide)[1][2].endswith("10, 11, ...")


def test_names_are_escaped():
    pandas = pytest.importorskip("pandas")
    bad = "<script>alert('&')</script>"
    history = History()
    history.on_epoch_end(0, {bad: 1.0, "note": bad})
    frame = pandas.DataFrame({bad: np.zeros(9)})
    model = nlstm.Sequential([Input((3,)), Dense(1, name="a<b>&")])
    for thing in (history, Windows(frame, 3), model):
        text = thing._repr_html_()
        assert "<script" not in text and "a<b>" not in text and "&amp;" in text


def test_tables_are_small_and_need_nothing_from_elsewhere():
    model = nlstm.Sequential([Input((3,)), *(Dense(1) for _ in range(60))])
    model.build()
    history = History()
    for epoch in range(10_000):
        history.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1)})
    for thing in (model, history, Windows(np.zeros((999, 200)), 9)):
        text = thing._repr_html_()
        assert len(text) < 8000 and not re.search("http|src=|href=|<style|<script", text)
    assert "and 20 more" in model._repr_html_() and len(cells(model._repr_html_())) == MOST + 1


def test_curves_go_from_left_to_right_and_are_high_where_values_are():
    text = curve([0.0, 1.0, float("nan"), 0.5])
    points = [tuple(map(float, one.split(","))) for one in re.findall("[\\d.]+,[\\d.]+", text)]
    across, down = zip(*points)
    assert across == (1.0, 40.3, 119.0) and down[0] > down[2] > down[1]
    assert curve([1.0]) == curve([]) == "" and "nan" not in curve([2.0, 2.0])
    assert as_html("a", (), [], ["b"]) == "<div><b>a</b><table></table><small>b</small></div>"
