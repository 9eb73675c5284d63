"""Pools over windows of steps; see the CPU's page `conv.windows`.

Backward a thread adds what the windows of one step give it, in their order.
"""

from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import device_function

__all__ = [
    "average_windows",
    "average_windows_backward",
    "largest_windows",
    "largest_windows_backward",
]


@device_function
def window(t, T, size, stride, left):
    """Return the first step of a window and its end."""
    begin = t * stride - left
    return max(begin, 0), min(begin + size, T)


@device_function
def windows_of(t, count, size, stride, left):
    """Return the first window that sees a step, and the end of those that do."""
    first = t + left - size + stride  # rounded up
    return max(first, 0) // stride, min((t + left) // stride + 1, count)


@each
def _average(at, x, size, stride, left, y):
    N, F = y.shape[1], y.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    begin, end = window(t, x.shape[0], size, stride, left)
    total = y.dtype.type(0)
    for seen in range(begin, end):
        total += x[seen, n, k]
    y[t, n, k] = total / y.dtype.type(end - begin)


def average_windows(x, features, size, stride, left, y):
    """Write the mean of each window."""
    _average(y.size, x, size, stride, left, y)


@each
def _average_back(at, dy, size, stride, left, dx):
    N, F = dx.shape[1], dx.shape[2]
    seen, n, k = at // (N * F), at // F % N, at % F
    first, last = windows_of(seen, dy.shape[0], size, stride, left)
    total = dx.dtype.type(0)
    for t in range(first, last):
        begin, end = window(t, dx.shape[0], size, stride, left)
        total += dy[t, n, k] / dx.dtype.type(end - begin)
    dx[seen, n, k] = total


def average_windows_backward(dy, features, size, stride, left, dx):
    """Compute dx of `average_windows`."""
    _average_back(dx.size, dy, size, stride, left, dx)


@each
def _largest(at, x, size, stride, left, y):
    N, F = y.shape[1], y.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    begin, end = window(t, x.shape[0], size, stride, left)
    best = x[begin, n, k]
    for seen in range(begin + 1, end):
        value = x[seen, n, k]
        if best < value or value != value:
            best = value
    y[t, n, k] = best


def largest_windows(x, features, size, stride, left, y):
    """Write the largest value of each window; a NaN is the largest."""
    _largest(y.size, x, size, stride, left, y)


@each
def _largest_back(at, x, y, dy, size, stride, left, dx):
    """The first of equal values takes the gradient."""
    N, F = dx.shape[1], dx.shape[2]
    seen, n, k = at // (N * F), at // F % N, at % F
    first, last = windows_of(seen, dy.shape[0], size, stride, left)
    value, total = x[seen, n, k], dx.dtype.type(0)
    for t in range(first, last):
        if value == y[t, n, k]:
            begin, _ = window(t, dx.shape[0], size, stride, left)
            earlier = False
            for other in range(begin, seen):
                earlier = earlier or x[other, n, k] == value
            if not earlier:
                total += dy[t, n, k]
    dx[seen, n, k] = total


def largest_windows_backward(x, y, dy, features, size, stride, left, dx):
    """Compute dx of `largest_windows`, from x and y as they were."""
    _largest_back(dx.size, x, y, dy, size, stride, left, dx)
