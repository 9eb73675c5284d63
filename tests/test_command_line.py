"""`python -m nlstm`: each command, and what a wrong one says."""

import subprocess
import sys

import pytest

from nlstm.__main__ import main


def test_info_names_versions_machine_and_cache(capsys):
    main(["info"])
    lines = capsys.readouterr().out.splitlines()
    names = [line[:16].strip() for line in lines]
    assert names == [
        "nlstm",
        "Python",
        "numpy",
        "numba",
        "llvmlite",
        "CPU",
        "vector width",
        "threads",
        "threading layer",
        "cache folder",
    ]
    assert all(line[17:].strip() for line in lines)


def test_module_runs_as_a_process():
    command = [sys.executable, "-W", "error", "-m", "nlstm", "info"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nlstm") and not done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: python -m nlstm COMMAND"),
        (["train"], "no command 'train'; there are demo, info, run, warmup"),
        (["--fast"], "no command '--fast'; there are demo"),
        (["info", "--fast"], "info takes no options; got --fast"),
        (["demo", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_demo_help_lists_its_options(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        main(["demo", "--help"])
    assert "--epochs" in capsys.readouterr().out
