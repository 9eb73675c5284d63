"""An LSTM of few units, backward: one block takes a few rows through all time steps.

16 neighbouring lanes make dh of four quads' units, each lane from every 16th unit's dz, and add
their parts by shuffles so that a quad's lanes end with its cells (see `lanes`). What a cell's
dz are in terms of dh and dc does not wait for either: it is computed while the sums of the step
before are added up. So between two barriers are the sums, the shuffles and a few
multiplications. What the step after the next wants of memory is asked for in time.
"""

import functools
from functools import cache

import numpy as np

from nlstm.kernels.cuda import gru_lanes
from nlstm.kernels.cuda.activations import activation as scalar_functions
from nlstm.kernels.cuda.activations import one_of_two
from nlstm.kernels.cuda.gate_cells import GRU, LSTM
from nlstm.kernels.cuda.lanes import GATES, QUAD, WARP, Share, exchange, fold, from_lane, in_turn
from nlstm.kernels.cuda.launch import Kernel, cuda, device_function
from nlstm.kernels.cuda.lstm_whole import (
    blocks_of,
    flattened,
    inputs_held,
    rest_bytes,
    threads_of,
    units_of_quad,
)

PARTS = 16
QUADS = PARTS // QUAD


@cache
def whole_backward(dtype, H, rows, sequences=True, masked=False,
                   activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
    """Compile the backward pass; its grid is ceil(N / rows) blocks.

    Returns a function of (grid, gates, c, dout, dh, dc, U, mask)
    -------------------------------------------------------------
    gates : (T, N, 4 H). As the forward pass left them; = dz.
    c : (T + 1, N, H). Of the forward pass.
    dout : (T, N, H). Gradient of every output; read if `sequences`.
    dh, dc : (N, H). Gradients of the last state; = those of the initial state.
    U, mask : as in the forward pass.
    """
    options = dtype, H, rows, sequences, masked, activation, recurrent_activation, cell_kind
    return flattened(functools.partial(_backward, *options), states=1)


@cache
def _backward(dtype, H, rows, sequences, masked, activation, recurrent_activation, cell_kind,
              index):  # fmt: skip
    """Compile the kernel of flat arrays; `index`: what counts their elements."""
    number = np.dtype(dtype)
    _, a_slope = scalar_functions(activation, dtype)
    _, a = one_of_two(activation, recurrent_activation, dtype)
    _, s_slope = scalar_functions(recurrent_activation, dtype)
    share, units = Share(rows, units_of_quad(H)), units_of_quad(H)
    cells, own_cells, own_gates = share.cells, share.own_cells, share.own_gates
    place_of = share.places()
    blocks, held, threads = blocks_of(H), inputs_held(H, rows, dtype), threads_of(H)
    width = QUADS * units  # of the weights of a dz: units that it is a part of
    own, sums = own_cells * own_gates, QUADS * cells
    row_units = blocks * PARTS
    zero, one = number.type(0), number.type(1)
    shape_dz = (2 * rows * row_units, GATES)
    held_numbers = max(held, 1) * width
    # Unsigned: an index that might be negative keeps four loads from becoming one.
    both, unsigned_gates = np.uint64(rows * row_units), np.uint64(GATES)

    def load(number, w, rest, U, thread, part, unit_x, quad_x):
        """Read a dz's weights in this lane's order; something in any case: no branches."""
        j, q = number // GATES * PARTS + part, number % GATES
        for i in range(width):
            quad = thread // PARTS * QUADS + ((i // units) ^ quad_x)
            u = quad * units + ((i % units) ^ unit_x)
            value = U[np.uint64((min(u, H - 1) * H + min(j, H - 1)) * GATES + q)]
            value = value if u < H and j < H else zero
            if number < held:
                w[number * width + i] = value
            else:
                place = (number - held) * units + i // GATES
                rest[np.uint64((place * threads + thread) * GATES + i % GATES)] = value

    def multiply(number, total, w, rest, dz, from_row, now, thread):
        """Add what a dz's weights in registers make of it."""
        for r in range(rows):
            j = now + from_row[r] + np.uint64(number // GATES * PARTS)
            value = dz[j, np.uint64(number % GATES)]
            for i in range(width):
                to = i // units * cells + r * units + i % units
                total[to] += w[number * width + i] * value

    def multiply_shared(after, total, w, rest, dz, from_row, now, thread):
        """Add what a dz's weights in shared memory make of it."""
        number = held + after
        for four in range(units):
            at = np.uint64(((after * units + four) * threads + thread) * GATES)
            for r in range(rows):
                j = now + from_row[r] + np.uint64(number // GATES * PARTS)
                value = dz[j, np.uint64(number % GATES)]
                for k in range(GATES):
                    i = four * GATES + k
                    to = i // units * cells + r * units + i % units
                    total[to] += rest[at + np.uint64(k)] * value

    load_all = in_turn(device_function(load), blocks * GATES)
    multiply_held = in_turn(device_function(multiply), held)
    multiply_rest = in_turn(device_function(multiply_shared), blocks * GATES - held)

    @device_function
    def ask(w, c_before, dy, gates, c, dout, at_gates, at, second):
        """Read a step's gates, states and gradients of outputs."""
        for e in range(own_cells):
            for q in range(own_gates):
                z_at = index(at_gates + second * np.uint64(e * GATES)) + np.uint64(q)
                w[e * own_gates + q] = gates[z_at]
            c_before[e] = c[at + second * np.uint64(e)]
            if sequences:
                dy[e] = dout[at + second * np.uint64(e)]

    @device_function
    def rates(w, e, y, c_before, present, lane, part, rate):
        """Write what dz of own gates is of dc, or of dh; return what dc is of dh, and of itself."""
        if own_gates == GATES:
            i, f, g, o = w[e * GATES], w[e * GATES + 1], w[e * GATES + 2], w[e * GATES + 3]
            rate[e * GATES] = g * s_slope(i)
            rate[e * GATES + 1] = c_before * s_slope(f)
            rate[e * GATES + 2] = i * a_slope(g)
            rate[e * GATES + 3] = y * s_slope(o)
        elif own_gates == 2:
            is_late = part % 2 == 1
            other, last = exchange(w[0], 1), exchange(w[1], 1)
            f, o = (last if is_late else w[1]), (w[1] if is_late else last)
            rate[0] = other * (a_slope(w[0]) if is_late else s_slope(w[0]))
            rate[1] = (y if is_late else c_before) * s_slope(w[1])
        else:
            other = exchange(w[0], 2)
            f, o = from_lane(w[0], lane + 1), from_lane(w[0], lane + 3)
            factor = other if part % 2 == 0 else (c_before if part == 1 else y)
            rate[0] = factor * (a_slope(w[0]) if part == 2 else s_slope(w[0]))
        to_cell = o * a_slope(y)
        if masked and not present:
            for q in range(own_gates):
                rate[e * own_gates + q] = zero
            to_cell, f = zero, one
        return to_cell, f

    if cell_kind == GRU:
        rates = gru_lanes.rates(own_gates, number, masked, activation, recurrent_activation)

    @device_function
    def finish(total, carried, dy, to_cell, keep_cell, rate, dcell, value, gate_x, is_here):
        """Take own cells through a step: dh and dc into dz, and dc into that of the step before."""
        for e in range(own_cells):
            dhidden = total[e] + carried[e] + dy[e] if masked else total[e] + dy[e]
            dcell[e] += dhidden * to_cell[e]
            for q in range(own_gates):
                is_output = cell_kind == LSTM and gate_x + q == GATES - 1
                at = e * own_gates + q
                value[at] = rate[at] * (dhidden if is_output else dcell[e])
            dcell[e] *= keep_cell[e]
            if masked:
                carried[e] = zero if is_here else dhidden

    @device_function
    def tell(value, dz, gates, at, into, gate, is_cell, is_second):
        """Write own dz to the block's other threads, and to memory."""
        for e in range(own_cells):
            for q in range(own_gates):
                dz[into + np.uint64(e), gate + np.uint64(q)] = value[e * own_gates + q]
        for e in range(own_cells):
            if (e == 0 and is_cell) or (e == 1 and is_second):
                for q in range(own_gates):
                    gates[at + np.uint64(e * GATES + q)] = value[e * own_gates + q]

    def kernel(T, N, gates, c, dout, dh, dc, U, mask):
        thread = np.int64(cuda.threadIdx.x)
        quad, part = thread // QUAD, thread % QUAD
        wide_part = thread % PARTS
        lane = thread % WARP - part
        first = np.int64(cuda.blockIdx.x) * rows
        row_x, unit_x, gate_x = place_of(part)
        quad_x = wide_part // QUAD
        unit, row = quad * units + unit_x, first + row_x
        dz = cuda.shared.array(shape_dz, number, alignment=16)
        rest = cuda.shared.array(0, number, alignment=16)
        held_w = cuda.local.array(held_numbers, number)
        total = cuda.local.array(sums, number)
        w = cuda.local.array(own, number)
        rate = cuda.local.array(own, number)
        to_cell = cuda.local.array(own_cells, number)
        keep_cell = cuda.local.array(own_cells, number)
        c_before = cuda.local.array(own_cells, number)
        c_now = cuda.local.array(own_cells, number)
        y = cuda.local.array(own_cells, number)
        dy = cuda.local.array(own_cells, number)
        dy_now = cuda.local.array(own_cells, number)
        dcell = cuda.local.array(own_cells, number)
        last_dh = cuda.local.array(own_cells, number)
        last_dc = cuda.local.array(own_cells, number)
        value = cuda.local.array(own, number)
        carried = cuda.local.array(own_cells, number)
        from_row = cuda.local.array(rows, np.uint64)
        is_here = True

        load_all(held_w, rest, U, thread, wide_part, unit_x, quad_x)
        for place in range(thread, 2 * rows * row_units * GATES, threads):
            dz[np.uint64(place // GATES), np.uint64(place % GATES)] = zero
        cuda.syncthreads()

        n = min(row, N - 1)
        step, step_gates, step_mask = index(N * H), index(N * H * GATES), index(N)
        start = index(n * H + min(unit, H - 1))
        second = np.uint64(1 if unit + 1 < H else 0)
        is_cell = row < N and unit < H
        is_second = row < N and unit + 1 < H
        at = index(index((T - 1) * N * H) + start)
        at_gates = index(at * unsigned_gates + np.uint64(gate_x))
        own_at, at_mask = at_gates, index((T - 1) * N + n)
        for e in range(own_cells):
            y[e] = a(c[at + step + second * np.uint64(e)])
            dcell[e] = dc[start + second * np.uint64(e)]
            total[e] = dh[start + second * np.uint64(e)]
            carried[e], dy[e] = zero, zero
        for r in range(rows):
            from_row[r] = np.uint64((r ^ row_x) * row_units + wide_part)
        if masked:
            is_here = mask[at_mask] != 0
        ask(w, c_before, dy, gates, c, dout, at_gates, at, second)
        for e in range(own_cells):
            to_cell[e], keep_cell[e] = rates(w, e, y[e], c_before[e], is_here, lane, part, rate)
            dy_now[e], c_now[e] = dy[e], c_before[e]
        if T > 1:
            at, at_mask = index(at - step), index(at_mask - step_mask)
            at_gates = index(at_gates - step_gates)
        ask(w, c_before, dy, gates, c, dout, at_gates, at, second)
        seen = mask[at_mask] if masked else np.uint8(1)
        now = np.uint64(0)
        into = np.uint64(row_x * row_units + unit)
        gate = np.uint64(gate_x)

        finish(total, carried, dy_now, to_cell, keep_cell, rate, dcell, value, gate_x, is_here)
        tell(value, dz, gates, own_at, into, gate, is_cell, is_second)
        count, last = np.int32(T), np.int32(T - 2)
        for back in range(count):
            cuda.syncthreads()
            for i in range(sums):
                total[i] = zero
            multiply_held(total, held_w, rest, dz, from_row, now, thread)
            multiply_rest(total, held_w, rest, dz, from_row, now, thread)
            if masked:
                is_here = seen != 0
            for e in range(own_cells):
                y[e] = a(c_now[e])
                to_cell[e], keep_cell[e] = rates(w, e, y[e], c_before[e], is_here, lane, part, rate)
                dy_now[e], c_now[e] = dy[e], c_before[e]
            own_at = at_gates
            if back < last:
                at, at_mask = index(at - step), index(at_mask - step_mask)
                at_gates = index(at_gates - step_gates)
            ask(w, c_before, dy, gates, c, dout, at_gates, at, second)
            if masked:
                seen = mask[at_mask]
            fold(total, sums, 8)
            fold(total, sums // 2, 4)
            fold(total, cells, 2)
            fold(total, max(1, cells // 2), 1)
            now = both - now
            for e in range(own_cells):
                last_dh[e] = total[e] + carried[e] if masked else total[e]
                last_dc[e] = dcell[e]
            # After the first step there is none: what is computed goes nowhere.
            finish(total, carried, dy_now, to_cell, keep_cell, rate, dcell, value, gate_x, is_here)
            more, second_more = is_cell and back <= last, is_second and back <= last
            tell(value, dz, gates, own_at, now + into, gate, more, second_more)
        for e in range(own_cells):
            if gate_x == 0 and ((e == 0 and is_cell) or (e == 1 and is_second)):
                dh[start + np.uint64(e)], dc[start + np.uint64(e)] = last_dh[e], last_dc[e]

    return Kernel(kernel, threads, rest_bytes(H, rows, dtype))
