"""How much memory this process may still take: what the machine has free, and what limits leave."""

import math
import os
from pathlib import Path

from nlstm.kernels.cpu.machine.threads import CGROUP, PROCESS, control_groups, upwards

__all__ = ["free_memory", "has_room"]

SPARE = 64 << 20  # bytes for all that goes on beside
PROC = Path("/proc")
# Of control groups, version 2 and 1: limit, use, and what of it are files that can go.
FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def has_room(size: int) -> bool:
    """Whether `size` bytes more fit."""
    return size + SPARE <= free_memory()


def free_memory() -> float:
    """Return the bytes that may still be taken; infinity where the system does not tell."""
    return min(available(PROC), left_by_groups(CGROUP, PROCESS), left_by_limits(PROC))


def available(proc: Path) -> float:
    """Return what Linux says is available; elsewhere what the machine has in all, if it tells."""
    try:
        found = _table(proc / "meminfo")["MemAvailable:"]
        return 1024 * found
    except (OSError, KeyError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return math.inf


def left_by_groups(folder: Path, process: Path) -> float:
    """Return what Linux control groups leave: the least of those on the way up."""
    groups = control_groups(process)
    first = next((group for names, group in groups.items() if "memory" in names.split(",")), "/")
    ways = (folder, groups.get("", "/")), (folder / "memory", first)
    return min(_left(each) for top, group in ways for each in upwards(top, group))


def _left(folder: Path) -> float:
    """Return what one control group leaves; infinity without a limit."""
    for limit, use, files in FILES:
        try:
            most = (folder / limit).read_text("ascii").strip()
            if most == "max":
                continue
            used = int((folder / use).read_text("ascii"))
            return max(0, int(most) - used + _table(folder / "memory.stat").get(files, 0))
        except OSError:
            continue
    return math.inf


def left_by_limits(proc: Path) -> float:
    """Return what `ulimit` leaves of addresses and of data."""
    try:
        import resource  # noqa: PLC0415, which Windows has not

        pages = [int(one) for one in (proc / "self" / "statm").read_text("ascii").split()]
    except (ImportError, OSError):
        return math.inf
    size = resource.getpagesize()
    limits = (resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])
    found = [(resource.getrlimit(which)[0], used * size) for which, used in limits]
    return min(
        math.inf if most == resource.RLIM_INFINITY else max(0, most - used) for most, used in found
    )


def _table(path: Path) -> dict[str, int]:
    """Return {name: number} of a file with a name and a number on each line."""
    lines = [line.split() for line in path.read_text("ascii").splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdecimal()}
