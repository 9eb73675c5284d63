"""An LSTM of few units, forward: one block takes a few rows through all time steps.

Four neighbouring lanes, a quad, make the gates of one or two units, each lane from a quarter of
the inputs: its weights are in registers, and what these do not hold in shared memory. They add
their parts by shuffles, each of another part of the cells (see `lanes`), and h goes to one of two
buffers in shared memory by turns: one barrier a step. Inputs of few features are read here, and
their part of the next step is added up while this one waits for its activations; otherwise
z = x W + b of all steps waits in the gates' place. What a step wants of memory was asked for a
step before.

A forward step in cycles of a multiprocessor, counted in the code for sm_90, not measured: a
scheduler's multiplications / shared memory's loads of 128 bytes a cycle. Shuffles, activations and
the barrier add some 300, which more warps would hide.

    long, H = 64, one row         166 / 128     seed, H = 50, one row        176 / 112
    weather, H = 32, two rows      92 / 64      forecast2, H = 128, one row  566 / 960
    hydro, H = 128, two rows     1110 / 1344    the same in 512 threads     1110 / 2100
"""

import functools
from functools import cache

import numpy as np

from nlstm.kernels.cuda import gru_lanes
from nlstm.kernels.cuda.activations import activation as scalar_functions
from nlstm.kernels.cuda.activations import one_of_two
from nlstm.kernels.cuda.gate_cells import GRU, LSTM, renewed
from nlstm.kernels.cuda.lanes import GATES, QUAD, WARP, Share, exchange, fold, from_lane, in_turn
from nlstm.kernels.cuda.launch import (
    SIMULATED,
    STATIC_SHARED_BYTES,
    Kernel,
    cuda,
    device_function,
    registers_of,
)

VECTOR = 4
MOST_INLINE_FEATURES = 16
MOST_UNITS_ALONE = (
    6 if SIMULATED else 96
)  # above, a quad has two units: fewer threads, with more registers each
# Registers that are not weights, for each number of rows: as few as need no spills at H = 128.
FORWARD_REGISTERS, BACKWARD_REGISTERS = {1: 66, 2: 83, 4: 114}, {1: 68, 2: 79, 4: 116}


def padded(count: int, multiple: int = VECTOR) -> int:
    """Return the next multiple."""
    return -(-count // multiple) * multiple


def units_of_quad(H: int) -> int:
    """Return how many units four lanes have."""
    return 1 if H <= MOST_UNITS_ALONE else 2


def threads_of(H: int) -> int:
    """Return the threads of a block: whole warps."""
    return padded(-(-H // units_of_quad(H)) * QUAD, WARP)


def blocks_of(H: int) -> int:
    """Return how many blocks of weights a thread has, of 4 inputs by 4 gates of its units.

    Backward a block is 4 gates of a unit by 4 of its units, or 8: as many weights.
    """
    return -(-H // (VECTOR * QUAD))


def inputs_held(H: int, rows: int, dtype, features: int | None = None) -> int:
    """Return of how many inputs a thread's weights stay in registers.

    Backward, where there are no features, of how many dz.
    """
    inputs, width = blocks_of(H) * VECTOR, GATES * units_of_quad(H)
    if SIMULATED:
        return min(inputs, 3)
    size = np.dtype(dtype).itemsize // 4
    others = (BACKWARD_REGISTERS if features is None else FORWARD_REGISTERS)[rows]
    others -= rows * (2 * GATES - width)
    of_features = -(-(features or 0) // QUAD) * (width + rows) * size
    free = registers_of(threads_of(H)) - others * (1 + size) // 2 - of_features
    return min(inputs, max(0, free) // (width * size))


def rest_bytes(H: int, rows: int, dtype, features: int | None = None) -> int:
    """Return the bytes of the weights that registers do not hold."""
    rest = blocks_of(H) * VECTOR - inputs_held(H, rows, dtype, features)
    return rest * GATES * units_of_quad(H) * threads_of(H) * np.dtype(dtype).itemsize


def fits(H: int, dtype, features: int = 0, limit: int = 227 * 1024, rows: int = 2) -> bool:
    """Whether the whole form can run with so many rows a block: threads and shared memory."""
    if threads_of(H) > 1024:
        return False
    states = 2 * rows * padded(H, 16) * np.dtype(dtype).itemsize
    return (
        GATES * states <= STATIC_SHARED_BYTES
        and rest_bytes(H, rows, dtype, features) + states <= limit
        and rest_bytes(H, rows, dtype) + GATES * states <= limit
    )


def rows_of_block(N: int, processors: int = 132, most: int = 4) -> int:
    """Return the rows of a block: few enough that every multiprocessor has some."""
    rows = -(-N // processors)
    return 1 if rows <= 1 else 2 if rows <= 2 else most


@cache
def whole_forward(dtype, H, rows, features=0, keep=True, masked=False,
                  activation="tanh", recurrent_activation="sigmoid", cell_kind=LSTM):  # fmt: skip
    """Compile the forward pass; its grid is ceil(N / rows) blocks.

    Returns a function of (grid, x, W, U, b, gates, h, c, mask)
    -----------------------------------------------------------
    x : (T, N, F). Read if `features` is F, else z = x W + b stands in `gates`.
    W, U, b : (1, F, H, 4), (1, H, H, 4), (1, H, 4).
    gates : (T, N, 4 H). = the gates after their activations, if `keep`.
    h, c : (T + 1, N, H). Slot 0 is the initial state; = the rest (of c, unless `keep`, the last).
    mask : (T, N) of uint8. Read if `masked`: 0 repeats the state of the step before.

    Notes
    -----
    The same bits in every run; `rows` changes them in the last place.
    """
    options = dtype, H, rows, features, keep, masked, activation, recurrent_activation, cell_kind
    return flattened(functools.partial(_forward, *options), states=5)


@cache
def _forward(dtype, H, rows, features, keep, masked, activation, recurrent_activation, cell_kind,
             index):  # fmt: skip
    """Compile the kernel of flat arrays; `index`: what counts their elements."""
    number = np.dtype(dtype)
    s, _ = scalar_functions(recurrent_activation, dtype)
    a_or_s, a = one_of_two(activation, recurrent_activation, dtype)
    F, inline, inputs = features, features > 0, -(-features // QUAD)
    share, units = Share(rows, units_of_quad(H)), units_of_quad(H)
    own_cells, own_gates = share.own_cells, share.own_gates
    place_of = share.places()
    blocks, held, threads = blocks_of(H), inputs_held(H, rows, dtype, features), threads_of(H)
    width = GATES * units  # of the weights of an input
    own, sums = own_cells * own_gates, rows * width
    groups = blocks * QUAD  # of four units, in a row
    zero = number.type(0)
    shape_v = (2 * rows * groups, VECTOR)
    held_numbers = max(held, 1) * width
    input_numbers, ahead_numbers = max(inputs, 1) * width, max(inputs, 1) * rows
    # Unsigned: an index that might be negative keeps four loads from becoming one.
    both, unsigned_gates = np.uint64(rows * groups), np.uint64(GATES)
    four = np.uint64(VECTOR)

    def load(number, w, rest, U, thread, part, unit_x, gate_x):
        """Read an input's weights in this lane's order; something in any case: no branches."""
        quad = thread // QUAD
        k = (number // VECTOR * QUAD + part) * VECTOR + number % VECTOR
        for i in range(width):
            u = quad * units + ((i // GATES) ^ unit_x)
            source = (min(k, H - 1) * H + min(u, H - 1)) * GATES
            value = U[np.uint64(source + ((i % GATES) ^ gate_x))]
            value = value if k < H and u < H else zero
            if number < held:
                w[number * width + i] = value
            else:
                place = (number - held) * units + i // GATES
                rest[np.uint64((place * threads + thread) * GATES + i % GATES)] = value

    def multiply(number, total, w, rest, v, from_row, now, thread):
        """Add what an input's weights in registers make of h."""
        for r in range(rows):
            group = now + from_row[r] + np.uint64(number // VECTOR * QUAD)
            value = v[group, np.uint64(number % VECTOR)]
            for i in range(width):
                total[r * width + i] += w[number * width + i] * value

    def multiply_shared(after, total, w, rest, v, from_row, now, thread):
        """Add what an input's weights in shared memory make of h."""
        number = held + after
        for u in range(units):
            at = np.uint64(((after * units + u) * threads + thread) * GATES)
            for r in range(rows):
                group = now + from_row[r] + np.uint64(number // VECTOR * QUAD)
                value = v[group, np.uint64(number % VECTOR)]
                for q in range(GATES):
                    total[r * width + u * GATES + q] += rest[at + np.uint64(q)] * value

    load_all = in_turn(device_function(load), blocks * VECTOR)
    multiply_held = in_turn(device_function(multiply), held)
    multiply_rest = in_turn(device_function(multiply_shared), blocks * VECTOR - held)

    @device_function
    def begin(total, ahead, x_ahead, wx):
        """Begin a step's sums with what is known before the step."""
        for i in range(sums):
            total[i] = ahead[i] if i < own else zero
        for j in range(inputs):
            for r in range(rows):
                for i in range(width):
                    total[r * width + i] += wx[j * width + i] * x_ahead[r * inputs + j]

    @device_function
    def ask(ahead, x_ahead, gates, x, at_gates, second, at_x, x_from):
        """Read a step's inputs, or their product."""
        if inline:
            for r in range(rows):
                for j in range(inputs):
                    x_ahead[r * inputs + j] = x[index(at_x + x_from[r * inputs + j])]
        else:
            for e in range(own_cells):
                for q in range(own_gates):
                    at = index(at_gates + second * np.uint64(e * GATES)) + np.uint64(q)
                    ahead[e * own_gates + q] = gates[at]

    @device_function
    def finish(z, e, lane, part):
        """Turn own sums of a cell into its gates, and return all four."""
        if own_gates == GATES:
            at = e * GATES
            z[at], z[at + 1], z[at + 2], z[at + 3] = (
                s(z[at]), s(z[at + 1]), a(z[at + 2]), s(z[at + 3])
            )  # fmt: skip
            return z[at], z[at + 1], z[at + 2], z[at + 3]
        if own_gates == 2:
            is_late = part % 2 == 1
            z[0], z[1] = a_or_s(z[0], is_late), s(z[1])
            other, last = exchange(z[0], 1), exchange(z[1], 1)
            # i and g: their product is all that they are for.
            return z[0], last if is_late else z[1], other, z[1] if is_late else last
        z[0] = a_or_s(z[0], part == 2)
        return (
            from_lane(z[0], lane), from_lane(z[0], lane + 1), from_lane(z[0], lane + 2),
            from_lane(z[0], lane + 3),
        )  # fmt: skip

    if cell_kind == GRU:
        finish = gru_lanes.finisher(own_gates, number, activation, recurrent_activation)
    renew = renewed(cell_kind, number, activation, recurrent_activation)

    def kernel(T, N, x, W, U, b, gates, h, c, mask):
        thread = np.int64(cuda.threadIdx.x)
        quad, part = thread // QUAD, thread % QUAD
        lane = thread % WARP - part
        first = np.int64(cuda.blockIdx.x) * rows
        row_x, unit_x, gate_x = place_of(part)
        unit, row = quad * units + unit_x, first + row_x
        v = cuda.shared.array(shape_v, number, alignment=16)
        rest = cuda.shared.array(0, number, alignment=16)
        w = cuda.local.array(held_numbers, number)
        wx = cuda.local.array(input_numbers, number)
        x_ahead = cuda.local.array(ahead_numbers, number)
        total = cuda.local.array(sums, number)
        ahead = cuda.local.array(own, number)
        z = cuda.local.array(own, number)
        cell = cuda.local.array(own_cells, number)
        hidden = cuda.local.array(own_cells, number)
        from_row = cuda.local.array(rows, np.uint64)
        x_from = cuda.local.array(ahead_numbers, index)

        load_all(w, rest, U, thread, part, unit_x, gate_x)
        for j in range(inputs):
            k = j * QUAD + part
            for i in range(width):
                u = quad * units + ((i // GATES) ^ unit_x)
                source = (min(k, F - 1) * H + min(u, H - 1)) * GATES
                value = W[np.uint64(source + ((i % GATES) ^ gate_x))]
                wx[j * width + i] = value if k < F and u < H else zero
        for place in range(
            thread, 2 * rows * groups * VECTOR, threads
        ):  # all: what is left is read
            r, k = place // (groups * VECTOR) % rows, place % (groups * VECTOR)
            value = h[np.uint64(min(first + r, N - 1) * H + min(k, H - 1))]
            v[np.uint64(place // VECTOR), np.uint64(place % VECTOR)] = value

        n = min(row, N - 1)
        step, step_gates, step_x = index(N * H), index(N * H * GATES), index(N * F)
        at = index(n * H + min(unit, H - 1))
        second = np.uint64(1 if unit + 1 < H else 0)
        at_gates = index(at * unsigned_gates + np.uint64(gate_x))
        at_ahead, at_x, at_mask = at_gates, index(0), index(n)
        is_cell = row < N and unit < H
        is_second = row < N and unit + 1 < H
        for e in range(own_cells):
            cell[e], hidden[e] = c[at + second * np.uint64(e)], h[at + second * np.uint64(e)]
            for q in range(own_gates):
                if inline:
                    bias = b[np.uint64(min(unit + e, H - 1) * GATES + gate_x + q)]
                    ahead[e * own_gates + q] = bias
        for r in range(rows):
            from_row[r] = np.uint64((r ^ row_x) * groups + part)
            for j in range(inputs):
                in_row = min(j * QUAD + part, F - 1)
                x_from[r * inputs + j] = index(min(first + (r ^ row_x), N - 1) * F + in_row)
        ask(ahead, x_ahead, gates, x, at_ahead, second, at_x, x_from)
        begin(total, ahead, x_ahead, wx)
        if T > 1:
            at_ahead, at_x = index(at_ahead + step_gates), index(at_x + step_x)
        ask(ahead, x_ahead, gates, x, at_ahead, second, at_x, x_from)
        seen = np.uint8(1)
        if masked:
            seen = mask[at_mask]
        now = np.uint64(0)
        into = np.uint64(row_x * groups * VECTOR + unit)

        steps, last = np.int32(T), np.int32(T - 2)
        for t in range(steps):
            cuda.syncthreads()
            multiply_rest(total, w, rest, v, from_row, now, thread)
            multiply_held(total, w, rest, v, from_row, now, thread)
            fold(total, sums, 2)
            fold(total, sums // 2, 1)
            for i in range(own):
                z[i] = total[i]
            begin(total, ahead, x_ahead, wx)
            if t < last:
                at_ahead, at_x = index(at_ahead + step_gates), index(at_x + step_x)
            ask(ahead, x_ahead, gates, x, at_ahead, second, at_x, x_from)
            now = both - now
            present = True
            if masked:
                present = seen != 0
                if t <= last:
                    at_mask = index(at_mask + index(N))
                seen = mask[at_mask]
            for e in range(own_cells):
                if gate_x == 0 and ((e == 0 and is_cell) or (e == 1 and is_second)):
                    h[at + np.uint64(e)] = hidden[e]  # of the step before
                    if keep:
                        c[at + np.uint64(e)] = cell[e]
            at = index(at + step)
            for e in range(own_cells):
                i, f, g, o = finish(z, e, lane, part)
                if keep and ((e == 0 and is_cell) or (e == 1 and is_second)):
                    for q in range(own_gates):
                        at_own = at_gates + np.uint64(e * GATES + q)
                        gates[at_own] = z[e * own_gates + q]
                new, out = renew(i, f, g, o, cell[e])
                cell[e] = new if present else cell[e]
                hidden[e] = out if present else hidden[e]
                to = now * four + into + np.uint64(e)
                v[to // four, to % four] = hidden[e]
            at_gates = index(at_gates + step_gates)
        for e in range(own_cells):
            if gate_x == 0 and ((e == 0 and is_cell) or (e == 1 and is_second)):
                h[at + np.uint64(e)], c[at + np.uint64(e)] = hidden[e], cell[e]

    return Kernel(kernel, threads, rest_bytes(H, rows, dtype, features))


def flattened(kernel_of, states):
    """Return a function of (grid, *arrays), arrays in their shapes, of a kernel of flat ones.

    The kernel gets the numbers of steps and rows before them, from the array at place `states`.
    """

    def run(grid, *arrays):
        T, N, _ = arrays[states].shape
        few = max(array.size for array in arrays) < 1 << 32
        kernel = kernel_of(np.uint32 if few else np.uint64)
        kernel(grid, T - 1, N, *(array.reshape(-1) for array in arrays))

    run.kernel_of = kernel_of
    return run
