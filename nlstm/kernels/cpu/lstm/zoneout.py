"""Zoneout: elements of the state that keep their value from the step before, at random.

In training each element of c and of h is drawn anew at each step; outside training the new state
is the mean of what would be drawn. A draw is a function of (seed, training step, stream, time step,
row, unit), so the backward pass draws it again. One random number of the width of a lane is for
both: its lower half for c, its upper half for h. In float32 a rate is thus rounded down to a
multiple of 1 / 65536.

Reference: Krueger et al. 2017, "Zoneout: Regularizing RNNs by randomly preserving hidden
activations", ICLR. h is computed from the state before its own zoneout.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nlstm.kernels.cpu.data.random import GAMMA, ONE, _key, _mix
from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import Emitter, Vector, fma, splat


class Zones(NamedTuple):
    """The key of this training step's draws, and the rates of c and h.

    Then the time step that t = 0 is; the first row here and the rows of the whole batch, where
    others have the rest, else 0.
    """

    key: Any
    c_rate: Any
    h_rate: Any
    begin: Any
    first: Any
    whole: Any


@njit_inner
def zones_of(zoneout):
    """Return the `Zones` of a `Zoneout`; None for None."""
    if zoneout is None:
        return None
    seed, step, stream, c_rate, h_rate, begin = zoneout  # step: see `dropout_mask`
    first, whole = (step[1], step[3]) if step.size > 1 else (0, 0)
    return Zones(_key(seed, step[0], stream), c_rate, h_rate, begin, first, whole)


@njit_inner
def placed(zones, t, n, N):
    """Return which row of the whole batch's time steps is row n of N at time step t from here."""
    return (zones.begin + t) * max(N, zones.whole) + zones.first + n


@njit_inner
def row_key(key, row):
    """Return the key of one row at one time step."""
    return _mix(key + (np.uint64(row) + ONE) * GAMMA)


@njit_inner
def mean_of_draws(array, rate, old, new):
    """Return rate * old + (1 - rate) * new."""
    return fma(splat(array, rate), old - new, new)


@intrinsic
def draw(typingctx, array, key, unit):
    """Random bits for `zone`, one number of the array's dtype a lane; lane 0 is `unit`."""

    def codegen(context, builder, signature, args):
        emit = Emitter(builder, array.dtype)
        mix = _draw_32 if emit.single else _draw_64
        return builder.bitcast(mix(emit, *args[1:]), emit.type)

    return Vector(array.dtype)(array, types.uint64, types.int64), codegen


def _zone(name, halve):
    @intrinsic
    def zone(typingctx, bits, rate, old, new):
        def codegen(context, builder, signature, args):
            bits, rate, old, new = args
            emit = Emitter(builder, signature.args[0].dtype)
            share = halve(emit, builder.bitcast(bits, emit.int_type))
            scaled = builder.fmul(rate, ir.Constant(rate.type, 2.0 ** (4 * emit.bytes)))
            threshold = builder.fptoui(scaled, emit.int_scalar)
            below = builder.icmp_unsigned("<", share, _splat(emit, threshold))
            return builder.select(below, old, new)

        return old(bits, types.float64, old, new), codegen

    zone.__doc__ = f"The vector that takes `old` with probability `rate`, else `new`: for {name}."
    return zone


def _lower_half(emit, bits):
    return emit.builder.and_(bits, emit.int_constant(2 ** (4 * emit.bytes) - 1))


def _upper_half(emit, bits):
    return emit.builder.lshr(bits, emit.int_constant(4 * emit.bytes))


zone_c, zone_h = _zone("c", _lower_half), _zone("h", _upper_half)


def _splat(emit, number):
    return emit.builder.bitcast(
        emit.splat(emit.builder.bitcast(number, emit.scalar)), emit.int_type
    )


def _counters(emit, unit):
    """Return unit + 1, unit + 2, ..."""
    if emit.single:
        unit = emit.builder.trunc(unit, emit.int_scalar)
    lanes = ir.Constant(emit.int_type, list(range(1, emit.width + 1)))
    return emit.builder.add(_splat(emit, unit), lanes)


def _shifted(emit, x, bits):
    return emit.builder.xor(x, emit.builder.lshr(x, emit.int_constant(bits)))


def _draw_32(emit, key, unit):
    """Mix 32 bits a lane, with the key's halves put in at two places."""
    builder = emit.builder
    low = builder.trunc(key, emit.int_scalar)
    high = builder.trunc(builder.lshr(key, ir.Constant(key.type, 32)), emit.int_scalar)
    x = builder.mul(_counters(emit, unit), emit.int_constant(0x9E3779B9))
    x = _shifted(emit, builder.add(x, _splat(emit, low)), 16)
    x = _shifted(emit, builder.mul(x, emit.int_constant(0x7FEB352D)), 15)
    x = builder.mul(builder.add(x, _splat(emit, high)), emit.int_constant(0x846CA68B))
    return _shifted(emit, x, 16)


def _draw_64(emit, key, unit):
    """SplitMix64, as in `random`."""
    builder = emit.builder
    x = builder.mul(_counters(emit, unit), emit.int_constant(0x9E3779B97F4A7C15))
    x = _shifted(emit, builder.add(x, _splat(emit, key)), 30)
    x = _shifted(emit, builder.mul(x, emit.int_constant(0xBF58476D1CE4E5B9)), 27)
    return _shifted(emit, builder.mul(x, emit.int_constant(0x94D049BB133111EB)), 31)
