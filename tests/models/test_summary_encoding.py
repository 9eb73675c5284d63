"""A summary, and lines of progress, where standard output cannot show everything."""

import io
import sys

import numpy as np
import pytest

from nlstm.layers import Dense, Input
from nlstm.models import Sequential


def told(encoding, monkeypatch, action):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding, newline="\n"))
    action()
    sys.stdout.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437", "latin-1"])
def test_boxes_are_plain_where_they_cannot_be_shown(encoding, monkeypatch):
    model = Sequential([Input((4,)), Dense(2, name="größe")])
    lines = told(encoding, monkeypatch, model.summary).splitlines()
    assert set(lines[1]) == set(lines[3]) == {"+", "-"}
    assert lines[2].startswith("| Layer (type)") and lines[4].endswith(" |")
    assert ("gr\\xf6\\xdfe" if encoding == "ascii" else "größe") in lines[4]
    assert "┏" in told("utf-8", monkeypatch, model.summary)


def test_what_prints_itself_gets_the_lines_as_they_are(monkeypatch):
    lines = []
    model = Sequential([Input((4,)), Dense(2)])
    told("ascii", monkeypatch, lambda: model.summary(print_fn=lines.append))
    assert lines[1].startswith("┏")


def test_names_of_metrics(monkeypatch):
    def größe(y_true, y_pred):
        return np.abs(y_pred).mean(-1)

    model = Sequential([Input((4,)), Dense(1)])
    model.compile("sgd", "mse", metrics=[größe])
    x = np.ones((4, 4))
    text = told("ascii", monkeypatch, lambda: model.fit(x, x[:, :1], verbose=2))
    assert "gr\\xf6\\xdfe" in text
