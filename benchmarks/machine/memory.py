"""How much memory a fit holds: the least there can be, and what it takes.

    python -m benchmarks.machine.memory [--shapes hydro,hydrowide] [--batches 2]

The least is the data, the weights with their gradients and Adam's two moments, and what the forward
pass of one batch must save for the backward pass. Units are counted in whole vectors (Hp):

    data           rows * (T * F + 1)
    weights        4 * (sum over layers of (F + H + 1) * 4 Hp, and the head's)
    activations    sum over layers of T * N * 4 Hp (gates) + 2 * (T + 1) * N * Hp (h and c)

numbers of 4 bytes. What a fit takes is the growth of the process's peak from a warm start: after
one small model has trained, so that libraries and compiled code are in memory already.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.grid import GRID, Shape
from benchmarks.machine.models import compiled_model
from benchmarks.markdown import table

ROOT = Path(__file__).resolve().parents[2]
NUMBER = 4  # bytes: float32
GATES = 4
COPIES = 4  # of the weights: themselves, their gradients, Adam's two moments


def in_vectors(features: int, lanes: int) -> int:
    """Round up to whole vectors."""
    return -(-features // lanes) * lanes


def weight_bytes(shape: Shape, lanes: int) -> int:
    """Count the bytes of all weights, once."""
    inputs = [shape.F] + [shape.H] * (shape.layers - 1)
    Hp = in_vectors(shape.H, lanes)
    layers = sum((F + shape.H + 1) * GATES * Hp for F in inputs)
    return NUMBER * (layers + (shape.H + 1) * lanes)


def activation_bytes(shape: Shape, lanes: int) -> int:
    """Count the bytes that the forward pass of one batch saves."""
    Hp = in_vectors(shape.H, lanes)
    layer = shape.T * shape.N * GATES * Hp + 2 * (shape.T + 1) * shape.N * Hp
    return NUMBER * shape.layers * layer


def fit_bytes(shape: Shape, batches: int, lanes: int) -> int:
    """Count the least bytes that a fit holds, data included."""
    data = NUMBER * batches * shape.N * (shape.T * shape.F + 1)
    return data + COPIES * weight_bytes(shape, lanes) + activation_bytes(shape, lanes)


def measured_bytes(shape: Shape, batches: int) -> int:
    """Run a fit in a fresh process; give the bytes by which its peak grew."""
    command = [sys.executable, "-m", "benchmarks.machine.memory", "--fit", shape.name]
    command += ["--batches", str(batches)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _growth_in_this_process(shape, batches):
    import resource
    from dataclasses import replace

    def fit(shape):
        x, y = shape.data(batches)
        compiled_model(shape).fit(x, y, batch_size=shape.N, epochs=2, verbose=0)

    def peak():
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return kilobytes if sys.platform == "darwin" else 1024 * kilobytes

    fit(replace(shape, N=4, T=2, F=1, H=3))
    before = peak()
    fit(shape)
    return peak() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", default=",".join(GRID), help="by comma")
    parser.add_argument("--batches", type=int, default=2, help="in the data")
    parser.add_argument("--fit", choices=GRID, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print(_growth_in_this_process(GRID[options.fit], options.batches))
        return
    from nlstm.kernels import load

    lanes = load("cpu").lanes("float32")
    rows = [["shape N,T,F,H,layers", "least MB", "measured MB", "ratio"]]
    for name in options.shapes.split(","):
        least = fit_bytes(GRID[name], options.batches, lanes)
        measured = measured_bytes(GRID[name], options.batches)
        megabytes = [f"{least / 1e6:.1f}", f"{measured / 1e6:.1f}"]
        rows.append([str(GRID[name]), *megabytes, f"{measured / least:.2f}"])
    print(table(rows))


if __name__ == "__main__":
    main()
