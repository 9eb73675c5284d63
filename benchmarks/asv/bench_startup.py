"""The first second: import, and a first training step with and without a cache of kernels."""

import os
import subprocess
import sys
import tempfile
import time

FIRST_STEP = """
import numpy as np
from nlstm.layers import LSTM, Dense, Input
from nlstm.models import Sequential

model = Sequential([Input((20, 10)), LSTM(50, return_sequences=True), Dense(1)])
model.compile(optimizer="adam", loss="mean_squared_error")
model.train_on_batch(np.ones((32, 20, 10), "float32"), np.ones((32, 1), "float32"))
"""


def timeraw_import_nlstm():
    return "import nlstm"


def timeraw_import_numba():
    return "import numba"


class FirstStep:
    """Seconds from the start of a process to the end of its first training step."""

    def setup_cache(self):
        # An own cache folder: what an earlier run left must not decide what is measured.
        with tempfile.TemporaryDirectory() as folder:
            names = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
            cache = {name: os.path.join(folder, name) for name in names}
            return [process_seconds(cache) for _ in range(2)]

    setup_cache.timeout = 300

    def track_compile(self, seconds):
        return seconds[0]

    def track_cached(self, seconds):
        return seconds[1]

    track_compile.unit = track_cached.unit = "s"


def process_seconds(cache):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST_STEP], env=os.environ | cache, check=True)
    return time.perf_counter() - start
