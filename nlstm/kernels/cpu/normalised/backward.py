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

from nlstm.kernels.cpu.lstm.products import Part
from nlstm.kernels.cpu.lstm.schedule import Sizes, chunk_steps
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    njit_inner,
    njit_parallel,
    restore_denormals,
)
from nlstm.kernels.cpu.machine.simd import load, splat, store
from nlstm.kernels.cpu.normalised.forward import centre, is_alone, row_slices
from nlstm.kernels.cpu.normalised.group import recurrence_slice
from nlstm.kernels.cpu.normalised.memory import (
    Cut,
    chunk_at,
    group_at,
    is_partial,
    memory_of,
    quads,
    sums_at,
)
from nlstm.kernels.cpu.normalised.sums import finish_slice, gradient_blocks
from nlstm.kernels.cpu.products.gemm import (
    Blocks,
    Matrix,
    Panels,
    product_with_transpose,
    share,
    transpose_panel,
)
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.shared.bundles import Gains, Gradients, Masks, NormalisedWork

CENTRE, TRANSPOSE, GRAM, SCALE, SLICE, ADD, RECURRENCE, GRADIENT, FINISH = range(9)
PREPARATIONS = 4


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
    product_with_transpose(Matrix(scratch, gram, V * L), first, last, zero, V,
                           Blocks(scratch, source, zero, K * GATES * L), Panels(scratch, panels), H,
                           L, zero, np.int64(GATES), np.bool_(False))  # fmt: skip


@njit_inner
def scale_share(s, slices, scratch, panels, gain, K, B, L):
    """Multiply one slice of the panels by the gain."""
    rows, flat = B * GATES * L, gain.reshape(-1)
    first, last = share((K + L - 1) // L, s, slices)
    for v in range(first, last):
        for row in range(rows):
            at = panels + (v * rows + row) * L
            store(scratch, at, load(scratch, at) * splat(scratch, flat[row]))


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
def backward_slice(s, phase, cut, activation, recurrent_activation, x, of_weights, of_gains,
                   of_work, of_gradients, of_dgains, scratch, reverse, of_masks):  # fmt: skip
    """Do one slice of one phase."""
    W, U, _, _ = of_weights
    h, c, gates, factors = of_work
    work = NormalisedWork(h, c, gates, factors.reshape(-1))
    gains, dgains, gradients = Gains(*of_gains), Gains(*of_dgains), Gradients(*of_gradients)
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    sizes, memory = Sizes(T, N, F, H, B, L), memory_of(cut, F, H, B, L)
    slices, partial, rows, steps = cut
    zero = np.int64(0)
    n0, n1 = share(N, s, slices)
    stage, t0, t1 = stage_at(phase, T, steps, partial)
    own_gains = memory.gains + 2 * s * B * L
    blocks = B + quads(B) + quads((F + L - 1) // L)
    mode = flush_denormals()
    if stage == CENTRE:
        first, last = share(F, s, slices)
        centre(W.reshape(-1), zero, scratch, memory.W, F, first, last, B, H, L)
        first, last = share(H, s, slices)
        centre(U.reshape(-1), zero, scratch, memory.U, H, first, last, B, H, L)
        for k in range(0, 2 * B * L, L):
            store(scratch, own_gains + k, splat(scratch, 0.0))
    elif stage == TRANSPOSE:
        transpose_share(s, slices, scratch, memory.W, memory.W_panels, F, B, L)
        transpose_share(s, slices, scratch, memory.U, memory.U_panels, H, B, L)
    elif stage == GRAM:
        gram_share(s, slices, scratch, memory.W, memory.W_panels, memory.W_gram, F, H, L)
        gram_share(s, slices, scratch, memory.U, memory.U_panels, memory.U_gram, H, H, L)
    elif stage == SCALE:
        scale_share(s, slices, scratch, memory.W_panels, gains.x, F, B, L)
        scale_share(s, slices, scratch, memory.U_panels, gains.h, H, B, L)
    elif stage == ADD:
        size = sums_at(zero, F, H, B, L).end
        first, last = share(size // L, s, slices)
        for k in range(memory.sums + first * L, memory.sums + last * L, L):
            total = load(scratch, k)
            for other in range(1, slices):
                total = total + load(scratch, k + other * size)
            store(scratch, k, total)
    elif stage == FINISH:
        finish_slice(s, slices, scratch, memory, gains, gradients, dgains, sizes)
    else:
        r0, own = (n0 if partial else zero), (s if partial else zero)
        sums = sums_at(memory.sums + own * sums_at(zero, F, H, B, L).end, F, H, B, L)
        size = chunk_at(zero, zero, rows, steps, F, B, L).end
        chunk = chunk_at(memory.chunk + own * size, r0, rows, steps, F, B, L)
        if stage == GRADIENT:
            first, last = share(blocks, s, slices)
            gradient_blocks(first, last, Part(zero, N, t0, t1), sizes, scratch, chunk, sums)
        else:
            size = group_at(zero, zero, F, B, L).end
            group = group_at(memory.group + s * size, own_gains, F, B, L)
            masks = Masks(*of_masks)
            if partial:
                t0, t1 = max(0, T - steps), T
            while True:
                part = Part(n0, n1, t0, t1)
                recurrence_slice(part, activation, recurrent_activation, x, gains, work, gradients,
                                 scratch, memory, chunk, group, sizes, reverse, masks)  # fmt: skip
                if not partial:
                    break
                gradient_blocks(zero, blocks, part, sizes, scratch, chunk, sums)
                if t0 == 0:
                    break
                t0, t1 = max(0, t0 - steps), t0
    restore_denormals(mode)


@njit_parallel
def run_backward(activation, recurrent_activation, x, weights, gains, work, gradients, dgains,
                 scratch, reverse, masks):  # fmt: skip
    W, U, _, _ = weights
    T, N, F, H, B, L = x.shape[0], x.shape[1], W.shape[1], U.shape[1], U.shape[0], U.shape[3]
    slices = row_slices(N)
    partial = is_partial(slices, F, H, B, L, scratch.itemsize)
    rows = (N + slices - 1) // slices if partial else N
    steps = chunk_steps(T, rows, B * GATES * L * scratch.itemsize, partial)
    cut = Cut(slices, partial, rows, steps)
    for k in range(L):
        scratch[k] = 1.0
    alone = is_alone(T, N, F, H)
    phases = PREPARATIONS + (3 if partial else 2 * ((T + steps - 1) // steps) + 1)
    for phase in range(phases):
        if alone:
            for s in range(slices):
                backward_slice(s, phase, cut, activation, recurrent_activation, x, weights, gains,
                               work, gradients, dgains, scratch, reverse, masks)  # fmt: skip
        else:
            for s in prange(slices):
                backward_slice(np.int64(s), phase, cut, activation, recurrent_activation, x,
                               weights, gains, work, gradients, dgains, scratch, reverse,
                               masks)  # fmt: skip
