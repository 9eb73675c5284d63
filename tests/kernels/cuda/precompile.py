"""Compile what tests and benchmarks launch for a kind of GPU, where there is none, into the cache.

    NLSTM_PTX_TESTS=1 NUMBA_CACHE_DIR=FOLDER python -m tests.kernels.cuda.precompile 9 0

So that a GPU's minutes go to running. It wants what `make test-ptx` installs.
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

TESTS = ("on_gpu", "loop", "moving", "products", "memory")


def shapes():
    """Launch what the nine shapes' training and prediction do."""
    for shape in GRID.values():
        with on_cuda():
            model = compiled_model(shape)
            x, y = shape.data(1)
            model.fit(x, y, batch_size=shape.N, epochs=1, verbose=0)
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


def main():
    """Compile all kernels, one in `share` of them."""
    major, minor, *share = map(int, sys.argv[1:])
    which, count = share or (0, 1)
    found = launches.recorded((major, minor), all_of_them, every=True)
    start = time.perf_counter()
    done = 0
    for number, (kernel, kind) in enumerate(found.values()):
        if number % count != which:
            continue
        compiled.machine_code(kernel.function, kind, kernel.max_registers, (major, minor))
        done += 1
    seconds = time.perf_counter() - start
    print(f"{done} of {len(found)} kernels in {seconds:.0f} s: {compiled.places().write}")


if __name__ == "__main__":
    sys.exit(main())
