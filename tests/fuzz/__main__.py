"""``python -m tests.fuzz``: draws in processes of their own, which may die or hang; resumable."""

import argparse
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.ways import WAYS, way_of

REST = 2000  # draws that a process runs before a new one takes its place


class Worker:
    """A process that runs draws, started anew where it died."""

    def __init__(self, patience, module="tests.fuzz.worker"):
        self.patience, self.module = patience, module
        self._process, self._lines = None, queue.Queue()

    def _start(self):
        self._lines, self._left = queue.Queue(), REST
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-W", "ignore", "-m", self.module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._said = said = []
        ways = (self._process.stdout, self._lines.put), (self._process.stderr, said.append)
        self._readers = [threading.Thread(target=_read, args=way, daemon=True) for way in ways]
        for reader in self._readers:
            reader.start()

    def run(self, number, wide, way):
        """Return what came of a draw; a fault where the process died or did not answer."""
        if self._process is None:
            self._start()
        found = {"number": number, "way": way or way_of(number)}
        try:
            self._process.stdin.write(json.dumps([number, wide, way]) + "\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=self.patience)
        except queue.Empty:
            self._process.send_signal(signal.SIGABRT)  # it says where it was
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self.close()
            said = "".join(self._said[-40:])
            return found | {"outcome": "hang", "faults": [f"hang: over {self.patience} s: {said}"]}
        except OSError:
            line = None
        if line is None:
            self._process.wait()
            code, said = self._process.returncode, "".join(self._said[-30:])
            self.close()
            return found | {"outcome": "crash", "faults": [f"crash: {code}: {said}"]}
        self._left -= 1
        if not self._left:
            self.close()
        return json.loads(line)

    def close(self):
        if self._process is not None:
            self._process.kill()
            for reader in self._readers:
                reader.join()
            with contextlib.suppress(OSError):  # what it has not read is lost
                self._process.stdin.close()
            self._process.stdout.close()
            self._process.stderr.close()
            self._process.wait()
            self._process = None


def _read(stream, take):
    for line in stream:
        take(line)
    if take.__name__ == "put":
        take(None)  # whoever waits for an answer gets none


class Tally:
    """Counts and faults, kept in a file so that a run goes on where it was stopped."""

    def __init__(self, path):
        self.path = path
        self.kinds, self.ways, self.done, self.faults = Counter(), Counter(), 0, []
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
            self.kinds, self.ways = Counter(kept["kinds"]), Counter(kept["ways"])
            self.done, self.faults = kept["done"], kept["faults"]

    def add(self, found):
        self.kinds[found["outcome"]] += 1
        self.ways[found["way"]] += 1
        for fault in found["faults"]:
            self.faults.append([found["way"], found["number"], fault[:1500]])
            self.kinds["fault: " + fault.partition(":")[0]] += 1

    def write(self):
        if self.path is not None:
            self.path.parent.mkdir(exist_ok=True)
            text = json.dumps({"done": self.done, "kinds": self.kinds, "ways": self.ways,
                               "faults": self.faults})  # fmt: skip
            beside = self.path.with_suffix(".new")
            beside.write_text(text)
            os.replace(beside, self.path)


def main(arguments=None):
    """Run draws; return 1 if one of them failed."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first draw")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--wide", action="store_true", help="all that needs kernels of its own")
    parser.add_argument("--state", type=Path, help="a file to go on from")
    parser.add_argument("--way", choices=sorted(WAYS), help="of one way alone")
    parser.add_argument(
        "--patience", type=float, default=600, help="seconds for a draw; it may compile"
    )
    chosen = parser.parse_args(arguments)
    tally, began = Tally(chosen.state), time.monotonic()
    numbers = iter(range(chosen.first + tally.done, chosen.first + chosen.draws))
    lock, start = threading.Lock(), tally.done

    def work():
        worker = Worker(chosen.patience)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return worker.close()
            found = worker.run(number, chosen.wide, chosen.way)
            with lock:
                tally.add(found)
                tally.done += 1
                show(found, chosen)
                if tally.done % 500 == 0:
                    tally.write()
                    rate = (tally.done - start) / (time.monotonic() - began)
                    print(
                        f"{tally.done} draws, {rate:.0f} a second, {dict(tally.kinds)}", flush=True
                    )

    several = [threading.Thread(target=work, daemon=True) for _ in range(chosen.workers)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    tally.write()
    print(f"{tally.done} draws in {time.monotonic() - began:.0f} s: {dict(tally.kinds)}")
    print(f"by way: {dict(sorted(tally.ways.items()))}")
    return 1 if tally.faults else 0


def show(found, chosen):
    """Print the faults of a draw, and the line that draws it again."""
    if not found["faults"]:
        return
    again = f"--way {found['way']} --first {found['number']} --draws 1" + " --wide" * chosen.wide
    print(f"python -m tests.fuzz {again}\n    {found.get('story', '')[:600]}")
    for fault in found["faults"]:
        print(f"    {fault[:1500]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
