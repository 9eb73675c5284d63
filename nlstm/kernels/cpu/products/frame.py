"""The frame of a tile: its arguments, and the loops around its steps."""

from llvmlite import ir

from nlstm.kernels.cpu.machine.simd import Emitter, scalar_ir

VECTORS = 4

WORD = ir.IntType(64)
PLACE_FIELDS = ("pointer", "row", "vector")
A_FIELDS = ("a", "a_row", "a_k", "a_j")
B_FIELDS = ("b", "b_vector", "b_k", "b_j", "n", "m")
AHEAD_FIELDS = ("ahead", "ahead_k", "ahead_j")
SOURCE_FIELDS = (*A_FIELDS, *B_FIELDS, *AHEAD_FIELDS)
SOURCES = 2


def tile_signature(dtype, kind):
    pointer = scalar_ir(dtype).as_pointer()
    place = [pointer, WORD, WORD]
    source = [pointer if field in ("a", "b", "ahead") else WORD for field in SOURCE_FIELDS]
    arguments = [WORD, WORD, *place, *place, *source * SOURCES]
    return ir.FunctionType(ir.VoidType(), arguments), f"nlstm_{kind}_{dtype}"


def named_fields(fields):
    """Return out, start and the list of sources, each a dict, of arguments after the shape."""
    count = len(PLACE_FIELDS)
    out, start = (dict(zip(PLACE_FIELDS, fields[i : i + count])) for i in (0, count))
    firsts = range(2 * count, len(fields), len(SOURCE_FIELDS))
    return out, start, [dict(zip(SOURCE_FIELDS, fields[i:])) for i in firsts]


def inner_function(module, function_type, name, dtype):
    """Return an empty function of this module alone, whose vectors stay whole."""
    function = ir.Function(module, function_type, name)
    function.linkage = "internal"
    # Without this, LLVM cuts 512-bit vectors in two for the CPUs where it prefers 256 bits.
    emit = Emitter(None, dtype)
    bits = emit.width * emit.bytes * 8
    set.add(function.attributes, f'"min-legal-vector-width"="{bits}"')
    set.add(function.attributes, f'"prefer-vector-width"="{bits}"')
    return function


def unreachable_block(function):
    block = function.append_basic_block("unreachable")
    ir.IRBuilder(block).unreachable()
    return block


def emit_loop(builder, count, sums, a, b, body):
    """Run ``sums = body(sums, a, b)`` `count` times; a and b are (pointer, stride) and move on.

    LLVM must not unroll it: with two steps in one it runs out of registers for the sums, and short
    sums pay for its choice between the two.
    """
    before = builder.block
    head = builder.append_basic_block("head")
    inside = builder.append_basic_block("body")
    after = builder.append_basic_block("after")
    builder.branch(head)

    builder.position_at_end(head)
    start = [WORD(0), a[0], b[0], *sums]
    phis = [builder.phi(value.type) for value in start]
    for phi, value in zip(phis, start, strict=True):
        phi.add_incoming(value, before)
    index, a_now, b_now, *sums_now = phis
    builder.cbranch(builder.icmp_signed("<", index, count), inside, after)

    builder.position_at_end(inside)
    results = body(sums_now, a_now, b_now)
    moved = [
        builder.add(index, WORD(1)),
        builder.gep(a_now, [a[1]]),
        builder.gep(b_now, [b[1]]),
        *results,
    ]
    for phi, value in zip(phis, moved, strict=True):
        phi.add_incoming(value, builder.block)
    again = builder.branch(head)
    name = ir.MetaDataString(builder.module, "llvm.loop.unroll.disable")
    loop = builder.module.add_metadata([builder.module.add_metadata([name])])
    loop.operands = (loop, *loop.operands)  # the first names the loop itself
    again.set_metadata("llvm.loop", loop)

    builder.position_at_end(after)
    return sums_now
