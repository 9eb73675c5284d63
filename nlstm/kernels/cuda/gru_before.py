"""The GRU whose reset gate comes before the product: in one launch, or in two launches a step.

The latter has a thread a cell and plain sums over memory: for many units, of which old files alone
have this form, and dropout of the states. `a` keeps the gates' sums, and dz backward; the inputs of
a step are summed with the states.
"""

import functools
from functools import cache

import numpy as np

from nlstm.kernels.cuda import activations, products
from nlstm.kernels.cuda.arrays import nothing
from nlstm.kernels.cuda.basics import turn_round
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.gru_before_whole import before_backward, before_forward, fits
from nlstm.kernels.cuda.launch import SIMULATED, processors, shared_memory
from nlstm.kernels.cuda.lstm import sum_gradients
from nlstm.kernels.cuda.lstm_plain import slopes
from nlstm.kernels.cuda.lstm_whole import rows_of_block

__all__ = ["gru_before", "gru_before_scratch_size"]

GATES = 3  # update, reset, candidate
MOST_PARTS = 2 if SIMULATED else 32  # of the sums over steps and rows


def part_count(F, H):
    """Return in how many parts gradients are summed."""
    return min(MOST_PARTS, products.part_count(F + H + 1, H, 1 << 62))


def gru_before_scratch_size(N, F, H, dtype):
    """Return how many numbers of scratch memory the backward pass needs: one gate's parts."""
    return part_count(F, H) * (F + H + 1) * H


@cache
def _gates(recurrent_activation, dtype):
    """Compile z of the update and reset gates, and the states that the reset gate leaves."""
    gate, _ = activations.activation(recurrent_activation, dtype)

    def gates(at, t, tx, kept, x, W, U, b, h, a, s, dropped, h_mask):
        H, F = h.shape[2], W.shape[1]
        n, u = at // H, at % H
        z_u, z_r = b[0, u], b[1, u]
        for k in range(F):
            z_u += x[0, tx, n, k] * W[0, k, u]
            z_r += x[1 % x.shape[0], tx, n, k] * W[1, k, u]
        past = h[t, n, u]
        if dropped:
            for k in range(H):
                z_u += h[t, n, k] * h_mask[0, n, k] * U[0, k, u]
                z_r += h[t, n, k] * h_mask[1, n, k] * U[1, k, u]
            s[0, kept, n, u], s[1, kept, n, u] = past * h_mask[0, n, u], past * h_mask[1, n, u]
            past = past * h_mask[2, n, u]
        else:
            for k in range(H):
                z_u += h[t, n, k] * U[0, k, u]
                z_r += h[t, n, k] * U[1, k, u]
        a[0, kept, n, u], a[1, kept, n, u] = z_u, z_r
        s[2, kept, n, u] = past * gate(z_r)

    return each(gates)


@cache
def _finish(activation, recurrent_activation, dtype):
    """Compile the candidate and the new state."""
    act, _ = activations.activation(activation, dtype)
    gate, _ = activations.activation(recurrent_activation, dtype)

    def finish(at, t, tx, kept, x, W, U, b, h, a, s, masked, mask):
        H, F = h.shape[2], W.shape[1]
        n, u = at // H, at % H
        z_g = b[2, u]
        for k in range(F):
            z_g += x[2 % x.shape[0], tx, n, k] * W[2, k, u]
        for k in range(H):
            z_g += s[2, kept, n, k] * U[2, k, u]
        a[2, kept, n, u] = z_g
        if masked and mask[tx, n] == 0:
            h[t + 1, n, u] = h[t, n, u]
        else:
            g = act(z_g)
            h[t + 1, n, u] = gate(a[0, kept, n, u]) * (h[t, n, u] - g) + g

    return each(finish)


@cache
def _begin_back(activation, recurrent_activation, dtype):
    """Compile dh of a step, of the step after it, and dz of the update gate and candidate."""
    act, act_slope = slopes(activation, dtype)
    gate, gate_slope = slopes(recurrent_activation, dtype)
    zero, one = np.dtype(dtype).type(0), np.dtype(dtype).type(1)

    def begin(at, t, tx, U, h, a, dy, dy_step, dh, masked, mask, dropped, h_mask):
        T, H = a.shape[1], h.shape[2]
        n, u = at // H, at % H
        slope = dh[n, u]
        if t + 1 < T:
            by_update, by_reset = zero, zero
            for j in range(H):
                by_update += a[0, t + 1, n, j] * U[0, u, j]
                by_reset += a[1, t + 1, n, j] * U[1, u, j]
            if dropped:
                by_update, by_reset = by_update * h_mask[0, n, u], by_reset * h_mask[1, n, u]
            slope += by_update + by_reset
        if dy_step >= 0:
            slope += dy[dy_step, n, u]
        if t >= 0:
            if masked and mask[tx, n] == 0:
                a[0, t, n, u], a[2, t, n, u] = zero, zero
            else:
                z_u, z_g = a[0, t, n, u], a[2, t, n, u]
                update, g = gate(z_u), act(z_g)
                a[0, t, n, u] = slope * (h[t, n, u] - g) * gate_slope(z_u, update)
                a[2, t, n, u] = slope * (one - update) * act_slope(z_g, g)
                slope = slope * update
        dh[n, u] = slope

    return each(begin)


@cache
def _reset_back(recurrent_activation, dtype):
    """Compile dz of the reset gate, and what the states get through the candidate."""
    gate, gate_slope = slopes(recurrent_activation, dtype)
    zero = np.dtype(dtype).type(0)

    def reset(at, t, tx, U, h, a, dh, masked, mask, dropped, h_mask):
        H = h.shape[2]
        n, u = at // H, at % H
        if masked and mask[tx, n] == 0:
            a[1, t, n, u] = zero
        else:
            slope = zero
            for j in range(H):
                slope += a[2, t, n, j] * U[2, u, j]
            if dropped:
                slope = slope * h_mask[2, n, u]
            z_r = a[1, t, n, u]
            r = gate(z_r)
            a[1, t, n, u] = slope * h[t, n, u] * gate_slope(z_r, r)
            dh[n, u] += slope * r

    return each(reset)


@each
def _inputs(at, W, dz, dx):
    """Add what one input gets through all gates."""
    N, F, H = dx.shape[1], dx.shape[2], dz.shape[3]
    t, n, k = at // (N * F), at // F % N, at % F
    total = dz[0, t, n, 0] - dz[0, t, n, 0]
    for gate in range(3):
        for j in range(H):
            total += dz[gate, t, n, j] * W[gate, k, j]
    dx[t, n, k] = total


def _given(masks, dtype):
    """Return (whether, mask) of the steps and of the states, each an array in any case."""
    mask, _, _, h_mask, _ = masks
    steps = (False, nothing(np.dtype(np.uint8), 2)) if mask is None else (True, mask)
    states = (False, nothing(dtype, 3)) if h_mask is None else (True, h_mask)
    return steps, states


def is_whole(x, H, masks):
    """Whether one block can take rows through all steps."""
    plain = masks[3] is None and x.shape[0] == 1
    return plain and fits(x.shape[3], H, x.dtype, shared_memory())


def gru_before_forward(activation, recurrent_activation, x, weights, h, a, s, reverse, masks):
    """Run the recurrence over all time steps of a batch; see the CPU's."""
    W, U, b, _ = weights
    T, N, H = x.shape[1], x.shape[2], h.shape[2]
    steps, states = _given(masks, h.dtype)
    if is_whole(x, H, masks):
        rows, F, keep = rows_of_block(N, processors()), x.shape[3], a.shape[1] == T
        names = activation, recurrent_activation
        run = before_forward(h.dtype, F, H, rows, keep, steps[0], *names)
        kept = a.reshape(-1), s[2].reshape(-1)
        run(-(-N // rows), x[0], W, U, b, h, *kept, bool(reverse), steps[1])
        return
    gates = _gates(recurrent_activation, h.dtype)
    finish = _finish(activation, recurrent_activation, h.dtype)
    for t in range(T):
        given = t, T - 1 - t if reverse else t, t % a.shape[1], x, W, U, b, h, a, s
        gates(N * H, *given, *states)
        finish(N * H, *given, *steps)


def gru_before_backward(
    activation, recurrent_activation, x, weights, h, a, s, gradients, scratch, reverse, masks
):
    """Compute all gradients of `gru_before_forward`; see the CPU's."""
    W, U, _, _ = weights
    dy, dh, _, dW, dU, db, dx, _ = gradients
    _, T, N, H = a.shape
    names = activation, recurrent_activation
    if is_whole(x, H, masks):
        rows, steps = rows_of_block(N, processors()), _given(masks, h.dtype)[0]
        run = before_backward(h.dtype, H, rows, dy.shape[0] == T, steps[0], *names)
        run(-(-N // rows), U, h, a, dy, dh, bool(reverse), steps[1])
    else:
        _plain_back(names, U, h, a, dy, dh, reverse, masks)
    if reverse:
        turn(x)
    _gradients(x, h, a, s, masks.h_mask is not None, scratch, (dW, dU, db))
    if reverse:
        turn(x)
    if dx is None:
        return
    if dx.shape[0] == 1:
        _inputs(dx[0].size, W, a, dx[0])
    else:
        for gate in range(GATES):
            products.multiply(
                a[gate].reshape(T * N, H), W[gate], nothing(h.dtype, 1),
                dx[gate].reshape(T * N, W.shape[1]), transposed=True,
            )  # fmt: skip
    if reverse:
        turn(dx)


def _plain_back(names, U, h, a, dy, dh, reverse, masks):
    _, T, N, H = a.shape
    steps, states = _given(masks, h.dtype)
    begin, reset = _begin_back(*names, h.dtype), _reset_back(names[1], h.dtype)
    for t in range(T - 1, -2, -1):
        tx = T - 1 - t if reverse else t
        dy_step = t if dy.shape[0] == T else (0 if t == T - 1 else -1)
        begin(N * H, t, tx, U, h, a, dy, dy_step, dh, *steps, *states)
        if t >= 0:
            reset(N * H, t, tx, U, h, a, dh, *steps, *states)


def turn(parts):
    """Turn the steps of each part round where they lie."""
    for part in range(parts.shape[0]):
        turn_round(parts[part])


def _gradients(x, h, dz, s, dropped, scratch, to):
    """Make the weights' gradients of each gate: of its inputs, what it saw of states, and 1."""
    _, T, N, H = dz.shape
    F = x.shape[3]
    M, count = F + H + 1, part_count(F, H)
    parts = scratch[: count * M * H].reshape(count, M, H)
    for gate in range(GATES):
        seen = s[gate] if dropped or gate == 2 else h[:T]
        inputs = x[gate % x.shape[0]].reshape(T * N, F)
        products.multiply_transposed(
            inputs, seen.reshape(T * N, H), dz[gate].reshape(T * N, H), parts
        )
        sums = (one[gate].reshape(-1) for one in to)
        sum_gradients(M * H, parts.reshape(count, M * H), *sums)


@cache
def gru_before(activation, recurrent_activation):
    """Return (forward, backward) for two activations, given by name."""
    names = activation, recurrent_activation
    return (
        functools.partial(gru_before_forward, *names),
        functools.partial(gru_before_backward, *names),
    )
