"""`python -m nlstm run` is `python`, but for what Keras's names mean."""

import subprocess
import sys

import pytest

from nlstm.__main__ import main

SCRIPT = """
import pickle, sys, os
from keras.layers import Dense
class Thing: pass
print(__name__, sys.argv, os.path.basename(__file__), sys.path[0] == os.path.dirname(__file__))
print(type(pickle.loads(pickle.dumps(Thing()))) is Thing, Dense.__module__)
import beside
def fail():
    {end}
fail()
"""


def output_of(tmp_path, end):
    (tmp_path / "script.py").write_text(SCRIPT.format(end=end))
    (tmp_path / "beside.py").write_text("")
    command = [sys.executable, "-m", "nlstm", "run", str(tmp_path / "script.py"), "--rows", "3"]
    return subprocess.run(command, capture_output=True, text=True)


def test_script_is_main_and_its_folder_is_first(tmp_path):
    done = output_of(tmp_path, "sys.exit(7)")
    path = str(tmp_path / "script.py")
    assert done.stdout.splitlines() == [
        f"__main__ {[path, '--rows', '3']} script.py True",
        "True nlstm.layers.dense",
    ]
    assert done.returncode == 7 and not done.stderr


def test_traceback_begins_in_the_script(tmp_path):
    done = output_of(tmp_path, "1 / 0")
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines if line.startswith("  File")] == [
        f'  File "{tmp_path / "script.py"}", line 10, in <module>',
        f'  File "{tmp_path / "script.py"}", line 9, in fail',
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_script_that_does_not_parse_is_shown_as_python_shows_it(tmp_path):
    done = output_of(tmp_path, "(")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("SyntaxError")


@pytest.mark.parametrize(
    ("options", "message"),
    [([], "run needs a script"), (["nowhere.py"], "can't open 'nowhere.py': No such file")],
)
def test_what_cannot_be_run_is_named(options, message, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        main(["run", *options])
    assert message in capsys.readouterr().err
