"""The simulator's predictions beside real fits on a few ranks of this machine.

    python -m benchmarks.machines_check --ranks 1,2,4

For each number of ranks, `nlstm.distributed.bench` measures processors and network without a fit;
the simulator makes a step of it; then `fit(..., distribute="mpi")` is timed. More ranks than
processors share them, in the bench too.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nlstm.distributed.simulator import Cluster, Work, predict

ROOT = Path(__file__).resolve().parents[1]
STEPS = 12  # of an epoch
EPOCHS = 4  # the first is not counted
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
        predicted, measured = predicted_step(ranks, options), measured_step(ranks, options)
        print(
            f"{ranks:5d} {1e3 * predicted:13.2f} {1e3 * measured:12.2f} "
            f"{measured / predicted:21.2f}",
            flush=True,
        )


def shape(options):
    names = ("units", "rows", "steps", "features")
    return [word for name in names for word in (f"--{name}", str(getattr(options, name)))]


def predicted_step(ranks, options):
    """Return the seconds of a step as the simulator puts them together."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        launch(ranks, "nlstm.distributed.bench", *shape(options), "--json", str(file))
        found = json.loads(file.read_text())
    cluster = Cluster(ranks, found["latency"], found["bandwidth"], stragglers=found["stragglers"])
    return predict(Work(STEPS, found["compute"], found["size"]), cluster).step


def measured_step(ranks, options):
    """Return the seconds of a step of a fit, the median of its epochs."""
    output = launch(ranks, "benchmarks.machines_check", "--fit", *shape(options))
    return float(output.split()[-1])


def fit(options):
    """Be one rank of a fit; rank 0 prints the seconds of a step."""
    import nlstm
    from nlstm.callbacks import LambdaCallback
    from nlstm.layers import LSTM, Dense, Input

    ranks = int(os.environ.get("PMI_SIZE", 1))
    nlstm.set_random_seed(0)
    model = nlstm.Sequential(
        [Input((options.steps, options.features)), LSTM(options.units), Dense(1)]
    )
    model.compile("adam", "mse")
    rows = options.rows * ranks * STEPS
    x = np.random.default_rng(0).random((rows, options.steps, options.features), np.float32)
    ends = [time.perf_counter()]
    noted = LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()))
    model.fit(
        x, x[:, 0, :1], batch_size=options.rows * ranks, epochs=EPOCHS, verbose=0,
        callbacks=[noted], distribute="mpi",
    )  # fmt: skip
    if len(ends) > 2:  # users' callbacks are rank 0's
        print(statistics.median(np.diff(ends)[1:]) / STEPS)


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
