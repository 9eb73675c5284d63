"""The GRU whose reset gate comes before the product, over all time steps.

    u, r = sigmoid(x W + h' U + b)    g = tanh(x W_g + (r h') U_g + b_g)    h = u h' + (1 - u) g

Two products a step, one after the other. Weights are panels of L columns for each gate, in the
order u, r, g. A slice of rows goes through all steps on one thread.

References: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder".
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import activate, only_units, restored, saved
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    restore_denormals,
    slice_count,
    two_forms,
)
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import fma, load, store
from nlstm.kernels.cpu.products.gemm import share, tile_count, tile_edge
from nlstm.kernels.cpu.products.tile import VECTORS, tile
from nlstm.kernels.cpu.rnn.forward import SMALL_WORK

GATES = 3


@njit_inner
def gate_rows(x, x_at, s, s_at, W, U, b, out, out_at, n0, n1):
    """Compute out = b + x W + s U of one gate for rows n0..n1 of a step."""
    V, F, L = W.shape
    H, Sx, S, So = U.shape[1], x.shape[2], s.shape[2], out.shape[2]
    count = tile_count(n1 - n0)
    for v in range(0, V, VECTORS):
        for index in range(count):
            n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
            place = (out, out_at + n * So + v * L, So, L)
            from_x = (x, x_at + n * Sx, Sx, 1, 0, W, v * F * L, F * L, L, 0, F, 1)
            from_s = (s, s_at + n * S, S, 1, 0, U, v * H * L, H * L, L, 0, H, 1)
            tile(end - n, min(VECTORS, V - v), place, (b, v * L, 0, L), (from_x, from_s))


@njit_inner
def see_states(h, h_at, h_mask, gate, s, s_at, n0, n1):
    """Write what a gate sees of the states: with dropout, a part of them."""
    N, S = h.shape[1], h.shape[2]
    for n in range(n0, n1):
        for k in range(s.shape[2]):
            value = h.reshape(-1)[h_at + n * S + k]
            if h_mask is not None:
                value = value * h_mask.reshape(-1)[(gate * N + n) * S + k]
            s.reshape(-1)[s_at + n * s.shape[2] + k] = value


@njit_inner
def keep_reset(recurrent_activation, a, at, n0, n1, L):
    """Turn z of the reset gate into what is kept of it."""
    for n in range(n0, n1):
        for k in range(at + n * a.shape[2], at + (n + 1) * a.shape[2], L):
            z_r = load(a, k)
            store(a, k, saved(recurrent_activation, z_r, activate(recurrent_activation, z_r)))


@njit_inner
def reset_states(recurrent_activation, a, s, at, n0, n1, L):
    """Multiply the states by the reset gate."""
    for n in range(n0, n1):
        for k in range(at + n * a.shape[2], at + (n + 1) * a.shape[2], L):
            store(s, k, load(s, k) * restored(recurrent_activation, load(a, k)))


@njit_inner
def finish_row(activation, recurrent_activation, h, h_at, to, a_u, a_g, at, H, L):
    """Compute h of one row; a_u and a_g keep what the backward pass needs."""
    for k in range(0, a_u.shape[2], L):
        z_u, z_g, h_old = load(a_u, at + k), load(a_g, at + k), load(h, h_at + k)
        u, g = activate(recurrent_activation, z_u), activate(activation, z_g)
        store(a_u, at + k, saved(recurrent_activation, z_u, u))
        store(a_g, at + k, saved(activation, z_g, g))
        store(h, to + k, only_units(activation, fma(u, h_old - g, g), H - k))


@njit_inner
def forward_rows(activation, recurrent_activation, x, W, U, b, h, a, s, reverse, mask, h_mask,
                 n0, n1):  # fmt: skip
    """Take rows n0..n1 through all steps."""
    T, N, Sx = x.shape[1], x.shape[2], x.shape[3]
    H, L, S, width = U.shape[2], U.shape[3], h.shape[2], a.shape[3]
    mode = flush_denormals()
    for t in range(T):
        tx = T - 1 - t if reverse else t
        before, after = t % h.shape[0] * N * S, (t + 1) % h.shape[0] * N * S
        at = t % a.shape[1] * N * width
        for gate in range(GATES):
            see_states(h, before, h_mask, gate, s[gate], at, n0, n1)
            if gate == 2:
                reset_states(recurrent_activation, a[1], s[2], at, n0, n1, L)
            gate_rows(x[gate % x.shape[0]], tx * N * Sx, s[gate], at, W[gate], U[gate], b[gate],
                      a[gate], at, n0, n1)  # fmt: skip
            if gate == 1:
                keep_reset(recurrent_activation, a[1], at, n0, n1, L)
        for n in range(n0, n1):
            if mask is None or mask[tx, n] != 0:
                finish_row(activation, recurrent_activation, h, before + n * S, after + n * S,
                           a[0], a[2], at + n * width, H, L)  # fmt: skip
            else:
                for k in range(0, width, L):
                    store(h, after + n * S + k, load(h, before + n * S + k))
    restore_denormals(mode)


@two_forms
def before_forward_forms(activation, recurrent_activation, x, weights, h, a, s, reverse, masks):
    W, U, b, _ = weights
    mask, _, _, h_mask, _ = masks
    slices = slice_count()
    for i in prange(slices):
        first, last = share(x.shape[2], np.int64(i), slices)
        forward_rows(activation, recurrent_activation, x, W, U, b, h, a, s, reverse, mask, h_mask,
                     first, last)  # fmt: skip


@launcher
def gru_before_forward(activation, recurrent_activation, x, weights, h, a, s, reverse, masks):
    """Run the recurrence over all time steps of a batch.

    Parameters
    ----------
    activation, recurrent_activation : markers of `nlstm.kernels.cpu.activations.emitters`.
    x : ndarray, shape (1, T, N, >= F), or (3, T, N, >= F): what each gate sees.
    weights : Weights. W, U : shape (3, V, K, L). b : (3, V, L).
    h : state, shape (T + 1, N, S) or (2, N, S). Slot 0 holds the initial state; the rest is
        overwritten.
    a, s : ndarray, shape (3, T, N, V * L), in prediction (3, 1, N, V * L). Overwritten: for the
        backward pass, what it needs of the gates, and what these saw of the states.
    reverse : bool. Steps are taken from the last to the first; h is in the order of computation.
    masks : Masks of steps, and h_mask, shape (3, N, S), by which the gates' states are multiplied.

    Notes
    -----
    Overwrites (=) every output. The same bits at any number of threads.
    """
    work = x.shape[1] * x.shape[2] * (weights[0].size + weights[1].size)
    arguments = (
        activation, recurrent_activation, x, tuple(weights), h, a, s, reverse, tuple(masks),
    )  # fmt: skip
    return [(before_forward_forms[work >= SMALL_WORK], arguments)]
