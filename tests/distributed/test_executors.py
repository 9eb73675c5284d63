"""A9: the same weights from every executor, and what kills cost."""

import json
import os
import signal
import sys
import time

import pytest

from nlstm.distributed import load_fits
from tests.distributed import jobs
from tests.distributed.bounded import has_members, mpiexec, run, started, wait_until

SCRIPT = (sys.executable, "-m", "tests.distributed.script")
MPI = (mpiexec(), "-n", "3", sys.executable, "-m", "mpi4py.futures", "-m", *SCRIPT[2:])


def fitted(out, kind, **options):
    command = MPI if kind == "mpi" else SCRIPT
    status, output = run(*command, kind, str(out), json.dumps(options))
    assert status == 0, output
    return load_fits(out), output


def keys_in(out):
    """Return the keys in a folder's manifest, each as often as it is there."""
    lines = (out / "manifest.jsonl").read_text().splitlines()[1:]
    return [fit["key"] for line in lines for fit in json.loads(line)["fits"]]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Fit on this machine, with one series of NaN."""
    out = tmp_path_factory.mktemp("here") / "fits"
    fits, output = fitted(out, "here", nan=[7])
    assert "1 failed" in output
    return fits


def test_a_series_of_nan_is_an_error_of_its_own(here):
    assert len(here) == jobs.COUNT - 1 and list(here.errors) == ["s007"]
    assert here.errors["s007"].kind == "ValueError"
    assert "x is not finite in row 3" in here.errors["s007"].text


def test_mpi_gives_the_same_weights(here, tmp_path):
    fits, _ = fitted(tmp_path, "mpi", nan=[7])
    assert jobs.weights_of(fits) == jobs.weights_of(here)
    assert list(fits.errors) == ["s007"]


def test_dask_gives_the_same_weights_though_a_worker_is_killed(here, tmp_path):
    marker = tmp_path / "killed"
    out = tmp_path / "fits"
    fits, _ = fitted(out, "dask", nan=[7], fatal=["s060"], once=str(marker))
    assert marker.exists()
    assert jobs.weights_of(fits) == jobs.weights_of(here)
    assert sorted(keys_in(out)) == sorted(jobs.series())  # once each


def test_a_worker_here_is_replaced_and_a_series_that_kills_is_given_up(here, tmp_path):
    log = tmp_path / "log"
    fits, _ = fitted(tmp_path / "fits", "here", count=40, fatal=["s011"], log=str(log))
    assert list(fits.errors) == ["s011"]
    assert fits.errors["s011"].kind == "BrokenProcessPool"
    assert len(fits) == 39
    expected = {key: one for key, one in jobs.weights_of(here).items() if key in fits}
    found = jobs.weights_of(fits)
    assert {key: found[key] for key in expected} == expected


def test_a_client_that_is_killed_costs_what_was_under_way(here, tmp_path):
    out, log = tmp_path / "fits", tmp_path / "log"
    options = json.dumps({"seconds": 0.02, "log": str(log)})
    with started(*SCRIPT, "here", str(out), options) as client:
        manifest = out / "manifest.jsonl"
        wait_until(lambda: manifest.exists() and len(keys_in(out)) >= 50)
        os.kill(client.pid, signal.SIGKILL)
        wait_until(lambda: not has_members(client.pid), 20)  # its workers end by themselves
    before = keys_in(out)
    assert 50 <= len(before) < jobs.COUNT
    log.unlink()
    fits, output = fitted(out, "here", log=str(log))
    assert f"{len(before)} were there" in output
    compared, *again = log.read_text().split()  # one is built, to see that it is the same model
    assert compared == "s000" in before
    assert sorted(again) == sorted(set(jobs.series()) - set(before))
    assert len(keys_in(out)) == jobs.COUNT
    found, expected = jobs.weights_of(fits), jobs.weights_of(here)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("fits", [0, 50], ids=["as workers start", "later"])
def test_ctrl_c_is_one_keyboard_interrupt_and_what_was_done_is_found(here, tmp_path, fits):
    """A terminal sends it to all processes of its group."""
    out, log = tmp_path / "fits", tmp_path / "log"
    manifest, options = out / "manifest.jsonl", json.dumps({"seconds": 0.02, "log": str(log)})
    with started(*SCRIPT, "here", str(out), options) as client:
        wait_until(lambda: manifest.exists() and manifest.read_text())
        wait_until(lambda: len(keys_in(out)) >= fits)
        time.sleep(0 if fits else 0.5)  # in the middle of the workers' imports
        os.killpg(client.pid, signal.SIGINT)
        said, _ = client.communicate(timeout=20)
        wait_until(lambda: not has_members(client.pid), 5)
    assert client.returncode == -signal.SIGINT
    assert said.count("Traceback") == 1 and said.rstrip().endswith("\nKeyboardInterrupt"), said
    before = keys_in(out)
    assert f"fit_many - {len(before)} in" in said and " - stopped\n" in said
    if not fits:
        return
    log.unlink()
    fits, output = fitted(out, "here", log=str(log))
    assert f"{len(before)} were there" in output
    assert sorted(log.read_text().split()[1:]) == sorted(set(jobs.series()) - set(before))
    found, expected = jobs.weights_of(fits), jobs.weights_of(here)
    assert {key: found[key] for key in expected} == expected


def test_a_script_without_the_guard_is_told_of_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import nlstm\nfrom tests.distributed import jobs\n"
        "nlstm.fit_many(jobs.build, jobs.series(3), executor=1, verbose=0)\n"
    )
    status, output = run(sys.executable, str(script), seconds=60)
    assert status != 0
    assert 'put it below if __name__ == "__main__":' in output
