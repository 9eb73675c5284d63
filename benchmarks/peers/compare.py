"""nlstm beside PyTorch and Keras, on this machine, now: one table.

    python benchmarks/compare.py                              # everything that is installed
    python benchmarks/compare.py --shapes seed,hydro --peers torch --rounds 5
    python benchmarks/compare.py --peers none --threads 1     # nlstm alone, on one thread
    python benchmarks/compare.py --startup                    # import and first-step times instead
    python benchmarks/compare.py --stream                     # one time step at a time instead
    python benchmarks/compare.py --device cuda                # on a GPU; PyTorch in TF32 too
    python benchmarks/compare.py --peer-python ../peers/bin/python --json table.json

Every library runs in a process of its own (`contenders.py` says how each is driven). For one shape
all are started and warmed up; then, round after round, they are measured in turn while the others
sleep, so that whatever else the machine does hits all alike. A figure is the median over the
rounds. The order is turned by one each round.

A training step is forward, backward and Adam on one batch of N rows; a predict is one call for N
rows. GFLOP/s counts the matrix products of the LSTM layers only (`grid.py` has the formula); the
peak is measured in the same run by `peak.py`. "x best" and "x PyTorch" say how many times as long
as nlstm the best peer, or PyTorch, takes. `report.py` and `floors.py` read what --json writes.
"""

import argparse
import datetime
import json
import math
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import markdown
from benchmarks.grid import GRID
from benchmarks.peers import startup, stream
from benchmarks.peers.processes import PEERS, TITLES, report, thread_environment

ROOT = Path(__file__).resolve().parents[2]


class NotInstalled(Exception):
    """A library that this interpreter does not have."""


class Process:
    """A contender at the other end of two pipes."""

    def __init__(self, name: str, shape: str, threads: int, python: str, device: str):
        self.name = name
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


def measure_peak(threads: int) -> dict:
    """Measure the FMA rate of one thread and of `threads`; name the vector instructions."""
    numbers = ",".join(str(n) for n in sorted({1, threads}))
    command = [sys.executable, "-m", "benchmarks.machine.peak", "--json", "--threads", numbers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare_shape(shape, options) -> dict:
    """Measure nlstm and its peers at one shape; `{name: {"train": [ms], "predict": [ms], ...}}`."""
    running, results = [], {}
    try:
        for name in ["nlstm", *options.peers]:
            python = sys.executable if name == "nlstm" else options.peer_python
            report(f"{shape.name}: starting {TITLES[name]}")
            try:
                process = Process(name, shape.name, options.threads, python, options.device)
            except (NotInstalled, RuntimeError) as error:
                if name == "nlstm":
                    raise
                results[name] = {"not run": str(error)}
                continue
            running.append(process)
            results[name] = {"train": [], "predict": [], **process.about}
        for turn in range(options.rounds):
            first = turn % len(running)
            for process in running[first:] + running[:first]:
                for what in ("train", "predict"):
                    time.sleep(0.3)  # thread pools spin for a moment after their work
                    ms = process.measure(what, options.seconds)
                    results[process.name][what].append(ms)
            times = [f"{TITLES[p.name]} {results[p.name]['train'][-1]:.3g}" for p in running]
            report(f"{shape.name}: round {turn + 1}: ms per training step: {', '.join(times)}")
    finally:
        for process in running:
            process.close()
    return results


def result_table(results: dict, peers: list[str], peak_gflops: float | None) -> str:
    """Make the one table: a row per shape, and the geometric mean of the ratios."""
    header = ["shape N,T,F,H,layers", "step ms: nlstm", *(TITLES[peer] for peer in peers)]
    ratio_names = (["x best"] if peers else []) + (["x PyTorch"] if "torch" in peers else [])
    header += [*ratio_names, "GFLOP/s", "% of peak"]
    header += ["predict ms: nlstm", *(TITLES[peer] for peer in peers), *ratio_names]
    table, ratios = [header], {"train": [], "predict": []}
    for name, result in results.items():
        row = [str(GRID[name])]
        for what in ("train", "predict"):
            ms = {who: statistics.median(r[what]) for who, r in result.items() if what in r}
            others = [ms[peer] for peer in peers if peer in ms]
            ratio = {}
            if others:
                ratio["x best"] = min(others) / ms["nlstm"]
            if "torch" in ms:
                ratio["x PyTorch"] = ms["torch"] / ms["nlstm"]
            ratios[what].append(ratio)
            row += [markdown.number(ms[who]) if who in ms else "-" for who in ["nlstm", *peers]]
            row += [f"{ratio[column]:.2f}" if column in ratio else "-" for column in ratio_names]
            if what == "train":
                gflops = GRID[name].step_flops / ms["nlstm"] / 1e6
                share = f"{100 * gflops / peak_gflops:.0f}" if peak_gflops else "-"
                row += [f"{gflops:.0f}", share]
        table.append(row)
    if peers and len(results) > 1:
        blank = [""] * len(peers)
        means = {
            what: [_geometric_mean([r.get(column) for r in ratios[what]]) for column in ratio_names]
            for what in ratios
        }
        head = ["geometric mean", "", *blank, *means["train"], "", ""]
        table.append([*head, "", *blank, *means["predict"]])
    return markdown.table(table)


def _geometric_mean(values):
    if None in values:
        return "-"
    return f"{math.exp(statistics.fmean(math.log(value) for value in values)):.2f}"


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


def notes(results: dict, about: dict) -> str:
    """Say below the table where, when and with what it was measured, and what did not run."""
    peak = ", ".join(f"{gflops:.0f} GFLOP/s on {n}" for n, gflops in about["peak_gflops"].items())
    versions, absent = dict(about.get("versions", {})), {}
    for shape, result in results.items():
        for name, found in result.items():
            versions |= found.get("versions", {})
            if "not run" in found and about["kind"] == "training":
                absent.setdefault((name, found["not run"].strip().splitlines()[-1]), []).append(
                    shape
                )
    threads = f"{about['threads']} thread{'s' * (about['threads'] > 1)}"
    lines = [
        f"{about['date']}, {about['cpu']} ({about['isa'] or 'beside a GPU'}), {threads}, float32; "
        f"median of {about['rounds']} rounds; {'FMA peak ' + peak if peak else about['gpu']}.",
        "Python " + ", ".join([about["python"], *(f"{k} {v}" for k, v in versions.items())]) + ".",
    ]
    unsteady = [
        f"{TITLES[name]} at {shape} {what} {min(found[what]):.3g} to {max(found[what]):.3g} ms"
        for shape, result in results.items()
        for name, found in result.items()
        for what in ("train", "predict")
        if what in found and max(found[what]) > 1.3 * min(found[what])
    ]
    if unsteady:
        lines.append(f"Was the machine quiet? Rounds differ by over 30 %: {'; '.join(unsteady)}.")
    for (name, reason), shapes in absent.items():
        where = "" if len(shapes) == len(results) else f" ({', '.join(shapes)})"
        lines.append(f"{TITLES[name]}{where} not run: {reason}")
    return "\n".join(lines)


def text_of(measured: dict) -> str:
    """Show what one run measured: its table and the notes below."""
    about, results = measured["about"], measured["results"]
    if about["kind"] == "startup":
        body, found = startup.startup_table(results), {}
    elif about["kind"] == "stream":
        body, found = stream.stream_table(results), results
    else:
        peak = about["peak_gflops"].get(str(about["threads"]))
        body = result_table(results, about["peers"], peak)
        found = results
    return f"{body}\n\n{notes(found, about)}"


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


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", type=names(GRID), default=list(GRID), help=", ".join(GRID))
    known = [name for name in TITLES if name != "nlstm"]
    parser.add_argument("--peers", type=names(known), help=", ".join(known))
    parser.add_argument("--device", choices=PEERS, default="cpu", help="where all of them compute")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="about, per measurement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter of the peers")
    parser.add_argument("--startup", action="store_true", help="measure start-up instead")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every measurement here")
    parser.add_argument("--stream", action="store_true", help="measure single steps instead")
    parser.add_argument("--steps", type=int, default=stream.STEPS, help="of --stream")
    options = parser.parse_args()
    if options.peers is None:
        options.peers = PEERS[options.device]
    on_gpu = options.device == "cuda"  # the processor's peak says nothing of it
    peaks = [] if on_gpu else [measure_peak(options.threads)]
    about = {
        "kind": "startup" if options.startup else "stream" if options.stream else "training",
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_name(),
        "isa": peaks[0]["isa"] if peaks else None,
        "python": platform.python_version(),
        "threads": options.threads,
        "rounds": options.rounds,
        "peers": options.peers,
        "gpu": gpu_name() if on_gpu else None,
    }
    if options.startup:
        about["versions"] = startup.versions(options)
        results = startup.measure(options)
    elif options.stream:
        results, about["threads"] = stream.measure(options), 1
    else:
        results = {}
        for name in options.shapes:
            results[name] = compare_shape(GRID[name], options)
            if not on_gpu:
                peaks.append(measure_peak(options.threads))
    # The best of all: the clock moves, and a peak is what can be reached.
    gflops = [peak["gflops"] for peak in peaks] or [{}]
    about["peak_gflops"] = {threads: max(one[threads] for one in gflops) for threads in gflops[0]}
    measured = {"about": about, "results": results}
    print(text_of(measured))
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
