"""An LSTM of few units: one block takes a few rows through all time steps.

A thread keeps one gate's column of weights, a part of it in registers and the rest in shared
memory, so that a step reads no weights from memory. Two barriers a step: the gates of a step are
made by 4 H threads, its cells by rows x H threads, which keep c in a register.

Inputs of few features are read here, z = x W + h U + b, and otherwise z = x W + b of all steps
waits in the gates' place. Backward mirrors it: dz replaces the gates, and products make the
gradients of weights from it.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.activations import activation as scalar_functions
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, registers_of

GATES = 4
VECTOR = 4
MOST_ROWS = 4
MOST_INLINE_FEATURES = 16
# Registers that are not weights: addresses, sums, what is read ahead.
OTHER_REGISTERS = 64


def padded(count: int) -> int:
    """Return the next multiple of four."""
    return -(-count // VECTOR) * VECTOR


def groups_in_registers(K: int, H: int, dtype) -> int:
    """Return how many fours of a column's K weights stay in registers."""
    size = np.dtype(dtype).itemsize // 4
    free = (registers_of(GATES * H) - OTHER_REGISTERS) // size
    return max(1, min(K, free) // VECTOR) if not SIMULATED else min(1, K // VECTOR)


def shared_bytes(K: int, H: int, dtype) -> int:
    """Return the dynamic shared memory of a block: the weights that registers do not hold."""
    groups = K // VECTOR - groups_in_registers(K, H, dtype)
    return groups * VECTOR * GATES * H * np.dtype(dtype).itemsize


def fits(H: int, dtype, features: int = 0, limit: int = 227 * 1024) -> bool:
    """Whether the whole form can run: threads of a block, and its shared memory."""
    if GATES * H > 1024:
        return False
    size = np.dtype(dtype).itemsize
    K = padded(features) + padded(H)
    static = size * MOST_ROWS * (2 * GATES * (H + VECTOR) + K)
    return max(shared_bytes(K, H, dtype), shared_bytes(padded(H), H, dtype)) + static <= limit


def rows_of_block(N: int, processors: int = 132) -> int:
    """Return the rows of a block: few enough that every multiprocessor has some."""
    rows = -(-N // processors)
    return 1 if rows <= 1 else 2 if rows <= 2 else MOST_ROWS


@cache
def whole_forward(dtype, H, rows, features=0, keep=True, masked=False,
                  activation="tanh", recurrent_activation="sigmoid"):  # fmt: skip
    """Compile the forward pass; its grid is ceil(N / rows) blocks.

    Returns a `Kernel` of (x, W, U, b, gates, h, c, mask)
    ------------------------------------------------
    x : (T, N, F). Read if `features` is F, else z = x W + b stands in `gates`.
    W, U, b : (1, F, H, 4), (1, H, H, 4), (1, H, 4).
    gates : (T, N, 4 H). = the gates after their activations, if `keep`.
    h, c : (T + 1, N, H). Slot 0 is the initial state; = the rest (of c only if `keep`).
    mask : (T, N) of uint8. Read if `masked`: 0 repeats the state of the step before.

    Notes
    -----
    The same bits in every run; `rows` changes them in the last place.
    """
    real = np.dtype(dtype).type
    a, _ = scalar_functions(activation, dtype)
    s, _ = scalar_functions(recurrent_activation, dtype)
    F, FP, HP = features, padded(features), padded(H)
    FG, V = FP // VECTOR, (FP + HP) // VECTOR
    held = groups_in_registers(FP + HP, H, dtype)
    threads = GATES * H
    chains = VECTOR // rows if rows < VECTOR else 1
    zero = real(0)
    inline = features > 0
    shared_x = (rows, V, VECTOR)
    shared_z = (rows, H, GATES)
    number = np.dtype(dtype)
    held_numbers, sums = held * VECTOR, rows * chains

    def kernel(x, W, U, b, gates, h, c, mask):
        thread = cuda.threadIdx.x
        unit, gate = thread // GATES, thread % GATES
        first = cuda.blockIdx.x * rows
        T, N = h.shape[0] - 1, h.shape[1]
        v = cuda.shared.array(shared_x, number, alignment=16)
        z = cuda.shared.array(shared_z, number, alignment=16)
        rest = cuda.shared.array(0, number, alignment=16)
        w = cuda.local.array(held_numbers, number)
        total = cuda.local.array(sums, number)
        ahead = cuda.local.array(rows, number)

        for place in range(V * VECTOR):
            value = zero
            if place < FP:
                if inline and place < F:
                    value = W[0, place, unit, gate]
            elif place - FP < H:
                value = U[0, place - FP, unit, gate]
            if place < held_numbers:
                w[place] = value
            else:
                group = place // VECTOR - held
                rest[(group * threads + thread) * VECTOR + place % VECTOR] = value

        for place in range(thread, rows * V * VECTOR, threads):
            row, k = place // (V * VECTOR), place % (V * VECTOR)
            n = min(first + row, N - 1)
            value = zero
            if k < FP:
                if inline and k < F:
                    value = x[0, n, k]
            elif k - FP < H:
                value = h[0, n, k - FP]
            v[row, k // VECTOR, k % VECTOR] = value

        is_cell = thread < rows * H
        cell_row, cell_unit = thread // H, thread % H
        cell_n = min(first + cell_row, N - 1)
        is_row = is_cell and first + cell_row < N
        cell, hidden = zero, zero
        if is_cell:
            cell = c[0, cell_n, cell_unit]
            hidden = h[0, cell_n, cell_unit]
        bias = zero
        is_input, input_row, input_k, input_n = False, 0, 0, 0
        if inline:
            bias = b[0, unit, gate]
            is_input = thread < rows * F
            input_row, input_k = thread // F, thread % F
            input_n = min(first + input_row, N - 1)
        else:
            for r in range(rows):
                ahead[r] = gates[0, min(first + r, N - 1), thread]
        x_ahead = zero

        for t in range(T):
            cuda.syncthreads()
            for k in range(sums):
                total[k] = zero
            if inline:
                for r in range(rows):
                    total[r * chains] = bias
                if is_input and t + 1 < T:
                    x_ahead = x[t + 1, input_n, input_k]
            else:
                for r in range(rows):
                    total[r * chains] = ahead[r]
                if t + 1 < T:
                    for r in range(rows):
                        ahead[r] = gates[t + 1, min(first + r, N - 1), thread]
            for group in range(held):
                for r in range(rows):
                    for k in range(VECTOR):
                        total[r * chains + k % chains] += w[group * VECTOR + k] * v[r, group, k]
            for group in range(held, V):
                at = ((group - held) * threads + thread) * VECTOR
                for r in range(rows):
                    for k in range(VECTOR):
                        total[r * chains + k % chains] += rest[at + k] * v[r, group, k]
            for r in range(rows):
                value = total[r * chains]
                for k in range(1, chains):
                    value += total[r * chains + k]
                if gate == 2:
                    value = a(value)
                else:
                    value = s(value)
                z[r, unit, gate] = value
                if keep and first + r < N:
                    gates[t, first + r, thread] = value
            cuda.syncthreads()
            if is_cell:
                present = True
                if masked:
                    present = mask[t, cell_n] != 0
                if present:
                    cell = z[cell_row, cell_unit, 1] * cell
                    cell += z[cell_row, cell_unit, 0] * z[cell_row, cell_unit, 2]
                    hidden = z[cell_row, cell_unit, 3] * a(cell)
                v[cell_row, FG + cell_unit // VECTOR, cell_unit % VECTOR] = hidden
                if is_row:
                    h[t + 1, cell_n, cell_unit] = hidden
                    if keep:
                        c[t + 1, cell_n, cell_unit] = cell
            if is_input:
                v[input_row, input_k // VECTOR, input_k % VECTOR] = x_ahead

    return Kernel(kernel, threads, shared_bytes(FP + HP, H, dtype))


@cache
def whole_backward(dtype, H, rows, sequences=True, masked=False,
                   activation="tanh", recurrent_activation="sigmoid"):  # fmt: skip
    """Compile the backward pass; its grid is ceil(N / rows) blocks.

    Returns a `Kernel` of (gates, c, dout, dh, dc, U, mask)
    -------------------------------------------------
    gates : (T, N, 4 H). As the forward pass left them; = dz.
    c : (T + 1, N, H). Of the forward pass.
    dout : (T, N, H). Gradient of every output; read if `sequences`.
    dh, dc : (N, H). Gradients of the last state; = those of the initial state.
    U, mask : as in the forward pass.
    """
    real = np.dtype(dtype).type
    a, a_slope = scalar_functions(activation, dtype)
    _, s_slope = scalar_functions(recurrent_activation, dtype)
    HP = padded(H)
    V = HP // VECTOR
    held = groups_in_registers(HP, H, dtype)
    threads = GATES * H
    chains = VECTOR // rows if rows < VECTOR else 1
    zero = real(0)
    # One four more than needed: the four gates lie in different banks.
    shared_dz = (rows, GATES, V + 1, VECTOR)
    shared_parts = (rows, H, GATES)
    number = np.dtype(dtype)
    held_numbers, sums = held * VECTOR, rows * chains
    stride = (V + 1) * VECTOR

    def kernel(gates, c, dout, dh, dc, U, mask):
        thread = cuda.threadIdx.x
        unit, gate = thread // GATES, thread % GATES
        first = cuda.blockIdx.x * rows
        T, N = gates.shape[0], gates.shape[1]
        dz = cuda.shared.array(shared_dz, number, alignment=16)
        parts = cuda.shared.array(shared_parts, number, alignment=16)
        rest = cuda.shared.array(0, number, alignment=16)
        w = cuda.local.array(held_numbers, number)
        total = cuda.local.array(sums, number)

        for place in range(V * VECTOR):
            value = zero
            if place < H:
                value = U[0, unit, place, gate]
            if place < held_numbers:
                w[place] = value
            else:
                group = place // VECTOR - held
                rest[(group * threads + thread) * VECTOR + place % VECTOR] = value
        for place in range(thread, rows * GATES * stride, threads):
            row, k = place // (GATES * stride), place % (GATES * stride)
            dz[row, k // stride, k % stride // VECTOR, k % VECTOR] = zero

        is_cell = thread < rows * H
        cell_row, u = thread // H, thread % H
        n = min(first + cell_row, N - 1)
        is_row = is_cell and first + cell_row < N
        dcell, dhidden, c_now = zero, zero, zero
        i, f, g, o, c_before, dy = zero, zero, zero, zero, zero, zero
        if is_cell:
            dcell, dhidden = dc[n, u], dh[n, u]
            c_now, c_before = c[T, n, u], c[T - 1, n, u]
            i, f = gates[T - 1, n, u * GATES], gates[T - 1, n, u * GATES + 1]
            g, o = gates[T - 1, n, u * GATES + 2], gates[T - 1, n, u * GATES + 3]
            if sequences:
                dy = dout[T - 1, n, u]
        cuda.syncthreads()

        for back in range(T):
            t = T - 1 - back
            present = True
            if is_cell:
                if masked:
                    present = mask[t, n] != 0
                if sequences:
                    dhidden += dy
                di, df, dg, do = zero, zero, zero, zero
                if present:
                    y = a(c_now)
                    do = dhidden * y * s_slope(o)
                    dcell += dhidden * o * a_slope(y)
                    di = dcell * g * s_slope(i)
                    df = dcell * c_before * s_slope(f)
                    dg = dcell * i * a_slope(g)
                    dcell *= f
                group, k = u // VECTOR, u % VECTOR
                dz[cell_row, 0, group, k] = di
                dz[cell_row, 1, group, k] = df
                dz[cell_row, 2, group, k] = dg
                dz[cell_row, 3, group, k] = do
                if is_row:
                    gates[t, n, u * GATES] = di
                    gates[t, n, u * GATES + 1] = df
                    gates[t, n, u * GATES + 2] = dg
                    gates[t, n, u * GATES + 3] = do
            cuda.syncthreads()
            if is_cell and t > 0:
                c_now = c_before
                c_before = c[t - 1, n, u]
                i, f = gates[t - 1, n, u * GATES], gates[t - 1, n, u * GATES + 1]
                g, o = gates[t - 1, n, u * GATES + 2], gates[t - 1, n, u * GATES + 3]
                if sequences:
                    dy = dout[t - 1, n, u]
            for k in range(sums):
                total[k] = zero
            for group in range(held):
                for r in range(rows):
                    for k in range(VECTOR):
                        total[r * chains + k % chains] += (
                            w[group * VECTOR + k] * dz[r, gate, group, k]
                        )
            for group in range(held, V):
                at = ((group - held) * threads + thread) * VECTOR
                for r in range(rows):
                    for k in range(VECTOR):
                        total[r * chains + k % chains] += rest[at + k] * dz[r, gate, group, k]
            for r in range(rows):
                value = total[r * chains]
                for k in range(1, chains):
                    value += total[r * chains + k]
                parts[r, unit, gate] = value
            cuda.syncthreads()
            if is_cell and present:
                dhidden = (parts[cell_row, u, 0] + parts[cell_row, u, 1]) + (
                    parts[cell_row, u, 2] + parts[cell_row, u, 3]
                )
        if is_row:
            dh[n, u] = dhidden
            dc[n, u] = dcell

    return Kernel(kernel, threads, shared_bytes(HP, H, dtype))
