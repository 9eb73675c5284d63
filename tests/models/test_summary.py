"""The table of layers: columns, widths and what Keras's arguments choose."""

import sys

import pytest

from nlstm import Input, Model
from nlstm.arguments.shown import cells
from nlstm.layers import LSTM, Concatenate, Dense
from nlstm.models import Sequential


def lines_of(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return lines


def nested():
    encoder = Sequential([LSTM(5, return_sequences=True), LSTM(4)], name="encoder")
    model = Sequential([Input((5, 3)), encoder, Dense(2), Dense(1, name="系列の誤差")])
    model.get_layer("dense").trainable = False
    return model


def branched():
    x = Input((20, 10))
    h = LSTM(50, return_sequences=True, name="a_layer_with_a_name_that_is_long")(x)
    return Model(x, Concatenate()([h, Dense(3)(x)]))


def words_of(lines):
    """Return the words of each cell of the table's rows, put together again, for each column."""
    rows = [line[1:-1].split(line[0]) for line in lines if line[0] in "┃│"]
    return ["".join(cell.strip() for cell in column).replace(" ", "") for column in zip(*rows)]


@pytest.mark.parametrize("make", [nested, branched])
@pytest.mark.parametrize("columns", [80, 60, 45, 10])
def test_a_narrow_table_loses_nothing(make, columns):
    whole = lines_of(make())
    narrow = lines_of(make(), line_length=columns)
    table = [line for line in narrow if line[0] in "┏┃┡│└"]
    assert len({cells(line) for line in table}) == 1
    assert cells(table[0]) <= max(columns, 58)
    assert words_of(narrow) == words_of(whole)
    assert narrow[-4:] == whole[-4:]


def test_words_stay_whole_where_they_can():
    lines = lines_of(nested(), line_length=40)
    assert any(line.startswith("│ (Sequential) ") for line in lines)


def test_a_terminal_decides_unless_told(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "50")
    branched().summary()
    assert max(map(cells, capsys.readouterr().out.splitlines())) <= 58
    branched().summary(line_length=200)
    assert "│ a_layer_with_a_name_that_is_long (LSTM) │" in capsys.readouterr().out


def test_layers_inside_and_which_are_trained():
    plain = lines_of(nested())
    assert not any("lstm" in line for line in plain)
    lines = lines_of(nested(), expand_nested=True, show_trainable=True)
    assert [line.split("│")[1] for line in lines if "lstm" in line] == [
        "     lstm (LSTM)      ",
        "     lstm_1 (LSTM)    ",
    ]
    marks = [line.split("│")[4].strip() for line in lines if line[0] == "│"]
    assert marks == ["Y", "Y", "Y", "N", "Y"]
    assert lines[-4:] == plain[-4:]


def test_some_layers():
    lines = lines_of(nested(), layer_range=["enc", "dense"])
    assert [line.split()[1] for line in lines if line[0] == "│"] == ["encoder", "dense"]
    with pytest.raises(ValueError, match="layer_range names 'gru'; there are encoder, dense"):
        nested().summary(layer_range=["gru", "dense"])
    with pytest.raises(ValueError, match="layer_range must be two names"):
        nested().summary(layer_range="dense")
    with pytest.raises(TypeError, match="line_length must be a positive integer"):
        nested().summary("wide")


def test_what_is_not_known_is_not_called_nothing():
    lines = lines_of(Sequential([LSTM(4), Dense(1)]))
    assert [line.split("│")[3].strip() for line in lines if line[0] == "│"] == ["?", "?"]
    assert lines[-1].startswith("Total params: ? (no input is known yet)")
