"""What memory a process may still take: of the machine, of control groups, of limits."""

import math
import resource
import subprocess
import sys

import pytest

from nlstm.kernels.cpu.machine import memory


def group(folder, limit, used, files):
    folder.mkdir(parents=True, exist_ok=True)
    if folder.parts[-1] == "memory" or "memory" in folder.parts[-2:]:
        names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    else:
        names = "memory.max", "memory.current", "inactive_file"
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 7\n{names[2]} {files}\n")


@pytest.mark.parametrize(
    "lines, groups, wanted",
    [
        ("0::/", {}, math.inf),
        ("0::/", {".": ("max", 5, 0)}, math.inf),
        ("0::/", {".": (1000, 300, 100)}, 800),
        ("0::/", {".": (1000, 1300, 100)}, 0),
        ("0::/a/b", {"a": (1000, 300, 0), "a/b": (900, 300, 0)}, 600),
        ("0::/a/b", {"a": (500, 300, 0), "a/b": (900, 300, 0)}, 200),
        ("0::/docker/12ab", {".": (1000, 300, 0)}, 700),
        ("5:memory:/x\n4:cpu:/y", {"memory": (2**63 - 4096, 5, 0), "memory/x": (90, 20, 5)}, 75),
    ],
)
def test_what_control_groups_leave(tmp_path, lines, groups, wanted):
    (tmp_path / "process").write_text(lines + "\n")
    (tmp_path / "groups").mkdir()
    for name, numbers in groups.items():
        group(tmp_path / "groups" / name, *numbers)
    assert memory.left_by_groups(tmp_path / "groups", tmp_path / "process") == wanted


def test_what_the_machine_has(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\nOdd: x\n")
    assert memory.available(tmp_path) == 4096000
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\n")
    assert memory.available(tmp_path) > 2**28


def test_what_limits_leave():
    code = (
        "import resource, pathlib; from nlstm.kernels.cpu.machine import memory;"
        "whole = memory.free_memory();"
        "resource.setrlimit(resource.RLIMIT_AS, (2**34, resource.RLIM_INFINITY));"
        "left = memory.left_by_limits(memory.PROC);"
        "assert 0 < left < 2**34 and memory.has_room(int(memory.free_memory()) - 2**27);"
        "assert not memory.has_room(2**34)"
    )
    if not (memory.PROC / "self" / "statm").exists():
        pytest.skip("The system has no /proc.")
    assert resource.getpagesize() > 0
    subprocess.run([sys.executable, "-c", code], check=True)
