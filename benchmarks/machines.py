"""A step on two ranks beside two processes that know nothing of each other.

    python benchmarks/machines.py [--units 128] [--rows 256] [--steps 100] [--rounds 3] [--tcp]

Each process has one thread and the same rows. Two that are independent say what the machine gives
when both its cores are busy; what two ranks reach of that is what sharing a model costs. The two
kinds take turns. "waiting" is the time in all-reduces, a wait for the slower rank among it;
"all-reduce" is what the same messages take where nobody has to be waited for.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TCP = {"MPIR_CVAR_NOLOCAL": "1", "FI_PROVIDER": "tcp", "FI_TCP_IFACE": "lo"}
BATCHES, EPOCHS = 4, 4  # the first epoch warms up


def work(given):
    """Train, and print what a batch took."""
    import numpy as np

    import nlstm
    from nlstm import Sequential
    from nlstm.callbacks import LambdaCallback
    from nlstm.layers import LSTM, Dense

    shared = given.worker == "mpi"
    size = int(os.environ.get("PMI_SIZE", "1")) if shared else 1
    nlstm.set_random_seed(0)
    rows = given.rows * size
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows * BATCHES, given.steps, given.features)).astype(np.float32)
    y = rng.normal(size=(rows * BATCHES, 1)).astype(np.float32)
    model = Sequential([LSTM(given.units, input_shape=x.shape[1:]), Dense(1)])
    model.compile("adam", "mse")
    clock, waits = [], []
    comm = None
    if shared:
        from nlstm.distributed import mpi

        mpi.engine_of("mpi")
        comm = mpi.communicator()

    def now(*_):
        clock.append(time.perf_counter())
        waits.append(0.0 if comm is None else comm.seconds)

    hooks = LambdaCallback(on_epoch_begin=now, on_train_end=now)
    fit = dict(batch_size=rows, epochs=EPOCHS, verbose=0, callbacks=[hooks])
    model.fit(x, y, **fit, distribute="mpi" if shared else None)
    if int(os.environ.get("PMI_RANK", "0")) == 0 or not shared:
        times = [b - a for a, b in zip(clock[1:], clock[2:], strict=False)]
        waited = [b - a for a, b in zip(waits[1:], waits[2:], strict=False)]
    bare = 0.0
    if comm is not None:
        buffer = np.zeros(model.count_params(), np.float32)
        sums = np.zeros(8)
        comm.barrier()
        taken = []
        for _ in range(50):
            begun = time.perf_counter()
            comm.allreduce_(sums, buffer)
            taken.append(time.perf_counter() - begun)
        bare = statistics.median(taken)
    if not shared or comm.rank == 0:
        print(json.dumps({"times": times, "waited": waited, "bare": bare}), flush=True)


def started(given, kind, env):
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", kind]
    for name in ("units", "rows", "steps", "features"):
        command += [f"--{name}", str(getattr(given, name))]
    if kind == "mpi":
        beside = Path(sys.executable).parent / "mpiexec"
        launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
        command = [launcher, "-n", "2", *command]
    return subprocess.Popen(
        command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def measured(process):
    output, _ = process.communicate(timeout=300)
    return json.loads(output.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("units", 128), ("rows", 256), ("steps", 100), ("features", 8)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tcp", action="store_true", help="as between machines, over loopback")
    parser.add_argument("--worker", choices=["alone", "mpi"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given)
        return
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = os.environ | {"NUMBA_NUM_THREADS": "1", "PYTHONPATH": path}
    apart, together, waited, bare = [], [], [], []
    for _ in range(given.rounds):
        pair = [started(given, "alone", env), started(given, "alone", env)]
        apart += [one / BATCHES for process in pair for one in measured(process)["times"]]
        found = measured(started(given, "mpi", env | (TCP if given.tcp else {})))
        together += [one / BATCHES for one in found["times"]]
        waited += [one / BATCHES for one in found["waited"]]
        bare.append(found["bare"])
    alone, shared = statistics.median(apart), statistics.median(together)
    print(f"{given.units} units, {given.steps} steps, {given.rows} rows a rank, one thread each")
    print(f"two processes apart: {1e3 * alone:.2f} ms a batch (best {1e3 * min(apart):.2f})")
    print(f"two ranks:           {1e3 * shared:.2f} ms a batch (best {1e3 * min(together):.2f})")
    print(f"share reached:       {alone / shared:.3f} (best {min(apart) / min(together):.3f})")
    print(f"waiting:             {100 * statistics.median(waited) / shared:.1f} %")
    print(f"all-reduce:          {1e3 * min(bare):.3f} ms, {100 * min(bare) / shared:.2f} %")


if __name__ == "__main__":
    main()
