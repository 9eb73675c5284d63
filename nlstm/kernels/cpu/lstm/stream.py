"""One time step of a whole stack of layers in one call: no threads, no allocation.

The stack is a table of integers, one row a layer, so that one compiled function serves every model.
Tiles and activations are those of the sequence kernels, and so are the numbers.
"""

import math

import numpy as np

from nlstm.kernels.cpu.activations.emitters import CODES, activate_in_place
from nlstm.kernels.cpu.dense.dense import softmax_row
from nlstm.kernels.cpu.lstm.zoneout import mean_of_draws
from nlstm.kernels.cpu.machine.jit import (
    flush_denormals,
    lanes,
    njit,
    njit_inner,
    restore_denormals,
)
from nlstm.kernels.cpu.machine.simd import fma, load, store
from nlstm.kernels.cpu.products.few_columns import (
    few_columns_forward,
    has_few_columns,
    transpose_columns,
)
from nlstm.kernels.cpu.products.gemm import Matrix, Panels, tile_count, tile_edge
from nlstm.kernels.cpu.products.layout import GATES, PEEPHOLES, blocks
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, tile

LSTM, DENSE = 0, 1
KIND, FEATURES, UNITS, OUTPUTS, KERNEL, RECURRENT, BIAS, PEEPHOLE, PROJECTION = range(9)
ACTIVATION, GATE_ACTIVATION, STATE, INNER, IN, IN_ROW, OUT, OUT_ROW = range(9, 17)
SOFTMAX = CODES["softmax"]


def stream_table(layers, N, dtype):
    """Lay out the memory of a stream.

    Parameters
    ----------
    layers : list of (kind, features, units, outputs, kernel, recurrent kernel, bias, peephole,
        projection, activation, gate activation): kind "lstm" or "dense"; outputs are the units, or
        what a projection makes of them; places of the weights in the flat parameters, -1 where
        there is none; activations by name.
    N : int. Rows.

    Returns
    -------
    table : ndarray(int64), shape (layers, 17).
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
        row[: PROJECTION + 1] = {"lstm": LSTM, "dense": DENSE}[kind], *sizes
        row[ACTIVATION], row[GATE_ACTIVATION] = CODES[activation], CODES[gate_activation]
        inner, size = (blocks(row[n], dtype) * L for n in (UNITS, OUTPUTS))
        out = work if row[PROJECTION] < 0 else work + N * inner
        row[STATE:] = state, work, place, stride, out, size
        state += N * (size + inner) if kind == "lstm" else 0
        place, stride = out, size
        work = out + N * size
    return table, (x, state, work)


@njit_inner
def activate_vectors(code, array, first, count, L):
    """Apply an activation, given by its number, to `count` vectors. One function for all places:
    it holds the code of every activation.
    """
    for k in range(count):
        activate_in_place(code, array, first + k * L)


@njit_inner
def finish_cell(row, rates, parameters, state, work, z, m, block, H, S, N, P, L):
    """Finish row m of one unit block: as `lstm_forward`, with the mean of zoneout's draws."""
    cell_code, gate_code = row[ACTIVATION], row[GATE_ACTIVATION]
    c_at = row[STATE] + N * P + m * S + block * L
    out = row[INNER] + m * S + block * L
    c_old = load(state, c_at)
    if row[PEEPHOLE] >= 0:
        p = row[PEEPHOLE] + block * PEEPHOLES * L
        store(work, z, fma(load(parameters, p), c_old, load(work, z)))
        store(work, z + L, fma(load(parameters, p + L), c_old, load(work, z + L)))
    activate_vectors(gate_code, work, z, 2, L)
    activate_vectors(cell_code, work, z + 2 * L, 1, L)
    c_new = fma(load(work, z + L), c_old, load(work, z) * load(work, z + 2 * L))
    store(work, out, c_new)
    activate_vectors(cell_code, work, out, 1, L)
    if rates[0] > 0:
        c_new = mean_of_draws(state, rates[0], c_old, c_new)
    if row[PEEPHOLE] >= 0:
        p = row[PEEPHOLE] + (block * PEEPHOLES + 2) * L
        store(work, z + 3 * L, fma(load(parameters, p), c_new, load(work, z + 3 * L)))
    activate_vectors(gate_code, work, z + 3 * L, 1, L)
    h_new = load(work, z + 3 * L) * load(work, out)
    if rates[1] > 0:
        h_new = mean_of_draws(state, rates[1], load(state, row[STATE] + m * P + block * L), h_new)
    store(state, c_at, c_new)
    store(work, out, h_new)
    for k in range(H - block * L, L):  # lanes past the last unit
        state[c_at + k] = work[out + k] = 0


@njit_inner
def lstm_layer(row, rates, parameters, state, work, N, L):
    F, H, K = row[FEATURES], row[UNITS], row[OUTPUTS]
    B = (H + L - 1) // L
    S, P, width = B * L, (K + L - 1) // L * L, GATES * L
    h = row[STATE]
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
                state, h + n * P, P, 1, 0,
                parameters, row[RECURRENT] + block * K * width, L, width, 0, K, 1,
            )  # fmt: skip
            place = (work, z, width, L)
            if row[BIAS] < 0:
                tile(end - n, VECTORS, place, None, (from_x, from_h))
            else:
                bias = (parameters, row[BIAS] + block * width, 0, L)
                tile(end - n, VECTORS, place, bias, (from_x, from_h))
            for m in range(n, end):
                at = z + (m - n) * width
                finish_cell(row, rates, parameters, state, work, at, m, block, H, S, N, P, L)
    if row[PROJECTION] >= 0:
        project(row[INNER], S, row[OUT], P, parameters, row[PROJECTION], work, N, H, K, L)
    # Only now: every block has read the old state.
    for k in range(0, N * P, L):
        store(state, h + k, load(work, row[OUT] + k))


@njit_inner
def project(source, source_row, out, out_row, parameters, weights, work, N, K, columns, L):
    """Compute out = source W for panels W (V, K, L)."""
    V, count = (columns + L - 1) // L, tile_count(N)
    for v in range(0, V, VECTORS):
        for index in range(count):
            n = tile_edge(np.int64(0), N, index)
            end = tile_edge(np.int64(0), N, index + 1)
            inputs = (
                work, source + n * source_row, source_row, 1, 0,
                parameters, weights + v * K * L, K * L, L, 0, K, 1,
            )  # fmt: skip
            place = (work, out + n * out_row + v * L, out_row, L)
            tile(end - n, min(VECTORS, V - v), place, None, (inputs,))


@njit_inner
def dense_layer(row, parameters, work, N, L):
    K, O = row[FEATURES], row[UNITS]  # noqa: E741, the field's letter
    few = has_few_columns(O, K, row[IN_ROW], L)
    V = 0 if few else (O + L - 1) // L
    count = tile_count(N)
    if few:
        transpose_columns(parameters, row[KERNEL], K, O, work, 0, L)
        x = Matrix(work, row[IN], row[IN_ROW])
        y = Matrix(work, row[OUT], row[OUT_ROW])
        few_columns_forward(x, 0, N, O, Panels(work, 0), parameters, row[BIAS], y, K, L)
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
            activate_vectors(row[ACTIVATION], y, 0, (O + L - 1) // L, L)
        y[O:] = 0


@njit
def stream_step(table, rates, parameters, state, work, N, L):
    """Take every layer of `table` one step forward; return whether the input is finite.

    If it is not, nothing is changed.

    Parameters
    ----------
    table : as `stream_table` made it. parameters : the model's flat array.
    rates : ndarray(float64), shape (layers, 2). Zoneout of c and h.
    state : ndarray. h and c of every LSTM; overwritten by the next.
    work : ndarray. Holds the input at its place; the outputs of all layers are overwritten.
    N, L : rows, and lanes of the dtype.
    """
    first = table[0, IN]
    for k in range(first, first + N * table[0, IN_ROW]):
        if not math.isfinite(work[k]):
            return False
    mode = flush_denormals()
    for layer in range(table.shape[0]):
        if table[layer, KIND] == LSTM:
            lstm_layer(table[layer], rates[layer], parameters, state, work, N, L)
        else:
            dense_layer(table[layer], parameters, work, N, L)
    restore_denormals(mode)
    return True
