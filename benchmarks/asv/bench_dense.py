"""Dense layers (kernels/cpu/dense): the heads of the grid, and products large for themselves."""

import numpy as np

from benchmarks.asv.cases import selection
from benchmarks.grid import GRID


class Rows:
    """Arrays of one dense layer on R rows, its two calls, its check."""

    def __init__(self, R, F, O, activation, dx=True):  # noqa: E741, the field's letter
        from nlstm.kernels import load

        ops = load("cpu", "float32")
        self.ops, self.units, self.activation = ops, O, activation
        self.forward, self.backward = ops.dense(activation)
        rng = np.random.default_rng(0)

        def normal(*shape):
            return rng.standard_normal(shape, np.float32)

        self.x, self.W, self.b = normal(R, F), normal(F, O) / np.float32(np.sqrt(F)), normal(O)
        self.packed, self.bias = ops.pack_columns(self.W), ops.pack_columns(self.b[None])[:, 0]
        self.y = np.zeros((R, ops.padded(O, "float32")), np.float32)
        self.given = np.zeros_like(self.y)
        self.given[:, :O] = normal(R, O)
        self.dy = self.given.copy()
        self.dW, self.db = np.empty_like(self.packed), np.empty_like(self.bias)
        self.dx = np.empty((R, ops.padded(F, "float32")), np.float32) if dx else None
        self.scratch = np.empty(ops.dense_scratch_size(F, O, "float32"), np.float32)

    def train(self):
        self.forward(self.x, self.packed, self.bias, self.y, self.scratch, self.units)

    def differentiate(self):
        self.dy[:] = self.given  # the kernel overwrites it, and smaller in every call
        arrays = (self.packed, self.y, self.dy, self.dW, self.db, self.dx, self.scratch)
        self.backward(self.x, *arrays, self.units)

    def check(self):
        from tests.reference.dense import dense_backward, dense_forward

        self.train()
        self.differentiate()
        O = self.units  # noqa: E741
        y = dense_forward(self.x, self.W, self.b, self.activation)
        dx, dW, db = dense_backward(self.x, self.W, self.b, self.given[:, :O], self.activation)
        pairs = [(self.y[:, :O], y), (self.ops.unpack_columns(self.dW, O), dW)]
        pairs.append((self.ops.unpack_columns(self.db[:, None], O)[0], db))
        if self.dx is not None:
            pairs.append((self.dx[:, : dx.shape[1]], dx))
        for found, wanted in pairs:
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


class _Timed:
    timeout = 300

    def time_forward(self, *parameters):
        self.rows.train()

    def time_backward(self, *parameters):
        self.rows.differentiate()


class Head(_Timed):
    """The Dense(1) on top of every shape of the grid."""

    params = [selection(GRID, ["seed", "wide"])]
    param_names = ["shape"]

    def setup(self, name):
        shape = GRID[name]
        self.rows = Rows(shape.N * (shape.T if shape.every_step else 1), shape.H, 1, "linear")
        self.rows.check()


class Product(_Timed):
    """Layers wide enough to be judged by their operations."""

    params = [
        selection(["64,1024,1024", "4096,128,128", "8192,64,10"], ["4096,128,128"]),
        selection(["linear", "relu", "tanh", "sigmoid", "softmax"], ["linear", "softmax"]),
    ]
    param_names = ["R,F,O", "activation"]

    def setup(self, sizes, activation):
        self.rows = Rows(*map(int, sizes.split(",")), activation)
        self.rows.check()
