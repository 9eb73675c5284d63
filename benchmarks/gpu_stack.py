"""A training step of an LSTM stack under Dense(1), mse and Adam, as one CUDA graph.

A thin driver: what nlstm's plan will do, with kernels called by hand, to measure them before.
"""

from dataclasses import dataclass

import numpy as np

from nlstm.kernels.cuda import dense, lstm_steps, lstm_whole, products, training
from nlstm.kernels.cuda.arrays import DeviceArray, empty, to_device, zeros
from nlstm.kernels.cuda.launch import Graph

GATES = 4


@dataclass
class Level:
    """One LSTM layer's arrays and the form it runs in."""

    F: int
    H: int
    form: str
    inline: bool
    W: DeviceArray
    U: DeviceArray
    b: DeviceArray
    gradient: DeviceArray
    x: DeviceArray
    h: DeviceArray
    c: DeviceArray
    gates: DeviceArray
    dout: DeviceArray
    dh: DeviceArray
    dc: DeviceArray
    parts: DeviceArray
    sequences: bool


class Stack:
    """Arrays and bound calls of one network for one batch shape.

    Parameters
    ----------
    form : "whole", "steps" or None, which takes the whole form where it fits.
    rows : int or None. Rows of a block in the whole form; None leaves it to the kernels.
    """

    def __init__(self, N, T, F, H, layers=1, every_step=False, dtype=np.float32, form=None,
                 rows=None, seed=0, inline=True):  # fmt: skip
        self.N, self.T, self.F, self.H, self.layers = N, T, F, H, layers
        self.every_step, self.dtype = every_step, np.dtype(dtype)
        self.rows = rows or lstm_whole.rows_of_block(N)
        inputs = [F] + [H] * (layers - 1)
        sizes = [(K + H + 1) * GATES * H for K in inputs]
        size = sum(sizes) + H + 1
        real = self.dtype
        self.weights, self.gradient = empty(size, real), zeros(size, real)
        self.first, self.second = zeros(size, real), zeros(size, real)
        self.count, self.rate = zeros(1, np.int64), zeros(1, real)
        self.learning_rate, self.total = to_device([0.001], real), zeros(1, real)
        self.x, self.y = empty((T, N, F), real), empty((N, 1), real)
        self.mask = to_device(np.ones((T, N)), np.uint8)
        self.levels, at = [], 0
        x = self.x
        for K, count in zip(inputs, sizes):
            part, slope = self.weights[at : at + count], self.gradient[at : at + count]
            at += count
            split = K * GATES * H, (K + H) * GATES * H
            whole = (
                lstm_whole.fits(H, real, K if K <= 16 else 0) if form is None else form == "whole"
            )
            parts = products.part_count(K + H + 1, GATES * H, T * N)
            level = Level(
                F=K, H=H, form="whole" if whole else "steps",
                inline=whole and inline and K <= lstm_whole.MOST_INLINE_FEATURES,
                W=part[: split[0]].reshape(1, K, H, GATES),
                U=part[split[0] : split[1]].reshape(1, H, H, GATES),
                b=part[split[1] :].reshape(1, H, GATES),
                gradient=slope, x=x,
                h=zeros((T + 1, N, H), real), c=zeros((T + 1, N, H), real),
                gates=empty((T, N, GATES * H), real),
                dout=zeros((T, N, H), real), dh=zeros((N, H), real), dc=zeros((N, H), real),
                parts=empty((parts, K + H + 1, GATES * H), real),
                sequences=len(self.levels) < layers - 1 or every_step,
            )  # fmt: skip
            self.levels.append(level)
            x = level.h[1:]
        self.head_W = self.weights[at : at + H].reshape(1, H, 1)
        self.head_b = self.weights[at + H :].reshape(1, 1)
        self.head_dW = self.gradient[at : at + H].reshape(1, H, 1)
        self.head_db = self.gradient[at + H :].reshape(1, 1)
        last = self.levels[-1]
        if every_step:
            self.features, self.dfeatures = last.h[1:].reshape(-1, H), last.dout.reshape(-1, H)
        else:
            self.features, self.dfeatures = last.h[T], last.dh
        rows_out = self.features.shape[0]
        self.p, self.dp = empty((rows_out, 1), real), empty((rows_out, 1), real)
        self.initialise(seed)

    def initialise(self, seed):
        """Fill weights, inputs and targets with the same numbers at every dtype."""
        generator = np.random.default_rng(seed)
        self.host = {"layers": []}
        flat = []
        H = self.H
        for level in self.levels:
            scale = 1.0 / np.sqrt(H)
            W = generator.uniform(-scale, scale, (level.F, 4 * H)).astype(np.float32)
            U = generator.uniform(-scale, scale, (H, 4 * H)).astype(np.float32)
            b = generator.uniform(-scale, scale, 4 * H).astype(np.float32)
            self.host["layers"].append((W, U, b))
            flat += [to_units(W), to_units(U), to_units(b[None])]
        head = generator.uniform(-0.2, 0.2, (H, 1)).astype(np.float32)
        self.host["head"] = (head, np.zeros(1, np.float32))
        flat += [head, np.zeros((1, 1), np.float32)]
        self.weights.write(np.concatenate([part.ravel() for part in flat]))
        self.host["x"] = generator.random((self.T, self.N, self.F), dtype=np.float32)
        self.host["y"] = generator.random((self.N, 1), dtype=np.float32)
        self.x.write(self.host["x"])
        self.y.write(self.host["y"])
        for array in (self.first, self.second, self.count, self.total):
            array.write(np.zeros(array.shape))

    def forward(self, keep=True):
        """Return the calls of the forward pass, up to the head's outputs."""
        calls = []
        N, T = self.N, self.T
        for level in self.levels:
            H = level.H
            if not level.inline:
                gates = level.gates.reshape(T * N, GATES * H)
                calls.append((
                    products.multiply, level.x.reshape(T * N, level.F),
                    level.W.reshape(level.F, GATES * H), level.b.reshape(GATES * H), gates,
                    True,
                ))  # fmt: skip
            if level.form == "whole":
                run = lstm_whole.whole_forward(
                    self.dtype, H, self.rows, level.F if level.inline else 0, keep
                )
                calls.append((
                    run, -(-N // self.rows), level.x, level.W, level.U, level.b, level.gates,
                    level.h, level.c, self.mask,
                ))  # fmt: skip
            else:
                run, grid = lstm_steps.step_forward(self.dtype, keep), lstm_steps.forward_grid(N, H)
                calls += [
                    (run, grid, t, level.U, level.gates, level.h, level.c, self.mask)
                    for t in range(T)
                ]
        run = dense.dense_forward(self.dtype)
        calls.append((run, len_of(self.p), self.features, self.head_W, self.head_b, self.p))
        return calls

    def backward(self):
        """Return the calls of loss, backward pass and gradients of all weights."""
        N, T, H, real = self.N, self.T, self.H, self.dtype
        calls = [
            (training.mean_squared_error(real), 1, self.y, self.p, self.dp, self.total),
            (
                dense.dense_backward(real), -(-H // dense.COLUMNS), self.features, self.dp,
                self.head_W, self.head_dW, self.head_db, self.dfeatures,
            ),
        ]  # fmt: skip
        for index in range(len(self.levels) - 1, -1, -1):
            level = self.levels[index]
            width = GATES * H
            calls += [(clear, array) for array in self._starts(level)]
            if level.form == "whole":
                run = lstm_whole.whole_backward(real, H, self.rows, level.sequences)
                calls.append((
                    run, -(-N // self.rows), level.gates, level.c, level.dout, level.dh, level.dc,
                    level.U, self.mask,
                ))  # fmt: skip
            else:
                run = lstm_steps.step_backward(real, level.sequences)
                grid = lstm_steps.backward_grid(N, H)
                calls += [
                    (run, grid, t, level.U, level.gates, level.c, level.dout, level.dh, level.dc,
                     self.mask)
                    for t in range(T - 1, -1, -1)
                ]  # fmt: skip
            dz = level.gates.reshape(T * N, width)
            M, count = level.F + H + 1, level.parts.shape[0]
            calls.append((
                products.multiply_transposed,
                level.x.reshape(T * N, level.F), level.h[:T].reshape(T * N, H), dz, level.parts,
            ))  # fmt: skip
            add = products.sum_parts(real)
            calls.append((
                add, -(-level.gradient.size // add.threads), level.parts.reshape(count, M * width),
                level.gradient,
            ))  # fmt: skip
            if index > 0:
                below = self.levels[index - 1]
                calls.append((
                    products.multiply, dz,
                    level.W.reshape(level.F, width), level.b.reshape(width),
                    below.dout.reshape(T * N, level.F), False, True,
                ))  # fmt: skip
        return calls

    def update(self):
        """Return the calls of Adam."""
        rule = training.adam_update(self.dtype)
        return [
            (training.adam_rate(self.dtype), 1, self.learning_rate, self.count, self.rate),
            (rule, -(-self.weights.size // rule.threads), self.rate, self.gradient, self.first,
             self.second, self.weights),
        ]  # fmt: skip

    def step(self):
        """Return the calls of a whole training step."""
        return self.forward() + self.backward() + self.update()

    def _starts(self, level):
        """Return the gradients of the last state that nothing else has written."""
        from_head = level is self.levels[-1] and not self.every_step
        return [level.dc] if from_head else [level.dh, level.dc]


def clear(array):
    """Queue the filling of an array with zeros."""
    kernel = training.fill(array.dtype)
    kernel(-(-array.size // kernel.threads), array.reshape(-1))


def run(calls):
    """Queue the calls one by one."""
    for function, *arguments in calls:
        function(*arguments)


def graph(calls):
    """Run the calls once, which compiles, and return them as a graph."""
    run(calls)
    return Graph(calls)


def len_of(array):
    return array.shape[0]


def to_units(kernel):
    """Put the columns of a Keras kernel (K, 4 H) in the order unit, gate."""
    K = kernel.shape[0]
    return np.ascontiguousarray(kernel.reshape(K, 4, -1).transpose(0, 2, 1)).reshape(K, -1)


def from_units(kernel):
    """Undo `to_units`."""
    K = kernel.shape[0]
    return np.ascontiguousarray(kernel.reshape(K, -1, 4).transpose(0, 2, 1)).reshape(K, -1)
