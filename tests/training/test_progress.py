"""What a run shows on terminals of any width, into files, and where nothing can be shown."""

import io
import os
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from nlstm import metrics
from nlstm.arguments.shown import cells
from nlstm.callbacks import EarlyStopping
from nlstm.layers import Dense, Input
from nlstm.models import Sequential
from nlstm.training import output, progress

X = np.random.default_rng(0).random((40, 3))
LOGS = {
    "loss": 0.123456,
    "a_metric_with_quite_a_long_name": 12345678.9,
    "größe": 1e-9,
    "系列の誤差": float("nan"),
    "{odd}": 0.0,
    "val_loss": 2.0,
}
NUMBER = r"(-?\d+\.\d{4}(e[+-]\d\d)?|nan|inf)"
TIME = r"\d+:\d\d(, \d+:\d\d left| left)?"
PART = re.compile(rf"(\S+: {NUMBER}|Epoch \d+/\d+( .*)?|\d+/\d+( .*)?|\d+ steps( .*)?|{TIME})")


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal and keeps what it is given."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding, newline="\n", write_through=True)

    def isatty(self):
        return True

    @property
    def text(self):
        return self.buffer.getvalue().decode(self.encoding)

    @property
    def screen(self):
        """What stands there at the end: each line without what was written over."""
        lines = []
        for line in self.text.split("\n"):
            shown = ""
            for part in line.split("\r"):
                shown = part + shown[len(part) :]
            lines.append(shown.rstrip())
        return lines


@pytest.fixture
def terminal(monkeypatch):
    """Return what makes standard output a terminal of so many columns, drawn at every step."""

    def made(columns, encoding="utf-8"):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0)
        monkeypatch.setattr(progress, "SECONDS_PER_UPDATE", 0.0)
        stream = Terminal(encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return made


def model():
    made = Sequential([Input((3,)), Dense(1)])
    made.compile("sgd", "mse", metrics=["mae", "root_mean_squared_error"])
    return made


def run(logs, steps=5, **options):
    shown = progress.Progress(1, lambda: logs, **options)
    shown.begin("Epoch 1/25", steps)
    for batch in range(5):
        shown.step_hook(batch)
    shown.steps = 5
    shown.end(logs)
    shown.close()


@pytest.mark.parametrize("columns", [200, 80, 40, 20, 12, 5, 1, 0, -1])
@pytest.mark.parametrize("steps", [5, None])
def test_no_name_or_number_is_cut(terminal, columns, steps):
    screen = terminal(columns)
    run(LOGS, steps)
    limit = columns if columns > 0 else 80
    *drawn, last = screen.text.split("\r")
    assert len(drawn) >= 5
    for line in drawn:
        assert cells(line) < max(limit, 2)
        for part in line.strip().split(" - ") if line.strip() else ():
            assert PART.fullmatch(part.rstrip()), line
    lines = last.rstrip("\n").split("\n")
    ends = [part.strip() for line in lines for part in line.split(" - ")]
    assert ends[3:] == progress._named(LOGS)
    one_part = [line for line in lines if " - " not in line]
    assert all(cells(line) < limit for line in lines if line not in one_part)


def test_a_wide_terminal_shows_all_of_it(terminal):
    screen = terminal(200)
    run({"loss": 0.5, "mae": 0.25})
    line = [one for one in screen.text.split("\r") if "3/5" in one][0]
    assert re.fullmatch(
        r"Epoch 1/25 - 3/5 ━{12}╌{8} - 0:00, 0:00 left - loss: 0.5000 - mae: 0.2500", line
    )
    assert screen.screen[0].startswith("Epoch 1/25 - 5 steps - ")
    assert screen.screen[1:] == [""]


def test_a_narrow_one_keeps_the_loss(terminal):
    screen = terminal(40)
    run({"loss": 0.5, "val_loss": 0.25, "mae": 0.25})
    assert "Epoch 1/25 - 3/5 - loss: 0.5000" in screen.text
    assert screen.screen[1].startswith("    ") and screen.screen[-1] == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1"])
def test_streams_without_our_characters(terminal, encoding):
    screen = terminal(80, encoding)
    run({"größe": 0.5, "系": 0.25})
    assert "###" in screen.text and "\\u7cfb: 0.2500" in screen.screen[0]
    run({"ä" * count: 0.5 for count in range(1, 9)})
    assert max(map(cells, screen.screen)) < 80


def test_a_run_on_a_terminal_leaves_a_line_for_each_epoch(terminal):
    screen = terminal(300)
    model().fit(X, X[:, 0], batch_size=4, epochs=3, validation_split=0.5, verbose="auto")
    model().evaluate(X, X[:, 0])
    model().predict(X)
    lines = screen.screen
    assert [line[:9] for line in lines] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3", "evaluate ", ""]
    assert all("val_loss: " in line for line in lines[:3])
    assert "4/5" in screen.text and "predict - 1/1" in screen.text


def test_what_is_cut_short_stays_to_be_seen(terminal):
    screen = terminal(80)

    def batches():
        yield X[:4], X[:4, 0]
        yield X[:4], X[:4, 0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model().fit(batches(), epochs=3, steps_per_epoch=4)
    assert screen.screen[0].startswith("Epoch 1/3 - 2/4 ") and screen.screen[1:] == [""]


def test_bars_of_the_user_stay_whole(terminal):
    from tqdm.std import tqdm

    screen = terminal(80)
    for _ in tqdm(range(2), "seeds", file=screen, ncols=60):
        run({"loss": 0.5})
    kept = [line for line in screen.screen if line.startswith("Epoch 1/25 - 5 steps")]
    assert len(kept) == 2 and not any("seeds" in line for line in kept)


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
@pytest.mark.parametrize("dumb", [True, False])
def test_files_and_dumb_terminals_get_plain_lines(terminal, monkeypatch, verbose, dumb):
    screen = terminal(500)
    if dumb:
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setattr(Terminal, "isatty", lambda self: False)
        monkeypatch.setenv("COLUMNS", "20")
    model().fit(X, X[:, 0], batch_size=4, epochs=3, validation_split=0.5, verbose=verbose)
    assert "\r" not in screen.text and "\x1b" not in screen.text
    first, *_ = lines = screen.text.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(
        rf"Epoch 1/3 - 5 steps - .+ - loss: {NUMBER} - .*val_root_mean_squared_error: {NUMBER}",
        first,
    )


def broken(error):
    class Broken(Terminal):
        def write(self, text):
            raise error

    return Broken()


@pytest.mark.parametrize("error", [OSError(28, "No space left"), BrokenPipeError(), OSError(5, "")])
@pytest.mark.parametrize("verbose", [1, 2])
def test_a_run_outlives_its_output(terminal, monkeypatch, error, verbose):
    terminal(80)
    monkeypatch.setattr(sys, "stdout", broken(error))
    found = model().fit(X, X[:, 0], batch_size=4, epochs=3, verbose=verbose)
    assert found.epoch == [0, 1, 2]


def test_no_standard_output_at_all(terminal, monkeypatch):
    terminal(80)
    sys.stdout.close()
    assert model().fit(X, X[:, 0], epochs=2, verbose=1).epoch == [0, 1]
    monkeypatch.setattr(sys, "stdout", None)
    assert model().fit(X, X[:, 0], epochs=2, verbose=1).epoch == [0, 1]
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=lambda text: None))
    assert model().fit(X, X[:, 0], epochs=2).epoch == [0, 1]


@pytest.mark.parametrize("columns, wanted", [(40, 40), (200, 200), (0, 80)])
def test_the_terminal_is_asked(terminal, monkeypatch, columns, wanted):
    fcntl, termios, pty = (pytest.importorskip(name) for name in ("fcntl", "termios", "pty"))
    terminal(80)
    monkeypatch.delenv("COLUMNS")
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, np.array([24, columns, 0, 0], np.uint16).tobytes())
    with open(inner, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert output.is_live() and output.width() == wanted
        run({"loss": 0.5} | {f"metric_{number}": 1 / number for number in range(1, 20)})
        shown = os.read(outer, 1 << 16).decode()
    os.close(outer)
    parts = [part.strip() for line in re.split("[\r\n]+", shown) for part in line.split(" - ")]
    assert all(PART.fullmatch(part) or re.fullmatch(r"\d+ m?s", part) for part in parts if part)


@pytest.mark.parametrize("watched", [True, False])
def test_a_notebook_is_live_where_somebody_looks(terminal, monkeypatch, watched):
    """Without widgets, and without redraws in the file where a program runs it."""
    terminal(40)

    class OutStream(io.StringIO):
        pass

    OutStream.__module__ = "ipykernel.iostream"
    parent = {"content": {"allow_stdin": watched}}
    shell = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: parent))
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(sys, "stdout", OutStream())
    assert output.is_live() == watched and output.width() == (100 if watched else None)
    run({"loss": 0.5}) if watched else model().fit(X, X[:, 0], verbose=1)
    assert ("\r" in sys.stdout.getvalue()) == watched
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # captured by a cell's own code
    assert not output.is_live()


def test_a_metric_of_several_numbers_is_shown_whole(capsys):
    model = Sequential([Input((3,)), Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=[metrics.F1Score()])
    y = np.eye(3)[np.arange(40) % 3]
    history = model.fit(X, y, verbose=2)
    model.evaluate(X, y, verbose=2)
    three = r"f1_score: \[\d\.\d{4}, \d\.\d{4}, \d\.\d{4}\]\n"
    assert len(re.findall(three, capsys.readouterr().out)) == 2
    assert re.search(r"f1_score: \[[\d.]+, [\d.]+, [\d.]+\]>", repr(history))
    history.history["note"] = ["of a callback"]
    assert repr(history).endswith("note: of a callback>")
    with pytest.raises(TypeError, match="EarlyStopping watches 'f1_score', which is 3 numbers"):
        model.fit(X, y, verbose=0, callbacks=[EarlyStopping("f1_score")])
