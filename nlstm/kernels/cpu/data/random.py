"""Counter-based random numbers: the same mask at any number of threads and in any order.

An element's number is ``mix(key + (element + 1) * gamma)``, the SplitMix64 sequence of a key that
is itself mixed from (seed, step, stream). So no state is carried from element to element: a loop
vectorises, a backward pass draws the mask again instead of keeping it, and a run that is resumed at
a step goes on with its numbers, and a process that has some rows of a batch draws theirs.

References
----------
Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA.
"""

import math

import numpy as np

from nlstm.kernels.cpu.machine.jit import njit

__all__ = ["advance", "dropout_apply", "dropout_mask", "noise_apply"]

GAMMA = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
ONE = np.uint64(1)
HALF_WORD = np.uint64(32)
LOW_WORD = np.uint64(0xFFFFFFFF)


@njit(inline="always")
def _mix(z):
    """Return the 64 well mixed bits of the counter `z`."""
    z = (z ^ (z >> SHIFTS[0])) * FIRST_FACTOR
    z = (z ^ (z >> SHIFTS[1])) * SECOND_FACTOR
    return z ^ (z >> SHIFTS[2])


@njit(inline="always")
def _key(seed, step, stream):
    """Return the key of one mask: words mixed one after the other, so that none may cancel."""
    key = _mix(np.uint64(seed) + GAMMA)
    key = _mix((key ^ np.uint64(step)) + GAMMA)
    return _mix((key ^ np.uint64(stream)) + GAMMA)


@njit(inline="always")
def _drop_below(rate):
    """Return the threshold under which the upper half of an element's bits means "drop"."""
    return np.uint64(rate * 4294967296.0)


@njit(inline="always")
def _placed(step, r):
    """Return which row of the whole batch is row r here, where this process has a part of it.

    step : shape (1,), or (4,): the counter; the first row here and how many, and those of the whole
        batch, 0 where it is all here. Rows lie in runs of one for each row of the batch.
    """
    if step.size == 1 or step[3] == 0:
        return r
    return r // step[2] * step[3] + step[1] + r % step[2]


@njit
def advance(step):
    """Count one training step: ``step[0] += 1``, shape (1,), int64."""
    step[0] += 1


@njit
def dropout_mask(seed, step, stream, rate, features, out):
    """Fill a dropout mask: 0 with probability `rate`, else ``1 / (1 - rate)``.

    Parameters
    ----------
    seed, stream : int. With ``step[0]`` they choose the mask.
    step : ndarray(int64), shape (1,), or (4,): see `_placed`.
    rate : float, 0 <= rate < 1.
    features : int. Columns of `out` that carry features; the padding behind them becomes 0.
    out : ndarray, shape (R, S), C-contiguous. Overwritten (=).
    """
    key = _key(seed, step[0], stream)
    threshold = _drop_below(rate)
    scale = out.dtype.type(1.0 / (1.0 - rate))
    zero = out.dtype.type(0.0)
    for r in range(out.shape[0]):
        first = np.uint64(_placed(step, r)) * np.uint64(features) + ONE
        for f in range(features):
            bits = _mix(key + (first + np.uint64(f)) * GAMMA)
            out[r, f] = zero if (bits >> HALF_WORD) < threshold else scale
        for f in range(features, out.shape[1]):
            out[r, f] = zero


@njit
def dropout_apply(seed, step, stream, rate, features, x, out):
    """Write ``x * mask`` for the mask of `dropout_mask`: dropout forward, and backward too.

    Parameters
    ----------
    x : ndarray, shape (R, >= features), C-contiguous.
    out : ndarray, shape (R, S). Overwritten (=), padding with 0. May be `x` itself.
    """
    key = _key(seed, step[0], stream)
    threshold = _drop_below(rate)
    scale = out.dtype.type(1.0 / (1.0 - rate))
    zero = out.dtype.type(0.0)
    for r in range(out.shape[0]):
        first = np.uint64(_placed(step, r)) * np.uint64(features) + ONE
        for f in range(features):
            bits = _mix(key + (first + np.uint64(f)) * GAMMA)
            out[r, f] = x[r, f] * (zero if (bits >> HALF_WORD) < threshold else scale)
        for f in range(features, out.shape[1]):
            out[r, f] = zero


@njit
def noise_apply(seed, step, stream, stddev, features, x, out):
    """Write x plus normal noise.

    Parameters
    ----------
    seed, step, stream : as in `dropout_mask`.
    stddev : float. The noise's standard deviation; its mean is 0.
    x : ndarray, shape (R, >= features), C-contiguous.
    out : ndarray, shape (R, S). Overwritten (=), padding with 0. May be `x` itself.

    References
    ----------
    Box & Muller 1958: an element's upper 32 bits give the radius, its lower ones the angle.
    """
    key = _key(seed, step[0], stream)
    for r in range(out.shape[0]):
        first = np.uint64(_placed(step, r)) * np.uint64(features) + ONE
        for f in range(features):
            bits = _mix(key + (first + np.uint64(f)) * GAMMA)
            share = (float(bits >> HALF_WORD) + 0.5) / 4294967296.0
            turn = float(bits & LOW_WORD) / 4294967296.0
            normal = math.sqrt(-2.0 * math.log(share)) * math.cos(2.0 * math.pi * turn)
            out[r, f] = x[r, f] + out.dtype.type(stddev * normal)
        for f in range(features, out.shape[1]):
            out[r, f] = 0
