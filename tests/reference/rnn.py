"""The simple recurrence, step by step."""

import numpy as np

from tests.reference.activations import ACTIVATIONS


def rnn_forward(x, W, U, b, activation, h0, mask=None, reverse=False):
    """Return every state, (N, T, H); a masked step keeps the state."""
    act = ACTIVATIONS[activation][0]
    h, outputs = np.asarray(h0, np.float64), []
    order = range(x.shape[1])
    for t in reversed(order) if reverse else order:
        new = act(x[:, t] @ W + h @ U + b)
        h = new if mask is None else np.where(np.asarray(mask)[:, t, None] != 0, new, h)
        outputs.append(h)
    return np.stack(outputs, axis=1)
