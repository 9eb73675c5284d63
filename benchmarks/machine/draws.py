"""100 draws with dropout on, in units of one predict without.

    python -m benchmarks.machine.draws
    python -m benchmarks.machine.draws --shapes hydro,long --rows 1

"behind": Dropout(0.2) between the LSTM layers and Dense; what comes before it runs once. "inputs":
LSTM layers of dropout=0.2. "both": of recurrent_dropout=0.2 too, with masks a gate. The two are
measured in turn; a figure is the ratio of the shortest times.
"""

import argparse
import time

import numpy as np

from benchmarks.grid import GRID
from benchmarks.markdown import number, table

SAMPLES, RATE = 100, 0.2
KINDS = {
    "behind": {},
    "inputs": {"dropout": RATE},
    "both": {"dropout": RATE, "recurrent_dropout": RATE},
}


def model_of(shape, kind):
    """Return a stack of LSTM layers under a Dense(1)."""
    import nlstm
    from nlstm.layers import LSTM, Dense, Dropout, Input

    nlstm.set_random_seed(0)
    layers = [Input((shape.T, shape.F))]
    for layer in range(shape.layers):
        sequences = layer < shape.layers - 1 or shape.every_step
        layers.append(LSTM(shape.H, return_sequences=sequences, **KINDS[kind]))
    if kind == "behind":
        layers.append(Dropout(RATE))
    return nlstm.Sequential([*layers, Dense(1)])


def seconds(call, times):
    """Return how long one of some calls takes."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def measured(shape, kind, rows, budget):
    """Return the seconds of a predict and of its draws."""
    model = model_of(shape, kind)
    x = np.random.default_rng(0).random((rows, shape.T, shape.F), dtype=np.float32)
    calls = [lambda: model.predict(x), lambda: model.predict(x, samples=SAMPLES, seed=0)]
    once = [max(seconds(call, 1) for _ in range(2)) for call in calls]
    found, start = [once], time.perf_counter()
    while len(found) < 4 or time.perf_counter() - start < budget:
        found.append([seconds(calls[0], max(1, int(0.01 / once[0]))), seconds(calls[1], 1)])
    return np.min(found, axis=0)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", default="seed,darts,weather,forecast2")
    parser.add_argument("--rows", default="1,32,256")
    parser.add_argument("--seconds", type=float, default=2.0, help="about, per measurement")
    options = parser.parse_args()
    head = ["shape N,T,F,H,layers", "rows", "predict ms"]
    lines = [[*head, *(f"{kind}: ms, times" for kind in KINDS)]]
    for name in options.shapes.split(","):
        for rows in map(int, options.rows.split(",")):
            found = [measured(GRID[name], kind, rows, options.seconds) for kind in KINDS]
            cells = [f"{number(1e3 * draws)}, {draws / plain:.0f}" for plain, draws in found]
            lines.append([str(GRID[name]), str(rows), number(1e3 * found[-1][0]), *cells])
    print(table(lines))


if __name__ == "__main__":
    main()
