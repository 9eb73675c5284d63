"""How many threads kernels may use.

Numba keeps the number per Python thread, so a choice made in one would not hold in another: it is
kept here and taken up by whoever enters the kernels. Without a choice it is Numba's own number (the
processors this process may run on, or NUMBA_NUM_THREADS), or less where a container's share of the
processors is smaller than that.
"""

import functools
import math
import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numba
from numba.core.compiler_lock import global_compiler_lock as compiler_lock
from numba.np.ufunc import parallel

__all__ = ["enter", "get_num_threads", "leave", "recover", "set_num_threads"]

CGROUP = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self/cgroup")


class _Choice:
    threads: int | None = None
    forked = False


def set_num_threads(threads: int) -> None:
    """Choose the number of threads, from 1 to what Numba started with."""
    before = numba.get_num_threads()
    numba.set_num_threads(threads)  # raises for a number out of range
    if _Choice.forked and threads > 1:
        numba.set_num_threads(before)
        warnings.warn(
            f"set_num_threads({threads}) has no effect in a process forked from one that had used "
            "the kernels: their threads stayed there, and it works on one. Start it by spawn or "
            "forkserver to use more.",
            RuntimeWarning,
            stacklevel=3,
        )
        return
    _Choice.threads = threads


def get_num_threads() -> int:
    """Return the number of threads that kernels use."""
    return _number(numba.get_num_threads())


def _number(before: int) -> int:
    """Return the chosen number, in a thread whose own is `before`."""
    if _Choice.forked:
        return 1
    return _Choice.threads or min(before, default_limit())


def enter(crowd: int = 1) -> int:
    """Take up the chosen number in this Python thread; call before running kernels.

    Parameters
    ----------
    crowd : int
        How many Python threads are in the kernels for the same purpose, and share the processors.

    Returns
    -------
    int
        The number before, for `leave`.
    """
    before = _numbas_own()
    threads = _number(before) if crowd == 1 else max(1, _number(before) // crowd)
    if threads != before:
        leave(threads)
    return before


def _numbas_own() -> int:
    """Return what `numba.get_num_threads` does, without its lock once Numba's threads are there."""
    started = getattr(parallel, "_is_initialized", False)
    found = int(parallel._get_num_threads()) if started else 0
    return found if found > 0 else numba.get_num_threads()


def leave(threads: int) -> None:
    """Go back to the number that `enter` returned."""
    if getattr(parallel, "_is_initialized", False):
        parallel._set_num_threads(threads)  # without Numba's lock
    else:
        numba.set_num_threads(threads)


forms: list[list[Any]] = []  # of kernels: serial, parallel


def _numbas_locks() -> list[Any]:
    """Return what a thread holds while it compiles, or starts Numba's threads, in that order."""
    found = compiler_lock, getattr(parallel, "_backend_init_thread_lock", None)
    return [lock for lock in found if lock is not None]


def recover() -> None:
    """Open what an interrupt has left closed: it may fall right behind the closing of a lock.

    Numba closes its own in Python, to look for compiled code too; another thread would wait for it
    for ever. Call it where this thread is not inside Numba.
    """
    for lock in (
        getattr(compiler_lock, "_lock", None),
        getattr(parallel, "_backend_init_thread_lock", None),
        getattr(parallel, "_backend_init_process_lock", None),
    ):
        while _is_mine(lock):
            lock.release()  # type: ignore[union-attr]


def _is_mine(lock: Any) -> bool:
    """Whether this thread holds a lock of threads, or one of processes."""
    of_threads = getattr(lock, "_is_owned", None)
    of_processes = getattr(getattr(lock, "_semlock", None), "_is_mine", None)
    is_mine = of_threads or of_processes
    return is_mine is not None and is_mine()


def _before_fork() -> None:
    """Wait for other threads inside Numba: a child would wait for them for ever."""
    for lock in _numbas_locks():
        lock.acquire()


def _let_go() -> None:
    for lock in reversed(_numbas_locks()):
        lock.release()


def _after_fork() -> None:
    """Work on one thread: a fork has no other, and OpenMP ends a process that asks for them."""
    _let_go()
    if getattr(parallel, "_is_initialized", False):
        # In its place Numba has a semaphore of all processes: one that is killed inside, or begins
        # while a thread of its parent is inside, leaves it closed to all.
        parallel._backend_init_process_lock = threading.RLock()
    _Choice.forked = True
    for one in forms:
        one[1] = one[0]
    leave(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_let_go, after_in_child=_after_fork)


@functools.cache
def default_limit() -> int:
    """Return the processors a container grants, rounded up; a number chosen by hand wins."""
    if os.environ.get("NUMBA_NUM_THREADS", "").strip().isdecimal():  # Numba leaves out others
        return numba.config.NUMBA_NUM_THREADS
    share = max(1.0, min(float(numba.config.NUMBA_NUM_THREADS), cgroup_share(CGROUP)))
    return math.ceil(share)


def cgroup_share(folder: Path, process: Path = PROCESS) -> float:
    """Return the share of processors that Linux control groups grant; infinity for no limit.

    Each group on the way up limits those in it. In a container the way often is not to be seen, and
    its group's files lie at the top.
    """
    groups = control_groups(process)
    first = next((group for names, group in groups.items() if "cpu" in names.split(",")), "/")
    ways = (folder, groups.get("", "/")), (folder / "cpu", first)
    return min(share(each) for top, group in ways for each in upwards(top, group))


def control_groups(process: Path) -> dict[str, str]:
    """Return the control group of a process for each list of resources; version 2 has no name."""
    try:
        # Names of groups are bytes, whatever the code page.
        lines = process.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        lines = []
    return dict(line.split(":", 2)[1:] for line in lines)


def upwards(top: Path, group: str) -> list[Path]:
    """Return the folder of a control group and those above it, up to the top."""
    parts = [part for part in group.split("/") if part not in ("", "..")]
    return [top.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]


def share(folder: Path) -> float:
    """Return the share of processors that one control group grants."""
    try:
        if (folder / "cpu.max").exists():  # version 2: "quota period", "max" for no limit
            quota, period = (folder / "cpu.max").read_text("ascii").split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text("ascii")
            period = (folder / "cpu.cfs_period_us").read_text("ascii")
    except OSError:
        return math.inf
    if quota == "max" or int(quota) <= 0:
        return math.inf
    return int(quota) / int(period)
