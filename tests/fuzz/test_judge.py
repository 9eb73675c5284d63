"""That the judge sees what it is to see, and that a process may die or hang."""

import os
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nlstm.arguments.checks import checked_integer
from tests.fuzz.__main__ import Worker, main
from tests.fuzz.arrays import Given
from tests.fuzz.cases import Case
from tests.fuzz.judge import judge
from tests.fuzz.strategies import drawn_case
from tests.fuzz.ways import TABLE, WAYS, way_of

needs_glibc = pytest.mark.skipif(sys.platform != "linux", reason="asks glibc for dirty memory")
X = np.ones((2, 3))


@needs_glibc
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(st.data())
def test_draws_of_hypothesis(data):
    case = drawn_case(data)
    _, faults = judge(case)
    assert not faults, case.story


def write(value):
    value[0] = 5.0
    return 1.0


def fails(error):
    raise error


@needs_glibc
@pytest.mark.parametrize(
    "run, fault",
    [
        (lambda plain: np.empty((40, 50)), "memory"),
        (lambda plain: [np.empty(5) for _ in range(40)], "memory"),
        (lambda plain: np.array([1.0, np.nan]), "not finite"),
        (lambda plain: 1.0 if plain else 1.0 + 1e-9, "layout"),
        (lambda plain: fails(ValueError("x")) if plain else 1.0, "layout"),
        (lambda plain: fails(KeyError("x")), "kind"),
        (lambda plain: fails(ValueError("x is wrong")), "foreign"),
        (lambda plain: checked_integer("other", "a"), "unnamed"),
        (lambda plain: np.float32(1e300) * np.array(0.0), "warning"),
        (lambda plain: 2.0, "check"),
    ],
)
def test_faults_are_seen(run, fault):
    def check(found):
        if found[0] is not None and found[0].size == 1 and found[0] == 2.0:
            yield "check"

    case = Case(run, ("x",), check=check)
    assert fault in {text.partition(":")[0] for text in judge(case)[1]}


def test_what_is_written_or_accepted_is_seen():
    x = Given(X.copy())
    assert judge(Case(lambda plain: write(x.pick(plain)), ("x",), (x,)))[1] == ["written: "]
    wrong = Given(X, wrong="of wood")
    assert judge(Case(lambda plain: 1.0, ("x",), (wrong,)))[1] == ["accepted: of wood"]


def test_right_answers_and_named_errors_are_no_faults():
    assert judge(Case(lambda plain: X, ("x",))) == ("answer", [])
    assert judge(Case(lambda plain: checked_integer("x", "a"), ("x",))) == ("error", [])


@pytest.mark.parametrize("module, outcome", [("dying", "crash"), ("hanging", "hang")])
def test_a_process_that_dies_or_hangs(module, outcome, tmp_path, monkeypatch):
    body = {"dying": "os.abort()", "hanging": "time.sleep(60)"}[module]
    (tmp_path / f"{module}.py").write_text(f"import os, sys, time\nsys.stdin.readline()\n{body}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    worker = Worker(patience=20 if outcome == "crash" else 1, module=module)
    found = worker.run(3, False, None)
    assert found["outcome"] == outcome and found["faults"] and found["number"] == 3
    worker.close()


@needs_glibc
def test_a_run_goes_on_where_it_stopped(tmp_path, capsys):
    state = ["--state", str(tmp_path / "state.json"), "--workers", "1", "--way", "prepared"]
    assert main(["--draws", "3", *state]) == 0
    assert main(["--draws", "5", *state]) == 0
    assert "\n5 draws" in capsys.readouterr().out


def test_every_way_has_its_share():
    drawn = [way_of(number) for number in range(len(TABLE))]
    assert sorted(drawn) == sorted(TABLE)
    assert set(drawn) == set(WAYS)
