"""`python -m nlstm predict`: a table as a model's input, and the answers as one."""

import csv
import io

import numpy as np
import pytest

from nlstm.__main__ import main
from nlstm.layers import LSTM, Dense, Embedding, Input
from nlstm.models import Model, Sequential

SERIES = np.round(np.random.default_rng(0).random((9, 2)), 4)
HEADER = ["open", "close"]


def stack(shape, *behind):
    first = [Input(shape), LSTM(3), Dense(1, name="price")] if not behind else [
        Input(shape), *behind]  # fmt: skip
    return Sequential(first)


def table(rows, header=None, delimiter=","):
    lines = [delimiter.join(map(str, row)) for row in ([header] if header else []) + list(rows)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys):
    """Give a function that saves a model, asks it about data, and reads what was printed."""
    monkeypatch.chdir(tmp_path)

    def ask(model, data, *words):
        model.save("m.nlstm", overwrite=True)
        if isinstance(data, str):
            name = "data.csv"
            (tmp_path / name).write_text(data, encoding="utf-8")
        else:
            name = "data.npy"
            np.save(name, data)
        main(["predict", "m.nlstm", name, *words])
        return list(csv.reader(io.StringIO(capsys.readouterr().out)))

    return ask


def numbers(rows):
    return np.array(rows[1:], float)


DATED = [[f"2026-01-0{day}", *row] for day, row in enumerate(SERIES, 1)]


@pytest.mark.parametrize(
    "data",
    [
        table(SERIES, HEADER),
        table(SERIES),
        table(SERIES, HEADER, ";"),
        table(SERIES, None, "\t"),
        "\ufeff" + table(SERIES, HEADER).replace("\n", "\r\n"),
        table(SERIES, HEADER) + "\n\n",
        table(DATED, ["date", *HEADER]),
        table(DATED),
        SERIES,
        SERIES.astype("f4"),
    ],
    ids=["header", "plain", "semicolons", "tabs", "windows", "blank", "dates", "dates_plain",
         "npy", "float32"],
)  # fmt: skip
def test_a_series_is_cut_into_windows(asked, data):
    model = stack((4, 2))
    found = asked(model, data)
    windows = np.stack([SERIES[i : i + 4] for i in range(6)])
    assert found[0] == ["row", "price"] and [row[0] for row in found[1:]] == list("456789")
    np.testing.assert_allclose(
        numbers(found)[:, 1:], model.predict(windows, verbose=0), rtol=0, atol=1e-6
    )


def test_what_is_printed_is_the_same_number_again(asked):
    model = stack((4, 2))
    windows = np.stack([SERIES[i : i + 4] for i in range(6)])
    found = numbers(asked(model, table(SERIES)))[:, 1].astype("f4")
    np.testing.assert_array_equal(found, model.predict(windows, verbose=0)[:, 0])


def test_columns_are_picked_in_their_order(asked):
    model = stack((4, 2))
    wide = np.c_[SERIES[:, 1], np.arange(9), SERIES[:, 0]]
    named = table(wide, ["close", "volume", "open"])
    assert asked(model, named, "--columns", "open, close") == asked(model, table(SERIES))


@pytest.mark.parametrize(
    "shape, data, inputs",
    [
        ((None, 2), SERIES, SERIES[None]),
        ((3, 2), SERIES.reshape(3, 6), SERIES.reshape(3, 3, 2)),
        ((3, 1), SERIES[:, 0], np.stack([SERIES[i : i + 3, :1] for i in range(7)])),
        ((3, 2), SERIES.reshape(3, 3, 2), SERIES.reshape(3, 3, 2)),
    ],
    ids=["whole", "rows", "one", "shaped"],
)
def test_other_tables(asked, shape, data, inputs):
    model = stack(shape)
    found = numbers(asked(model, data))[:, 1:]
    np.testing.assert_allclose(found, model.predict(inputs, verbose=0), rtol=0, atol=1e-6)


def test_rows_and_indices(asked):
    rows = stack((2,), Dense(2, name="y"))
    found = asked(rows, table(SERIES))
    assert found[0] == ["row", "y_0", "y_1"] and len(found) == 10
    words = Sequential([Input((3,), dtype="int32"), Embedding(7, 2), LSTM(2), Dense(1)])
    assert len(asked(words, table([[1, 2, 3], [4, 5, 6]]))) == 3


def test_answers_with_steps_have_a_row_each(asked):
    found = asked(stack((4, 2), LSTM(3, return_sequences=True, name="h")), table(SERIES))
    assert found[0] == ["row", "step", "h_0", "h_1", "h_2"]
    assert [row[:2] for row in found[1:6]] == [["4", str(i)] for i in (1, 2, 3, 4)] + [["5", "1"]]


@pytest.mark.parametrize("ending", [".csv", ".npy", ".npz"])
def test_out(asked, tmp_path, ending):
    model = stack((4, 2))
    wanted = numbers(asked(model, table(SERIES)))[:, 1:]
    assert asked(model, table(SERIES), "--out", f"y{ending}") == []
    if ending == ".csv":
        found = numbers(list(csv.reader(io.StringIO((tmp_path / "y.csv").read_text()))))[:, 1:]
    else:
        found = np.load(tmp_path / f"y{ending}")
        found = found["price"] if ending == ".npz" else found
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_several_outputs(asked, tmp_path):
    x = Input((4, 2))
    h = LSTM(3)(x)
    model = Model(x, {"low": Dense(1)(h), "high": Dense(2)(h)})
    assert asked(model, table(SERIES))[0] == ["row", "low", "high_0", "high_1"]
    asked(model, table(SERIES), "--out", "y.npz")
    assert sorted(np.load(tmp_path / "y.npz").files) == ["high", "low"]


def replaced(row, text):
    rows = [list(map(str, one)) for one in SERIES]
    rows[row][1] = text
    return table(rows, HEADER)


TAKES = "the model takes windows of 4 steps with 2 numbers a row, or rows of 8 numbers; the data "


@pytest.mark.parametrize(
    "data, words, wanted",
    [
        (table(SERIES[:, :1], ["open"]), [], TAKES + "are 9 rows of 1 numbers (open)."),
        (table(np.c_[SERIES, SERIES], ["a", "b", "c", "d"]), [], "(a, b, c, d). --columns picks"),
        (table([["x", 1]] * 9, HEADER), [], "numbers (close). Left out, as no numbers: open."),
        (table(SERIES[:3]), [], "the model takes windows of 4 steps; the data have 3 rows."),
        (np.zeros((2, 5, 2)), [], TAKES + "are an array of shape (2, 5, 2)."),
        (np.zeros(8), [], TAKES + "are an array of shape (8,)."),
        (np.array(["a"]), [], "data.npy holds no numbers."),
        (np.array([{}], dtype=object), [], "data.npy is no array of numbers"),
        (replaced(2, ""), [], "data.csv: row 3 of close is empty; expected a number."),
        (replaced(2, "n/a"), [], "data.csv: row 3 of close is 'n/a'; expected a number."),
        (replaced(2, "nan"), [], "row 3 of close is 'nan'"),
        (table(SERIES) + "1,2,3\n", [], "row 10 has 3 columns; expected 2."),
        ("", [], "data.csv is empty."),
        ("a,b\n", [], "data.csv has a header and no rows."),
        ("a,b\nx,y\n", [], "data.csv has no column of numbers."),
        (table(SERIES, HEADER), ["--columns", "low"], "no column 'low'; there are open, close."),
        (table(SERIES), ["--columns", "low"], "--columns names low; data.csv has no header."),
        (SERIES, ["--columns", "low"], "--columns is for CSV files"),
        (table(SERIES), ["--out", "y.txt"], "--out must end in .csv, .npy or .npz; got 'y.txt'."),
        (table(SERIES), ["--out", "no/folder/y.csv"], "No such file or directory"),
    ],
)  # fmt: skip
def test_what_was_expected_and_what_came(asked, capsys, data, words, wanted):
    with pytest.raises(SystemExit, match="^1$"):
        asked(stack((4, 2)), data, *words)
    found = capsys.readouterr()
    assert wanted in found.err and "Traceback" not in found.err and not found.out


def test_a_model_of_several_inputs_is_refused(asked, capsys):
    a, b = Input((4, 2), name="a"), Input((4, 2), name="b")
    h = LSTM(3)
    with pytest.raises(SystemExit, match="^1$"):
        asked(Model([a, b], [h(a), h(b)]), table(SERIES))
    assert "has 2 inputs, a, b; predict takes one." in capsys.readouterr().err
