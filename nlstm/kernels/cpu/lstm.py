"""The LSTM recurrence over all time steps, forward and backward.

    z = x W + h' U + b    i, f, o = sigmoid(z_i, z_f, z_o)    g = tanh(z_g)
    c = f c' + i g        h = o tanh(c)

Forward, a register tile computes z for a few rows and one block of units, and the cell finishes these
while they are in the first-level cache. Backward goes through chunks of steps: first the recurrence (dz of
each step, and dh of the step before it), then the weight gradients as one product over the chunk, which
takes dz from cache, so that dz of the whole sequence never exists.

Rows are split over threads, each slice going through all steps alone. With too few rows for that, units are
split instead, and the threads meet at every step (`schedule`).

References: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000.
"""

import functools

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations import MARKERS, activate, derivative
from nlstm.kernels.cpu.gemm import (
    product_with_transpose,
    share,
    tile_count,
    tile_edge,
    transpose_panel,
    weight_gradient,
)
from nlstm.kernels.cpu.jit import lanes, njit, njit_parallel, thread_count
from nlstm.kernels.cpu.layout import GATES, blocks
from nlstm.kernels.cpu.simd import fma, load, splat, store
from nlstm.kernels.cpu.tile import ROWS, VECTORS, tile

CHUNK_BYTES = 2 << 20  # of dz: what the second-level caches of two cores hold
CHUNK_ROWS = 512  # at least: below, reading and writing dW costs more than the product itself
SMALL_WORK = 1 << 20  # multiply-adds that one thread does before a second one is worth waking
ROWS_PER_THREAD = 4  # at least: fewer leave the register tile half empty
GROUP_ROWS = 64  # rows whose dz stays in the second-level cache between cell and product


# --- shapes and schedule -----------------------------------------------------------------------------------


def lstm_gates_shape(T, N, H, dtype):
    """Return the shape of the gates that a forward pass saves for the backward pass."""
    return (T, blocks(H, dtype), N, GATES, lanes(dtype))


def lstm_scratch_size(T, N, F, H, dtype):
    """Return how many numbers of scratch memory the kernels of one layer need."""
    L, itemsize = lanes(dtype), np.dtype(dtype).itemsize
    units, inputs = blocks(H, dtype), blocks(F, dtype)
    panels = (units + inputs) * GATES * units * L * L
    dz = chunk_steps(T, N, GATES * units * L * itemsize) * N * GATES * units * L
    forward = 64 * ROWS * VECTORS * L
    return L + max(panels + dz, forward) + N * units * L


@njit
def chunk_steps(T, N, row_bytes):
    """Return how many steps of dz a backward chunk holds; never depends on the number of threads."""
    rows = max(CHUNK_ROWS, CHUNK_BYTES // row_bytes)
    return min(T, max(1, rows // N))


@njit
def schedule(T, N, F, H, threads):
    """Return (row slices, unit slices); one of them is 1."""
    step_work = N * (F + H) * GATES * H
    if threads == 1 or T * step_work < SMALL_WORK:
        return 1, 1
    row_slices = max(1, min(threads, N // ROWS_PER_THREAD))
    if row_slices < threads and step_work >= SMALL_WORK // 8:
        return 1, threads
    return row_slices, 1


# --- forward -----------------------------------------------------------------------------------------------


@njit
def any_row(mask, t, first, last):
    if mask is None:
        return True
    for n in range(first, last):  # noqa: SIM110, any() is not for kernels
        if mask[t, n]:
            return True
    return False


@njit
def forward_cell(activation, recurrent_activation, t, tx, first, last, block, z, z_offset, h, c, gates,
                 mask, h_mask, hm):
    """Finish rows first..last of one unit block: gates from z, then c and h; masked rows keep theirs."""
    N, S = h.shape[1], h.shape[2]
    slots, L = h.shape[0], z.shape[z.ndim - 1]
    before, after = (t % slots) * N * S + block * L, ((t + 1) % slots) * N * S + block * L
    for n in range(first, last):
        old, new = before + n * S, after + n * S
        if mask is not None and not mask[tx, n]:
            h_new = load(h, old)
            store(c, new, load(c, old))
        else:
            at = z_offset + (n - first) * GATES * L
            i = activate(recurrent_activation, load(z, at))
            f = activate(recurrent_activation, load(z, at + L))
            g = activate(activation, load(z, at + 2 * L))
            o = activate(recurrent_activation, load(z, at + 3 * L))
            c_new = fma(f, load(c, old), i * g)
            h_new = o * activate(activation, c_new)
            store(c, new, c_new)
            if gates is not None:
                store(z, at, i)
                store(z, at + L, f)
                store(z, at + 2 * L, g)
                store(z, at + 3 * L, o)
        store(h, new, h_new)
        if h_mask is not None and t + 1 < hm.shape[0]:
            for gate in range(GATES):
                kept = h_new * load(h_mask, (gate * N + n) * S + block * L)
                store(hm, (((t + 1) * GATES + gate) * N + n) * S + block * L, kept)


@njit
def forward_steps(activation, recurrent_activation, t0, t1, n0, n1, b0, b1, x, W, U, b, h, c, gates,
                  scratch, scratch_offset, reverse, mask, h_mask, hm):
    """Take rows n0..n1 and unit blocks b0..b1 through steps t0..t1."""
    T, N, Sx = x.shape
    F, H, L = W.shape[1], U.shape[1], U.shape[3]
    slots, S = h.shape[0], h.shape[2]
    width = GATES * L
    count = tile_count(n1 - n0)
    for t in range(t0, t1):
        tx = T - 1 - t if reverse else t
        for block in range(b0, b1):
            for index in range(count):
                n, end = tile_edge(n0, n1, index, count), tile_edge(n0, n1, index + 1, count)
                if gates is None:
                    z, at = scratch.reshape((-1, L)), scratch_offset
                else:
                    z, at = gates.reshape((-1, L)), ((t * U.shape[0] + block) * N + n) * width
                if any_row(mask, tx, n, end):
                    place = (z, at, width, L)
                    bias = (b, block * width, 0, L)
                    from_x = (x, (tx * N + n) * Sx, Sx, 1, 0, W, block * F * width, L, width, 0, F, 1)
                    U_block = block * H * width
                    if h_mask is None:
                        before = ((t % slots) * N + n) * S
                        from_h = (h, before, S, 1, 0, U, U_block, L, width, 0, H, 1)
                        tile(end - n, VECTORS, place, bias, (from_x, from_h))
                    else:
                        tile(end - n, VECTORS, place, bias, (from_x,))
                        for gate in range(GATES):
                            before = ((t * GATES + gate) * N + n) * S
                            of_gate = (z, at + gate * L, width, L)
                            from_h = (hm, before, S, 1, 0, U, U_block + gate * L, L, width, 0, H, 1)
                            tile(end - n, 1, of_gate, of_gate, (from_h,))
                forward_cell(activation, recurrent_activation, t, tx, n, end, block, z, at, h, c, gates,
                             mask, h_mask, hm)  # fmt: skip


@njit_parallel
def mask_inputs(x, x_mask, xm):
    """Write the masked inputs of all steps."""
    for t in prange(x.shape[0]):
        for n in range(x.shape[1]):
            for k in range(x_mask.shape[1]):
                xm[t, n, k] = x[t, n, k] * x_mask[n, k]


@njit
def mask_first_state(h, h_mask, hm):
    """Write the masked initial state; the cell writes those after it."""
    for gate in range(GATES):
        for n in range(h.shape[1]):
            for k in range(h.shape[2]):
                hm[0, gate, n, k] = h[0, n, k] * h_mask[gate, n, k]


@njit_parallel
def run_forward(activation, recurrent_activation, x, W, U, b, h, c, gates, scratch, reverse, mask,
                h_mask, hm):
    T, N, F, H, B = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0]
    z_size = ROWS * VECTORS * U.shape[3]
    row_slices, unit_slices = schedule(T, N, F, H, thread_count())
    if unit_slices > 1:
        for t in range(T):
            for s in prange(unit_slices):
                b0, b1 = share(B, s, unit_slices)
                forward_steps(activation, recurrent_activation, t, t + 1, 0, N, b0, b1, x, W, U, b, h, c,
                              gates, scratch, np.int64(s) * z_size, reverse, mask, h_mask, hm)  # fmt: skip
    elif row_slices > 1:
        for s in prange(row_slices):
            n0, n1 = share(N, s, row_slices)
            forward_steps(activation, recurrent_activation, 0, T, n0, n1, 0, B, x, W, U, b, h, c, gates,
                          scratch, np.int64(s) * z_size, reverse, mask, h_mask, hm)  # fmt: skip
    else:
        forward_steps(activation, recurrent_activation, 0, T, 0, N, 0, B, x, W, U, b, h, c, gates,
                      scratch, 0, reverse, mask, h_mask, hm)  # fmt: skip


def lstm_forward(activation, recurrent_activation, x, W, U, b, h, c, gates, scratch, reverse, mask,
                 x_mask, xm, h_mask, hm):
    if x_mask is not None:
        mask_inputs(x, x_mask, xm)
        x = xm
    if h_mask is not None:
        mask_first_state(h, h_mask, hm)
    run_forward(activation, recurrent_activation, x, W, U, b, h, c, gates, scratch, reverse, mask,
                h_mask, hm)  # fmt: skip


# --- backward ----------------------------------------------------------------------------------------------


@njit
def backward_cell(activation, recurrent_activation, t, tx, first, last, b0, b1, h, c, gates, dy, dh, dc, dz,
                  dz_step, dz_block, mask, h_mask):
    """Turn dh and dc of step t into dz and the dc of the step before, for rows first..last.

    Afterwards dh holds what goes past the product with U: nothing, or all of it where a row is masked.
    """
    T, N, L = gates.shape[0], gates.shape[2], gates.shape[4]
    S, Sy, Sd = c.shape[2], dy.shape[2], dh.shape[1]
    width = GATES * L
    has_dy = dy.shape[0] == T or t == T - 1
    dy_step = t if dy.shape[0] == T else 0
    one = splat(gates, 1.0)
    for block in range(b0, b1):
        for n in range(first, last):
            dh_at, c_at = n * Sd + block * L, (t * N + n) * S + block * L
            at = dz_block * block + dz_step + n * width
            dh_n = load(dh, dh_at)
            if has_dy:
                dh_n = dh_n + load(dy, (dy_step * N + n) * Sy + block * L)
            if mask is not None and not mask[tx, n]:
                store(dh, dh_at, dh_n)
                zero = splat(gates, 0.0)
                for gate in range(GATES):
                    store(dz, at + gate * L, zero)
            else:
                gate_at = ((t * gates.shape[1] + block) * N + n) * width
                i, f = load(gates, gate_at), load(gates, gate_at + L)
                g, o = load(gates, gate_at + 2 * L), load(gates, gate_at + 3 * L)
                act_c = activate(activation, load(c, c_at + N * S))
                dc_n = fma(dh_n * o, derivative(activation, act_c), load(dc, dh_at))
                store(dz, at, dc_n * g * derivative(recurrent_activation, i))
                store(dz, at + L, dc_n * load(c, c_at) * derivative(recurrent_activation, f))
                store(dz, at + 2 * L, dc_n * i * derivative(activation, g))
                store(dz, at + 3 * L, dh_n * act_c * derivative(recurrent_activation, o))
                store(dc, dh_at, dc_n * f)
                if mask is not None:
                    store(dh, dh_at, splat(gates, 0.0))


@njit
def backward_product(n0, n1, v0, v1, dh, dz, dz_step, dz_block, scratch, U_panels, product, H, L, mask,
                     h_mask):
    """Compute dh of the step before, dz U^T (plus what went past it), for rows n0..n1 and panels v0..v1."""
    N, S = dh.shape
    if h_mask is None:
        product_with_transpose(dh, 0, S, n0, n1, v0, v1, dz, dz_step, dz_block, scratch, U_panels, H, L,
                               0, GATES, mask is not None)  # fmt: skip
        return
    row = (H + L - 1) // L * L
    for gate in range(GATES):
        product_with_transpose(scratch, product, row, n0, n1, v0, v1, dz, dz_step, dz_block, scratch,
                               U_panels, H, L, gate, 1, False)  # fmt: skip
        for n in range(n0, n1):
            for v in range(v0, v1):
                at = n * S + v * L
                kept = load(scratch, product + n * row + v * L) * load(h_mask, gate * N * S + at)
                if mask is not None or gate > 0:
                    kept = kept + load(dh, at)
                store(dh, at, kept)


@njit
def backward_steps(activation, recurrent_activation, t0, t1, n0, n1, h, c, gates, dy, dh, dc, scratch, dz,
                   dz_block, U_panels, product, H, reverse, mask, h_mask):
    """Take rows n0..n1 back through the steps of one chunk, all units."""
    T, B, N, L = gates.shape[0], gates.shape[1], gates.shape[2], gates.shape[4]
    for t in range(t1 - 1, t0 - 1, -1):
        tx = T - 1 - t if reverse else t
        dz_step = dz + (t - t0) * N * GATES * L
        for n in range(n0, n1, GROUP_ROWS):
            end = min(n + GROUP_ROWS, n1)
            backward_cell(activation, recurrent_activation, t, tx, n, end, 0, B, h, c, gates, dy, dh, dc,
                          scratch, dz_step, dz_block, mask, h_mask)  # fmt: skip
            backward_product(n, end, 0, B, dh, scratch, dz_step, dz_block, scratch, U_panels, product, H, L,
                             mask, h_mask)  # fmt: skip


@njit
def gradient_share(first, last, t0, t1, x, h, hm, h_mask, scratch, dz, dz_block, dW, dU, db, reverse,
                   accumulate):
    """Compute the weight gradients of one chunk for elements first..last of (block, input) pairs.

    The inputs of a block are those of x, those of h, and the 1 of the bias (scratch[0]).
    """
    T, N, Sx = x.shape
    F, H, L, S = dW.shape[1], dU.shape[1], dU.shape[3], h.shape[2]
    width, inputs, steps = GATES * L, F + H + 1, t1 - t0
    x_step = -N * Sx if reverse else N * Sx
    x_at = (T - 1 - t0 if reverse else t0) * N * Sx
    for block in range(first // inputs, (last + inputs - 1) // inputs):
        k0, k1 = max(0, first - block * inputs), min(inputs, last - block * inputs)
        at = dz + block * dz_block
        if k0 < F:
            weight_gradient(dW, block * F * width, k0, min(k1, F), VECTORS, x, x_at, Sx, x_step, scratch, at,
                            steps, N, accumulate)  # fmt: skip
        if k0 < F + H and k1 > F:
            j0, j1 = max(k0 - F, 0), min(k1 - F, H)
            if h_mask is None:
                weight_gradient(dU, block * H * width, j0, j1, VECTORS, h, t0 * N * S, S, N * S, scratch, at,
                                steps, N, accumulate)  # fmt: skip
            else:
                for gate in range(GATES):
                    h_at, U_at = (t0 * GATES + gate) * N * S, block * H * width + gate * L
                    weight_gradient(dU, U_at, j0, j1, 1, hm, h_at, S, GATES * N * S, scratch, at + gate * L,
                                    steps, N, accumulate)  # fmt: skip
        if k1 == inputs:
            weight_gradient(db, block * width, 0, 1, VECTORS, scratch, 0, 0, 0, scratch, at, steps, N,
                            accumulate)  # fmt: skip


@njit_parallel
def lstm_backward(activation, recurrent_activation, x, W, U, h, c, gates, dy, dh, dc, dW, dU, db, dx,
                  scratch, reverse, mask, x_mask, h_mask, hm):
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    threads = thread_count()
    row_slices, unit_slices = schedule(T, N, F, H, threads)
    slices = max(row_slices, unit_slices)
    V = 0 if dx is None else (F + L - 1) // L
    panel = B * GATES * L * L
    U_panels = L
    W_panels = U_panels + B * panel
    dz = W_panels + V * panel
    steps = chunk_steps(T, N, B * GATES * L * scratch.itemsize)
    dz_block = steps * N * GATES * L
    product = dz + B * dz_block

    scratch[0] = 1.0
    if slices == 1:
        transposes(U, W, scratch, U_panels, W_panels, 0, B + V)
    else:
        for s in prange(slices):
            first, last = share(B + V, s, slices)
            transposes(U, W, scratch, U_panels, W_panels, first, last)
    t1 = T
    while t1 > 0:
        t0 = max(0, t1 - steps)
        if unit_slices > 1:
            for t in range(t1 - 1, t0 - 2, -1):
                for s in prange(unit_slices):
                    b0, b1 = share(B, s, unit_slices)
                    dz_step = dz + (t - t0) * N * GATES * L
                    if t < t1 - 1:
                        backward_product(0, N, b0, b1, dh, scratch, dz_step + N * GATES * L, dz_block, scratch,
                                         U_panels, product, H, L, mask, h_mask)  # fmt: skip
                    if t >= t0:
                        tx = T - 1 - t if reverse else t
                        backward_cell(activation, recurrent_activation, t, tx, 0, N, b0, b1, h, c, gates, dy,
                                      dh, dc, scratch, dz_step, dz_block, mask, h_mask)  # fmt: skip
        elif row_slices > 1:
            for s in prange(row_slices):
                n0, n1 = share(N, s, row_slices)
                backward_steps(activation, recurrent_activation, t0, t1, n0, n1, h, c, gates, dy, dh, dc,
                               scratch, dz, dz_block, U_panels, product, H, reverse, mask,
                               h_mask)  # fmt: skip
        else:
            backward_steps(activation, recurrent_activation, t0, t1, 0, N, h, c, gates, dy, dh, dc, scratch,
                           dz, dz_block, U_panels, product, H, reverse, mask, h_mask)  # fmt: skip
        elements = B * (F + H + 1)
        if slices == 1:
            gradient_share(0, elements, t0, t1, x, h, hm, h_mask, scratch, dz, dz_block, dW, dU, db, reverse,
                           t1 < T)  # fmt: skip
            inputs_share(t0, t1, 0, N, dx, x_mask, scratch, dz, dz_block, W_panels, T, F, H, L, reverse)
        else:
            for s in prange(threads):
                first, last = share(elements, s, threads)
                gradient_share(first, last, t0, t1, x, h, hm, h_mask, scratch, dz, dz_block, dW, dU, db,
                               reverse, t1 < T)  # fmt: skip
                n0, n1 = share(N, s, threads)
                inputs_share(t0, t1, n0, n1, dx, x_mask, scratch, dz, dz_block, W_panels, T, F, H, L,
                             reverse)  # fmt: skip
        t1 = t0


@njit
def transposes(U, W, scratch, U_panels, W_panels, first, last):
    """Write panels first..last of U^T, and after them those of W^T."""
    B, L = U.shape[0], U.shape[3]
    panel = B * GATES * L * L
    for v in range(first, last):
        if v < B:
            transpose_panel(scratch, U_panels + v * panel, U, v)
        else:
            transpose_panel(scratch, W_panels + (v - B) * panel, W, v - B)


@njit
def inputs_share(t0, t1, n0, n1, dx, x_mask, scratch, dz, dz_block, W_panels, T, F, H, L, reverse):
    """Compute dx of the steps of one chunk for rows n0..n1."""
    if dx is None:
        return
    N, S, V = dx.shape[1], dx.shape[2], (F + L - 1) // L
    for t in range(t0, t1):
        tx = T - 1 - t if reverse else t
        product_with_transpose(dx, tx * N * S, S, n0, n1, 0, V, scratch, dz + (t - t0) * N * GATES * L, dz_block,
                               scratch, W_panels, H, L, 0, GATES, False)  # fmt: skip
        if x_mask is not None:
            for n in range(n0, n1):
                for k in range(F):
                    dx[tx, n, k] *= x_mask[n, k]


@functools.cache
def lstm(activation, recurrent_activation):
    """Return (lstm_forward, lstm_backward) for two activations, given by name."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return functools.partial(lstm_forward, *markers), functools.partial(lstm_backward, *markers)
