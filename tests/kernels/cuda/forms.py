"""Each form of the LSTM's kernels by itself, against the NumPy reference."""

import numpy as np

from nlstm.kernels.cuda import (
    launch,
    layouts,
    lstm_cut,
    lstm_grid,
    lstm_steps,
    lstm_whole,
    lstm_whole_back,
    products,
)
from nlstm.kernels.cuda.arrays import empty, to_device, zeros
from nlstm.kernels.cuda.launch import SIMULATED
from tests.reference import lstm as reference


def relative(found, expected):
    """Return the largest error, relative to the largest number."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def run_grid(threads, arrays, masked, options):
    """Run both passes; in the simulator one launch a step, where blocks would wait for each other.

    threads : (row threads, column threads) of a warp, forward and backward, there splits too;
        or None: what is the quickest.
    """
    U, gates, h, c, dout, dh, dc, mask = arrays
    (T, N, _), H, dtype = gates.shape, U.shape[2], U.dtype
    if threads:
        cuts = [
            lstm_cut.Cut(way, N, H, *given[:2], dtype.itemsize, *given[2:])
            for way, given in zip((False, True), threads)
        ]
    else:
        device = launch.processors(), launch.shared_memory()
        cuts = [lstm_cut.best_cut(way, N, H, dtype, *device) for way in (False, True)]
    forward, backward = cuts
    flags = [zeros(2 * cut.unit_blocks * cut.row_groups, np.int32) for cut in cuts]
    waits = [SIMULATED and cut.unit_blocks > 1 for cut in cuts]
    run = lstm_grid.grid_forward(dtype, forward, True, masked, **options)
    size = 1 if waits[0] else T
    for t in range(0, T, size):
        some, states = slice(t, t + size), slice(t, t + size + 1)
        for grid, first in lstm_grid.launches(forward, flags[0]):
            run(grid, first, U, gates[some], h[states], c[states], mask[some], flags[0])
    run = lstm_grid.grid_backward(dtype, backward, True, masked, **options)
    shared = zeros(2 * backward.unit_blocks * backward.row_groups * backward.rows * backward.units,
                   dtype)  # fmt: skip
    if not waits[1]:
        for grid, first in lstm_grid.launches(backward, flags[1]):
            run(grid, (0, 2 * T + 2), first, U, gates, c, dout, dh, dc, mask, flags[1], shared)
        return
    size = 1 if backward.splits > 1 else 2  # else sums stay in the block
    for half in range(0, 2 * T + 2, size):
        grid, halves = (backward.unit_blocks, backward.row_groups), (half, half + size)
        run(grid, halves, 0, U, gates, c, dout, dh, dc, mask, flags[1], shared)


def lstm_errors(form, N, T, F, H, rows=None, inline=True, masked=False, dtype=np.float32,
                activation="tanh", recurrent_activation="sigmoid", seed=0):  # fmt: skip
    """Run one layer forward and backward and compare all results with the NumPy reference."""
    pack, unpack = layouts.gate_matrix(H)
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((T, N, F)).astype(dtype)
    W, U = (rng.standard_normal((K, 4 * H)).astype(dtype) / np.sqrt(K + H) for K in (F, H))
    b = rng.standard_normal(4 * H).astype(dtype)
    h0, c0 = rng.standard_normal((2, N, H)).astype(dtype)
    dout = rng.standard_normal((T, N, H)).astype(dtype)
    W, U = W.astype(dtype), U.astype(dtype)
    present = rng.random((N, T)) < 0.7 if masked else None
    trace = reference.lstm_forward(
        x.transpose(1, 0, 2), W, U, b, h0, c0, mask=present, activation=activation,
        recurrent_activation=recurrent_activation,
    )  # fmt: skip
    expected = reference.lstm_backward(trace, dout.transpose(1, 0, 2))

    d_x, d_U = to_device(x), to_device(pack(U))
    d_W, d_b = (
        to_device(pack(W)),
        to_device(pack(b[None])[0]),
    )
    h, c = zeros((T + 1, N, H), dtype), zeros((T + 1, N, H), dtype)
    h[0].write(h0)
    c[0].write(c0)
    gates = to_device(np.full((T, N, 4 * H), np.nan), dtype)
    mask = to_device(np.ones((T, N)) if present is None else present.T, np.uint8)
    d_dout, dh, dc = to_device(dout), zeros((N, H), dtype), zeros((N, H), dtype)
    options = {"activation": activation, "recurrent_activation": recurrent_activation}
    flat = gates.reshape(T * N, 4 * H)
    inline = inline and form == "whole"
    if not inline:
        products.multiply(
            d_x.reshape(T * N, F), d_W.reshape(F, 4 * H), d_b.reshape(4 * H), flat, True
        )
    if form == "whole":
        rows = rows or 1
        forward = lstm_whole.whole_forward(
            dtype, H, rows, F if inline else 0, True, masked, **options
        )
        forward(-(-N // rows), d_x, d_W, d_U, d_b, gates, h, c, mask)
        backward = lstm_whole_back.whole_backward(dtype, H, rows, True, masked, **options)
        backward(-(-N // rows), gates, c, d_dout, dh, dc, d_U, mask)
    elif form == "grid":
        run_grid(rows, (d_U, gates, h, c, d_dout, dh, dc, mask), masked, options)
    else:
        forward = lstm_steps.step_forward(dtype, True, masked, **options)
        for t in range(T):
            forward(lstm_steps.forward_grid(N, H), t, d_U, gates, h, c, mask)
        backward = lstm_steps.step_backward(dtype, True, masked, **options)
        for t in range(T - 1, -2, -1):
            grid = lstm_steps.backward_grid(N, H)
            backward(grid, t, d_U, gates, c, d_dout, dh, dc, mask)
    M, count = F + H + 1, products.part_count(F + H + 1, 4 * H, T * N)
    parts, gradient = empty((count, M, 4 * H), dtype), empty(M * 4 * H, dtype)
    products.multiply_transposed(d_x.reshape(T * N, F), h[:T].reshape(T * N, H), flat, parts)
    add = products.sum_parts(dtype)
    add(-(-gradient.size // add.threads), parts.reshape(count, -1), gradient)
    dx = empty((T, N, F), dtype)
    products.multiply(
        flat, d_W.reshape(F, 4 * H), d_b.reshape(4 * H), dx.reshape(T * N, F), False, True
    )
    gradient = unpack(gradient.to_host().reshape(1, M, H, 4))
    return {
        "h": relative(h.to_host()[1:].transpose(1, 0, 2), trace.outputs),
        "c": relative(c.to_host()[-1], trace.c),
        "dW": relative(gradient[:F], expected.dW),
        "dU": relative(gradient[F : F + H], expected.dU),
        "db": relative(gradient[F + H], expected.db),
        "dx": relative(dx.to_host().transpose(1, 0, 2), expected.dx),
        "dh0": relative(dh.to_host(), expected.dh0),
        "dc0": relative(dc.to_host(), expected.dc0),
    }
