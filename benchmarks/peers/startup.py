"""How long a person waits before anything is learnt: imports, first steps, the seed script.

Each figure is the wall time of fresh processes, measured in turn, the median over the rounds.
"First step" runs from the start of the process to the end of the first `train_on_batch`; the seed
script is the README's, whole. "No cache" gives Numba an empty cache folder every time.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.markdown import table
from benchmarks.peers.processes import TITLES, report, thread_environment

ROOT = Path(__file__).resolve().parents[2]

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

MODEL = """
import numpy as np
from {library}.models import Sequential
from {library}.layers import {layers}

np.random.seed(0)
N, T, F = 1000, 20, 10
model = Sequential([{stack}, Dense(1, activation='linear')])
model.compile(optimizer='adam', loss='mean_squared_error')
X_train, y_train = np.random.rand(N, T, F), np.random.rand(N, 1)
"""

FIRST_STEP = """
model.train_on_batch(X_train[:32], y_train[:32])
"""

FIT = """
model.fit(X_train, y_train, epochs={epochs}, batch_size=32, verbose=2)
"""

PREDICT = """
model.predict(np.random.rand(200, T, F))
"""

SCRIPT = FIT.format(epochs=100) + PREDICT

# CLOCK_MONOTONIC is one clock for all processes of a machine.
STAMP = """
import time
print(time.monotonic())
"""


def _model(library):
    if library == "nlstm":
        stack, layers = "LSTM(50, input_shape=(T, F), return_sequences=True)", "LSTM, Dense"
    else:
        stack = "Input((T, F)), LSTM(50, return_sequences=True)"
        layers = "Input, LSTM, Dense"
    return MODEL.format(library=library, layers=layers, stack=stack)


def measure(options) -> dict:
    """Measure every start-up figure; `{name: {"seconds": [...]}}`, or "not run" with a reason."""
    base = thread_environment(options.threads)
    # Peers were installed with compiled modules; without this nlstm would be compiled every time.
    base.pop("PYTHONDONTWRITEBYTECODE", None)
    nlstm, here = _model("nlstm"), sys.executable
    figures = {
        "import numpy": lambda: _printed(IMPORT.format(module="numpy"), here, base),
        "import numba": lambda: _printed(IMPORT.format(module="numba"), here, base),
        "import nlstm": lambda: _printed(IMPORT.format(module="nlstm"), here, base),
        "nlstm, first step, cached": lambda: _until_stamp(nlstm + FIRST_STEP, here, base),
        "nlstm, first step, no cache": lambda: _without_cache(nlstm + FIRST_STEP, here, base),
        "nlstm, first epoch, no cache": lambda: _without_cache(
            nlstm + FIT.format(epochs=1), here, base
        ),
        "nlstm, seed script, cached": lambda: _until_stamp(nlstm + SCRIPT, here, base),
        "nlstm, seed script, no cache": lambda: _without_cache(nlstm + SCRIPT, here, base),
    }
    for peer in options.peers:
        if not peer.startswith("keras-"):
            continue
        environment = base | {"KERAS_BACKEND": peer.removeprefix("keras-")}
        script, title = _model("keras"), TITLES[peer]
        for name, end in (("first step", FIRST_STEP), ("seed script", SCRIPT)):
            figures[f"{title}, {name}"] = lambda code=script + end, environment=environment: (
                _until_stamp(code, options.peer_python, environment)
            )
    _until_stamp(nlstm + FIRST_STEP, here, base)  # fills the cache
    results = {name: {"seconds": []} for name in figures}
    for turn in range(options.rounds):
        for name, measure_once in figures.items():
            if "not run" in results[name]:
                continue
            try:
                seconds = measure_once()
            except subprocess.CalledProcessError as error:
                if "nlstm" in name:
                    raise RuntimeError(f"{name} failed:\n{error.stderr[-4000:]}") from error
                reason = (error.stderr.strip() or "no reason given").splitlines()[-1]
                results[name]["not run"] = reason
                continue
            results[name]["seconds"].append(seconds)
            report(f"round {turn + 1}: {name}: {seconds:.2f} s")
    return results


def versions(options) -> dict[str, str]:
    """Give the versions of what is measured, as each interpreter knows them."""
    code = (
        "import json; from benchmarks.peers.processes import versions_of as found; "
        "print(json.dumps(found({})))"
    )
    asked = [(sys.executable, ("nlstm", "numba", "numpy"))]
    if options.peers:
        asked.append((options.peer_python, ("keras", "jax", "tensorflow", "tensorflow-cpu")))
    found = {}
    for python, projects in asked:
        arguments = ", ".join(map(repr, projects))
        found |= json.loads(_run(code.format(arguments), python, dict(os.environ)))
    return found


def startup_table(results: dict) -> str:
    """Lay the measurements out, and say what did not run."""
    rows = [["start-up", "s"]]
    for name, found in results.items():
        seconds = found["seconds"]
        rows.append([name, f"{statistics.median(seconds):.2f}" if seconds else "-"])
    lines = [
        f"{name} not run: {found['not run']}"
        for name, found in results.items()
        if "not run" in found
    ]
    return "\n".join([table(rows), *([""] + lines if lines else [])])


def _run(code, python, environment):
    return subprocess.run(
        [python, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]


def _printed(code, python, environment):
    return float(_run(code, python, environment))


def _until_stamp(code, python, environment):
    start = time.monotonic()
    return float(_run(code + STAMP, python, environment)) - start


def _without_cache(code, python, environment):
    with tempfile.TemporaryDirectory() as folder:
        empty = {name: os.path.join(folder, name) for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
        return _until_stamp(code, python, environment | empty)
