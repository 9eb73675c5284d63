"""The GRU whose reset gate comes after the product, a launch a step and a thread a cell.

For dropout of the states, and activations whose derivative needs the input. Steps take what those
of `lstm_plain` take; `z` keeps the sums, of the candidate what r made of them.
"""

from functools import cache

import numpy as np

from nlstm.kernels.cuda import activations
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.lstm_plain import slopes


@cache
def step_forward(kind, dtype):
    """Compile a step."""
    act, _ = activations.activation(kind.activation, dtype)
    gate, _ = activations.activation(kind.recurrent_activation, dtype)
    masked, dropped, training = kind.masked, kind.dropped, kind.training

    def step(at, t, U, p, z, h, c, mask, h_mask, draws, rates):
        H = h.shape[2]
        n, u = at // H, at % H
        if masked and mask[t, n] == 0:
            h[t + 1, n, u] = h[t, n, u]
        else:
            z_u, z_r = z[t, n, u * 4], z[t, n, u * 4 + 1]
            z_g, z_h = z[t, n, u * 4 + 2], z[t, n, u * 4 + 3]
            for k in range(H):
                past = h[t, n, k]
                if dropped:
                    z_u += past * h_mask[0, n, k] * U[0, k, u, 0]
                    z_r += past * h_mask[1, n, k] * U[0, k, u, 1]
                    z_h += past * h_mask[3, n, k] * U[0, k, u, 3]
                else:
                    z_u += past * U[0, k, u, 0]
                    z_r += past * U[0, k, u, 1]
                    z_h += past * U[0, k, u, 3]
            z_g += gate(z_r) * z_h
            g = act(z_g)
            h[t + 1, n, u] = gate(z_u) * (h[t, n, u] - g) + g
            if training:
                z[t, n, u * 4], z[t, n, u * 4 + 1] = z_u, z_r
                z[t, n, u * 4 + 2], z[t, n, u * 4 + 3] = z_g, z_h

    return each(step)


@cache
def step_backward(kind, dtype):
    """Compile a step back: dh, and dc for what goes past the products."""
    act, act_slope = slopes(kind.activation, dtype)
    gate, gate_slope = slopes(kind.recurrent_activation, dtype)
    masked = kind.masked
    zero, one = np.dtype(dtype).type(0), np.dtype(dtype).type(1)

    def step(at, t, p, z, h, dy, dy_step, dh, dc, mask, draws):
        H = h.shape[2]
        n, u = at // H, at % H
        slope = dh[n, u] + dc[n, u]
        if dy_step >= 0:
            slope += dy[dy_step, n, u]
        if masked and mask[t, n] == 0:
            dh[n, u], dc[n, u] = zero, slope
            for q in range(4):
                z[t, n, u * 4 + q] = zero
        else:
            z_u, z_r = z[t, n, u * 4], z[t, n, u * 4 + 1]
            z_g, z_h = z[t, n, u * 4 + 2], z[t, n, u * 4 + 3]
            update, r, g = gate(z_u), gate(z_r), act(z_g)
            dz_g = slope * (one - update) * act_slope(z_g, g)
            z[t, n, u * 4] = slope * (h[t, n, u] - g) * gate_slope(z_u, update)
            z[t, n, u * 4 + 1] = dz_g * z_h * gate_slope(z_r, r)
            z[t, n, u * 4 + 2], z[t, n, u * 4 + 3] = dz_g, dz_g * r
            dh[n, u], dc[n, u] = zero, slope * update

    return each(step)
