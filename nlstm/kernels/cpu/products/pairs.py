"""Pairs of bfloat16: numbers 2k and 2k + 1 of a sum in one word, the first in its low half.

A float32 is rounded to the nearest bfloat16, which is its upper half, to even where two are as
near; NaN stays NaN, numbers below the normal range become zero. AVX-512 BF16 has an instruction
for two products added to a float32 sum, ``vdpbf16ps``. Elsewhere the halves are widened to float32
and multiplied by themselves, which gives the same products.

Words are uint32: by this type `tile` knows pairs.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from nlstm.kernels.cpu.machine.jit import multiplies_pairs
from nlstm.kernels.cpu.machine.simd import Emitter, element_pointer

PER_WORD = 2
HALF = ir.IntType(16)
UPPER = 0xFFFF0000


class BFloat(ir.Type):
    """LLVM's ``bfloat``, which llvmlite has not."""

    def _to_string(self):
        return "bfloat"

    def __eq__(self, other):
        return isinstance(other, BFloat)

    def __hash__(self):
        return hash(BFloat)


def halves_ir(emit, scalar):
    return ir.VectorType(scalar, PER_WORD * emit.width)


def instruction(emit, name, result, *args):
    """Call an instruction of AVX-512 BF16."""
    signature = ir.FunctionType(result, [arg.type for arg in args])
    mangled = f"llvm.x86.avx512bf16.{name}.512"
    function = cgutils.get_or_insert_function(emit.builder.module, signature, mangled)
    return emit.builder.call(function, args)


# --- products -------------------------------------------------------------------------------------


def add_pairs(emit, a, b, total, native=None):
    """Return total + the products of two vectors of pairs."""
    builder = emit.builder
    if multiplies_pairs() if native is None else native:
        pairs = halves_ir(emit, BFloat())
        a, b = builder.bitcast(a, pairs), builder.bitcast(b, pairs)
        return instruction(emit, "dpbf16ps", emit.type, total, a, b)
    (a_low, a_high), (b_low, b_high) = widened(emit, a), widened(emit, b)
    return emit.fma(a_low, b_low, emit.fma(a_high, b_high, total))


def widened(emit, words):
    """Return the lower and the upper numbers of words as float32."""
    builder = emit.builder
    bits = builder.bitcast(words, emit.int_type)
    low = builder.shl(bits, emit.int_constant(16))
    high = builder.and_(bits, emit.int_constant(UPPER))
    return builder.bitcast(low, emit.type), builder.bitcast(high, emit.type)


# --- rounding -------------------------------------------------------------------------------------


def rounded_bits(builder, bits, constant):
    """Return the bits of float32 numbers rounded to bfloat16, in their upper halves."""
    odd = builder.and_(builder.lshr(bits, constant(16)), constant(1))
    near = builder.add(bits, builder.add(odd, constant(0x7FFF)))
    size = builder.and_(bits, constant(0x7FFFFFFF))
    nan = builder.icmp_unsigned(">", size, constant(0x7F800000))
    near = builder.select(nan, builder.or_(bits, constant(0x400000)), near)
    tiny = builder.icmp_unsigned("<", size, constant(0x800000))
    return builder.select(tiny, builder.and_(bits, constant(0x80000000)), near)


def narrowed(emit, first, second):
    """Return two vectors as one of twice as many bfloat16, as int16."""
    builder, halves = emit.builder, halves_ir(emit, HALF)
    if multiplies_pairs():
        made = instruction(emit, "cvtne2ps2bf16", halves_ir(emit, BFloat()), second, first)
        return builder.bitcast(made, halves)
    parts = []
    for vector in (first, second):
        bits = builder.bitcast(vector, emit.int_type)
        bits = rounded_bits(builder, bits, emit.int_constant)
        bits = builder.lshr(bits, emit.int_constant(16))
        parts.append(builder.trunc(bits, ir.VectorType(HALF, emit.width)))
    return builder.shuffle_vector(*parts, lane_numbers(range(PER_WORD * emit.width)))


def lane_numbers(numbers):
    numbers = list(numbers)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers)


def along(emit, first, second):
    """Return the words of neighbours: those of `first`, then those of `second`."""
    return emit.builder.bitcast(narrowed(emit, first, second), emit.type)


def across(emit, low, high):
    """Return words whose halves are the same lane of two vectors."""
    halves, width = narrowed(emit, low, high), emit.width
    order = lane_numbers(lane + part * width for lane in range(width) for part in (0, 1))
    mixed = emit.builder.shuffle_vector(halves, halves, order)
    return emit.builder.bitcast(mixed, emit.type)


@intrinsic
def store_along(typingctx, out, offset, first, second):
    """Write the pairs of neighbours in two vectors that follow each other."""

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, first.dtype)
        pointer = element_pointer(context, builder, signature.args[0], *args[:2])
        emit.store(along(emit, *args[2:]), pointer)
        return context.get_dummy_value()

    return types.void(out, types.intp, first, second), codegen


@intrinsic
def store_across(typingctx, out, offset, low, high):
    """Write the pairs that the lanes of two vectors make."""

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, low.dtype)
        pointer = element_pointer(context, builder, signature.args[0], *args[:2])
        emit.store(across(emit, *args[2:]), pointer)
        return context.get_dummy_value()

    return types.void(out, types.intp, low, high), codegen


@intrinsic
def store_half(typingctx, out, offset, vector):
    """Write the pairs of neighbours in one vector: half a vector of words."""

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, vector.dtype)
        halves = narrowed(emit, args[2], args[2])
        half = builder.shuffle_vector(halves, halves, lane_numbers(range(emit.width)))
        pointer = element_pointer(context, builder, signature.args[0], *args[:2])
        builder.store(half, builder.bitcast(pointer, half.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(out, types.intp, vector), codegen


@intrinsic
def pair(typingctx, low, high):
    """The word of two numbers."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(32)
        low, high = (rounded_bits(builder, builder.bitcast(number, word), word) for number in args)
        return builder.or_(builder.and_(high, word(UPPER)), builder.lshr(low, word(16)))

    return types.uint32(types.float32, types.float32), codegen


# --- what is counted in words ---------------------------------------------------------------------


def words_of(array, numbers):
    """Return how many elements of the array so many numbers of a sum take."""


@overload(words_of)
def _words_of(array, numbers):
    if array.dtype == types.uint32:
        return lambda array, numbers: (numbers + 1) >> 1
    return lambda array, numbers: numbers
