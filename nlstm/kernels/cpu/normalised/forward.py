"""The recurrence of the LSTM with layer normalisation (`lstm_normalised`).

A group of rows is taken through a step in passes: the two products, into memory that stays in the
nearest caches; the factors of all its rows; the gates and c; the factors of c; h. What is added up
of a row waits in scratch, for the sums of as many rows as a vector has lanes are made at once.
"""

import numpy as np
from numba import prange
from numba.extending import register_jitable

from nlstm.kernels.cpu.activations.emitters import activate, first_lanes, only_units
from nlstm.kernels.cpu.lstm.cell import Rows, keep_gates, keep_output_gate
from nlstm.kernels.cpu.lstm.forward import any_row
from nlstm.kernels.cpu.lstm.schedule import (
    CACHED_BYTES,
    MOST_SLICES,
    PROCESSORS,
    ROWS_PER_THREAD,
    SMALL_WORK,
)
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    njit_parallel,
    restore_denormals,
    thread_count,
)
from nlstm.kernels.cpu.machine.rows import inverse_roots, quotients, store_first, sum_rows
from nlstm.kernels.cpu.machine.simd import (
    fence,
    fma,
    is_aligned,
    load,
    splat,
    store,
    sum_lanes,
)
from nlstm.kernels.cpu.products.gemm import share, tile_count, tile_edge
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.tile import VECTORS, tile

EPSILON = 1e-5
GROUP_ROWS = 24  # full register tiles of any size
OF_X, OF_H, MEAN, OF_C = range(4)  # what is kept of a step: factors of x W and h U; those of c
FACTORS = 4


@njit_inner
def row_slices(N):
    """Return into how many slices the rows are cut; never depends on the threads."""
    return max(1, min(PROCESSORS, MOST_SLICES, N // ROWS_PER_THREAD))


@njit_inner
def is_alone(T, N, F, H):
    """Whether the work is too small for a second thread."""
    return thread_count() == 1 or T * N * (F + H) * GATES * H < SMALL_WORK


@njit_inner
def centre(source, source_at, out, out_at, K, k0, k1, B, H, L):
    """Subtract from inputs k0..k1 of flat gate weights (B, K, 4, L) their mean over all columns."""
    width = GATES * L
    for k in range(k0, k1):
        total = splat(out, 0.0)
        for block in range(B):
            for at in range((block * K + k) * width, (block * K + k + 1) * width, L):
                total = total + load(source, source_at + at)
        mean = splat(out, sum_lanes(total) / (GATES * H))
        for block in range(B):
            for at in range((block * K + k) * width, (block * K + k + 1) * width, L):
                rest = load(source, source_at + at) - mean
                store(out, out_at + at, first_lanes(rest, H - block * L))


@njit_inner
def multiply(n0, n1, a, a_at, a_row, W, W_at, K, out, out_at, B, L):
    """Compute rows n0..n1 of a W, in blocks of GROUP_ROWS rows."""
    width, count = GATES * L, tile_count(n1 - n0)
    for block in range(B):
        for index in range(count):
            n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
            place = (out, out_at + (block * GROUP_ROWS + n - n0) * width, width, L)
            source = (a, a_at + n * a_row, a_row, 1, 0, W, W_at + block * K * width, L, width, 0,
                      K, 1)  # fmt: skip
            tile(end - n, VECTORS, place, None, (source,))


@register_jitable
def vector_rows(L):
    """Return how many rows a group has in whole vectors of rows."""
    return (GROUP_ROWS + L - 1) // L * L


@njit_inner
def factors_at(t, which, n, N):
    """Return the place of one of the factors of row n, beside those of other rows."""
    return (t * FACTORS + which) * N + n


@njit_inner
def keep_squares(z, at, to, B, L):
    """Write the squares of a row, as one vector that they are summed into."""
    squares, more, width = splat(z, 0.0), splat(z, 0.0), GATES * L
    for block in range(B):
        here = at + block * GROUP_ROWS * width
        first, second = load(z, here), load(z, here + L)
        third, fourth = load(z, here + 2 * L), load(z, here + 3 * L)
        squares, more = fma(first, first, squares), fma(second, second, more)
        squares, more = fma(third, third, squares), fma(fourth, fourth, more)
    store(z, to, squares + more)


@njit_inner
def keep(which, rows, values, row, scratch, numbers, factors, N, L):
    """Write one of the factors of a vector of rows from `row` on, for later and for this step.

    What is written in parts is slow to read back, so this step has a place of its own.
    """
    t, _, n0, n1 = rows
    store(scratch, numbers + which * vector_rows(L) + row, values)
    store_first(factors, factors_at(t, which, n0 + row, N), values, n1 - n0 - row)


@njit_inner
def keep_factors(which, rows, scratch, sums, size, numbers, factors, N, L):
    """Write what rows, whose mean is 0, are multiplied by, from the squares of `size` numbers."""
    for row in range(0, rows.last - rows.first, L):
        squares = sum_rows(scratch, sums + row * 2 * L, 2 * L)
        scales = inverse_roots(squares, size, EPSILON)
        keep(which, rows, scales, row, scratch, numbers, factors, N, L)


@njit_inner
def gates_and_c(activation, recurrent_activation, t, n, z, zx, zh, numbers, b, gains, work,
                past_caches, H, L):  # fmt: skip
    """Compute the gates and c of one row; o is left in place of z_o. Return c summed to a
    vector.
    """
    gain_x, gain_h, _, _ = gains
    _, c, gates, _ = work
    B, N, S, width = b.shape[0], c.shape[1], c.shape[2], GATES * L
    before, after = (t * N + n) * S, ((t + 1) * N + n) * S
    of_x = splat(z, z[numbers + OF_X * vector_rows(L)])
    of_h = splat(z, z[numbers + OF_H * vector_rows(L)])
    total = splat(z, 0.0)
    for block in range(B):
        w, x_at = block * width, zx + block * GROUP_ROWS * width
        h_at = zh + block * GROUP_ROWS * width
        z_i = fma(load(z, x_at) * of_x, load(gain_x, w), load(b, w))
        z_i = fma(load(z, h_at) * of_h, load(gain_h, w), z_i)
        z_f = fma(load(z, x_at + L) * of_x, load(gain_x, w + L), load(b, w + L))
        z_f = fma(load(z, h_at + L) * of_h, load(gain_h, w + L), z_f)
        z_g = fma(load(z, x_at + 2 * L) * of_x, load(gain_x, w + 2 * L), load(b, w + 2 * L))
        z_g = fma(load(z, h_at + 2 * L) * of_h, load(gain_h, w + 2 * L), z_g)
        z_o = fma(load(z, x_at + 3 * L) * of_x, load(gain_x, w + 3 * L), load(b, w + 3 * L))
        z_o = fma(load(z, h_at + 3 * L) * of_h, load(gain_h, w + 3 * L), z_o)
        i, f = activate(recurrent_activation, z_i), activate(recurrent_activation, z_f)
        g, o = activate(activation, z_g), activate(recurrent_activation, z_o)
        c_new = fma(f, load(c, before + block * L), i * g)
        c_new = only_units(activation, c_new, H - block * L)
        total = total + c_new
        store(c, after + block * L, c_new)
        store(z, x_at + 3 * L, o)
        if gates is not None:
            to = ((t * B + block) * N + n) * width
            keep_gates(activation, recurrent_activation, gates, to, (z_i, z_f, z_g), (i, f, g),
                       past_caches, L)  # fmt: skip
            keep_output_gate(recurrent_activation, gates, to, z_o, o, past_caches, L)
    return total


@njit_inner
def keep_spread(c, at, mean, out, to, B, H, L):
    """Write the squares of a row of c less its mean, summed to a vector."""
    squares, shift = splat(c, 0.0), splat(c, mean)
    for block in range(B):
        rest = first_lanes(load(c, at + block * L) - shift, H - block * L)
        squares = fma(rest, rest, squares)
    store(out, to, squares)


@njit_inner
def forward_group(activation, recurrent_activation, rows, x, b, gains, work, past_caches, scratch,
                  places, F, H, mask):  # fmt: skip
    """Take rows through one step; `places` of W, U, x W, h U, sums and numbers are in scratch.

    To sums a masked row is one of zeros.
    """
    t, tx, n0, n1 = rows
    W_at, U_at, zx, zh, sums, numbers = places
    _, _, gain_c, offset_c = gains
    h, c, _, factors = work
    B, L, N, Sx, S = b.shape[0], b.shape[2], h.shape[1], x.shape[2], h.shape[2]
    width, zero, of_h = GATES * L, splat(scratch, 0.0), sums + L
    means, scales = numbers + MEAN * vector_rows(L), numbers + OF_C * vector_rows(L)
    if any_row(mask, tx, n0, n1):
        multiply(n0, n1, x, tx * N * Sx, Sx, scratch, W_at, F, scratch, zx, B, L)
        multiply(n0, n1, h, t * N * S, S, scratch, U_at, H, scratch, zh, B, L)
    for n in range(n0, n1):
        row, place = (n - n0) * width, (n - n0) * 2 * L
        if mask is None or mask[tx, n]:
            keep_squares(scratch, zx + row, sums + place, B, L)
            keep_squares(scratch, zh + row, of_h + place, B, L)
        else:
            store(scratch, sums + place, zero)
            store(scratch, of_h + place, zero)
    keep_factors(OF_X, rows, scratch, sums, GATES * H, numbers, factors, N, L)
    keep_factors(OF_H, rows, scratch, of_h, GATES * H, numbers, factors, N, L)
    for n in range(n0, n1):
        row, place = (n - n0) * width, (n - n0) * 2 * L
        if mask is None or mask[tx, n]:
            total = gates_and_c(activation, recurrent_activation, t, n, scratch, zx + row, zh + row,
                                numbers + n - n0, b, gains, work, past_caches, H, L)  # fmt: skip
            store(scratch, sums + place, total)
        else:
            before, after = (t * N + n) * S, ((t + 1) * N + n) * S
            for k in range(0, B * L, L):
                store(h, after + k, load(h, before + k))
                store(c, after + k, load(c, before + k))
    for row in range(0, n1 - n0, L):
        mean = quotients(sum_rows(scratch, sums + row * 2 * L, 2 * L), H)
        keep(MEAN, rows, mean, row, scratch, numbers, factors, N, L)
    for n in range(n0, n1):
        if mask is None or mask[tx, n]:
            after, mean = ((t + 1) * N + n) * S, scratch[means + n - n0]
            keep_spread(c, after, mean, scratch, sums + (n - n0) * 2 * L, B, H, L)
    keep_factors(OF_C, rows, scratch, sums, H, numbers, factors, N, L)
    for n in range(n0, n1):
        after, row = ((t + 1) * N + n) * S, (n - n0) * width
        if mask is None or mask[tx, n]:
            mean, scale = splat(c, scratch[means + n - n0]), splat(c, scratch[scales + n - n0])
            for block in range(B):
                k = block * L
                y = (load(c, after + k) - mean) * scale
                y = activate(activation, fma(y, load(gain_c, k), load(offset_c, k)))
                o = load(scratch, zx + row + block * GROUP_ROWS * width + 3 * L)
                store(h, after + k, only_units(activation, o * y, H - k))


@register_jitable
def slice_size(B, L):
    """Return how many numbers of scratch a slice needs.

    They are z of x and of h, two vectors of each row that are summed, and a row's factors.
    """
    return 2 * B * GROUP_ROWS * GATES * L + vector_rows(L) * (2 * L + FACTORS)


@njit_inner
def forward_slice(s, slices, activation, recurrent_activation, x, b, gains, work, scratch, F, H,
                  reverse, mask):  # fmt: skip
    """Take one slice of the rows through all steps."""
    _, _, gates, _ = work
    T, N, B, L = x.shape[0], x.shape[1], b.shape[0], b.shape[2]
    width = GATES * L
    n0, n1 = share(N, s, slices)
    W_at = np.int64(0)
    U_at = B * F * width
    zx = U_at + B * H * width + s * slice_size(B, L)
    zh = zx + B * GROUP_ROWS * width
    sums = zh + B * GROUP_ROWS * width
    numbers = sums + vector_rows(L) * 2 * L
    past_caches = False
    if gates is not None:
        past_caches = gates.size * gates.itemsize > CACHED_BYTES and is_aligned(gates)
    mode = flush_denormals()
    for t in range(T):
        tx = T - 1 - t if reverse else t
        for n in range(n0, n1, GROUP_ROWS):
            rows = Rows(t, tx, n, min(n + GROUP_ROWS, n1))
            forward_group(activation, recurrent_activation, rows, x, b, gains, work, past_caches,
                          scratch, (W_at, U_at, zx, zh, sums, numbers), F, H, mask)  # fmt: skip
    fence()
    restore_denormals(mode)


@njit_parallel
def run_forward(activation, recurrent_activation, x, weights, gains, work, scratch, reverse, mask):
    """Centre the weights, which takes the mean out of every product, and run all steps."""
    W, U, b, _ = weights
    h, c, gates, factors = work
    T, N = x.shape[0], x.shape[1]
    B, F, H, L = U.shape[0], W.shape[1], U.shape[1], U.shape[3]
    zero, flat_work = np.int64(0), (h, c, gates, factors.reshape(-1))
    centre(W.reshape(-1), zero, scratch, zero, F, zero, F, B, H, L)
    centre(U.reshape(-1), zero, scratch, B * F * GATES * L, H, zero, H, B, H, L)
    slices = min(row_slices(N), thread_count())
    if slices == 1 or is_alone(T, N, F, H):
        forward_slice(zero, np.int64(1), activation, recurrent_activation, x, b, gains, flat_work,
                      scratch, F, H, reverse, mask)  # fmt: skip
    else:
        for s in prange(slices):
            forward_slice(np.int64(s), slices, activation, recurrent_activation, x, b, gains,
                          flat_work, scratch, F, H, reverse, mask)  # fmt: skip
