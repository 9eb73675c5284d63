"""The number of threads: chosen, inherited from Numba, or limited by a container."""

import math

import numba
import pytest

from nlstm.kernels.cpu.machine import threads as module
from nlstm.kernels.cpu.machine.threads import cgroup_share


@pytest.mark.parametrize(
    "text, share", [("max 100000", math.inf), ("150000 100000", 1.5), ("50000 100000", 0.5)]
)
def test_share_of_version_2(tmp_path, text, share):
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert cgroup_share(tmp_path) == share


@pytest.mark.parametrize("quota, share", [("-1", math.inf), ("300000", 3.0)])
def test_share_of_version_1(tmp_path, quota, share):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cgroup_share(tmp_path) == share


def test_no_control_group(tmp_path):
    assert cgroup_share(tmp_path) == math.inf


def test_limit_of_a_container_and_choice_by_hand(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    (tmp_path / "cpu.max").write_text("20000 100000")
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    module.default_limit.cache_clear()
    assert module.default_limit() == 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    module.default_limit.cache_clear()
    assert module.default_limit() == numba.config.NUMBA_NUM_THREADS
    module.default_limit.cache_clear()
