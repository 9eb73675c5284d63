"""Zoneout's draws, those of the CPU to the bit: see its page of the same name."""

import numpy as np

from nlstm.kernels.cuda.launch import device_function
from nlstm.kernels.cuda.random import KEPT, ONE, WORD, key_of, mix

__all__ = ["draw", "halves", "row_key", "thresholds"]

GAMMA = WORD(0x9E3779B97F4A7C15)
HALF, LOW = WORD(32), WORD(0xFFFFFFFF)
SHORT, SHORT_LOW = WORD(16), WORD(0xFFFF)


@device_function
def row_key(seed, step, stream, row):
    """Return the key of one row at one time step."""
    key = key_of(seed, step, stream)
    return mix((key + (WORD(row) + ONE) * GAMMA) & KEPT)


def draw(dtype):
    """Return a device function of (key, unit): random bits, half of them for c and half for h."""
    return _draw_32 if np.dtype(dtype) == np.float32 else _draw_64


@device_function
def _draw_64(key, unit):
    return mix((((WORD(unit) + ONE) * GAMMA) + key) & KEPT)


@device_function
def _draw_32(key, unit):
    """Mix 32 bits, with the key's halves put in at two places; in words of 64 bits."""
    x = ((WORD(unit) + ONE) * WORD(0x9E3779B9)) & LOW
    x = (x + (key & LOW)) & LOW
    x = x ^ (x >> WORD(16))
    x = (x * WORD(0x7FEB352D)) & LOW
    x = x ^ (x >> WORD(15))
    x = ((x + (key >> HALF)) * WORD(0x846CA68B)) & LOW
    return x ^ (x >> WORD(16))


def thresholds(dtype, c_rate, h_rate):
    """Return what a half of the bits is compared with, for c and h."""
    size = 65536.0 if np.dtype(dtype) == np.float32 else 4294967296.0
    return WORD(c_rate * size), WORD(h_rate * size)


def halves(dtype):
    """Return device functions that give the lower half of bits, for c, and the upper, for h."""
    bits, low = (SHORT, SHORT_LOW) if np.dtype(dtype) == np.float32 else (HALF, LOW)
    return device_function(lambda x: x & low), device_function(lambda x: x >> bits)
