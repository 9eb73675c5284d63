"""What a GPU's first minutes should show: right numbers first, then times beside PyTorch.

    python -m benchmarks.gpu_check --expect expected.npz          # before, where no GPU is
    python -m benchmarks.gpu_check --expected expected.npz --out FOLDER
    NUMBA_ENABLE_CUDASIM=1 python -m benchmarks.gpu_check --dry

Parts stand in order of worth, each in its own try; the JSON is written after each, and nothing is
begun after `--seconds`. The Markdown table comes last. `--dry` runs all of it in the simulator, at
sizes that take seconds.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from benchmarks import markdown
from benchmarks.gpu import correctness, speed, torch_side
from benchmarks.grid import GRID, Shape

START = time.perf_counter()
FOUND: dict = {"parts": {}, "shapes": {}}
DRY_SHAPES = {"tiny": Shape("tiny", 3, 2, 2, 5, 1), "tiny2": Shape("tiny2", 2, 2, 3, 4, 2)}
PRODUCTS = [(256 * 365, 32, 1024), (128 * 72, 128, 512), (3200, 500, 2000), (1600, 1024, 4096)]
PACKAGES = ("numba", "numba-cuda", "llvmlite", "nvidia-nvvm", "torch", "nlstm")


def shapes_of(options):
    """Return the shapes, by name."""
    return DRY_SHAPES if options.dry else GRID


# --- parts ----------------------------------------------------------------------------------------


def part_versions(options):
    """Name what is here, and where."""
    from nlstm.kernels.cuda.launch import SIMULATED, cuda

    found = {"python": platform.python_version(), "numpy": np.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    if SIMULATED:
        return found | {"device": "the simulator"}
    device = cuda.get_current_device()
    found["device"] = str(device.name)
    found["capability"] = list(device.compute_capability)
    found["processors"] = int(device.MULTIPROCESSOR_COUNT)
    query = ["nvidia-smi", "--query-gpu=driver_version,memory.total", "--format=csv,noheader"]
    found["driver"] = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    if found["torch"]:
        import torch

        found["cudnn"] = torch.backends.cudnn.version()
    return found


def part_first_kernel(options):
    """Time what the first launch takes, compiling and all."""
    from nlstm.kernels.cuda.arrays import to_device
    from nlstm.kernels.cuda.basics import fill

    array = to_device(np.arange(5.0, dtype=np.float32))
    start = time.perf_counter()
    fill(array, 0.0)
    assert not array.to_host().any()
    return {"seconds": time.perf_counter() - start}


def part_forms(options):
    """Compare each form of the LSTM with the reference."""
    return correctness.lstm_forms(options, attempt)


def part_shapes(options):
    """Time nlstm's models beside PyTorch's, shape by shape."""
    for shape in shapes_of(options).values():
        if out_of_time(options, 20):
            break
        found = FOUND["shapes"].setdefault(shape.name, {})
        found["nlstm"] = attempt(lambda shape=shape: speed.time_shape(shape))
        for mode in () if options.dry else filter(None, options.modes.split(",")):
            for graphed in (False, True):
                found[f"torch {mode}{' graph' if graphed else ''}"] = attempt(
                    lambda shape=shape, mode=mode, graphed=graphed: torch_side.time_torch(
                        shape, mode, graphed
                    )
                )
        write(options)
        say(f"{shape.name}: {json.dumps(without_traces(found), default=str)[:1500]}")
    return failures(FOUND["shapes"])


def part_same_bits(options):
    """Fit five times."""
    names = ["tiny", "tiny2"] if options.dry else ["seed", "forecast2", "speech"]
    return correctness.same_bits([shapes_of(options)[name] for name in names], 3)


def part_compare(options):
    """Compare every operation and a score of models with the CPU."""
    return correctness.compare(options, attempt)


def part_products(options):
    """Time the own products beside cuBLAS."""
    return speed.products([(5, 3, 6)] if options.dry else PRODUCTS, not options.dry)


def part_latencies(options):
    """Time launches, graphs and read-backs."""
    return speed.latencies()


def part_start(options):
    """Time the first step of the seed model in a process of its own, without a cache and with."""
    if options.dry:
        return {}
    code = (
        "import time; t = time.perf_counter()\n"
        "from benchmarks.gpu.speed import on_cuda\n"
        "from benchmarks.grid import GRID\n"
        "from benchmarks.machine.models import compiled_model\n"
        "with on_cuda():\n"
        "    x, y = GRID['seed'].data(1)\n"
        "    compiled_model(GRID['seed']).train_on_batch(x, y)\n"
        "print(time.perf_counter() - t)\n"
    )
    found = {}
    for name in ("first", "second"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        found[name] = float(done.stdout) if done.returncode == 0 else done.stderr[-600:]
    return found


def part_names(options):
    """Name the kernels that PyTorch runs."""
    found = {}
    for shape in () if options.dry else GRID.values():
        if out_of_time(options, 15):
            break
        found[shape.name] = attempt(lambda shape=shape: torch_side.names_of_kernels(shape))
    return found


def part_cpu(options):
    """Time nlstm on this machine's processor, in a process of its own."""
    if options.dry:
        return {}
    left = max(options.seconds - (time.perf_counter() - START) - 5, 5)
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_check", "--cpu", "--seconds", str(left)],
        capture_output=True, text=True, timeout=left + 5,
    )  # fmt: skip
    found: dict = {}
    for line in result.stdout.splitlines():
        if line.startswith("{"):
            found |= json.loads(line)
    return found or {"error": result.stderr[-1500:]}


def time_cpu(seconds):
    """Print a line of JSON for each shape: milliseconds of a training step on the CPU."""
    import nlstm
    from benchmarks.machine.models import compiled_model

    nlstm.set_num_threads(os.cpu_count())
    for shape in GRID.values():
        if time.perf_counter() - START > seconds - 5:
            return
        x, y = shape.data(4 if shape.step_flops > 2e8 else 32)
        model, steps = compiled_model(shape), len(x) // shape.N
        times = []
        for _ in range(4):
            start = time.perf_counter()
            model.fit(x, y, batch_size=shape.N, epochs=1, verbose=0, shuffle=False)
            times.append((time.perf_counter() - start) * 1e3 / steps)
        print(json.dumps({shape.name: min(times)}), flush=True)


PARTS = (
    part_versions, part_first_kernel, part_forms, part_shapes, part_same_bits, part_compare,
    part_latencies, part_products, part_start, part_cpu, part_names,
)  # fmt: skip


# --- running and reporting ------------------------------------------------------------------------


def attempt(function):
    """Return the function's result, or the error as text."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001
        return {
            "error": f"{type(error).__name__}: {error}"[:600],
            "trace": traceback.format_exc()[-1200:],
        }


def without_traces(found):
    """Return results without the traces of errors."""
    if not isinstance(found, dict):
        return found
    return {key: without_traces(value) for key, value in found.items() if key != "trace"}


def failures(found):
    """Return how many results there are, and which of them are errors."""
    wrong = [
        f"{name} {column}"
        for name, columns in found.items()
        for column, value in columns.items()
        if "error" in value
    ]
    return {"shapes": len(found)} | ({"error": wrong} if wrong else {})


def out_of_time(options, margin=0):
    """Whether less than `margin` seconds are left."""
    return time.perf_counter() - START > options.seconds - margin


def say(text):
    """Print a line with the time."""
    print(f"[{time.perf_counter() - START:6.1f} s] {text}", flush=True)


def write(options):
    """Write all that was found up to now."""
    FOUND["seconds"] = time.perf_counter() - START
    path = Path(options.out) / "gpu_check.json"
    path.write_text(json.dumps(FOUND, indent=1, default=str), encoding="utf-8")


def table():
    """Return the Markdown table of a training step, milliseconds."""
    modes = ["fp32", "fp32 graph", "tf32", "tf32 graph", "bf16", "bf16 graph"]
    header = ["shape", "launches", "fit", "step graph", "predict", *(f"torch {m}" for m in modes)]
    rows = [[*header, "torch fp32 / fit", "torch fp32 graph / step graph"]]
    for name, found in FOUND["shapes"].items():
        own = found.get("nlstm", {})
        times = [own.get(key, {}).get(of) for key, of in
                 (("fit", "wall_ms"), ("graph", "events_ms"), ("predict", "wall_ms"))]  # fmt: skip
        peers = [
            found.get(f"torch {m}", {})
            .get("train", {})
            .get("events_ms" if "graph" in m else "wall_ms")
            for m in modes
        ]
        ratios = [
            f"{peer / one:.2f}" if one and peer else "-"
            for one, peer in ((times[0], peers[0]), (times[1], peers[1]))
        ]
        cells = ["-" if n is None else f"{n:.3f}" for n in (*times, *peers)]
        rows.append([name, str(own.get("launches", "-")), *cells, *ratios])
    return markdown.table(rows)


def main():
    """Run the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=540.0)
    parser.add_argument("--out", default=".", help="folder of gpu_check.json")
    parser.add_argument("--dry", action="store_true", help="in the simulator, at tiny sizes")
    parser.add_argument("--cpu", action="store_true", help="time the CPU only")
    parser.add_argument("--expect", metavar="FILE", help="write the CPU's results and stop")
    parser.add_argument("--expected", metavar="FILE", help="take the CPU's results from here")
    parser.add_argument("--parts", default="", help="some of them, by comma")
    parser.add_argument("--modes", default="fp32,tf32,bf16", help="of PyTorch")
    options = parser.parse_args()
    if options.cpu:
        return time_cpu(options.seconds)
    if options.expect:
        say(f"{correctness.write_expected(options.expect)} results of the CPU")
        return 0
    if options.dry:
        from tests import simulated

        simulated.hasten()
    failed = 0
    for part in PARTS:
        name = part.__name__.removeprefix("part_")
        if options.parts and name not in options.parts.split(","):
            continue
        if out_of_time(options, 8):
            FOUND["parts"][name] = "no time left"
            continue
        found = attempt(lambda part=part: part(options))
        failed += "error" in found
        FOUND["parts"][name] = found
        say(f"{name}: {json.dumps(without_traces(found), default=str)[:3000]}")
        write(options)
    print(f"\n{table()}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
