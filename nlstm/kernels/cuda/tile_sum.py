"""Tiles of products, and their inner loop: a few terms of a sum, 4 x 4 or more results a thread.

Reading shared memory takes longer than the arithmetic where a thread has 4 x 4 results, and about
as long where it has 8 x 8. The terms are written out: in a loop that the compiler keeps it cannot
know that an index is not negative, and then it does not make four loads one.
"""

from functools import cache

from nlstm.kernels.cuda.launch import SIMULATED, device_function

VECTOR = 4
EDGE = 4 if SIMULATED else 16  # threads along a side of a tile
FOUR = EDGE * VECTOR  # rows or columns of a tile whose threads have four


def fours(count: int) -> int:
    """Return how many fours of rows or columns a thread has: two, if little of a tile is empty."""
    one, two = (-(-count // (FOUR * n)) * n for n in (1, 2))
    return 2 if two <= 1.04 * one else 1


def tiles(R: int, C: int) -> tuple[int, int]:
    """Return the blocks of a result (R, C): columns, rows."""
    return -(-C // (FOUR * fours(C))), -(-R // (FOUR * fours(R)))


@cache
def tile_sum(
    summed: int, left_fours: int = 1, right_fours: int = 1, rows: int = 0, columns: int = 0
):
    """Compile total += left^T right over the 4, 8 or 16 terms of a tile.

    A thread's results are fours of rows, `rows` fours apart, by fours of columns.

    Returns a device function of (left, right, group, row, column, total)
    ---------------------------------------------------------------------
    left, right : (groups, summed, fours, 4), in shared memory.
    total : (4 left_fours, 4 right_fours), in registers.
    """

    def one(left, right, group, k, row, column, total):
        for a in range(left_fours):
            for r in range(4):
                for b in range(right_fours):
                    for q in range(4):
                        total[a * 4 + r, b * 4 + q] += (
                            left[group, k, row + a * rows, r]
                            * right[group, k, column + b * columns, q]
                        )

    one_term = device_function(one)

    def four(left, right, group, k, row, column, total):
        one_term(left, right, group, k, row, column, total)
        one_term(left, right, group, k + 1, row, column, total)
        one_term(left, right, group, k + 2, row, column, total)
        one_term(left, right, group, k + 3, row, column, total)

    four_terms = device_function(four)

    def add(left, right, group, row, column, total):
        four_terms(left, right, group, 0, row, column, total)
        if summed > 4:
            four_terms(left, right, group, 4, row, column, total)
        if summed > 8:
            four_terms(left, right, group, 8, row, column, total)
            four_terms(left, right, group, 12, row, column, total)

    return device_function(add)
