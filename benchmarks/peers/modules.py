"""A module exchanged: `nlstm.torch.LSTM` beside `torch.nn.LSTM` in one process.

    python -m benchmarks.peers.modules                        # the shapes that have a bound
    python -m benchmarks.peers.modules --shapes seed,weather --rounds 11
    python -m benchmarks.peers.modules --kind GRU --threads 1

A step of training is the module under a Linear(1), mean squared error, and PyTorch's fused Adam;
all but the module is the same. Both begin with the same weights on the same data. They take turns
of about so many seconds, with a pause in between for threads that still wait in a loop; a figure is
the median over the turns, and so is the ratio, of pairs of turns.
"""

import argparse
import statistics
import sys
import time

from benchmarks.grid import GRID, Shape
from benchmarks.markdown import number, table
from benchmarks.peers.processes import processors, report, stay_on_cores, versions_of

BOUNDS = {"weather": 3.0, "hydro": 2.0, "long": 2.0, "speech": 1.2, "wide": 1.2}  # of the LSTM
PAUSE = 0.05  # seconds


class Training:
    """One module at work."""

    def __init__(self, make, shape: Shape):
        import torch

        torch.manual_seed(0)
        self.torch, self.shape = torch, shape
        self.module = make(shape.F, shape.H, shape.layers, batch_first=True)
        self.head = torch.nn.Linear(shape.H, 1)
        parameters = [*self.module.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=0.001, fused=True)
        x, y = (torch.from_numpy(array) for array in shape.data(min(4, shape.steps_per_epoch)))
        if shape.every_step:
            y = y[:, None, :].expand(-1, shape.T, -1)
        self.batches = list(zip(x.split(shape.N), y.split(shape.N), strict=True))
        self.steps(2)

    def steps(self, count: int) -> float:
        """Take so many steps; give the last loss."""
        for k in range(count):
            x, y = self.batches[k % len(self.batches)]
            self.optimizer.zero_grad(set_to_none=True)
            outputs, _ = self.module(x)
            found = self.head(outputs if self.shape.every_step else outputs[:, -1])
            loss = self.torch.nn.functional.mse_loss(found, y)
            loss.backward()
            self.optimizer.step()
        return loss.item()

    def milliseconds(self, seconds: float) -> float:
        """Take steps for about so many seconds; give the time of one."""
        taken, start = 0, time.perf_counter()
        few = 1 if self.shape.step_flops > 2e8 else 8
        while (elapsed := time.perf_counter() - start) < seconds:
            self.steps(few)
            taken += few
        return 1e3 * elapsed / taken


def measure(shape: Shape, options) -> dict[str, list[float]]:
    """Give the milliseconds of each turn, PyTorch's and nlstm's."""
    import torch

    import nlstm.torch

    ours = Training(getattr(nlstm.torch, options.kind), shape)
    theirs = Training(getattr(torch.nn, options.kind), shape)
    difference = abs(ours.steps(1) - theirs.steps(1))
    if difference > 1e-3:
        raise AssertionError(f"{shape.name}: after three steps the losses are {difference} apart")
    found: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(options.rounds):
        for name, training in (("theirs", theirs), ("ours", ours)):
            time.sleep(PAUSE)
            found[name].append(training.milliseconds(options.seconds))
    return found


def modules_table(results: dict[str, dict[str, list[float]]], kind: str) -> str:
    """Lay the measurements out."""
    head = ["rows, steps, features, units, layers", f"nn.{kind} ms", f"nlstm.torch.{kind} ms"]
    rows = [[*head, "ratio", "at least"]]
    for name, found in results.items():
        shape = GRID[name]
        sizes = f"{name}: {shape.N}, {shape.T}, {shape.F}, {shape.H}, {shape.layers}"
        pairs = zip(found["theirs"], found["ours"], strict=True)
        ratio = statistics.median(theirs / ours for theirs, ours in pairs)
        times = [number(statistics.median(found[who])) for who in ("theirs", "ours")]
        bound = f"{BOUNDS[name]:g}x" if kind == "LSTM" and name in BOUNDS else ""
        rows.append([sizes, *times, f"{ratio:.2f}x", bound])
    return table(rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", default=",".join(BOUNDS), help=", ".join(GRID))
    parser.add_argument("--kind", choices=["LSTM", "GRU"], default="LSTM")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="about, per turn")
    parser.add_argument("--threads", type=int, default=min(2, len(processors())))
    options = parser.parse_args()
    unknown = sorted(set(options.shapes.split(",")) - set(GRID))
    if unknown:
        parser.error(f"no shape {', '.join(unknown)}: choose from {', '.join(GRID)}")
    stay_on_cores(options.threads)
    try:
        import torch
    except ModuleNotFoundError:
        sys.exit("This compares modules of PyTorch: make compare installs it.")
    import nlstm

    torch.set_num_threads(options.threads)
    nlstm.set_num_threads(options.threads)
    results = {}
    for name in options.shapes.split(","):
        results[name] = measure(GRID[name], options)
        report(f"{name}: done")
    print(modules_table(results, options.kind))
    versions = versions_of("nlstm", "numba", "torch")
    about = ", ".join(f"{name} {version}" for name, version in versions.items())
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    print(f"\nOne training step, float32, {threads}, median of {options.rounds} turns; {about}.")


if __name__ == "__main__":
    main()
