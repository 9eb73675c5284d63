"""`python -m nlstm`: each command, and what a wrong one says."""

import subprocess
import sys

import pytest

import nlstm
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
        "bfloat16",
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
        (["train"], "no command 'train'; there are convert, demo, info, predict, run"),
        (["--fast"], "no command '--fast'; there are convert"),
        (["info", "--fast"], "info takes no options; got --fast"),
        (["demo", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["train"], ["--fast"], ["info", "--fast"], ["run"]])
def test_a_wrong_word_takes_one_line(arguments, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        main(arguments)
    found = capsys.readouterr()
    assert not found.out and found.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["--help"], "usage: python -m nlstm"),
        (["-h"], "usage: python -m nlstm"),
        (["info", "--help"], "usage: python -m nlstm"),
        (["run", "--help"], "usage: python -m nlstm"),
        (["--version"], f"nlstm {nlstm.__version__}\n"),
    ],
)
def test_help_and_version(arguments, start, capsys):
    main(arguments)
    found = capsys.readouterr()
    assert found.out.startswith(start) and not found.err
    assert max(map(len, found.out.splitlines())) <= 80


def test_nobody_reads_on():
    command = [sys.executable, "-u", "-m", "nlstm", "info"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1 and said == b""


def test_ctrl_c_is_no_fault_of_ours(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nlstm.demo.demo", interrupted)
    with pytest.raises(SystemExit, match="^130$"):
        main(["demo"])
    assert capsys.readouterr().err == "\nInterrupted.\n"


def test_demo_help_lists_its_options(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        main(["demo", "--help"])
    assert "--epochs" in capsys.readouterr().out
