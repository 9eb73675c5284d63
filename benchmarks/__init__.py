"""Speed, measured: asv benchmarks (`bench_*.py`) and the comparison with the peers.

NLSTM_BENCH_QUICK=1 makes every benchmark take fewer shapes, so that one pass of them all fits into
a few minutes on two cores; `.ci/run` sets it. Times are then for no one to compare.
"""

import os
import sys
from pathlib import Path

QUICK = os.environ.get("NLSTM_BENCH_QUICK", "0") not in ("", "0")

# Set-ups check against tests/reference, which asv does not put on the path. At its end: where asv
# has installed another commit, `import nlstm` must find that one.
sys.path.append(str(Path(__file__).resolve().parents[1]))


def selection(everything, quick):
    """Return the parameters of a benchmark: all of them, or those that are enough for a check."""
    return list(quick if QUICK else everything)
