"""Relu with any slope below, threshold and limit."""

from nlstm.kernels.cuda.each import each

__all__ = ["ramp_backward", "ramp_forward"]


@each
def _rise(at, x, y, slope, threshold, limit):
    value = x[at]
    below = slope * (value - threshold)
    if slope == 0:  # infinity times 0 is NaN
        below = value if value != value else slope
    y[at] = min(value, limit) if value > threshold else below


@each
def _fall(at, x, dy, dx, slope, threshold, limit):
    value = x[at]
    if value > threshold:
        dx[at] = dy[at] if value < limit else dy[at] - dy[at]
    else:
        dx[at] = dy[at] * slope


def ramp_forward(x, y, features, slope, threshold, limit):
    """Compute y = min(x, limit) where x > threshold, slope * (x - threshold) elsewhere."""
    _rise(x.size, x.reshape(-1), y.reshape(-1), slope, threshold, limit)


def ramp_backward(x, dy, dx, features, slope, threshold, limit):
    """Compute dx from dy and the x of the forward pass; dx may be dy."""
    _fall(x.size, x.reshape(-1), dy.reshape(-1), dx.reshape(-1), slope, threshold, limit)
