"""Matrix products in tiles, with sums split in a fixed number of parts.

A block makes a tile of the result, a thread 4 x 4 of it; what comes next is read into registers
while the tile in shared memory is used. Where a sum is long and the result small, parts of the
sum are made side by side and added in order: their number depends on the shape alone, so the bits
are the same in every run.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function
from nlstm.kernels.cuda.tile_sum import VECTOR, tile_sum

EDGE = 4 if SIMULATED else 16  # threads along a side of a tile
SUMMED = 4 if SIMULATED else 16
TILE = EDGE * VECTOR
BLOCKS_WANTED = 264  # two for each multiprocessor of a large device
LEAST_SUMMED = 8 if SIMULATED else 128


def tiles(R: int, C: int) -> tuple[int, int]:
    """Return the blocks of a result (R, C): columns, rows."""
    return -(-C // TILE), -(-R // TILE)


def part_count(M: int, C: int, R: int) -> int:
    """Return in how many parts a sum over R rows is split for a result (M, C)."""
    across, down = tiles(M, C)
    return max(1, min(BLOCKS_WANTED // (across * down), R // LEAST_SUMMED))


def _clear(total):
    for r in range(VECTOR):
        for q in range(VECTOR):
            total[r, q] = 0


clear = device_function(_clear)


@cache
def product(dtype, biased=False, transposed=False):
    """Compile out = A B + b; its grid is `tiles(R, C)`.

    Returns a `Kernel` of (A, B, b, out)
    ------------------------------
    A : (R, K).
    B : (K, C), or (C, K) if `transposed`.
    b : (C,). Read if `biased`.
    out : (R, C). Overwritten.
    """
    number = np.dtype(dtype)
    zero = number.type(0)
    threads = EDGE * EDGE
    multiply = tile_sum(SUMMED)
    loads = TILE * SUMMED // threads
    tile = (1, SUMMED, EDGE + 1, VECTOR)

    def kernel(A, B, b, out):
        R, K, C = A.shape[0], A.shape[1], out.shape[1]
        thread = cuda.threadIdx.x
        row, column = thread // EDGE, thread % EDGE
        first_row, first_column = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
        left = cuda.shared.array(tile, number, alignment=16)
        right = cuda.shared.array(tile, number, alignment=16)
        left_ahead = cuda.local.array(loads, number)
        right_ahead = cuda.local.array(loads, number)
        total = cuda.local.array((VECTOR, VECTOR), number)
        clear(total)
        rounds = (K + SUMMED - 1) // SUMMED
        for turn in range(rounds + 1):
            if turn < rounds:
                for load in range(loads):
                    at = thread + load * threads
                    k, r = turn * SUMMED + at % SUMMED, first_row + at // SUMMED
                    value = zero
                    if k < K and r < R:
                        value = A[r, k]
                    left_ahead[load] = value
                    value = zero
                    if transposed:
                        r = first_column + at // SUMMED
                        if k < K and r < C:
                            value = B[r, k]
                    else:
                        k, r = turn * SUMMED + at // TILE, first_column + at % TILE
                        if k < K and r < C:
                            value = B[k, r]
                    right_ahead[load] = value
            if turn > 0:
                multiply(left, right, 0, row, column, total)
            cuda.syncthreads()
            if turn < rounds:
                for load in range(loads):
                    at = thread + load * threads
                    k, r = at % SUMMED, at // SUMMED
                    left[0, k, r // VECTOR, r % VECTOR] = left_ahead[load]
                    if not transposed:
                        k, r = at // TILE, at % TILE
                    right[0, k, r // VECTOR, r % VECTOR] = right_ahead[load]
            cuda.syncthreads()
        for q in range(VECTOR):
            j = first_column + column * VECTOR + q
            if j < C:
                value = zero
                if biased:
                    value = b[j]
                for r in range(VECTOR):
                    n = first_row + row * VECTOR + r
                    if n < R:
                        out[n, j] = total[r, q] + value

    return Kernel(kernel, threads)


@cache
def gradient_parts(dtype):
    """Compile [x | h | 1]^T dz in parts; its grid is (*tiles(F + H + 1, C), parts).

    The gradients of W, U and b stand one below the other, as the weights do.

    Returns a `Kernel` of (x, h, dz, parts)
    ---------------------------------
    x, h, dz : (R, F), (R, H), (R, C).
    parts : (parts, F + H + 1, C). Overwritten; `sum_parts` adds them.
    """
    number = np.dtype(dtype)
    zero, one = number.type(0), number.type(1)
    threads = EDGE * EDGE
    multiply = tile_sum(SUMMED)
    loads = TILE * SUMMED // threads
    tile = (1, SUMMED, EDGE + 1, VECTOR)

    def kernel(x, h, dz, parts):
        R, F, H, C = x.shape[0], x.shape[1], h.shape[1], dz.shape[1]
        M, count = parts.shape[1], parts.shape[0]
        thread = cuda.threadIdx.x
        row, column = thread // EDGE, thread % EDGE
        first_row, first_column = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
        part = cuda.blockIdx.z
        rounds_in_all = (R + SUMMED - 1) // SUMMED
        share = (rounds_in_all + count - 1) // count
        start = part * share
        rounds = max(min(share, rounds_in_all - start), 0)
        left = cuda.shared.array(tile, number, alignment=16)
        right = cuda.shared.array(tile, number, alignment=16)
        left_ahead = cuda.local.array(loads, number)
        right_ahead = cuda.local.array(loads, number)
        total = cuda.local.array((VECTOR, VECTOR), number)
        clear(total)
        # A thread reads the same column of each matrix all the time.
        m, j = first_row + thread % TILE, first_column + thread % TILE
        for turn in range(rounds + 1):
            if turn < rounds:
                for load in range(loads):
                    k = (start + turn) * SUMMED + (thread + load * threads) // TILE
                    value, other = zero, zero
                    if k < R:
                        if m < F:
                            value = x[k, m]
                        elif m < F + H:
                            value = h[k, m - F]
                        elif m == F + H:
                            value = one
                        if j < C:
                            other = dz[k, j]
                    left_ahead[load] = value
                    right_ahead[load] = other
            if turn > 0:
                multiply(left, right, 0, row, column, total)
            cuda.syncthreads()
            if turn < rounds:
                for load in range(loads):
                    at = thread + load * threads
                    k, r = at // TILE, at % TILE
                    left[0, k, r // VECTOR, r % VECTOR] = left_ahead[load]
                    right[0, k, r // VECTOR, r % VECTOR] = right_ahead[load]
            cuda.syncthreads()
        for r in range(VECTOR):
            n = first_row + row * VECTOR + r
            for q in range(VECTOR):
                j = first_column + column * VECTOR + q
                if n < M and j < C:
                    parts[part, n, j] = total[r, q]

    return Kernel(kernel, threads)


@cache
def sum_parts(dtype):
    """Compile out = the sum of parts, in order; its grid is `ceil(size / 128)`.

    Returns a `Kernel` of (parts, out): (parts, size) and (size,).
    """
    number = np.dtype(dtype)
    zero = number.type(0)
    threads = 4 if SIMULATED else 128

    def kernel(parts, out):
        at = cuda.blockIdx.x * threads + cuda.threadIdx.x
        if at < out.shape[0]:
            total = zero
            for part in range(parts.shape[0]):
                total += parts[part, at]
            out[at] = total

    return Kernel(kernel, threads)
