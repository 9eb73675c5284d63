"""What a GPU's first minutes should show: right numbers first, then times beside PyTorch.

    python -m benchmarks.gpu_check --seconds 540 --out FOLDER
    NUMBA_ENABLE_CUDASIM=1 python -m benchmarks.gpu_check --dry

Parts stand in order of worth, each in its own try; the JSON is written after each. The Markdown
table comes last.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from benchmarks.grid import GRID, Shape
from tests.reference import lstm as reference

START = time.perf_counter()
FOUND: dict = {"parts": {}, "shapes": {}}
DRY_SHAPES = {"tiny": Shape("tiny", 3, 2, 2, 5, 1), "tiny2": Shape("tiny2", 2, 2, 3, 4, 2)}


# --- correctness ----------------------------------------------------------------------------------


def relative(found, expected):
    """Return the largest error, relative to the largest number."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def lstm_errors(form, N, T, F, H, rows=1, inline=True, masked=False, dtype=np.float32,
                activation="tanh", recurrent_activation="sigmoid", seed=0):  # fmt: skip
    """Run one layer forward and backward and compare all results with the NumPy reference."""
    from benchmarks.gpu_stack import from_units, to_units
    from nlstm.kernels.cuda import lstm_steps, lstm_whole, products
    from nlstm.kernels.cuda.arrays import empty, to_device, zeros

    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((T, N, F)).astype(dtype)
    W, U = (rng.standard_normal((K, 4 * H)).astype(dtype) / np.sqrt(K + H) for K in (F, H))
    b = rng.standard_normal(4 * H).astype(dtype)
    h0, c0 = rng.standard_normal((2, N, H)).astype(dtype)
    dout = rng.standard_normal((T, N, H)).astype(dtype)
    W, U = W.astype(dtype), U.astype(dtype)
    present = rng.random((N, T)) < 0.7 if masked else None
    trace = reference.lstm_forward(
        x.transpose(1, 0, 2), W, U, b, h0, c0, mask=present, activation=activation,
        recurrent_activation=recurrent_activation,
    )  # fmt: skip
    expected = reference.lstm_backward(trace, dout.transpose(1, 0, 2))

    d_x, d_U = to_device(x), to_device(to_units(U).reshape(1, H, H, 4))
    d_W, d_b = (
        to_device(to_units(W).reshape(1, F, H, 4)),
        to_device(to_units(b[None]).reshape(1, H, 4)),
    )
    h, c = zeros((T + 1, N, H), dtype), zeros((T + 1, N, H), dtype)
    h[0].write(h0)
    c[0].write(c0)
    gates = to_device(np.full((T, N, 4 * H), np.nan), dtype)
    mask = to_device(np.ones((T, N)) if present is None else present.T, np.uint8)
    d_dout, dh, dc = to_device(dout), zeros((N, H), dtype), zeros((N, H), dtype)
    options = {"activation": activation, "recurrent_activation": recurrent_activation}
    flat = gates.reshape(T * N, 4 * H)
    inline = inline and form == "whole"
    if not inline:
        products.multiply(
            d_x.reshape(T * N, F), d_W.reshape(F, 4 * H), d_b.reshape(4 * H), flat, True
        )
    if form == "whole":
        forward = lstm_whole.whole_forward(
            dtype, H, rows, F if inline else 0, True, masked, **options
        )
        forward(-(-N // rows), d_x, d_W, d_U, d_b, gates, h, c, mask)
        backward = lstm_whole.whole_backward(dtype, H, rows, True, masked, **options)
        backward(-(-N // rows), gates, c, d_dout, dh, dc, d_U, mask)
    else:
        forward = lstm_steps.step_forward(dtype, True, masked, **options)
        for t in range(T):
            forward(lstm_steps.forward_grid(N, H), t, d_U, gates, h, c, mask)
        backward = lstm_steps.step_backward(dtype, True, masked, **options)
        for t in range(T - 1, -2, -1):
            grid = lstm_steps.backward_grid(N, H)
            backward(grid, t, d_U, gates, c, d_dout, dh, dc, mask)
    M, count = F + H + 1, products.part_count(F + H + 1, 4 * H, T * N)
    parts, gradient = empty((count, M, 4 * H), dtype), empty(M * 4 * H, dtype)
    products.multiply_transposed(d_x.reshape(T * N, F), h[:T].reshape(T * N, H), flat, parts)
    add = products.sum_parts(dtype)
    add(-(-gradient.size // add.threads), parts.reshape(count, -1), gradient)
    dx = empty((T, N, F), dtype)
    products.multiply(
        flat, d_W.reshape(F, 4 * H), d_b.reshape(4 * H), dx.reshape(T * N, F), False, True
    )
    gradient = from_units(gradient.to_host().reshape(M, 4 * H))
    return {
        "h": relative(h.to_host()[1:].transpose(1, 0, 2), trace.outputs),
        "c": relative(c.to_host()[-1], trace.c),
        "dW": relative(gradient[:F], expected.dW),
        "dU": relative(gradient[F : F + H], expected.dU),
        "db": relative(gradient[F + H], expected.db),
        "dx": relative(dx.to_host().transpose(1, 0, 2), expected.dx),
        "dh0": relative(dh.to_host(), expected.dh0),
        "dc0": relative(dc.to_host(), expected.dc0),
    }


def reference_losses(stack, steps):
    """Train the stack's network with NumPy in float64; returns losses and weights."""
    layers = [tuple(np.float64(w) for w in layer) for layer in stack.host["layers"]]
    head, bias = (np.float64(w) for w in stack.host["head"])
    weights = [w for layer in layers for w in layer] + [head, bias]
    first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    x, y = np.float64(stack.host["x"]).transpose(1, 0, 2), np.float64(stack.host["y"])
    losses = []
    for step in range(1, steps + 1):
        traces, below = [], x
        for index in range(stack.layers):
            traces.append(reference.lstm_forward(below, *weights[3 * index : 3 * index + 3]))
            below = traces[-1].outputs
        head, bias = weights[-2:]
        features = below if stack.every_step else below[:, -1:]
        difference = features @ head + bias - y[:, None]
        losses.append(np.mean(difference**2))
        dp = 2.0 * difference / difference.size
        slopes = [np.einsum("nth,nto->ho", features, dp), dp.sum((0, 1))]
        dout = np.zeros_like(below)
        dout[:, slice(None) if stack.every_step else slice(-1, None)] = dp @ head.T
        for trace in reversed(traces):
            back = reference.lstm_backward(trace, dout)
            slopes = [back.dW, back.dU, back.db, *slopes]
            dout = back.dx
        rate = 0.001 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for w, slope, m, v in zip(weights, slopes, first, second):
            m += (slope - m) * 0.1
            v += (slope * slope - v) * 0.001
            w -= rate * m / (np.sqrt(v) + 1e-7)
    return np.array(losses), weights


def training_errors(N, T, F, H, layers, every_step, form, steps, dtype, rows=None):
    """Train some steps as a graph and compare losses and weights with NumPy in float64."""
    from benchmarks.gpu_stack import Stack, graph, to_units

    stack = Stack(N, T, F, H, layers, every_step, dtype, form, rows)
    step = graph(stack.step())
    stack.initialise(0)
    losses = []
    for _ in range(steps):
        before = stack.total.to_host()[0]
        step.replay()
        losses.append(stack.total.to_host()[0] - before)
    expected, weights = reference_losses(stack, steps)
    packed = [to_units(np.atleast_2d(w)) for w in weights[:-2]] + weights[-2:]
    packed = np.concatenate([w.ravel() for w in packed])
    return {
        "losses": relative(np.array(losses), expected),
        "weights": relative(stack.weights.to_host(), packed),
        "first_loss": float(losses[0]),
        "last_loss": float(losses[-1]),
        "nodes": step.nodes,
    }


# --- timing ---------------------------------------------------------------------------------------


def time_calls(call, synchronize, event, budget=0.35):
    """Return median milliseconds of a call by events and by the wall, in batches.

    event : callable. Makes (record, elapsed) where record(k) marks the stream twice.
    """
    call()
    synchronize()
    start = time.perf_counter()
    call()
    synchronize()
    once = max(time.perf_counter() - start, 1e-6)
    repeats = int(max(1, min(200, budget / 8 / once)))
    for _ in range(repeats):
        call()
    synchronize()
    by_events, by_wall = [], []
    for _ in range(7 if once < 0.2 else 3):
        start = time.perf_counter()
        marks = event()
        for _ in range(repeats):
            call()
        elapsed = marks()
        synchronize()
        by_wall.append((time.perf_counter() - start) * 1e3 / repeats)
        by_events.append(elapsed() / repeats)
    return {
        "events_ms": statistics.median(by_events),
        "wall_ms": statistics.median(by_wall),
        "least_ms": min(by_events),
        "repeats": repeats,
    }


def own_event():
    """Mark nlstm's stream."""
    from nlstm.kernels.cuda.launch import cuda, stream

    first, last = cuda.event(timing=True), cuda.event(timing=True)
    first.record(stream())

    def end():
        last.record(stream())

        def elapsed():
            last.synchronize()
            return cuda.event_elapsed_time(first, last)

        return elapsed

    return end


def time_own(calls, budget=0.35):
    """Time a list of calls as one graph."""
    from benchmarks.gpu_stack import graph
    from nlstm.kernels.cuda.launch import SIMULATED, synchronize

    start = time.perf_counter()
    ready = graph(calls)
    synchronize()
    made = time.perf_counter() - start
    if SIMULATED:
        ready.replay()
        return {"events_ms": 0.0, "wall_ms": 0.0, "nodes": ready.nodes}
    found = time_calls(ready.replay, synchronize, own_event, budget)
    return found | {"nodes": ready.nodes, "seconds_to_make": made}


def torch_event():
    import torch

    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()

    def end():
        last.record()

        def elapsed():
            last.synchronize()
            return first.elapsed_time(last)

        return elapsed

    return end


def torch_network(shape, mode):
    """Return x, y, the network's function and its parameters, in one of the precisions."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.allow_tf32 = mode == "tf32"
    dtype = torch.bfloat16 if mode == "bf16" else torch.float32
    torch.manual_seed(0)
    options = {"device": "cuda", "dtype": dtype}
    lstm = torch.nn.LSTM(shape.F, shape.H, shape.layers, **options)
    head = torch.nn.Linear(shape.H, 1, **options)
    x = torch.rand(shape.T, shape.N, shape.F, **options)
    y = torch.rand(shape.N, 1, **options)

    def predict():
        outputs, _ = lstm(x)
        return head(outputs if shape.every_step else outputs[-1])

    def loss():
        return ((predict() - y) ** 2).mean()

    return predict, loss, [*lstm.parameters(), *head.parameters()]


def time_torch(shape, mode, graphed, budget=0.3):
    """Time PyTorch's forward pass and training step, eagerly or as a CUDA graph."""
    import torch

    predict, loss, parameters = torch_network(shape, mode)
    optimizer = torch.optim.Adam(parameters, fused=True, capturable=graphed)

    def forward():
        with torch.no_grad():
            predict()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    found = {}
    for name, call in (("forward", forward), ("train", step)):
        if graphed:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    call()
            torch.cuda.current_stream().wait_stream(side)
            recorded = torch.cuda.CUDAGraph()
            with torch.cuda.graph(recorded):
                call()
            call = recorded.replay
        found[name] = time_calls(call, torch.cuda.synchronize, torch_event, budget)
    return found


# --- parts ----------------------------------------------------------------------------------------


def part_versions(options):
    found = {"python": platform.python_version(), "numpy": np.__version__}
    for name in ("numba", "numba_cuda", "llvmlite", "torch"):
        try:
            from importlib.metadata import version

            found[name] = version(name.replace("_", "-"))
        except Exception as error:  # noqa: BLE001
            found[name] = repr(error)
    found["libnvvm"] = os.environ.get("NLSTM_LIBNVVM", "as found by numba-cuda")
    from nlstm.kernels.cuda.launch import SIMULATED, cuda

    if not SIMULATED:
        device = cuda.get_current_device()
        found["device"] = str(device.name)
        found["capability"] = list(device.compute_capability)
        found["processors"] = int(device.MULTIPROCESSOR_COUNT)
        found["driver"] = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version,memory.total", "--format=csv,noheader"],
            capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        try:
            import torch

            found["cudnn"] = torch.backends.cudnn.version()
        except ImportError:
            pass
    return found


def part_first_kernel(options):
    from nlstm.kernels.cuda import training
    from nlstm.kernels.cuda.arrays import to_device

    array = to_device(np.arange(5.0, dtype=np.float32))
    start = time.perf_counter()
    training.fill(np.dtype("float32"))(2, array)
    assert not array.to_host().any()
    return {"seconds": time.perf_counter() - start}


def part_lstm(options):
    sizes = dict(N=32, T=20, F=10, H=50)
    if options.dry:
        sizes = dict(N=3, T=2, F=2, H=4)
    found = {}
    for form, dtype, masked in (
        ("whole", "float32", False), ("steps", "float32", False), ("whole", "float64", False),
        ("steps", "float64", False), ("whole", "float32", True), ("steps", "float32", True),
    ):  # fmt: skip
        name = f"{form} {dtype}{' masked' if masked else ''}"
        found[name] = attempt(
            lambda form=form, dtype=dtype, masked=masked: lstm_errors(
                form, **sizes, masked=masked, dtype=dtype
            )
        )
    if not options.dry:
        found["whole float32 H=128, 2 rows"] = attempt(
            lambda: lstm_errors("whole", 61, 30, 5, 128, rows=2)
        )
        found["steps float32 H=250"] = attempt(lambda: lstm_errors("steps", 70, 12, 40, 250))
    return found


def part_same_bits(options):
    from benchmarks.gpu_stack import Stack, graph

    found = {}
    shapes = [("whole", GRID["seed"]), ("steps", GRID["forecast2"])]
    if options.dry:
        shapes = [("steps", DRY_SHAPES["tiny2"])]
    for form, s in shapes:
        stack = Stack(s.N, s.T, s.F, s.H, s.layers, s.every_step, form=form)
        step = graph(stack.step())
        results = set()
        for _ in range(5):
            stack.initialise(0)
            for _ in range(2 if options.dry else 10):
                step.replay()
            results.add(stack.weights.to_host().tobytes())
        found[f"{form} {s.name}"] = len(results) == 1
    return found


def part_training(options):
    found = {}
    sizes = dict(N=32, T=20, F=10, H=50, layers=1, every_step=True)
    if options.dry:
        sizes = dict(N=3, T=2, F=2, H=4, layers=2, every_step=False)
    for form in ("whole", "steps"):
        found[form] = attempt(
            lambda form=form: training_errors(
                **sizes, form=form, steps=2 if options.dry else 20, dtype=np.float32
            )
        )
    return found


def part_shapes(options):
    for shape in (DRY_SHAPES if options.dry else GRID).values():
        if out_of_time(options, 20):
            break
        found = FOUND["shapes"].setdefault(shape.name, {})
        for form in ("whole", "steps"):
            found[form] = attempt(lambda form=form, shape=shape: time_forms(shape, form))
        if not options.dry:
            for mode in filter(None, options.modes.split(",")):
                for graphed in (False, True):
                    name = f"torch {mode}{' graph' if graphed else ''}"
                    found[name] = attempt(
                        lambda shape=shape, mode=mode, graphed=graphed: time_torch(
                            shape, mode, graphed
                        )
                    )
        write(options)
        say(f"{shape.name}: " + summary(found))
    return {"shapes": len(FOUND["shapes"])}


def time_forms(shape, form):
    """Time one form of one shape, forward and the whole step; None where it does not fit."""
    from benchmarks.gpu_stack import Stack
    from nlstm.kernels.cuda import lstm_whole

    if form == "whole" and not lstm_whole.fits(shape.H, np.dtype("float32"), 16):
        return None
    stack = Stack(shape.N, shape.T, shape.F, shape.H, shape.layers, shape.every_step, form=form)
    return {
        "forward": time_own(stack.forward(keep=False)),
        "train": time_own(stack.step()),
    }


def part_pieces(options):
    """Time every kernel of a step by itself, so that what is slow has a name."""
    found = {}
    wanted = [(name, "whole") for name in ("seed", "forecast2", "weather", "hydro", "long")]
    wanted += [(name, "steps") for name in ("hydrowide", "speech", "wide")]
    if options.dry:
        wanted = [("tiny", "steps")]
    for name, form in wanted:
        from benchmarks.gpu_stack import Stack

        shape = (DRY_SHAPES if options.dry else GRID)[name]
        stack = Stack(shape.N, shape.T, shape.F, shape.H, shape.layers, shape.every_step, form=form)
        groups: dict = {}
        for call in stack.step():
            kernel = call[0]
            label = getattr(getattr(kernel, "function", kernel), "__qualname__", str(kernel))
            groups.setdefault(label.split(".")[0], []).append(call)
        times = {}
        for label, part in groups.items():
            times[label] = attempt(lambda part=part: time_own(part, 0.1)["events_ms"])
        found[f"{name} {form}"] = times
        say(f"{name} {form}: {times}")
        write(options)
    return found


def part_rows(options):
    """Time the whole form with 1, 2 and 4 rows a block."""
    from benchmarks.gpu_stack import Stack

    found = {}
    names = ["tiny"] if options.dry else ["seed", "weather", "hydro", "forecast2"]
    for name in names:
        shape = (DRY_SHAPES if options.dry else GRID)[name]
        for rows in (1, 2, 4):
            if out_of_time(options, 10):
                return found
            stack = Stack(shape.N, shape.T, shape.F, shape.H, shape.layers, shape.every_step,
                          form="whole", rows=rows)  # fmt: skip
            found[f"{name} rows={rows}"] = attempt(
                lambda stack=stack: time_own(stack.step(), 0.2)["events_ms"]
            )
    say(str(found))
    return found


def part_products(options):
    """Time the own product beside cuBLAS, at sizes that occur."""
    from nlstm.kernels.cuda import products
    from nlstm.kernels.cuda.arrays import empty, to_device

    real = np.dtype("float32")
    sizes = [(256 * 365, 32, 1024), (128 * 72, 128, 512), (3200, 500, 2000), (1600, 1024, 4096)]
    found = {}
    for R, K, C in [(5, 3, 6)] if options.dry else sizes:
        rng = np.random.default_rng(0)
        A, B, b = (rng.random(s, dtype=np.float32) for s in ((R, K), (K, C), (C,)))
        a, w, bias, out = to_device(A), to_device(B), to_device(b), empty((R, C), real)
        entry = {"own": time_own([(products.multiply, a, w, bias, out, True)], 0.1)}
        M = K + 1
        count = products.part_count(M, C, R)
        nothing = to_device(np.zeros((R, 1)), real)
        parts, total = empty((count, M + 1, C), real), empty((M + 1) * C, real)
        add = products.sum_parts(real)
        entry["own TN"] = time_own(
            [
                (products.multiply_transposed, nothing, a, out, parts),
                (add, -(-total.size // add.threads), parts.reshape(count, -1), total),
            ],
            0.1,
        )
        if not options.dry:
            import torch

            torch.backends.cuda.matmul.allow_tf32 = False
            entry |= time_cublas(torch.from_numpy(A).cuda(), torch.from_numpy(B).cuda())
        gflop = 2.0 * R * K * C / 1e9
        found[f"{R}x{K}x{C}"] = {
            k: {"ms": v["events_ms"], "tflops": gflop / max(v["events_ms"], 1e-9)}
            for k, v in entry.items()
        }
    say(str(found))
    return found


def time_cublas(A, B):
    """Time PyTorch's products of A and B, and of A transposed and the result."""
    import torch

    out = A @ B
    calls = {"cublas": lambda: torch.mm(A, B, out=out), "cublas TN": lambda: A.T @ out}
    return {
        label: time_calls(call, torch.cuda.synchronize, torch_event, 0.1)
        for label, call in calls.items()
    }


def part_latencies(options):
    """Time a graph's node, a launch from Python and a number's way back."""
    from benchmarks.gpu_stack import Graph, clear
    from nlstm.kernels.cuda.arrays import zeros
    from nlstm.kernels.cuda.launch import SIMULATED, synchronize

    array = zeros(1, np.float32)
    clear(array)
    if SIMULATED:
        return {}
    found = {}
    for nodes in (1, 100):
        ready = Graph([(clear, array)] * nodes)
        found[f"graph of {nodes}, us"] = (
            1e3 * time_calls(ready.replay, synchronize, own_event, 0.1)["wall_ms"]
        )
    found["launch from Python, us"] = (
        1e3 * time_calls(lambda: clear(array), synchronize, own_event, 0.1)["wall_ms"]
    )
    ready = Graph([(clear, array)])

    def there_and_back():
        ready.replay()
        array.to_host()

    found["graph of 1 and read-back, us"] = (
        1e3 * time_calls(there_and_back, synchronize, own_event, 0.1)["wall_ms"]
    )
    say(str(found))
    return found


def part_names(options):
    """Name the kernels that PyTorch runs, by their share of time."""
    if options.dry:
        return {}
    import torch
    from torch.profiler import ProfilerActivity, profile

    found = {}
    for shape in GRID.values():
        if out_of_time(options, 15):
            break
        _, loss, _ = torch_network(shape, "fp32")
        loss().backward()
        torch.cuda.synchronize()
        with profile(activities=[ProfilerActivity.CUDA]) as record:
            loss().backward()
            torch.cuda.synchronize()
        events = sorted(record.key_averages(), key=lambda e: -e.device_time_total)[:4]
        found[shape.name] = [
            f"{e.device_time_total:.0f} us x{e.count} {e.key[:110]}" for e in events
        ]
    return found


def part_cpu(options):
    """Time nlstm's own CPU path on this machine, in a process of its own."""
    if options.dry:
        return {}
    left = options.seconds - (time.perf_counter() - START) - 5
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_check", "--cpu", "--seconds", str(max(left, 5))],
        capture_output=True, text=True, timeout=max(left, 6) + 4,
    )  # fmt: skip
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    found: dict = {}
    for line in lines:
        found |= json.loads(line)
    if not found:
        found["error"] = result.stderr[-1500:]
    say(str(found))
    return found


def time_cpu(seconds):
    """Print a line of JSON for each shape: milliseconds of a training step on the CPU."""
    import numba

    import nlstm

    for shape in GRID.values():
        if time.perf_counter() - START > seconds - 5:
            return
        model = nlstm.Sequential()
        for index in range(shape.layers):
            sequences = index < shape.layers - 1 or shape.every_step
            model.add(nlstm.layers.LSTM(shape.H, return_sequences=sequences))
        model.add(nlstm.layers.Dense(1))
        model.compile(optimizer="adam", loss="mse")
        batches = 4 if shape.step_flops > 2e8 else 32
        x, y = shape.data(batches)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            model.fit(x, y, batch_size=shape.N, epochs=1, verbose=0, shuffle=False)
            times.append((time.perf_counter() - start) * 1e3 / batches)
        print(json.dumps({shape.name: min(times), "threads": numba.get_num_threads()}), flush=True)


PARTS = (
    part_versions, part_first_kernel, part_lstm, part_training, part_shapes, part_same_bits,
    part_pieces, part_products, part_latencies, part_rows, part_names, part_cpu,
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
    if not isinstance(found, dict):
        return found
    return {key: without_traces(value) for key, value in found.items() if key != "trace"}


def out_of_time(options, margin=0):
    return time.perf_counter() - START > options.seconds - margin


def say(text):
    print(f"[{time.perf_counter() - START:6.1f} s] {text}", flush=True)


def write(options):
    FOUND["seconds"] = time.perf_counter() - START
    path = Path(options.out) / "gpu_check.json"
    path.write_text(json.dumps(FOUND, indent=1, default=str))


def milliseconds(found, column, which):
    try:
        return found[column][which]["events_ms"]
    except (KeyError, TypeError):
        return None


def summary(found):
    parts = []
    for column, value in found.items():
        if isinstance(value, dict) and "error" in value:
            parts.append(f"{column} {value['error'][:200]}")
            continue
        numbers = [milliseconds(found, column, which) for which in ("forward", "train")]
        parts.append(f"{column} " + "/".join("-" if n is None else f"{n:.3f}" for n in numbers))
    return "; ".join(parts)


def table(which):
    """Return the Markdown table of milliseconds by events."""
    columns = ["whole", "steps", "torch fp32", "torch fp32 graph", "torch tf32", "torch tf32 graph",
               "torch bf16", "torch bf16 graph"]  # fmt: skip
    lines = [f"| {which}, ms | " + " | ".join(columns) + " | best own over torch fp32 |"]
    lines.append("|---" * (len(columns) + 2) + "|")
    for name, found in FOUND["shapes"].items():
        numbers = [milliseconds(found, column, which) for column in columns]
        own = [n for n in numbers[:2] if n is not None]
        factor = f"{numbers[2] / min(own):.2f}" if own and numbers[2] else "-"
        cells = ["-" if n is None else f"{n:.3f}" for n in numbers]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {factor} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=540.0)
    parser.add_argument("--out", default=".")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--parts", default="")
    parser.add_argument("--modes", default="fp32,tf32,bf16", help="of PyTorch")
    options = parser.parse_args()
    if options.cpu:
        return time_cpu(options.seconds)
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
        if name not in ("pieces", "products", "latencies", "rows", "cpu") or "error" in found:
            say(f"{name}: {json.dumps(without_traces(found), default=str)[:3000]}")
        write(options)
    print(f"\n{table('train')}\n\n{table('forward')}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
