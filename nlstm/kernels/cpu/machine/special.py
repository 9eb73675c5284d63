"""Special functions on vectors, for the activations that need more than exp.

Each takes an `Emitter` and returns an IR value; errors are a few units in the last place.
"""

import math

from nlstm.kernels.cpu.machine.simd import EXPM1_SERIES


def expm1(emit, x):
    """Return exp(x) - 1 without cancellation near zero."""
    builder, one = emit.builder, emit.constant(1.0)
    exponent, r = emit._reduce(x)
    power = builder.bitcast(builder.add(builder.bitcast(one, emit.int_type), exponent), emit.type)
    series = emit.polynomial(r, EXPM1_SERIES[emit.bytes])
    p = emit.fma(builder.fmul(r, r), series, r)
    return emit.fma(power, p, builder.fsub(power, one))


def absolute(emit, x):
    """Return abs(x)."""
    return emit.call("fabs", x)


def log1p_of_share(emit, u):
    """Return log(1 + u) for 0 <= u <= 1, as 2 artanh(s) with s = u / (2 + u) <= 1 / 3."""
    builder = emit.builder
    s = builder.fdiv(u, builder.fadd(u, emit.constant(2.0)))
    square = builder.fmul(s, s)
    terms = 9 if emit.single else 18
    series = emit.polynomial(square, [2.0 / (2 * k + 1) for k in range(terms, 0, -1)])
    twice = builder.fadd(s, s)
    return emit.fma(builder.fmul(square, s), series, twice)


def softplus(emit, x):
    """Return log(1 + exp(x)) = max(x, 0) + log(1 + exp(-abs(x)))."""
    builder = emit.builder
    tail = log1p_of_share(emit, emit.exp(builder.fneg(absolute(emit, x))))
    return builder.fadd(emit.maximum(emit.constant(0.0), x), tail)


def normal_probability(emit, x):
    """Return the distribution function of the standard normal, accurate in its lower tail too.

    Half of erfc(z) = t exp(-z^2) Q(2 t - 1), z = abs(x) / sqrt(2), t = 2 / (2 + z), with Q an
    expansion in Chebyshev polynomials (Schonfelder 1978), written in powers.
    """
    builder = emit.builder
    one, half = emit.constant(1.0), emit.constant(0.5)
    z = builder.fmul(absolute(emit, x), emit.constant(math.sqrt(0.5)))
    t = builder.fdiv(emit.constant(2.0), builder.fadd(z, emit.constant(2.0)))
    q = emit.polynomial(emit.fma(t, emit.constant(2.0), emit.constant(-1.0)), ERFC[emit.bytes])
    # exp of -x^2 / 2 with the rounding error of x^2 put back: it would be multiplied by z^2.
    exponent = builder.fmul(builder.fmul(x, x), emit.constant(-0.5))
    error = emit.fma(builder.fmul(x, emit.constant(-0.5)), x, builder.fneg(exponent))
    power = emit.exp(exponent)
    power = emit.fma(power, error, power)
    tail = builder.fmul(builder.fmul(half, t), builder.fmul(power, q))
    below = builder.fcmp_ordered("<", x, emit.constant(0.0))
    return builder.select(below, tail, builder.fsub(one, tail))


# Q in powers of 2 t - 1, highest first; relative errors 1.6e-8 and 1.3e-16.
ERFC = {
    4: [
        -1.3273955e-6, 4.2161197196e-5, -3.295153927e-5, -2.9938271207e-4, 4.2702015076e-4,
        1.529157160764e-3, -3.241854895368e-3, -1.0751626186585e-2, 1.8221384245757e-2,
        1.39735733521929e-1, 3.4358033297009630e-1, 5.1079135691592521e-1,
    ],
    8: [
        -1.0590333143571798631e-9, -1.9111737286078939413e-9, 1.3216325517632648636e-8,
        6.5204346144015395798e-9, -6.9658429434091383088e-8, 3.6000845292079934437e-8,
        1.7867229479168534543e-7, -3.2624609352966720074e-7, -1.3754508233185945131e-8,
        1.0305699215291105379e-6, -1.8150355080541665643e-6, -5.7764236115114267533e-7,
        8.0578758671473404027e-6, -0.00001084298532996441017, -0.000017073781133818914395,
        0.000072234188295048068032, -0.000017185831874889751496, -0.00033153657669014612407,
        0.00041864804327911113001, 0.0015453060141013286867, -0.0032395925345820674644,
        -0.010755330944036531378, 0.018221115753459039907, 0.13973604627801475144,
        0.3435803422069051367, 0.51079135262101152502,
    ],
}  # fmt: skip
