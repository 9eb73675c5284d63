"""nlstm beside PyTorch and Keras, on this machine, now: one table.

    python benchmarks/compare.py                              # everything that is installed
    python benchmarks/compare.py --shapes seed,hydro --peers torch --rounds 5
    python benchmarks/compare.py --peers none --threads 1     # nlstm alone, on one thread
    python benchmarks/compare.py --threads 1,2,4,8,16         # nlstm on more and more threads
    python benchmarks/compare.py --precision bfloat16         # beside PyTorch's autocast
    python benchmarks/compare.py --startup                    # import and first-step times instead
    python benchmarks/compare.py --stream                     # one time step at a time instead
    python benchmarks/compare.py --device cuda                # on a GPU; PyTorch in TF32 too
    python benchmarks/compare.py --peer-python ../peers/bin/python --json table.json

Every library runs in a process of its own (`contenders.py` says how each is driven). For one shape
all are started and warmed up; then, round after round, they are measured in turn while the others
sleep, so that whatever else the machine does hits all alike. A figure is the median over the
rounds. The order is turned by one each round.

With --precision bfloat16 nlstm and its peers (PyTorch, where --peers names no others) are measured
in both precisions: nlstm with bfloat16 products, PyTorch under autocast, Keras under its policy
mixed_bfloat16. "bfloat16 x own float32" and "bfloat16 x autocast" say how many times as long as
nlstm in bfloat16 nlstm in float32 takes, or PyTorch under autocast. With several --threads all take
turns on each number of them (peers where --peers names them), and beside a time stands the speed-up
over the first number; numbers above the processors at hand are skipped. Threads share a core only
where there are more of them than cores.

A training step is forward, backward and Adam on one batch of N rows; a predict is one call for N
rows. GFLOP/s counts the matrix products of the LSTM layers only (`grid.py` has the formula); the
peak is measured in the same run by `peak.py`. "x best" and "x PyTorch" say how many times as long
as nlstm the best peer, or PyTorch, takes. `tables.py` makes the tables. `report.py` and `floors.py`
read what --json writes.
"""

import argparse
import datetime
import itertools
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.grid import GRID
from benchmarks.peers import startup, stream
from benchmarks.peers.processes import (
    BFLOAT16_OF,
    PEERS,
    TITLES,
    processors,
    report,
    thread_environment,
)
from benchmarks.peers.tables import text_of

ROOT = Path(__file__).resolve().parents[2]


class NotInstalled(Exception):
    """A library that this interpreter does not have."""


class Process:
    """A contender at the other end of two pipes."""

    def __init__(self, name: str, shape: str, threads: int, python: str, device: str):
        self.name, self.threads = name, threads
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")
        command = [
            python,
            "-m",
            "benchmarks.peers.contenders",
            name,
            shape,
            "--threads",
            str(threads),
            "--device",
            device,
        ]
        self.child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=thread_environment(threads, device),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        try:
            self.about = self._answer()
            if "absent" in self.about:
                raise NotInstalled(self.about["absent"])
        except BaseException:
            self.close()
            raise

    def measure(self, what: str, seconds: float) -> float:
        """Have it train or predict for about so many seconds; give the ms of one step or call."""
        self.child.stdin.write(json.dumps({"do": what, "seconds": seconds}) + "\n")
        self.child.stdin.flush()
        return self._answer()["ms"]

    def _answer(self):
        line = self.child.stdout.readline()
        if line:
            return json.loads(line)
        status = self.child.wait()
        self.log.seek(0)
        raise RuntimeError(f"{self.name} ended with status {status}:\n{self.log.read()[-4000:]}")

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()
        self.log.close()


def measure_peak(threads: list[int]) -> dict:
    """Measure the FMA rate of one thread and of `threads`; name the vector instructions."""
    numbers = ",".join(str(n) for n in sorted({1, *threads}))
    command = [sys.executable, "-m", "benchmarks.machine.peak", "--json", "--threads", numbers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare_shape(shape, names: list[str], options) -> dict:
    """Measure nlstm and its peers at one shape, on each number of threads.

    Gives `{threads: {name: {"train": [ms], "predict": [ms], ...}}}`, threads as in JSON.
    """
    running, results = [], {str(n): {} for n in options.threads}
    try:
        for threads, name in itertools.product(options.threads, names):
            python = sys.executable if name.startswith("nlstm") else options.peer_python
            report(f"{shape.name}: starting {TITLES[name]} on {threads}")
            try:
                process = Process(name, shape.name, threads, python, options.device)
            except (NotInstalled, RuntimeError) as error:
                if name.startswith("nlstm"):
                    raise
                results[str(threads)][name] = {"not run": str(error)}
                continue
            running.append(process)
            results[str(threads)][name] = {"train": [], "predict": [], **process.about}
        for turn in range(options.rounds):
            first = turn % len(running)
            for process in running[first:] + running[:first]:
                for what in ("train", "predict"):
                    time.sleep(0.3)  # thread pools spin for a moment after their work
                    ms = process.measure(what, options.seconds)
                    results[str(process.threads)][process.name][what].append(ms)
            times = [
                f"{TITLES[name]} on {n}: {found['train'][-1]:.3g}"
                for n, result in results.items()
                for name, found in result.items()
                if "train" in found
            ]
            report(f"{shape.name}: round {turn + 1}: ms per training step: {', '.join(times)}")
    finally:
        for process in running:
            process.close()
    return results


def cpu_name() -> str:
    """Name the processor as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def gpu_name() -> str:
    """Name the GPU and its driver as the system does."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True).stdout.strip()
    except OSError:
        return "no GPU"


def names(known):
    """Make a reader of a list of known names, by comma; "none" is the empty list."""

    def read(text):
        found = [] if text == "none" else text.split(",")
        unknown = set(found) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: choose from {', '.join(known)}"
            )
        return found

    return read


def counts(text):
    """Read numbers of threads, by comma."""
    found = list(dict.fromkeys(map(int, text.split(","))))
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a number of threads is 1 or more")
    return found


def read_options() -> argparse.Namespace:
    """Read the command line, and settle what it leaves open."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", type=names(GRID), default=list(GRID), help=", ".join(GRID))
    known = [name for name in TITLES if name != "nlstm" and name not in BFLOAT16_OF.values()]
    parser.add_argument("--peers", type=names(known), help=", ".join(known))
    parser.add_argument("--device", choices=PEERS, default="cpu", help="where all of them compute")
    precisions = ["float32", "bfloat16"]
    about = "of products; with bfloat16 both, side by side"
    parser.add_argument("--precision", choices=precisions, default="float32", help=about)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="about, per measurement")
    about = "a number, or several by comma, of nlstm if --peers names no others"
    about += " (default: 2, or the one processor at hand)"
    parser.add_argument("--threads", type=counts, help=about)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter of the peers")
    parser.add_argument("--startup", action="store_true", help="measure start-up instead")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every measurement here")
    parser.add_argument("--stream", action="store_true", help="measure single steps instead")
    parser.add_argument("--steps", type=int, default=stream.STEPS, help="of --stream")
    options = parser.parse_args()
    there = len(processors())
    options.threads = options.threads or [min(2, there)]
    bfloat16, several = options.precision == "bfloat16", len(options.threads) > 1
    options.kind = "threads" if several else "bfloat16" if bfloat16 else "training"
    if options.startup or options.stream:
        options.kind = "startup" if options.startup else "stream"
    if (bfloat16 or several) and (options.kind in ("startup", "stream") or options.device != "cpu"):
        parser.error(
            "--precision bfloat16 and several --threads are of training on the CPU; "
            "expected no --startup, --stream or --device cuda beside them"
        )
    if options.peers is None:
        few = {"threads": [], "bfloat16": ["torch"]}
        options.peers = few.get(options.kind, PEERS[options.device])
    if bfloat16 and (without := set(options.peers) - BFLOAT16_OF.keys()):
        expected = ", ".join(name for name in BFLOAT16_OF if name in known)
        parser.error(f"--peers {', '.join(without)} in bfloat16: choose from {expected}")
    options.skipped = None
    if several and (many := [n for n in options.threads if n > there]):
        options.threads = [n for n in options.threads if n <= there]
        options.skipped = f"{', '.join(map(str, many))} threads skipped; processors here: {there}."
    if not options.threads:
        parser.error(f"--threads: {options.skipped}")
    return options


def main():
    options = read_options()
    on_gpu = options.device == "cuda"  # the processor's peak says nothing of it
    compared = ["nlstm", *options.peers]
    if options.precision == "bfloat16":
        compared = [one for name in compared for one in (name, BFLOAT16_OF[name])]
    if options.skipped:
        report(options.skipped)
    peaks = [] if on_gpu else [measure_peak(options.threads)]
    threads = options.threads if options.kind == "threads" else options.threads[0]
    about = {
        "kind": options.kind,
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_name(),
        "isa": peaks[0]["isa"] if peaks else None,
        "python": platform.python_version(),
        "threads": threads,
        "processors": len(processors()),
        "cores": len(set(processors().values())),
        "skipped": options.skipped,
        "rounds": options.rounds,
        "precision": options.precision,
        "peers": options.peers,
        "names": compared,
        "gpu": gpu_name() if on_gpu else None,
    }
    if options.kind == "startup":
        options.threads = threads
        about["versions"] = startup.versions(options)
        results = startup.measure(options)
    elif options.kind == "stream":
        results, about["threads"] = stream.measure(options), 1
    else:
        by_threads = {str(n): {} for n in options.threads}
        for name in options.shapes:
            for n, found in compare_shape(GRID[name], compared, options).items():
                by_threads[n][name] = found
            if not on_gpu:
                peaks.append(measure_peak(options.threads))
        results = by_threads if options.kind == "threads" else by_threads[str(threads)]
    # The best of all: the clock moves, and a peak is what can be reached.
    gflops = [peak["gflops"] for peak in peaks] or [{}]
    about["peak_gflops"] = {threads: max(one[threads] for one in gflops) for threads in gflops[0]}
    measured = {"about": about, "results": results}
    print(text_of(measured))
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
