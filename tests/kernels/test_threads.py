"""The number of threads: chosen, inherited from Numba, or limited by a container."""

import math
import os

import numba
import pytest

from nlstm.kernels.cpu.machine import threads as module
from nlstm.kernels.cpu.machine.jit import describe
from nlstm.kernels.cpu.machine.threads import cgroup_share


def group(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    if "max" in text or len(text.split()) == 2:
        (folder / "cpu.max").write_text(text + "\n")
    else:
        (folder / "cpu.cfs_quota_us").write_text(text + "\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")


@pytest.mark.parametrize(
    "lines, groups, wanted",
    [
        ("0::/", {".": "max 100000"}, math.inf),
        ("0::/", {".": "150000 100000"}, 1.5),
        ("0::/", {".": "50000 100000"}, 0.5),
        # A service below a slice with a quota, and a group with a smaller one of its own.
        ("0::/a.slice/b", {".": "max 100000", "a.slice": "200000 100000"}, 2.0),
        ("0::/a/b", {"a": "200000 100000", "a/b": "100000 100000"}, 1.0),
        # Named from outside the container, whose own files lie at the top.
        ("0::/docker/12ab", {".": "300000 100000"}, 3.0),
        ("0::/../other", {".": "300000 100000"}, 3.0),
        ("", {".": "300000 100000"}, 3.0),
        ("4:cpu,cpuacct:/", {"cpu": "-1"}, math.inf),
        ("4:cpu,cpuacct:/", {"cpu": "300000"}, 3.0),
        ("5:memory:/x\n4:cpu,cpuacct:/x/y", {"cpu": "-1", "cpu/x": "150000"}, 1.5),
        ("4:cpu,cpuacct:/docker/12ab\n0::/docker/12ab", {"cpu": "50000"}, 0.5),
        ("0::/", {}, math.inf),
    ],
)
def test_share_of_control_groups(tmp_path, lines, groups, wanted):
    (tmp_path / "process").write_text(lines + "\n" if lines else "")
    for name, text in groups.items():
        group(tmp_path / "groups" / name, text)
    assert cgroup_share(tmp_path / "groups", tmp_path / "process") == wanted


def test_names_of_groups_are_bytes(tmp_path):
    (tmp_path / "process").write_bytes(b"0::/caf\xe9\n")
    group(tmp_path / "groups" / os.fsdecode(b"caf\xe9"), "150000 100000")
    assert cgroup_share(tmp_path / "groups", tmp_path / "process") == 1.5


def test_no_control_groups(tmp_path):
    assert cgroup_share(tmp_path / "groups", tmp_path / "process") == math.inf


def test_what_is_told_is_what_is_used(monkeypatch):
    monkeypatch.setattr(module, "default_limit", lambda: 1)
    monkeypatch.setattr(module._Choice, "threads", None)
    assert describe()["threads"] == 1


def test_limit_of_a_container_and_choice_by_hand(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    (tmp_path / "cpu.max").write_text("20000 100000")
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    module.default_limit.cache_clear()
    assert module.default_limit() == 1
    for empty in ("", "all"):  # as if it were not set
        monkeypatch.setenv("NUMBA_NUM_THREADS", empty)
        module.default_limit.cache_clear()
        assert module.default_limit() == 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    module.default_limit.cache_clear()
    assert module.default_limit() == numba.config.NUMBA_NUM_THREADS
    module.default_limit.cache_clear()
