"""An LSTM of few units: one block takes a few rows through all time steps.

A thread keeps 4 x 4 blocks of weights, a part of them in registers and the rest in shared memory,
so that a step reads no weights from memory. A sum is shared out: forward, four threads make the
four gates of a unit, each from every fourth group of four inputs; backward, 16 threads make dh of
four units, each from every 16th unit's dz. What a thread reads from shared memory in a step is so
a quarter of what it would read with a column of its own. The parts are added in order by one
thread for each cell, which keeps c in a register. Two barriers a step.

Inputs of few features are read here, z = x W + h U + b, and otherwise z = x W + b of all steps
waits in the gates' place. Backward, dz replaces the gates, and products make the gradients of
weights from it.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.gate_cells import LSTM, cell_backward, cell_forward
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda, registers_of

GATES = 4
VECTOR = 4
MOST_ROWS = 4
MOST_INLINE_FEATURES = 16
FORWARD_PARTS, BACKWARD_PARTS = 4, 16
# Weights of a thread at a time: four inputs by four gates, or four units by four gates.
BLOCK = 16
# Registers that are not weights: addresses, sums, what is read ahead.
OTHER_REGISTERS = 56


def padded(count: int, multiple: int = VECTOR) -> int:
    """Return the next multiple."""
    return -(-count // multiple) * multiple


def forward_blocks(H: int, features: int = 0) -> int:
    """Return how many blocks of weights a thread of the forward pass has."""
    return -(-(padded(features) + padded(H)) // (VECTOR * FORWARD_PARTS))


def backward_blocks(H: int) -> int:
    """Return how many blocks of weights a thread of the backward pass has."""
    return -(-H // BACKWARD_PARTS)


def blocks_held(blocks: int, H: int, rows: int, dtype) -> int:
    """Return how many blocks of a thread's weights stay in registers."""
    if SIMULATED:
        return min(blocks, 1)
    size = np.dtype(dtype).itemsize // 4
    free = registers_of(GATES * padded(H)) - OTHER_REGISTERS - 4 * size * max(0, rows - 2)
    return min(blocks, max(0, free // (BLOCK * size)))


def shared_bytes(blocks: int, H: int, rows: int, dtype) -> int:
    """Return the dynamic shared memory of a block: the weights that registers do not hold."""
    rest = blocks - blocks_held(blocks, H, rows, dtype)
    return rest * BLOCK * GATES * padded(H) * np.dtype(dtype).itemsize


def fits(H: int, dtype, features: int = 0, limit: int = 227 * 1024, rows: int = 2) -> bool:
    """Whether the whole form can run: threads of a block, and its shared memory."""
    if GATES * padded(H) > 1024:
        return False
    size = np.dtype(dtype).itemsize
    blocks = max(forward_blocks(H, features), backward_blocks(H))
    static = size * rows * (padded(H, 16) + 16 + (BACKWARD_PARTS + GATES) * (padded(H) + 8))
    return static <= 48 * 1024 and shared_bytes(blocks, H, rows, dtype) + static <= limit


def rows_of_block(N: int, processors: int = 132) -> int:
    """Return the rows of a block: few enough that every multiprocessor has some."""
    rows = -(-N // processors)
    return 1 if rows <= 1 else 2 if rows <= 2 else MOST_ROWS


@cache
def whole_forward(dtype, H, rows, features=0, keep=True, masked=False,
                  activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
    """Compile the forward pass; its grid is ceil(N / rows) blocks.

    Returns a `Kernel` of (x, W, U, b, gates, h, c, mask)
    ------------------------------------------------
    x : (T, N, F). Read if `features` is F, else z = x W + b stands in `gates`.
    W, U, b : (1, F, H, 4), (1, H, H, 4), (1, H, 4).
    gates : (T, N, 4 H). = the gates after their activations, if `keep`.
    h, c : (T + 1, N, H). Slot 0 is the initial state; = the rest (of c, unless `keep`, the last).
    mask : (T, N) of uint8. Read if `masked`: 0 repeats the state of the step before.

    Notes
    -----
    The same bits in every run; `rows` changes them in the last place.
    """
    real = np.dtype(dtype).type
    finish = cell_forward(cell_kind, dtype, activation, recurrent_activation)
    F, FP, HP = features, padded(features), padded(H)
    FG, parts_count = FP // VECTOR, FORWARD_PARTS
    blocks = forward_blocks(H, features)
    held = blocks_held(blocks, H, rows, dtype)
    threads = GATES * HP
    zero = real(0)
    inline = features > 0
    number = np.dtype(dtype)
    width = blocks * parts_count * VECTOR
    shape_v = (rows, blocks * parts_count, VECTOR)
    # The stride keeps four parts of two units in different banks.
    shape_parts = (rows, parts_count, HP + (2 - HP) % 8, GATES)
    held_numbers = max(held, 1) * BLOCK
    # Unsigned, or four loads would not become one: an index might be negative.
    next_1, next_2, next_3 = np.uint64(1), np.uint64(2), np.uint64(3)

    def kernel(x, W, U, b, gates, h, c, mask):
        thread = cuda.threadIdx.x
        unit, part = thread // parts_count, thread % parts_count
        first = cuda.blockIdx.x * rows
        T, N = h.shape[0] - 1, h.shape[1]
        v = cuda.shared.array(shape_v, number, alignment=16)
        parts = cuda.shared.array(shape_parts, number, alignment=16)
        rest = cuda.shared.array(0, number, alignment=16)
        w = cuda.local.array(held_numbers, number)
        total = cuda.local.array((rows, GATES), number)
        z = cuda.local.array(GATES, number)
        ahead = cuda.local.array(GATES, number)

        for block in range(blocks):
            for j in range(VECTOR):
                k = (block * parts_count + part) * VECTOR + j
                for q in range(GATES):
                    value = zero
                    if unit < H:
                        if k < FP:
                            if inline and k < F:
                                value = W[0, k, unit, q]
                        elif k - FP < H:
                            value = U[0, k - FP, unit, q]
                    if block < held:
                        w[(block * VECTOR + j) * GATES + q] = value
                    else:
                        at = ((block - held) * VECTOR + j) * threads + thread
                        rest[at * GATES + q] = value

        for place in range(thread, rows * width, threads):
            row, k = place // width, place % width
            n = min(first + row, N - 1)
            value = zero
            if k < FP:
                if inline and k < F:
                    value = x[0, n, k]
            elif k - FP < H:
                value = h[0, n, k - FP]
            v[row, k // VECTOR, k % VECTOR] = value

        is_cell = thread < rows * H
        row, u = thread // H, thread % H
        n = min(first + row, N - 1)
        is_row = is_cell and first + row < N
        cell, hidden = zero, zero
        for q in range(GATES):
            ahead[q] = zero
        if is_cell:
            cell, hidden = c[0, n, u], h[0, n, u]
            for q in range(GATES):
                if inline:
                    ahead[q] = b[0, u, q]
                else:
                    ahead[q] = gates[0, n, u * GATES + q]
        is_input, input_row, input_k, input_n = False, 0, 0, 0
        if inline:
            is_input = thread < rows * F
            input_row, input_k = thread // F, thread % F
            input_n = min(first + input_row, N - 1)
        x_ahead = zero

        for t in range(T):
            cuda.syncthreads()
            if inline and is_input and t + 1 < T:
                x_ahead = x[t + 1, input_n, input_k]
            for r in range(rows):
                for q in range(GATES):
                    total[r, q] = zero
            for block in range(held):
                for r in range(rows):
                    for j in range(VECTOR):
                        value = v[r, block * parts_count + part, j]
                        for q in range(GATES):
                            total[r, q] += w[(block * VECTOR + j) * GATES + q] * value
            for block in range(held, blocks):
                group = np.uint64(block * parts_count + part)
                for j in range(VECTOR):
                    at = np.uint64((((block - held) * VECTOR + j) * threads + thread) * GATES)
                    for r in range(rows):
                        value = v[r, group, j]
                        total[r, 0] += rest[at] * value
                        total[r, 1] += rest[at + next_1] * value
                        total[r, 2] += rest[at + next_2] * value
                        total[r, 3] += rest[at + next_3] * value
            for r in range(rows):
                for q in range(GATES):
                    parts[r, part, unit, q] = total[r, q]
            cuda.syncthreads()
            if is_cell:
                for q in range(GATES):
                    z[q] = ahead[q]
                    if not inline and t + 1 < T:
                        ahead[q] = gates[t + 1, n, u * GATES + q]
                for other in range(parts_count):
                    for q in range(GATES):
                        z[q] += parts[row, other, u, q]
                i, f, g, o, new, out = finish(z[0], z[1], z[2], z[3], cell)
                present = True
                if masked:
                    present = mask[t, n] != 0
                if present:
                    cell, hidden = new, out
                v[row, FG + u // VECTOR, u % VECTOR] = hidden
                if is_row:
                    h[t + 1, n, u] = hidden
                    if keep or t + 1 == T:
                        c[t + 1, n, u] = cell
                    if keep:
                        gates[t, n, u * GATES] = i
                        gates[t, n, u * GATES + 1] = f
                        gates[t, n, u * GATES + 2] = g
                        gates[t, n, u * GATES + 3] = o
            if is_input:
                v[input_row, input_k // VECTOR, input_k % VECTOR] = x_ahead

    return Kernel(kernel, threads, shared_bytes(blocks, H, rows, dtype))


@cache
def whole_backward(dtype, H, rows, sequences=True, masked=False,
                   activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
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
    undo = cell_backward(cell_kind, dtype, activation, recurrent_activation)
    HP = padded(H)
    parts_count = BACKWARD_PARTS
    blocks = backward_blocks(H)
    held = blocks_held(blocks, H, rows, dtype)
    threads = GATES * HP
    zero = real(0)
    number = np.dtype(dtype)
    shape_dz = (rows, blocks * parts_count, GATES)
    # The stride keeps eight parts in different banks.
    stride = rows * HP
    shape_parts = (parts_count, (stride + (4 - stride) % 32) // VECTOR, VECTOR)
    held_numbers = max(held, 1) * BLOCK
    # Unsigned, or four loads would not become one: an index might be negative.
    next_1, next_2, next_3 = np.uint64(1), np.uint64(2), np.uint64(3)
    dz_size = rows * blocks * parts_count * GATES
    dz_width = blocks * parts_count * GATES

    def kernel(gates, c, dout, dh, dc, U, mask):
        thread = cuda.threadIdx.x
        four, part = thread // parts_count, thread % parts_count
        first = cuda.blockIdx.x * rows
        T, N = gates.shape[0], gates.shape[1]
        dz = cuda.shared.array(shape_dz, number, alignment=16)
        parts = cuda.shared.array(shape_parts, number, alignment=16)
        rest = cuda.shared.array(0, number, alignment=16)
        w = cuda.local.array(held_numbers, number)
        total = cuda.local.array((rows, VECTOR), number)

        # Weights of unit `four * 4 + k` for dz of unit j, gate q.
        for block in range(blocks):
            j = block * parts_count + part
            for q in range(GATES):
                for k in range(VECTOR):
                    # Read something in any case: branches would keep the loop from unrolling.
                    value = U[0, min(four * VECTOR + k, H - 1), min(j, H - 1), q]
                    value = value if j < H and four * VECTOR + k < H else zero
                    if block < held:
                        w[(block * GATES + q) * VECTOR + k] = value
                    else:
                        at = ((block - held) * GATES + q) * threads + thread
                        rest[at * VECTOR + k] = value
        for place in range(thread, dz_size, threads):
            k = place % dz_width
            dz[place // dz_width, k // GATES, k % GATES] = zero
        cuda.syncthreads()

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
                    di, df, dg, do, dcell = undo(dhidden, dcell, i, f, g, o, c_now, c_before)
                dz[cell_row, u, 0] = di
                dz[cell_row, u, 1] = df
                dz[cell_row, u, 2] = dg
                dz[cell_row, u, 3] = do
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
            for r in range(rows):
                for k in range(VECTOR):
                    total[r, k] = zero
            for block in range(held):
                for r in range(rows):
                    for q in range(GATES):
                        value = dz[r, block * parts_count + part, q]
                        for k in range(VECTOR):
                            total[r, k] += w[(block * GATES + q) * VECTOR + k] * value
            for block in range(held, blocks):
                j = np.uint64(block * parts_count + part)
                for q in range(GATES):
                    at = np.uint64((((block - held) * GATES + q) * threads + thread) * VECTOR)
                    for r in range(rows):
                        value = dz[r, j, q]
                        total[r, 0] += rest[at] * value
                        total[r, 1] += rest[at + next_1] * value
                        total[r, 2] += rest[at + next_2] * value
                        total[r, 3] += rest[at + next_3] * value
            for r in range(rows):
                for k in range(VECTOR):
                    parts[part, (r * HP) // VECTOR + four, k] = total[r, k]
            cuda.syncthreads()
            if is_cell and present:
                at = cell_row * HP + u
                group, k = at // VECTOR, at % VECTOR
                dhidden = zero
                for other in range(0, parts_count, 4):
                    dhidden += (parts[other, group, k] + parts[other + 1, group, k]) + (
                        parts[other + 2, group, k] + parts[other + 3, group, k]
                    )
        if is_row:
            dh[n, u] = dhidden
            dc[n, u] = dcell

    return Kernel(kernel, threads, shared_bytes(blocks, H, rows, dtype))
