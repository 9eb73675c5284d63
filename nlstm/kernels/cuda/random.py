"""Counter-based random numbers, those of the CPU to the bit: see its page of the same name."""

import math

import numpy as np

from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import SIMULATED, device_function

__all__ = ["advance", "dropout_apply", "dropout_mask", "noise_apply"]

if SIMULATED:  # Python's integers there, as NumPy's warn where they wrap
    WORD = int
    KEPT = 0xFFFFFFFFFFFFFFFF
else:
    WORD = np.uint64
    KEPT = np.uint64(0xFFFFFFFFFFFFFFFF)
GAMMA = WORD(0x9E3779B97F4A7C15)
FIRST_FACTOR = WORD(0xBF58476D1CE4E5B9)
SECOND_FACTOR = WORD(0x94D049BB133111EB)
SHIFTS = WORD(30), WORD(27), WORD(31)
ONE, HALF_WORD, LOW_WORD = WORD(1), WORD(32), WORD(0xFFFFFFFF)


@device_function
def mix(z):
    """Return the 64 well mixed bits of the counter `z`."""
    z = ((z ^ (z >> SHIFTS[0])) * FIRST_FACTOR) & KEPT
    z = ((z ^ (z >> SHIFTS[1])) * SECOND_FACTOR) & KEPT
    return z ^ (z >> SHIFTS[2])


@device_function
def key_of(seed, step, stream):
    """Return the key of one mask."""
    key = mix((WORD(seed) + GAMMA) & KEPT)
    key = mix(((key ^ WORD(step)) + GAMMA) & KEPT)
    return mix(((key ^ WORD(stream)) + GAMMA) & KEPT)


@device_function
def bits_of(key, place):
    """Return the bits of an element."""
    return mix((key + (WORD(place) + ONE) * GAMMA) & KEPT)


@each
def _advance(at, step):
    step[0] += 1


def advance(step):
    """Count one training step."""
    _advance(1, step)


@each
def _mask(at, seed, step, stream, threshold, scale, out):
    bits = bits_of(key_of(seed, step[0], stream), at)
    out[at] = scale if (bits >> HALF_WORD) >= WORD(threshold) else scale - scale


@each
def _apply(at, seed, step, stream, threshold, scale, x, out):
    bits = bits_of(key_of(seed, step[0], stream), at)
    out[at] = x[at] * (scale if (bits >> HALF_WORD) >= WORD(threshold) else scale - scale)


@each
def _noise(at, seed, step, stream, stddev, x, out):
    bits = bits_of(key_of(seed, step[0], stream), at)
    share = (float(bits >> HALF_WORD) + 0.5) / 4294967296.0
    turn = float(bits & LOW_WORD) / 4294967296.0
    normal = math.sqrt(-2.0 * math.log(share)) * math.cos(2.0 * math.pi * turn)
    out[at] = x[at] + stddev * normal


def _drawn(seed, step, stream, rate, dtype):
    """Return what kernels take: seeds, the threshold, what elements that stay are scaled by."""
    scale = dtype.type(1.0 / (1.0 - rate))
    return WORD(seed), step, WORD(stream), WORD(rate * 4294967296.0), scale


def dropout_mask(seed, step, stream, rate, features, out):
    """Fill a dropout mask: 0 with probability `rate`, else 1 / (1 - rate)."""
    _mask(out.size, *_drawn(seed, step, stream, rate, out.dtype), out.reshape(-1))


def dropout_apply(seed, step, stream, rate, features, x, out):
    """Write x * mask: dropout forward, and backward too."""
    drawn = _drawn(seed, step, stream, rate, out.dtype)
    _apply(out.size, *drawn, x.reshape(-1), out.reshape(-1))


def noise_apply(seed, step, stream, stddev, features, x, out):
    """Write x plus normal noise."""
    given = WORD(seed), step, WORD(stream), float(stddev)
    _noise(out.size, *given, x.reshape(-1), out.reshape(-1))
