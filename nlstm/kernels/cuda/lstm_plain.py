"""The LSTM with all that it may have, a launch a step and a thread a cell.

For dropout of the states, peephole weights, zoneout, and activations whose derivative needs the
input: sums of products are plain loops over memory here. `gates` keeps z, not what came of it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from nlstm.kernels.cuda import activations
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.launch import device_function
from nlstm.kernels.cuda.zoneout import draw, halves, row_key

GATES = 4
PEEPHOLES = 3


class Kind(NamedTuple):
    """What a layer has; each choice is compiled for itself."""

    activation: str
    recurrent_activation: str
    masked: bool
    dropped: bool
    peephole: bool
    zoned: bool
    training: bool


@each
def _mask_by_gate(at, x, x_mask, xm):
    N, F = x.shape[1], x.shape[2]
    t, n, q, k = at // (N * 4 * F), at // (4 * F) % N, at // F % 4, at % F
    xm[t, n, q, k] = x[t, n, k] * x_mask[q, n, k]


def mask_by_gate(x, x_mask, xm):
    """Write the masked inputs of all steps for each gate: xm (T, N, 4, F)."""
    _mask_by_gate(xm.size, x, x_mask, xm)


@each
def project_by_gate(at, x, W, b, z):
    """Compute z = x W + b of inputs (T, N, 4, F), of which each gate sees its own."""
    H, N = W.shape[2], z.shape[1]
    t, n, u, q = at // (N * H * 4), at // (H * 4) % N, at // 4 % H, at % 4
    total = b[0, u, q]
    for k in range(W.shape[1]):
        total += x[t, n, q, k] * W[0, k, u, q]
    z[t, n, u * 4 + q] = total


@cache
def step_forward(kind, dtype):
    """Compile a step; draws are those of `zoneout`, rates what states keep outside training."""
    act, _ = activations.activation(kind.activation, dtype)
    gate, _ = activations.activation(kind.recurrent_activation, dtype)
    bits_of, (lower, upper) = draw(dtype), halves(dtype)
    masked, dropped, peephole = kind.masked, kind.dropped, kind.peephole
    zoned, training = kind.zoned, kind.training

    def step(at, t, U, p, z, h, c, mask, h_mask, draws, rates):
        N, H = h.shape[1], h.shape[2]
        n, u = at // H, at % H
        if masked and mask[t, n] == 0:
            h[t + 1, n, u], c[t + 1, n, u] = h[t, n, u], c[t, n, u]
        else:
            z_i, z_f = z[t, n, u * 4], z[t, n, u * 4 + 1]
            z_g, z_o = z[t, n, u * 4 + 2], z[t, n, u * 4 + 3]
            for k in range(H):
                past = h[t, n, k]
                if dropped:
                    z_i += past * h_mask[0, n, k] * U[0, k, u, 0]
                    z_f += past * h_mask[1, n, k] * U[0, k, u, 1]
                    z_g += past * h_mask[2, n, k] * U[0, k, u, 2]
                    z_o += past * h_mask[3, n, k] * U[0, k, u, 3]
                else:
                    z_i += past * U[0, k, u, 0]
                    z_f += past * U[0, k, u, 1]
                    z_g += past * U[0, k, u, 2]
                    z_o += past * U[0, k, u, 3]
            c_old, h_old = c[t, n, u], h[t, n, u]
            if peephole:
                z_i += p[0, u, 0] * c_old
                z_f += p[0, u, 1] * c_old
            new = gate(z_f) * c_old + gate(z_i) * act(z_g)
            squashed, c_new = act(new), new
            keeps_c, keeps_h = False, False
            if zoned:
                if training:
                    key = row_key(draws[0], draws[1][0], draws[2], (t + draws[5]) * N + n)
                    bits = bits_of(key, u)
                    keeps_c, keeps_h = lower(bits) < draws[3], upper(bits) < draws[4]
                    c_new = c_old if keeps_c else new
                else:
                    c_new = rates[0] * (c_old - new) + new
            if peephole:
                z_o += p[0, u, 2] * c_new
            h_new = gate(z_o) * squashed
            if zoned:
                if training:
                    h_new = h_old if keeps_h else h_new
                else:
                    h_new = rates[1] * (h_old - h_new) + h_new
            c[t + 1, n, u], h[t + 1, n, u] = c_new, h_new
            if training:
                z[t, n, u * 4], z[t, n, u * 4 + 1] = z_i, z_f
                z[t, n, u * 4 + 2], z[t, n, u * 4 + 3] = z_g, z_o

    return each(step)


@cache
def step_backward(kind, dtype):
    """Compile a step back: dh and dc of the state after step t become dz of it and dc before it."""
    act, act_slope = slopes(kind.activation, dtype)
    gate, gate_slope = slopes(kind.recurrent_activation, dtype)
    bits_of, (lower, upper) = draw(dtype), halves(dtype)
    masked, peephole, zoned = kind.masked, kind.peephole, kind.zoned
    zero = np.dtype(dtype).type(0)

    def step(at, t, p, z, c, dy, dy_step, dh, dc, mask, draws):
        N, H = c.shape[1], c.shape[2]
        n, u = at // H, at % H
        slope = dh[n, u]
        if dy_step >= 0:
            slope += dy[dy_step, n, u]
        if masked and mask[t, n] == 0:
            dh[n, u] = slope
            for q in range(4):
                z[t, n, u * 4 + q] = zero
        else:
            z_i, z_f = z[t, n, u * 4], z[t, n, u * 4 + 1]
            z_g, z_o = z[t, n, u * 4 + 2], z[t, n, u * 4 + 3]
            i, f, g, o = gate(z_i), gate(z_f), act(z_g), gate(z_o)
            c_old, past_h, past_c, dc_n = c[t, n, u], zero, zero, dc[n, u]
            new = f * c_old + i * g
            keeps_c, keeps_h = False, False
            if zoned:
                bits = bits_of(row_key(draws[0], draws[1][0], draws[2], (t + draws[5]) * N + n), u)
                keeps_c, keeps_h = lower(bits) < draws[3], upper(bits) < draws[4]
            if keeps_h:
                past_h, slope = slope, zero
            squashed = act(new)
            dz_o = slope * squashed * gate_slope(z_o, o)
            if peephole:
                dc_n += dz_o * p[0, u, 2]
            if keeps_c:
                past_c, dc_n = dc_n, zero
            dc_n += slope * o * act_slope(new, squashed)
            dz_i, dz_f = dc_n * g * gate_slope(z_i, i), dc_n * c_old * gate_slope(z_f, f)
            dz_g = dc_n * i * act_slope(z_g, g)
            dc_n = dc_n * f + past_c
            if peephole:
                dc_n += dz_i * p[0, u, 0] + dz_f * p[0, u, 1]
            z[t, n, u * 4], z[t, n, u * 4 + 1] = dz_i, dz_f
            z[t, n, u * 4 + 2], z[t, n, u * 4 + 3] = dz_g, dz_o
            dc[n, u], dh[n, u] = dc_n, past_h

    return each(step)


def slopes(name, dtype):
    """Return an activation, and its derivative as a function of (input, result)."""
    value, derivative = activations.activation(name, dtype)
    if name in activations.INPUT_NAMES:
        return value, device_function(lambda x, y: derivative(x))
    return value, device_function(lambda x, y: derivative(y))


@each
def through_states(at, t, U, dz, dh, dropped, h_mask):
    """Add dz U^T of step t, masked for each gate, to dh."""
    H = dh.shape[1]
    n, u = at // H, at % H
    total = dh[n, u]
    for q in range(4):
        own = dh[n, u] - dh[n, u]
        for j in range(H):
            own += dz[t, n, j * 4 + q] * U[0, u, j, q]
        if dropped:
            own = own * h_mask[q, n, u]
        total += own
    dh[n, u] = total


@each
def weights_by_gate(at, by_gate, x, h, dropped, h_mask, dz, dW, dU, db):
    """Add over steps and rows in order: the rows of W, then those of U, then the bias."""
    T, N, H, F = dz.shape[0], dz.shape[1], h.shape[2], dW.shape[1]
    k, u, q = at // (H * 4), at // 4 % H, at % 4
    total = dz[0, 0, 0] - dz[0, 0, 0]
    for t in range(T):
        for n in range(N):
            slope = dz[t, n, u * 4 + q]
            if k < F:
                total += x[t, n, q if by_gate else 0, k] * slope
            elif k < F + H:
                past = h[t, n, k - F]
                if dropped:
                    past = past * h_mask[q, n, k - F]
                total += past * slope
            else:
                total += slope
    if k < F:
        dW[0, k, u, q] = total
    elif k < F + H:
        dU[0, k - F, u, q] = total
    else:
        db[0, u, q] = total


@each
def inputs_by_gate(at, W, dz, x_mask, dx):
    """Compute dx, through the masks of each gate."""
    N, F, H = dx.shape[1], dx.shape[2], W.shape[2]
    t, n, k = at // (N * F), at // F % N, at % F
    total = dz[0, 0, 0] - dz[0, 0, 0]
    for q in range(4):
        own = dz[0, 0, 0] - dz[0, 0, 0]
        for u in range(H):
            own += dz[t, n, u * 4 + q] * W[0, k, u, q]
        total += own * x_mask[q, n, k]
    dx[t, n, k] = total


@each
def peephole_gradient(at, dz, c, dp):
    """Add dz c' of the gates i and f, and dz c of o, over steps and rows in order."""
    u, q = at // 3, at % 3
    total = dp.dtype.type(0)
    for t in range(dz.shape[0]):
        for n in range(dz.shape[1]):
            if q == 2:
                total += dz[t, n, u * 4 + 3] * c[t + 1, n, u]
            else:
                total += dz[t, n, u * 4 + q] * c[t, n, u]
    dp[0, u, q] = total
