"""How long nlstm's own models take on a GPU: whole steps, each kernel, products, latencies."""

import math
import time
from contextlib import contextmanager

import numpy as np

from benchmarks.gpu import torch_side
from benchmarks.gpu.clock import own_event, time_calls, time_own
from nlstm.kernels.operations import DEFAULT


@contextmanager
def on_cuda():
    """Let models that are made and used here compute on CUDA."""
    before, DEFAULT[0] = DEFAULT[0], "cuda"
    try:
        yield
    finally:
        DEFAULT[0] = before


@contextmanager
def launches():
    """Give the list of launches that happen meanwhile: kernel, grid, arguments."""
    from nlstm.kernels.cuda.launch import Kernel

    found: list = []
    launch = Kernel.__call__

    def launch_and_note(kernel, grid, *arguments):
        found.append((kernel, grid, *arguments))
        launch(kernel, grid, *arguments)

    Kernel.__call__ = launch_and_note
    try:
        yield found
    finally:
        Kernel.__call__ = launch


def name_of(kernel):
    """Return what a kernel computes, as its source says."""
    function = kernel.function
    for cell in function.__closure__ or ():
        inner = getattr(cell.cell_contents, "py_func", cell.cell_contents)
        inner = getattr(inner, "fn", inner)
        if function.__qualname__.startswith("Each.") and hasattr(inner, "__qualname__"):
            return f"{inner.__module__.rpartition('.')[2]}.{inner.__name__}"
    module = function.__module__.rpartition(".")[2]
    return f"{module}.{function.__qualname__.partition('.')[0]}"


def time_shape(shape, budget=0.5, pieces=True):
    """Time one shape: fit and predict by their doors, a step's launches as one graph, its parts."""
    from benchmarks.machine.models import compiled_model
    from nlstm.kernels.cuda.flags import Together

    with on_cuda():
        start = time.perf_counter()
        model = compiled_model(shape)
        x, y = shape.data(min(8, shape.steps_per_epoch))
        batch = x[: shape.N], y[: shape.N]
        model.train_on_batch(*batch)
        first = time.perf_counter() - start
        with launches() as step:
            model.train_on_batch(*batch)
        found = {"first_step_s": first, "launches": len(step)}
        # Before other data come: a launch that is repeated reads the batch that was there.
        found["graph"] = time_own(step, budget) if step else {}
        if pieces:
            groups: dict = {}
            for before, one in zip([None, *step], step):
                group = groups.setdefault(name_of(one[0]), [])
                # Blocks that wait for each other want their flags lowered.
                group += [before, one] if isinstance(one[0], Together) else [one]
            found["pieces"] = {
                name: [len(group), time_own(group, 0.05)["events_ms"]]
                for name, group in groups.items()
            }
        steps = len(x) // shape.N
        found["fit"] = per_step(
            lambda epochs: model.fit(x, y, batch_size=shape.N, epochs=epochs, verbose=0),
            steps, budget,
        )  # fmt: skip
        found["predict"] = per_step(
            lambda epochs: [model.predict(batch[0], batch_size=shape.N, verbose=0)
                            for _ in range(epochs)],
            1, budget / 2,
        )  # fmt: skip
    return found


def per_step(run, steps, budget):
    """Return milliseconds of a step by the wall, from whole epochs of about `budget` seconds."""
    run(2)
    start = time.perf_counter()
    run(1)
    once = max(time.perf_counter() - start, 1e-6)
    epochs = max(1, min(200, math.ceil(budget / 3 / once)))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run(epochs)
        times.append((time.perf_counter() - start) * 1e3 / (epochs * steps))
    return {"wall_ms": sorted(times)[1], "least_ms": min(times)}


def products(sizes, beside_cublas):
    """Time the own products, A B and A^T C, beside cuBLAS."""
    from nlstm.kernels.cuda import products
    from nlstm.kernels.cuda.arrays import empty, to_device

    real, found = np.dtype("float32"), {}
    for R, K, C in sizes:
        rng = np.random.default_rng(0)
        A, B, b = (rng.random(s, dtype=np.float32) for s in ((R, K), (K, C), (C,)))
        a, w, bias, out = to_device(A), to_device(B), to_device(b), empty((R, C), real)
        M = K + 2
        count = products.part_count(M - 1, C, R)
        column = to_device(np.zeros((R, 1)), real)
        parts = empty((count, M, C), real)
        calls = {
            "own": (products.multiply, a, w, bias, out, True),
            "own TN": (products.multiply_transposed, column, a, out, parts),
        }
        entry = {}
        for name, (function, *arguments) in calls.items():
            function(*arguments)
            entry[name] = time_own([(function, *arguments)], 0.1)
        if beside_cublas:
            entry |= torch_side.time_cublas(A, B)
        gflop = 2.0 * R * K * C / 1e9
        found[f"{R}x{K}x{C}"] = {
            name: {"ms": one["events_ms"], "tflops": gflop / max(one["events_ms"], 1e-9)}
            for name, one in entry.items()
        }
    return found


def latencies():
    """Time a graph's node, a launch from Python and a number's way back, in microseconds."""
    from nlstm.kernels.cuda.arrays import zeros
    from nlstm.kernels.cuda.basics import fill
    from nlstm.kernels.cuda.launch import SIMULATED, Graph, synchronize

    array = zeros(1, np.float32)
    fill(array, 0.0)

    def there_and_back():
        one.replay()
        array.to_host()

    one = Graph([(fill, array, 0.0)])
    many = Graph([(fill, array, 0.0)] * 100)
    calls = {
        "graph of 1": one.replay,
        "graph of 100": many.replay,
        "launch from Python": lambda: fill(array, 0.0),
        "graph of 1 and read-back": there_and_back,
    }
    if SIMULATED:
        for call in calls.values():
            call()
        return {}
    return {
        name: 1e3 * time_calls(call, synchronize, own_event, 0.1)["wall_ms"]
        for name, call in calls.items()
    }
