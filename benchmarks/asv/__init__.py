"""Benchmarks that asv finds: the files `bench_*.py`, one for a file or two of kernels.

asv makes this folder a package by itself, `asv`, and puts nothing else on the path. Shapes are in
`benchmarks`, and set-ups check against `tests/reference`. At the path's end: where asv has
installed another commit, `import nlstm` must find that one.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
