"""Values moved, merged and pooled; see the CPU's pages `rearrange`, `merging`, `pooling`."""

import numpy as np

from nlstm.kernels.cuda.arrays import nothing
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import device_function
from nlstm.kernels.shared import merging
from nlstm.kernels.shared.twins import compiled

__all__ = [
    "average_steps", "average_steps_backward", "copy_columns", "largest_steps",
    "largest_steps_backward", "merge_backward", "merge_forward", "repeat_each_step", "repeat_steps",
    "reshape_rows", "sum_broadcast", "sum_each_step", "sum_steps", "swap_axes",
]  # fmt: skip

_formulas = compiled(merging, device_function)
_merged, _slope = _formulas.merged, _formulas.slope


@each
def _copy_columns(at, source, start, count, reverse, out, first, width):
    T, N = out.shape[0], out.shape[1]
    t, n, k = at // (N * width), at // width % N, at % width
    ts = T - 1 - t if reverse else t
    if k < count:
        out[t, n, first + k] = source[ts, n, start + k]
    else:
        out[t, n, first + k] = 0


def copy_columns(source, start, count, reverse, out, first, end):
    """Copy `count` columns of each step, from column `start` to column `first`."""
    width = max(count, end - first)
    size = out.shape[0] * out.shape[1] * width
    _copy_columns(size, source, start, count, bool(reverse), out, first, width)


@each
def _reshape(at, x, features, out):
    N, F = out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    place = t * F + k
    out[t, n, k] = x[place // features, n, place % features]


def reshape_rows(x, features, out, out_features):
    """Reshape each row from (T, features) to (T', out_features), in the order of C."""
    _reshape(out.size, x, features, out)


@each
def _repeat(at, x, out):
    N, F = out.shape[1], out.shape[2]
    out[at // (N * F), at // F % N, at % F] = x[0, at // F % N, at % F]


def repeat_steps(x, features, out):
    """Write the one step of x, (1, N, F), to every step of `out`, (T, N, F)."""
    _repeat(out.size, x, out)


@each
def _sum_steps(at, x, out):
    n, k = at // out.shape[2], at % out.shape[2]
    total = x[0, n, k]
    for t in range(1, x.shape[0]):
        total += x[t, n, k]
    out[0, n, k] = total


def sum_steps(x, out):
    """Write the sum of the steps of x, (T, N, F), to `out`, (1, N, F)."""
    _sum_steps(out.size, x, out)


@each
def _repeat_each(at, x, size, out):
    N, F = out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    out[t, n, k] = x[t // size, n, k]


def repeat_each_step(x, size, features, out):
    """Write each step of x, (T, N, F), `size` times to `out`, (T * size, N, F)."""
    _repeat_each(out.size, x, size, out)


@each
def _sum_each(at, x, size, out):
    N, F = out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    total = x[t * size, n, k]
    for i in range(1, size):
        total += x[t * size + i, n, k]
    out[t, n, k] = total


def sum_each_step(x, size, out):
    """Write the sums of every `size` steps of x, (T * size, N, F), to `out`, (T, N, F)."""
    _sum_each(out.size, x, size, out)


@each
def _swap(at, x, out):
    N, T = out.shape[1], out.shape[2]
    k, n, t = at // (N * T), at // T % N, at % T
    out[k, n, t] = x[t, n, k]


def swap_axes(x, features, out):
    """Write the features of x, (T, N, F), as steps of `out`, (F, N, T)."""
    _swap(out.size, x, out)


@each
def _merge(at, kind, a, b, reverse, scale, y):
    T, N, F = y.shape[0], y.shape[1], y.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    tb = T - 1 - t if reverse else t
    ta, tb = t % a.shape[0], tb % b.shape[0]
    y[t, n, k] = _merged(kind, a[ta, n, k % a.shape[2]], b[tb, n, k % b.shape[2]], scale)


def merge_forward(kind, a, a_features, b, b_features, reverse, scale, y, features):
    """Merge two values."""
    given = merging.MERGES[kind], a, b, bool(reverse), y.dtype.type(scale)
    _merge(y.size, *given, y)


@each
def _merge_back(at, kind, a, b, reverse, scale, dy, second, out):
    T, N, F = out.shape[0], out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    back = T - 1 - t if reverse else t
    ta, tb, to = t % a.shape[0], back % b.shape[0], back if second else t
    left, right = a[ta, n, k % a.shape[2]], b[tb, n, k % b.shape[2]]
    out[to, n, k] = dy[t, n, k] * _slope(kind, left, right, scale, second)


def merge_backward(kind, a, a_features, b, b_features, reverse, scale, dy, features, second, out):
    """Compute the gradient of one side of `merge_forward`."""
    given = merging.MERGES[kind], a, b, bool(reverse), out.dtype.type(scale)
    _merge_back(out.size, *given, dy, bool(second), out)


@each
def _sum_broadcast(at, full, out):
    N, F = out.shape[1], out.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    total = full[t, n, k] - full[t, n, k]
    for ts in range(t, full.shape[0], out.shape[0]):
        for ks in range(k, full.shape[2], F):
            total += full[ts, n, ks]
    out[t, n, k] = total


def sum_broadcast(full, features, out, out_features):
    """Add what one step or one feature served."""
    _sum_broadcast(out.size, full, out)


@device_function
def steps_that_count(masked, mask, T, n):
    """Return how many steps of a row count."""
    if not masked:
        return T
    count = 0
    for t in range(T):
        count += mask[t, n]
    return count


@each
def _average(at, x, masked, mask, y):
    n, k = at // y.shape[2], at % y.shape[2]
    total = y.dtype.type(0)
    for t in range(x.shape[0]):
        if not masked or mask[t, n] != 0:
            total += x[t, n, k]
    y[0, n, k] = total / y.dtype.type(steps_that_count(masked, mask, x.shape[0], n))


@each
def _average_back(at, masked, mask, dy, dx):
    T, N, F = dx.shape[0], dx.shape[1], dx.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    if not masked or mask[t, n] != 0:
        dx[t, n, k] = dy[0, n, k] / dx.dtype.type(steps_that_count(masked, mask, T, n))
    else:
        dx[t, n, k] = 0


def average_steps(x, mask, features, y):
    """Write the mean over the steps that count."""
    _average(y.size, x, mask is not None, _mask(mask), y)


def average_steps_backward(mask, dy, features, dx):
    """Compute dx of `average_steps`."""
    _average_back(dx.size, mask is not None, _mask(mask), dy, dx)


def _mask(mask):
    return nothing(np.dtype(np.uint8), 2) if mask is None else mask


@each
def _largest(at, x, y):
    n, k = at // y.shape[2], at % y.shape[2]
    best = x[0, n, k]
    for t in range(1, x.shape[0]):
        value = x[t, n, k]
        if best < value or value != value:
            best = value
    y[0, n, k] = best


@each
def _largest_back(at, x, y, dy, dx):
    n, k = at // y.shape[2], at % y.shape[2]
    count = 0
    for t in range(x.shape[0]):
        if x[t, n, k] == y[0, n, k]:
            count += 1
    for t in range(x.shape[0]):
        if x[t, n, k] == y[0, n, k]:
            dx[t, n, k] = dy[0, n, k] / dx.dtype.type(count)
        else:
            dx[t, n, k] = 0


def largest_steps(x, features, y):
    """Write the largest value over the steps; NaN if there is one."""
    _largest(y.size, x, y)


def largest_steps_backward(x, y, dy, features, counts, dx):
    """Compute dx of `largest_steps`; equal largest values share the gradient."""
    _largest_back(y.size, x, y, dy, dx)
