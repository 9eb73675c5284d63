"""Convolutions and pools over windows of steps, window by window."""

import numpy as np


def lefts(steps, size, stride, padding):
    """Return the first step of each window; it may be below 0."""
    if padding == "valid":
        return [t * stride for t in range((steps - size) // stride + 1)]
    count = -(-steps // stride)
    before = size - 1 if padding == "causal" else max((count - 1) * stride + size - steps, 0) // 2
    return [t * stride - before for t in range(count)]


def conv1d(x, kernel, bias, stride=1, padding="valid", dilation=1, groups=1):
    """Return (N, T', O) of x (N, T, F), kernel (K, F / groups, O) and bias (O,)."""
    N, T, F = x.shape
    K, part, filters = kernel.shape
    outputs = []
    for left in lefts(T, dilation * (K - 1) + 1, stride, padding):
        y = np.zeros((N, filters)) + bias
        for o in range(filters):
            first = o * groups // filters * part
            for j in range(K):
                if 0 <= left + j * dilation < T:
                    y[:, o] += x[:, left + j * dilation, first : first + part] @ kernel[j, :, o]
        outputs.append(y)
    return np.stack(outputs, axis=1)


def pool1d(x, size, stride, padding, how):
    """Return (N, T', F): `how` is np.mean or np.max."""
    T = x.shape[1]
    starts = lefts(T, size, stride, padding)
    return np.stack([how(x[:, max(s, 0) : s + size], axis=1) for s in starts], axis=1)
