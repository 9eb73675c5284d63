"""How long a fit on many machines takes, and how often it should be written: predicted.

What goes in are numbers that `python -m nlstm.distributed.bench` measures. A step is what the
slowest rank computes, and one all-reduce. A failure costs what was done since the last checkpoint,
and the restart.

Closed forms and a simulation stand beside each other, and a test holds them together:

- all-reduce of S bytes over n ranks: ``2 log2(n) a + 2 (n - 1) / n S / bw + S / memory``
- the slowest of n ranks, whose steps are ``c (1 + s E)`` with E exponential: ``c (1 + s H_n)``, H_n
  being ``1 + 1/2 + ... + 1/n``
- work of T seconds in intervals of t, each written in C, failures every M, restarts of R (Daly
  2006): ``M exp(R / M) (exp((t + C) / M) - 1) T / t``
- the best interval by Young (1974): ``sqrt(2 C M)``; Daly adds two terms.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from nlstm.arguments.checks import checked_integer, checked_number, checked_size

__all__ = [
    "Cluster",
    "Prediction",
    "Work",
    "best_interval",
    "daly",
    "predict",
    "simulate",
    "young",
]

DAY = 86_400.0
MEMORY = 8e9  # bytes a second that a rank adds
DRAWS = 2000  # of steps, for the slowest rank
MOST_FAILURES = 10_000  # of a run, until it is said not to end


@dataclass(frozen=True)
class Cluster:
    """Machines and what connects them.

    Parameters
    ----------
    nodes : int
    latency : float
        Seconds until the first byte of a message comes.
    bandwidth : float
        Bytes a second between two nodes.
    ranks_per_node : int, default 1
    memory : float, default 8e9
        Bytes a second that a rank adds to its own.
    stragglers : float, default 0
        By what share of a step a rank is late, in the mean.
    failures : float, default 0
        Of a node in a day.
    restart : float, default 60
        Seconds from a failure until the fit goes on at its last checkpoint.
    """

    nodes: int
    latency: float
    bandwidth: float
    ranks_per_node: int = 1
    memory: float = MEMORY
    stragglers: float = 0.0
    failures: float = 0.0
    restart: float = 60.0

    def __post_init__(self) -> None:
        checked_size("nodes", self.nodes)
        checked_size("ranks_per_node", self.ranks_per_node)
        checked_number("latency", self.latency, 0)
        checked_number("bandwidth", self.bandwidth, above=0)
        checked_number("memory", self.memory, above=0)
        for name in ("stragglers", "failures", "restart"):
            checked_number(name, getattr(self, name), 0)

    @property
    def ranks(self) -> int:
        """How many processes train."""
        return self.nodes * self.ranks_per_node

    @property
    def between_failures(self) -> float:
        """Seconds between two failures of any node, in the mean; infinity for none."""
        rate = self.nodes * self.failures
        return DAY / rate if rate else math.inf

    def all_reduce(self, size: float) -> float:
        """Return the seconds in which all ranks have the sum of `size` bytes of each."""
        n = self.ranks
        if n == 1:
            return 0.0
        travel = 2.0 * math.log2(n) * self.latency
        return travel + 2.0 * (n - 1) / n * size / self.bandwidth + size / self.memory


@dataclass(frozen=True)
class Work:
    """A fit.

    Parameters
    ----------
    steps : int
    compute : float
        Seconds that a rank without a straggler takes for its rows of a step.
    size : float
        Bytes of the gradients.
    checkpoint : float, default 0
        Seconds of writing one.
    interval : float, optional
        Seconds of work between two; by default the best.
    """

    steps: int
    compute: float
    size: float
    checkpoint: float = 0.0
    interval: float | None = None

    def __post_init__(self) -> None:
        checked_integer("steps", self.steps, 1)
        checked_number("compute", self.compute, above=0)
        checked_number("size", self.size, 0)
        checked_number("checkpoint", self.checkpoint, 0)
        if self.interval is not None:
            checked_number("interval", self.interval, above=0)


@dataclass(frozen=True)
class Prediction:
    """What is to be expected; no measurement.

    Attributes
    ----------
    step : float
        Seconds.
    communication : float
        The share of a step that is all-reduce.
    efficiency : float
        The share of a step that a rank alone would take.
    seconds : float
        Until the fit is done, with checkpoints, failures and restarts.
    interval : float
        Seconds of work between two checkpoints.
    lost : float
        The share of `seconds` that is no step.
    """

    step: float
    communication: float
    efficiency: float
    seconds: float
    interval: float
    lost: float


def predict(work: Work, cluster: Cluster) -> Prediction:
    """Return what the closed forms say of a fit on a cluster.

    Parameters
    ----------
    work : Work
    cluster : Cluster

    Returns
    -------
    Prediction
    """
    late = cluster.stragglers
    slowest = work.compute * (1.0 + late * harmonic(cluster.ranks))
    reduced = cluster.all_reduce(work.size)
    step = slowest + reduced
    alone = work.compute * (1.0 + late)
    interval = work.interval or best_interval(work.checkpoint, cluster)
    interval = max(step, min(interval, work.steps * step))
    seconds = expected(work.steps * step, interval, work.checkpoint, cluster)
    return Prediction(
        step, reduced / step, alone / step, seconds, interval, 1.0 - work.steps * step / seconds
    )


def expected(work: float, interval: float, checkpoint: float, cluster: Cluster) -> float:
    """Return the seconds that so many seconds of steps take (Daly's whole formula)."""
    mean = cluster.between_failures
    if math.isinf(mean):
        return work * (1.0 + checkpoint / interval)
    try:
        each = mean * math.exp(cluster.restart / mean) * math.expm1((interval + checkpoint) / mean)
    except OverflowError:
        return math.inf
    return each * work / interval


def young(checkpoint: float, between_failures: float) -> float:
    """Return Young's interval, seconds of work between two checkpoints."""
    return math.sqrt(2.0 * checkpoint * between_failures)


def daly(checkpoint: float, between_failures: float) -> float:
    """Return Daly's interval, right also where failures are frequent."""
    if checkpoint >= 2.0 * between_failures:
        return between_failures
    part = checkpoint / (2.0 * between_failures)
    longer = 1.0 + math.sqrt(part) / 3.0 + part / 9.0
    return young(checkpoint, between_failures) * longer - checkpoint


def best_interval(checkpoint: float, cluster: Cluster) -> float:
    """Return the best interval for a cluster; infinity where nothing fails."""
    mean = cluster.between_failures
    return math.inf if math.isinf(mean) else daly(checkpoint, mean)


def harmonic(n: int) -> float:
    """Return 1 + 1/2 + ... + 1/n."""
    return math.fsum(1.0 / k for k in range(1, n + 1))


# By drawing


def simulate(work: Work, cluster: Cluster, runs: int = 200, seed: int = 0) -> np.ndarray:
    """Return the seconds of simulated fits.

    Steps of the slowest rank are drawn, then failures, interval by interval: also those that fall
    into a checkpoint or a restart.

    Parameters
    ----------
    work : Work
    cluster : Cluster
    runs : int, default 200
    seed : int, default 0

    Returns
    -------
    ndarray, shape (runs,)
        Infinity where a fit does not end: more fails than is done.
    """
    random = np.random.default_rng(checked_integer("seed", seed, 0))
    step = drawn_step(work, cluster, random)
    interval = work.interval or best_interval(work.checkpoint, cluster)
    whole = work.steps * step
    interval = max(step, min(interval, whole))
    return np.array([_run(whole, interval, work, cluster, random) for _ in range(runs)])


def drawn_step(work: Work, cluster: Cluster, random: np.random.Generator) -> float:
    """Return the mean of steps whose slowest rank was drawn, all-reduce included."""
    slowest = 0.0
    if cluster.stragglers:
        most = [random.exponential(size=cluster.ranks).max() for _ in range(DRAWS)]
        slowest = float(np.mean(most))
    return work.compute * (1.0 + cluster.stragglers * slowest) + cluster.all_reduce(work.size)


def _run(
    whole: float, interval: float, work: Work, cluster: Cluster, random: np.random.Generator
) -> float:
    mean, done, clock, failed = cluster.between_failures, 0.0, 0.0, 0
    until = random.exponential(mean) if math.isfinite(mean) else math.inf
    while done < whole:
        part = min(interval, whole - done)
        needed = part + work.checkpoint * part / interval
        if until >= needed:
            clock, until, done = clock + needed, until - needed, done + part
            continue
        clock, failed = clock + until, failed + 1
        until = random.exponential(mean)
        while until < cluster.restart and failed <= MOST_FAILURES:  # again while it starts
            clock, failed = clock + until, failed + 1
            until = random.exponential(mean)
        clock, until = clock + cluster.restart, until - cluster.restart
        if failed > MOST_FAILURES:
            return math.inf
    return clock


def best_by_drawing(
    work: Work, cluster: Cluster, intervals: np.ndarray, runs: int = 200, seed: int = 0
) -> float:
    """Return the interval whose simulated fits, all of the same seed, take least."""
    means = [simulate(replace(work, interval=float(t)), cluster, runs, seed).mean()
             for t in intervals]  # fmt: skip
    return float(intervals[int(np.argmin(means))])
