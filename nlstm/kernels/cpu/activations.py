"""Activations on vectors, each with its derivative written by its result.

An activation is named to a kernel by a marker: an empty named tuple whose type is known when the
kernel is compiled, so that the choice costs nothing when it runs.
"""

from collections import namedtuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nlstm.kernels.cpu.simd import Emitter

Linear = namedtuple("Linear", [])
Relu = namedtuple("Relu", [])
Tanh = namedtuple("Tanh", [])
Sigmoid = namedtuple("Sigmoid", [])

Softmax = namedtuple("Softmax", [])  # of whole rows: dense only

MARKERS = {
    "linear": Linear(),
    "relu": Relu(),
    "tanh": Tanh(),
    "sigmoid": Sigmoid(),
    "softmax": Softmax(),
}


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


FORMULAS = {
    Linear: (linear, linear_derivative),
    Relu: (relu, relu_derivative),
    Tanh: (tanh, tanh_derivative),
    Sigmoid: (sigmoid, sigmoid_derivative),
}


def _formula(which):
    @intrinsic
    def word(typingctx, activation, vector):
        def codegen(context, builder, signature, args):
            formula = FORMULAS[activation.instance_class][which]
            return formula(Emitter(builder, vector.dtype), args[1])

        return vector(activation, vector), codegen

    return word


activate = _formula(0)  # activate(marker, x): the activation of a vector
derivative = _formula(1)  # derivative(marker, y): its derivative, from y = activate(marker, x)

CODES = {name: code for code, name in enumerate(MARKERS)}  # for a choice that is made at run time


@intrinsic
def activate_by_code(typingctx, code, vector):
    """The activation of a vector by its number in CODES; softmax, of whole rows, leaves it."""

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, vector.dtype)
        number, x = args
        end = builder.append_basic_block("activated")
        start = builder.block
        switch = builder.switch(number, end)
        results = [(x, start)]
        for name, marker in MARKERS.items():
            if type(marker) not in FORMULAS or name == "linear":
                continue
            block = builder.append_basic_block(name)
            switch.add_case(ir.Constant(number.type, CODES[name]), block)
            builder.position_at_end(block)
            results.append((FORMULAS[type(marker)][0](emit, x), builder.block))
            builder.branch(end)
        builder.position_at_end(end)
        phi = builder.phi(x.type)
        for value, block in results:
            phi.add_incoming(value, block)
        return phi

    return vector(types.int64, vector), codegen
