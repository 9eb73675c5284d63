"""The LSTM (kernels/cpu/lstm), one layer: forward in training, backward, forward in prediction."""

import numpy as np

from benchmarks.asv.cases import selection
from benchmarks.grid import GRID, Shape

CHECKED_ROWS = [0, -1]  # of a batch: rows are independent, so two show what all of them do


class Layer:
    """Arrays of one LSTM layer in the kernels' layouts, its three calls, its check.

    Parameters
    ----------
    N, T, F, H : int
    every_step : bool. The gradient comes at each step's output, not at the last one's alone.
    dx : bool. The layer below asks for its gradient.
    mask, dropout, recurrent_dropout, reverse : bool. Options of the kernels.
    x_scale, weight_scale : float. What inputs, and what weights, are multiplied by.
    """

    def __init__(
        self,
        N,
        T,
        F,
        H,
        every_step=False,
        dx=False,
        dtype="float32",
        mask=False,
        dropout=False,
        recurrent_dropout=False,
        reverse=False,
        x_scale=1.0,
        weight_scale=1.0,
    ):
        from nlstm.kernels import load

        ops = load("cpu", dtype)
        self.ops, self.H, self.dtype, self.reverse = ops, H, np.dtype(dtype), reverse
        self.forward, self.backward = ops.lstm("tanh", "sigmoid")
        rng = np.random.default_rng(0)

        def normal(*shape, scale=1.0):
            return (rng.standard_normal(shape, np.float32) * scale).astype(dtype)

        def dropped(*shape):
            return (2.0 * rng.integers(0, 2, shape)).astype(dtype)

        self.x = normal(T, N, F, scale=x_scale)
        self.W = normal(F, 4 * H, scale=weight_scale / np.sqrt(F + H))
        self.U = normal(H, 4 * H, scale=weight_scale / np.sqrt(F + H))
        self.b = normal(4 * H, scale=0.1 * weight_scale)
        packed = (ops.pack_gates(self.W), ops.pack_gates(self.U), self._bias(self.b))
        self.weights = ops.Weights(*packed)
        self.mask = rng.integers(0, 2, (T, N)).astype(np.uint8) if mask else None
        self.x_mask = dropped(N, F) if dropout else None
        S = ops.padded(H, dtype)
        self.h_mask = self._widened(dropped(4, N, H), S) if recurrent_dropout else None
        self.xm = np.empty_like(self.x) if dropout else None
        size = ops.lstm_masked_size(N, H, dtype)
        hm = np.empty(size, dtype) if recurrent_dropout else None
        self.masks = ops.Masks(self.mask, self.x_mask, self.xm, self.h_mask, hm)

        self.h, self.c = np.zeros((2, T + 1, N, S), dtype)
        gates = np.empty(ops.lstm_gates_shape(T, N, H, dtype), dtype)
        self.work = ops.Work(self.h, self.c, gates)
        self.scratch = np.empty(ops.lstm_scratch_size(T, N, F, H, dtype), dtype)
        self.dy = self._widened(normal(T if every_step else 1, N, H, scale=x_scale), S)
        self.dh, self.dc = np.zeros((2, N, S), dtype)
        self.dx = np.empty((T, N, ops.padded(F, dtype)), dtype) if dx else None
        of_weights = [np.empty_like(array) for array in packed]
        self.gradients = ops.Gradients(self.dy, self.dh, self.dc, *of_weights, self.dx)
        slots = T + 1 if every_step else 2
        self.predicted = ops.Work(*np.zeros((2, slots, N, S), dtype))

    @classmethod
    def top(cls, shape: Shape, **options):
        """Make the top layer of a shape, as `fit` calls it; with a layer below, it owes dx."""
        stacked = shape.layers > 1
        F = shape.H if stacked else shape.F
        return cls(shape.N, shape.T, F, shape.H, shape.every_step, stacked, **options)

    def train(self):
        self.forward(self.x, self.weights, self.work, self.scratch, self.reverse, self.masks)

    def differentiate(self):
        self.dh.fill(0)
        self.dc.fill(0)
        x = self.x if self.xm is None else self.xm
        options = (self.scratch, self.reverse, self.masks)
        self.backward(x, self.weights, self.work, self.gradients, *options)

    def predict(self):
        masks = self.ops.Masks(self.mask)
        self.forward(self.x, self.weights, self.predicted, self.scratch, self.reverse, masks)

    def check(self):
        """Compile everything, and compare two rows with the reference.

        The gradient of the outputs is left in these rows alone, so that the gradients of the
        weights are theirs.
        """
        from tests.reference.lstm import lstm_backward, lstm_forward

        def rows_first(steps, columns):
            return steps[:, CHECKED_ROWS, :columns].swapaxes(0, 1)

        N, T, H = self.x.shape[1], self.x.shape[0], self.H
        dy = self.dy.copy()
        self.dy[:, np.setdiff1d(np.arange(N), np.arange(N)[CHECKED_ROWS])] = 0
        self.train()
        self.differentiate()
        doutputs = np.zeros((len(CHECKED_ROWS), T, H))
        doutputs[:, T - len(dy) :] = rows_first(self.dy, H)
        self.dy[:] = dy

        options = {"reverse": self.reverse}
        if self.mask is not None:
            options["mask"] = self.mask[:, CHECKED_ROWS].T
        weights = (self.W, self.U, self.b)
        x = rows_first(self.x, None)
        if self.x_mask is None and self.h_mask is None:
            self.predict()
            h = self.predicted.h
            last = h[T % len(h)][CHECKED_ROWS, :H]
            self._compare("predicted h", last, lstm_forward(x, *weights, **options).h)
        if self.x_mask is not None:
            options["x_mask"] = self.x_mask[CHECKED_ROWS]
        if self.h_mask is not None:
            options["h_masks"] = self.h_mask[:, CHECKED_ROWS, :H]
        trace = lstm_forward(x, *weights, **options)
        wanted = lstm_backward(trace, doutputs)
        dW, dU, db = self.gradients.dW, self.gradients.dU, self.gradients.db
        self._compare("outputs", rows_first(self.h[1:], H), trace.outputs)
        self._compare("dW", self.ops.unpack_gates(dW, H), wanted.dW)
        self._compare("dU", self.ops.unpack_gates(dU, H), wanted.dU)
        self._compare("db", self.ops.unpack_gates(db[:, None], H)[0], wanted.db)
        if self.dx is not None:
            self._compare("dx", rows_first(self.dx, x.shape[2]), wanted.dx)

    def _compare(self, name, found, wanted):
        # No test of accuracy, that is tests/kernels; but what is timed must be the right thing.
        # Where all is tiny, the smallest normal number is the unit.
        limit = 1e-3 * np.abs(wanted).max() + np.finfo(self.dtype).tiny
        np.testing.assert_allclose(found, wanted, rtol=0, atol=limit, err_msg=name)

    def _bias(self, bias):
        return self.ops.pack_gates(bias[None])[:, 0]

    @staticmethod
    def _widened(array, size):
        full = np.zeros((*array.shape[:-1], size), array.dtype)
        full[..., : array.shape[-1]] = array
        return full


class Grid:
    """The top layer of every shape of the grid."""

    timeout = 300
    params = [selection(GRID, ["seed", "weather", "speech"])]
    param_names = ["shape"]

    def setup(self, name):
        self.layer = Layer.top(GRID[name])
        self.layer.check()

    def time_forward(self, name):
        self.layer.train()

    def time_backward(self, name):
        self.layer.differentiate()

    def time_predict(self, name):
        self.layer.predict()


OPTIONS = {
    "none": {},
    "mask": {"mask": True},
    "dropout": {"dropout": True},
    "recurrent dropout": {"recurrent_dropout": True},
    "reverse": {"reverse": True},
    "dx": {"dx": True},
    "float64": {"dtype": "float64"},
}


class Options:
    """What each option adds; half of the steps are masked, half of the inputs or states dropped."""

    timeout = 300
    params = [selection(["seed", "weather", "forecast2", "speech"], ["seed"]), list(OPTIONS)]
    param_names = ["shape", "option"]

    def setup(self, name, option):
        shape = GRID[name]
        options = {"every_step": shape.every_step, **OPTIONS[option]}
        self.layer = Layer(shape.N, shape.T, shape.F, shape.H, **options)
        self.layer.check()

    def time_forward(self, name, option):
        self.layer.train()

    def time_backward(self, name, option):
        self.layer.differentiate()


class Segments:
    """All but some states forgotten, gates computed again: beside one pass of the same steps."""

    timeout = 300
    params = [selection(["weather", "hydro", "long"], ["long"]), [0, 64, 256]]
    param_names = ["shape", "steps of a segment"]

    def setup(self, name, steps):
        self.layer = layer = Layer.top(GRID[name])
        if not steps:
            layer.check()
            return
        ops, (T, N, F), H = layer.ops, layer.x.shape, layer.H
        least, S = ops.lstm_segment_steps(N, F, H, layer.dtype), layer.h.shape[2]
        steps = -(-steps // least) * least
        self.kept = ops.Work(*np.zeros((2, -(-T // steps) + 1, N, S), layer.dtype))
        gates = np.zeros(ops.lstm_gates_shape(steps, N, H, layer.dtype), layer.dtype)
        self.own = ops.Work(*np.zeros((2, steps + 1, N, S), layer.dtype), gates)
        self.sums = np.zeros(ops.lstm_segments_size(steps, N, F, H, layer.dtype), layer.dtype)
        self.forward, self.backward = ops.lstm_segments("tanh", "sigmoid")
        layer.train()
        layer.differentiate()
        wanted = layer.gradients.dU.copy()
        self.time_step(name, steps)
        assert layer.gradients.dU.tobytes() == wanted.tobytes()

    def time_step(self, name, steps):
        layer = self.layer
        if not steps:
            layer.train()
            layer.differentiate()
            return
        given = layer.x, layer.weights, self.kept, self.own
        self.forward(*given, layer.scratch, layer.reverse, layer.masks)
        layer.dh.fill(0)
        layer.dc.fill(0)
        rooms = layer.scratch, self.sums
        self.backward(*given, layer.gradients, *rooms, layer.reverse, layer.masks)


TINY = 1e-39  # below the normal numbers of float32; some processors take such numbers very slowly
VALUES = {
    "normal": {},
    "tiny inputs": {"x_scale": TINY},
    "tiny weights": {"weight_scale": TINY},
    "tiny both": {"x_scale": TINY, "weight_scale": TINY},
}


class Values(Options):
    """Numbers near 1e-39 beside normal ones: results must be right and times alike."""

    params = [selection(["seed", "weather", "forecast2", "speech"], ["seed"]), list(VALUES)]
    param_names = ["shape", "values"]

    def setup(self, name, values):
        self.layer = Layer.top(GRID[name], **VALUES[values])
        self.layer.check()

    def time_predict(self, name, values):
        self.layer.predict()
