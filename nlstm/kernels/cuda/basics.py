"""What is done with whole arrays: fill, copy, add, scale, join, either, steps reversed."""

import numpy as np

from nlstm.kernels.cuda.arrays import DeviceArray
from nlstm.kernels.cuda.each import each

__all__ = ["add", "copy", "either", "fill", "join", "multiply_rows", "reverse_steps", "scale"]


@each
def _fill(at, out, value):
    out[at] = value


@each
def _copy(at, out, source):
    out[at] = source[at % source.shape[0]]


@each
def _add(at, a, b, out):
    out[at] = a[at] + b[at]


@each
def _scale(at, array, factor, out):
    out[at] = array[at] * factor


@each
def _join(at, a, b, out):
    out[at] = a[at % a.shape[0]] | b[at % b.shape[0]]


@each
def _either(at, out, source, mask, width):
    if mask[at // width % mask.shape[0]] != 0:
        out[at] = source[at % source.shape[0]]


@each
def _either_number(at, out, number, mask, width):
    if mask[at // width % mask.shape[0]] != 0:
        out[at] = number


@each
def _reverse_steps(at, x, out, size):
    steps = x.shape[0] // size
    out[at] = x[(steps - 1 - at // size) * size + at % size]


@each
def _multiply_rows(at, x, mask, out):
    out[at] = x[at] * mask[at % mask.shape[0]]


def flat(array):
    """Return an array as one axis."""
    return array.reshape(-1)


def fill(array, value):
    """Array = value, a number."""
    _fill(array.size, flat(array), array.dtype.type(value))


def copy(out, source):
    """Out = source, an array of its shape or one that is repeated for it, or a number."""
    if isinstance(source, DeviceArray):
        _copy(out.size, flat(out), flat(source))
    else:
        fill(out, source)


def add(a, b, out):
    """Out = a + b."""
    _add(out.size, flat(a), flat(b), flat(out))


def scale(array, factor, out):
    """Out = array * factor, a number."""
    _scale(out.size, flat(array), out.dtype.type(factor), flat(out))


def join(a, b, out):
    """Out = a or b: masks, or with one step for all."""
    _join(out.size, flat(a), flat(b), flat(out))


def either(out, source, mask):
    """Overwrite `out` with `source` where `mask` is 1."""
    if isinstance(source, DeviceArray):
        _either(out.size, flat(out), flat(source), flat(mask), out.shape[2])
    else:
        _either_number(out.size, flat(out), out.dtype.type(source), flat(mask), out.shape[2])


def reverse_steps(x, out):
    """Out = the steps of x, (T, ...), from the last to the first."""
    _reverse_steps(out.size, flat(x), flat(out), np.int64(x.size // x.shape[0]))


def multiply_rows(x, mask, out):
    """Out = x times a mask (N, F) at every step."""
    _multiply_rows(out.size, flat(x), flat(mask), flat(out))
