"""Matrices rounded to pairs of bfloat16, in flat arrays: pairs of rows, and pairs along a row."""

import numpy as np

from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import load, splat
from nlstm.kernels.cpu.products.pairs import pair, store_across, store_along


@njit_inner
def word_row(words, L):
    """Return the length of a row of so many words: as `padded`, never a multiple of 2 KiB."""
    return words + L if words * 4 % 2048 == 0 else words


@njit_inner
def pair_rows(source, at, rows, row, width, out, to, L):
    """Write rows of whole vectors in pairs of rows; a last one goes with zeros.

    source, at : the first of `rows` rows, `row` apart; `width` numbers of each are taken.
    """
    for n in range(0, rows, 2):
        for k in range(0, width, L):
            place = at + n * row + k
            high = load(source, place + row) if n + 1 < rows else splat(source, 0.0)
            store_across(out, to + n // 2 * width + k, load(source, place), high)


@njit_inner
def pair_wide_rows(source, at, rows, row, first, last, out, to, width, L):
    """Write columns first..last of rows in pairs of rows, `width` apart; rows may end anywhere.

    `first` begins a vector. What lies past `last` may be written too, up to a whole vector.
    """
    for n in range(0, rows, 2):
        place, target, two = at + n * row, to + n // 2 * width, n + 1 < rows
        for k in range(first, last, L):
            if k + L <= row:
                high = load(source, place + row + k) if two else splat(source, 0.0)
                store_across(out, target + k, load(source, place + k), high)
            else:
                for j in range(k, last):
                    upper = source[place + row + j] if two else np.float32(0)
                    out[target + j] = pair(source[place + j], upper)


@njit_inner
def pair_columns(source, at, count, out, to, L):
    """Write `count` numbers of a row in pairs of neighbours; a last one goes with zero."""
    whole = count // (2 * L) * 2 * L
    for k in range(0, whole, 2 * L):
        store_along(out, to + k // 2, load(source, at + k), load(source, at + k + L))
    for k in range(whole, count, 2):
        high = source[at + k + 1] if k + 1 < count else np.float32(0)
        out[to + k // 2] = pair(source[at + k], high)
