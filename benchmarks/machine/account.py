"""Where the time of a training step, and of a predict, goes: parts are taken out, one by one.

    python -m benchmarks.machine.account                        # --shapes seed,darts,weather,long
    python -m benchmarks.machine.account --threads 2 --write    # into docs/performance.md too

Kernels are timed where they run, between the others of a step; those of the LSTM also with linear
activations, which cost nothing and leave the products as they are. With P, F and B the forward pass
of predict, that of training, and the backward pass, on one thread, less what the calls cost,

    products          the operations of `grid.py` at the FMA rate of `peak.py`
    tile and cell     the rest of P, and of B (back), where all activations are linear: sums loaded
                      and stored, loops too short for the tile, weights read again, the cell; back
                      also gates read, and their gradients written and read
    sigmoids, tanhs   three and two a unit forward: what P, and B, take more with them
    gates and states  F - P: all of them written for the backward pass

each divided by the number of threads, and on all threads

    meetings          F + B less these shares: threads woken and waited for, shares that differ
    other kernels     batches gathered, states cleared, Dense, loss, Adam, outputs copied
    calls             kernels of a step of one row, step, feature and unit: Python's way into them
    Python            `fit`, or `predict`, with functions that do nothing in the place of kernels
    not explained     what is left of the whole

Parts overlap in the processor: what is taken out may have hidden behind another, so that a part can
come out below zero. Each time is the least of some rounds, in which all take turns.
"""

import argparse
import datetime
import math
from dataclasses import replace
from pathlib import Path

from benchmarks import markdown
from benchmarks.grid import GRID, Shape
from benchmarks.machine.bound import BACKWARD, FORWARD, KINDS, OTHERS, PARTS, Bound
from benchmarks.machine.peak import isa, peak_gflops, vector_floats

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
SHAPES = "seed,darts,weather,long"
PAIRS = [("linear", "linear"), ("linear", "sigmoid"), ("tanh", "sigmoid")]
ALL = PAIRS[-1]
ACTIVATIONS = ["sigmoids forward", "sigmoids back", "tanhs forward", "tanhs back"]
PIPES = 2  # of a core: each starts a multiply-add of vectors in a cycle


def measured(shape: Shape, threads: int, seconds: float, rounds: int) -> dict:
    """Measure the least seconds by (kind, activations or "calls", number of threads, part)."""
    import nlstm

    before, least = nlstm.get_num_threads(), {}
    ways = {names: Bound(shape, *names) for names in PAIRS}
    ways["calls"] = Bound(replace(shape, N=1, T=1, F=1, H=1), *ALL)

    def note(found, *key):
        for part, value in found.items():
            least[*key, part] = min(value, least.get((*key, part), math.inf))

    try:
        for kind in KINDS * rounds:
            nlstm.set_num_threads(1)
            for name, way in ways.items():
                note(way.kernels(kind, seconds), kind, name, 1)
            nlstm.set_num_threads(threads)
            way = ways[ALL]
            found = {"whole": way.whole(kind, seconds), "Python": way.python(kind, seconds)}
            note(way.kernels(kind, seconds) | found, kind, ALL, threads)
    finally:
        nlstm.set_num_threads(before)
    for names in PAIRS:
        ways[names].check()
    return least


def account(shape: Shape, kind: str, least: dict, threads: int, peak: float) -> dict[str, float]:
    """Lay out the seconds of one step: the whole, and parts that add up to it.

    `peak` is one thread's, in GFLOP/s.
    """
    trains = kind == "training"
    rate = 1e9 * peak * threads
    ahead_ideal, back_ideal = shape.predict_flops, trains * (shape.step_flops - shape.predict_flops)
    ahead = [least["predict", names, 1, FORWARD] for names in PAIRS]
    back = [trains * least["training", names, 1, BACKWARD] for names in PAIRS]
    ahead_call, back_call, other_calls = (least[kind, "calls", 1, part] for part in PARTS)
    called = ahead_call + back_call
    alone, together = (
        least[kind, ALL, n, FORWARD] + least[kind, ALL, n, BACKWARD] for n in (1, threads)
    )
    steps = ahead[1] - ahead[0], back[1] - back[0], ahead[2] - ahead[1], back[2] - back[1]
    parts = {
        "products": (ahead_ideal + back_ideal) / rate,
        "tile and cell forward": (ahead[0] - ahead_call) / threads - ahead_ideal / rate,
        "tile and cell back": (back[0] - back_call) / threads - back_ideal / rate,
        **{name: step / threads for name, step in zip(ACTIVATIONS, steps)},
        "gates and states": (alone - ahead[2] - back[2]) / threads,
        "meetings": together - called - (alone - called) / threads,
        OTHERS: least[kind, ALL, threads, OTHERS] - other_calls,
        "calls": called + other_calls,
        "Python": least[kind, ALL, threads, "Python"],
    }
    whole = least[kind, ALL, threads, "whole"]
    return {"whole": whole, **parts, "not explained": whole - sum(parts.values())}


def account_table(accounts: dict[str, dict[str, float]]) -> str:
    """Lay out microseconds, and per cent of the whole; a row for each account."""
    rows = [["shape N,T,F,H,layers: µs (%)", *next(iter(accounts.values()))]]
    for title, found in accounts.items():
        whole, *parts = found.values()
        cells = [f"{markdown.number(1e6 * one)} ({round(100 * one / whole)})" for one in parts]
        row = [cell if part else "-" for part, cell in zip(parts, cells)]
        rows.append([title, markdown.number(1e6 * whole), *row])
    return markdown.table(rows)


def cycles_table(trained: dict[Shape, dict[str, float]], threads: int, clock: float) -> str:
    """Lay out one thread's cycles for each vector of units, by the accounts of training steps."""
    rows = [["cycles for a vector of units", *ACTIVATIONS]]
    for shape, found in trained.items():
        vectors = shape.layers * shape.T * shape.N * math.ceil(shape.H / vector_floats())
        cycles = [found[name] * threads * clock / vectors for name in ACTIVATIONS]
        rows.append([str(shape), *map(markdown.number, cycles)])
    return markdown.table(rows)


def report(shapes: list[Shape], threads: int, seconds: float, rounds: int) -> str:
    """Measure; return both tables, and when, where and by which clock."""
    from nlstm.kernels import describe

    least, peak = {}, 0.0
    for shape in shapes:
        least[shape] = measured(shape, threads, seconds, rounds)
        peak = max(peak, peak_gflops())  # more than once: something may disturb it
    clock = 1e9 * peak / (2 * PIPES * vector_floats())
    accounts = {
        f"{shape}: {kind}": account(shape, kind, found, threads, peak)
        for shape, found in least.items()
        for kind in KINDS
    }
    trained = {shape: accounts[f"{shape}: training"] for shape in shapes}
    where = (
        f"Times of {datetime.date.today()} on {describe()['cpu']} ({isa()}), {threads} "
        f"thread{'s' * (threads > 1)}, FMA peak of one {peak:.0f} GFLOP/s. Its clock is derived "
        f"from that: {clock / 1e9:.2f} GHz where {PIPES} multiply-adds start in a cycle."
    )
    return "\n\n".join([account_table(accounts), cycles_table(trained, threads, clock), where])


def main():
    from numba import config

    most = config.NUMBA_NUM_THREADS  # which `nlstm.set_num_threads` may have gone down from
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", default=SHAPES, help="by comma")
    parser.add_argument("--threads", type=int, default=min(2, most))
    parser.add_argument("--seconds", type=float, default=0.3, help="of each part in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="fill the tables in " + DOCUMENT.name)
    options = parser.parse_args()
    if not 0 < options.threads <= most:
        parser.error(f"--threads {options.threads}: expected 1 to {most}, which this process has")
    if unknown := [name for name in options.shapes.split(",") if name not in GRID]:
        parser.error(f"--shapes {', '.join(unknown)}: choose from {', '.join(GRID)}")
    shapes = [GRID[name] for name in options.shapes.split(",")]
    text = report(shapes, options.threads, options.seconds, options.rounds)
    print(text)
    if options.write:
        markdown.fill(DOCUMENT, "account", text)


if __name__ == "__main__":
    main()
