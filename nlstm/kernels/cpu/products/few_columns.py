"""Products with a matrix of few columns, such as the head of a forecast.

A register tile would use one lane of its vectors for each column. Here the vectors run along the
inputs: a number of y is a sum over lanes, and a column of dW is a sum over rows of vectors of x.
"""

from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import fma, load, splat, store, sum_lanes
from nlstm.kernels.cpu.products.gemm import tile_count, tile_edge
from nlstm.kernels.cpu.products.tile import VECTORS, tile

SUM_COST = 8  # of a sum over lanes, in multiply-adds


@njit_inner
def has_few_columns(columns, K, row, L):
    """Whether these kernels are the faster ones for K inputs in rows of `row` numbers.

    The rows must be padded to whole vectors.
    """
    vectors = (K + L - 1) // L
    return row >= vectors * L and columns <= L and columns * (vectors + SUM_COST) < K


@njit_inner
def transpose_columns(W, W_at, K, columns, out, out_at, L):
    """Write the columns of one panel one after the other, each padded with zeros to whole vectors.

    Parameters
    ----------
    W, W_at : flat panels, and where this one starts. out, out_at : the same of the columns.
    """
    size = (K + L - 1) // L * L
    for column in range(columns):
        at = out_at + column * size
        for k in range(K):
            out[at + k] = W[W_at + k * L + column]
        for k in range(K, size):
            out[at + k] = 0


@njit_inner
def few_columns_forward(x, first, last, columns, W, b, b_at, y, K, L):
    """Compute y = x W + b for rows first..last; the other lanes of the vector of y become zero.

    Parameters
    ----------
    x, y : Matrix. W : Panels, the columns that `transpose_columns` wrote.
    b, b_at : the bias; None or a place below 0 for none.
    """
    from_x, x_at, x_row = x
    weights, W_at = W
    to_y, y_at, y_row = y
    size = (K + L - 1) // L * L
    zero = splat(to_y, 0.0)
    for n in range(first, last):
        to = y_at + n * y_row
        store(to_y, to, zero)
        for column in range(columns):
            at = W_at + column * size
            total = load(from_x, x_at + n * x_row) * load(weights, at)
            for k in range(L, size, L):
                total = fma(load(from_x, x_at + n * x_row + k), load(weights, at + k), total)
            to_y[to + column] = sum_lanes(total)
            if b is not None and b_at >= 0:
                to_y[to + column] += b[b_at + column]


@njit_inner
def few_columns_gradient(x, dz, dW, columns, scratch, at, first, last):
    """Compute vectors first..last (along the inputs) of dW = x^T dz, panels of L columns.

    Parameters
    ----------
    scratch, at : where (columns, padded K) numbers go on the way.
    """
    R, K, L = x.shape[0], dW.shape[1], dW.shape[2]
    size = (K + L - 1) // L * L
    for v in range(first, last, VECTORS):
        vectors = min(VECTORS, last - v)
        for index in range(tile_count(columns)):
            column, end = tile_edge(0, columns, index), tile_edge(0, columns, index + 1)
            place = (scratch, at + column * size + v * L, size, L)
            source = (
                dz, column, 1, dz.shape[1], 0, x, v * L, L, x.shape[1], 0, R, 1
            )  # fmt: skip
            tile(end - column, vectors, place, None, (source,))
    for k in range(first * L, min(last * L, K)):
        for column in range(columns):
            dW[0, k, column] = scratch[at + column * size + k]
        for column in range(columns, L):
            dW[0, k, column] = 0
