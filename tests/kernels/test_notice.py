"""The line about compilation: once, for nlstm's kernels alone."""

import numba

from nlstm.kernels.cpu.machine import notice


def compiled(module):
    def function(x):
        return x + 1

    function.__module__ = module
    numba.njit(function)(1)


def test_the_line_comes_once_and_for_nlstm_alone(monkeypatch, capsys):
    monkeypatch.setattr(notice._announcer, "pending", True)
    notice.announce_compilation()
    notice.announce_compilation()
    compiled("someone.else")
    assert capsys.readouterr().err == ""
    compiled("nlstm.kernels")
    compiled("nlstm.kernels")
    assert capsys.readouterr().err == notice.LINE + "\n"
