"""Starts of mpiexec: each in a process group of its own, which ends with it, and in time."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TCP = {"MPIR_CVAR_NOLOCAL": "1", "FI_PROVIDER": "tcp", "FI_TCP_IFACE": "lo"}


class Ended(NamedTuple):
    """How a launch ended."""

    code: int
    output: str
    errors: str
    seconds: float
    left: list[int]
    at: float

    def after(self, word):
        """Return the seconds from when a process said "word time" to the end."""
        said = [line.split() for line in self.output.splitlines() if line.startswith(word)]
        return self.at - float(said[-1][1])


def environment(**more):
    # Unbuffered, the words of a line are written one by one, and mixed with another rank's.
    without = "NUMBA_NUM_THREADS", "PYTHONUNBUFFERED"
    kept = {name: value for name, value in os.environ.items() if name not in without}
    path = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path, "PYTHONWARNINGS": "default"} | more


def mpiexec():
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    assert found, "the tests of nlstm.distributed need the mpich wheel: see pyproject.toml"
    return found


class Launch:
    """A running mpiexec."""

    def __init__(self, ranks, *command, through=True, before=(), **env):
        python = [sys.executable, *(["-m", "mpi4py"] if through else []), *map(str, command)]
        self.begun, self.mark = time.monotonic(), f"NLSTM_LAUNCH={uuid.uuid4().hex}".encode()
        env[self.mark.decode().partition("=")[0]] = self.mark.decode().partition("=")[2]
        self.process = subprocess.Popen(
            [*before, mpiexec(), "-n", str(ranks), *python],
            env=environment(**env), cwd=ROOT, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait(self, timeout=60.0):
        try:
            output, errors = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.end()
            output, errors = self.process.communicate()
            raise AssertionError(f"mpiexec took over {timeout} s:\n{output}\n{errors}") from None
        at, seconds, left = time.time(), time.monotonic() - self.begun, self.members()
        self.end()
        return Ended(self.process.returncode, output, errors, seconds, left, at)

    def members(self, *marks):
        """Return the processes of this launch, by their environment: ranks leave the group."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    its = (entry / "environ").read_bytes().split(b"\0")  # empty of a zombie
                except OSError:
                    continue
                if {self.mark, *marks} <= set(its):
                    found.append(int(entry.name))
        return found

    def rank(self, number, timeout=60.0):
        """Return the process of a rank, once it is there."""
        stop = time.monotonic() + timeout
        while time.monotonic() < stop:
            found = self.members(f"PMI_RANK={number}".encode())
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"rank {number} did not start")

    def end(self):
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def launched(ranks, *command, timeout=60.0, **options):
    return Launch(ranks, *command, **options).wait(timeout)
