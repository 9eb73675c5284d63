"""Forked processes that do a job, say how far they are, and may be killed at any moment."""

import ctypes
import os
import select
import signal
import time
import traceback
import warnings

import pytest

__all__ = ["Child", "digest", "needs_fork", "own_mounts"]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
SECONDS = 60  # until a child that says nothing is taken for stuck


class Child:
    """Runs job(say) in a fork of this process.

    Attributes
    ----------
    lines : list of str
        What it has said, as far as it was read.
    """

    def __init__(self, job):
        self._pipe, writes = os.pipe()
        self.lines, self._rest = [], b""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own, of forks beside threads
            self.pid = os.fork()
        if not self.pid:
            self._work(job, writes)
        os.close(writes)

    def _work(self, job, pipe):
        def say(*words):
            os.write(pipe, (" ".join(map(str, words)) + "\n").encode())

        status = 1
        try:
            os.close(self._pipe)
            job(say)
            status = 0
        except BaseException:
            say(repr(traceback.format_exc()))
        finally:
            os._exit(status)

    def ready(self):
        """Wait for its first line."""
        while not self.lines:
            self._read(SECONDS)
        return self

    def kill_after(self, seconds):
        """Kill it so late, as kill -9 does; return its status, 0 if it was done before."""
        time.sleep(seconds)
        os.kill(self.pid, signal.SIGKILL)
        return self.end()

    def end(self):
        """Wait until it has ended; return its status: that of exit, or minus a signal's number."""
        try:
            while self._read(SECONDS):
                pass
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self._pipe)
            raise
        os.close(self._pipe)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, seconds):
        if not select.select([self._pipe], [], [], seconds)[0]:
            raise TimeoutError(f"A child has been silent for {seconds} s after {self.lines}.")
        found = os.read(self._pipe, 1 << 16)
        *lines, self._rest = (self._rest + found).decode().split("\n")
        self._rest = self._rest.encode()
        self.lines += lines
        if not found and not self.lines:
            self.lines.append("")  # it ended without a word
        return found


def digest(model):
    """Return the weights and the optimizer's variables as one short text."""
    import hashlib

    found = hashlib.sha256(b"".join(one.tobytes() for one in model.get_weights()))
    for name, value in sorted(model.optimizer.variables().items()):
        found.update(name.encode() + value.tobytes())
    return found.hexdigest()


def own_mounts():
    """Give this process mounts of its own; return mount(source, target, kind, flags, options).

    Only what has one thread may, such as a child; returns None where the system does not let it.
    """
    system = ctypes.CDLL(None, use_errno=True)
    users, mounts, private = 0x10000000, 0x00020000, 0x4000 | 0x40000
    who = os.getuid()
    if system.unshare(mounts | (0 if who == 0 else users)):
        return None
    if who:
        with open("/proc/self/setgroups", "w") as file:
            file.write("deny")
        with open("/proc/self/uid_map", "w") as file:
            file.write(f"0 {who} 1")

    def mount(source, target, kind, flags, options=b""):
        names = (one and os.fsencode(one) for one in (source, target, kind))
        if system.mount(*names, ctypes.c_ulong(flags), options):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)

    mount(None, "/", None, private)
    return mount
