"""Sums of several rows at once, and what is made of them: a lane a row.

The sum of one vector's lanes (`simd.sum_lanes`) is a chain of shuffles and additions that use ever
fewer lanes. Here as many vectors as a vector has lanes go through it together: two that are half
done fill one, so that every addition uses all lanes.

The numbers are those of one row in Numba code: sums in the order of `sum_lanes`, quotients and
roots in float64.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nlstm.kernels.cpu.machine.simd import Emitter, Vector, element_pointer


def _merge(emit, a, b, half):
    """Add the halves of all pieces of 2 * `half` lanes; the sums of a come first.

    First in the vector, or for halves of less than 16 bytes in each part of 16 bytes: that is how
    processors shuffle two vectors without a table.
    """
    part = emit.width if half * emit.bytes >= 16 else 16 // emit.bytes
    low = []
    for first in range(0, emit.width, part):
        for start in (first, emit.width + first):
            pieces = range(start, start + part, 2 * half)
            low += [piece + lane for piece in pieces for lane in range(half)]
    mask = ir.VectorType(ir.IntType(32), emit.width)
    shuffle, high = emit.builder.shuffle_vector, [lane + half for lane in low]
    halves = (shuffle(a, b, ir.Constant(mask, lanes)) for lanes in (low, high))
    return emit.builder.fadd(*halves)


def _distance(emit, half):
    """Return how far apart two rows are that `_merge` puts together, for row r to be in lane r."""
    part = 16 // emit.bytes
    return emit.width // (2 * half) * part if half >= part else part // (2 * half)


@intrinsic
def sum_rows(typingctx, array, offset, row):
    """The vector whose lane r is the sum of the lanes of the vector at ``offset + r * row``."""

    def codegen(context, builder, signature, args):
        emit, word = Emitter(builder, array.dtype), ir.IntType(64)
        first = element_pointer(context, builder, signature.args[0], *args[:2])
        sums = {
            r: emit.load(builder.gep(first, [builder.mul(word(r), args[2])]))
            for r in range(emit.width)
        }
        half = emit.width // 2
        while half:
            apart = _distance(emit, half)
            sums = {
                r: _merge(emit, one, sums[r + apart], half)
                for r, one in sums.items()
                if not r & apart
            }
            half //= 2
        return sums[0]

    return Vector(array.dtype)(array, types.intp, types.intp), codegen


def _in_doubles(formula):
    """Return the generator of `formula` (builder, of vectors of float64) of a vector and numbers.

    As of single numbers in Numba code, the result alone is rounded to the vector's dtype.
    """

    def codegen(context, builder, signature, args):
        vector, *others = signature.args
        kind = ir.VectorType(ir.DoubleType(), vector.lanes)

        def wide(number, type_):
            number = context.cast(builder, number, type_, types.float64)
            one = ir.Constant(kind, ir.Undefined)
            one = builder.insert_element(one, number, ir.IntType(32)(0))
            lanes = ir.VectorType(ir.IntType(32), vector.lanes)
            return builder.shuffle_vector(one, one, ir.Constant(lanes, None))

        value, narrow = args[0], args[0].type
        if narrow != kind:
            value = builder.fpext(value, kind)
        value = formula(builder, value, *map(wide, args[1:], others))
        return value if narrow == kind else builder.fptrunc(value, narrow)

    return codegen


@intrinsic
def quotients(typingctx, vector, divisor):
    """A / divisor, lane by lane, in float64."""

    def formula(builder, a, divisor):
        return builder.fdiv(a, divisor)

    return vector(vector, divisor), _in_doubles(formula)


@intrinsic
def inverse_roots(typingctx, vector, divisor, epsilon):
    """1 / sqrt(a / divisor + epsilon), lane by lane, in float64."""

    def formula(builder, a, divisor, epsilon):
        radicand = builder.fadd(builder.fdiv(a, divisor), epsilon)
        signature = ir.FunctionType(a.type, [a.type])
        name = f"llvm.sqrt.v{vector.lanes}f64"
        root = cgutils.get_or_insert_function(builder.module, signature, name)
        one = ir.Constant(a.type, [1.0] * vector.lanes)
        return builder.fdiv(one, builder.call(root, [radicand]))

    return vector(vector, divisor, epsilon), _in_doubles(formula)


# --- a part of a vector ---------------------------------------------------------------------------


def _is_first(builder, width, count):
    """Return which lanes lie before lane `count`."""
    word = ir.IntType(64)
    lanes = ir.VectorType(word, width)
    one = builder.insert_element(ir.Constant(lanes, ir.Undefined), count, ir.IntType(32)(0))
    of_zero = ir.Constant(ir.VectorType(ir.IntType(32), width), None)
    count = builder.shuffle_vector(one, one, of_zero)
    return builder.icmp_signed("<", ir.Constant(lanes, list(range(width))), count)


def _masked(emit, name, result, *args):
    """Call LLVM's masked load or store."""
    builder, size = emit.builder, emit.width
    pointer = next(arg for arg in args if arg.type.is_pointer)
    signature = ir.FunctionType(result, [arg.type for arg in args])
    mangled = f"llvm.masked.{name}.v{size}f{8 * emit.bytes}.p0"
    function = cgutils.get_or_insert_function(builder.module, signature, mangled)
    assert pointer.type == emit.type.as_pointer()
    return builder.call(function, args)


def _place_of_first(context, builder, array, args, count):
    """Return the emitter of an array's vectors, a pointer to one, its alignment, which lanes."""
    emit = Emitter(builder, array.dtype)
    pointer = element_pointer(context, builder, array, *args[:2])
    pointer = builder.bitcast(pointer, emit.type.as_pointer())
    return emit, pointer, ir.IntType(32)(emit.bytes), _is_first(builder, emit.width, count)


@intrinsic
def load_first(typingctx, array, offset, count):
    """`load` of `count` numbers, with zeros behind them; memory there is not read."""

    def codegen(context, builder, signature, args):
        emit, *place = _place_of_first(context, builder, signature.args[0], args, args[2])
        return _masked(emit, "load", emit.type, *place, emit.constant(0.0))

    return Vector(array.dtype)(array, types.intp, types.intp), codegen


@intrinsic
def spread_parts(typingctx, array, offset, count):
    """Give each of four parts of `count` numbers, which lie side by side, a vector of its own.

    In place; at most half a vector is a part, and zeros come behind it. By shuffles in registers,
    as memory that has just been written in other pieces is slow to read.
    """

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, array.dtype)
        first = element_pointer(context, builder, signature.args[0], *args[:2])
        width, zero = emit.width, emit.constant(0.0)
        word, lane = ir.IntType(64), ir.VectorType(ir.IntType(32), width)
        a, b = (emit.load(builder.gep(first, [word(k * width)])) for k in range(2))
        after = builder.append_basic_block("spread")
        switch = builder.switch(args[2], after)
        for size in range(1, width // 2 + 1):
            block = builder.append_basic_block(f"parts_of_{size}")
            switch.add_case(word(size), block)
            with builder.goto_block(block):
                for part in range(4):
                    lanes = [min(part * size + k, 2 * width - 1) for k in range(width)]
                    value = builder.shuffle_vector(a, b, ir.Constant(lane, lanes))
                    kept = [k if k < size else width for k in range(width)]
                    value = builder.shuffle_vector(value, zero, ir.Constant(lane, kept))
                    emit.store(value, builder.gep(first, [word(part * width)]))
                builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), codegen


@intrinsic
def store_first(typingctx, array, offset, vector, count):
    """`store` of the first `count` numbers; memory behind them is left alone."""

    def codegen(context, builder, signature, args):
        emit, *place = _place_of_first(context, builder, signature.args[0], args, args[3])
        _masked(emit, "store", ir.VoidType(), args[2], *place)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector, types.intp), codegen
