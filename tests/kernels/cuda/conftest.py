"""Nothing here is collected but in a process of its own, with NUMBA_ENABLE_CUDASIM=1.

The PTX tests want numba-cuda and a compiler instead: NLSTM_PTX_TESTS=1.
"""

import os
from pathlib import Path

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
_compiled = os.environ.get("NLSTM_PTX_TESTS") == "1"
collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("test_*.py")
    if not (_compiled if path.name == "test_ptx.py" else SIMULATED)
]
if SIMULATED:
    from tests import simulated

    simulated.hasten()
