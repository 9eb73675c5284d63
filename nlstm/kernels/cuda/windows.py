"""Windows of a long series that lies on the device; see the CPU's page of that name."""

import math

from nlstm.kernels.cuda.each import each

__all__ = ["gather_windows", "repeat_static", "scale_windows", "window_moments"]


@each
def _gather(at, series, starts, index, offsets, out):
    N, F = out.shape[1], offsets.shape[1]
    t, n, k = at // (N * F), at // F % N, at % F
    out[t, n, k] = series[starts[index[n]] + offsets[t, k]]


def gather_windows(series, starts, index, offsets, out):
    """Copy windows into the first columns of a time-major batch."""
    _gather(offsets.size * out.shape[1], series, starts, index, offsets, out)


@each
def _repeat(at, static, group, index, first, out):
    N, P = out.shape[1], static.shape[1]
    t, n, p = at // (N * P), at // P % N, at % P
    out[t, n, first + p] = static[group[index[n]], p]


def repeat_static(static, group, index, first, out):
    """Write out[t, n, first + p] = static[group[index[n]], p] at every step."""
    _repeat(out.shape[0] * out.shape[1] * static.shape[1], static, group, index, first, out)


@each
def _moments(at, series, starts, index, offsets, shift, scale):
    n, k = at // offsets.shape[1], at % offsets.shape[1]
    T, start = offsets.shape[0], starts[index[n]]
    first = float(series[start + offsets[0, k]])
    total, squares = 0.0, 0.0
    for t in range(T):
        total += float(series[start + offsets[t, k]]) - first
    mean = first + total / T
    for t in range(T):
        from_mean = float(series[start + offsets[t, k]]) - mean
        squares += from_mean * from_mean
    deviation = math.sqrt(squares / T)
    shift[0, n, k] = mean
    scale[0, n, k] = deviation if deviation > 0.0 else 1.0


def window_moments(series, starts, index, offsets, shift, scale):
    """Write mean and standard deviation over each window's steps; a deviation of 0 becomes 1."""
    _moments(shift.size, series, starts, index, offsets, shift, scale)


@each
def _shift(at, value, features, shift):
    N, K = value.shape[1], shift.shape[2]
    t, n, j = at // (N * features), at // features % N, at % features
    value[t, n, j] = value[t, n, j] - shift[0, n, j % K]


@each
def _shift_and_scale(at, value, features, shift, scale):
    N, K = value.shape[1], shift.shape[2]
    t, n, j = at // (N * features), at // features % N, at % features
    value[t, n, j] = (value[t, n, j] - shift[0, n, j % K]) / scale[0, n, j % K]


def scale_windows(value, features, shift, scale):
    """Subtract shift and divide by scale, which may be None for 1."""
    size = value.shape[0] * value.shape[1] * features
    if scale is None:
        _shift(size, value, features, shift)
    else:
        _shift_and_scale(size, value, features, shift, scale)
