"""The LSTM with layer normalisation: every row of z and of c is normalised at every step.

    z = N(x W) a_x + N(h' U) a_h + b    c = f c' + i g    h = o act(N(c) a_c + b_c)

N takes the mean from a row of all gates' numbers (of c: of all units) and divides by the root of
its variance + EPSILON. A row needs all of its units, so rows alone are split over threads.

Reference: Ba, Kiros & Hinton 2016, "Layer normalization", equations 20 to 22.
"""

import functools

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations import MARKERS, activate, derivative, only_units, restored, saved
from nlstm.kernels.cpu.gemm import (
    product_with_transpose,
    share,
    tile_count,
    tile_edge,
    transpose_panel,
    weight_gradient,
)
from nlstm.kernels.cpu.jit import (
    flush_denormals,
    lanes,
    njit_inner,
    njit_parallel,
    restore_denormals,
    thread_count,
)
from nlstm.kernels.cpu.layout import GATES, blocks
from nlstm.kernels.cpu.lstm_forward import mask_inputs
from nlstm.kernels.cpu.simd import fma, load, splat, store, sum_lanes
from nlstm.kernels.cpu.tile import VECTORS, tile

EPSILON = 1e-5
SLICES = 16  # of rows, each with sums of its own: their number decides the bits, not the threads'
ROWS_PER_SLICE = 4
SUMS = 3 * GATES + 2  # vectors of a block: gradients of a_x, a_h, b; of a_c, b_c


def normalised_scratch_size(N, F, H, dtype):
    """Return how many numbers of scratch memory `normalised_backward` needs."""
    L, B, inputs = lanes(dtype), blocks(H, dtype), blocks(F, dtype)
    return L + (B + inputs) * B * GATES * L * L + SLICES * B * SUMS * L


@njit_inner
def slice_count(N):
    return max(1, min(SLICES, N // ROWS_PER_SLICE))


# --- one row --------------------------------------------------------------------------------------


@njit_inner
def clear_rest(z, at, vectors, H, L):
    """Write zeros to the lanes past the last unit of a row's last block."""
    flat = z.reshape(-1)
    for v in range(vectors):
        for k in range((H - 1) % L + 1, L):
            flat[at + v * L + k] = 0


@njit_inner
def normalise(z, at, stride, vectors, H, L):
    """Normalise a row in place, `vectors` in each block, and return the factor."""
    B, count = (H + L - 1) // L, vectors * H
    total = splat(z, 0.0)
    for block in range(B):
        for v in range(vectors):
            total = total + load(z, at + block * stride + v * L)
    mean = sum_lanes(total) / count
    squares, shift = splat(z, 0.0), splat(z, mean)
    for block in range(B):
        for v in range(vectors):
            rest = load(z, at + block * stride + v * L) - shift
            squares = fma(rest, rest, squares)
    # Lanes past the last unit hold 0, so each gave the square of the mean.
    variance = (sum_lanes(squares) - vectors * (B * L - H) * mean * mean) / count
    factor = 1.0 / np.sqrt(max(variance, 0.0) + EPSILON)
    scale = splat(z, factor)
    for block in range(B):
        for v in range(vectors):
            here = at + block * stride + v * L
            store(z, here, (load(z, here) - shift) * scale)
    clear_rest(z, at + (B - 1) * stride, vectors, H, L)
    return factor


@njit_inner
def normalise_back(z, dy, at, dy_at, stride, vectors, gain, factor, sums, sum_at, sum_step, H, L):
    """Turn a normalised row into the gradient of what it was, from that of gain * row.

    Adds to the gradient of the gain.
    """
    B, count = (H + L - 1) // L, vectors * H
    first, second = splat(z, 0.0), splat(z, 0.0)
    for block in range(B):
        for v in range(vectors):
            here, to = block * stride + v * L, sum_at + block * sum_step + v * L
            y, slope = load(z, at + here), load(dy, dy_at + here)
            store(sums, to, fma(slope, y, load(sums, to)))
            slope = slope * load(gain, (block * vectors + v) * L)
            first, second = first + slope, fma(slope, y, second)
    mean, scale = splat(z, sum_lanes(first) / count), splat(z, factor)
    along = splat(z, -sum_lanes(second) / count)
    for block in range(B):
        for v in range(vectors):
            here = block * stride + v * L
            slope = load(dy, dy_at + here) * load(gain, (block * vectors + v) * L)
            store(z, at + here, (fma(load(z, at + here), along, slope) - mean) * scale)
    clear_rest(z, at + (B - 1) * stride, vectors, H, L)


# --- forward --------------------------------------------------------------------------------------


@njit_inner
def multiply_step(n0, n1, x, x_at, x_row, W, K, z, t, N, L):
    """Compute z = x W of rows n0..n1 of one step."""
    B, width, count = W.shape[0], GATES * L, tile_count(n1 - n0)
    for block in range(B):
        for index in range(count):
            n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
            place = (z, ((t * B + block) * N + n) * width, width, L)
            source = (x, x_at + n * x_row, x_row, 1, 0, W, block * K * width, L, width, 0, K, 1)
            tile(end - n, VECTORS, place, None, (source,))


@njit_inner
def forward_row(activation, recurrent_activation, t, n, b, gain_x, gain_h, gain_c, offset_c, h, c,
                gates, zx, zh, cn, factors, H, L):  # fmt: skip
    B, N, S, width = b.shape[0], h.shape[1], h.shape[2], GATES * L
    at, stride = (t * B * N + n) * width, N * width
    factors[t, n, 0] = normalise(zx, at, stride, GATES, H, L)
    factors[t, n, 1] = normalise(zh, at, stride, GATES, H, L)
    before, after = (t * N + n) * S, ((t + 1) * N + n) * S
    for block in range(B):
        for gate in range(GATES):
            here, w = at + block * stride + gate * L, (block * GATES + gate) * L
            z = fma(load(zx, here), load(gain_x, w), load(b, w))
            store(gates, here, fma(load(zh, here), load(gain_h, w), z))
        here = at + block * stride
        z_i, z_f = load(gates, here), load(gates, here + L)
        z_g, z_o = load(gates, here + 2 * L), load(gates, here + 3 * L)
        i, f = activate(recurrent_activation, z_i), activate(recurrent_activation, z_f)
        g, o = activate(activation, z_g), activate(recurrent_activation, z_o)
        c_new = fma(f, load(c, before + block * L), i * g)
        c_new = only_units(activation, c_new, H - block * L)
        store(c, after + block * L, c_new)
        store(cn, (t * N + n) * S + block * L, c_new)
        store(gates, here, saved(recurrent_activation, z_i, i))
        store(gates, here + L, saved(recurrent_activation, z_f, f))
        store(gates, here + 2 * L, saved(activation, z_g, g))
        store(gates, here + 3 * L, saved(recurrent_activation, z_o, o))
    factors[t, n, 2] = normalise(cn, (t * N + n) * S, L, 1, H, L)
    for block in range(B):
        here = (t * N + n) * S + block * L
        y = fma(load(cn, here), load(gain_c, block * L), load(offset_c, block * L))
        o = restored(recurrent_activation, load(gates, at + block * stride + 3 * L))
        h_new = only_units(activation, o * activate(activation, y), H - block * L)
        store(h, after + block * L, h_new)


@njit_parallel
def run_forward(activation, recurrent_activation, x, W, U, b, gain_x, gain_h, gain_c, offset_c, h,
                c, gates, zx, zh, cn, factors, reverse, mask):  # fmt: skip
    T, N, Sx = x.shape
    F, H, S, L = W.shape[1], U.shape[1], h.shape[2], U.shape[3]
    slices = min(slice_count(N), thread_count())
    for s in prange(slices):
        n0, n1 = share(N, np.int64(s), slices)
        mode = flush_denormals()
        for t in range(T):
            tx = T - 1 - t if reverse else t
            multiply_step(n0, n1, x, tx * N * Sx, Sx, W, F, zx, t, N, L)
            multiply_step(n0, n1, h, t * N * S, S, U, H, zh, t, N, L)
            for n in range(n0, n1):
                if mask is not None and not mask[tx, n]:
                    h[t + 1, n], c[t + 1, n] = h[t, n], c[t, n]
                else:
                    forward_row(activation, recurrent_activation, t, n, b, gain_x, gain_h, gain_c,
                                offset_c, h, c, gates, zx, zh, cn, factors, H, L)  # fmt: skip
        restore_denormals(mode)


def normalised_forward(activation, recurrent_activation, x, W, U, b, gains, h, c, kept, reverse,
                       mask, x_mask, xm):  # fmt: skip
    """Run an LSTM with layer normalisation; arguments as in `lstm_forward` where not named here.

    Parameters
    ----------
    gains : (a_x, a_h, a_c, b_c), gate biases (B, 4, L) and bias panels (B, L).
    h, c : states, shape (T + 1, N, S).
    kept : (gates, x W, h U, all of `lstm_gates_shape`; c, shape (T, N, S); factors, shape
        (T, N, 3)). Overwritten; hand them on to `normalised_backward`.
    """
    if x_mask is not None:
        mask_inputs(x, x_mask, xm)
        x = xm
    run_forward(activation, recurrent_activation, x, W, U, b, *gains, h, c, *kept, reverse, mask)


# --- backward -------------------------------------------------------------------------------------


@njit_inner
def backward_row(activation, recurrent_activation, t, n, gain_x, gain_h, gain_c, offset_c, c, gates,
                 zx, zh, cn, factors, dy, dh, dc, scratch, sums, H, L):  # fmt: skip
    """Turn dh and dc of one row into dz, the gradients of x W and h U, and dc of the step before.

    Afterwards dh is zero.
    """
    B, N, S, Sy, Sd = gain_c.shape[0], c.shape[1], c.shape[2], dy.shape[2], dh.shape[1]
    T, width = gates.shape[0], GATES * L
    at, stride, row = (t * B * N + n) * width, N * width, n * Sd
    has_dy = dy.shape[0] == T or t == T - 1
    dy_at = ((t if dy.shape[0] == T else 0) * N + n) * Sy
    c_at, step = (t * N + n) * S, SUMS * L
    for block in range(B):
        k, of_sums = block * L, sums + block * step + 3 * width
        dh_n = load(dh, row + k)
        if has_dy:
            dh_n = dh_n + load(dy, dy_at + k)
        y = fma(load(cn, c_at + k), load(gain_c, k), load(offset_c, k))
        act = activate(activation, y)
        kept_o = load(gates, at + block * stride + 3 * L)
        o = restored(recurrent_activation, kept_o)
        dz_o = dh_n * act * derivative(recurrent_activation, kept_o)
        dy_c = dh_n * o * derivative(activation, saved(activation, y, act))
        store(gates, at + block * stride + 3 * L, dz_o)
        store(dh, row + k, dy_c)
        store(scratch, of_sums + L, load(scratch, of_sums + L) + dy_c)
    normalise_back(cn, dh, c_at, row, L, 1, gain_c, factors[t, n, 2], scratch, sums + 3 * width,
                   step, H, L)  # fmt: skip
    for block in range(B):
        k, here = block * L, at + block * stride
        dc_n = load(dc, row + k) + load(cn, c_at + k)
        kept_i, kept_f, kept_g = load(gates, here), load(gates, here + L), load(gates, here + 2 * L)
        i, f = restored(recurrent_activation, kept_i), restored(recurrent_activation, kept_f)
        g = restored(activation, kept_g)
        store(gates, here, dc_n * g * derivative(recurrent_activation, kept_i))
        slope = derivative(recurrent_activation, kept_f)
        store(gates, here + L, dc_n * load(c, c_at + k) * slope)
        store(gates, here + 2 * L, dc_n * i * derivative(activation, kept_g))
        store(dc, row + k, dc_n * f)
        store(dh, row + k, splat(dh, 0.0))
        for gate in range(GATES):
            to = sums + block * step + 2 * width + gate * L
            store(scratch, to, load(scratch, to) + load(gates, here + gate * L))
    normalise_back(zx, gates, at, at, stride, GATES, gain_x, factors[t, n, 0], scratch, sums, step,
                   H, L)  # fmt: skip
    normalise_back(zh, gates, at, at, stride, GATES, gain_h, factors[t, n, 1], scratch,
                   sums + width, step, H, L)  # fmt: skip


@njit_parallel
def run_backward(activation, recurrent_activation, x, W, U, gain_x, gain_h, gain_c, offset_c, h, c,
                 gates, zx, zh, cn, factors, dy, dh, dc, dW, dU, db, dgain_x, dgain_h, dgain_c,
                 doffset_c, dx, scratch, reverse, mask, x_mask):  # fmt: skip
    T, N, Sx = x.shape
    B, F, H, S, L = U.shape[0], W.shape[1], U.shape[1], h.shape[2], U.shape[3]
    width, V, slices = GATES * L, (F + L - 1) // L, slice_count(N)
    U_panels = L
    W_panels = U_panels + B * B * width * L
    sums = W_panels + V * B * width * L
    zero, four = np.int64(0), np.int64(VECTORS)
    for v in range(B):
        to = U_panels + v * B * width * L
        transpose_panel(scratch, to, U.reshape(-1), B, H, width, v, L)
    for v in range(V):
        to = W_panels + v * B * width * L
        transpose_panel(scratch, to, W.reshape(-1), B, F, width, v, L)
    scratch[sums : sums + slices * B * SUMS * L] = 0
    for s in prange(slices):
        n0, n1 = share(N, np.int64(s), slices)
        mode = flush_denormals()
        for step in range(T):
            t = T - 1 - step
            tx = T - 1 - t if reverse else t
            for n in range(n0, n1):
                if mask is not None and not mask[tx, n]:
                    if dy.shape[0] == T or t == T - 1:
                        for k in range(B * L):
                            dh[n, k] += dy[t if dy.shape[0] == T else 0, n, k]
                    gates[t, :, n], zx[t, :, n], zh[t, :, n] = 0, 0, 0
                else:
                    backward_row(activation, recurrent_activation, t, n, gain_x, gain_h, gain_c,
                                 offset_c, c, gates, zx, zh, cn, factors, dy, dh, dc, scratch,
                                 sums + s * B * SUMS * L, H, L)  # fmt: skip
            at = t * B * N * width
            product_with_transpose(dh.reshape(-1), zero, dh.shape[1], n0, n1, zero, B,
                                   zh.reshape(-1), at, N * width, scratch, U_panels, H, L, zero,
                                   np.int64(GATES), np.bool_(mask is not None))  # fmt: skip
            if dx is not None:
                to = tx * N * dx.shape[2]
                product_with_transpose(dx.reshape(-1), to, dx.shape[2], n0, n1, zero, V,
                                       zx.reshape(-1), at, N * width, scratch, W_panels, H, L, zero,
                                       np.int64(GATES), np.bool_(False))  # fmt: skip
                if x_mask is not None:
                    for n in range(n0, n1):
                        for k in range(F):
                            dx[tx, n, k] *= x_mask[n, k]
        restore_denormals(mode)
    x_at, x_step = ((T - 1) * N * Sx, -N * Sx) if reverse else (0, N * Sx)
    for block in prange(B):
        at, step = np.int64(block) * N * width, B * N * width
        weight_gradient(dW.reshape(-1), block * F * width, zero, F, four, x.reshape(-1), x_at, Sx,
                        x_step, zx.reshape(-1), at, step, T, N, L, np.bool_(False))  # fmt: skip
        weight_gradient(dU.reshape(-1), block * H * width, zero, H, four, h.reshape(-1), zero, S,
                        N * S, zh.reshape(-1), at, step, T, N, L, np.bool_(False))  # fmt: skip
        for k in range(SUMS * L):
            total = scratch[sums + block * SUMS * L + k]
            for s in range(1, slices):
                total += scratch[sums + (s * B + block) * SUMS * L + k]
            which, rest = k // width, k % width
            if which == 0:
                dgain_x.reshape(-1)[block * width + rest] = total
            elif which == 1:
                dgain_h.reshape(-1)[block * width + rest] = total
            elif which == 2:
                db.reshape(-1)[block * width + rest] = total
            elif rest < L:
                dgain_c[block, rest] = total
            else:
                doffset_c[block, rest - L] = total


def normalised_backward(activation, recurrent_activation, x, W, U, gains, h, c, kept, dy, dh, dc,
                        dW, dU, db, dgains, dx, scratch, reverse, mask, x_mask):  # fmt: skip
    """Compute all gradients of `normalised_forward`, as `lstm_backward` does; overwrites `kept`.

    Parameters
    ----------
    dgains : shaped as gains. Overwritten.
    scratch : ndarray of `normalised_scratch_size` numbers.
    """
    run_backward(activation, recurrent_activation, x, W, U, *gains, h, c, *kept, dy, dh, dc, dW, dU,
                 db, *dgains, dx, scratch, reverse, mask, x_mask)  # fmt: skip


@functools.cache
def lstm_normalised(activation, recurrent_activation):
    """Return (normalised_forward, normalised_backward) for two activations, given by name."""
    markers = MARKERS[activation], MARKERS[recurrent_activation]
    return (
        functools.partial(normalised_forward, *markers),
        functools.partial(normalised_backward, *markers),
    )
