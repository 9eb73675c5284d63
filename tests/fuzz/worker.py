"""One process that runs draws: reads their numbers, writes a line before and after each."""

import faulthandler
import json
import sys
import time
import traceback

from tests.fuzz.judge import judge
from tests.fuzz.ways import case_of, way_of

__all__ = ["drawn", "main"]


def drawn(number, wide, way=None):
    """Return what came of a draw, as JSON can hold it."""
    way, began = way or way_of(number), time.perf_counter()
    found = {"number": number, "way": way}
    case = case_of(way, number, wide)
    found["story"] = case.story
    found["outcome"], found["faults"] = judge(case)
    return found | {"seconds": time.perf_counter() - began}


def main():
    """Run what standard input names."""
    faulthandler.enable()
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        number, wide, way = json.loads(line)
        try:
            found = drawn(number, wide, way)
        except Exception:  # of the drawing itself: a fault of these files
            found = {"number": number, "way": way or way_of(number), "outcome": "broken",
                     "faults": [f"broken: {traceback.format_exc(-4)}"]}  # fmt: skip
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
