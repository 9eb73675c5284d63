"""Batches in and out (kernels/cpu/data, sequences): shuffled rows, and outputs in users' order."""

import numpy as np

from benchmarks.asv.cases import selection
from benchmarks.grid import GRID


class Batch:
    params = [selection(GRID, ["seed", "hydro"])]
    param_names = ["shape"]

    def setup(self, name):
        from nlstm.kernels import load

        shape = GRID[name]
        ops = load("cpu", "float32")
        self.gather, self.scatter = ops.gather_steps, ops.scatter_steps
        self.source, _ = shape.data(batches=4)
        rows = np.random.default_rng(0).permutation(len(self.source))
        self.index = rows[: shape.N].astype(np.int64)
        self.batch = np.zeros((shape.T, shape.N, shape.F), np.float32)
        outputs = (shape.T, shape.N, ops.padded(shape.H, "float32"))
        self.outputs = np.random.default_rng(1).standard_normal(outputs, np.float32)
        self.out = np.empty((2 * shape.N, shape.T, shape.H), np.float32)
        self.check(shape)

    def check(self, shape):
        self.time_gather()
        np.testing.assert_array_equal(self.batch.swapaxes(0, 1), self.source[self.index])
        self.time_scatter()
        wanted = self.outputs[:, :, : shape.H].swapaxes(0, 1)
        np.testing.assert_array_equal(self.out[shape.N :], wanted)

    def time_gather(self, *parameters):
        self.gather(self.source, self.index, self.batch)

    def time_scatter(self, *parameters):
        self.scatter(self.outputs, len(self.index), self.out)
