"""What lies where in the scratch of `normalised_backward`: the one place that knows.

Functions that both Python, for the size, and kernels call.
"""

from typing import Any, NamedTuple

from numba.extending import register_jitable

from nlstm.kernels.cpu.lstm.schedule import PARTIAL_BYTES
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.tile import VECTORS

GROUP_ROWS = 48  # rows that go from the cell to the product together: whole vectors of rows


class Cut(NamedTuple):
    """How the work is cut: slices of rows, and steps in a chunk of so many rows.

    `partial` where each slice has sums and a chunk of its own.
    """

    slices: Any
    partial: Any
    rows: Any
    steps: Any


class Memory(NamedTuple):
    """Places behind a vector of ones.

    W, U : centred. U_panels, W_panels : of their transposes. W_gram, U_gram : V V^T of both.
    gains : sums of a slice for the gain and offset of c. sums : `Sums`. chunk : `Chunk`.
    group : `Group` of each slice.
    """

    W: Any
    U: Any
    U_panels: Any
    W_panels: Any
    W_gram: Any
    U_gram: Any
    gains: Any
    sums: Any
    chunk: Any
    group: Any
    end: Any


class Sums(NamedTuple):
    """M of W and of U, the sum of dz, and C of U and of W."""

    W: Any
    U: Any
    b: Any
    e_h: Any
    e_x: Any
    end: Any


class Chunk(NamedTuple):
    """dz, e of h and of x in blocks `block` apart; s h and s x. Each at row 0 of its first step."""

    dz: Any
    e_h: Any
    e_x: Any
    of_h: Any
    of_x: Any
    rows: Any
    block: Any
    end: Any


class Group(NamedTuple):
    """Work memory of one slice: q (GROUP_ROWS, B + V, L), a gradient's rows; of each row two
    vectors to be summed, and two numbers, the first ones of all rows before the second ones.

    gains : where the slice has its sums for the gain and offset of c.
    """

    gains: Any
    q: Any
    q_row: Any
    gradient: Any
    sums: Any
    numbers: Any
    end: Any


@register_jitable
def quads(vectors):
    """Return how many blocks of VECTORS vectors there are."""
    return (vectors + VECTORS - 1) // VECTORS


@register_jitable
def sums_at(at, F, H, B, L):
    """Return the places of `Sums` from `at` on."""
    width = GATES * L
    U = at + B * F * width
    b = U + B * H * width
    e_h = b + B * width
    e_x = e_h + quads(B) * H * width
    return Sums(at, U, b, e_h, e_x, e_x + quads((F + L - 1) // L) * F * width)


@register_jitable
def is_partial(slices, F, H, B, L, itemsize):
    """Whether every slice has sums of its own, for they are small."""
    return slices * sums_at(0, F, H, B, L).end * itemsize <= PARTIAL_BYTES


@register_jitable
def chunk_at(at, r0, rows, steps, F, B, L):
    """Return the places of `Chunk` from `at` on, which holds `rows` rows from r0 on."""
    V, width, count = (F + L - 1) // L, GATES * L, rows * steps
    e_h = at + B * count * width
    e_x = e_h + quads(B) * count * width
    of_h = e_x + quads(V) * count * width
    of_x = of_h + count * B * L
    past = r0 * width
    return Chunk(at - past, e_h - past, e_x - past, of_h - r0 * B * L, of_x - r0 * V * L, rows,
                 count * width, of_x + count * V * L)  # fmt: skip


@register_jitable
def group_at(at, gains, F, B, L):
    """Return the places of `Group` from `at` on."""
    V = (F + L - 1) // L
    q_row = (B + V) * L
    gradient = at + GROUP_ROWS * q_row
    sums = gradient + GROUP_ROWS * max(B, V) * L
    numbers = sums + GROUP_ROWS * 2 * L
    return Group(gains, at, q_row, gradient, sums, numbers, numbers + GROUP_ROWS * 2)


@register_jitable
def memory_of(cut, F, H, B, L):
    """Return where everything is."""
    V, width = (F + L - 1) // L, GATES * L
    copies = cut.slices if cut.partial else 1
    W = L
    U = W + B * F * width
    U_panels = U + B * H * width
    W_panels = U_panels + B * B * width * L  # right behind: one product takes both
    W_gram = W_panels + V * B * width * L
    U_gram = W_gram + F * V * L
    gains = U_gram + H * B * L
    sums = gains + cut.slices * B * 2 * L
    chunk = sums + copies * sums_at(0, F, H, B, L).end
    group = chunk + copies * chunk_at(0, 0, cut.rows, cut.steps, F, B, L).end
    end = group + cut.slices * group_at(0, 0, F, B, L).end
    return Memory(W, U, U_panels, W_panels, W_gram, U_gram, gains, sums, chunk, group, end)
