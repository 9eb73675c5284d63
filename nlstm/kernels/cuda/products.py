"""Matrix products in tiles, with sums split in a fixed number of parts.

A block makes a tile of the result, a thread 8 x 8 of it or half or a quarter of that where the
result is narrow; what comes next is read into registers
while the tile in shared memory is used. Where a sum is long and the result small, parts of the
sum are made side by side and added in order: their number depends on the shape alone, so the bits
are the same in every run.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda import products_fast
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function
from nlstm.kernels.cuda.tile_sum import EDGE, FOUR, VECTOR, fours, tile_sum, tiles
from nlstm.kernels.cuda.vectors import are_aligned

SUMMED = 4 if SIMULATED else 8
BLOCKS_WANTED = 264  # two for each multiprocessor of a large device
LEAST_SUMMED = 8 if SIMULATED else 32


def part_count(M: int, C: int, R: int) -> int:
    """Return in how many parts a sum over R rows is split for a result (M, C)."""
    across, down = tiles(M, C)
    return max(1, min(BLOCKS_WANTED // (across * down), R // LEAST_SUMMED))


def _clear(total):
    for r in range(total.shape[0]):
        for q in range(total.shape[1]):
            total[r, q] = 0


clear = device_function(_clear)


@cache
def product(dtype, row_fours, column_fours, biased=False, transposed=False):
    """Compile out = A B + b; its grid is `tiles(R, C)`.

    Parameters
    ----------
    row_fours, column_fours : int. `fours(R)` and `fours(C)`.

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
    multiply = tile_sum(SUMMED, row_fours, column_fours, EDGE, EDGE)
    rows, columns = FOUR * row_fours, FOUR * column_fours
    left_loads, right_loads = rows * SUMMED // threads, columns * SUMMED // threads
    left_tile = (1, SUMMED, EDGE * row_fours + 1, VECTOR)
    right_tile = (1, SUMMED, EDGE * column_fours + 1, VECTOR)
    results = (VECTOR * row_fours, VECTOR * column_fours)

    def kernel(A, B, b, out):
        R, K, C = A.shape[0], A.shape[1], out.shape[1]
        thread = cuda.threadIdx.x
        row, column = thread // EDGE, thread % EDGE
        first_row, first_column = cuda.blockIdx.y * rows, cuda.blockIdx.x * columns
        left = cuda.shared.array(left_tile, number, alignment=16)
        right = cuda.shared.array(right_tile, number, alignment=16)
        left_ahead = cuda.local.array(left_loads, number)
        right_ahead = cuda.local.array(right_loads, number)
        total = cuda.local.array(results, number)
        clear(total)
        rounds = (K + SUMMED - 1) // SUMMED
        for turn in range(rounds + 1):
            if turn < rounds:
                for load in range(left_loads):
                    at = thread + load * threads
                    k, r = turn * SUMMED + at % SUMMED, first_row + at // SUMMED
                    value = zero
                    if k < K and r < R:
                        value = A[r, k]
                    left_ahead[load] = value
                for load in range(right_loads):
                    at = thread + load * threads
                    value = zero
                    if transposed:
                        k, r = turn * SUMMED + at % SUMMED, first_column + at // SUMMED
                        if k < K and r < C:
                            value = B[r, k]
                    else:
                        k, r = turn * SUMMED + at // columns, first_column + at % columns
                        if k < K and r < C:
                            value = B[k, r]
                    right_ahead[load] = value
            if turn > 0:
                multiply(left, right, 0, row, column, total)
            cuda.syncthreads()
            if turn < rounds:
                for load in range(left_loads):
                    at = thread + load * threads
                    k, r = at % SUMMED, at // SUMMED
                    left[0, k, r // VECTOR, r % VECTOR] = left_ahead[load]
                for load in range(right_loads):
                    at = thread + load * threads
                    k, r = at % SUMMED, at // SUMMED
                    if not transposed:
                        k, r = at // columns, at % columns
                    right[0, k, r // VECTOR, r % VECTOR] = right_ahead[load]
            cuda.syncthreads()
        for b_four in range(column_fours):
            for q in range(VECTOR):
                j = first_column + (b_four * EDGE + column) * VECTOR + q
                if j < C:
                    value = zero
                    if biased:
                        value = b[j]
                    for a_four in range(row_fours):
                        for r in range(VECTOR):
                            n = first_row + (a_four * EDGE + row) * VECTOR + r
                            if n < R:
                                found = total[a_four * VECTOR + r, b_four * VECTOR + q]
                                out[n, j] = found + value

    return Kernel(kernel, threads)


@cache
def gradient_parts(dtype, row_fours, column_fours, states=True):
    """Compile [x | h | 1]^T dz in parts; its grid is (*tiles(F + H + 1, C), parts).

    The gradients of W, U and b stand one below the other, as the weights do.

    Parameters
    ----------
    row_fours, column_fours : int. `fours(F + H + 1)` and `fours(C)`.
    states : bool. Whether there is h; else H is 0, and h is not read.

    Returns a `Kernel` of (x, h, dz, parts)
    ---------------------------------
    x, h, dz : (R, F), (R, H), (R, C).
    parts : (parts, F + H + 1, C). Overwritten; `sum_parts` adds them.
    """
    number = np.dtype(dtype)
    zero, one = number.type(0), number.type(1)
    threads = EDGE * EDGE
    multiply = tile_sum(SUMMED, row_fours, column_fours, EDGE, EDGE)
    rows, columns = FOUR * row_fours, FOUR * column_fours
    left_loads, right_loads = rows * SUMMED // threads, columns * SUMMED // threads
    left_tile = (1, SUMMED, EDGE * row_fours + 1, VECTOR)
    right_tile = (1, SUMMED, EDGE * column_fours + 1, VECTOR)
    results = (VECTOR * row_fours, VECTOR * column_fours)

    def kernel(x, h, dz, parts):
        R, F, C = x.shape[0], x.shape[1], dz.shape[1]
        H = 0
        if states:
            H = h.shape[1]
        M, count = parts.shape[1], parts.shape[0]
        thread = cuda.threadIdx.x
        row, column = thread // EDGE, thread % EDGE
        first_row, first_column = cuda.blockIdx.y * rows, cuda.blockIdx.x * columns
        part = cuda.blockIdx.z
        rounds_in_all = (R + SUMMED - 1) // SUMMED
        share = (rounds_in_all + count - 1) // count
        start = part * share
        rounds = max(min(share, rounds_in_all - start), 0)
        left = cuda.shared.array(left_tile, number, alignment=16)
        right = cuda.shared.array(right_tile, number, alignment=16)
        left_ahead = cuda.local.array(left_loads, number)
        right_ahead = cuda.local.array(right_loads, number)
        total = cuda.local.array(results, number)
        clear(total)
        for turn in range(rounds + 1):
            if turn < rounds:
                for load in range(left_loads):
                    at = thread + load * threads
                    k, m = (start + turn) * SUMMED + at // rows, first_row + at % rows
                    value = zero
                    if k < R:
                        if m < F:
                            value = x[k, m]
                        elif m < F + H:
                            if states:
                                value = h[k, m - F]
                        elif m == F + H:
                            value = one
                    left_ahead[load] = value
                for load in range(right_loads):
                    at = thread + load * threads
                    k, j = (start + turn) * SUMMED + at // columns, first_column + at % columns
                    value = zero
                    if k < R and j < C:
                        value = dz[k, j]
                    right_ahead[load] = value
            if turn > 0:
                multiply(left, right, 0, row, column, total)
            cuda.syncthreads()
            if turn < rounds:
                for load in range(left_loads):
                    at = thread + load * threads
                    k, r = at // rows, at % rows
                    left[0, k, r // VECTOR, r % VECTOR] = left_ahead[load]
                for load in range(right_loads):
                    at = thread + load * threads
                    k, r = at // columns, at % columns
                    right[0, k, r // VECTOR, r % VECTOR] = right_ahead[load]
            cuda.syncthreads()
        for a_four in range(row_fours):
            for r in range(VECTOR):
                n = first_row + (a_four * EDGE + row) * VECTOR + r
                if n < M:
                    for b_four in range(column_fours):
                        for q in range(VECTOR):
                            j = first_column + (b_four * EDGE + column) * VECTOR + q
                            if j < C:
                                found = total[a_four * VECTOR + r, b_four * VECTOR + q]
                                parts[part, n, j] = found

    return Kernel(kernel, threads)


def multiply(A, B, b, out, biased=False, transposed=False):
    """Queue out = A B + b with the tiles of its shape."""
    R, C = out.shape
    if are_aligned(A, B) and (transposed or are_aligned(out)):
        run = products_fast.product(fours(R), fours(C), biased, transposed)
        run(tiles(R, C), A, B, b, out)
        return
    run = product(out.dtype, fours(R), fours(C), biased, transposed)
    run(tiles(R, C), A, B, b, out)


def multiply_transposed(x, h, dz, parts):
    """Queue [x | h | 1]^T dz, in the parts that `parts` has room for; h may be None."""
    count, M, C = parts.shape
    if are_aligned(dz, parts) and (h is None or are_aligned(h)) and x.dtype == dz.dtype:
        whole = are_aligned(x)
        run = products_fast.gradient_parts(fours(M), fours(C), h is not None, whole)
        run((*tiles(M, C), count), x, x if h is None else h, dz, parts)
        return
    run = gradient_parts(parts.dtype, fours(M), fours(C), h is not None)
    run((*tiles(M, C), count), x, x if h is None else h, dz, parts)


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
