"""The gradients of the simple recurrence.

First the steps from last to first, which give dz of all of them; then the weight gradients and dx
as products over all steps.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import derivative
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    lanes,
    njit_inner,
    restore_denormals,
    slice_count,
    two_forms,
)
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import load, splat, store
from nlstm.kernels.cpu.products.gemm import ROW_BLOCK, share, tile_count, tile_edge, transpose_panel
from nlstm.kernels.cpu.products.layout import blocks, padded
from nlstm.kernels.cpu.products.tile import VECTORS, tile
from nlstm.kernels.cpu.rnn.forward import SMALL_WORK


def rnn_scratch_size(N, F, H, dtype):
    """Return how many numbers of scratch memory `rnn_backward` needs.

    A one, the panels of U^T and W^T, and a product of (N, H).
    """
    L = lanes(dtype)
    panels = blocks(H, dtype) * (blocks(H, dtype) + blocks(F, dtype)) * L * L
    return L + panels + N * padded(H, dtype)


@njit_inner
def product_rows(dz, dz_at, S, panels, panels_at, H, L, out, out_at, out_row, V, n0, n1, add):
    """Compute out = dz P for rows n0..n1, P in V panels; with `add`, out is added to."""
    panel = (H + L - 1) // L * L * L
    count = tile_count(n1 - n0)
    for v in range(0, V, VECTORS):
        for index in range(count):
            n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
            place = (out, out_at + n * out_row + v * L, out_row, L)
            source = (dz, dz_at + n * S, S, 1, 0, panels, panels_at + v * panel, panel, L, 0, H, 1)
            if add:
                tile(end - n, min(VECTORS, V - v), place, place, (source,))
            else:
                tile(end - n, min(VECTORS, V - v), place, None, (source,))


@njit_inner
def recurrence_rows(
    activation, h, z, gradients, dz, scratch, product, H, L, reverse, masks, n0, n1
):
    """Take rows n0..n1 back through all steps."""
    dy, dh, _, _, _, _, _, _ = gradients
    mask, _, _, h_mask, _ = masks
    T, N, S = dz.shape
    V = (H + L - 1) // L
    zero = splat(dz, 0.0)
    for t in range(T - 1, -1, -1):
        tx = T - 1 - t if reverse else t
        has_dy = dy.shape[0] == T or t == T - 1
        dy_step = t if dy.shape[0] == T else 0
        for n in range(n0, n1):
            counts = mask is None or mask[tx, n] != 0
            for k in range(0, V * L, L):
                at = n * S + k
                slope = load(dh, at)
                if has_dy:
                    slope = slope + load(dy, (dy_step * N + n) * S + k)
                if counts:
                    if z is None:
                        past = load(h, ((t + 1) * N + n) * S + k)
                    else:
                        past = load(z, (t * N + n) * S + k)
                    store(dz, (t * N + n) * S + k, slope * derivative(activation, past))
                    store(dh, at, zero)
                else:
                    store(dz, (t * N + n) * S + k, zero)
                    store(dh, at, slope)
        dz_at = t * N * S
        if h_mask is None:
            product_rows(dz, dz_at, S, scratch, L, H, L, dh, np.int64(0), S, V, n0, n1, True)
        else:
            product_rows(dz, dz_at, S, scratch, L, H, L, scratch, product, S, V, n0, n1, False)
            for n in range(n0, n1):
                for k in range(H):
                    dh[n, k] += scratch[product + n * S + k] * h_mask[n, k]


@njit_inner
def weights_share(inputs, in_at, in_row, in_step, dz, dW, L, first, last):
    """Compute rows first..last of dW, the sum over steps and rows of inputs^T dz."""
    T, N, S = dz.shape
    V, K = dW.shape[0], dW.shape[1]
    step_block = max(1, ROW_BLOCK // N)
    count = tile_count(last - first)
    for v in range(0, V, VECTORS):
        vectors = min(VECTORS, V - v)
        for t in range(0, T, step_block):
            steps = min(step_block, T - t)
            for n in range(0, N, ROW_BLOCK):
                rows = min(ROW_BLOCK, N - n)
                a, b = in_at + t * in_step + n * in_row, (t * N + n) * S + v * L
                for index in range(count):
                    k = tile_edge(first, last, index)
                    end = tile_edge(first, last, index + 1)
                    place = (dW, (v * K + k) * L, L, K * L)
                    source = (inputs, a + k, 1, in_row, in_step, dz, b, L, S, N * S, rows, steps)
                    if t == 0 and n == 0:
                        tile(end - k, vectors, place, None, (source,))
                    else:
                        tile(end - k, vectors, place, place, (source,))


@njit_inner
def gradient_share(x, h, hm, dz, dW, dU, db, scratch, reverse, first, last):
    """Compute the weight gradients of inputs first..last: those of x, those of h, the bias's 1."""
    T, N, Sx = x.shape
    F, H, S, L = dW.shape[1], dU.shape[1], h.shape[2], dW.shape[2]
    zero, one = np.int64(0), np.int64(1)
    if first < F:
        step = -N * Sx if reverse else N * Sx
        start = (T - 1) * N * Sx if reverse else zero
        weights_share(x, start, Sx, step, dz, dW, L, first, min(last, F))
    if first < F + H and last > F:
        before = h if hm is None else hm
        k0, k1 = max(first - F, 0), min(last - F, H)
        weights_share(before, zero, S, N * S, dz, dU, L, k0, k1)
    if last > F + H:
        flat = db.reshape(db.shape[0], 1, L)
        weights_share(scratch, zero, zero, zero, dz, flat, L, zero, one)


@njit_inner
def inputs_steps(dz, scratch, panels, H, L, F, dx, reverse, first, last):
    """Compute dx = dz W^T of steps first..last, counted in the order of computation."""
    T, N, S = dz.shape
    Sd, zero = dx.shape[2], np.int64(0)
    for t in range(first, last):
        tx = T - 1 - t if reverse else t
        product_rows(dz, t * N * S, S, scratch, panels, H, L, dx, tx * N * Sd, Sd,
                     (F + L - 1) // L, zero, np.int64(N), False)  # fmt: skip


@njit_inner
def transpose_weights(W, U, scratch, with_inputs):
    """Write a one, the panels of U^T and those of W^T; return the place behind these."""
    V, F, L = W.shape
    H = U.shape[1]
    scratch[0] = 1
    at = np.int64(L)
    for v in range(V):
        transpose_panel(scratch, at, U.reshape(-1), V, H, L, v, L)
        at += V * L * L
    for v in range((F + L - 1) // L):
        if with_inputs:
            transpose_panel(scratch, at, W.reshape(-1), V, F, L, v, L)
        at += V * L * L
    return at


@two_forms
def backward_forms(activation, x, weights, h, z, dz, gradients, scratch, reverse, masks):
    T, N = x.shape[0], x.shape[1]
    W, U, _, _ = weights
    _, _, _, dW, dU, db, dx, _ = gradients
    _, _, _, _, hm = masks
    V, F, L = W.shape
    H = U.shape[1]
    product = transpose_weights(W, U, scratch, dx is not None)
    slices = slice_count()
    for s in prange(slices):
        first, last = share(N, np.int64(s), slices)
        mode = flush_denormals()
        recurrence_rows(activation, h, z, gradients, dz, scratch, product, H, L, reverse, masks,
                        first, last)  # fmt: skip
        restore_denormals(mode)
    for s in prange(slices):
        first, last = share(F + H + 1, np.int64(s), slices)
        mode = flush_denormals()
        gradient_share(x, h, hm, dz, dW, dU, db, scratch, reverse, first, last)
        if dx is not None:
            first, last = share(T, np.int64(s), slices)
            inputs_steps(dz, scratch, L + V * V * L * L, H, L, F, dx, reverse, first, last)
        restore_denormals(mode)


@launcher
def rnn_backward(activation, x, weights, h, z, dz, gradients, scratch, reverse, masks):
    """Compute all gradients of `rnn_forward`.

    Parameters
    ----------
    activation, x, weights, h, z, reverse, masks : as in the forward pass and after it.
    dz : ndarray, shape (T, N, S). Overwritten: work memory. May be z.
    gradients : Gradients, without dc and dp. dy : shape (T, N, S), or (1, N, S) for the gradient of
        the last output alone.
    scratch : ndarray of `rnn_scratch_size` numbers.

    Notes
    -----
    Overwrites (=) dz and all gradients but dy. The same bits at any number of threads.
    """
    work = x.shape[0] * x.shape[1] * (weights[0].size + weights[1].size)
    arguments = (
        activation, x, tuple(weights), h, z, dz, tuple(gradients), scratch, reverse,
        tuple(masks),
    )  # fmt: skip
    return [(backward_forms[work >= SMALL_WORK], arguments)]
