"""A12: the bench measures, predicts, and marks which is which."""

import json
import sys

import pytest

from nlstm.distributed import bench
from nlstm.distributed.simulator import harmonic
from tests.distributed.bounded import mpiexec, run

TINY = ["--units", "4", "--rows", "8", "--steps", "3", "--repeats", "3", "--nodes", "1,64"]


def test_one_process_assumes_a_network(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "_world", lambda: None)
    bench.main([*TINY, "--json", str(tmp_path / "found.json")])
    told = capsys.readouterr().out
    assert "25.0 us   assumed" in told and "predicted, 0.01 failures" in told
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["ranks"] == 1 and found["assumed"] and found["compute"] > 0
    assert set(found["by_rows"]) == {"8", "4", "1"}


def test_two_ranks_measure_it(tmp_path):
    file = tmp_path / "found.json"
    status, output = run(
        mpiexec(), "-n", "2", sys.executable, "-m", "mpi4py", "-m", "nlstm.distributed.bench",
        *TINY, "--json", str(file), seconds=100,
    )  # fmt: skip
    assert status == 0, output
    found = json.loads(file.read_text())
    assert found["ranks"] == 2 and not found["assumed"]
    assert 1e-8 < found["latency"] < 1 and found["bandwidth"] > 1e6 and found["all_reduce"] > 0
    assert output.count("2 ranks; ") == 1  # rank 0 alone prints
    measured, _, predicted = output.partition("predicted")
    assert "share of communication" in measured and "    64 " in predicted


def test_lateness_is_read_from_means_and_maxima():
    late, compute = 0.2, 0.05
    mean, slowest = compute * (1 + late), compute * (1 + late * harmonic(8))
    assert bench.late_of(mean, slowest, 8) == pytest.approx((compute, late))
    assert bench.late_of(0.05, 0.05, 4) == (0.05, 0.0)
