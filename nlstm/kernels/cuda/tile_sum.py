"""The inner loop of every tiled product: four terms of a sum, 4 x 4 results a thread.

The terms are written out: in a loop that the compiler keeps it cannot know that an index is not
negative, and then it does not make four loads one.
"""

from functools import cache

from nlstm.kernels.cuda.launch import device_function

VECTOR = 4


def _one_term(left, right, group, k, row, column, total):
    for r in range(4):
        for q in range(4):
            total[r, q] += left[group, k, row, r] * right[group, k, column, q]


one_term = device_function(_one_term)


def _four_terms(left, right, group, k, row, column, total):
    one_term(left, right, group, k, row, column, total)
    one_term(left, right, group, k + 1, row, column, total)
    one_term(left, right, group, k + 2, row, column, total)
    one_term(left, right, group, k + 3, row, column, total)


four_terms = device_function(_four_terms)


@cache
def tile_sum(summed: int):
    """Compile total += left^T right over the 4, 8 or 16 terms of a tile.

    Returns a device function of (left, right, group, row, column, total)
    ---------------------------------------------------------------------
    left, right : (groups, summed, threads, 4), in shared memory.
    total : (4, 4), in registers.
    """

    def add(left, right, group, row, column, total):
        four_terms(left, right, group, 0, row, column, total)
        if summed > 4:
            four_terms(left, right, group, 4, row, column, total)
        if summed > 8:
            four_terms(left, right, group, 8, row, column, total)
            four_terms(left, right, group, 12, row, column, total)

    return device_function(add)
