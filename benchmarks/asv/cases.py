"""What benchmarks have in common: fewer shapes where asked, and layers bound as `fit` binds them.

NLSTM_BENCH_QUICK=1 makes every benchmark take fewer shapes, so that one pass of them all fits into
a few minutes on two cores; `.ci/run` sets it. Times are then for no one to compare.
"""

import os

QUICK = os.environ.get("NLSTM_BENCH_QUICK", "0") not in ("", "0")


def selection(everything, quick):
    """Return the parameters of a benchmark: all of them, or those that are enough for a check."""
    return list(quick if QUICK else everything)
