"""The SIMD vocabulary: vectors as values inside kernels.

Numba's vectoriser does not find the code that these kernels need, so they say it themselves. A
vector of ``lanes(dtype)`` numbers is a value of its own type: it lives in a register, takes part in
``+ - * /`` and is moved by ``load``/``store`` at an element offset of an array. Each name below
emits LLVM IR in place.

Error bounds, in units in the last place of the result (tests/kernels/test_simd.py holds them):
float32 - exp 2, sigmoid 3, tanh 4; float64 - exp 2, sigmoid 3, tanh 4.
Arguments beyond the range of exp saturate; NaN stays NaN.
"""

import math
import operator
import struct

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from nlstm.kernels.cpu.machine.jit import lanes


class Vector(types.Type):
    """Numba type of one vector register's worth of `dtype`."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.lanes = lanes(str(dtype))
        super().__init__(name=f"Vector({dtype}, {self.lanes})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, vector_ir(fe_type.dtype, fe_type.lanes))


def scalar_ir(dtype):
    # Words of 32 bits, which only move, do so as float32.
    return ir.DoubleType() if str(dtype) == "float64" else ir.FloatType()


def vector_ir(dtype, width):
    return ir.VectorType(scalar_ir(dtype), width)


# --- the emitter: vector operations on an LLVM builder --------------------------------------------


class Emitter:
    """Emits operations on vectors of `dtype`; every method takes and returns IR values."""

    def __init__(self, builder, dtype):
        self.builder = builder
        self.width = lanes(str(dtype))
        self.single = str(dtype) != "float64"
        self.scalar = scalar_ir(dtype)
        self.type = ir.VectorType(self.scalar, self.width)
        self.bytes = 4 if self.single else 8
        self.int_scalar = ir.IntType(8 * self.bytes)
        self.int_type = ir.VectorType(self.int_scalar, self.width)

    def constant(self, value):
        if self.single:  # LLVM wants a float constant that is exact in single precision
            value = struct.unpack("f", struct.pack("f", value))[0]
        return ir.Constant(self.type, [float(value)] * self.width)

    def int_constant(self, value):
        return ir.Constant(self.int_type, [int(value)] * self.width)

    def splat(self, scalar):
        builder = self.builder
        undefined = ir.Constant(self.type, ir.Undefined)
        zero = ir.Constant(ir.IntType(32), 0)
        first = builder.insert_element(undefined, scalar, zero)
        lanes_of_zero = ir.Constant(ir.VectorType(ir.IntType(32), self.width), [0] * self.width)
        return builder.shuffle_vector(first, undefined, lanes_of_zero)

    def load(self, pointer):
        return self.builder.load(self._vector_pointer(pointer), align=self.bytes)

    def store(self, vector, pointer):
        self.builder.store(vector, self._vector_pointer(pointer), align=self.bytes)

    def broadcast(self, pointer):
        return self.splat(self.builder.load(pointer))

    def _vector_pointer(self, pointer):
        return self.builder.bitcast(pointer, self.type.as_pointer())

    def call(self, name, *args, result=None):
        """Call the LLVM intrinsic `name` on vectors, declared by its mangled name."""
        result = result or args[0].type
        mangled = f"llvm.{name}.v{self.width}f{8 * self.bytes}"
        signature = ir.FunctionType(result, [arg.type for arg in args])
        function = cgutils.get_or_insert_function(self.builder.module, signature, mangled)
        return self.builder.call(function, args)

    def fma(self, a, b, c):
        return self.call("fma", a, b, c)

    def minimum(self, a, b):  # b where a is NaN, so that a bound given as a keeps NaN alive
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def maximum(self, a, b):
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def polynomial(self, x, coefficients):
        """Horner's rule, highest power first."""
        value = self.constant(coefficients[0])
        for coefficient in coefficients[1:]:
            value = self.fma(value, x, self.constant(coefficient))
        return value

    def _reduce(self, x, scale=1.0):
        """Split exp(scale x) = 2^n exp(scale r), |scale r| <= ln(2) / 2.

        Return n shifted to the exponent, and r. With a `scale` of -1 or a power of 2 rounding is as
        for exp of scale x itself, whose product is spared.

        Cody & Waite 1980: ln 2 in two parts, n rounded by adding 1.5 * 2^mantissa, whose low bits
        then are the integer n; a shift moves them to where the exponent is.
        """
        builder = self.builder
        mantissa = 23 if self.single else 52
        low, high = (-87.0, 88.0) if self.single else (-708.0, 709.0)
        low, high = sorted((low / scale, high / scale))
        # A bound as the first operand: the comparison with NaN is false and NaN goes through.
        x = self.maximum(self.constant(low), x)
        x = self.minimum(self.constant(high), x)
        magic = self.constant(1.5 * 2.0**mantissa)
        shifted = self.fma(x, self.constant(scale / math.log(2.0)), magic)
        n = builder.fsub(shifted, magic)
        ln2_high, ln2_low = LN2_PARTS[self.bytes]
        r = self.fma(n, self.constant(-ln2_high / scale), x)
        r = self.fma(n, self.constant(-ln2_low / scale), r)
        bits = builder.bitcast(shifted, self.int_type)
        return builder.shl(bits, self.int_constant(mantissa)), r

    def exp(self, x, scale=1.0):
        """exp(scale x); see `_reduce`."""
        exponent, r = self._reduce(x, scale)
        series = self.polynomial(r, scaled([*EXPM1_SERIES[self.bytes], 1.0, 1.0], scale))
        # The series lies between 0.7 and 1.5: its exponent field has room for n.
        bits = self.builder.add(self.builder.bitcast(series, self.int_type), exponent)
        return self.builder.bitcast(bits, self.type)

    def sigmoid(self, x):
        """1 / (1 + exp(-x))"""
        one = self.constant(1.0)
        return self.builder.fdiv(one, self.builder.fadd(one, self.exp(x, -1.0)))

    def tanh(self, x):
        """E / (e + 1) for e = expm1(2 x) / 2: no cancellation near zero."""
        builder = self.builder
        exponent, r = self._reduce(x, 2.0)
        one, half = self.constant(1.0), self.constant(0.5)
        bits = builder.add(builder.bitcast(one, self.int_type), exponent)
        power = builder.bitcast(bits, self.type)
        series = self.polynomial(r, [2.0 * c for c in scaled(EXPM1_SERIES[self.bytes], 2.0)])
        p = self.fma(builder.fmul(r, r), series, r)  # expm1(2 r) / 2
        e = self.fma(power, p, self.fma(power, half, builder.fneg(half)))
        return builder.fdiv(e, builder.fadd(e, one))


def scaled(coefficients, scale):
    """Return the coefficients, highest power first, of the polynomial in scale x as one in x."""
    powers = range(len(coefficients) - 1, -1, -1)
    return [c * scale**power for c, power in zip(coefficients, powers)]


# ln 2 = high + low, high with trailing zero bits so that n * high is exact.
LN2_PARTS = {
    4: (0.693359375, -2.12194440e-4),
    8: (6.93147180369123816490e-01, 1.90821492927058770002e-10),
}
# (expm1(r) - r) / r^2, highest power first: the polynomial through the Chebyshev points of
# |r| <= ln(2) / 2. The error of r times it is 0.4 of the half unit of the last place of 1.
EXPM1_SERIES = {
    4: [0.0013926213, 0.0083632031, 0.041666556, 0.16666576, 0.5],
    8: [
        2.5100424157005067e-08,
        2.7620138719733994e-07,
        2.7557268378684192e-06,
        2.480152119021773e-05,
        1.9841269863105968e-04,
        1.3888888917281794e-03,
        8.333333333330051e-03,
        4.166666666662399e-02,
        0.16666666666666669,
        0.5,
    ],
}


# --- the vocabulary: the same operations as values in Numba code ----------------------------------


def _on_vectors(method, document):
    """Make the vocabulary's word for an Emitter method of one vector."""

    @intrinsic
    def word(typingctx, a):
        def codegen(context, builder, signature, args):
            return getattr(Emitter(builder, a.dtype), method)(*args)

        return a(a), codegen

    word.__doc__ = document
    return word


exp = _on_vectors("exp", "exp(a), lane by lane.")
sigmoid = _on_vectors("sigmoid", "1 / (1 + exp(-a)), lane by lane.")
tanh = _on_vectors("tanh", "tanh(a), lane by lane.")


@intrinsic
def fma(typingctx, a, b, c):
    """A * b + c with one rounding."""

    def codegen(context, builder, signature, args):
        return Emitter(builder, a.dtype).fma(*args)

    return a(a, b, c), codegen


def element_pointer(context, builder, array_type, array, offset):
    """Return the address of element `offset`, counted from the first one of a contiguous array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [offset])


@intrinsic
def load(typingctx, array, offset):
    """The vector that starts at element `offset` of a contiguous array."""

    def codegen(context, builder, signature, args):
        pointer = element_pointer(context, builder, signature.args[0], *args)
        return Emitter(builder, array.dtype).load(pointer)

    return Vector(array.dtype)(array, types.intp), codegen


@intrinsic
def store(typingctx, array, offset, vector):
    """Write a vector to the elements of a contiguous array that start at `offset`."""

    def codegen(context, builder, signature, args):
        pointer = element_pointer(context, builder, signature.args[0], *args[:2])
        Emitter(builder, array.dtype).store(args[2], pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), codegen


@intrinsic
def stream(typingctx, array, offset, vector):
    """As `store`, but past the caches; the place must lie on a multiple of the vector's size.

    For what nobody reads soon: an ordinary store first reads the line that it overwrites.
    """

    def codegen(context, builder, signature, args):
        pointer = element_pointer(context, builder, signature.args[0], *args[:2])
        emit = Emitter(builder, array.dtype)
        one = ir.Constant(ir.IntType(32), 1)
        pointer = builder.bitcast(pointer, emit.type.as_pointer())
        instruction = builder.store(args[2], pointer, align=emit.bytes * emit.width)
        instruction.set_metadata("nontemporal", builder.module.add_metadata([one]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), codegen


@intrinsic
def prefetch(typingctx, array, offset):
    """Begin to bring the cache line of element `offset` nearer."""

    def codegen(context, builder, signature, args):
        pointer = element_pointer(context, builder, signature.args[0], *args)
        word, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        signature_ = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, signature_, "llvm.prefetch.p0")
        read, locality, data = word(0), word(3), word(1)
        builder.call(function, [builder.bitcast(pointer, byte), read, locality, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def fence(typingctx):
    """Make what `stream` wrote visible to other threads."""

    def codegen(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def is_aligned(typingctx, array):
    """Whether the array begins on a multiple of the vector's size."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        pointer = element_pointer(context, builder, array, args[0], word(0))
        emit = Emitter(builder, array.dtype)
        rest = builder.urem(builder.ptrtoint(pointer, word), word(emit.bytes * emit.width))
        return builder.icmp_unsigned("==", rest, word(0))

    return types.boolean(array), codegen


@intrinsic
def sum_lanes(typingctx, vector):
    """The sum of a vector's lanes, added in pairs."""

    def codegen(context, builder, signature, args):
        value = args[0]
        width = vector.lanes
        while width > 1:
            width //= 2
            half = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(value, value, ir.Constant(half, list(range(width))))
            high = builder.shuffle_vector(
                value, value, ir.Constant(half, list(range(width, 2 * width)))
            )
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.IntType(32)(0))

    return vector.dtype(vector), codegen


@intrinsic
def splat(typingctx, array, value):
    """A vector of the array's dtype with every lane equal to `value`."""

    def codegen(context, builder, signature, args):
        scalar = context.cast(builder, args[1], signature.args[1], array.dtype)
        return Emitter(builder, array.dtype).splat(scalar)

    return Vector(array.dtype)(array, value), codegen


def _binary(operation, method):
    @intrinsic
    def emit(typingctx, a, b):
        def codegen(context, builder, signature, args):
            return getattr(builder, method)(*args)

        return a(a, b), codegen

    @overload(operation)
    def on_vectors(a, b):
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: emit(a, b)
        return None


for _operation, _method in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _binary(_operation, _method)
