"""What each option costs: a training step with it, beside the same step without it.

    python benchmarks/costs.py                                       # nlstm alone
    python benchmarks/costs.py --peer-python ../peers/bin/python     # beside PyTorch and Keras
    python benchmarks/costs.py --shapes weather --options lengths,dropout

One process a library. Its models are built and warmed up; then, round after round, each takes some
steps in turn. A figure is the median over the rounds of (time with the option / time of the plain
layer in that round). The plain model is LSTM under Dense(1) on the last step, Adam, mean squared
error.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import markdown
from benchmarks.grid import GRID
from benchmarks.machine.options import BATCHES, LIMITS, RATE, nlstm_steps
from benchmarks.peers.processes import TITLES, processors, stay_on_cores

ROOT = Path(__file__).resolve().parents[2]
NLSTM_ALONE = ("zoneout", "peephole", "layer_norm", "validation data", "fit and predict")


def torch_steps(shape, option):
    """PyTorch, where it has the option."""
    import torch

    known = ("plain", "lengths", "half lengths", "dropout", "clipping", "initial_state",
             "bidirectional", "two layers", "regularizers", "sample weights")  # fmt: skip
    if option not in known:
        return None
    torch.manual_seed(0)
    layers = 2 if option == "two layers" else 1
    both = option == "bidirectional"
    lstm = torch.nn.LSTM(shape.F, shape.H, layers, batch_first=True, bidirectional=both)
    head = torch.nn.Linear(shape.H * (2 if both else 1), 1)
    weights = [*lstm.parameters(), *head.parameters()]
    decay = 0.01 if option == "regularizers" else 0.0
    optimizer = torch.optim.Adam(weights, lr=0.001, fused=True, weight_decay=decay)
    x, y = (torch.from_numpy(array) for array in shape.data(BATCHES))
    batches = list(zip(x.split(shape.N), y.split(shape.N), strict=True))
    lengths = torch.full((shape.N,), shape.T // 2 if "half" in option else shape.T)
    state = torch.zeros(1, shape.N, shape.H), torch.zeros(1, shape.N, shape.H)

    def forward(x):
        if option == "dropout":  # one mask a sequence, as Keras's layer and nlstm's have it
            x = x * torch.nn.functional.dropout(torch.ones(len(x), 1, shape.F), RATE)
        if option.endswith("lengths"):
            x = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            _, (h, _) = lstm(x)
            return head(h[-1])
        outputs, _ = lstm(x, state) if option == "initial_state" else lstm(x)
        return head(outputs[:, -1])

    def run():
        for x, y in batches:
            optimizer.zero_grad(set_to_none=True)
            error = (forward(x) - y) ** 2
            (error * y if option == "sample weights" else error).mean().backward()
            if option == "clipping":
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()

    return run


def keras_steps(shape, option, backend):
    """Keras, where it has the option."""
    os.environ["KERAS_BACKEND"] = backend
    import keras
    import numpy as np

    if option in NLSTM_ALONE:
        return None
    keras.utils.set_random_seed(0)
    layers = keras.layers
    x, y = shape.data(BATCHES)
    x += 0.1
    if option.endswith("lengths"):  # padding and a Masking layer stand for them
        steps = shape.T // 2 if "half" in option else shape.T
        x[:, steps:] = 0.0
    arguments = {
        "dropout": {"dropout": RATE},
        "recurrent_dropout": {"recurrent_dropout": RATE},
        "stateful": {"stateful": True},
        "regularizers": {
            name: "l2" for name in ("kernel_regularizer", "recurrent_regularizer")
        },
    }.get(option, {})  # fmt: skip
    rows = shape.N if option == "stateful" else None
    given = [layers.Input((shape.T, shape.F), batch_size=rows)]
    value = given[0]
    if option == "masking layer" or option.endswith("lengths"):
        value = layers.Masking(0.0)(value)
    if option == "two layers":
        value = layers.LSTM(shape.H, return_sequences=True)(value)
    lstm = layers.LSTM(shape.H, **arguments)
    if option == "initial_state":
        given += [layers.Input((shape.H,)), layers.Input((shape.H,))]
        value = lstm(value, initial_state=given[1:])
    else:
        value = (layers.Bidirectional(lstm) if option == "bidirectional" else lstm)(value)
    model = keras.Model(given, layers.Dense(1)(value))
    optimizer = keras.optimizers.Adam(global_clipnorm=1.0 if option == "clipping" else None)
    model.compile(optimizer, "mse", jit_compile=True)
    weight = y[:, 0] + 0.5 if option == "sample weights" else None
    batches = []
    for first in range(0, len(x), shape.N):
        part = slice(first, first + shape.N)
        inputs = x[part]
        if option == "initial_state":
            inputs = [inputs, *[np.zeros((shape.N, shape.H), np.float32)] * 2]
        batches.append((inputs, y[part], None if weight is None else weight[part]))

    def run():
        for inputs, targets, weights in batches:
            model.train_on_batch(inputs, targets, sample_weight=weights)

    return run


def steps_of(name, shape, option):
    if name == "nlstm":
        return nlstm_steps(shape, option)
    if name == "torch":
        return torch_steps(shape, option)
    return keras_steps(shape, option, name.removeprefix("keras-"))


def measure(name, shape, options, rounds, seconds):
    """Return ms of a plain step and, by option, how many times as long a step takes with it."""
    runs = {}
    for option in ["plain", *options]:
        run = steps_of(name, shape, option)
        if run is not None:
            run()  # compiles
            runs[option] = run
    start = time.perf_counter()
    runs["plain"]()
    epochs = max(1, round(seconds / (time.perf_counter() - start)))
    times = {option: [] for option in runs}
    for _ in range(rounds):
        for option, run in runs.items():
            start = time.perf_counter()
            for _ in range(epochs):
                run()
            times[option].append((time.perf_counter() - start) / (epochs * BATCHES))
    ratios = {
        option: statistics.median(a / b for a, b in zip(found, times["plain"], strict=True))
        for option, found in times.items()
        if option != "plain"
    }
    return 1e3 * statistics.median(times["plain"]), ratios


def child(options):
    """Measure one library on one shape and print JSON."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    stay_on_cores(options.threads)
    if options.child == "nlstm":
        import nlstm

        nlstm.set_num_threads(options.threads)
    if options.child == "torch":
        import torch

        torch.set_num_threads(options.threads)
    shape, wanted = GRID[options.shapes[0]], options.options
    plain, ratios = measure(options.child, shape, wanted, options.rounds, options.seconds)
    print(json.dumps({"plain": plain, "ratios": ratios}), file=answers, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    split = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--shapes", type=split, default=["weather", "hydro"])
    parser.add_argument("--options", type=split, default=list(LIMITS))
    parser.add_argument("--peers", type=split, default=["torch", "keras-jax"])
    parser.add_argument("--peer-python", default=None)
    parser.add_argument("--threads", type=int, default=min(2, len(processors())))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one model in one round")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md too")
    parser.add_argument("--child", choices=TITLES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return
    names = ["nlstm", *(options.peers if options.peer_python else [])]
    header = ["a training step with", "at most"]
    columns = []
    for shape in options.shapes:
        for name in names:
            python = sys.executable if name == "nlstm" else options.peer_python
            command = [python, "-m", "benchmarks.peers.costs", "--child", name, "--shapes", shape]
            command += ["--options", ",".join(options.options), "--threads", str(options.threads)]
            command += ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
            found = json.loads(done.stdout)
            header.append(f"{shape}: {TITLES[name]}")
            columns.append(found)
    rows = [["(the plain step, ms)", "", *[f"{found['plain']:.3g}" for found in columns]]]
    for option in options.options:
        ratios = [found["ratios"].get(option) for found in columns]
        cells = ["" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
        limit = LIMITS[option]
        rows.append([option, "" if limit is None else f"{limit:.2f}", *cells])
    text = markdown.table([header, *rows])
    print(text)
    if options.write:
        about = f"Measured on {datetime.date.today()}, {options.threads} threads, float32."
        markdown.fill(ROOT / "docs" / "performance.md", "costs", f"{text}\n\n{about}")


if __name__ == "__main__":
    main()
