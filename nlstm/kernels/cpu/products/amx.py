"""The pair tile by AMX: 16 pairs of up to 16 rows and 16 columns in one instruction.

A tile register has up to 16 rows of 64 bytes: 16 float32 sums or 16 words of pairs. `tdpbf16ps`
adds the product of two: A, rows of words along k, and B, a row of 16 columns for each word, which
is what a panel or a gate block of pairs is already. Sums are registers 0 to 3, one a vector of
columns; A is 4, B is 5; 6 and 7 are those of the last words of a sum, as many as are left: how many
rows and bytes each register has is data, 64 bytes that `ldtilecfg` reads.

Only A by rows goes this way, and only sums of 16 words or more; other sources are the pair tile's.
Which way a source goes, and in which order its products are added, depends on its k alone, so that
here too every way to cut a product into tiles, or its sources into calls, gives the same bits. They
are not the pair tile's: the even and the odd numbers of 16 words are summed apart, then both are
added to what was there. Subnormal operands count as zeros and such sums become zeros, whatever the
mode of the thread, as in ``vdpbf16ps``.

The registers are named by number in LLVM's instructions, so that no pass allocates, moves or spills
them. They are released at the end, for a thread whose registers are in use has 8 KiB more to keep
whenever it is interrupted.

Compiled for Sapphire Rapids and read, run on a model of the instructions (tests/reference/amx.py),
but never on a processor: see `nlstm.kernels.cpu.machine.amx`.
"""

from llvmlite import ir
from numba.core import cgutils

from nlstm.kernels.cpu.products.frame import (
    SOURCE_FIELDS,
    VECTORS,
    WORD,
    emit_loop,
    inner_function,
    named_fields,
    unreachable_block,
)

NUMBER = ir.IntType(8)
POINTER = NUMBER.as_pointer()
BYTES = 4  # of a word, or of a sum

STEP = 16  # words of a row, and rows, of a full tile
WHOLE, TAIL = (4, 5), (6, 7)  # registers of A and B; sums are below
CONFIG_WORDS = 8


def instruction(builder, name, *args):
    """Call an instruction of AMX."""
    signature = ir.FunctionType(ir.VoidType(), [arg.type for arg in args])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.x86.{name}")
    builder.call(function, args)


def define_amx_tile(module, pairs):
    """Define the IR function that stands for the pair tile, `pairs`, and calls it where it must."""
    pairs.attributes.add("noinline")
    one = define_source(module, pairs)
    function = inner_function(module, pairs.function_type, "nlstm_amx_tile_body", "float32")
    function.attributes.add("optsize")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    shape, out, start = function.args[:2], function.args[2:5], function.args[5:8]
    _, _, sources = named_fields(function.args[2:])
    first, second = (list(source.values()) for source in sources)
    builder.call(one, [*shape, *out, *start, *first])
    some = builder.mul(sources[1]["n"], sources[1]["m"])
    with builder.if_then(builder.icmp_signed(">", some, WORD(0))):
        builder.call(one, [*shape, *out, *out, *second])
    builder.ret_void()
    return function


def define_source(module, pairs):
    """Define the IR function that adds the products of one source."""
    fields = pairs.function_type.args[: -len(SOURCE_FIELDS)]
    function_type = ir.FunctionType(ir.VoidType(), fields)
    function = inner_function(module, function_type, "nlstm_amx_source", "float32")
    # A loop that is unrolled has more addresses than there are registers, and gains nothing.
    function.attributes.add("optsize")
    rows, vectors, *fields = function.args
    out, start, (source,) = named_fields(fields)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    config = builder.alloca(ir.ArrayType(WORD, CONFIG_WORDS))
    config.align = CONFIG_WORDS * 8
    fits = builder.and_(
        builder.icmp_signed("==", source["a_k"], WORD(1)),
        builder.icmp_signed(">=", source["n"], WORD(STEP)),
    )
    with builder.if_else(fits) as (then, otherwise):
        with otherwise:
            missing = [ir.Constant(arg.type, None) for arg in pairs.args[-len(SOURCE_FIELDS) :]]
            builder.call(pairs, [*function.args, *missing])
        with then:
            tail = builder.and_(source["n"], WORD(STEP - 1))
            configure(builder, config, rows, tail)
            done = builder.append_basic_block("done")
            switch = builder.switch(vectors, unreachable_block(function))
            for count in range(1, VECTORS + 1):
                block = builder.append_basic_block(f"amx_{count}")
                switch.add_case(WORD(count), block)
                builder.position_at_end(block)
                emit_source(builder, count, out, start, source, tail)
                builder.branch(done)
            builder.position_at_end(done)
            instruction(builder, "tilerelease")
    builder.ret_void()
    return function


def configure(builder, config, rows, tail):
    """Give registers their rows and bytes; a tail of none counts as full, for a tile of nothing
    is refused.
    """
    none = builder.icmp_signed("==", tail, WORD(0))
    tail = builder.select(none, WORD(STEP), tail)
    palette, row_bytes = 1, STEP * BYTES
    all_four = sum(row_bytes << 16 * place for place in range(4))
    tail_a = builder.shl(builder.mul(tail, WORD(BYTES)), WORD(32))
    last_four = builder.or_(tail_a, WORD(all_four & ~(0xFFFF << 32)))
    counts = builder.mul(rows, WORD(0x0001_0001_01010101))  # of sums, 4 and 6, one byte each
    counts = builder.or_(counts, builder.shl(tail, WORD(56)))
    counts = builder.or_(counts, WORD(STEP << 40))
    words = [WORD(palette), WORD(0), WORD(all_four), last_four, WORD(0), WORD(0), counts, WORD(0)]
    for place, word in enumerate(words):
        builder.store(word, builder.gep(config, [WORD(0), WORD(place)]))
    instruction(builder, "ldtilecfg", builder.bitcast(config, POINTER))


def emit_source(builder, vectors, out, start, source, tail):
    """Load the sums, add the products of one source, and store them."""

    def move(name, register, pointer, vector, offset, row):
        pointer = builder.gep(pointer, [builder.mul(WORD(vector), offset)])
        stride = builder.mul(row, WORD(BYTES))
        instruction(builder, name, NUMBER(register), builder.bitcast(pointer, POINTER), stride)

    def add(registers, a, b):
        of_a, of_b = registers
        move("tileloadd64", of_a, a, 0, WORD(0), source["a_row"])
        for v in range(vectors):
            move("tileloadd64", of_b, b, v, source["b_vector"], source["b_k"])
            instruction(builder, "tdpbf16ps", *map(NUMBER, (v, of_a, of_b)))

    def step(_, a, b):
        add(WHOLE, a, b)
        return []

    def inner(_, a, b):
        b_step = builder.mul(source["b_k"], WORD(STEP))
        emit_loop(builder, steps, [], (a, WORD(STEP)), (b, b_step), step)
        with builder.if_then(builder.icmp_signed(">", tail, WORD(0))):
            a_tail = builder.gep(a, [builder.mul(steps, WORD(STEP))])
            add(TAIL, a_tail, builder.gep(b, [builder.mul(steps, b_step)]))
        return []

    for v in range(vectors):
        move("tileloadd64", v, start["pointer"], v, start["vector"], start["row"])
    steps = builder.lshr(source["n"], WORD(4))
    emit_loop(
        builder,
        source["m"],
        [],
        (source["a"], source["a_j"]),
        (source["b"], source["b_j"]),
        inner,
    )
    for v in range(vectors):
        move("tilestored64", v, out["pointer"], v, out["vector"], out["row"])
