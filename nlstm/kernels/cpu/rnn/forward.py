"""The simple recurrence, h = act(x W + h' U + b), over all time steps.

A slice of rows goes through all steps on one thread. Weights are panels of L columns.

References: Elman 1990, "Finding structure in time".
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import activate
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    restore_denormals,
    slice_count,
    two_forms,
)
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import load, store
from nlstm.kernels.cpu.products.gemm import share, tile_count, tile_edge
from nlstm.kernels.cpu.products.tile import VECTORS, tile

SMALL_WORK = 1 << 20  # multiply-adds that one thread does before a second one is worth waking


@njit_inner
def finish_row(activation, t, n, counts, h, z, H, L, h_mask, hm):
    """Apply the activation to one row of step t; a masked row keeps its state."""
    N, S = h.shape[1], h.shape[2]
    before, after = t % h.shape[0], (t + 1) % h.shape[0]
    if counts:
        for k in range(0, H, L):
            at = (after * N + n) * S + k
            past = load(h, at)
            if z is not None:
                store(z, (t * N + n) * S + k, past)
            store(h, at, activate(activation, past))
        for k in range(H, S):
            h[after, n, k] = 0
    else:
        for k in range(S):
            h[after, n, k] = h[before, n, k]
    if hm is not None and t + 1 < hm.shape[0]:
        for k in range(S):
            hm[t + 1, n, k] = h[after, n, k] * h_mask[n, k]


@njit_inner
def forward_rows(activation, x, W, U, b, h, z, reverse, mask, h_mask, hm, n0, n1):
    """Take rows n0..n1 through all steps."""
    T, N, Sx = x.shape
    V, F, L = W.shape
    slots, H, S = h.shape[0], U.shape[1], h.shape[2]
    count = tile_count(n1 - n0)
    mode = flush_denormals()
    if hm is not None:
        for n in range(n0, n1):
            for k in range(S):
                hm[0, n, k] = h[0, n, k] * h_mask[n, k]
    for t in range(T):
        tx = T - 1 - t if reverse else t
        before, after = (t % slots) * N * S, ((t + 1) % slots) * N * S
        for v in range(0, V, VECTORS):
            for index in range(count):
                n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                place = (h, after + n * S + v * L, S, L)
                from_x = (x, (tx * N + n) * Sx, Sx, 1, 0, W, v * F * L, F * L, L, 0, F, 1)
                if hm is None:
                    from_h = (h, before + n * S, S, 1, 0, U, v * H * L, H * L, L, 0, H, 1)
                else:
                    from_h = (hm, (t * N + n) * S, S, 1, 0, U, v * H * L, H * L, L, 0, H, 1)
                tile(end - n, min(VECTORS, V - v), place, (b, v * L, 0, L), (from_x, from_h))
        for n in range(n0, n1):
            counts = mask is None or mask[tx, n] != 0
            finish_row(activation, t, n, counts, h, z, H, L, h_mask, hm)
    restore_denormals(mode)


@two_forms
def forward_forms(activation, x, weights, h, z, reverse, masks):
    W, U, b, _ = weights
    mask, _, _, h_mask, hm = masks
    slices = slice_count()
    for s in prange(slices):
        first, last = share(x.shape[1], np.int64(s), slices)
        forward_rows(activation, x, W, U, b, h, z, reverse, mask, h_mask, hm, first, last)


@launcher
def rnn_forward(activation, x, weights, h, z, reverse, masks):
    """Run a simple recurrence over all time steps of a batch.

    Parameters
    ----------
    activation : marker of `nlstm.kernels.cpu.activations.emitters`.
    x : ndarray, shape (T, N, >= F).
    weights : Weights. W, U : panels (V, F, L), (V, H, L). b : (V, L).
    h : state, shape (T + 1, N, S) or (2, N, S). Slot 0 holds the initial state; the rest is
        overwritten.
    z : ndarray, shape (T, N, S), or None. Overwritten with what the activation was given, for
        activations whose derivative cannot be written by their result.
    reverse : bool. Steps are taken from the last to the first; h is in the order of computation.
    masks : Masks, without x_mask. h_mask : shape (N, S), multiplies h'; hm, shape (T, N, S), is
        overwritten with the products.

    Notes
    -----
    Overwrites (=) every output. The same bits at any number of threads.
    """
    work = x.shape[0] * x.shape[1] * (weights[0].size + weights[1].size)
    # As plain tuples: see `lstm_forward`.
    arguments = (activation, x, tuple(weights), h, z, reverse, tuple(masks))
    return [(forward_forms[work >= SMALL_WORK], arguments)]
