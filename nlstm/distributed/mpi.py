"""`distribute="mpi"`: the processes of one mpiexec or srun train one model."""

import os
import sys
from types import TracebackType
from typing import Any, NamedTuple

from nlstm import kernels
from nlstm.arguments.checks import checked_choice, checked_number
from nlstm.arguments.warned import warn_user
from nlstm.distributed.comm import MPIComm, broadcast, world
from nlstm.distributed.engine import Engine
from nlstm.distributed.team import Team
from nlstm.kernels.cpu.machine.threads import default_limit

__all__ = ["MPI", "communicator", "engine_of"]

SHARDS = ("batch", "rank")


class MPI:
    """How the processes that mpiexec or srun started train one model: for ``distribute=``.

    ``distribute="mpi"`` is ``distribute=MPI()``.

    Parameters
    ----------
    timeout : float, default 600
        Seconds that a rank waits for the others before all are ended. Longer than a callback of
        rank 0 may take.
    shard : {"batch", "rank"}
        What is divided: each batch, of which every rank computes its part, so that it has to have
        all rows; or the rows, of which each rank brings its own, for data that are too large for
        one machine. The number of ranks then is no longer without effect on the result.
    """

    def __init__(self, timeout: float = 600.0, shard: str = "batch") -> None:
        self.timeout = float(checked_number("timeout", timeout, 0.0))
        if not self.timeout:
            raise ValueError("timeout must be more than 0 seconds; got 0.")
        self.shard = checked_choice("shard", shard, SHARDS)

    def __repr__(self) -> str:
        return f"MPI(timeout={self.timeout:g}, shard={self.shard!r})"


class _World:
    """The one communicator of this process, once it is there."""

    comm: MPIComm | None = None
    engines: dict[str, Engine] = {}  # by what they divide


def engine_of(distribute: Any) -> Engine | None:
    """Return what runs fit, evaluate and predict on all ranks; None where there is one alone."""
    chosen = MPI() if isinstance(distribute, str) and distribute == "mpi" else distribute
    if not isinstance(chosen, MPI):
        raise ValueError(
            f"distribute must be None, 'mpi' or nlstm.distributed.MPI(...); got {distribute!r}."
        )
    if _World.comm is None:
        _World.comm = world(chosen.timeout)
        _share_processors(_World.comm)
        if _World.comm.size > 1:
            _end_all_with_one(_World.comm)
    comm = _World.comm
    comm.timeout = chosen.timeout
    if comm.size == 1:
        return None
    if chosen.shard not in _World.engines:
        _World.engines[chosen.shard] = Engine(Team(comm, chosen.shard == "rank"))
    engine = _World.engines[chosen.shard]
    comm.where = engine.team.share
    return engine


def _end_all_with_one(comm: MPIComm) -> None:
    """Let an error that ends this process end all: the others would wait for it."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        comm.abort(1)

    sys.excepthook = hook


class _Place(NamedTuple):
    """Where a rank runs."""

    host: str
    cores: frozenset[int]


def _here() -> _Place:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = affinity(0) if affinity is not None else range(os.cpu_count() or 1)
    node = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return _Place(node, frozenset(cores))


def _share_processors(comm: MPIComm) -> None:
    """Take as many threads as this rank's part of the processors that it shares with others."""
    here = _here()
    places = [broadcast(comm, here, rank) for rank in range(comm.size)]
    crowd = sum(one.host == here.host and bool(one.cores & here.cores) for one in places)
    ops = kernels.load(kernels.HOST)
    chosen = os.environ.get("NUMBA_NUM_THREADS", "").strip().isdecimal()
    if crowd > 1 and not chosen and ops.get_num_threads() == default_limit():
        ops.set_num_threads(max(1, ops.get_num_threads() // crowd))
    cores, there = len(here.cores), os.cpu_count() or 1
    neighbours = sum(one.host == here.host for one in places)
    if comm.rank == 0 and cores == 1 < there and (crowd > 1 or neighbours < there):
        warn_user(
            f"{'This rank' if crowd == 1 else f'These {crowd} ranks'} may run on one core alone, "
            f"of {there}. Open MPI binds a small job so: mpiexec --bind-to none gives a rank its "
            "share of all."
        )


def communicator() -> MPIComm | None:
    """Return what connects the ranks, once it was asked for."""
    return _World.comm
