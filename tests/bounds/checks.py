"""Kernels that look whether each place they read or write is inside its array: `make test-bounds`.

``NUMBA_BOUNDSCHECK=1`` has Numba check ``a[i]``, by an error that a parallel loop loses. The words
of `nlstm/kernels/cpu/machine/simd.py` and the register tile go by pointers, which Numba leaves out.
Here both write down what was wrong, and the fixture of `tests/conftest.py` fails the test.
"""

import os
import sys

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types

from nlstm.kernels.cpu.activations import emitters
from nlstm.kernels.cpu.machine import rows, simd
from nlstm.kernels.cpu.products import gemm, pairs, tile

WORD = ir.IntType(64)
NAME_WORDS = 6
FOUND = np.zeros(4 + NAME_WORDS, np.int64)  # how many; first, last, size and name of the last one
SYMBOL = "nlstm_tests_bounds"
# Whose addresses are never read from: a prefetch does not fault, and the other asks for a place.
APART = ("prefetch", "is_aligned")
VECTORS = ("load", "store", "stream", "activate_in_place", "store_along", "store_across")

plain_pointer, plain_tile = simd.element_pointer, tile.call_tile


def begin():
    """Let all kernels that are compiled from now on check; call it before the first is."""
    binding.add_symbol(SYMBOL, FOUND.ctypes.data)
    cgutils.do_boundscheck = check_index
    tile.call_tile = checked_tile
    for module in (simd, rows, gemm, emitters, pairs):
        module.element_pointer = checked_pointer


def taken():
    """Return what was found since the last call, as a sentence; None where nothing was."""
    count, first, last, size, *words = FOUND.tolist()
    FOUND[:] = 0
    if not count:
        return None
    name = b"".join(word.to_bytes(8, "little") for word in words).rstrip(b"\0").decode()
    return f"{count} times out of bounds, at last {name}: {first} to {last} of {size}"


def complain():
    """Let a process that ends say what was found, and fail."""
    found = taken()
    if found is not None:
        print(found, file=sys.stderr, flush=True)
        os._exit(77)


def note(builder, first, last, size, what):
    """Write down places `first` to `last` of an array of `size` if one is none of its."""
    below = builder.icmp_signed("<", first, first.type(0))
    above = builder.icmp_signed(">=", last, size)
    with cgutils.if_unlikely(builder, builder.or_(below, above)):
        kernel = builder.function.name.split("B2v")[0]
        parts = [part.strip("0123456789") for part in kernel.replace("cpu", "/").split("/")]
        text = f"{what} in {parts[-1]}".encode()[: 8 * NAME_WORDS].ljust(8 * NAME_WORDS, b"\0")
        words = [int.from_bytes(text[k : k + 8], "little") for k in range(0, len(text), 8)]
        found = table(builder.module)

        def place(k):
            return builder.gep(found, [WORD(0), WORD(k)])

        builder.atomic_rmw("add", place(0), WORD(1), "monotonic")
        for k, value in enumerate([first, last, size, *map(WORD, words)], start=1):
            builder.store(value, place(k))


def table(module):
    if SYMBOL in module.globals:
        return module.globals[SYMBOL]
    found = ir.GlobalVariable(module, ir.ArrayType(WORD, FOUND.size), SYMBOL)
    found.linkage = "external"
    return found


def check_index(context, builder, ind, dimlen, axis=None):
    """Stand for Numba's check of one index."""
    note(builder, ind, ind, dimlen, f"[{axis}]")


def size_of(context, builder, array_type, array):
    return context.make_array(array_type)(context, builder, array).nitems


def checked_pointer(context, builder, array_type, array, offset):
    """Check by who asks for the address; return it."""
    frame = sys._getframe(1)
    asking, args = frame.f_code.co_qualname.partition(".")[0], frame.f_locals["args"]
    size, one = size_of(context, builder, array_type, array), WORD(1)
    width = WORD(simd.Emitter(builder, array_type.dtype).width)

    def upto(count):
        return builder.sub(builder.add(offset, count), one)

    if asking in VECTORS:
        note(builder, offset, upto(width), size, asking)
    elif asking == "store_half":
        note(builder, offset, upto(builder.udiv(width, WORD(2))), size, asking)
    elif asking == "spread_parts":
        note(builder, offset, upto(builder.mul(width, WORD(4))), size, asking)
    elif asking == "sum_rows":
        reach = span(builder, [(width, args[2])])
        note(
            builder, builder.add(offset, reach[0]), upto(builder.add(width, reach[1])), size, asking
        )
    elif asking == "_place_of_first":  # load_first and store_first
        count = frame.f_locals["count"]
        least = builder.select(builder.icmp_signed("<", count, width), count, width)
        with cgutils.if_likely(builder, builder.icmp_signed(">", least, WORD(0))):
            note(builder, offset, upto(least), size, "the first of a vector")
    elif asking == "transpose_square" and array is args[0]:
        note(builder, offset, upto(builder.mul(width, width)), size, "transposed to")
    elif asking == "transpose_square":
        reach = span(builder, [(args[5], args[4])])
        with cgutils.if_likely(builder, builder.icmp_signed(">", args[5], WORD(0))):
            row = builder.mul(width, WORD(2)) if frame.f_locals["paired"] else width
            last = builder.add(upto(row), reach[1])
            note(builder, builder.add(offset, reach[0]), last, size, "transposed from")
    elif asking not in APART:
        raise AssertionError(f"{asking} asks for an address: say here what it reads there")
    return plain_pointer(context, builder, array_type, array, offset)


def span(builder, steps):
    """Return the least and the greatest distance that (count, stride) pairs go."""
    low = high = WORD(0)
    for count, stride in steps:
        reach = builder.mul(builder.sub(count, WORD(1)), stride)
        back = builder.icmp_signed("<", reach, WORD(0))
        low = builder.add(low, builder.select(back, reach, WORD(0)))
        high = builder.add(high, builder.select(back, WORD(0), reach))
    return low, high


def checked_tile(kind, out, start, sources):
    """Stand for `tile.call_tile`, with a check of all that the tile reads and writes."""
    by_gate = kind == "gate_tile"
    signature, codegen = plain_tile(kind, out, start, sources)
    width = WORD(simd.Emitter(None, out[0].dtype).width)

    def checked(context, builder, made, args):
        rows, vectors = args[:2]
        if by_gate:
            vectors = WORD(tile.VECTORS)

        def look(array_type, array, offset, steps, more, what):
            low, high = span(builder, steps)
            last = builder.add(builder.add(offset, high), more)
            size = size_of(context, builder, array_type, array)
            note(builder, builder.add(offset, low), last, size, what)

        def place(kinds, packed, what):
            array, offset, row, vector = cgutils.unpack_tuple(builder, packed, 4)
            reach = [(rows, row), (vectors, vector)]
            look(kinds[0], array, offset, reach, builder.sub(width, WORD(1)), what)

        place(made.args[2], args[2], "tile to")
        if start is not types.none:
            place(made.args[3], args[3], "tile from")
        for k, kinds in enumerate(made.args[4]):
            fields = cgutils.unpack_tuple(builder, builder.extract_value(args[4], k), len(kinds))
            a, a_at, a_row, a_k, a_j, b, b_at, b_vector, b_k, b_j, n, m = fields[:12]  # no prefetch
            some = builder.icmp_signed(">", builder.mul(n, m), WORD(0))
            with cgutils.if_likely(builder, some):
                more = builder.mul(WORD(tile.VECTORS - 1), width) if by_gate else WORD(0)
                look(kinds[0], a, a_at, [(rows, a_row), (n, a_k), (m, a_j)], more, "tile a")
                more = builder.sub(width, WORD(1))
                steps = [(vectors, b_vector), (n, b_k), (m, b_j)]
                look(kinds[5], b, b_at, steps, more, "tile b")
        return codegen(context, builder, made, args)

    return signature, checked
