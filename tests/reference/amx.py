"""A model of AMX: what its instructions do to eight tile registers and to memory.

Written after the operations in Intel's manual (volume 2, of LDTILECFG, TILELOADD, TILESTORED,
TDPBF16PS and TILERELEASE). What the manual lets end in an exception raises ValueError here.
"""

import ctypes
from collections import Counter

import numpy as np

TILES, ROWS, ROW_BYTES = 8, 16, 64
TINY = np.finfo(np.float32).tiny


def require(condition, text):
    if not condition:
        raise ValueError(text)


def flushed(numbers):
    """Return numbers with zeros in the place of subnormal ones, each with its sign."""
    return np.where(np.abs(numbers) < TINY, np.copysign(np.float32(0), numbers), numbers)


def bytes_at(address, count):
    """Return memory as an array of bytes that can be written."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * count).from_address(address))


class Tiles:
    """The registers of one thread; `counts` says how often each instruction was run."""

    def __init__(self):
        self.counts = Counter()
        self.release()

    def release(self):
        self.rows, self.row_bytes = np.zeros((2, TILES), int)
        self.tiles = np.zeros((TILES, ROWS, ROW_BYTES), np.uint8)

    def configured(self, tile):
        require(0 <= tile < TILES and self.rows[tile] > 0, f"tile {tile} is not configured")
        require(self.row_bytes[tile] % 4 == 0, f"rows of tile {tile} end within a number")
        return self.rows[tile], self.row_bytes[tile]

    def ldtilecfg(self, address):
        self.counts["ldtilecfg"] += 1
        config = bytes_at(address, 64)
        row_bytes, rows = config[16:48].view(np.uint16), config[48:]
        require(config[0] == 1 and config[1] == 0, "palette 1 from row 0 on is the one there is")
        reserved = config[2:16], row_bytes[TILES:], rows[TILES:]
        require(not any(one.any() for one in reserved), "reserved bytes are not zero")
        row_bytes, rows = row_bytes[:TILES], rows[:TILES]
        require((row_bytes <= ROW_BYTES).all() and (rows <= ROWS).all(), "a tile is too large")
        require(((row_bytes == 0) == (rows == 0)).all(), "a tile has rows or bytes, but not both")
        self.release()
        self.rows, self.row_bytes = rows.astype(int), row_bytes.astype(int)

    def tileloadd64(self, tile, address, stride):
        self.counts["tileloadd64"] += 1
        rows, width = self.configured(tile)
        self.tiles[tile] = 0
        for row in range(rows):
            self.tiles[tile, row, :width] = bytes_at(address + row * stride, width)

    def tilestored64(self, tile, address, stride):
        self.counts["tilestored64"] += 1
        rows, width = self.configured(tile)
        for row in range(rows):
            bytes_at(address + row * stride, width)[:] = self.tiles[tile, row, :width]

    def tilerelease(self):
        self.counts["tilerelease"] += 1
        self.release()

    def tdpbf16ps(self, c, a, b):
        self.counts["tdpbf16ps"] += 1
        require(len({a, b, c}) == 3, "the three tiles are not three")
        (rows, width), (a_rows, a_width), (b_rows, b_width) = map(self.configured, (c, a, b))
        shapes = (rows, width, a_width) == (a_rows, b_width, 4 * b_rows)
        require(shapes, "the tiles' shapes do not go together")
        first, second = self.halves(a)[:, :rows], self.halves(b)
        sums = np.zeros((2, rows, ROWS), np.float32)
        for k in range(b_rows):
            # The product of two bfloat16 is exact in float32, so this rounds once.
            products = flushed(first[:, :, k, None] * second[:, k, None, :])
            sums = flushed(sums + products)
        before = flushed(self.tiles[c].view(np.float32)[:rows])
        after = flushed(before + flushed(sums[0] + sums[1]))
        self.tiles[c] = 0
        self.tiles[c, :rows, :width] = after.view(np.uint8)[:, :width]

    def halves(self, tile):
        """Return the even and the odd numbers of a tile, as float32."""
        words = self.tiles[tile].view(np.uint32)
        both = np.stack([words << np.uint32(16), words & np.uint32(0xFFFF0000)])
        return flushed(both.view(np.float32))
