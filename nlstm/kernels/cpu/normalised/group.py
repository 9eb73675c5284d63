"""One slice of rows taken back through the steps of a chunk, one group of rows at a time.

A group goes from the cell to the products together: dz of its gates and dc, then q = (dz a) V^T,
then dh and dx, and what the sums over the chunk need of h and x (`sums`).
"""

import numpy as np

from nlstm.kernels.cpu.activations.emitters import (
    activate,
    derivative,
    first_lanes,
    restored,
    saved,
)
from nlstm.kernels.cpu.lstm.cell import Rows
from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.rows import load_first, quotients, sum_rows
from nlstm.kernels.cpu.machine.simd import fma, load, prefetch, splat, store
from nlstm.kernels.cpu.normalised.forward import MEAN, OF_C, OF_H, OF_X, factors_at
from nlstm.kernels.cpu.normalised.memory import GROUP_ROWS
from nlstm.kernels.cpu.products.gemm import (
    Blocks,
    Matrix,
    Panels,
    product_with_transpose,
    tile_count,
    tile_edge,
)
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.tile import VECTORS, tile


@njit_inner
def output_back(activation, recurrent_activation, rows, gains, work, gradients, scratch, dz, own,
                mask):  # fmt: skip
    """Write dz_o, and put into dh the gradient of N(c).

    What is summed of a row goes to `own.sums`, sums over rows for gain and offset to `own.gains`.
    """
    t, tx, n0, n1 = rows
    _, _, gain_c, offset_c = gains
    _, c, gates, factors = work
    dy, dh, _, _, _, _, _, _ = gradients
    T, B, N, L = gates.shape[0], gates.shape[1], gates.shape[2], gates.shape[4]
    width = GATES * L
    S, Sy, Sd = c.shape[2], dy.shape[2], dh.shape[1]
    has_dy = dy.shape[0] == T or t == T - 1
    dy_at = (t if dy.shape[0] == T else 0) * N * Sy
    zero = splat(scratch, 0.0)
    for block in range(B):
        k, of_gain = block * L, own.gains + 2 * block * L
        gain, offset = load(gain_c, k), load(offset_c, k)
        gain_sum, offset_sum = load(scratch, of_gain), load(scratch, of_gain + L)
        for n in range(n0, n1):
            at, to = n * Sd + k, dz.at + block * dz.block + n * width
            of_row = own.sums + (n - n0) * 2 * L
            dh_n = load(dh, at)
            if has_dy:
                dh_n = dh_n + load(dy, dy_at + n * Sy + k)
            if mask is not None and not mask[tx, n]:
                store(dh, at, dh_n)
                for gate in range(GATES):
                    store(scratch, to + gate * L, zero)
            else:
                mean = splat(c, factors[factors_at(t, MEAN, n, N)])
                scale = splat(c, factors[factors_at(t, OF_C, n, N)])
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
def gates_back(activation, recurrent_activation, rows, work, gradients, scratch, dz, own, H,
               mask):  # fmt: skip
    """Write dz of the other gates, and dc of the step before, whose c and h come nearer."""
    t, tx, n0, n1 = rows
    h, c, gates, factors = work
    _, dh, dc, _, _, _, _, _ = gradients
    B, N, L, S, Sd = gates.shape[1], gates.shape[2], gates.shape[4], c.shape[2], dh.shape[1]
    width = GATES * L
    means, along = own.numbers, own.numbers + GROUP_ROWS
    for n in range(0, n1 - n0, L):
        at = own.sums + n * 2 * L
        store(scratch, means + n, quotients(sum_rows(scratch, at, 2 * L), H))
        store(scratch, along + n, quotients(sum_rows(scratch, at + L, 2 * L), H))
    for block in range(B):
        k = block * L
        for n in range(n0, n1):
            if mask is not None and not mask[tx, n]:
                continue
            at, to = n * Sd + k, dz.at + block * dz.block + n * width
            mean = splat(c, factors[factors_at(t, MEAN, n, N)])
            scale = splat(c, factors[factors_at(t, OF_C, n, N)])
            of_c = (load(c, ((t + 1) * N + n) * S + k) - mean) * scale
            rest = load(dh, at) - fma(
                of_c, splat(c, scratch[along + n - n0]), splat(c, scratch[means + n - n0])
            )
            dc_n = load(dc, at) + first_lanes(rest * scale, H - k)
            # Nobody else asks for what the step before reads.
            prefetch(c, (max(t - 1, 0) * N + n) * S + k)
            prefetch(h, (max(t - 1, 0) * N + n) * S + k)
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
    """Copy rows into rows of whole vectors, whose rest becomes zeros."""
    full, row = count // L * L, (count + L - 1) // L * L
    for n in range(rows):
        for k in range(0, full, L):
            store(out, to + n * row + k, load(source, at + n * source_row + k))
        if full < count:
            rest = load_first(source, at + n * source_row + full, count - full)
            store(out, to + n * row + full, rest)


@njit_inner
def inputs_back(rows, inputs, K, scales, q, scaled, e, own, gram, out, keep, H, L, mask):
    """Compute the gradient of rows of x or h from q, and what M and C need: s h and -m s h.

    Parameters
    ----------
    inputs : Matrix. Rows of K inputs. scales : Panels. Their factors. q : Matrix.
    scaled : Matrix. Overwritten with s h. e : Blocks. Overwritten with -m s h.
    own : Group. gram : the place in scratch of V V^T.
    out : Matrix of the gradient, or None. With `keep`, that of a masked row stays, else it becomes
        zeros.
    """
    _, tx, n0, n1 = rows
    scratch, V = scaled.array, (K + L - 1) // L
    row, zero = V * L, splat(scratch, 0.0)
    for n in range(n0, n1):
        if mask is None or mask[tx, n]:
            a_at, q_at, dot = inputs.at + n * inputs.row, q.at + (n - n0) * q.row, zero
            for v in range(V):
                dot = fma(load(scratch, q_at + v * L), load(inputs.array, a_at + v * L), dot)
            store(scratch, own.sums + (n - n0) * L, dot)
    for n in range(0, n1 - n0, L):
        s = load_first(scales.array, scales.at + n0 + n, n1 - n0 - n)
        dots = splat(scratch, -1.0) * s * sum_rows(scratch, own.sums + n * L, L)
        store(scratch, own.numbers + n, quotients(dots, GATES * H))
    for n in range(n0, n1):
        to, q_at, e_at = scaled.at + n * row, q.at + (n - n0) * q.row, e.at + n * GATES * L
        g_at = own.gradient + (n - n0) * row
        if mask is not None and not mask[tx, n]:
            for v in range(V):
                store(scratch, to + v * L, zero)
                store(scratch, e_at + v // VECTORS * e.block + v % VECTORS * L, zero)
                store(scratch, g_at + v * L, zero)
                if out is not None and not keep:
                    store(out.array, out.at + n * out.row + v * L, zero)
        else:
            a_at = inputs.at + n * inputs.row
            scale = splat(scratch, scales.array[scales.at + n])
            along = splat(scratch, scratch[own.numbers + n - n0])
            for v in range(V):
                one = load(inputs.array, a_at + v * L) * scale
                store(scratch, to + v * L, one)
                one = one * along
                store(scratch, e_at + v // VECTORS * e.block + v % VECTORS * L, one)
                if out is not None:
                    store(scratch, g_at + v * L, one * scale)
                    gradient = load(scratch, q_at + v * L) * scale
                    store(out.array, out.at + n * out.row + v * L, gradient)
    if out is not None:
        count = tile_count(n1 - n0)
        for v in range(0, V, VECTORS):
            for index in range(count):
                n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                place = (out.array, out.at + n * out.row + v * L, out.row, L)
                a = own.gradient + (n - n0) * row
                source = (scratch, a, row, 1, 0, scratch, gram + v * L, L, row, 0, K, 1)
                tile(end - n, min(VECTORS, V - v), place, place, (source,))


@njit_inner
def ask_for(array, first, last):
    """Begin to fetch numbers first..last of an array."""
    for k in range(first, last, 64 // array.itemsize):
        prefetch(array, k)


@njit_inner
def recurrence_slice(part, activation, recurrent_activation, x, gains, work, gradients, scratch,
                     memory, chunk, own, sizes, reverse, masks):  # fmt: skip
    """Take the rows of a slice back through the steps of one chunk."""
    n0, n1, t0, t1 = part
    T, N, F, H, B, L = sizes
    mask, x_mask, _, _, _ = masks
    _, dh, _, _, _, _, dx, _ = gradients
    V, Sx, S, width = (F + L - 1) // L, x.shape[2], work.h.shape[2], GATES * L
    zero, flat_h, flat_x = np.int64(0), work.h.reshape(-1), x.reshape(-1)
    panels, flat_gates = Panels(scratch, memory.U_panels), work.gates.reshape(-1)
    for t in range(t1 - 1, t0 - 1, -1):
        tx, before_x = (T - 1 - t, T - t) if reverse else (t, t - 1)
        past = (t - t0) * chunk.rows
        dz = Blocks(scratch, chunk.dz + past * width, zero, chunk.block)
        before = Blocks(flat_gates, max(t - 1, 0) * B * N * width, zero, N * width)
        x_scales = Panels(work.factors, factors_at(t, OF_X, zero, N))
        h_scales = Panels(work.factors, factors_at(t, OF_H, zero, N))
        to_x = None
        if dx is not None:
            to_x = Matrix(dx.reshape(-1), tx * N * dx.shape[2], dx.shape[2])
        for n in range(n0, n1, GROUP_ROWS):
            end = min(n + GROUP_ROWS, n1)
            rows = Rows(t, tx, n, end)
            output_back(activation, recurrent_activation, rows, gains, work, gradients, scratch, dz,
                        own, mask)  # fmt: skip
            gates_back(activation, recurrent_activation, rows, work, gradients, scratch, dz,
                       own, H, mask)  # fmt: skip
            x_at = chunk.of_x + past * V * L
            copy_rows(flat_x, (tx * N + n) * Sx, Sx, end - n, F, scratch, x_at + n * V * L, L)
            if t > 0:
                ask_for(flat_x, (before_x * N + n) * Sx, (before_x * N + end) * Sx)
            product = Matrix(scratch, own.q - n * own.q_row, own.q_row)
            product_with_transpose(product, n, end, zero, B + V, dz, panels, H, L, zero,
                                   np.int64(GATES), np.bool_(False), before)  # fmt: skip
            inputs_back(rows, Matrix(flat_h, t * N * S, S), H,
                        h_scales, Matrix(scratch, own.q, own.q_row),
                        Matrix(scratch, chunk.of_h + past * B * L, B * L),
                        Blocks(scratch, chunk.e_h + past * width, zero, chunk.block),
                        own, memory.U_gram, Matrix(dh.reshape(-1), zero, dh.shape[1]),
                        True, H, L, mask)  # fmt: skip
            inputs_back(rows, Matrix(scratch, x_at, V * L), F,
                        x_scales, Matrix(scratch, own.q + B * L, own.q_row),
                        Matrix(scratch, x_at, V * L),
                        Blocks(scratch, chunk.e_x + past * width, zero, chunk.block),
                        own, memory.W_gram, to_x, False, H, L, mask)  # fmt: skip
            if dx is not None and x_mask is not None:
                for m in range(n, end):
                    for k in range(F):
                        dx[tx, m, k] *= x_mask[m, k]
