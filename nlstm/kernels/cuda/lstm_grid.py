"""An LSTM of many units: one launch over all steps, whose blocks keep their weights.

z = x W + b of all steps waits in the gates' place. A block has some rows and some units, and keeps
U's columns of them, backward its rows of them, in shared memory (see `lstm_cut`). Blocks of
the same rows meet once a step: each writes its h, backward its dz, raises its flag, and each warp
of the others looks at the flags of what it reads. The driver is asked to start all blocks at once,
and refuses where it cannot; who waits for too long all the same goes on with NaN.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.basics import fill
from nlstm.kernels.cuda.flags import Together, raise_flag
from nlstm.kernels.cuda.gate_cells import LSTM, cell_backward, cell_forward
from nlstm.kernels.cuda.launch import SIMULATED, cuda, device_function, processors
from nlstm.kernels.cuda.lstm_cut import (
    BUFFERS,
    GATES,
    LANES,
    THREADS,
    VECTOR,
    WARPS,
    Cut,
    lane_places,
    multiplied,
    staged,
    turned,
    wait_for,
    waited,
)
from nlstm.kernels.cuda.vectors import commit, waiter

wait_for_copies = waiter(BUFFERS - 1)


def launches(cut: Cut, flags):
    """Give grid and first row of each launch; flags are lowered before it."""
    groups = cut.groups_at_once(processors())
    for first in range(0, cut.row_groups, groups):
        fill(flags, 0)
        yield (cut.unit_blocks, min(groups, cut.row_groups - first)), first * cut.rows


@cache
def summed(cut: Cut):
    """Compile a warp's parts of a step's sums, which it leaves in its area of shared memory.

    Returns a device function of (memory, source, start, part, warp, lane, offsets, a, w, total)
    ----------------------------------------------------------------------------------------
    part : int. Which part of the sum the warp has.
    See `lstm_cut.staged` and `multiplied`.
    """
    chunk, chunks, stride, sets = cut.chunk, cut.chunks, cut.stride, cut.sets
    areas, area, buffer = cut.weights, cut.area, cut.rows * cut.stride
    rows, row_threads, thread_rows = cut.rows, cut.row_threads, cut.thread_rows
    column_threads, fours, width = cut.column_threads, cut.fours, cut.columns // VECTOR
    turns, states_step = chunk // (VECTOR * sets), np.uint64(VECTOR * sets)
    weights_stride, weights_step = cut.weights_stride, np.uint64(sets * cut.weights_stride)
    fours_of_warp = chunks * chunk // VECTOR
    places, (_, stage), multiply = lane_places(cut), staged(cut), multiplied(cut)
    turn = turned(cut)
    zero = np.dtype(f"f{cut.size}").type(0)

    def parts(memory, source, start, part, warp, lane, offsets, a, w, total):
        row, column, one = places(lane)
        own = areas + warp * area
        for r in range(thread_rows):
            for k in range(fours * VECTOR):
                total[r, k] = zero
        term = part * chunks * chunk
        right = np.uint64((warp * fours_of_warp + one) * weights_stride + column * VECTOR)
        stage(memory, np.uint64(own), source, start, term, lane, offsets)
        for number in range(chunks):
            if number + 1 < chunks:
                ahead = np.uint64(own + (number + 1) % BUFFERS * buffer)
                stage(memory, ahead, source, start, term + (number + 1) * chunk, lane, offsets)
            else:
                commit()
            wait_for_copies()
            if SIMULATED:
                cuda.syncthreads()
            else:
                cuda.syncwarp()
            left = np.uint64(own + number % BUFFERS * buffer + row * stride + one * VECTOR)
            for _ in range(turns // 2):
                multiply(memory, left, right, a, w, total)
                multiply(memory, left + states_step, right + weights_step, a, w, total)
                left += states_step + states_step
                right += weights_step + weights_step
            if turns % 2:
                multiply(memory, left, right, a, w, total)
                right += weights_step
            if SIMULATED:
                cuda.syncthreads()
            else:
                cuda.syncwarp()
        for r in range(thread_rows):
            n = row + r * row_threads
            for b in range(fours):
                four = turn(n, column + b * column_threads)
                to = np.uint64(own + ((one * rows + n) * width + four) * VECTOR)
                for q in range(VECTOR):
                    memory[to + np.uint64(q)] = total[r, b * VECTOR + q]

    return device_function(parts)


@cache
def grid_forward(dtype, cut, keep=True, masked=False,
                 activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
    """Compile the forward pass; its grid is unit blocks, groups of rows.

    Returns a `Kernel` of (first_row, U, gates, h, c, mask, flags)
    ---------------------------------------------------------
    first_row : int. Of the first group of rows.
    U : (1, H, H, 4).
    gates : (T, N, 4 H). z = x W + b; = the gates after their activations, if `keep`.
    h, c : (T + 1, N, H). Slot 0 is the initial state; = the rest (of c, unless `keep`, the last).
    mask : (T, N) of uint8. Read if `masked`: 0 repeats the state of the step before.
    flags : (blocks,) of int32, zeros.
    """
    number = np.dtype(dtype)
    zero, not_a_number = number.type(0), number.type(np.nan)
    finish = cell_forward(cell_kind, dtype, activation, recurrent_activation)
    has_c = cell_kind == LSTM
    H, rows, units, blocks, count = cut.H, cut.rows, cut.units, cut.unit_blocks, cut.cells
    columns, four_stride, areas, area = cut.columns, cut.weights_stride, cut.weights, cut.area
    terms, sets, block_terms = cut.terms, cut.sets, cut.block_terms
    cells_of_block, part = rows * units, rows * columns
    wait, parts, turn, (prepare, _) = waited(cut), summed(cut), turned(cut), staged(cut)
    copies = cut.copies + 1
    shape_a, shape_w = (cut.thread_rows, VECTOR), cut.fours * VECTOR
    shape_total, shape_gates = (cut.thread_rows, cut.fours * VECTOR), (count, GATES)

    def kernel(first_row, U, gates, h, c, mask, flags):
        T, N = h.shape[0] - 1, h.shape[1]
        thread = cuda.threadIdx.x
        warp, lane = thread // LANES, thread % LANES
        first, first_unit = first_row + cuda.blockIdx.y * rows, cuda.blockIdx.x * units
        first_flag = cuda.blockIdx.y * blocks
        memory = cuda.shared.array(0, number, alignment=16)
        late = cuda.shared.array(1, np.int32)
        offsets = cuda.local.array(copies, np.uint32)
        states = cuda.local.array(shape_a, number)
        weights = cuda.local.array(shape_w, number)
        total = cuda.local.array(shape_total, number)
        z = cuda.local.array(GATES, number)
        ahead = cuda.local.array(shape_gates, number)
        made = cuda.local.array(shape_gates, number)
        cell = cuda.local.array(count, number)
        hidden = cuda.local.array(count, number)
        present = cuda.local.array(count, np.bool_)

        prepare(first, N, lane, offsets)
        if thread == 0:
            late[0] = 0
        for place in range(thread, block_terms * columns, THREADS):
            k, column = place // columns, place % columns
            value = zero
            if k < terms and first_unit + column // GATES < H:
                value = U[0, k, first_unit + column // GATES, column % GATES]
            memory[k // VECTOR * four_stride + k % VECTOR * columns + column] = value

        for i in range(count):
            place = thread + i * THREADS
            n, j = first + place // units, np.uint64(first_unit + place % units)
            present[i] = True
            cell[i], hidden[i] = zero, zero
            for q in range(GATES):
                ahead[i, q] = zero
            if place < cells_of_block and n < N and j < H:
                cell[i], hidden[i] = c[0, n, j], h[0, n, j]
                for q in range(GATES):
                    ahead[i, q] = gates[0, n, j * np.uint64(GATES) + np.uint64(q)]
                if masked:
                    present[i] = mask[0, n] != 0
        cuda.syncthreads()

        for t in range(T):
            if t > 0:
                wait(flags, first_flag, t, warp, lane, late)
                if not SIMULATED:
                    cuda.syncwarp()
            start = np.uint64(t) * np.uint64(N) * np.uint64(terms)
            parts(memory, h, start, warp, warp, lane, offsets, states, weights, total)
            cuda.syncthreads()
            for i in range(count):
                place = thread + i * THREADS
                row, unit = place // units, place % units
                n, j = first + row, np.uint64(first_unit + unit)
                if place < cells_of_block and n < N and j < H:
                    for q in range(GATES):
                        z[q] = ahead[i, q]
                    four = (row * units + turn(row, unit)) * VECTOR
                    for other in range(WARPS):
                        for one in range(sets):
                            at = np.uint64(areas + other * area + one * part + four)
                            for q in range(GATES):
                                z[q] += memory[at + np.uint64(q)]
                    if late[0] != 0:
                        z[0] = not_a_number
                    made[i, 0], made[i, 1], made[i, 2], made[i, 3], new, out = finish(
                        z[0], z[1], z[2], z[3], cell[i]
                    )
                    if present[i]:
                        cell[i], hidden[i] = new, out
                    h[t + 1, n, j] = hidden[i]
            cuda.syncthreads()
            if thread == 0:
                raise_flag(flags, np.uint64(first_flag + cuda.blockIdx.x), t + 1)
            # Nobody waits for the rest.
            for i in range(count):
                place = thread + i * THREADS
                n, j = first + place // units, np.uint64(first_unit + place % units)
                if place < cells_of_block and n < N and j < H:
                    if has_c and (keep or t + 1 == T):
                        c[t + 1, n, j] = cell[i]
                    for q in range(GATES):
                        at = j * np.uint64(GATES) + np.uint64(q)
                        if keep:
                            gates[t, n, at] = made[i, q]
                        if t + 1 < T:
                            ahead[i, q] = gates[t + 1, n, at]
                    if masked and t + 1 < T:
                        present[i] = mask[t + 1, n] != 0

    return Together(kernel, THREADS, cut.bytes)


@cache
def grid_backward(dtype, cut, sequences=True, masked=False,
                  activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
    """Compile the backward pass; its grid is unit blocks, groups of rows.

    Returns a `Kernel` of (halves, first_row, U, gates, c, dout, dh, dc, mask, flags, shared)
    ------------------------------------------------------------------------------------
    halves : two ints. Which halves of steps are done, from the end: half 2 k makes the sums of step
        k, which are dh of t = T - 1 - k, half 2 k + 1 its dz; step T that of the initial state.
        All: 0, 2 T + 2.
    first_row : int. Of the first group of rows.
    gates : (T, N, 4 H). As the forward pass left them; = dz.
    c : (T + 1, N, H). Of the forward pass.
    dout : (T, N, H). Gradient of every output; read if `sequences`.
    dh, dc : (N, H). Gradients of the last state; = those of the initial state.
    U, mask : as in the forward pass.
    flags : (2 blocks,) of int32, zeros.
    shared : (2 blocks rows units,). Sums of blocks for each other, if the cut has splits.
    """
    number = np.dtype(dtype)
    zero, not_a_number = number.type(0), number.type(np.nan)
    undo = cell_backward(cell_kind, dtype, activation, recurrent_activation)
    H, rows, units, blocks, count = cut.H, cut.rows, cut.own_units, cut.unit_blocks, cut.cells
    splits, sums = cut.splits, rows * cut.units // THREADS + (rows * cut.units % THREADS > 0)
    columns, four_stride, areas, area = cut.columns, cut.weights_stride, cut.weights, cut.area
    terms, sets, block_terms = cut.terms, cut.sets, cut.block_terms
    cells_of_block, results = rows * units, rows * columns
    wait, parts, turn, (prepare, _) = waited(cut), summed(cut), turned(cut), staged(cut)
    copies = cut.copies + 1
    shape_a, shape_w = (cut.thread_rows, VECTOR), cut.fours * VECTOR
    shape_total, shape_gates = (cut.thread_rows, cut.fours * VECTOR), (count, GATES)
    run = 8  # terms that lanes read side by side

    def add(memory, row, column):
        at = row * columns + turn(row, column // VECTOR) * VECTOR + column % VECTOR
        sum_ = zero
        for other in range(WARPS):
            for one in range(sets):
                sum_ += memory[np.uint64(areas + other * area + one * results + at)]
        return sum_

    added = device_function(add)

    def kernel(halves, first_row, U, gates, c, dout, dh, dc, mask, flags, shared):
        T, N = gates.shape[0], gates.shape[1]
        thread = cuda.threadIdx.x
        warp, lane = thread // LANES, thread % LANES
        first, first_unit = first_row + cuda.blockIdx.y * rows, cuda.blockIdx.x * units
        first_flag = cuda.blockIdx.y * blocks
        flag, all_flags = first_flag + cuda.blockIdx.x, cuda.gridDim.y * blocks
        split = cuda.blockIdx.x % splits
        first_column, part = first_unit - split * units, split * WARPS + warp
        memory = cuda.shared.array(0, number, alignment=16)
        late = cuda.shared.array(1, np.int32)
        offsets = cuda.local.array(copies, np.uint32)
        states = cuda.local.array(shape_a, number)
        weights = cuda.local.array(shape_w, number)
        total = cuda.local.array(shape_total, number)
        made = cuda.local.array(shape_gates, number)
        now = cuda.local.array(count, number)
        before = cuda.local.array(count, number)
        dy = cuda.local.array(count, number)
        dhidden = cuda.local.array(count, number)
        dcell = cuda.local.array(count, number)
        present = cuda.local.array(count, np.bool_)

        prepare(first, N, lane, offsets)
        if thread == 0:
            late[0] = 0
        for place in range(thread, block_terms * columns, THREADS):
            k = place // (run * columns) * run + place % run
            column, term = place // run % columns, split * block_terms + k
            value = zero
            if term < terms and first_column + column < H:
                value = U[0, first_column + column, term // GATES, term % GATES]
            memory[k // VECTOR * four_stride + k % VECTOR * columns + column] = value

        begin, end = halves
        t = T - 1 - begin // 2
        for i in range(count):
            place = thread + i * THREADS
            n, j = first + place // units, np.uint64(first_unit + place % units)
            present[i] = (
                False  # after the last step dh is given: it is kept as that of a masked step is
            )
            now[i], before[i], dy[i], dhidden[i], dcell[i] = zero, zero, zero, zero, zero
            for q in range(GATES):
                made[i, q] = zero
            if place < cells_of_block and n < N and j < H:
                dhidden[i], dcell[i] = dh[n, j], dc[n, j]
                if begin > 1:
                    present[i] = not masked or mask[t + 1, n] != 0
                if t >= 0:
                    now[i], before[i] = c[t + 1, n, j], c[t, n, j]
                    for q in range(GATES):
                        made[i, q] = gates[t, n, j * np.uint64(GATES) + np.uint64(q)]
                    if sequences:
                        dy[i] = dout[t, n, j]
        cuda.syncthreads()

        for back in range(begin // 2, (end + 1) // 2):
            t = T - 1 - back
            if back > 0 and 2 * back >= begin:
                wait(flags, first_flag, back, part, lane, late)
                if not SIMULATED:
                    cuda.syncwarp()
                start = np.uint64(t + 1) * np.uint64(N) * np.uint64(terms)
                parts(memory, gates, start, part, warp, lane, offsets, states, weights, total)
                if splits > 1:
                    cuda.syncthreads()
                    for i in range(sums):
                        place = thread + i * THREADS
                        if place < results:
                            to = ((back % 2) * all_flags + flag) * results + place
                            shared[np.uint64(to)] = added(memory, place // columns, place % columns)
                    cuda.syncthreads()
                    if thread == 0:
                        raise_flag(flags, np.uint64(all_flags + flag), back)
            if 2 * back + 1 >= end:
                continue
            if splits > 1 and back > 0 and thread < splits:
                wait_for(flags, all_flags + flag - split + thread, back, late)
            cuda.syncthreads()
            for i in range(count):
                place = thread + i * THREADS
                row, unit = place // units, place % units
                n, j = first + row, np.uint64(first_unit + unit)
                if place < cells_of_block and n < N and j < H:
                    if present[i]:
                        if splits == 1:
                            dhidden[i] = added(memory, row, unit)
                        else:
                            dhidden[i] = zero
                            at = row * columns + split * units + unit
                            for other in range(splits):
                                from_ = (back % 2) * all_flags + flag - split + other
                                dhidden[i] += shared[np.uint64(from_ * results + at)]
                    if late[0] != 0:
                        dhidden[i] = not_a_number
                    if t >= 0:
                        if sequences:
                            dhidden[i] += dy[i]
                        i_, f, g, o = made[i, 0], made[i, 1], made[i, 2], made[i, 3]
                        di, df, dg, do = zero, zero, zero, zero
                        present[i] = True
                        if masked:
                            present[i] = mask[t, n] != 0
                        if present[i]:
                            di, df, dg, do, dcell[i] = undo(
                                dhidden[i], dcell[i], i_, f, g, o, now[i], before[i]
                            )
                        at = j * np.uint64(GATES)
                        gates[t, n, at] = di
                        gates[t, n, at + np.uint64(1)] = df
                        gates[t, n, at + np.uint64(2)] = dg
                        gates[t, n, at + np.uint64(3)] = do
            cuda.syncthreads()
            if thread == 0:
                raise_flag(flags, np.uint64(flag), back + 1)
            for i in range(count):
                place = thread + i * THREADS
                n, j = first + place // units, np.uint64(first_unit + place % units)
                if t > 0 and place < cells_of_block and n < N and j < H:
                    now[i], before[i] = before[i], c[t - 1, n, j]
                    for q in range(GATES):
                        made[i, q] = gates[t - 1, n, j * np.uint64(GATES) + np.uint64(q)]
                    if sequences:
                        dy[i] = dout[t - 1, n, j]
        for i in range(count):
            place = thread + i * THREADS
            n, j = first + place // units, np.uint64(first_unit + place % units)
            if place < cells_of_block and n < N and j < H:
                dh[n, j], dc[n, j] = dhidden[i], dcell[i]

    return Together(kernel, THREADS, cut.bytes)
