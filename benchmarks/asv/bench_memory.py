"""Memory: a fit beside the least there can be, and whether a long run of odd batches grows."""

import os

import numpy as np

from benchmarks.asv.cases import QUICK, selection
from benchmarks.grid import GRID
from benchmarks.machine.memory import fit_bytes, measured_bytes

LARGE = ["forecast2", "hydro", "hydrowide", "speech", "wide"]  # below, a few pages decide


class Peak:
    """Peak memory of a fit over the formula of `benchmarks/machine/memory.py`."""

    timeout = 300
    params = [selection(LARGE, ["forecast2"])]
    param_names = ["shape"]

    def track_over_least(self, name):
        from nlstm.kernels import load

        shape, batches = GRID[name], 2
        least = fit_bytes(shape, batches, load("cpu").lanes("float32"))
        return measured_bytes(shape, batches) / least

    track_over_least.unit = "x"


class VaryingSteps:
    """Bytes by which the process grows over batches of every length, once all lengths were seen."""

    timeout = 300
    batches = 1_000 if QUICK else 10_000
    most_steps = 64

    def setup(self):
        from nlstm.layers import LSTM, Dense, Input
        from nlstm.models import Sequential

        if not os.path.exists("/proc/self/statm"):
            raise NotImplementedError("reads /proc/self/statm")
        self.model = Sequential([Input((None, 4)), LSTM(16), Dense(1)])
        self.model.compile(optimizer="adam", loss="mean_squared_error")
        self.x = np.random.default_rng(0).random((8, self.most_steps, 4), dtype=np.float32)
        self.y = self.x[:, 0, :1]
        self.train(range(1, self.most_steps + 1))
        self.train(self.random_lengths(500))

    def random_lengths(self, count):
        return np.random.default_rng(count).integers(1, self.most_steps + 1, count)

    def train(self, lengths):
        for steps in lengths:
            loss = self.model.train_on_batch(self.x[:, :steps], self.y)
        assert np.isfinite(loss).all()

    def resident_bytes(self):
        with open("/proc/self/statm", encoding="ascii") as numbers:
            return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def track_growth(self):
        before = self.resident_bytes()
        self.train(self.random_lengths(self.batches))
        return self.resident_bytes() - before

    track_growth.unit = "bytes"
