"""On the path of `make test-bounds`: kernels check in the processes that tests start, too."""

import atexit
import os
import sys

sys.path.append(os.path.abspath(f"{os.path.dirname(__file__)}/../../.."))

from tests.bounds import checks  # noqa: E402, it lies there

checks.begin()
atexit.register(checks.complain)
