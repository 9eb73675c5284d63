"""The sums over all rows and steps: M, C and the sum of dz, and the gradients made of them."""

import numpy as np

from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import fma, load, splat, store
from nlstm.kernels.cpu.normalised.forward import centre
from nlstm.kernels.cpu.normalised.memory import quads, sums_at
from nlstm.kernels.cpu.products.gemm import (
    Blocks,
    Panels,
    Sequence,
    share,
    tile_count,
    tile_edge,
    weight_gradient,
)
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.tile import VECTORS, tile

# --- of one chunk ---------------------------------------------------------------------------------


@njit_inner
def gradient_blocks(first, last, part, sizes, scratch, chunk, sums):
    """Add what rows of a chunk give to M, to the sum of dz, and to C.

    For blocks first..last of B of M and of dz, then those of C of U, then those of C of W.
    """
    n0, n1, t0, t1 = part
    T, _, F, H, B, L = sizes
    V, width = (F + L - 1) // L, GATES * L
    m, count, accumulate, zero = t1 - t0, n1 - n0, np.bool_(t1 < T), np.int64(0)
    h_row, x_row, step, four = B * L, V * L, chunk.rows * width, np.int64(VECTORS)
    of_h = Sequence(scratch, chunk.of_h + n0 * h_row, h_row, chunk.rows * h_row)
    of_x = Sequence(scratch, chunk.of_x + n0 * x_row, x_row, chunk.rows * x_row)
    one = Sequence(scratch, zero, zero, zero)
    for which in range(first, last):
        if which < B:
            dz = Blocks(scratch, chunk.dz + which * chunk.block + n0 * width, step, chunk.block)
            weight_gradient(Panels(scratch, sums.W + which * F * width), zero, F, four, of_x, dz, m,
                            count, L, accumulate)  # fmt: skip
            weight_gradient(Panels(scratch, sums.U + which * H * width), zero, H, four, of_h, dz, m,
                            count, L, accumulate)  # fmt: skip
            weight_gradient(Panels(scratch, sums.b + which * width), zero, zero + 1, four, one, dz,
                            m, count, L, accumulate)  # fmt: skip
        elif which < B + quads(B):
            block = which - B
            e = Blocks(scratch, chunk.e_h + block * chunk.block + n0 * width, step, chunk.block)
            weight_gradient(Panels(scratch, sums.e_h + block * H * width), zero, H,
                            min(four, B - block * VECTORS), of_h, e, m, count, L,
                            accumulate)  # fmt: skip
        else:
            block = which - B - quads(B)
            e = Blocks(scratch, chunk.e_x + block * chunk.block + n0 * width, step, chunk.block)
            weight_gradient(Panels(scratch, sums.e_x + block * F * width), zero, F,
                            min(four, V - block * VECTORS), of_x, e, m, count, L,
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
def finish_slice(s, slices, scratch, memory, gains, gradients, dgains, sizes):
    """Write one slice of all gradients of weights."""
    _, _, F, H, B, L = sizes
    _, _, _, dW, dU, db, _, _ = gradients
    width = GATES * L
    sums = sums_at(memory.sums, F, H, B, L)
    first, last = share(F, s, slices)
    finish_rows(first, last, F, scratch, sums.W, sums.e_x, memory.W, gains.x, dW, B, H, L)
    first, last = share(H, s, slices)
    finish_rows(first, last, H, scratch, sums.U, sums.e_h, memory.U, gains.h, dU, B, H, L)
    first, last = share(B, s, slices)
    for block in range(first, last):
        finish_gain(block, F, scratch, sums.W, memory.W, dgains.x, L)
        finish_gain(block, H, scratch, sums.U, memory.U, dgains.h, L)
        for k in range(block * width, (block + 1) * width, L):
            store(db, k, load(scratch, sums.b + k))
        at = memory.gains + 2 * block * L
        gain, offset = load(scratch, at), load(scratch, at + L)
        for other in range(1, slices):
            gain = gain + load(scratch, at + 2 * other * B * L)
            offset = offset + load(scratch, at + (2 * other * B + 1) * L)
        store(dgains.c, block * L, gain)
        store(dgains.offset, block * L, offset)
