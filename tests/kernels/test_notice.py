"""The line about compilation: once, for nlstm's kernels alone."""

import os
import subprocess
import sys

import numba

from nlstm.kernels.cpu.machine import notice


def compiled(module):
    def function(x):
        return x + 1

    function.__module__ = module
    numba.njit(function)(1)


def test_the_line_comes_once_and_for_nlstm_alone(monkeypatch, capsys):
    monkeypatch.setattr(notice._announcer, "pending", True)
    notice.announce_compilation()  # as the import of the kernels has done
    compiled("someone.else")
    assert capsys.readouterr().err == ""
    compiled("nlstm.kernels")
    compiled("nlstm.kernels")
    assert capsys.readouterr().err == f"{notice.LINE}{notice.KEPT}.\n"


def test_the_line_promises_no_more_than_there_is(monkeypatch, capsys):
    monkeypatch.setattr(notice._announcer, "pending", True)
    monkeypatch.setattr(notice, "cache_folder", lambda: None)
    compiled("nlstm.kernels")
    assert capsys.readouterr().err == f"{notice.LINE}.\n"


MODEL = """
import numpy as np
import nlstm
model = nlstm.Sequential([nlstm.layers.Input((2,)), nlstm.layers.Dense(1)])
model.predict(np.ones((1, 2)), verbose=0)
"""


def test_whoever_waits_is_told_and_nobody_else(tmp_path):
    variables = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for wanted in (f"{notice.LINE}{notice.KEPT}.\n", ""):
        done = subprocess.run(
            [sys.executable, "-c", MODEL], env=variables, capture_output=True, text=True, check=True
        )
        assert done.stderr == wanted and not done.stdout


def test_kernels_that_may_not_be_compiled_are_one_sentence():
    variables = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MODEL], env=variables, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1].startswith("RuntimeError: nlstm computes with kernels that")
