"""An LSTM of any number of units: one launch a time step.

z = x W + b of all steps waits in the gates' place. A block takes a tile of rows x units; forward, a
thread has eight rows of one unit with its four gates, so that the cell is finished where the
product is. The sum over the units of the step before is split among groups of a block's threads and
added in the groups' order. Backward, dh = dz U^T is made likewise, four rows by four units a
thread, then the cell.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda.gate_cells import LSTM, cell_backward, cell_forward
from nlstm.kernels.cuda.launch import SIMULATED, Kernel, cuda
from nlstm.kernels.cuda.tile_sum import VECTOR, tile_sum

GATES = 4
# Threads by rows, threads by units, groups.
FORWARD_ROWS, FORWARD_UNITS, FORWARD_GROUPS = (4, 1, 8) if SIMULATED else (4, 16, 8)
FORWARD_FOURS = 2  # fours of rows of a thread; there are as many groups as rows
BACKWARD_ROWS, BACKWARD_UNITS, BACKWARD_GROUPS = (2, 2, 16) if SIMULATED else (4, 8, 16)


def terms_of_tile(most_bytes: int, dtype) -> int:
    """Return how many terms of the sum a group takes at a time: fewer of wide numbers."""
    return 4 if SIMULATED else most_bytes // np.dtype(dtype).itemsize


def forward_grid(N: int, H: int) -> tuple[int, int]:
    """Return the blocks of a forward step: units, rows."""
    return -(-H // FORWARD_UNITS), -(-N // (FORWARD_ROWS * FORWARD_FOURS * VECTOR))


def backward_grid(N: int, H: int) -> tuple[int, int]:
    """Return the blocks of a backward step: units, rows."""
    return -(-H // (BACKWARD_UNITS * VECTOR)), -(-N // (BACKWARD_ROWS * VECTOR))


@cache
def step_forward(dtype, keep=True, masked=False,
                 activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
    """Compile one forward step.

    Returns a `Kernel` of (t, U, gates, h, c, mask)
    -----------------------------------------
    t : int. The step.
    U : (1, H, H, 4).
    gates : (T, N, 4 H). z = x W + b; = the gates after their activations, if `keep`.
    h, c : (T + 1, N, H). Slot t is read; = slot t + 1.
    mask : (T, N) of uint8. Read if `masked`: 0 repeats the state of the step before.
    """
    number = np.dtype(dtype)
    zero = number.type(0)
    finish = cell_forward(cell_kind, dtype, activation, recurrent_activation)
    row_threads, units, groups = FORWARD_ROWS, FORWARD_UNITS, FORWARD_GROUPS
    summed = terms_of_tile(32, dtype)
    multiply = tile_sum(summed, FORWARD_FOURS, 1, row_threads)
    group_threads = row_threads * units
    thread_rows = VECTOR * FORWARD_FOURS
    rows = row_threads * thread_rows
    results = (thread_rows, GATES)
    tile_h = (groups, summed, row_threads * FORWARD_FOURS + 1, VECTOR)
    tile_u = (groups, summed, units, GATES)
    tile_sums = (groups, group_threads, GATES)
    h_loads = rows * summed // group_threads
    u_loads = units * GATES * summed // group_threads
    u_row = units * GATES
    step_h, step_u = group_threads // summed, group_threads // u_row

    def kernel(t, U, gates, h, c, mask):
        N, H = h.shape[1], h.shape[2]
        thread = cuda.threadIdx.x
        group, place = thread // group_threads, thread % group_threads
        row, unit = place // units, place % units
        first_row, first_unit = cuda.blockIdx.y * rows, cuda.blockIdx.x * units
        hs = cuda.shared.array(tile_h, number, alignment=16)
        us = cuda.shared.array(tile_u, number, alignment=16)
        sums = cuda.shared.array(tile_sums, number, alignment=16)
        h_ahead = cuda.local.array(h_loads, number)
        u_ahead = cuda.local.array(u_loads, number)
        total = cuda.local.array(results, number)
        z = cuda.local.array(GATES, number)
        # A thread reads one column of h and one of U.
        row_h, column_h = place // summed, place % summed
        row_u, column_u = place // u_row, place % u_row

        # The row and unit that this thread finishes, and what it needs for it.
        n = first_row + (group // VECTOR * row_threads + row) * VECTOR + group % VECTOR
        j = first_unit + unit
        inside = n < N and j < H
        before, cell = zero, zero
        for q in range(GATES):
            z[q] = zero
        if inside:
            for q in range(GATES):
                z[q] = gates[t, n, j * GATES + q]
            cell = c[t, n, j]
            if masked:
                before = h[t, n, j]

        for r in range(thread_rows):
            for q in range(GATES):
                total[r, q] = zero
        rounds = (H + groups * summed - 1) // (groups * summed)
        for turn in range(rounds + 1):
            if turn < rounds:
                k0 = (turn * groups + group) * summed
                for load in range(h_loads):
                    k, r = k0 + column_h, first_row + row_h + load * step_h
                    value = zero
                    if k < H and r < N:
                        value = h[t, r, k]
                    h_ahead[load] = value
                for load in range(u_loads):
                    k = k0 + row_u + load * step_u
                    value = zero
                    if k < H and first_unit + column_u // GATES < H:
                        value = U[0, k, first_unit + column_u // GATES, column_u % GATES]
                    u_ahead[load] = value
            if turn > 0:
                multiply(hs, us, group, row, unit, total)
            cuda.syncthreads()
            if turn < rounds:
                for load in range(h_loads):
                    r = row_h + load * step_h
                    hs[group, column_h, r // VECTOR, r % VECTOR] = h_ahead[load]
                for load in range(u_loads):
                    k = row_u + load * step_u
                    us[group, k, column_u // GATES, column_u % GATES] = u_ahead[load]
            cuda.syncthreads()

        # Group r finishes the r-th row of every thread.
        for r in range(thread_rows):
            for q in range(GATES):
                sums[group, place, q] = total[r, q]
            cuda.syncthreads()
            if group == r:
                for other in range(groups):
                    for q in range(GATES):
                        z[q] += sums[other, place, q]
            cuda.syncthreads()
        if inside:
            i, f, g, o, new, hidden = finish(z[0], z[1], z[2], z[3], cell)
            if masked:
                if mask[t, n] == 0:
                    new, hidden = cell, before
            h[t + 1, n, j] = hidden
            c[t + 1, n, j] = new
            if keep:
                gates[t, n, j * GATES] = i
                gates[t, n, j * GATES + 1] = f
                gates[t, n, j * GATES + 2] = g
                gates[t, n, j * GATES + 3] = o

    return Kernel(kernel, groups * group_threads)


@cache
def step_backward(dtype, sequences=True, masked=False,
                  activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
    """Compile one backward step.

    Returns a `Kernel` of (t, U, gates, c, dout, dh, dc, mask)
    ----------------------------------------------------
    t : int. The step; -1 makes dh that of the initial state and nothing else.
    gates : (T, N, 4 H). Slot t as the forward pass left it, slot t + 1 dz; slot t = dz.
    c : (T + 1, N, H). Of the forward pass.
    dout : (T, N, H). Gradient of every output; read if `sequences`.
    dh, dc : (N, H). Gradients of the last state, carried on: = those of the state before step t
        (of dh without what comes through the product with U, which step t - 1 adds).
    """
    number = np.dtype(dtype)
    zero = number.type(0)
    undo = cell_backward(cell_kind, dtype, activation, recurrent_activation)
    row_threads, unit_threads, groups = BACKWARD_ROWS, BACKWARD_UNITS, BACKWARD_GROUPS
    summed = terms_of_tile(32, dtype)
    multiply = tile_sum(summed)
    group_threads = row_threads * unit_threads
    rows, units = row_threads * VECTOR, unit_threads * VECTOR
    tile_z = (groups, summed, row_threads + 1, VECTOR)
    tile_u = (groups, summed, unit_threads + 1, VECTOR)
    tile_sums = (groups, group_threads, VECTOR)
    z_loads, u_loads = rows * summed // group_threads, units * summed // group_threads
    outputs = group_threads * VECTOR
    step = group_threads // summed

    def kernel(t, U, gates, c, dout, dh, dc, mask):
        T, N, H = gates.shape[0], dh.shape[0], dh.shape[1]
        width = H * GATES
        thread = cuda.threadIdx.x
        group, place = thread // group_threads, thread % group_threads
        row, unit = place // unit_threads, place % unit_threads
        first_row, first_unit = cuda.blockIdx.y * rows, cuda.blockIdx.x * units
        zs = cuda.shared.array(tile_z, number, alignment=16)
        us = cuda.shared.array(tile_u, number, alignment=16)
        sums = cuda.shared.array(tile_sums, number, alignment=16)
        z_ahead = cuda.local.array(z_loads, number)
        u_ahead = cuda.local.array(u_loads, number)
        total = cuda.local.array((VECTOR, VECTOR), number)
        # A thread reads one column of dz and of U.
        row_z, column_z = place // summed, place % summed

        # The cell that this thread finishes: row `mine` of a thread's four, unit `column` of them.
        mine, cell = thread // outputs, thread % outputs
        owner, column = cell // VECTOR, cell % VECTOR
        n = first_row + owner // unit_threads * VECTOR + mine
        j = first_unit + owner % unit_threads * VECTOR + column
        inside = n < N and j < H
        present = True
        if masked and inside and t + 1 < T:
            present = mask[t + 1, n] != 0
        dhidden, dcell, c_now, c_before = zero, zero, zero, zero
        i, f, g, o = zero, zero, zero, zero
        if inside:
            if t + 1 == T or (masked and not present):
                dhidden = dh[n, j]
            if t >= 0:
                dcell, c_now, c_before = dc[n, j], c[t + 1, n, j], c[t, n, j]
                i, f = gates[t, n, j * GATES], gates[t, n, j * GATES + 1]
                g, o = gates[t, n, j * GATES + 2], gates[t, n, j * GATES + 3]

        for r in range(VECTOR):
            for q in range(VECTOR):
                total[r, q] = zero
        rounds = (width + groups * summed - 1) // (groups * summed)
        if t + 1 == T:
            rounds = 0
        for turn in range(rounds + 1):
            if turn < rounds:
                k0 = (turn * groups + group) * summed
                for load in range(z_loads):
                    k, r = k0 + column_z, first_row + row_z + load * step
                    value = zero
                    if k < width and r < N:
                        value = gates[t + 1, r, k]
                    z_ahead[load] = value
                for load in range(u_loads):
                    k, r = k0 + column_z, first_unit + row_z + load * step
                    value = zero
                    if k < width and r < H:
                        value = U[0, r, k // GATES, k % GATES]
                    u_ahead[load] = value
            if turn > 0:
                multiply(zs, us, group, row, unit, total)
            cuda.syncthreads()
            if turn < rounds:
                for load in range(z_loads):
                    r = row_z + load * step
                    zs[group, column_z, r // VECTOR, r % VECTOR] = z_ahead[load]
                for load in range(u_loads):
                    r = row_z + load * step
                    us[group, column_z, r // VECTOR, r % VECTOR] = u_ahead[load]
            cuda.syncthreads()

        for r in range(VECTOR):
            for q in range(VECTOR):
                sums[group, place, q] = total[r, q]
            cuda.syncthreads()
            if mine == r:
                for other in range(groups):
                    dhidden += sums[other, owner, column]
            cuda.syncthreads()
        if inside:
            if t >= 0:
                if sequences:
                    dhidden += dout[t, n, j]
                di, df, dg, do = zero, zero, zero, zero
                here = True
                if masked:
                    here = mask[t, n] != 0
                    dh[n, j] = dhidden
                if here:
                    di, df, dg, do, dcell = undo(dhidden, dcell, i, f, g, o, c_now, c_before)
                dc[n, j] = dcell
                gates[t, n, j * GATES] = di
                gates[t, n, j * GATES + 1] = df
                gates[t, n, j * GATES + 2] = dg
                gates[t, n, j * GATES + 3] = do
            else:
                dh[n, j] = dhidden

    return Kernel(kernel, groups * group_threads)
