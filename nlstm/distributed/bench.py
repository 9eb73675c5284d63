"""What this cluster's network and processors do, and what fits on more of it would take.

    python -m nlstm.distributed.bench                                   # a network is assumed
    mpiexec -n 2 python -m mpi4py -m nlstm.distributed.bench            # two ranks here
    srun -n 64 python -m mpi4py -m nlstm.distributed.bench --units 256  # a cluster

Latency and bandwidth come from messages between the first and the last rank, then one all-reduce of
a gradient's size is timed, and training steps of a rank by itself, all ranks at once. Times for
other numbers of nodes are predictions by `nlstm.distributed.simulator`, and are marked so.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nlstm import kernels
from nlstm.arguments.seeds import set_random_seed
from nlstm.distributed.simulator import Cluster, Work, harmonic, predict
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential

__all__ = ["Measured", "main", "measure", "table"]

SMALL, LARGE = 8, 16 << 20  # bytes of a message
FASTER_ROWS = (64, 16, 4, 1)  # beside --rows, for a fixed global batch
ASSUMED = (25e-6, 1.1e9)  # latency and bandwidth of 10-gigabit Ethernet, over TCP
NODES = "1,2,4,8,16,32,64,128,256,512,1024"


@dataclass(frozen=True)
class Measured:
    """What was measured on `ranks` ranks.

    Attributes
    ----------
    ranks, rows : int
    latency, bandwidth : float
        Seconds; bytes a second.
    assumed : bool
        Whether these two are no measurements, as there was one rank.
    size : int
        Bytes of the gradients.
    all_reduce : float
        Seconds for these, of `ranks` ranks.
    compute : float
        Seconds of a step of `rows` rows, in the mean of all ranks.
    stragglers : float
        As `Cluster` has them.
    checkpoint : float
        Seconds of writing the model once.
    by_rows : dict of int to float
        Seconds of a step by its rows.
    """

    ranks: int
    rows: int
    latency: float
    bandwidth: float
    assumed: bool
    size: int
    all_reduce: float
    compute: float
    stragglers: float
    checkpoint: float
    by_rows: dict[int, float]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and let rank 0 print."""
    options = _options(arguments)
    world = _world()
    found = measure(world, options)
    if world is not None and world.rank:
        return
    if options.json is not None:
        with open(options.json, "w") as file:
            json.dump(asdict(found), file)
    print(table(found, options), flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(
        prog="python -m nlstm.distributed.bench", description=(__doc__ or "").partition("\n")[0]
    )
    made.add_argument("--units", type=int, default=128)
    made.add_argument("--rows", type=int, default=256, help="of a rank, in a step")
    made.add_argument("--steps", type=int, default=60, help="time steps of a row")
    made.add_argument("--features", type=int, default=8)
    made.add_argument("--repeats", type=int, default=15)
    made.add_argument("--nodes", default=NODES, help="to predict")
    made.add_argument("--faster", type=float, default=1.0, help="predict nodes so much faster")
    made.add_argument("--latency", type=float, default=None, help="seconds, in place of measuring")
    made.add_argument("--bandwidth", type=float, default=None, help="bytes a second, likewise")
    made.add_argument("--failures", type=float, default=0.01, help="of a node in a day")
    made.add_argument("--restart", type=float, default=120.0, help="seconds after a failure")
    made.add_argument("--hours", type=float, default=24.0, help="of the fit on one node")
    made.add_argument("--json", default=None, help="a file for what was measured")
    return made.parse_args(arguments)


def _world() -> Any:
    """Return MPI's world of several ranks; None where this is the only process."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError):
        return None
    return MPI.COMM_WORLD if MPI.COMM_WORLD.size > 1 else None


# Measuring


def measure(world: Any, options: argparse.Namespace) -> Measured:
    """Return what was measured; every rank of `world` has to call it."""
    ranks = 1 if world is None else world.size
    _share_processors(world)
    model, x, y = _model(options)
    size = 4 * model.count_params()
    latency, bandwidth = ASSUMED
    assumed = world is None
    if world is not None:
        latency = _ping(world, SMALL, options.repeats * 20)
        bandwidth = LARGE / max(_ping(world, LARGE, options.repeats) - latency, 1e-9)
    if options.latency is not None or options.bandwidth is not None:
        latency, bandwidth = options.latency or latency, options.bandwidth or bandwidth
        assumed = True
    reduced = 0.0 if world is None else _all_reduce(world, size, options.repeats)
    compute, late = _steps(world, model, x, y, options.repeats)
    by_rows = {options.rows: compute}
    for rows in FASTER_ROWS:
        if rows < options.rows:
            by_rows[rows] = _steps(world, model, x[:rows], y[:rows], options.repeats)[0]
    return Measured(
        ranks, options.rows, latency, bandwidth, assumed, size, reduced, compute, late,
        _written(model), by_rows,
    )  # fmt: skip


def _share_processors(world: Any) -> None:
    """Have ranks of one node use as many threads together as it has processors."""
    if world is None:
        return
    from mpi4py import MPI

    cpu = kernels.load(kernels.HOST)
    here = world.Split_type(MPI.COMM_TYPE_SHARED)
    bound = _processors() < (os.cpu_count() or 1)  # as srun and Open MPI bind them
    cpu.set_num_threads(max(1, cpu.get_num_threads() // (1 if bound else here.size)))
    here.Free()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1 << 30


def _model(options: argparse.Namespace) -> tuple[Any, np.ndarray, np.ndarray]:
    set_random_seed(0)
    model = Sequential([Input((options.steps, options.features)), LSTM(options.units), Dense(1)])
    model.compile("adam", "mse")
    random = np.random.default_rng(0)
    x = random.random((options.rows, options.steps, options.features)).astype(np.float32)
    return model, x, x[:, 0, :1].copy()


def _median(world: Any, call: Callable[[], Any], repeats: int) -> float:
    """Return the median of the seconds of a call; all ranks begin together."""
    taken = []
    for _ in range(repeats):
        if world is not None:
            world.Barrier()
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _ping(world: Any, size: int, repeats: int) -> float:
    """Return the seconds of a message of the first rank to the last: half of there and back."""
    message, first, last = np.zeros(size, np.uint8), world.rank == 0, world.rank == world.size - 1

    def there_and_back() -> None:
        if first:
            world.Send(message, dest=world.size - 1)
            world.Recv(message, source=world.size - 1)
        elif last:
            world.Recv(message, source=0)
            world.Send(message, dest=0)

    there_and_back()
    return float(world.bcast(_median(world, there_and_back, repeats) / 2))


def _all_reduce(world: Any, size: int, repeats: int) -> float:
    """Return the seconds of the sum of `size` bytes, of the slowest rank."""
    from mpi4py import MPI

    buffer = np.zeros(size // 4, np.float32)

    def reduce() -> None:
        world.Allreduce(MPI.IN_PLACE, buffer)

    reduce()
    return float(world.allreduce(_median(world, reduce, repeats), op=MPI.MAX))


def _steps(
    world: Any, model: Any, x: np.ndarray, y: np.ndarray, repeats: int
) -> tuple[float, float]:
    """Return the seconds of a step without stragglers, and by what share ranks are late."""
    for _ in range(2):  # compiled, and bound
        model.train_on_batch(x, y)
    count = max(1, 64 // len(x))  # short steps are timed together
    taken = []
    for _ in range(repeats):
        if world is not None:
            world.Barrier()
        start = time.perf_counter()
        for _ in range(count):
            model.train_on_batch(x, y)
        taken.append((time.perf_counter() - start) / count)
    if world is None:
        return statistics.median(taken), 0.0
    all_taken = np.array(world.allgather(taken))
    return late_of(np.median(all_taken), np.median(all_taken.max(axis=0)), world.size)


def late_of(mean: float, slowest: float, ranks: int) -> tuple[float, float]:
    """Return c and s of ``mean = c (1 + s)``, ``slowest = c (1 + s H_n)``."""
    extra = harmonic(ranks) - 1.0
    times = max(0.0, (slowest - mean) / extra)  # c s
    compute = max(mean - times, 0.1 * mean)
    return float(compute), float(times / compute)


def _written(model: Any) -> float:
    """Return the seconds of writing a model, in the folder that the process is in."""
    folder = "." if os.access(".", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=folder) as place:
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            model.save(os.path.join(place, "m.nlstm"))
            taken.append(time.perf_counter() - start)
        return statistics.median(taken)


# Telling


def table(found: Measured, options: argparse.Namespace) -> str:
    """Return what was measured and what is predicted, as text."""
    network = "assumed" if found.assumed else "measured"
    share = found.all_reduce / (found.all_reduce + found.compute)
    lines = [
        f"{found.ranks} rank{'s' * (found.ranks > 1)}; LSTM({options.units}), rows of "
        f"{options.steps} steps, {found.rows} rows a rank",
        f"latency      {1e6 * found.latency:10.1f} us   {network}",
        f"bandwidth    {1e-9 * found.bandwidth:10.3f} GB/s {network}",
        f"gradients    {1e-6 * found.size:10.3f} MB",
        f"step         {1e3 * found.compute:10.3f} ms   measured, a rank by itself",
        f"stragglers   {100 * found.stragglers:10.1f} %    measured",
        f"checkpoint   {1e3 * found.checkpoint:10.1f} ms   measured",
    ]
    if found.ranks > 1:
        model = _cluster(found, found.ranks, options).all_reduce(found.size)
        lines += [
            f"all-reduce   {1e3 * found.all_reduce:10.3f} ms   measured; "
            f"{1e3 * model:.3f} by the cost model",
            f"share of communication {100 * share:.1f} %   measured",
        ]
    return "\n".join([*lines, "", *_predicted(found, options)])


def _predicted(found: Measured, options: argparse.Namespace) -> list[str]:
    faster = f", nodes {options.faster:g} times as fast" if options.faster != 1.0 else ""
    lines = [
        f"predicted, {options.failures:g} failures of a node in a day, restart "
        f"{options.restart:g} s{faster}:",
        f"{'nodes':>6} {'step ms':>9} {'comm. %':>8} {'efficiency %':>13} {'speed-up':>9} "
        f"{'fixed batch':>12} {'days':>8} {'checkpoint every':>17}",
    ]
    for nodes in map(int, options.nodes.split(",")):
        cluster = _cluster(found, nodes, options)
        compute = found.compute / options.faster
        steps = max(1, round(3600 * options.hours / compute / nodes))
        told = predict(Work(steps, compute, found.size, found.checkpoint), cluster)
        every = "end" if told.interval >= 0.999 * steps * told.step else f"{told.interval:.0f} s"
        lines.append(
            f"{nodes:6d} {1e3 * told.step:9.3f} {100 * told.communication:8.1f} "
            f"{100 * told.efficiency:13.1f} {nodes * told.efficiency:8.1f}x "
            f"{_fixed(found, nodes, options):11.1f}x {told.seconds / 86400:8.3f} {every:>17}"
        )
    return [
        *lines,
        "speed-up: the same rows a rank, so a global batch that grows; fixed batch: "
        f"{found.rows} rows in all.",
    ]


def _cluster(found: Measured, nodes: int, options: argparse.Namespace) -> Cluster:
    return Cluster(
        nodes, found.latency, found.bandwidth, stragglers=found.stragglers,
        failures=options.failures, restart=options.restart,
    )  # fmt: skip


def _fixed(found: Measured, nodes: int, options: argparse.Namespace) -> float:
    """Return how much faster one batch of `found.rows` rows goes on so many nodes."""
    rows = sorted(found.by_rows)
    times = [found.by_rows[one] for one in rows]
    shared = float(np.interp(max(1.0, found.rows / nodes), rows, times)) / options.faster
    alone = found.compute / options.faster * (1.0 + found.stragglers)
    return alone / predict(Work(1, shared, found.size), _cluster(found, nodes, options)).step


if __name__ == "__main__":
    main(sys.argv[1:])
