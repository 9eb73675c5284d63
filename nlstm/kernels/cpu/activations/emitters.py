"""Activations on vectors, each with its derivative.

An activation is named to a kernel by a marker: an empty named tuple whose type is known when the
kernel is compiled, so that the choice costs nothing when it runs.

A forward pass saves one number for the backward pass: the result where the derivative can be
written by it (tanh: 1 - y^2), else the input (`keeps_input`). `saved` picks it, `restored` gives
the result again, `derivative` takes it.
"""

import math
from collections import namedtuple
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nlstm.kernels.cpu.machine import special
from nlstm.kernels.cpu.machine.simd import Emitter, element_pointer

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
LEAKY_SLOPE = 0.2  # Keras's default

# --- formulas: (emitter, x) -> y, and (emitter, what was saved) -> dy / dx ------------------------
# Comparisons are written so that NaN goes through.


def _select(emit, comparison, x, bound, yes, no):
    condition = emit.builder.fcmp_ordered(comparison, x, emit.constant(bound))
    return emit.builder.select(condition, yes, no)


def _clip(emit, x, low, high):
    return emit.minimum(emit.constant(high), emit.maximum(emit.constant(low), x))


def _inside(emit, y, low, high, slope):
    """Return `slope` where low < y < high, else 0."""
    zero = emit.constant(0.0)
    below = _select(emit, "<", y, high, emit.constant(slope), zero)
    return _select(emit, ">", y, low, below, zero)


def linear(emit, x):
    return x


def linear_derivative(emit, y):
    return emit.constant(1.0)


def relu(emit, x):
    zero = emit.constant(0.0)
    # NaN is not below zero, so it goes through.
    return emit.builder.select(emit.builder.fcmp_ordered("<", x, zero), zero, x)


def relu_derivative(emit, y):
    zero, one = emit.constant(0.0), emit.constant(1.0)
    return emit.builder.select(emit.builder.fcmp_ordered("<=", y, zero), zero, one)


def tanh(emit, x):
    return emit.tanh(x)


def tanh_derivative(emit, y):
    return emit.fma(emit.builder.fneg(y), y, emit.constant(1.0))


def sigmoid(emit, x):
    return emit.sigmoid(x)


def sigmoid_derivative(emit, y):
    return emit.fma(emit.builder.fneg(y), y, y)


def hard_sigmoid(emit, x):
    shifted = emit.fma(x, emit.constant(1.0 / 6.0), emit.constant(0.5))
    return _clip(emit, shifted, 0.0, 1.0)


def hard_sigmoid_derivative(emit, y):
    return _inside(emit, y, 0.0, 1.0, 1.0 / 6.0)


def hard_sigmoid_keras2(emit, x):
    shifted = emit.fma(x, emit.constant(0.2), emit.constant(0.5))
    return _clip(emit, shifted, 0.0, 1.0)


def hard_sigmoid_keras2_derivative(emit, y):
    return _inside(emit, y, 0.0, 1.0, 0.2)


def hard_tanh(emit, x):
    return _clip(emit, x, -1.0, 1.0)


def hard_tanh_derivative(emit, y):
    return _inside(emit, y, -1.0, 1.0, 1.0)


def relu6(emit, x):
    return _clip(emit, x, 0.0, 6.0)


def relu6_derivative(emit, y):
    return _inside(emit, y, 0.0, 6.0, 1.0)


def leaky_relu(emit, x):
    return _select(emit, "<", x, 0.0, emit.builder.fmul(x, emit.constant(LEAKY_SLOPE)), x)


def leaky_relu_derivative(emit, y):
    return _select(emit, "<", y, 0.0, emit.constant(LEAKY_SLOPE), emit.constant(1.0))


def elu(emit, x):
    return _select(emit, ">", x, 0.0, x, special.expm1(emit, x))


def elu_derivative(emit, y):
    one = emit.constant(1.0)
    return _select(emit, ">", y, 0.0, one, emit.builder.fadd(y, one))


def selu(emit, x):
    below = emit.builder.fmul(special.expm1(emit, x), emit.constant(SELU_SCALE * SELU_ALPHA))
    return _select(emit, ">", x, 0.0, emit.builder.fmul(x, emit.constant(SELU_SCALE)), below)


def selu_derivative(emit, y):
    below = emit.builder.fadd(y, emit.constant(SELU_SCALE * SELU_ALPHA))
    return _select(emit, ">", y, 0.0, emit.constant(SELU_SCALE), below)


def softplus_derivative(emit, y):
    """Return 1 - exp(-y)."""
    return emit.builder.fneg(special.expm1(emit, emit.builder.fneg(y)))


def log_sigmoid(emit, x):
    return emit.builder.fneg(special.softplus(emit, emit.builder.fneg(x)))


def log_sigmoid_derivative(emit, y):
    """Return 1 - exp(y)."""
    return emit.builder.fneg(special.expm1(emit, y))


def softsign(emit, x):
    size = emit.builder.fadd(special.absolute(emit, x), emit.constant(1.0))
    return emit.builder.fdiv(x, size)


def softsign_derivative(emit, y):
    rest = emit.builder.fsub(emit.constant(1.0), special.absolute(emit, y))
    return emit.builder.fmul(rest, rest)


def exponential(emit, x):
    return emit.exp(x)


def exponential_derivative(emit, y):
    return y


def silu(emit, x):
    return emit.builder.fmul(x, emit.sigmoid(x))


def silu_derivative(emit, x):
    s = emit.sigmoid(x)
    return emit.fma(emit.builder.fmul(x, s), emit.builder.fsub(emit.constant(1.0), s), s)


def hard_silu(emit, x):
    return emit.builder.fmul(x, hard_sigmoid(emit, x))


def hard_silu_derivative(emit, x):
    inside = emit.fma(x, emit.constant(1.0 / 3.0), emit.constant(0.5))
    below = _select(emit, "<=", x, -3.0, emit.constant(0.0), inside)
    return _select(emit, ">=", x, 3.0, emit.constant(1.0), below)


def gelu(emit, x):
    return emit.builder.fmul(x, special.normal_probability(emit, x))


def gelu_derivative(emit, x):
    square = emit.builder.fmul(emit.builder.fmul(x, x), emit.constant(-0.5))
    density = emit.builder.fmul(emit.exp(square), emit.constant(1.0 / math.sqrt(2.0 * math.pi)))
    return emit.fma(x, density, special.normal_probability(emit, x))


def _gelu_tanh_parts(emit, x):
    """Return 2 a for a = sqrt(2 / pi) (x + 0.044715 x^3), and 2 da / dx."""
    scale = 2.0 * math.sqrt(2.0 / math.pi)
    square = emit.builder.fmul(x, x)
    inner = emit.fma(square, emit.constant(0.044715 * scale), emit.constant(scale))
    slope = emit.fma(square, emit.constant(3.0 * 0.044715 * scale), emit.constant(scale))
    return emit.builder.fmul(x, inner), slope


def gelu_tanh(emit, x):
    return emit.builder.fmul(x, emit.sigmoid(_gelu_tanh_parts(emit, x)[0]))


def gelu_tanh_derivative(emit, x):
    """Return s + x s (1 - s) 2 da / dx, where 1 - s = exp(-2 a) s does not cancel."""
    builder, one = emit.builder, emit.constant(1.0)
    double, slope = _gelu_tanh_parts(emit, x)
    n = emit.exp(builder.fneg(double))
    s = builder.fdiv(one, builder.fadd(one, n))
    rest = builder.fmul(s, builder.fmul(n, s))
    return emit.fma(builder.fmul(x, slope), rest, s)


def _tanh_of_softplus(emit, x):
    """Return ((1 + e)^2 - 1) / ((1 + e)^2 + 1), e = exp(x), by n = exp(-abs(x)) <= 1."""
    builder, two = emit.builder, emit.constant(2.0)
    n = emit.exp(builder.fneg(special.absolute(emit, x)))
    above = emit.fma(n, two, emit.constant(1.0))  # x >= 0: numerator times n^2
    below = builder.fmul(n, builder.fadd(n, two))
    positive = builder.fcmp_ordered(">=", x, emit.constant(0.0))
    numerator = builder.select(positive, above, below)
    rest = builder.select(positive, builder.fmul(builder.fmul(n, n), two), two)
    # x reaches the result through n alone, which keeps NaN.
    return builder.fdiv(numerator, builder.fadd(numerator, rest))


def mish(emit, x):
    return emit.builder.fmul(x, _tanh_of_softplus(emit, x))


def mish_derivative(emit, x):
    w = _tanh_of_softplus(emit, x)
    slope = emit.builder.fmul(tanh_derivative(emit, w), emit.sigmoid(x))
    return emit.fma(x, slope, w)


# --- one row an activation ------------------------------------------------------------------------


class Row(NamedTuple):
    """What is known of an activation.

    value, slope : formulas; None for softmax, which is of whole rows and has its own.
    keeps_input : whether the derivative needs the input, for there is no inverse.
    zero_at_zero : whether lanes past the last unit stay zero by themselves.
    """

    name: str
    value: Any = None
    slope: Any = None
    keeps_input: bool = False
    zero_at_zero: bool = True


TABLE = (
    Row("linear", linear, linear_derivative),
    Row("relu", relu, relu_derivative),
    Row("tanh", tanh, tanh_derivative),
    Row("sigmoid", sigmoid, sigmoid_derivative, zero_at_zero=False),
    Row("softmax"),
    Row("hard_sigmoid", hard_sigmoid, hard_sigmoid_derivative, zero_at_zero=False),
    Row(
        "hard_sigmoid_keras2",
        hard_sigmoid_keras2,
        hard_sigmoid_keras2_derivative,
        zero_at_zero=False,
    ),
    Row("hard_tanh", hard_tanh, hard_tanh_derivative),
    Row("relu6", relu6, relu6_derivative),
    Row("leaky_relu", leaky_relu, leaky_relu_derivative),
    Row("elu", elu, elu_derivative),
    Row("selu", selu, selu_derivative),
    Row("softplus", special.softplus, softplus_derivative, zero_at_zero=False),
    Row("log_sigmoid", log_sigmoid, log_sigmoid_derivative, zero_at_zero=False),
    Row("softsign", softsign, softsign_derivative),
    Row("exponential", exponential, exponential_derivative, zero_at_zero=False),
    Row("silu", silu, silu_derivative, keeps_input=True),
    Row("hard_silu", hard_silu, hard_silu_derivative, keeps_input=True),
    Row("gelu", gelu, gelu_derivative, keeps_input=True),
    Row("gelu_tanh", gelu_tanh, gelu_tanh_derivative, keeps_input=True),
    Row("mish", mish, mish_derivative, keeps_input=True),
)


def _marker(name):
    """Return the marker of an activation; compiled code finds its class here by its name."""
    kind = namedtuple(name.title().replace("_", ""), [], module=__name__)
    globals()[kind.__name__] = kind
    return kind()


MARKERS = {row.name: _marker(row.name) for row in TABLE}
ROWS = {type(MARKERS[row.name]): row for row in TABLE}
CODES = {row.name: code for code, row in enumerate(TABLE)}  # for a choice made at run time
INPUT_NAMES = frozenset(row.name for row in TABLE if row.keeps_input)
Softmax = type(MARKERS["softmax"])


# --- the words of kernels -------------------------------------------------------------------------


@intrinsic
def activate(typingctx, activation, vector):
    """The activation of a vector."""

    def codegen(context, builder, signature, args):
        formula = ROWS[activation.instance_class].value
        return formula(Emitter(builder, vector.dtype), args[1])

    return vector(activation, vector), codegen


@intrinsic
def derivative(typingctx, activation, vector):
    """The derivative, from what `saved` picked."""

    def codegen(context, builder, signature, args):
        formula = ROWS[activation.instance_class].slope
        return formula(Emitter(builder, vector.dtype), args[1])

    return vector(activation, vector), codegen


@intrinsic
def saved(typingctx, activation, x, y):
    """What the backward pass needs of x and y = activate(x)."""

    def codegen(context, builder, signature, args):
        return args[1] if ROWS[activation.instance_class].keeps_input else args[2]

    return x(activation, x, y), codegen


@intrinsic
def restored(typingctx, activation, kept):
    """activate(x), from what `saved` picked."""

    def codegen(context, builder, signature, args):
        row = ROWS[activation.instance_class]
        return row.value(Emitter(builder, kept.dtype), args[1]) if row.keeps_input else args[1]

    return kept(activation, kept), codegen


def _clear_past(builder, vector, value, number):
    emit = Emitter(builder, vector.dtype)
    word = ir.IntType(64)
    index = ir.Constant(ir.VectorType(word, emit.width), list(range(emit.width)))
    first = builder.insert_element(ir.Constant(index.type, ir.Undefined), number, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), emit.width), [0] * emit.width)
    limit = builder.shuffle_vector(first, first, zeros)
    return builder.select(builder.icmp_signed("<", index, limit), value, emit.constant(0.0))


@intrinsic
def first_lanes(typingctx, vector, count):
    """The vector with zeros from lane `count` on."""

    def codegen(context, builder, signature, args):
        return _clear_past(builder, vector, *args)

    return vector(vector, types.int64), codegen


@intrinsic
def only_units(typingctx, activation, vector, count):
    """The vector with zeros from lane `count` on, where the activation of zero is not zero."""

    def codegen(context, builder, signature, args):
        if ROWS[activation.instance_class].zero_at_zero:
            return args[1]
        return _clear_past(builder, vector, *args[1:])

    return vector(activation, vector, types.int64), codegen


# --- a choice that is made at run time ------------------------------------------------------------


@intrinsic
def activate_in_place(typingctx, code, array, offset):
    """Apply the activation of a number in CODES to one vector of an array; softmax leaves it."""

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, array.dtype)
        number = args[0]
        pointer = element_pointer(context, builder, signature.args[1], *args[1:])
        x = emit.load(pointer)
        end = builder.append_basic_block("activated")
        switch = builder.switch(number, end)
        for row in TABLE:
            if row.name in ("linear", "softmax"):
                continue
            block = builder.append_basic_block(row.name)
            switch.add_case(ir.Constant(number.type, CODES[row.name]), block)
            builder.position_at_end(block)
            emit.store(row.value(emit, x), pointer)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(types.int64, array, types.int64), codegen
