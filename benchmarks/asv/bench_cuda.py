"""The CUDA twins of `bench_lstm.py` and `bench_fit.py`; skipped where there is no GPU."""

import numpy as np

from benchmarks.asv.cases import OnCuda, selection
from benchmarks.grid import GRID, Shape


class CudaKernels(OnCuda):
    """Forward and backward pass of the top layer's recurrence at every shape of the grid."""

    params = [selection(GRID, ["seed"])]
    param_names = ["shape"]

    def setup(self, name):
        self.begin()
        from nlstm.kernels.cuda.launch import Graph
        from tests.kernels.cuda.recurrent import calls
        from tests.kernels.cuda.side import Side

        shape: Shape = GRID[name]
        F = shape.H if shape.layers > 1 else shape.F
        last_only = not shape.every_step
        sizes = dict(N=shape.N, T=shape.T, F=F, H=shape.H, last_only=last_only)
        self.graphs = []
        for call in calls(Side("cuda", "float32"), **sizes):
            call()
            self.graphs.append(Graph([(call,)]))
        self.synchronize()

    def time_forward(self, name):
        self.graphs[0].replay()
        self.synchronize()

    def time_backward(self, name):
        self.graphs[1].replay()
        self.synchronize()


class CudaFit(OnCuda):
    """A few steps of `fit`, one predict, on the grid."""

    params = [selection(GRID, ["seed"])]
    param_names = ["shape"]

    def setup(self, name):
        self.begin()
        from benchmarks.machine.models import compiled_model

        shape = self.shape = GRID[name]
        self.x, self.y = shape.data(8)
        self.model = compiled_model(shape)
        before = self.model.get_weights()
        self.time_fit(name)
        if any(np.array_equal(old, new) for old, new in zip(before, self.model.get_weights())):
            raise AssertionError(f"{shape}: fit left a weight as it was")
        self.time_predict(name)

    def time_fit(self, name):
        self.model.fit(self.x, self.y, batch_size=self.shape.N, epochs=1, verbose=0)
        self.synchronize()

    def time_predict(self, name):
        self.model.predict(self.x[: self.shape.N], batch_size=self.shape.N, verbose=0)
