"""Nothing here is collected but in a process of its own, with NUMBA_ENABLE_CUDASIM=1.

Or on a GPU, with NLSTM_GPU_TESTS=1: the same tests, but those that stand in for one. The PTX tests
want numba-cuda and a compiler instead: NLSTM_PTX_TESTS=1.
"""

import os
from pathlib import Path

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
GPU = os.environ.get("NLSTM_GPU_TESTS") == "1"
COMPILED = os.environ.get("NLSTM_PTX_TESTS") == "1"
ELSEWHERE = {"test_ptx.py": COMPILED, "test_gpu_arrays.py": SIMULATED, "test_on_gpu.py": GPU}
collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("test_*.py")
    if not ELSEWHERE.get(path.name, SIMULATED or GPU)
]
if SIMULATED:
    from tests import simulated

    simulated.hasten()
