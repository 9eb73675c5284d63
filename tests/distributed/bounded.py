"""Commands in a process group of their own, which ends in time and leaves nobody behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 150


def mpiexec():
    """Return the mpiexec beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else "mpiexec"


@contextlib.contextmanager
def started(*command, cwd=ROOT):
    """Give a process that has begun; its whole group ends with the with statement."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def run(*command, cwd=ROOT, seconds=SECONDS):
    """Return the exit status and the output of a command."""
    with started(*command, cwd=cwd) as process:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output


def has_members(group):
    """Whether a process group has processes that have not ended."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                return True
    return False


def wait_until(condition, seconds=SECONDS):
    """Wait for a condition; fail where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not come."
        time.sleep(0.02)
