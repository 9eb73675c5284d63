"""One time step at a time, as live data comes: nlstm's `stream.step` beside `torch.nn.LSTMCell`.

One layer, a batch of one, one thread; each library in a process of its own, in turn, the median
over the rounds. A step is one Python call with a new x_t in and h_t out, timed alone: p50 and p99
over all steps. PyTorch runs in inference mode, on tensors made before.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.machine.models import STREAMED, streamed_model
from benchmarks.markdown import table
from benchmarks.peers.processes import (
    TITLES,
    report,
    stay_on_cores,
    thread_environment,
    versions_of,
)

ROOT = Path(__file__).resolve().parents[2]

STEPS = 100_000
WARM_STEPS = 2_000
INPUTS = 64  # that are taken in turn


def nlstm_step(F, H):
    import nlstm

    model = streamed_model(F, H)
    if not hasattr(model, "stream"):
        raise ModuleNotFoundError("this nlstm has no stream")
    nlstm.set_num_threads(1)
    stream = model.stream(batch_size=1)
    return stream.step, _inputs(F)


def torch_step(F, H):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    # For the whole process: entering it at every step would be timed as well.
    torch.inference_mode().__enter__()
    cell = torch.nn.LSTMCell(F, H)
    state = torch.zeros(1, H), torch.zeros(1, H)

    def step(x):
        nonlocal state
        state = cell(x, state)
        return state[0]

    return step, [torch.from_numpy(x) for x in _inputs(F)]


STEP_MAKERS = {"nlstm": nlstm_step, "torch": torch_step}


def _inputs(F):
    return list(np.random.default_rng(0).standard_normal((INPUTS, 1, F), np.float32))


def measured_steps(step, inputs, count):
    """Take `count` steps; give each one's nanoseconds."""
    nanoseconds = np.empty(count, np.int64)
    clock = time.perf_counter_ns
    for k in range(count):
        x = inputs[k % INPUTS]
        start = clock()
        step(x)
        nanoseconds[k] = clock() - start
    return nanoseconds


def measure(options) -> dict:
    """Measure every size; `{"F,H": {name: {"p50": [us], "p99": [us], "versions": {}}}}`."""
    results = {}
    for F, H in STREAMED:
        of_size = results[f"{F},{H}"] = {}
        for turn in range(options.rounds):
            for name in ["nlstm", *(peer for peer in options.peers if peer in STEP_MAKERS)]:
                found = of_size.setdefault(name, {"p50": [], "p99": []})
                if "not run" in found:
                    continue
                python = sys.executable if name == "nlstm" else options.peer_python
                command = [python, "-m", "benchmarks.peers.stream", name, str(F), str(H)]
                done = subprocess.run(
                    [*command, "--steps", str(options.steps)],
                    cwd=ROOT,
                    env=thread_environment(1),
                    capture_output=True,
                    text=True,
                )
                if done.returncode:
                    found["not run"] = (done.stderr.strip() or "no reason given").splitlines()[-1]
                    continue
                answer = json.loads(done.stdout.splitlines()[-1])
                found["versions"] = answer["versions"]
                for rank in ("p50", "p99"):
                    found[rank].append(answer[rank])
                report(f"{F},{H} round {turn + 1}: {name}: {answer['p50']:.2f} us")
    return results


def stream_table(results: dict) -> str:
    """Lay the measurements out, and say what did not run."""
    names = [name for name in STEP_MAKERS if any(name in of_size for of_size in results.values())]
    head = [f"{rank} us: {TITLES[name]}" for name in names for rank in ("p50", "p99")]
    rows, reasons = [["one step F,H", *head, "ratio of p50"]], {}
    for size, of_size in results.items():
        median = {}
        for name in names:
            found = of_size[name]
            if "not run" in found:
                reasons[name] = found["not run"]
            elif found["p50"]:
                median[name] = [statistics.median(found[rank]) for rank in ("p50", "p99")]
        cells = []
        for name in names:
            cells += [f"{us:.2f}" for us in median[name]] if name in median else ["-", "-"]
        both = "nlstm" in median and "torch" in median
        ratio = f"{median['torch'][0] / median['nlstm'][0]:.1f}" if both else "-"
        rows.append([size, *cells, ratio])
    lines = [f"{TITLES[name]} not run: {reason}" for name, reason in reasons.items()]
    return "\n".join([table(rows), *([""] + lines if lines else [])])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=STEP_MAKERS)
    parser.add_argument("F", type=int)
    parser.add_argument("H", type=int)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    stay_on_cores(1)
    step, inputs = STEP_MAKERS[options.name](options.F, options.H)
    measured_steps(step, inputs, WARM_STEPS)
    microseconds = measured_steps(step, inputs, options.steps) / 1e3
    p50, p99 = np.percentile(microseconds, [50, 99])
    projects = {"nlstm": ("nlstm", "numba", "numpy"), "torch": ("torch",)}[options.name]
    print(json.dumps({"p50": p50, "p99": p99, "versions": versions_of(*projects)}))


if __name__ == "__main__":
    main()
