"""The simple recurrence, h = act(x W + h' U + b), a launch a step and a thread a cell.

Plain sums: a layer that few train with, and none in wide networks.
"""

import functools
from functools import cache

import numpy as np

from nlstm.kernels.cuda import activations
from nlstm.kernels.cuda.arrays import nothing
from nlstm.kernels.cuda.each import each

__all__ = ["rnn", "rnn_scratch_size"]


def rnn_scratch_size(N, F, H, dtype):
    """Return how many numbers of scratch memory `rnn_backward` needs: none."""
    return 0


@cache
def _step(activation, dtype):
    value, _ = activations.activation(activation, dtype)

    def step(at, t, tx, x, W, U, b, h, keeps, z, masked, mask, dropped, h_mask):
        H = h.shape[2]
        n, u = at // H, at % H
        if masked and mask[tx, n] == 0:
            h[t + 1, n, u] = h[t, n, u]
        else:
            total = b[0, u]
            for k in range(W.shape[1]):
                total += x[tx, n, k] * W[0, k, u]
            for k in range(H):
                past = h[t, n, k]
                if dropped:
                    past = past * h_mask[n, k]
                total += past * U[0, k, u]
            if keeps:
                z[t, n, u] = total
            h[t + 1, n, u] = value(total)

    return each(step)


@cache
def _step_back(activation, dtype):
    _, derivative = activations.activation(activation, dtype)

    def step_back(at, t, tx, kept, first, dy, dy_step, dh, dz, masked, mask):
        H = dz.shape[2]
        n, u = at // H, at % H
        slope = dh[n, u]
        if dy_step >= 0:
            slope += dy[dy_step, n, u]
        if masked and mask[tx, n] == 0:
            dz[t, n, u] = slope - slope
            dh[n, u] = slope
        else:
            dz[t, n, u] = slope * derivative(kept[first + t, n, u])
            dh[n, u] = slope - slope

    return each(step_back)


@each
def _through(at, t, U, dz, dh, dropped, h_mask):
    H = dz.shape[2]
    n, u = at // H, at % H
    total = dz.dtype.type(0)
    for j in range(H):
        total += dz[t, n, j] * U[0, u, j]
    if dropped:
        total = total * h_mask[n, u]
    dh[n, u] += total


@each
def _weights(at, x, h, dz, reverse, dropped, h_mask, dW, dU, db):
    """Add over steps and rows in order: the rows of W, then those of U, then the bias."""
    T, N, H, F = dz.shape[0], dz.shape[1], dz.shape[2], dW.shape[1]
    k, u = at // H, at % H
    total = dz.dtype.type(0)
    for t in range(T):
        tx = T - 1 - t if reverse else t
        for n in range(N):
            if k < F:
                total += x[tx, n, k] * dz[t, n, u]
            elif k < F + H:
                past = h[t, n, k - F]
                if dropped:
                    past = past * h_mask[n, k - F]
                total += past * dz[t, n, u]
            else:
                total += dz[t, n, u]
    if k < F:
        dW[0, k, u] = total
    elif k < F + H:
        dU[0, k - F, u] = total
    else:
        db[0, u] = total


@each
def _inputs(at, W, dz, reverse, dx):
    T, N, F = dx.shape[0], dx.shape[1], dx.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    tx = T - 1 - t if reverse else t
    total = dz.dtype.type(0)
    for u in range(dz.shape[2]):
        total += dz[t, n, u] * W[0, k, u]
    dx[tx, n, k] = total


def _given(masks, dtype):
    """Return (whether, mask) of the steps and of the states, each an array in any case."""
    mask, _, _, h_mask, _ = masks
    steps = (False, nothing(np.dtype(np.uint8), 2)) if mask is None else (True, mask)
    states = (False, nothing(dtype, 2)) if h_mask is None else (True, h_mask)
    return steps, states


def rnn_forward(activation, x, weights, h, z, reverse, masks):
    """Run a simple recurrence over all time steps of a batch; see the CPU's."""
    W, U, b, _ = weights
    T, N, H = x.shape[0], x.shape[1], h.shape[2]
    steps, states = _given(masks, x.dtype)
    run, kept = _step(activation, x.dtype), (False, h) if z is None else (True, z)
    for t in range(T):
        tx = T - 1 - t if reverse else t
        run(N * H, t, tx, x, W, U, b, h, *kept, *steps, *states)


def rnn_backward(activation, x, weights, h, z, dz, gradients, scratch, reverse, masks):
    """Compute all gradients of `rnn_forward`; see the CPU's."""
    W, U, _, _ = weights
    dy, dh, _, dW, dU, db, dx, _ = gradients
    T, N, H = dz.shape
    steps, states = _given(masks, x.dtype)
    run = _step_back(activation, x.dtype)
    kept = (h, 1) if z is None else (z, 0)
    for t in range(T - 1, -1, -1):
        tx = T - 1 - t if reverse else t
        dy_step = t if dy.shape[0] == T else (0 if t == T - 1 else -1)
        run(N * H, t, tx, *kept, dy, dy_step, dh, dz, *steps)
        _through(N * H, t, U, dz, dh, *states)
    rows = dW.shape[1] + H + 1
    _weights(rows * H, x, h, dz, bool(reverse), *states, dW, dU, db)
    if dx is not None:
        _inputs(dx.size, W, dz, bool(reverse), dx)


@cache
def rnn(activation):
    """Return (rnn_forward, rnn_backward) for an activation, given by name."""
    return functools.partial(rnn_forward, activation), functools.partial(rnn_backward, activation)
