"""Products of float32 whose rows lie at multiples of 16 bytes: tiles that come by themselves.

A block makes 128 x 128 of the result or half of that either way, a thread 8 x 8 or half; the sum is
taken 16 terms at a time. Three tiles of each side lie in shared memory: one is used, the two that
come next are on their way, without passing through registers. Where terms lie side by side, rows of
16 are kept with four more numbers between them, so that eight threads read eight different banks.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, device_function
from nlstm.kernels.cuda.tile_sum import EDGE, FOUR, VECTOR
from nlstm.kernels.cuda.vectors import (
    commit,
    copy_four,
    copy_one,
    read_four,
    waiter,
    write_four,
)

SUMMED = 4 if SIMULATED else 16
ROW = SUMMED + VECTOR
STAGES = 3
THREADS = EDGE * EDGE
BLOCKS = 2  # of a multiprocessor
NUMBER = np.dtype("float32")
ZERO, ONE = NUMBER.type(0), NUMBER.type(1)
wait = waiter(STAGES - 2)
L = np.uint64  # of places: Numba asks of others whether they are negative


def _take(tiles, at, to, place):
    to[place], to[place + 1], to[place + 2], to[place + 3] = read_four(tiles, at)


take = device_function(_take)


@cache
def product(row_fours, column_fours, biased=False, transposed=False):
    """Compile out = A B + b; see `products.product`."""
    rows, columns = FOUR * row_fours, FOUR * column_fours
    left_size = rows * ROW
    size = left_size + (columns * ROW if transposed else columns * SUMMED)
    groups = SUMMED // VECTOR  # of four terms
    left_loads, right_loads = rows * groups // THREADS, columns * groups // THREADS
    row_count, column_count = VECTOR * row_fours, VECTOR * column_fours
    right_groups = columns // VECTOR

    def kernel(A, B, b, out):
        R, K, C = L(A.shape[0]), L(A.shape[1]), L(out.shape[1])
        thread = L(cuda.threadIdx.x)
        row, column = thread // L(EDGE), thread % L(EDGE)
        first_row, first_column = L(cuda.blockIdx.y) * L(rows), L(cuda.blockIdx.x) * L(columns)
        tiles = cuda.shared.array(0, NUMBER, alignment=16)
        total = cuda.local.array((row_count, column_count), NUMBER)
        left = cuda.local.array((row_count, VECTOR), NUMBER)
        right = cuda.local.array((column_fours, VECTOR), NUMBER)
        for r in range(row_count):
            for q in range(column_count):
                total[r, q] = ZERO
        rounds = (K + L(SUMMED - 1)) // L(SUMMED)

        for turn in range(L(0), rounds + L(STAGES - 1)):
            if turn >= L(STAGES - 1):
                wait()
                cuda.syncthreads()
            # Ask for a tile, two rounds before it is used, in the place of the one used last.
            if turn < rounds:
                place = turn % L(STAGES) * L(size)
                for load in range(left_loads):
                    at = thread + L(load * THREADS)
                    r, k = at // L(groups), at % L(groups) * L(VECTOR)
                    n, term = first_row + r, turn * L(SUMMED) + k
                    inside = n < R and term < K
                    source = n * K + term if inside else L(0)
                    copy_four(tiles, place + r * L(ROW) + k, A, source, inside)
                for load in range(right_loads):
                    at = thread + L(load * THREADS)
                    if transposed:
                        r, k = at // L(groups), at % L(groups) * L(VECTOR)
                        to = r * L(ROW) + k
                    else:
                        k, r = at // L(right_groups), at % L(right_groups) * L(VECTOR)
                        to = k * L(columns) + r
                    n, term = first_column + r, turn * L(SUMMED) + k
                    inside = n < C and term < K
                    source = n * K + term if transposed else term * C + n
                    source = source if inside else L(0)
                    copy_four(tiles, place + L(left_size) + to, B, source, inside)
            commit()
            if turn >= L(STAGES - 1):
                place = (turn - L(STAGES - 1)) % L(STAGES) * L(size)
                for group in range(groups):
                    for r in range(row_count):
                        at = place + (row + L(r * EDGE)) * L(ROW) + L(group * VECTOR)
                        take(tiles, at, left[r], 0)
                    place_right = place + L(left_size)
                    if transposed:
                        for q in range(column_count):
                            at = (column + L(q * EDGE)) * L(ROW) + L(group * VECTOR)
                            take(tiles, place_right + at, right[0], 0)
                            for k in range(VECTOR):
                                for r in range(row_count):
                                    total[r, q] += left[r, k] * right[0, k]
                    else:
                        for k in range(VECTOR):
                            for four in range(column_fours):
                                at = L((group * VECTOR + k) * columns)
                                at += (column + L(four * EDGE)) * L(VECTOR)
                                take(tiles, place_right + at, right[four], 0)
                            for r in range(row_count):
                                for q in range(column_count):
                                    total[r, q] += left[r, k] * right[q // VECTOR, q % VECTOR]

        for r in range(row_count):
            n = first_row + row + L(r * EDGE)
            if n < R:
                if transposed:
                    for q in range(column_count):
                        j = first_column + column + L(q * EDGE)
                        if j < C:
                            found = total[r, q]
                            if biased:
                                found += b[j]
                            out[n, j] = found
                else:
                    for four in range(column_fours):
                        j = first_column + (column + L(four * EDGE)) * L(VECTOR)
                        if j < C:
                            q = four * VECTOR
                            f0, f1, f2, f3 = ZERO, ZERO, ZERO, ZERO
                            if biased:
                                f0, f1, f2, f3 = b[j], b[j + L(1)], b[j + L(2)], b[j + L(3)]
                            write_four(
                                out, n * C + j, total[r, q] + f0, total[r, q + 1] + f1,
                                total[r, q + 2] + f2, total[r, q + 3] + f3,
                            )  # fmt: skip

    return Kernel(kernel, THREADS, STAGES * size * NUMBER.itemsize, BLOCKS)


@cache
def gradient_parts(row_fours, column_fours, states=True, whole=True):
    """Compile [x | h | 1]^T dz in parts; see `products.gradient_parts`.

    Here h comes first, as its rows are multiples of four numbers; those of x are if `whole`.
    """
    rows, columns = FOUR * row_fours, FOUR * column_fours
    left_size, size = SUMMED * rows, SUMMED * (rows + columns)
    left_groups, right_groups = rows // VECTOR, columns // VECTOR
    left_loads, right_loads = SUMMED * left_groups // THREADS, SUMMED * right_groups // THREADS
    row_count, column_count = VECTOR * row_fours, VECTOR * column_fours

    def add(tiles, at, k, left, right, total):
        """Add what a thread's results have of one term."""
        for four in range(row_fours):
            take(tiles, at[0] + k * L(rows) + L(four * EDGE * VECTOR), left[four], 0)
        for four in range(column_fours):
            take(tiles, at[1] + k * L(columns) + L(four * EDGE * VECTOR), right[four], 0)
        for r in range(row_count):
            for q in range(column_count):
                total[r, q] += left[r // VECTOR, r % VECTOR] * right[q // VECTOR, q % VECTOR]

    add_term = device_function(add)

    def kernel(x, h, dz, parts):
        R, F, C = L(x.shape[0]), L(x.shape[1]), L(dz.shape[1])
        H = L(0)
        if states:
            H = L(h.shape[1])
        M, count = L(parts.shape[1]), L(parts.shape[0])
        thread = L(cuda.threadIdx.x)
        row, column = thread // L(EDGE), thread % L(EDGE)
        first_row, first_column = L(cuda.blockIdx.y) * L(rows), L(cuda.blockIdx.x) * L(columns)
        part = L(cuda.blockIdx.z)
        all_rounds = (R + L(SUMMED - 1)) // L(SUMMED)
        share = (all_rounds + count - L(1)) // count
        start = min(part * share, all_rounds)
        rounds = min(share, all_rounds - start)
        tiles = cuda.shared.array(0, NUMBER, alignment=16)
        total = cuda.local.array((row_count, column_count), NUMBER)
        left = cuda.local.array((row_fours, VECTOR), NUMBER)
        right = cuda.local.array((column_fours, VECTOR), NUMBER)
        for r in range(row_count):
            for q in range(column_count):
                total[r, q] = ZERO

        for turn in range(L(0), rounds + L(STAGES - 1)):
            if turn >= L(STAGES - 1):
                wait()
                cuda.syncthreads()
            if turn < rounds:
                place = turn % L(STAGES) * L(size)
                first_term = (start + turn) * L(SUMMED)
                for load in range(left_loads):
                    at = thread + L(load * THREADS)
                    k, r = at // L(left_groups), at % L(left_groups) * L(VECTOR)
                    m, term = first_row + r, first_term + k
                    to, inside = place + k * L(rows) + r, term < R
                    if states and m < H:
                        source = term * H + m if inside else L(0)
                        copy_four(tiles, to, h, source, inside)
                    elif whole and m < H + F:
                        source = term * F + m - H if inside else L(0)
                        copy_four(tiles, to, x, source, inside)
                    else:
                        for q in range(VECTOR):
                            if not whole and m + L(q) < H + F:
                                source = term * F + m + L(q) - H if inside else L(0)
                                copy_one(tiles, to + L(q), x, source, inside)
                            else:
                                tiles[to + L(q)] = ONE if inside and m + L(q) == H + F else ZERO
                for load in range(right_loads):
                    at = thread + L(load * THREADS)
                    k, r = at // L(right_groups), at % L(right_groups) * L(VECTOR)
                    j, term = first_column + r, first_term + k
                    inside = term < R and j < C
                    source = term * C + j if inside else L(0)
                    copy_four(tiles, place + L(left_size) + k * L(columns) + r, dz, source, inside)
            commit()
            if turn >= L(STAGES - 1):
                place = (turn - L(STAGES - 1)) % L(STAGES) * L(size)
                at = place + row * L(VECTOR), place + L(left_size) + column * L(VECTOR)
                for group in range(L(0), L(SUMMED), L(VECTOR)):
                    # Written out, as the compiler keeps the loop.
                    add_term(tiles, at, group, left, right, total)
                    add_term(tiles, at, group + L(1), left, right, total)
                    add_term(tiles, at, group + L(2), left, right, total)
                    add_term(tiles, at, group + L(3), left, right, total)

        for r in range(row_count):
            m = first_row + (row + L(r // VECTOR * EDGE)) * L(VECTOR) + L(r % VECTOR)
            if m < M:
                to = m
                if m < H:
                    to = m + F
                elif m < H + F:
                    to = m - H
                for four in range(column_fours):
                    j = first_column + (column + L(four * EDGE)) * L(VECTOR)
                    if j < C:
                        q = four * VECTOR
                        write_four(
                            parts, (part * M + to) * C + j, total[r, q], total[r, q + 1],
                            total[r, q + 2], total[r, q + 3],
                        )  # fmt: skip

    return Kernel(kernel, THREADS, STAGES * size * NUMBER.itemsize, BLOCKS)
