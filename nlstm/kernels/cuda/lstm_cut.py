"""How a launch over all steps is cut into blocks that keep their weights, and their products.

A block has some rows and some units, all blocks run at once, and a warp takes a part of the sum:
its lanes are row threads x column threads x sets of lanes that share the warp's part again.
A thread has 8 x 8 results (4 x 8 of float64). What a warp reads of the states it brings to shared
memory for itself, a chunk ahead, and so waits for nobody else of its block.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from nlstm.kernels.cuda.flags import see_flag
from nlstm.kernels.cuda.launch import SIMULATED, device_function
from nlstm.kernels.cuda.vectors import MOST_BYTES, commit, copier

GATES = 4
VECTOR = 4
LANES, WARPS = (4, 2) if SIMULATED else (32, 8)
THREADS = LANES * WARPS
BUFFERS = 2
SPLITS = (1,) if SIMULATED else (1, 2, 4)
MOST_CELL_BYTES = 16  # numbers of a kind that a thread has for its cells
STATIC_BYTES = 1024  # of a block's shared memory, beside what is cut here
# Of a multiprocessor in a cycle: products, of which loads leave so much, and bytes from afar.
PRODUCTS, BYTES = 128 * 0.8, 24
MOST_LOOKS = 1 << 24  # at a flag: many seconds
MEETING = 3000  # cycles: what a step takes beside its sums


class Cut(NamedTuple):
    """The cut of a pass.

    Parameters
    ----------
    backward : bool.
    N, H : int. Rows and units of the layer.
    row_threads, column_threads : int. Of a warp.
    size : int. Bytes of a number.
    splits : int. Blocks that share the sums of some units, and then those units: backward.
    """

    backward: bool
    N: int
    H: int
    row_threads: int
    column_threads: int
    size: int
    splits: int = 1

    @property
    def thread_rows(self):
        """Rows of a thread."""
        return 2 if SIMULATED else 32 // self.size

    @property
    def fours(self):
        """Fours of columns of a thread."""
        return 1 if SIMULATED else 2

    @property
    def rows(self):
        """Rows of a block."""
        return self.row_threads * self.thread_rows

    @property
    def columns(self):
        """Columns of a block."""
        return self.column_threads * self.fours * VECTOR

    @property
    def units(self):
        """Units of a block."""
        return self.columns if self.backward else self.columns // GATES

    @property
    def own_units(self):
        """Units whose cells a block has."""
        return self.units // self.splits

    @property
    def terms(self):
        """Terms of a sum."""
        return GATES * self.H if self.backward else self.H

    @property
    def sets(self):
        """Sets of lanes that share a warp's part of the sum."""
        return LANES // (self.row_threads * self.column_threads)

    @property
    def chunk(self):
        """Terms that a warp has in a buffer."""
        turns = 2 if self.rows * self.sets * self.size <= 512 else 1
        return VECTOR * max(self.sets * turns, 1 if SIMULATED else 8 if self.rows < 32 else 4)

    @property
    def chunks(self):
        """Chunks of a warp."""
        return -(-self.terms // (self.splits * WARPS * self.chunk))

    @property
    def block_terms(self):
        """Terms of a block, with those that are none."""
        return self.chunks * self.chunk * WARPS

    @property
    def stride(self):
        """Numbers from row to row of a buffer: half a warp reads different banks."""
        sets = max(1, 16 // (self.row_threads * self.column_threads))
        places = range(self.row_threads), range(min(sets, self.sets))

        def crowd(fours):
            return -len({(row * fours + one) % 8 for row in places[0] for one in places[1]})

        fours = self.chunk // VECTOR
        return VECTOR * min(range(fours, fours + 8), key=crowd)

    @property
    def weights_stride(self):
        """Numbers from four terms to the next of the weights."""
        more = self.row_threads * self.column_threads < 16
        return VECTOR * (self.columns + more * self.column_threads)

    @property
    def weights(self):
        """Numbers of the block's weights."""
        return self.block_terms // VECTOR * self.weights_stride

    @property
    def area(self):
        """Numbers of a warp's own: its buffers, and then its parts of the sums."""
        buffers = BUFFERS * self.rows * self.stride
        return max(buffers, self.sets * self.rows * self.columns)

    @property
    def cells(self):
        """Cells of a thread."""
        return -(-self.rows * self.own_units // THREADS)

    @property
    def bytes(self):
        """Dynamic shared memory of a block."""
        return (self.weights + WARPS * self.area) * self.size

    @property
    def copied(self):
        """Numbers of one copy: such that all are aligned."""
        most = MOST_BYTES // self.size
        return next(n for n in (4, 2, 1) if n <= most and self.terms % n == 0)

    @property
    def copies(self):
        """Copies of a lane for a chunk."""
        return -(-self.rows * self.chunk // (self.copied * LANES))

    @property
    def unit_blocks(self):
        """Blocks of a group of rows."""
        return -(-self.H // self.units) * self.splits

    @property
    def row_groups(self):
        """Groups of rows, in one launch or several."""
        return -(-self.N // self.rows)

    def groups_at_once(self, processors):
        """Return how many groups of rows a launch has; launches have about the same."""
        most = max(1, processors // self.unit_blocks)
        launches = -(-self.row_groups // most)
        return -(-self.row_groups // launches)

    def blocks_at_once(self, processors):
        """Return how many blocks a launch has."""
        return self.unit_blocks * self.groups_at_once(processors)

    def shared_sums(self, processors):
        """Return how many numbers blocks give each other in a step, and in the next."""
        blocks = self.blocks_at_once(processors) if self.splits > 1 else 0
        return 2 * blocks * self.rows * self.units

    def fits(self, processors, limit):
        """Whether all blocks of a group of rows run at once."""
        return (
            self.unit_blocks <= processors
            and self.bytes + STATIC_BYTES <= limit
            and self.cells * self.size <= MOST_CELL_BYTES
        )

    def cycles(self, processors):
        """Estimate the time of a step."""
        groups = self.groups_at_once(processors)
        slow = self.size // 4
        sums = self.rows * self.columns * self.block_terms * slow / PRODUCTS
        share = self.blocks_at_once(processors) / processors
        far = self.rows * self.block_terms * self.size / BYTES * share
        meetings = MEETING * (1 if self.splits == 1 else 2)
        return -(-self.row_groups // groups) * (max(sums, far) + far / 8 + meetings)


@cache
def best_cut(backward, N, H, dtype, processors, limit) -> Cut | None:
    """Return the cut of a pass that is the quickest, or None where none fits."""
    powers = [1 << k for k in range(LANES.bit_length())]
    cuts = [
        Cut(backward, N, H, rows, columns, np.dtype(dtype).itemsize, splits)
        for rows in powers
        for columns in powers
        for splits in (SPLITS if backward else (1,))
        if rows * columns <= LANES
    ]
    fitting = [cut for cut in cuts if cut.fits(processors, limit)]
    if SIMULATED:  # one block runs after the other
        fitting = [cut for cut in fitting if cut.unit_blocks == 1]
    return min(fitting, key=lambda cut: cut.cycles(processors), default=None)


@cache
def lane_places(cut: Cut):
    """Compile lane -> its row thread, column thread and set.

    The lowest bits are one of the columns' and one of the rows': then half a warp's loads of four
    numbers are one.
    """
    low, rows = min(cut.column_threads, 2), cut.row_threads
    high = cut.column_threads // low

    def places(lane):
        row = lane // low % rows
        column = lane % low + low * (lane // (low * rows) % high)
        return row, column, lane // (low * rows * high)

    return device_function(places)


@cache
def staged(cut: Cut):
    """Compile what brings a chunk of a warp's terms to shared memory, and what is ready before.

    Returns two device functions
    ----------------------------
    (first, N, lane, offsets) : offsets = where in a slot of the source a lane's copies begin, and
        last where in a buffer they go, in registers; `first` is the first row, of N.
    (memory, to, source, start, term, lane, offsets) : memory and to, the buffer's place in it, are
        shared; the source's slot begins at `start`, the chunk at `term`.
    """
    numbers, terms, stride, width = cut.copied, cut.terms, cut.stride, cut.chunk
    a_row, count, copies = width // numbers, cut.copies, cut.rows * width // numbers
    whole, even = cut.block_terms * cut.splits == terms, copies % LANES == 0
    # All lanes' copies at once are some rows, or a part of one.
    rows_at_once, parts = max(1, LANES // a_row), max(1, a_row // LANES)
    row_step, part_step = rows_at_once * stride, LANES * numbers
    copy = copier(numbers)

    def prepare(first, N, lane, offsets):
        row, k = lane // a_row, lane % a_row * numbers
        for load in range(count):
            n = min(first + load // parts * rows_at_once + row, N - 1)
            offsets[load] = np.uint32(n * terms + load % parts * part_step + k)
        offsets[count] = np.uint32(row * stride + k)

    def stage(memory, to, source, start, term, lane, offsets):
        begin, to_lane = start + np.uint64(term), to + np.uint64(offsets[count])
        for load in range(count):
            if even or lane < copies:
                near = to_lane + np.uint64(load // parts * row_step + load % parts * part_step)
                far = begin + np.uint64(offsets[load])
                real = whole or term + load % parts * part_step + lane % a_row * numbers < terms
                copy(memory, near, source, far if real else start, real)
        commit()

    return device_function(prepare), device_function(stage)


@cache
def multiplied(cut: Cut):
    """Compile total += states times weights, over the four terms that a lane has next.

    Returns a device function of (memory, left, right, a, w, total)
    ---------------------------------------------------------------
    left, right : np.uint64. Where the lane's states and weights begin.
    a, w, total : (thread rows, 4), (columns of a thread,), (thread rows, columns), in registers.
    """
    rows, fours = cut.thread_rows, cut.fours
    row_step = cut.row_threads * cut.stride
    width, four_step = cut.columns, cut.column_threads * VECTOR
    columns = fours * VECTOR

    def multiply(memory, left, right, a, w, total):
        for row in range(rows):
            for j in range(VECTOR):
                a[row, j] = memory[left + np.uint64(row * row_step + j)]
        for j in range(VECTOR):
            for b in range(fours):
                for q in range(VECTOR):
                    w[b * VECTOR + q] = memory[right + np.uint64(j * width + b * four_step + q)]
            for row in range(rows):
                for column in range(columns):
                    total[row, column] += a[row, j] * w[column]

    return device_function(multiply)


def look(flags, at, wanted, late):
    """Wait until a flag is as high as wanted, or write 1 to `late`."""
    looks = 0
    while see_flag(flags, np.uint64(at)) < wanted and late[0] == 0:
        looks += 1
        if looks == MOST_LOOKS:
            late[0] = 1


wait_for = device_function(look)


@cache
def waited(cut: Cut):
    """Compile a warp's wait for who writes what it reads.

    Returns a device function of (flags, first, wanted, part, lane, late)
    ---------------------------------------------------------------------
    flags, first : (count,) of int32, and the first of the blocks of these rows.
    wanted : int. What a flag must have reached.
    part : int. The warp's part of the sum.
    late : (1,), in shared memory. = 1 where it was waited for too long.
    """
    terms = cut.chunks * cut.chunk
    a_block, blocks = cut.own_units * cut.terms // cut.H, -(-cut.H // cut.own_units)

    def wait(flags, first, wanted, part, lane, late):
        last = min(((part + 1) * terms - 1) // a_block, blocks - 1)
        for block in range(part * terms // a_block + lane, last + 1, LANES):
            wait_for(flags, first + block, wanted, late)

    return device_function(wait)


@cache
def turned(cut: Cut):
    """Compile row, four of columns -> the four's place among a row's parts, by banks."""
    width = cut.columns // VECTOR
    parts = min(cut.row_threads, 4) if width >= 8 else 1
    step = 8 // max(parts, 2)

    def place(row, four):
        return four ^ (row % parts * step)

    return device_function(place)
