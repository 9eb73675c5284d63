"""The last block of units, where few units are in it.

A block is a vector of units, and a vector of each of its four gates. 50 units are three blocks of
16 and one of 2, whose gates are 8 numbers in four vectors. Here its weights are put together in one
or two vectors, gate after gate, so that products of it take as many; z and the gradients are spread
again to where they belong. No sum has another order for it.
"""

from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.rows import spread_parts
from nlstm.kernels.cpu.machine.simd import load, store
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.tile import tile

MOST_VECTORS = 2  # of four; with three the way back and forth costs what it spares


@njit_inner
def narrow_vectors(H, L):
    """Return how many vectors the gates of the last block take; 0 where all four are to be used."""
    vectors = (H % L * GATES + L - 1) // L
    return vectors if vectors <= MOST_VECTORS else 0


@njit_inner
def narrow_rows(weights, at, rows, units, row, out, to, L):
    """Write the gates of `rows` rows of a packed block, without what lies between them."""
    for k in range(rows):
        for gate in range(GATES):
            for unit in range(units):
                number = weights[at + (k * GATES + gate) * L + unit]
                out[to + k * row + gate * units + unit] = number


@njit_inner
def narrow_weights(W, U, b, scratch, at, L):
    """Write the weights of the last block: rows of W, those of U, the bias."""
    B, F, H = U.shape[0], W.shape[1], U.shape[1]
    width, units, vectors = GATES * L, H % L, narrow_vectors(H, L)
    last, row = (B - 1) * width, vectors * L
    narrow_rows(W.reshape(-1), last * F, F, units, row, scratch, at, L)
    narrow_rows(U.reshape(-1), last * H, H, units, row, scratch, at + F * row, L)
    narrow_rows(b.reshape(-1), last, 1, units, row, scratch, at + (F + H) * row, L)


@njit_inner
def narrow_gradients(dz, block, out, step, n0, n1, L, units):
    """Write rows n0..n1 of dz of a step, the last block, in the same way; rows stay 4 L apart."""
    width = GATES * L
    for n in range(n0, n1):
        at, to = dz.at + block * dz.block + n * width, out.at + step * out.step + n * width
        i, f = load(dz.array, at), load(dz.array, at + L)
        g, o = load(dz.array, at + 2 * L), load(dz.array, at + 3 * L)
        store(out.array, to, i)  # what a gate has after its units is overwritten by the next
        store(out.array, to + units, f)
        store(out.array, to + 2 * units, g)
        store(out.array, to + 3 * units, o)


@njit_inner
def spread_gradients(dW, dU, db, L):
    """Spread the last block's gradients of weights, which lie as those of dz."""
    B, F, H = dU.shape[0], dW.shape[1], dU.shape[1]
    last = (B - 1) * GATES * L
    spread_rows(dW.reshape(-1), last * F, F, H % L, L)
    spread_rows(dU.reshape(-1), last * H, H, H % L, L)
    spread_rows(db.reshape(-1), last, 1, H % L, L)


@njit_inner
def spread_rows(array, at, rows, units, L):
    """Spread the gates of rows of 4 L numbers to a vector each, in place."""
    for n in range(rows):
        spread_parts(array, at + n * GATES * L, units)


@njit_inner
def narrow_tile(rows, scratch, z, weights, x, h, L):
    """Compute z of one tile of the last block. x, h : (array, place, row, count)."""
    x_array, x_at, x_row, F = x
    h_array, h_at, h_row, H = h
    vectors = narrow_vectors(H, L)
    width = vectors * L
    W_at, U_at = weights, weights + F * width
    place, bias = (scratch, z, GATES * L, L), (scratch, U_at + H * width, 0, L)
    from_x = (x_array, x_at, x_row, 1, 0, scratch, W_at, L, width, 0, F, 1)
    from_h = (h_array, h_at, h_row, 1, 0, scratch, U_at, L, width, 0, H, 1)
    tile(rows, vectors, place, bias, (from_x, from_h))
    spread_rows(scratch, z, rows, H % L, L)
