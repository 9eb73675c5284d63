"""One time step of a whole stack of layers in one call: no threads, no allocation.

The stack is a table of integers, one row a layer, so that one compiled function serves every model.
Tiles and activations are those of the sequence kernels, and so are the numbers.
"""

import numpy as np

from nlstm.kernels.cpu.activations import CODES, activate_by_code
from nlstm.kernels.cpu.dense import softmax_row
from nlstm.kernels.cpu.few_columns import (
    few_columns_forward,
    has_few_columns,
    transpose_columns,
)
from nlstm.kernels.cpu.gemm import tile_count, tile_edge
from nlstm.kernels.cpu.jit import flush_denormals, lanes, njit, njit_inner, restore_denormals
from nlstm.kernels.cpu.layout import GATES, blocks
from nlstm.kernels.cpu.simd import fma, load, store
from nlstm.kernels.cpu.tile import ROWS, VECTORS, tile

LSTM, DENSE = 0, 1
KIND, FEATURES, UNITS, KERNEL, RECURRENT, BIAS, ACTIVATION, GATE_ACTIVATION = range(8)
STATE, IN, IN_ROW, OUT, OUT_ROW = range(8, 13)
SOFTMAX = CODES["softmax"]


def stream_table(layers, N, dtype):
    """Lay out the memory of a stream.

    Parameters
    ----------
    layers : list of (kind, features, units, kernel, recurrent kernel, bias, activation, gate
        activation): kind "lstm" or "dense"; places of the weights in the flat parameters, -1 where
        there is none; activations by name.
    N : int. Rows.

    Returns
    -------
    table : ndarray(int64), shape (layers, 13).
    places : (x, state size, work size). x is where the input (N, F) goes in the work memory; the
        output of a layer is at [OUT], rows [OUT_ROW] apart.
    """
    L = lanes(dtype)
    # Before it: z of one tile, or the columns of a dense layer that has few.
    x = max(ROWS * VECTORS * L, *(L * blocks(features, dtype) * L for _, features, *_ in layers))
    state, place, stride = 0, x, layers[0][1]
    work = -(-(x + N * stride) // L) * L
    table = np.zeros((len(layers), OUT_ROW + 1), np.int64)
    for row, (kind, *sizes, activation, gate_activation) in zip(table, layers, strict=True):
        size = blocks(sizes[1], dtype) * L
        row[: BIAS + 1] = {"lstm": LSTM, "dense": DENSE}[kind], *sizes
        row[ACTIVATION], row[GATE_ACTIVATION] = CODES[activation], CODES[gate_activation]
        row[STATE:] = state, place, stride, work, size
        state += 2 * N * size if kind == "lstm" else 0
        place, stride = work, size
        work += N * size
    return table, (x, state, work)


@njit_inner
def lstm_layer(row, parameters, state, work, N, L):
    F, H = row[FEATURES], row[UNITS]
    B = (H + L - 1) // L
    S, width = B * L, GATES * L
    h, c = row[STATE], row[STATE] + N * S
    count = tile_count(N)
    z = np.int64(0)
    for block in range(B):
        for index in range(count):
            n = tile_edge(np.int64(0), N, index)
            end = tile_edge(np.int64(0), N, index + 1)
            from_x = (
                work, row[IN] + n * row[IN_ROW], row[IN_ROW], 1, 0,
                parameters, row[KERNEL] + block * F * width, L, width, 0, F, 1,
            )  # fmt: skip
            from_h = (
                state, h + n * S, S, 1, 0,
                parameters, row[RECURRENT] + block * H * width, L, width, 0, H, 1,
            )  # fmt: skip
            place = (work, z, width, L)
            if row[BIAS] < 0:
                tile(end - n, VECTORS, place, None, (from_x, from_h))
            else:
                bias = (parameters, row[BIAS] + block * width, 0, L)
                tile(end - n, VECTORS, place, bias, (from_x, from_h))
            for m in range(n, end):
                at, c_at = z + (m - n) * width, c + m * S + block * L
                i = activate_by_code(row[GATE_ACTIVATION], load(work, at))
                f = activate_by_code(row[GATE_ACTIVATION], load(work, at + L))
                g = activate_by_code(row[ACTIVATION], load(work, at + 2 * L))
                o = activate_by_code(row[GATE_ACTIVATION], load(work, at + 3 * L))
                c_new = fma(f, load(state, c_at), i * g)
                store(state, c_at, c_new)
                h_new = o * activate_by_code(row[ACTIVATION], c_new)
                store(work, row[OUT] + m * row[OUT_ROW] + block * L, h_new)
    # Only now: every block has read the old state.
    for k in range(0, N * S, L):
        store(state, h + k, load(work, row[OUT] + k))


@njit_inner
def dense_layer(row, parameters, work, N, L):
    K, O = row[FEATURES], row[UNITS]  # noqa: E741, the field's letter
    few = has_few_columns(O, K, row[IN_ROW], L)
    V = 0 if few else (O + L - 1) // L
    count = tile_count(N)
    if few:
        transpose_columns(parameters, row[KERNEL], K, O, work, 0, L)
        few_columns_forward(work, row[IN], row[IN_ROW], 0, N, O, work, 0, parameters, row[BIAS],
                            work, row[OUT], row[OUT_ROW], K, L)  # fmt: skip
    for v in range(0, V, VECTORS):
        vectors = min(VECTORS, V - v)
        for index in range(count):
            n = tile_edge(np.int64(0), N, index)
            end = tile_edge(np.int64(0), N, index + 1)
            source = (
                work, row[IN] + n * row[IN_ROW], row[IN_ROW], 1, 0,
                parameters, row[KERNEL] + v * K * L, K * L, L, 0, K, 1,
            )  # fmt: skip
            place = (work, row[OUT] + n * row[OUT_ROW] + v * L, row[OUT_ROW], L)
            if row[BIAS] < 0:
                tile(end - n, vectors, place, None, (source,))
            else:
                bias = (parameters, row[BIAS] + v * L, 0, L)
                tile(end - n, vectors, place, bias, (source,))
    for n in range(N):
        y = work[row[OUT] + n * row[OUT_ROW] : row[OUT] + (n + 1) * row[OUT_ROW]]
        if row[ACTIVATION] == SOFTMAX:
            softmax_row(y, O, L)
        else:
            for k in range(0, O, L):
                store(y, k, activate_by_code(row[ACTIVATION], load(y, k)))
        y[O:] = 0


@njit
def stream_step(table, parameters, state, work, N, L):
    """Take every layer of `table` one step forward.

    Parameters
    ----------
    table : as `stream_table` made it. parameters : the model's flat array.
    state : ndarray. h and c of every LSTM; overwritten by the next.
    work : ndarray. Holds the input at its place; the outputs of all layers are overwritten.
    N, L : rows, and lanes of the dtype.
    """
    mode = flush_denormals()
    for layer in range(table.shape[0]):
        if table[layer, KIND] == LSTM:
            lstm_layer(table[layer], parameters, state, work, N, L)
        else:
            dense_layer(table[layer], parameters, work, N, L)
    restore_denormals(mode)
