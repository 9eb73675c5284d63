"""What the lanes of a warp tell each other, and who of four finishes which part of a cell.

Four neighbouring lanes, a quad, have C cells of an LSTM between them: of a few rows and one or
two units. A number of the 4 C (cell, gate) is `cell * 4 + gate`, and a cell is `row * units +
unit`. The two bits of a lane's number are the first two bits of its numbers: C = 1: a lane
finishes one gate; 2: two gates; 4: a cell; 8: two cells. A lane keeps its sums in an order of
its own, in which what it finishes comes first: sum i is of number i ^ its first number. So what
it sends is the other half, and no lane asks which half it keeps.
"""

import threading
from typing import NamedTuple

from nlstm.kernels.cuda.launch import SIMULATED, cuda, device_function

QUAD = GATES = 4
WARP = 32
ALL = 0xFFFFFFFF


class Share(NamedTuple):
    """What a lane of a quad finishes: counts, and where the lane's bits go."""

    rows: int
    units: int

    @property
    def cells(self) -> int:
        """Cells of the quad."""
        return self.rows * self.units

    @property
    def own_cells(self) -> int:
        """Cells that a lane finishes, or has a part in."""
        return max(1, self.cells // QUAD)

    @property
    def own_gates(self) -> int:
        """Gates that a lane finishes in each of its cells."""
        return min(GATES, self.cells)

    def places(self):
        """Return a device function of a lane: the first row, unit and gate that it finishes."""
        cells, units = self.cells, self.units

        def place(lane):
            cell = lane * cells // GATES
            return cell // units, cell % units, lane * cells % GATES

        return device_function(place)


def _told(thread, value, source):
    """Return another thread's value, in the simulator."""
    told = thread._manager.__dict__.setdefault("told", {})
    count = thread.__dict__["count"] = thread.__dict__.get("count", 0) + 1
    told[count % 2, thread.threadIdx.x] = value
    thread.syncthreads()
    return told[count % 2, source]


if SIMULATED:

    def exchange(value, lane_mask):
        """Return the value of the lane whose number differs by these bits."""
        thread = threading.current_thread()
        return _told(thread, value, thread.threadIdx.x ^ lane_mask)

    def from_lane(value, lane):
        """Return a lane's value."""
        thread = threading.current_thread()
        return _told(thread, value, thread.threadIdx.x // WARP * WARP + lane)
else:

    @device_function
    def exchange(value, lane_mask):
        """Return the value of the lane whose number differs by these bits."""
        return cuda.shfl_xor_sync(ALL, value, lane_mask)

    @device_function
    def from_lane(value, lane):
        """Return a lane's value."""
        return cuda.shfl_sync(ALL, value, lane)


def _fold(values, size, lane_mask):
    """Add the other lane's second half to the first half of `size` values; one value: to it."""
    if size == 1:
        values[0] += exchange(values[0], lane_mask)
    else:
        half = size // 2
        for i in range(half):
            values[i] += exchange(values[half + i], lane_mask)


fold = _fold if SIMULATED else device_function(_fold)


def in_turn(function, count):
    """Return a device function of seven arguments that calls another with 0, 1, ... before them.

    Without a loop: the compiler leaves long ones, and what they index would lie in memory.
    """
    call = device_function(lambda a, b, c, d, e, f, g: None)
    for number in range(count):
        call = _after(call, function, number)
    return call


def _after(first, function, number):
    def call(a, b, c, d, e, f, g):
        first(a, b, c, d, e, f, g)
        function(number, a, b, c, d, e, f, g)

    return device_function(call)
