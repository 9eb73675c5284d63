"""The gradients of the GRU whose reset gate comes before the product.

First the steps from last to first, which give dz of all of them; then the weight gradients and dx
as products over all steps.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import derivative, restored
from nlstm.kernels.cpu.gru.before import GATES
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    lanes,
    njit_inner,
    restore_denormals,
    slice_count,
    two_forms,
)
from nlstm.kernels.cpu.machine.launching import launcher
from nlstm.kernels.cpu.machine.simd import fma, load, splat, store
from nlstm.kernels.cpu.products.gemm import share, transpose_panel
from nlstm.kernels.cpu.products.layout import blocks
from nlstm.kernels.cpu.rnn.backward import product_rows, weights_share
from nlstm.kernels.cpu.rnn.forward import SMALL_WORK


def gru_before_scratch_size(N, F, H, dtype):
    """Return how many numbers of scratch memory the backward pass needs.

    A one, the panels of U^T and W^T for each gate, and a product of (N, H).
    """
    L, V = lanes(dtype), blocks(H, dtype)
    return L + GATES * V * (V + blocks(F, dtype)) * L * L + N * V * L


@njit_inner
def begin_row(activation, recurrent_activation, dh, dh_at, dy, dy_at, has_dy, h, h_at, a, at, L,
              counts):  # fmt: skip
    """Turn dh of one row into dz of u and g; dh keeps what goes past the products."""
    zero, one = splat(a, 0.0), splat(a, 1.0)
    for k in range(0, a.shape[3], L):
        slope = load(dh, dh_at + k)
        if has_dy:
            slope = slope + load(dy, dy_at + k)
        if counts:
            kept_u, kept_g = load(a[0], at + k), load(a[2], at + k)
            u, g = restored(recurrent_activation, kept_u), restored(activation, kept_g)
            h_old = load(h, h_at + k)
            derived = derivative(recurrent_activation, kept_u)
            store(a[0], at + k, slope * (h_old - g) * derived)
            store(a[2], at + k, slope * (one - u) * derivative(activation, kept_g))
            store(dh, dh_at + k, slope * u)
        else:
            store(a[0], at + k, zero)
            store(a[2], at + k, zero)
            store(dh, dh_at + k, slope)


@njit_inner
def reset_back(recurrent_activation, dh, dh_at, p, p_at, h, h_at, h_mask, m_at, a, at, L, counts):
    """Turn the gradient of one row's reset states into dz of r, and its part of dh."""
    for k in range(0, a.shape[3], L):
        if counts:
            kept_r, slope, seen = load(a[1], at + k), load(p, p_at + k), load(h, h_at + k)
            if h_mask is not None:
                slope = slope * load(h_mask, m_at + k)
            r = restored(recurrent_activation, kept_r)
            store(a[1], at + k, slope * seen * derivative(recurrent_activation, kept_r))
            store(dh, dh_at + k, fma(slope, r, load(dh, dh_at + k)))
        else:
            store(a[1], at + k, splat(a, 0.0))


@njit_inner
def state_rows(gate, dz, dz_at, scratch, panels, product, dh, h_mask, H, L, n0, n1):
    """Add what the states get through gate u or r to dh."""
    N, S, width = dh.shape[0], dh.shape[1], dz.shape[2]
    V = width // L
    product_rows(dz, dz_at, width, scratch, panels, H, L, scratch, product, width, V, n0, n1, False)
    for n in range(n0, n1):
        for k in range(0, width, L):
            slope = load(scratch, product + n * width + k)
            if h_mask is not None:
                slope = slope * load(h_mask, (gate * N + n) * S + k)
            store(dh, n * S + k, load(dh, n * S + k) + slope)


@njit_inner
def recurrence_rows(activation, recurrent_activation, h, a, gradients, scratch, H, L, reverse,
                    masks, n0, n1):  # fmt: skip
    """Take rows n0..n1 back through all steps."""
    dy, dh, _, _, _, _, _, _ = gradients
    mask, _, _, h_mask, _ = masks
    _, T, N, width = a.shape
    V, S = width // L, h.shape[2]
    panels, product = np.int64(L), scratch.size - N * width
    for t in range(T - 1, -1, -1):
        tx = T - 1 - t if reverse else t
        has_dy = dy.shape[0] == T or t == T - 1
        dy_at, at, h_at = t % dy.shape[0] * N * dy.shape[2], t * N * width, t * N * S
        for n in range(n0, n1):
            counts = mask is None or mask[tx, n] != 0
            begin_row(activation, recurrent_activation, dh, n * S, dy, dy_at + n * dy.shape[2],
                      has_dy, h, h_at + n * S, a, at + n * width, L, counts)  # fmt: skip
        product_rows(a[2], at, width, scratch, panels + 2 * V * V * L * L, H, L, scratch, product,
                     width, V, n0, n1, False)  # fmt: skip
        for n in range(n0, n1):
            counts = mask is None or mask[tx, n] != 0
            reset_back(recurrent_activation, dh, n * S, scratch, product + n * width, h,
                       h_at + n * S, h_mask, (2 * N + n) * S, a, at + n * width, L,
                       counts)  # fmt: skip
        for gate in range(2):
            state_rows(gate, a[gate], at, scratch, panels + gate * V * V * L * L, product, dh,
                       h_mask, H, L, n0, n1)  # fmt: skip


@njit_inner
def gradient_share(x, s, dz, dW, dU, db, scratch, reverse, first, last):
    """Compute the weight gradients of inputs first..last: those of x, of states, the bias's 1."""
    T, N, Sx = x.shape[1], x.shape[2], x.shape[3]
    F, H, L, width = dW.shape[2], dU.shape[2], dW.shape[3], s.shape[3]
    zero, one = np.int64(0), np.int64(1)
    step = -N * Sx if reverse else N * Sx
    start = (T - 1) * N * Sx if reverse else zero
    for gate in range(GATES):
        if first < F:
            seen = x[gate % x.shape[0]]
            weights_share(seen, start, Sx, step, dz[gate], dW[gate], L, first, min(last, F))
        if first < F + H and last > F:
            k0, k1 = max(first - F, 0), min(last - F, H)
            weights_share(s[gate], zero, width, N * width, dz[gate], dU[gate], L, k0, k1)
        if last > F + H:
            flat = db[gate].reshape(db.shape[1], 1, L)
            weights_share(scratch, zero, zero, zero, dz[gate], flat, L, zero, one)


@njit_inner
def inputs_steps(dz, scratch, panels, H, L, F, dx, reverse, first, last):
    """Compute dx of each gate's inputs, of steps first..last in the order of computation."""
    _, T, N, width = dz.shape
    V, Vx, Sd, zero = width // L, (F + L - 1) // L, dx.shape[3], np.int64(0)
    for gate in range(GATES):
        for t in range(first, last):
            tx = T - 1 - t if reverse else t
            add = dx.shape[0] == 1 and gate > 0
            product_rows(dz[gate], t * N * width, width, scratch, panels + gate * Vx * V * L * L, H,
                         L, dx[gate % dx.shape[0]], tx * N * Sd, Sd, Vx, zero, np.int64(N),
                         add)  # fmt: skip


@njit_inner
def transpose_weights(W, U, scratch):
    """Write a one, the panels of U^T of each gate, and those of W^T."""
    _, V, F, L = W.shape
    H, Vx = U.shape[2], (F + L - 1) // L
    scratch[0] = 1
    at = np.int64(L)
    for gate in range(GATES):
        for v in range(V):
            transpose_panel(scratch, at, U[gate].reshape(-1), V, H, L, v, L)
            at += V * L * L
    for gate in range(GATES):
        for v in range(Vx):
            transpose_panel(scratch, at, W[gate].reshape(-1), V, F, L, v, L)
            at += V * L * L


@two_forms
def before_backward_forms(activation, recurrent_activation, x, weights, h, a, s, gradients, scratch,
                          reverse, masks):  # fmt: skip
    W, U, _, _ = weights
    _, _, _, dW, dU, db, dx, _ = gradients
    _, V, F, L = W.shape
    T, N, H = x.shape[1], x.shape[2], U.shape[2]
    transpose_weights(W, U, scratch)
    slices = slice_count()
    for i in prange(slices):
        first, last = share(N, np.int64(i), slices)
        mode = flush_denormals()
        recurrence_rows(activation, recurrent_activation, h, a, gradients, scratch, H, L, reverse,
                        masks, first, last)  # fmt: skip
        restore_denormals(mode)
    for i in prange(slices):
        first, last = share(F + H + 1, np.int64(i), slices)
        mode = flush_denormals()
        gradient_share(x, s, a, dW, dU, db, scratch, reverse, first, last)
        if dx is not None:
            first, last = share(T, np.int64(i), slices)
            panels = L + GATES * V * V * L * L
            inputs_steps(a, scratch, panels, H, L, F, dx, reverse, first, last)
        restore_denormals(mode)


@launcher
def gru_before_backward(
    activation, recurrent_activation, x, weights, h, a, s, gradients, scratch, reverse, masks
):
    """Compute all gradients of `gru_before_forward`.

    Parameters
    ----------
    x, weights, h, a, s, reverse, masks : as in the forward pass and after it. a is overwritten.
    gradients : Gradients, without dc and dp. dy : shape (T, N, S), or (1, N, S) for the gradient of
        the last output alone. dx : None, or shaped as x with whole vectors: of what each gate saw.
    scratch : ndarray of `gru_before_scratch_size` numbers.

    Notes
    -----
    Overwrites (=) all gradients but dy. The same bits at any number of threads.
    """
    work = x.shape[1] * x.shape[2] * (weights[0].size + weights[1].size)
    arguments = (
        activation, recurrent_activation, x, tuple(weights), h, a, s, tuple(gradients), scratch,
        reverse, tuple(masks),
    )  # fmt: skip
    return [(before_backward_forms[work >= SMALL_WORK], arguments)]
