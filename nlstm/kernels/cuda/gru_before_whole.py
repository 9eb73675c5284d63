"""A GRU of few units and inputs whose reset gate comes before the product, in one launch.

A block takes a few rows through all time steps, with all weights in shared memory. Each sum is
shared out among parts of the block and added in their order by one thread for each cell. A step is
two products, one after the other: four barriers. `a` keeps the gates' sums, and dz backward.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda
from nlstm.kernels.cuda.lstm_plain import slopes

__all__ = ["before_backward", "before_forward", "fits"]

GATES = 3
MOST_ROWS = 4  # of a block; parts are no fewer
THREADS = 32 if SIMULATED else 512
WARP = 8 if SIMULATED else 32


def part_count(H: int) -> int:
    """Return in how many parts sums are shared out."""
    return max(MOST_ROWS, min(16, THREADS // padded(H)))


def padded(H: int) -> int:
    """Return how many threads a part has: whole warps."""
    return -(-H // WARP) * WARP


def weight_bytes(K: int, H: int, dtype) -> int:
    """Return the shared memory of weights for K inputs and states."""
    return GATES * K * H * np.dtype(dtype).itemsize


def fits(F: int, H: int, dtype, limit: int) -> bool:
    """Whether this form can run: threads of a block, and its shared memory."""
    size, parts = np.dtype(dtype).itemsize, part_count(H)
    static = size * MOST_ROWS * (F + 3 * H + 2 * parts * padded(H)) + 512
    threads = padded(H) * parts
    small = static <= 48 * 1024 and threads <= 1024 and MOST_ROWS * F <= threads
    return small and static + weight_bytes(F + H, H, dtype) <= limit


@cache
def before_forward(dtype, F, H, rows, keep, masked, activation, recurrent_activation):
    """Compile the forward pass; its grid is ceil(N / rows) blocks.

    Returns a `Kernel` of (x, W, U, b, h, a, left, reverse, mask)
    -------------------------------------------------------
    x : (T, N, F). W, U, b : (3, F, H), (3, H, H), (3, H).
    h : (T + 1, N, H). Slot 0 is the initial state; = the rest.
    a, left : (3 T N H,), (T N H,). = the gates' sums; = the states that the reset gate leaves; if
        `keep`.
    mask : (T, N) of uint8. Read if `masked`.
    """
    number = np.dtype(dtype)
    zero = number.type(0)
    act, _ = slopes(activation, dtype)
    gate, _ = slopes(recurrent_activation, dtype)
    parts, width, K = part_count(H), padded(H), F + H
    threads = parts * width
    shape_v, shape_reset, shape_sums = (F + H, rows), (H, rows), (2, parts, rows, width)

    def kernel(x, W, U, b, h, a, left, reverse, mask):
        thread = cuda.threadIdx.x
        part, unit = thread // width, thread % width
        first, T, N = cuda.blockIdx.x * rows, x.shape[0], x.shape[1]
        v = cuda.shared.array(shape_v, number, alignment=16)
        reset = cuda.shared.array(shape_reset, number, alignment=16)
        sums = cuda.shared.array(shape_sums, number, alignment=16)
        w = cuda.shared.array(0, number, alignment=16)
        of_update = cuda.local.array(rows, number)
        of_reset = cuda.local.array(rows, number)
        for place in range(thread, 3 * K * H, threads):
            which, k, u = place // (K * H), place // H % K, place % H
            w[place] = W[which, k, u] if k < F else U[which, k - F, u]
        for place in range(thread, K * rows, threads):
            k, n = place // rows, min(first + place % rows, N - 1)
            tx = T - 1 if reverse else 0
            v[k, place % rows] = x[tx, n, k] if k < F else h[0, n, k - F]
        is_cell = thread < rows * H
        row, u = thread // H, thread % H
        n = min(first + row, N - 1)
        is_row = is_cell and first + row < N
        hidden, update = zero, zero
        if is_cell:
            hidden = h[0, n, u]
        is_input = thread < rows * F
        input_row, input_k = thread % rows, thread // rows
        input_n = min(first + input_row, N - 1)
        x_ahead = zero
        gate_size, step_size = T * N * H, N * H
        at = n * H + u
        cuda.syncthreads()
        for t in range(T):
            if is_input and t + 1 < T:
                x_ahead = x[T - 2 - t if reverse else t + 1, input_n, input_k]
            for r in range(rows):
                of_update[r], of_reset[r] = zero, zero
            if unit < H:
                for k in range(part, K, parts):
                    by_update, by_reset = w[k * H + unit], w[(K + k) * H + unit]
                    for r in range(rows):
                        of_update[r] += by_update * v[k, r]
                        of_reset[r] += by_reset * v[k, r]
            for r in range(rows):
                sums[0, part, r, unit], sums[1, part, r, unit] = of_update[r], of_reset[r]
            cuda.syncthreads()
            if is_cell:
                z_u, z_r = b[0, u], b[1, u]
                for other in range(parts):
                    z_u += sums[0, other, row, u]
                    z_r += sums[1, other, row, u]
                update = gate(z_u)
                rest = hidden * gate(z_r)
                reset[u, row] = rest
                if keep and is_row:
                    a[at], a[gate_size + at], left[at] = z_u, z_r, rest
            cuda.syncthreads()
            for r in range(rows):
                of_update[r] = zero
            if unit < H:
                for k in range(part, K, parts):
                    weight = w[(2 * K + k) * H + unit]
                    if k < F:
                        for r in range(rows):
                            of_update[r] += weight * v[k, r]
                    else:
                        for r in range(rows):
                            of_update[r] += weight * reset[k - F, r]
            for r in range(rows):
                sums[0, part, r, unit] = of_update[r]
            cuda.syncthreads()
            if is_cell:
                z_g = b[2, u]
                for other in range(parts):
                    z_g += sums[0, other, row, u]
                present = True
                if masked:
                    present = mask[T - 1 - t if reverse else t, n] != 0
                if present:
                    g = act(z_g)
                    hidden = update * (hidden - g) + g
                v[F + u, row] = hidden
                if is_row:
                    h[t + 1, n, u] = hidden
                    if keep:
                        a[2 * gate_size + at] = z_g
            if is_input:
                v[input_k, input_row] = x_ahead
            at += step_size
            cuda.syncthreads()

    return Kernel(kernel, threads, weight_bytes(K, H, dtype))


@cache
def before_backward(dtype, H, rows, sequences, masked, activation, recurrent_activation):
    """Compile the backward pass; its grid is ceil(N / rows) blocks.

    Returns a `Kernel` of (U, h, a, dy, dh, reverse, mask)
    ------------------------------------------------
    a : (3, T, N, H). As the forward pass left it; = dz.
    dy : (T, N, H) if `sequences`, else (1, N, H), of the last step.
    dh : (N, H). Gradient of the last state; = that of the first.
    """
    number = np.dtype(dtype)
    zero, one = number.type(0), number.type(1)
    act, act_slope = slopes(activation, dtype)
    gate, gate_slope = slopes(recurrent_activation, dtype)
    parts, width = part_count(H), padded(H)
    threads = parts * width
    shape_d, shape_sums = (3, H, rows), (parts, rows, width)

    def kernel(U, h, a, dy, dh, reverse, mask):
        thread = cuda.threadIdx.x
        part, unit = thread // width, thread % width
        first, T, N = cuda.blockIdx.x * rows, a.shape[1], a.shape[2]
        d = cuda.shared.array(shape_d, number, alignment=16)
        sums = cuda.shared.array(shape_sums, number, alignment=16)
        w = cuda.shared.array(0, number, alignment=16)
        total = cuda.local.array(rows, number)
        for place in range(thread, 3 * H * H, threads):
            which, k, j = place // (H * H), place // H % H, place % H
            w[(which * H + j) * H + k] = U[which, k, j]
        is_cell = thread < rows * H
        row, u = thread // H, thread % H
        n = min(first + row, N - 1)
        is_row = is_cell and first + row < N
        slope, past, z_u, z_r, z_g, before = zero, zero, zero, zero, zero, zero
        if is_cell:
            slope = dh[n, u]
            z_u, z_r, z_g = a[0, T - 1, n, u], a[1, T - 1, n, u], a[2, T - 1, n, u]
            before = h[T - 1, n, u]
            if not sequences:
                slope += dy[0, n, u]
        for back in range(T):
            t = T - 1 - back
            present, r_gate = True, zero
            if is_cell:
                if sequences:
                    slope += dy[t, n, u]
                if masked:
                    present = mask[T - 1 - t if reverse else t, n] != 0
                dz_u, dz_g, past = zero, zero, slope
                if present:
                    update, g = gate(z_u), act(z_g)
                    dz_u = slope * (before - g) * gate_slope(z_u, update)
                    dz_g = slope * (one - update) * act_slope(z_g, g)
                    past = slope * update
                d[0, u, row], d[2, u, row] = dz_u, dz_g
                if is_row:
                    a[0, t, n, u], a[2, t, n, u] = dz_u, dz_g
            cuda.syncthreads()
            for r in range(rows):
                total[r] = zero
            if unit < H:
                for j in range(part, H, parts):
                    weight = w[(2 * H + j) * H + unit]
                    for r in range(rows):
                        total[r] += weight * d[2, j, r]
            for r in range(rows):
                sums[part, r, unit] = total[r]
            cuda.syncthreads()
            if is_cell:
                through, dz_r = zero, zero
                for other in range(parts):
                    through += sums[other, row, u]
                if present:
                    r_gate = gate(z_r)
                    dz_r = through * before * gate_slope(z_r, r_gate)
                    past += through * r_gate
                d[1, u, row] = dz_r
                if is_row:
                    a[1, t, n, u] = dz_r
                if t > 0:
                    z_u, z_r, z_g = a[0, t - 1, n, u], a[1, t - 1, n, u], a[2, t - 1, n, u]
                    before = h[t - 1, n, u]
            cuda.syncthreads()
            for r in range(rows):
                total[r] = zero
            if unit < H:
                for j in range(part, H, parts):
                    by_update, by_reset = w[j * H + unit], w[(H + j) * H + unit]
                    for r in range(rows):
                        total[r] += by_update * d[0, j, r] + by_reset * d[1, j, r]
            for r in range(rows):
                sums[part, r, unit] = total[r]
            cuda.syncthreads()
            if is_cell:
                slope = past
                for other in range(parts):
                    slope += sums[other, row, u]
        if is_row:
            dh[n, u] = slope

    return Kernel(kernel, threads, weight_bytes(H, H, dtype))
