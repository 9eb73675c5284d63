"""The gated recurrent unit, step by step.

u, r = s(x W + h' U + b + b')    h = u h' + (1 - u) g
g = a(x W_g + b_g + r (h' U_g + b'_g)), or with the reset before a(x W_g + (r h') U_g + b_g)
"""

import numpy as np

from tests.reference.activations import ACTIVATIONS


def gru_forward(
    x, W, U, b, h0, mask=None, reverse=False, reset_after=True, activation="tanh",
    recurrent_activation="sigmoid",
):  # fmt: skip
    """Return every state, (N, T, H); a masked step keeps the state. Gates in the order u, r, g."""
    a, s = ACTIVATIONS[activation][0], ACTIVATIONS[recurrent_activation][0]
    first, second = b if reset_after else (b, np.zeros_like(b))
    W_u, W_r, W_g = np.split(np.asarray(W, np.float64), 3, axis=1)
    U_u, U_r, U_g = np.split(np.asarray(U, np.float64), 3, axis=1)
    (b_u, b_r, b_g), (c_u, c_r, c_g) = np.split(first, 3), np.split(second, 3)
    h, outputs = np.asarray(h0, np.float64), []
    order = range(x.shape[1])
    for t in reversed(order) if reverse else order:
        now = x[:, t]
        u = s(now @ W_u + b_u + h @ U_u + c_u)
        r = s(now @ W_r + b_r + h @ U_r + c_r)
        past = r * (h @ U_g + c_g) if reset_after else (r * h) @ U_g
        new = u * h + (1 - u) * a(now @ W_g + b_g + past)
        h = new if mask is None else np.where(np.asarray(mask)[:, t, None] != 0, new, h)
        outputs.append(h)
    return np.stack(outputs, axis=1)
