"""`benchmarks/machine/account.py`: parts that add up, tables, and steps without their kernels."""

import sys

import numpy as np
import pytest

from benchmarks import markdown
from benchmarks.grid import GRID, Shape
from benchmarks.machine import account
from benchmarks.machine.bound import BACKWARD, FORWARD, KINDS, OTHERS, PARTS, Bound
from tests.test_comparisons import rows_of

TINY = Shape("tiny", 4, 3, 2, 5, 1)
COLUMNS = [
    "whole", "products", "tile and cell forward", "tile and cell back", "sigmoids forward",
    "sigmoids back", "tanhs forward", "tanhs back", "gates and states", "meetings",
    "other kernels", "calls", "Python", "not explained",
]  # fmt: skip


def times():
    """Return times of which each part comes out as a number of its own, on two threads."""
    forward = {("predict", 0): 102, ("predict", 1): 126, ("predict", 2): 140, ("training", 2): 180}
    backward = {0: 204, 1: 212, 2: 218}
    least = {}
    for kind in KINDS:
        trains = kind == "training"
        for number, names in enumerate(account.PAIRS):
            least[kind, names, 1, FORWARD] = forward.get((kind, number), 0)
            least[kind, names, 1, BACKWARD] = trains * backward[number]
        least[kind, account.ALL, 2, FORWARD] = 100
        least[kind, account.ALL, 2, BACKWARD] = trains * 110
        least[kind, "calls", 1, FORWARD], least[kind, "calls", 1, BACKWARD] = 2, trains * 4
        least[kind, "calls", 1, OTHERS], least[kind, account.ALL, 2, OTHERS] = 1, 21
        least[kind, account.ALL, 2, "Python"], least[kind, account.ALL, 2, "whole"] = 30, 300
    return least


@pytest.mark.parametrize(
    "kind, parts",
    [
        ("training", [76, 22, 52, 12, 4, 7, 3, 20, 8, 20, 7, 30, 39]),
        ("predict", [28, 22, 0, 12, 0, 7, 0, 0, 29, 20, 3, 30, 149]),
    ],
)
def test_each_part_is_what_was_taken_out(kind, parts):
    peak = TINY.predict_flops / (2 * 28) / 1e9
    found = account.account(TINY, kind, times(), 2, peak)
    assert list(found) == COLUMNS
    np.testing.assert_allclose(list(found.values()), [300, *parts], atol=1e-9)


def test_tables_have_per_cents_and_cycles(monkeypatch):
    monkeypatch.setattr(account, "vector_floats", lambda: 4)
    found = account.account(TINY, "training", times(), 2, TINY.step_flops / 220e9)
    text = account.account_table({"a": found, "b": found | {"meetings": 0.0, "Python": -1.5e-6}})
    head, _, first, second = rows_of(text)
    assert head == ["shape N,T,F,H,layers: µs (%)", *COLUMNS]
    assert first[:3] == ["a", "300000000", "110000000 (37)"]
    assert (second[10], second[13]) == ("-", "-1.5 (0)")
    (_, *names), _, (title, *cycles) = rows_of(account.cycles_table({TINY: found}, 2, 6.0))
    assert (title, names) == (str(TINY), account.ACTIVATIONS)
    assert cycles == ["6", "2", "3.5", "1.5"]  # 24 vectors


def test_numbers_below_zero_have_no_exponent():
    assert [markdown.number(one) for one in (-1234.5, -0.123456)] == ["-1234", "-0.123"]


@pytest.mark.parametrize("kind", KINDS)
def test_python_runs_no_kernel(kind):
    bound = Bound(TINY, "tanh", "sigmoid")
    given, value = (one[0].value for one in (bound.steps[kind].inputs, bound.steps[kind].outputs))
    given[:] = value[:] = np.nan
    assert bound.python(kind, 0) > 0 and np.isnan(given).all() and np.isnan(value).all()
    found = bound.kernels(kind, 0)
    assert list(found) == list(PARTS) and not np.isnan(value[..., :1]).any()
    assert [one > 0 for one in found.values()] == [True, kind == "training", True]
    value[:] = np.nan
    assert bound.whole(kind, 0) > 0 and not np.isnan(value[..., :1]).any()


def test_gradients_that_vanish_are_told():
    bound = Bound(TINY, "tanh", "sigmoid")
    bound.check()
    bound.model.layers[0].parameters[1].gradient[:] = 0
    with pytest.raises(AssertionError, match="recurrent_kernel is 0"):
        bound.check()


def test_command_fills_the_document(tmp_path, monkeypatch, capsys):
    document = tmp_path / "performance.md"
    document.write_text("<!-- account -->\n<!-- end of account -->\n", encoding="utf-8")
    monkeypatch.setitem(GRID, "tiny", TINY)
    monkeypatch.setattr(account, "DOCUMENT", document)
    monkeypatch.setattr(account, "peak_gflops", lambda: 100.0)
    line = "--shapes tiny --threads 1 --seconds 0 --rounds 1 --write"
    monkeypatch.setattr(sys, "argv", ["account", *line.split()])
    account.main()
    text = document.read_text(encoding="utf-8")
    assert text == f"<!-- account -->\n{capsys.readouterr().out}<!-- end of account -->\n"
    tables = rows_of(text)
    assert [row[0] for row in tables[2:4]] == [f"{TINY}: {kind}" for kind in KINDS]
    for row in tables[2:4]:
        whole, *parts = [0.0 if cell == "-" else float(cell.split()[0]) for cell in row[1:]]
        rounded = 0.005 * (whole + sum(map(abs, parts)))  # three digits of each are shown
        assert sum(parts) == pytest.approx(whole, rel=0, abs=rounded)
    assert tables[4][1:] == account.ACTIVATIONS and len(tables[6]) == 5
    assert "1 thread, FMA peak of one 100 GFLOP/s. Its clock is derived" in text


@pytest.mark.parametrize(
    "line, words",
    [
        ("--threads 100000", "--threads 100000: expected 1 to "),
        ("--threads 0", "--threads 0: expected 1 to "),
        ("--shapes seed,sead", "--shapes sead: choose from seed, "),
    ],
)
def test_command_says_what_it_takes(line, words, monkeypatch, capsys):
    monkeypatch.setattr(account, "report", None)
    monkeypatch.setattr(sys, "argv", ["account", *line.split()])
    with pytest.raises(SystemExit):
        account.main()
    assert words in capsys.readouterr().err
