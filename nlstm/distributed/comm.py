"""What processes that train one model say to each other, and how MPI says it."""

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

import numpy as np

__all__ = ["Comm", "MPIComm", "broadcast", "gathered", "world"]

PIP = (
    'distribute="mpi" needs mpi4py and an MPI: pip install "nlstm[mpi-local]" brings both, '
    '"nlstm[mpi]" mpi4py alone, for the MPI that a cluster has.'
)
PART = 1 << 26  # elements that go in one message: some MPIs count in 32 bits
SPIN_SECONDS, LONGEST_NAP, SECONDS_TO_ABORT = 1e-3, 1e-3, 2.0
_give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: time.sleep(0))


class Comm(Protocol):
    """Processes that all call the same methods in the same order.

    Attributes
    ----------
    rank, size : int
        The number of this process, and how many there are.
    """

    rank: int
    size: int

    def allreduce_(self, *arrays: np.ndarray) -> None:
        """Overwrite each array by its sum over all ranks, the same bits on all of them."""

    def broadcast_(self, array: np.ndarray) -> None:
        """Overwrite an array by that of rank 0."""

    def barrier(self) -> None:
        """Wait for all."""

    def abort(self, code: int) -> None:
        """End the processes of all ranks."""


class MPIComm:
    """All processes that one mpiexec started, or those of a communicator.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
    timeout : float
        Seconds that one call may wait for the others; then all are ended.

    Attributes
    ----------
    where : object
        Its str says how far the work has come.
    seconds, calls : float, int
        Spent in `allreduce_` so far, and how often.
    """

    def __init__(self, comm: Any, timeout: float) -> None:
        from mpi4py import MPI

        self._comm, self._mpi = comm, MPI
        self.rank, self.size = int(comm.rank), int(comm.size)
        self.timeout, self.where = timeout, cast(object, "at the beginning")
        self.seconds, self.calls = 0.0, 0

    def allreduce_(self, *arrays: np.ndarray) -> None:
        """Overwrite each array by its sum over all ranks; they travel together."""
        begun, place = time.perf_counter(), self._mpi.IN_PLACE
        self._finish([self._comm.Iallreduce(place, part) for part in _parts(arrays)])
        self.seconds += time.perf_counter() - begun
        self.calls += 1

    def broadcast_(self, array: np.ndarray) -> None:
        """Overwrite an array by that of rank 0."""
        self._finish([self._comm.Ibcast(part) for part in _parts([array])])

    def barrier(self) -> None:
        """Wait for all."""
        self._finish([self._comm.Ibarrier()])

    def abort(self, code: int) -> None:
        """End the processes of all ranks, with their launcher."""
        sys.stdout.flush()
        sys.stderr.flush()
        threading.Timer(SECONDS_TO_ABORT, os._exit, (code,)).start()  # where MPI itself hangs
        self._comm.Abort(code)

    def _finish(self, requests: Sequence[Any]) -> None:
        """Wait for messages; end everything where a rank is silent, though not dead.

        A short wait stays on its processor, a longer one leaves it to others.
        """
        done, begun = self._mpi.Request.Testall, time.monotonic()
        while not done(requests):
            waited = time.monotonic() - begun
            if waited < SPIN_SECONDS:
                _give_way()
            elif waited < self.timeout:
                time.sleep(min(waited / 16, LONGEST_NAP))
            else:
                sys.stderr.write(
                    f"nlstm: rank {self.rank} of {self.size} has waited {self.timeout:g} s for "
                    f"the others, {self.where}: all are ended. MPI(timeout=...) waits longer.\n"
                )
                self.abort(1)


def _parts(arrays: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    for array in arrays:
        flat = array.reshape(-1)
        for start in range(0, flat.size, PART):
            yield flat[start : start + PART]


def world(timeout: float) -> MPIComm:
    """Return what connects the processes that were started together.

    Raises
    ------
    ImportError
        There is no mpi4py, or no MPI that it finds.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter where there is no libmpi
        raise ImportError(f"{PIP} ({error})") from error
    return MPIComm(MPI.COMM_WORLD.Dup(), timeout)


def gathered(comm: Comm, numbers: Any, dtype: Any = np.int64) -> np.ndarray:
    """Return the numbers of every rank, shape (size, numbers)."""
    own = np.atleast_1d(np.asarray(numbers, dtype))
    found = np.zeros((comm.size, own.size), dtype)
    found[comm.rank] = own
    comm.allreduce_(found)
    return found


def broadcast(comm: Comm, value: Any, source: int = 0) -> Any:
    """Return what rank `source` gives, on every rank."""
    sends = comm.rank == source
    content = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL) if sends else b""
    size = np.array([len(content)], np.int64)
    comm.allreduce_(size)
    buffer = np.zeros(int(size[0]), np.uint8)
    if sends:
        buffer[:] = np.frombuffer(content, np.uint8)
    if source:
        comm.allreduce_(buffer)  # zeros elsewhere
    else:
        comm.broadcast_(buffer)
    return value if sends else pickle.loads(buffer.tobytes())
