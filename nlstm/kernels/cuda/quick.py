"""tanh and sigmoid of float32 in few instructions, right to a few units in the last place.

For recurrences, where a step waits for them. The device's instructions are right for what is
large or small, so that no number needs a way of its own, but that tanh of small ones is a
polynomial.
"""

import math

import numpy as np

from nlstm.kernels.cuda.launch import SIMULATED, device_function, quick_exponential_and_ratio

if SIMULATED:

    def exp2(z):
        """Return 2 ** z."""
        return np.exp2(z)
else:
    from llvmlite import ir
    from numba.cuda import types
    from numba.cuda.extending import intrinsic

    @intrinsic
    def exp2(typingctx, z):
        """Return 2 ** z, by the instruction."""
        name = "llvm.nvvm.ex2.approx.ftz.f"

        def build(context, builder, signature, arguments):
            kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
            function = builder.module.globals.get(name)
            return builder.call(function or ir.Function(builder.module, kind, name), arguments)

        return (types.float32(types.float32), build) if z == types.float32 else None


def tanh_or_sigmoid():
    """Return a device function of (z, is_tanh): lanes that differ in it go the same way."""
    real = np.float32
    _, ratio = quick_exponential_and_ratio(real)
    zero, one, two, middle = real(0), real(1), real(2), real(0.55)
    for_tanh, for_sigmoid = real(-2 / math.log(2)), real(-1 / math.log(2))
    p_3, p_5, p_7, p_9 = real(-0.33332768), real(0.13315298), real(-0.052303962), real(0.015739683)

    def function(z, is_tanh):
        rate = for_tanh if is_tanh else for_sigmoid
        gain, shift = (two if is_tanh else one), (one if is_tanh else zero)
        limit = middle if is_tanh else -one
        square = z * z
        small = (((p_9 * square + p_7) * square + p_5) * square + p_3) * square * z + z
        large = gain * ratio(one, one + exp2(rate * z)) - shift
        return small if abs(z) < limit else large

    return device_function(function)
