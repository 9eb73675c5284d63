"""Nothing here is collected but in a process of its own, with NUMBA_ENABLE_CUDASIM=1.

The PTX tests want numba-cuda and a compiler instead: NLSTM_PTX_TESTS=1.
"""

import os

collect_ignore = []
if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
    collect_ignore += ["test_lstm.py", "test_models.py", "test_products.py", "test_stack.py"]
if os.environ.get("NLSTM_PTX_TESTS") != "1":
    collect_ignore += ["test_ptx.py"]
