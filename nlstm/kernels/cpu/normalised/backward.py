"""The gradients of the LSTM with layer normalisation (`lstm_normalised`).

With V the centred weights, a row is p = h V, its factor s = 1 / sqrt(mean(p^2) + EPSILON), and
N = s p. From the gradient dz of z, by q = (dz a) V^T and m = s (q . h) / 4H, which is the mean of
dz a N:

    dh = s (q - m s h V V^T)
    M = sum of (s h)^T dz        C = sum of (s h)^T (m s h)        dV = M a - C V
    da = sum over inputs of M V                                    dU = dV less its mean

So nothing as wide as the gates is kept but dz; V V^T and C are of H x H. The same holds for x W.
Each slice of rows goes through its steps in chunks, as in `lstm_backward`.
"""

import numpy as np
from numba import prange

from nlstm.kernels.cpu.activations.emitters import (
    activate,
    derivative,
    first_lanes,
    restored,
    saved,
)
from nlstm.kernels.cpu.lstm.schedule import PARTIAL_BYTES, chunk_steps
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    njit_parallel,
    restore_denormals,
)
from nlstm.kernels.cpu.machine.simd import fma, load, splat, store, sum_lanes
from nlstm.kernels.cpu.normalised.forward import FACTORS, centre, is_alone, row_slices
from nlstm.kernels.cpu.products.gemm import (
    product_with_transpose,
    share,
    tile_count,
    tile_edge,
    transpose_panel,
    weight_gradient,
)
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.tile import VECTORS, tile

GROUP_ROWS = 48  # rows that go from the cell to the product together

CENTRE, TRANSPOSE, GRAM, SCALE, SLICE, ADD, RECURRENCE, GRADIENT, FINISH = range(9)
PREPARATIONS = 4


# --- memory ---------------------------------------------------------------------------------------


@njit_inner
def gradient_size(F, H, B, L):
    """Return how many numbers the sums M and C of W and U, and that of dz, have."""
    inputs = (F + L - 1) // L
    squares = (B + VECTORS - 1) // VECTORS * H + (inputs + VECTORS - 1) // VECTORS * F
    return (B * (F + H + 1) + squares) * GATES * L


@njit_inner
def is_partial(slices, size, itemsize):
    """Whether every slice has sums of its own, for they are small."""
    return slices * size * itemsize <= PARTIAL_BYTES


@njit_inner
def places(slices, rows, steps, partial, size, F, H, B, L):
    """Return where in scratch things are, after a vector of ones, and the end.

    Centred W and U; panels of their transposes; V V^T of both; sums of a slice for the gain and
    offset of c; M and C; the chunk; work memory of the groups.
    """
    V, width = (F + L - 1) // L, GATES * L
    e_blocks = (B + VECTORS - 1) // VECTORS + (V + VECTORS - 1) // VECTORS
    copies = slices if partial else 1
    W = L
    U = W + B * F * width
    U_panels = U + B * H * width
    W_panels = U_panels + B * B * width * L  # right behind: one product takes both
    W_gram = W_panels + V * B * width * L
    U_gram = W_gram + F * V * L
    gains = U_gram + H * B * L
    sums = gains + slices * B * 2 * L
    chunk = sums + copies * size
    group = chunk + copies * steps * rows * ((B + e_blocks) * width + (B + V) * L)
    end = group + slices * GROUP_ROWS * (B + V + max(B, V) + 2) * L
    return W, U, W_panels, U_panels, W_gram, U_gram, gains, sums, chunk, group, end


# --- before the steps -----------------------------------------------------------------------------


@njit_inner
def transpose_share(s, slices, scratch, source, panels, K, B, L):
    """Write one slice of the panels of the transpose."""
    first, last = share((K + L - 1) // L, s, slices)
    for v in range(first, last):
        to = panels + v * B * GATES * L * L
        transpose_panel(scratch, to, scratch[source:], B, K, GATES * L, v, L)


@njit_inner
def gram_share(s, slices, scratch, source, panels, gram, K, H, L):
    """Write one slice of the rows of V V^T."""
    V, zero = (K + L - 1) // L, np.int64(0)
    first, last = share(K, s, slices)
    product_with_transpose(scratch, gram, V * L, first, last, zero, V, scratch, source,
                           K * GATES * L, scratch, panels, H, L, zero, np.int64(GATES),
                           np.bool_(False))  # fmt: skip


@njit_inner
def scale_share(s, slices, scratch, panels, gain, K, B, L):
    """Multiply one slice of the panels by the gain."""
    rows, flat = B * GATES * L, gain.reshape(-1)
    first, last = share((K + L - 1) // L, s, slices)
    for v in range(first, last):
        for row in range(rows):
            at = panels + (v * rows + row) * L
            store(scratch, at, load(scratch, at) * splat(scratch, flat[row]))


# --- one group of rows ----------------------------------------------------------------------------


@njit_inner
def output_back(activation, recurrent_activation, t, tx, n0, n1, gain_c, offset_c, c, gates,
                factors, dy, dh, scratch, dz, dz_block, gains, means, L, mask):  # fmt: skip
    """Write dz_o, and put into dh the gradient of N(c); its sums of a row go to `means`."""
    T, B, N, width = gates.shape[0], gates.shape[1], gates.shape[2], GATES * L
    S, Sy, Sd = c.shape[2], dy.shape[2], dh.shape[1]
    has_dy = dy.shape[0] == T or t == T - 1
    dy_at = (t if dy.shape[0] == T else 0) * N * Sy
    zero = splat(scratch, 0.0)
    for block in range(B):
        k, of_gain = block * L, gains + 2 * block * L
        gain, offset = load(gain_c, k), load(offset_c, k)
        gain_sum, offset_sum = load(scratch, of_gain), load(scratch, of_gain + L)
        for n in range(n0, n1):
            at, to, of_row = n * Sd + k, dz + block * dz_block + n * width, means + (n - n0) * 2 * L
            dh_n = load(dh, at)
            if has_dy:
                dh_n = dh_n + load(dy, dy_at + n * Sy + k)
            if mask is not None and not mask[tx, n]:
                store(dh, at, dh_n)
                for gate in range(GATES):
                    store(scratch, to + gate * L, zero)
            else:
                here = (t * N + n) * FACTORS
                mean, scale = splat(c, factors[here + 2]), splat(c, factors[here + 3])
                of_c = (load(c, ((t + 1) * N + n) * S + k) - mean) * scale
                y = fma(of_c, gain, offset)
                act = activate(activation, y)
                kept_o = load(gates, ((t * B + block) * N + n) * width + 3 * L)
                o = restored(recurrent_activation, kept_o)
                store(scratch, to + 3 * L, dh_n * act * derivative(recurrent_activation, kept_o))
                slope = dh_n * o * derivative(activation, saved(activation, y, act))
                offset_sum, gain_sum = offset_sum + slope, fma(slope, of_c, gain_sum)
                slope = slope * gain
                store(dh, at, slope)
                if block == 0:
                    store(scratch, of_row, slope)
                    store(scratch, of_row + L, slope * of_c)
                else:
                    along = fma(slope, of_c, load(scratch, of_row + L))
                    store(scratch, of_row, load(scratch, of_row) + slope)
                    store(scratch, of_row + L, along)
        store(scratch, of_gain, gain_sum)
        store(scratch, of_gain + L, offset_sum)


@njit_inner
def gates_back(activation, recurrent_activation, t, tx, n0, n1, c, gates, factors, dh, dc, scratch,
               dz, dz_block, means, H, L, mask):  # fmt: skip
    """Write dz of the other gates, and dc of the step before."""
    B, N, S, Sd, width = gates.shape[1], gates.shape[2], c.shape[2], dh.shape[1], GATES * L
    for n in range(n0, n1):
        at = means + (n - n0) * 2 * L
        if mask is None or mask[tx, n]:
            scratch[at] = sum_lanes(load(scratch, at)) / H
            scratch[at + L] = sum_lanes(load(scratch, at + L)) / H
    for block in range(B):
        k = block * L
        for n in range(n0, n1):
            if mask is not None and not mask[tx, n]:
                continue
            at, to = n * Sd + k, dz + block * dz_block + n * width
            here, of_row = (t * N + n) * FACTORS, means + (n - n0) * 2 * L
            mean, scale = splat(c, factors[here + 2]), splat(c, factors[here + 3])
            of_c = (load(c, ((t + 1) * N + n) * S + k) - mean) * scale
            rest = load(dh, at) - fma(
                of_c, splat(c, scratch[of_row + L]), splat(c, scratch[of_row])
            )
            dc_n = load(dc, at) + first_lanes(rest * scale, H - k)
            of_gates = ((t * B + block) * N + n) * width
            kept_i, kept_f = load(gates, of_gates), load(gates, of_gates + L)
            kept_g = load(gates, of_gates + 2 * L)
            i, f = restored(recurrent_activation, kept_i), restored(recurrent_activation, kept_f)
            g = restored(activation, kept_g)
            slope = derivative(recurrent_activation, kept_f)
            store(scratch, to, dc_n * g * derivative(recurrent_activation, kept_i))
            store(scratch, to + L, dc_n * load(c, (t * N + n) * S + k) * slope)
            store(scratch, to + 2 * L, dc_n * i * derivative(activation, kept_g))
            store(dc, at, dc_n * f)


@njit_inner
def copy_rows(source, at, source_row, rows, count, out, to, L):
    """Copy rows into rows of whole vectors, whose rest becomes zeros.

    Some time before they are read: a vector that was written in parts is slow to read back.
    """
    full, row = count // L * L, (count + L - 1) // L * L
    for n in range(rows):
        for k in range(0, full, L):
            store(out, to + n * row + k, load(source, at + n * source_row + k))
        if full < count:
            store(out, to + n * row + full, splat(out, 0.0))
            for k in range(full, count):
                out[to + n * row + k] = source[at + n * source_row + k]


@njit_inner
def inputs_back(t, tx, n0, n1, a, a_at, a_row, K, factors, factor, scratch, N, q, q_row,
                gradient_rows, gram, scaled, e, e_block, out, out_first, keep, H, L,
                mask):  # fmt: skip
    """Compute the gradient of rows of x or h from q, and what M and C need: s h and -m s h.

    With `keep`, the gradient of a masked row stays, else it becomes zeros.
    """
    V, width, out_row = (K + L - 1) // L, GATES * L, np.int64(0)
    row = V * L
    if out is not None:
        out_row = out.shape[-1]
    out_at = out_first * out_row
    for n in range(n0, n1):
        to, q_at, e_at = scaled + n * row, q + (n - n0) * q_row, e + n * width
        g_at, out_n = gradient_rows + (n - n0) * row, out_at + n * out_row
        if mask is not None and not mask[tx, n]:
            nothing = splat(scratch, 0.0)
            for v in range(V):
                store(scratch, to + v * L, nothing)
                store(scratch, e_at + v // VECTORS * e_block + v % VECTORS * L, nothing)
                store(scratch, g_at + v * L, nothing)
                if out is not None and not keep:
                    store(out, out_n + v * L, nothing)
        else:
            dot = splat(scratch, 0.0)
            for v in range(V):
                inputs = load(a, a_at + n * a_row + v * L)
                dot = fma(load(scratch, q_at + v * L), inputs, dot)
            s = factors[(t * N + n) * FACTORS + factor]
            scale, along = splat(scratch, s), splat(scratch, -s * sum_lanes(dot) / (GATES * H))
            for v in range(V):
                inputs = load(a, a_at + n * a_row + v * L)
                inputs = inputs * scale
                store(scratch, to + v * L, inputs)
                inputs = inputs * along
                store(scratch, e_at + v // VECTORS * e_block + v % VECTORS * L, inputs)
                if out is not None:
                    store(scratch, g_at + v * L, inputs * scale)
                    store(out, out_n + v * L, load(scratch, q_at + v * L) * scale)
    if out is not None:
        count = tile_count(n1 - n0)
        for v in range(0, V, VECTORS):
            for index in range(count):
                n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                place = (out, out_at + n * out_row + v * L, out_row, L)
                source = (scratch, gradient_rows + (n - n0) * row, row, 1, 0, scratch, gram + v * L,
                          L, row, 0, K, 1)  # fmt: skip
                tile(end - n, min(VECTORS, V - v), place, place, (source,))


# --- one slice ------------------------------------------------------------------------------------


@njit_inner
def chunk_places(chunk, rows, steps, r0, B, V, L):
    """Return dz, e of h, e of x, s h, s x of a chunk, at row 0, and the size of a block."""
    width, count = GATES * L, rows * steps
    e_h = chunk + B * count * width
    e_x = e_h + (B + VECTORS - 1) // VECTORS * count * width
    of_h = e_x + (V + VECTORS - 1) // VECTORS * count * width
    of_x = of_h + count * B * L
    past = r0 * width
    return (chunk - past, e_h - past, e_x - past, of_h - r0 * B * L, of_x - r0 * V * L,
            count * width)  # fmt: skip


@njit_inner
def recurrence_slice(n0, n1, t0, t1, activation, recurrent_activation, x, gain_c, offset_c, h, c,
                     gates, factors, dy, dh, dc, dx, scratch, place, gains, work, r0, rows, steps,
                     F, H, reverse, mask, x_mask):  # fmt: skip
    """Take rows n0..n1 back through the steps of one chunk."""
    T, B, N, L = gates.shape[0], gates.shape[1], gates.shape[2], gates.shape[4]
    V, Sx, S, width = (F + L - 1) // L, x.shape[2], h.shape[2], GATES * L
    _, _, _, U_panels, W_gram, U_gram, _, _, chunk, _, _ = place
    dz, e_h, e_x, of_h, of_x, block = chunk_places(chunk, rows, steps, r0, B, V, L)
    q_row = (B + V) * L
    gradient_rows = work + GROUP_ROWS * q_row
    means = gradient_rows + GROUP_ROWS * max(B, V) * L
    zero, one = np.int64(0), np.int64(1)
    flat_h, flat_x = h.reshape(-1), x.reshape(-1)
    for t in range(t1 - 1, t0 - 1, -1):
        tx = T - 1 - t if reverse else t
        past = (t - t0) * rows
        for n in range(n0, n1, GROUP_ROWS):
            end = min(n + GROUP_ROWS, n1)
            output_back(activation, recurrent_activation, t, tx, n, end, gain_c, offset_c, c, gates,
                        factors, dy, dh, scratch, dz + past * width, block, gains, means, L,
                        mask)  # fmt: skip
            gates_back(activation, recurrent_activation, t, tx, n, end, c, gates, factors, dh, dc,
                       scratch, dz + past * width, block, means, H, L, mask)  # fmt: skip
            copy_rows(flat_x, (tx * N + n) * Sx, Sx, end - n, F, scratch, of_x + (past + n) * V * L,
                      L)  # fmt: skip
            product_with_transpose(scratch, work - n * q_row, q_row, n, end, zero, B + V, scratch,
                                   dz + past * width, block, scratch, U_panels, H, L, zero,
                                   np.int64(GATES), np.bool_(False))  # fmt: skip
            inputs_back(t, tx, n, end, flat_h, t * N * S, S, H, factors, one, scratch, N, work,
                        q_row, gradient_rows, U_gram, of_h + past * B * L, e_h + past * width,
                        block, dh, zero, True, H, L, mask)  # fmt: skip
            inputs_back(t, tx, n, end, scratch, of_x + past * V * L, V * L, F, factors, zero,
                        scratch, N, work + B * L, q_row, gradient_rows, W_gram,
                        of_x + past * V * L, e_x + past * width, block, dx, tx * N, False, H, L,
                        mask)  # fmt: skip
            if dx is not None and x_mask is not None:
                for m in range(n, end):
                    for k in range(F):
                        dx[tx, m, k] *= x_mask[m, k]


@njit_inner
def gradient_blocks(first, last, n0, n1, t0, t1, T, scratch, chunk, sums, r0, rows, steps, F, H, B,
                    L):  # fmt: skip
    """Add what rows n0..n1 of a chunk give to M, to the sum of dz, and to C.

    For blocks first..last of B of M and of dz, then those of C of U, then those of C of W.
    """
    V, width = (F + L - 1) // L, GATES * L
    dz, e_h, e_x, of_h, of_x, size = chunk_places(chunk, rows, steps, r0, B, V, L)
    m, count, accumulate, zero = t1 - t0, n1 - n0, np.bool_(t1 < T), np.int64(0)
    h_at, h_row, x_at, x_row = of_h + n0 * B * L, B * L, of_x + n0 * V * L, V * L
    step, four = rows * width, np.int64(VECTORS)
    to_U = sums + B * F * width
    to_b = to_U + B * H * width
    to_e = to_b + B * width
    h_blocks = (B + VECTORS - 1) // VECTORS
    to_e_x = to_e + h_blocks * H * width
    for one in range(first, last):
        if one < B:
            at = dz + one * size + n0 * width
            weight_gradient(scratch, sums + one * F * width, zero, F, four, scratch, x_at, x_row,
                            rows * x_row, scratch, at, step, m, count, L, accumulate)  # fmt: skip
            weight_gradient(scratch, to_U + one * H * width, zero, H, four, scratch, h_at, h_row,
                            rows * h_row, scratch, at, step, m, count, L, accumulate)  # fmt: skip
            weight_gradient(scratch, to_b + one * width, zero, zero + 1, four, scratch, zero, zero,
                            zero, scratch, at, step, m, count, L, accumulate)  # fmt: skip
        elif one < B + h_blocks:
            block = one - B
            weight_gradient(scratch, to_e + block * H * width, zero, H,
                            min(four, B - block * VECTORS), scratch, h_at, h_row, rows * h_row,
                            scratch, e_h + block * size + n0 * width, step, m, count, L,
                            accumulate)  # fmt: skip
        else:
            block = one - B - h_blocks
            weight_gradient(scratch, to_e_x + block * F * width, zero, F,
                            min(four, V - block * VECTORS), scratch, x_at, x_row, rows * x_row,
                            scratch, e_x + block * size + n0 * width, step, m, count, L,
                            accumulate)  # fmt: skip


# --- after the steps ------------------------------------------------------------------------------


@njit_inner
def finish_rows(k0, k1, K, scratch, sums, squares, centred, gain, dW, B, H, L):
    """Write inputs k0..k1 of the gradient of one kernel: M a - C V, less its mean."""
    width, count, out, zero = GATES * L, tile_count(k1 - k0), dW.reshape(-1), np.int64(0)
    for block in range(B):
        for gate in range(GATES):
            factor = load(gain, block * width + gate * L)
            for k in range(k0, k1):
                at = (block * K + k) * width + gate * L
                store(out, at, load(scratch, sums + at) * factor)
        for index in range(count):
            k, end = tile_edge(k0, k1, index), tile_edge(k0, k1, index + 1)
            place = (out, (block * K + k) * width, width, L)
            full, b = K // width, centred + block * K * width
            a, skip = squares + k * width, full * width * width
            blocks = (scratch, a, width, 1, K * width, scratch, b, L, width, width * width, width,
                      full)  # fmt: skip
            rest = (scratch, a + full * K * width, width, 1, 0, scratch, b + skip, L, width, 0,
                    K - full * width, 1)  # fmt: skip
            tile(end - k, VECTORS, place, place, (blocks, rest))
    centre(out, zero, out, zero, K, k0, k1, B, H, L)


@njit_inner
def finish_gain(block, K, scratch, sums, centred, dgain, L):
    """Write one block of the gradient of a gain: the sum of M V over the inputs."""
    width = GATES * L
    for gate in range(GATES):
        total = splat(scratch, 0.0)
        for k in range(K):
            at = (block * K + k) * width + gate * L
            total = fma(load(scratch, sums + at), load(scratch, centred + at), total)
        store(dgain, block * width + gate * L, total)


@njit_inner
def finish_slice(s, slices, scratch, place, gain_x, gain_h, dW, dU, db, dgain_x, dgain_h, dgain_c,
                 doffset_c, F, H, B, L):  # fmt: skip
    """Write one slice of all gradients of weights."""
    W, U, _, _, _, _, gains, sums, _, _, _ = place
    width = GATES * L
    to_U = sums + B * F * width
    to_b = to_U + B * H * width
    to_e = to_b + B * width
    to_e_x = to_e + (B + VECTORS - 1) // VECTORS * H * width
    first, last = share(F, s, slices)
    finish_rows(first, last, F, scratch, sums, to_e_x, W, gain_x, dW, B, H, L)
    first, last = share(H, s, slices)
    finish_rows(first, last, H, scratch, to_U, to_e, U, gain_h, dU, B, H, L)
    first, last = share(B, s, slices)
    for block in range(first, last):
        finish_gain(block, F, scratch, sums, W, dgain_x, L)
        finish_gain(block, H, scratch, to_U, U, dgain_h, L)
        for k in range(block * width, (block + 1) * width, L):
            store(db, k, load(scratch, to_b + k))
        at = gains + 2 * block * L
        gain, offset = load(scratch, at), load(scratch, at + L)
        for other in range(1, slices):
            gain = gain + load(scratch, at + 2 * other * B * L)
            offset = offset + load(scratch, at + (2 * other * B + 1) * L)
        store(dgain_c, block * L, gain)
        store(doffset_c, block * L, offset)


# --- all steps ------------------------------------------------------------------------------------


@njit_inner
def stage_at(phase, T, steps, partial):
    """Return (stage, first step of the chunk, end of the chunk)."""
    if phase < PREPARATIONS:
        return phase, 0, 0
    phase -= PREPARATIONS
    if partial:
        return (SLICE, ADD, FINISH)[phase], 0, 0
    t1 = T - phase // 2 * steps
    if t1 <= 0:
        return FINISH, 0, 0
    return (RECURRENCE if phase % 2 == 0 else GRADIENT), max(0, t1 - steps), t1


@njit_inner
def backward_slice(s, slices, phase, partial, size, rows, steps, place, activation,
                   recurrent_activation, x, W, U, gain_x, gain_h, gain_c, offset_c, h, c, gates,
                   factors, dy, dh, dc, dW, dU, db, dgain_x, dgain_h, dgain_c, doffset_c, dx,
                   scratch, reverse, mask, x_mask):  # fmt: skip
    """Do one slice of one phase."""
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    W_at, U_at, W_panels, U_panels, W_gram, U_gram, gains, sums, chunk, group, end = place
    V, zero = (F + L - 1) // L, np.int64(0)
    n0, n1 = share(N, s, slices)
    stage, t0, t1 = stage_at(phase, T, steps, partial)
    work = group + s * ((end - group) // slices)
    own_gains = gains + 2 * s * B * L
    blocks = B + (B + VECTORS - 1) // VECTORS + (V + VECTORS - 1) // VECTORS
    mode = flush_denormals()
    if stage == CENTRE:
        first, last = share(F, s, slices)
        centre(W.reshape(-1), zero, scratch, W_at, F, first, last, B, H, L)
        first, last = share(H, s, slices)
        centre(U.reshape(-1), zero, scratch, U_at, H, first, last, B, H, L)
        for k in range(0, 2 * B * L, L):
            store(scratch, own_gains + k, splat(scratch, 0.0))
    elif stage == TRANSPOSE:
        transpose_share(s, slices, scratch, W_at, W_panels, F, B, L)
        transpose_share(s, slices, scratch, U_at, U_panels, H, B, L)
    elif stage == GRAM:
        gram_share(s, slices, scratch, W_at, W_panels, W_gram, F, H, L)
        gram_share(s, slices, scratch, U_at, U_panels, U_gram, H, H, L)
    elif stage == SCALE:
        scale_share(s, slices, scratch, W_panels, gain_x, F, B, L)
        scale_share(s, slices, scratch, U_panels, gain_h, H, B, L)
    elif stage == ADD:
        first, last = share(size // L, s, slices)
        for k in range(sums + first * L, sums + last * L, L):
            total = load(scratch, k)
            for other in range(1, slices):
                total = total + load(scratch, k + other * size)
            store(scratch, k, total)
    elif stage == FINISH:
        finish_slice(s, slices, scratch, place, gain_x, gain_h, dW, dU, db, dgain_x, dgain_h,
                     dgain_c, doffset_c, F, H, B, L)  # fmt: skip
    elif stage == GRADIENT:
        first, last = share(blocks, s, slices)
        gradient_blocks(first, last, zero, N, t0, t1, T, scratch, chunk, sums, zero, rows, steps, F,
                        H, B, L)  # fmt: skip
    else:
        r0 = n0 if partial else zero
        if partial:
            t0, t1 = max(0, T - steps), T
            each = (blocks * GATES + B + V) * L
            sums += s * size
            chunk += s * steps * rows * each
            place = (W_at, U_at, W_panels, U_panels, W_gram, U_gram, gains, sums, chunk, group,
                     end)  # fmt: skip
        while True:
            recurrence_slice(n0, n1, t0, t1, activation, recurrent_activation, x, gain_c, offset_c,
                             h, c, gates, factors, dy, dh, dc, dx, scratch, place, own_gains, work,
                             r0, rows, steps, F, H, reverse, mask, x_mask)  # fmt: skip
            if not partial:
                break
            gradient_blocks(zero, blocks, n0, n1, t0, t1, T, scratch, chunk, sums, r0, rows, steps,
                            F, H, B, L)  # fmt: skip
            if t0 == 0:
                break
            t0, t1 = max(0, t0 - steps), t0
    restore_denormals(mode)


@njit_parallel
def run_backward(activation, recurrent_activation, x, W, U, gain_x, gain_h, gain_c, offset_c, h, c,
                 gates, kept, dy, dh, dc, dW, dU, db, dgain_x, dgain_h, dgain_c, doffset_c, dx,
                 scratch, reverse, mask, x_mask):  # fmt: skip
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    slices, size, factors = row_slices(N), gradient_size(F, H, B, L), kept.reshape(-1)
    partial = is_partial(slices, size, scratch.itemsize)
    rows = (N + slices - 1) // slices if partial else N
    steps = chunk_steps(T, rows, B * GATES * L * scratch.itemsize, partial)
    place = places(slices, rows, steps, partial, size, F, H, B, L)
    for k in range(L):
        scratch[k] = 1.0
    alone = is_alone(T, N, F, H)
    phases = PREPARATIONS + (3 if partial else 2 * ((T + steps - 1) // steps) + 1)
    for phase in range(phases):
        if alone:
            for s in range(slices):
                backward_slice(s, slices, phase, partial, size, rows, steps, place, activation,
                               recurrent_activation, x, W, U, gain_x, gain_h, gain_c, offset_c, h,
                               c, gates, factors, dy, dh, dc, dW, dU, db, dgain_x, dgain_h, dgain_c,
                               doffset_c, dx, scratch, reverse, mask, x_mask)  # fmt: skip
        else:
            for s in prange(slices):
                backward_slice(np.int64(s), slices, phase, partial, size, rows, steps, place,
                               activation, recurrent_activation, x, W, U, gain_x, gain_h, gain_c,
                               offset_c, h, c, gates, factors, dy, dh, dc, dW, dU, db, dgain_x,
                               dgain_h, dgain_c, doffset_c, dx, scratch, reverse, mask,
                               x_mask)  # fmt: skip
