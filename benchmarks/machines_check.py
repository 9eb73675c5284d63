"""The simulator's predictions beside real fits on a few ranks of this machine.

    python -m benchmarks.machines_check --ranks 1,2,4

Ranks measure a step by themselves, an all-reduce and the network as `nlstm.distributed.bench` does,
and then take an epoch of ``fit(..., distribute="mpi")``, in turns, so that what else the machine
does meets both. The simulator makes a step of the first. More ranks than processors share them.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from nlstm.distributed.simulator import Cluster, Work, predict

ROOT = Path(__file__).resolve().parents[1]
STEPS = 12  # of an epoch
TURNS = 5
SECONDS = 240  # until a launch is ended


def main():
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--ranks", default="1,2,4")
    made.add_argument("--units", type=int, default=128)
    made.add_argument("--rows", type=int, default=256, help="of a rank")
    made.add_argument("--steps", type=int, default=60)
    made.add_argument("--features", type=int, default=8)
    made.add_argument("--fit", action="store_true", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.fit:
        fit(options)
        return
    print(f"{'ranks':>5} {'predicted ms':>13} {'measured ms':>12} {'measured / predicted':>21}")
    for ranks in map(int, options.ranks.split(",")):
        output = launch(ranks, "benchmarks.machines_check", "--fit", *shape(options))
        predicted, measured = map(float, output.split()[-2:])
        print(
            f"{ranks:5d} {1e3 * predicted:13.2f} {1e3 * measured:12.2f} "
            f"{measured / predicted:21.2f}",
            flush=True,
        )


def shape(options):
    names = ("units", "rows", "steps", "features")
    return [word for name in names for word in (f"--{name}", str(getattr(options, name)))]


def fit(options):
    """Be one rank; rank 0 prints the predicted and the measured seconds of a step."""
    import nlstm
    from nlstm.callbacks import LambdaCallback
    from nlstm.distributed import bench

    world = bench._world()
    ranks = 1 if world is None else world.size
    bench._share_processors(world)
    model, x, y = bench._model(options)
    shared = nlstm.models.clone_model(model)
    shared.compile("adam", "mse")
    rows = options.rows * ranks * STEPS
    many = np.random.default_rng(0).random((rows, options.steps, options.features), np.float32)
    begun, taken, told = [], [], []
    watch = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: taken.append(time.perf_counter() - begun[-1]),
    )
    for turn in range(TURNS + 1):
        latency, bandwidth = bench.ASSUMED
        if world is not None:
            latency = bench._ping(world, bench.SMALL, 20)
            bandwidth = bench.LARGE / bench._ping(world, bench.LARGE, 3)
        compute, late = bench._steps(world, model, x, y, STEPS)
        shared.fit(
            many, many[:, 0, :1], batch_size=options.rows * ranks, epochs=1, verbose=0,
            callbacks=[watch], distribute="mpi",
        )  # fmt: skip
        cluster = Cluster(ranks, latency, bandwidth, stragglers=late)
        if turn:  # the first compiles
            told.append(predict(Work(1, compute, 4 * model.count_params()), cluster).step)
    if taken:  # users' callbacks are rank 0's
        print(statistics.median(told), statistics.median(taken[1:]) / STEPS)


def launch(ranks, module, *arguments):
    """Return what ranks print; their process group ends in time."""
    mpiexec = Path(sys.executable).parent / "mpiexec"
    command = [
        str(mpiexec) if mpiexec.exists() else str(shutil.which("mpiexec")), "-n", str(ranks),
        sys.executable, "-m", "mpi4py", "-m", module, *arguments,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}.")
    return output


if __name__ == "__main__":
    main()
