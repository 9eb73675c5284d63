"""Two floors under a training step: its operations, and its bytes.

    python benchmarks/compare.py --peers none --json table.json
    python -m benchmarks.machine.floors --json table.json           # beside measured times
    python -m benchmarks.machine.floors --json table.json --write   # into docs/performance.md too
    python -m benchmarks.machine.floors                             # the floors alone

No step is faster than its operations at the rate of FMA, nor than its bytes at the bandwidth of the
level they live in. Operations are the matrix products' of `grid.py`; the rate is that of `peak.py`.
Bytes are what one step must move if only the rows and weights at hand stay in a register or the
nearest cache. With Hp the units in whole vectors, each layer moves, in numbers of 4 bytes,

    x               2 T N F         read forward, and by the weights' gradient
    gates           2 T N 4 Hp      written forward, read backward
    h, c            4 T N Hp        the same, each
    weights         10 (F + H + 1) 4 Hp
                    read forward and backward, gradient written; Adam reads the gradient, and reads
                    and writes the weights and both moments

and a layer below another moves the gradient of its outputs, 2 T N Hp; where the head stands on
every step, it reads h twice and moves that gradient too, 4 T N Hp. The bandwidth is the triad's of
`peak.py` on as many bytes as a step holds (`memory.py`, one batch).
"""

import argparse
import json
import math
import statistics
from pathlib import Path

from benchmarks import markdown
from benchmarks.grid import GRID, Shape
from benchmarks.machine.memory import GATES, NUMBER, fit_bytes, in_vectors
from benchmarks.machine.peak import bandwidth, isa, peak_gflops, vector_floats

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
WEIGHT_PASSES = 10  # two reads, one write of the gradient, Adam's seven


def step_bytes(shape: Shape, lanes: int) -> int:
    """Count the bytes that one training step moves, by the formula above."""
    rows, Hp = shape.T * shape.N, in_vectors(shape.H, lanes)
    numbers = 0
    for layer in range(shape.layers):
        F = Hp if layer else shape.F
        numbers += rows * (2 * F + 2 * GATES * Hp + 4 * Hp)
        numbers += WEIGHT_PASSES * ((shape.H if layer else F) + shape.H + 1) * GATES * Hp
    numbers += 2 * (shape.layers - 1) * rows * Hp
    numbers += 4 * rows * Hp if shape.every_step else 0
    return NUMBER * numbers


def bandwidth_at(footprint: int, threads: int, known: dict) -> float:
    """Measure the bandwidth at the next power of two, once for each."""
    power = math.ceil(math.log2(footprint))
    if power not in known:
        known[power] = bandwidth(threads, 1 << power)
    return known[power]


def floors_table(threads: int, peak: float, measured_ms: dict[str, float]) -> str:
    """Lay out the floors of every shape, with measured times where there are any."""
    header = ["shape N,T,F,H,layers", "GFLOP", "MB moved", "MB held", "GB/s at that size"]
    header += ["ms by operations", "ms by bytes"]
    if measured_ms:
        header += ["ms measured", "x larger floor"]
    rows, known, lanes = [header], {}, vector_floats()
    for name, shape in GRID.items():
        moved, held = step_bytes(shape, lanes), fit_bytes(shape, 1, lanes)
        rate = bandwidth_at(held, threads, known)
        by_operations, by_bytes = shape.step_flops / peak / 1e6, 1e3 * moved / rate
        row = [str(shape), markdown.number(shape.step_flops / 1e9), markdown.number(moved / 1e6)]
        row += [
            markdown.number(held / 1e6),
            f"{rate / 1e9:.0f}",
            markdown.number(by_operations),
            markdown.number(by_bytes),
        ]
        if measured_ms:
            ms = measured_ms.get(name)
            larger = max(by_operations, by_bytes)
            row += [markdown.number(ms), f"{ms / larger:.2f}"] if ms else ["-", "-"]
        rows.append(row)
    return markdown.table(rows)


def main():
    from numba import config

    usual = min(2, config.NUMBA_NUM_THREADS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="what compare.py --json wrote on this machine")
    parser.add_argument("--threads", type=int, default=usual, help="where there is no --json")
    parser.add_argument("--write", action="store_true", help="fill the table in " + DOCUMENT.name)
    options = parser.parse_args()
    if options.json:
        measured = json.loads(options.json.read_text(encoding="utf-8"))
        about = measured["about"]
        if about["kind"] != "training" or about["isa"] != isa():
            parser.error(
                f"{options.json} holds {about['kind']} times with {about['isa']}; "
                f"expected training times with {isa()}."
            )
        threads = about["threads"]
        peak = about["peak_gflops"][str(threads)]
        ms = {
            name: statistics.median(r["nlstm"]["train"]) for name, r in measured["results"].items()
        }
        where = f"Times of {about['date']} on {about['cpu']} ({about['isa']})"
    else:
        threads, ms = options.threads, {}
        peak, where = peak_gflops(threads), f"Floors of this machine ({isa()})"
    text = floors_table(threads, peak, ms)
    text += f"\n\n{where}, {threads} thread{'s' * (threads > 1)}, FMA peak {peak:.0f} GFLOP/s."
    print(text)
    if options.write:
        markdown.fill(DOCUMENT, "floors", text)


if __name__ == "__main__":
    main()
