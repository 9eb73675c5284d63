"""Matrix products cut into register tiles, and the transposes that feed them.

Products here run on one thread's share; the kernels that call them split rows, columns or outputs
over threads, never a sum. Their arrays are flat: one shape is one compilation.
"""

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import Emitter, element_pointer
from nlstm.kernels.cpu.products.layout import GATES
from nlstm.kernels.cpu.products.pairs import along, words_of
from nlstm.kernels.cpu.products.tile import ROWS, VECTORS, gate_tile, tile

ROW_BLOCK = 128  # rows whose dz panel of one unit block stays in the first-level cache
K_BLOCK = 1024  # inputs whose VECTORS panels stay in the second-level cache


class Panels(NamedTuple):
    """Weights, or what is shaped like them, in a flat array from place `at` on."""

    array: Any
    at: Any


class Matrix(NamedTuple):
    """Rows in a flat array: row n at ``at + n * row``."""

    array: Any
    at: Any
    row: Any


class Sequence(NamedTuple):
    """Rows of steps in a flat array: row n of step t at ``at + t * step + n * row``."""

    array: Any
    at: Any
    row: Any
    step: Any


class Blocks(NamedTuple):
    """Gates of steps in a flat array: row n of step t, unit block b, 4L numbers, at
    ``at + t * step + b * block + n * 4L``.
    """

    array: Any
    at: Any
    step: Any
    block: Any


@njit_inner
def tile_edge(first, last, index):
    """Return where tile `index` begins when rows first..last are cut into tiles as even as can be.

    A tile of two rows takes as long as one of four. The divisions do not depend on `index`, so that
    they leave the loops over tiles.
    """
    rows = last - first
    count = max(1, tile_count(rows))
    size = rows // count
    return first + index * size + min(index, rows - count * size)


@njit_inner
def share(total, index, count):
    """Return the range of `total` items that slice `index` of `count` gets."""
    return total * index // count, total * (index + 1) // count


@njit_inner
def share_rows(N, index, count, together):
    """Return the range of N rows that slice `index` of `count` gets, `together` at a time."""
    first, last = share((N + together - 1) // together, index, count)
    return first * together, min(last * together, N)


@njit_inner
def tile_count(rows):
    return (rows + ROWS - 1) // ROWS


@njit_inner
def stride_ahead(numbers, tiles, steps, L):
    """Return how far apart the places are that a step over k asks for, where so many tiles of so
    many steps bring `numbers` nearer; at most a line, and so perhaps not all of them.
    """
    return min(L, (numbers + tiles * steps - 1) // max(1, tiles * steps))


# --- transposes -----------------------------------------------------------------------------------


@intrinsic
def transpose_square(typingctx, out, out_offset, source, source_offset, source_row, rows):
    """Transpose L x L numbers in registers, by swapping ever larger off-diagonal blocks.

    The first `rows` rows of the source lie `source_row` apart, those after them count as zeros; the
    rows of `out` lie one after the other. Where `out` is to hold pairs, twice as many numbers of a
    row are rounded to words first.
    """
    paired = out.dtype == types.uint32 != source.dtype

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, out.dtype)
        word = ir.IntType(64)
        target = element_pointer(context, builder, signature.args[0], *args[:2])
        first = element_pointer(context, builder, signature.args[2], *args[2:4])
        read = 2 if paired else 1
        name, kind = "nlstm_zeros", emit.type
        if paired:
            name, kind = "nlstm_zero_pairs", ir.ArrayType(emit.type, read)
        zeros = cgutils.global_constant(builder, name, ir.Constant(kind, None))
        zeros = builder.bitcast(zeros, first.type)
        vectors = []
        for r in range(emit.width):
            there = builder.gep(first, [builder.mul(word(r), args[4])])
            exists = builder.icmp_signed(">", args[5], word(r))
            there = builder.select(exists, there, zeros)
            row = [emit.load(builder.gep(there, [word(k * emit.width)])) for k in range(read)]
            vectors.append(along(emit, *row) if paired else row[0])
        size = 1
        while size < emit.width:
            for low in (r for r in range(emit.width) if not r & size):
                vectors[low], vectors[low + size] = swap_blocks(
                    emit, vectors[low], vectors[low + size], size
                )
            size *= 2
        for r, vector in enumerate(vectors):
            emit.store(vector, builder.gep(target, [word(r * emit.width)]))
        return context.get_dummy_value()

    words = types.int64
    return types.void(out, words, source, words, words, words), codegen


def swap_blocks(emit, a, b, size):
    """Exchange the odd blocks of `size` lanes of a with the even ones of b."""
    lanes = range(emit.width)
    first = [j + (emit.width - size if j & size else 0) for j in lanes]
    second = [j + (emit.width if j & size else size) for j in lanes]
    mask_type = ir.VectorType(ir.IntType(32), emit.width)
    return (
        emit.builder.shuffle_vector(a, b, ir.Constant(mask_type, first)),
        emit.builder.shuffle_vector(a, b, ir.Constant(mask_type, second)),
    )


@njit_inner
def transpose_panel(out, out_offset, weights, groups, inputs, width, v, L):
    """Write panel v of the transpose of flat gate weights (B, K, 4L) or panels (V, K, L).

    Row (group, column) of the panel holds inputs v * L ... of that column; of pairs, row (group,
    pair of columns).
    """
    height = words_of(out, width)
    for group in range(groups):
        for k in range(0, height, L):
            source = (group * inputs + v * L) * width + k * (width // height)
            target = out_offset + (group * height + k) * L
            transpose_square(out, target, weights, source, width, inputs - v * L)


# --- products -------------------------------------------------------------------------------------


@njit_inner
def product_with_transpose(out, n0, n1, v0, v1, dz, panels, H, L, gate, gates, accumulate,
                           near=None):  # fmt: skip
    """Compute out[n] = dz[n] P, for rows n0..n1 and panels v0..v1 of P.

    Parameters
    ----------
    out : Matrix. With `accumulate` it is added to. dz : Blocks of one step. panels : Panels.
    gate, gates : the sum runs over so many gates from `gate` on, and over units; lanes past the
        last unit are skipped.
    dz and panels may hold pairs.
    near : None, or Blocks of the same rows that are brought nearer meanwhile; else panels are.
    """
    to, to_at, to_row = out
    a_array, dz_at, _, dz_block = dz
    b_array, b_at = panels
    full, tail = H // L, words_of(a_array, H % L)
    K = words_of(a_array, L)  # of a gate
    width = GATES * K
    panel = (full + (tail > 0)) * width * L
    k_blocks = max(1, K_BLOCK // width)
    count = tile_count(n1 - n0)
    # A chunk of dz stays in the second-level cache while the panels pass.
    for first in range(0, max(full, 1), k_blocks):
        m = min(k_blocks, full - first)
        m_rest = GATES if first + k_blocks >= full else 0
        a_first = dz_at + first * dz_block + gate * K
        for v in range(v0, v1, VECTORS):
            vectors = min(VECTORS, v1 - v)
            b = b_at + v * panel + (first * width + gate * K) * L
            b_rest = b + m * width * L
            later = v + VECTORS if v + VECTORS < v1 else v0
            later_first = first if later > v else (first + m if first + m < full else 0)
            ahead = b_at + later * panel + (later_first * width + gate * K) * L
            parts = max(1, count // vectors)
            steps = gates * K
            ahead_k = stride_ahead(steps * L, parts, steps, L)
            for index in range(count):
                n, end = tile_edge(n0, n1, index), tile_edge(n0, n1, index + 1)
                a = a_first + n * width
                a_rest = a + m * dz_block
                place = (to, to_at + n * to_row + v * L, to_row, L)
                # Each tile brings a part of one of the next panels nearer, or of its own rows.
                if near is None:
                    part = index % vectors * panel + index // vectors * m * steps * ahead_k
                    later_at = (b_array, ahead + part, ahead_k, steps * ahead_k)
                else:
                    groups = (v1 - v0 + VECTORS - 1) // VECTORS
                    row_k = stride_ahead((end - n) * GATES * L, groups, steps, L)
                    part = (v - v0) // VECTORS * steps * row_k
                    later_at = (near.array, near.at + first * near.block + n * GATES * L + part,
                                row_k, near.block)  # fmt: skip
                blocks = (a_array, a, width, 1, dz_block,
                          b_array, b, panel, L, width * L, gates * K, m)  # fmt: skip
                rest = (a_array, a_rest, width, 1, K,
                        b_array, b_rest, panel, L, K * L, tail, min(gates, m_rest))  # fmt: skip
                if first == 0 and not accumulate:
                    tile(end - n, vectors, place, None, (blocks + later_at, rest))
                else:
                    tile(end - n, vectors, place, place, (blocks + later_at, rest))


@njit_inner
def weight_gradient(dW, k0, k1, vectors, inputs, dz, steps, rows, L, accumulate, by_gate=None):
    """Compute dW[k] = sum over steps and rows n of inputs[step, n, k] * dz[step, n], k0 <= k < k1.

    Parameters
    ----------
    dW : Panels of 4L columns. With `accumulate` it is added to. inputs : Sequence.
    dz : Blocks of one unit block, of which `vectors` vectors are used. Both may hold pairs of rows,
        which then count as rows.
    by_gate : None, or anything where inputs differ from gate to gate: those of the next are L
        further.

    Notes
    -----
    The sum runs over steps, then rows, whatever the number of threads.
    """
    to, to_at = dW
    a_array, in_at, in_row, in_step = inputs
    b_array, dz_at, dz_step, _ = dz
    width = GATES * L
    step_block = max(1, ROW_BLOCK // rows)
    count = tile_count(k1 - k0)
    for step in range(0, steps, step_block):
        m = min(step_block, steps - step)
        for n in range(0, rows, ROW_BLOCK):
            piece = min(ROW_BLOCK, rows - n)
            a = in_at + step * in_step + n * in_row
            b = dz_at + step * dz_step + n * width
            for index in range(count):
                k, end = tile_edge(k0, k1, index), tile_edge(k0, k1, index + 1)
                place = (to, to_at + k * width, width, L)
                fresh = step == 0 and n == 0 and not accumulate
                of_dz = (b_array, b, L, width, dz_step, piece, m)
                ahead_k = stride_ahead(ROWS * width, 1, piece * m, L)
                near = (to, to_at + end * width, ahead_k, piece * ahead_k)
                source = (a_array, a + k, 1, in_row, in_step) + of_dz + near
                if by_gate is None:
                    if fresh:
                        tile(end - k, vectors, place, None, (source,))
                    else:
                        tile(end - k, vectors, place, place, (source,))
                else:
                    if fresh:
                        gate_tile(end - k, VECTORS, place, None, (source,))
                    else:
                        gate_tile(end - k, VECTORS, place, place, (source,))
