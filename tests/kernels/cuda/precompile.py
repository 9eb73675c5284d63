"""Compile what tests and benchmarks launch for a kind of GPU, where there is none, into the cache.

    NLSTM_PTX_TESTS=1 NUMBA_CACHE_DIR=FOLDER python -m tests.kernels.cuda.precompile 9 0

So that a GPU's minutes go to running. It wants what `make test-ptx` installs. `9 0 1 4` does the
second of four parts, `9 0 --shape seed` what a benchmark's shape trains with, timed one by one.
"""

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu import correctness
from benchmarks.gpu.speed import on_cuda
from benchmarks.grid import GRID
from benchmarks.machine.models import compiled_model
from nlstm.kernels.cuda import compiled
from tests.kernels.cuda import launches

TESTS = ("on_gpu", "loop", "moving", "products", "memory", "recompute")


def fitted(shape):
    """Launch what a shape's training does; return the model and its data."""
    model = compiled_model(shape)
    x, y = shape.data(1)
    model.fit(x, y, batch_size=shape.N, epochs=1, verbose=0)
    return model, x, y


def shapes():
    """Launch what the nine shapes' training and prediction do."""
    for shape in GRID.values():
        with on_cuda():
            model, x, y = fitted(shape)
            model.train_on_batch(x, y)
            model.predict(x, batch_size=shape.N, verbose=0)


def forms():
    """Launch the forms of the LSTM that a GPU's first minutes compare with the reference."""
    correctness.lstm_forms(argparse.Namespace(dry=False), lambda form: form())


def tests():
    """Launch what tests do, as far as they come with results that are nothing."""
    os.environ["NLSTM_GPU_TESTS"] = "1"
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in TESTS]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        pytest.main(["-q", "-p", "no:cacheprovider", *files])


def all_of_them():
    """Launch all of it."""
    shapes()
    forms()
    tests()


def of_shape(capability, shape):
    """Return what a shape's training launches."""
    found = launches.recording(capability)
    with on_cuda():
        fitted(shape)
    return found


def clocks():
    """Return the time by the wall, and what the processor has done for this process."""
    return time.perf_counter(), time.process_time()


def since(before):
    """Say how long ago that was."""
    wall, busy = (now - then for now, then in zip(clocks(), before, strict=True))
    return f"{wall:7.2f} s, {busy:7.2f} s of a processor"


def main():
    """Compile all kernels, one in `count` of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capability", type=int, nargs=2)
    parser.add_argument("share", type=int, nargs="*", default=(0, 1))
    parser.add_argument("--shape", choices=GRID)
    given = parser.parse_args()
    capability, (which, count) = tuple(given.capability), given.share
    if given.shape:
        found = of_shape(capability, GRID[given.shape])
    else:
        found = launches.recorded(capability, all_of_them, every=True)
    start, done = clocks(), 0
    for number, ((label, *_), (kernel, kind)) in enumerate(found.items()):
        if number % count != which:
            continue
        before = clocks()
        compiled.machine_code(kernel.function, kind, kernel.max_registers, capability)
        if given.shape:
            print(f"{since(before)}  {label[0]}", flush=True)
        done += 1
    print(f"{since(start)}  {done} of {len(found)} kernels: {compiled.places().write}")


if __name__ == "__main__":
    sys.exit(main())
