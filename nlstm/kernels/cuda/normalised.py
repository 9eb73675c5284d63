"""The LSTM with layer normalisation, in plain kernels: a few launches a step.

z = N(x W) a_x + N(h' U) a_h + b, c = f c' + i g, h = o act(N(c) a_c + b_c); see the CPU's page
`normalised/lstm`. Inputs and what comes of them alone stand in their own order, the rest in that of
the steps. `gates` keeps z; products are worked out anew on the way back.

Factors of a step and row: mean and scale of x W (by the input's place), of h' U and of c.
"""

import functools
import math

import numpy as np

from nlstm.kernels.cuda import activations
from nlstm.kernels.cuda.arrays import nothing
from nlstm.kernels.cuda.basics import multiply_rows
from nlstm.kernels.cuda.each import each
from nlstm.kernels.cuda.lstm_plain import slopes, through_states
from nlstm.kernels.cuda.products import multiply

__all__ = ["lstm_normalised", "normalised_factors_shape", "normalised_scratch_size"]

GATES, FACTORS = 4, 6
OF_X, OF_H, OF_C = 0, 2, 4
EPSILON = 1e-5


def normalised_factors_shape(T, N):
    """Return the shape of the factors that a forward pass saves for the backward pass."""
    return T, N, FACTORS


def normalised_scratch_size(T, N, F, H, dtype):
    """Return how many numbers of scratch memory the kernels of one layer need."""
    return T * N * (2 * GATES * H + H + 2)


def _cut(scratch, T, N, H):
    """Return x W, h' U, the slopes of N(c) a_c + b_c, and two means of each row."""
    wide, narrow = T * N * GATES * H, T * N * H
    ends = wide, 2 * wide, 2 * wide + narrow, 2 * wide + narrow + 2 * T * N
    of_x, of_h = scratch[: ends[0]], scratch[ends[0] : ends[1]]
    shape = T, N, GATES * H
    of_c, means = scratch[ends[1] : ends[2]], scratch[ends[2] : ends[3]]
    return of_x.reshape(shape), of_h.reshape(shape), of_c.reshape(T, N, H), means.reshape(T * N, 2)


def _flat(array):
    """Return all steps' rows as one axis."""
    return array.reshape(-1, array.shape[-1])


@each
def _moments(r, p, factors, at, epsilon):
    """Write mean and scale of a row."""
    width = p.shape[1]
    total = p[r, 0]
    for k in range(1, width):
        total += p[r, k]
    mean = total / p.dtype.type(width)
    total = (p[r, 0] - mean) * (p[r, 0] - mean)
    for k in range(1, width):
        total += (p[r, k] - mean) * (p[r, k] - mean)
    one = p.dtype.type(1)
    factors[r, at] = mean
    factors[r, at + 1] = one / math.sqrt(total / p.dtype.type(width) + epsilon)


@functools.cache
def _forward(names, dtype):
    """Compile a step's two halves: z and c, then h; a thread a cell."""
    act, _ = activations.activation(names[0], dtype)
    gate, _ = activations.activation(names[1], dtype)

    def cell(at, t, tx, px, ph, factors, a_x, a_h, b, h, c, z, masked, mask):
        H = h.shape[2]
        n, u = at // H, at % H
        if masked and mask[tx, n] == 0:
            h[t + 1, n, u], c[t + 1, n, u] = h[t, n, u], c[t, n, u]
        else:
            for q in range(4):
                k = 4 * u + q
                of_x = (px[tx, n, k] - factors[tx, n, 0]) * factors[tx, n, 1]
                of_h = (ph[t, n, k] - factors[t, n, 2]) * factors[t, n, 3]
                z[t, n, k] = of_x * a_x[k] + of_h * a_h[k] + b[k]
            i, f = gate(z[t, n, 4 * u]), gate(z[t, n, 4 * u + 1])
            c[t + 1, n, u] = f * c[t, n, u] + i * act(z[t, n, 4 * u + 2])

    def output(at, t, tx, factors, a_c, b_c, h, c, z, masked, mask):
        H = h.shape[2]
        n, u = at // H, at % H
        if not masked or mask[tx, n] != 0:
            of_c = (c[t + 1, n, u] - factors[t, n, 4]) * factors[t, n, 5]
            h[t + 1, n, u] = gate(z[t, n, 4 * u + 3]) * act(of_c * a_c[u] + b_c[u])

    return each(cell), each(output)


@functools.cache
def _backward(names, dtype):
    """Compile a step's way back: through h to N(c), then through c to z; a thread a cell."""
    act, act_slope = slopes(names[0], dtype)
    gate, gate_slope = slopes(names[1], dtype)
    zero = np.dtype(dtype).type(0)

    def output(at, t, tx, dy, dy_step, z, c, factors, a_c, b_c, dh, of_c, masked, mask):
        H = c.shape[2]
        n, u = at // H, at % H
        slope = dh[n, u]
        if dy_step >= 0:
            slope += dy[dy_step, n, u]
        if masked and mask[tx, n] == 0:
            dh[n, u], of_c[t, n, u] = slope, zero
        else:
            y = (c[t + 1, n, u] - factors[t, n, 4]) * factors[t, n, 5] * a_c[u] + b_c[u]
            z_o = z[t, n, 4 * u + 3]
            o, squashed = gate(z_o), act(y)
            z[t, n, 4 * u + 3] = slope * squashed * gate_slope(z_o, o)
            of_c[t, n, u] = slope * o * act_slope(y, squashed)
            dh[n, u] = zero

    def cell(at, t, tx, z, c, factors, a_c, of_c, means, dc, masked, mask):
        H = c.shape[2]
        n, u = at // H, at % H
        if masked and mask[tx, n] == 0:
            for q in range(4):
                z[t, n, 4 * u + q] = zero
        else:
            normal = (c[t + 1, n, u] - factors[t, n, 4]) * factors[t, n, 5]
            slope = of_c[t, n, u] * a_c[u] - means[n, 0] - normal * means[n, 1]
            slope = dc[n, u] + slope * factors[t, n, 5]
            z_i, z_f, z_g = z[t, n, 4 * u], z[t, n, 4 * u + 1], z[t, n, 4 * u + 2]
            i, f, g = gate(z_i), gate(z_f), act(z_g)
            z[t, n, 4 * u] = slope * g * gate_slope(z_i, i)
            z[t, n, 4 * u + 1] = slope * c[t, n, u] * gate_slope(z_f, f)
            z[t, n, 4 * u + 2] = slope * i * act_slope(z_g, g)
            dc[n, u] = slope * f

    return each(output), each(cell)


@functools.cache
def _of_rows(at):
    """Compile what N asks for on the way back, for the factors at one place.

    Slopes d of N(p) a, in the rows' order or reversed by steps of N rows; `means`: of a d and of
    a d N(p), over a row.
    """

    def means_of(r, p, d, steps, reverse, factors, a, means):
        own, width = r, p.shape[1]
        if reverse:
            N = p.shape[0] // steps
            own = (steps - 1 - r // N) * N + r % N
        mean, scale = factors[r, at], factors[r, at + 1]
        plain, weighted = p[r, 0] - p[r, 0], p[r, 0] - p[r, 0]
        for k in range(width):
            slope = d[own, k] * a[k]
            plain += slope
            weighted += slope * ((p[r, k] - mean) * scale)
        means[r, 0] = plain / p.dtype.type(width)
        means[r, 1] = weighted / p.dtype.type(width)

    def gains(k, p, d, steps, reverse, factors, begins, da):
        total = p[0, k] - p[0, k]
        if not begins:
            total = da[k]
        N = p.shape[0] // steps
        for r in range(p.shape[0]):
            own = (steps - 1 - r // N) * N + r % N if reverse else r
            total += d[own, k] * ((p[r, k] - factors[r, at]) * factors[r, at + 1])
        da[k] = total

    def through(place, p, d, steps, reverse, factors, a, means):
        r, k, own = place // p.shape[1], place % p.shape[1], place // p.shape[1]
        if reverse:
            N = p.shape[0] // steps
            own = (steps - 1 - r // N) * N + r % N
        scale = factors[r, at + 1]
        normal = (p[r, k] - factors[r, at]) * scale
        p[r, k] = (d[own, k] * a[k] - means[r, 0] - normal * means[r, 1]) * scale

    return each(means_of), each(gains), each(through)


@each
def _outer(place, x, d, out):
    """Write the sum over rows of x^T d."""
    k, j = place // out.shape[1], place % out.shape[1]
    total = x[0, k] * d[0, j]
    for r in range(1, x.shape[0]):
        total += x[r, k] * d[r, j]
    out[k, j] = total


@each
def _column_sums(k, d, out):
    total = d[0, k]
    for r in range(1, d.shape[0]):
        total += d[r, k]
    out[k] = total


def normalised_forward(activation, recurrent_activation, x, weights, gains, work, scratch, reverse,
                       masks):  # fmt: skip
    """Run an LSTM with layer normalisation over all time steps of a batch; see the CPU's."""
    W, U, b, _ = weights
    h, c, gates, factors = work
    mask, x_mask, xm, _, _ = masks
    (T, N, F), H, dtype = x.shape, h.shape[2], h.dtype
    if x_mask is not None:
        multiply_rows(x, x_mask, xm)
        x = xm
    of_x, of_h, _, _ = _cut(scratch, T, N, H)
    none, epsilon = nothing(dtype, 1), dtype.type(EPSILON)
    a_x, a_h, a_c, b_c = (one.reshape(-1) for one in gains)
    z, seen = of_h if gates is None else gates, _mask(mask)
    multiply(_flat(x), W.reshape(F, GATES * H), none, _flat(of_x))
    _moments(T * N, _flat(of_x), _flat(factors), OF_X, epsilon)
    cell, output = _forward((activation, recurrent_activation), dtype)
    for t in range(T):
        tx = T - 1 - t if reverse else t
        multiply(h[t], U.reshape(H, GATES * H), none, of_h[t])
        _moments(N, of_h[t], factors[t], OF_H, epsilon)
        cell(N * H, t, tx, of_x, of_h, factors, a_x, a_h, b.reshape(-1), h, c, z, *seen)
        _moments(N, c[t + 1], factors[t], OF_C, epsilon)
        output(N * H, t, tx, factors, a_c, b_c, h, c, z, *seen)


def _mask(mask):
    return (False, nothing(np.dtype(np.uint8), 2)) if mask is None else (True, mask)


def normalised_backward(activation, recurrent_activation, x, weights, gains, work, gradients,
                        dgains, scratch, reverse, masks):  # fmt: skip
    """Compute all gradients of `normalised_forward`; see the CPU's."""
    W, U, _, _ = weights
    h, c, gates, factors = work
    dy, dh, dc, dW, dU, db, dx, _ = gradients
    mask, x_mask, _, _, _ = masks
    (T, N, F), H, dtype = x.shape, h.shape[2], h.dtype
    of_x, of_h, of_c, means = _cut(scratch, T, N, H)
    none, seen, reverse = nothing(dtype, 1), _mask(mask), bool(reverse)
    a_x, a_h, a_c, b_c = (one.reshape(-1) for one in gains)
    to_x, to_h, to_c, to_offset = (one.reshape(-1) for one in dgains)
    output, cell = _backward((activation, recurrent_activation), dtype)
    means_of_c, gains_of_c, _ = _of_rows(OF_C)
    means_of_h, gains_of_h, through_h = _of_rows(OF_H)
    for t in range(T - 1, -1, -1):
        tx = T - 1 - t if reverse else t
        dy_step = t if dy.shape[0] == T else (0 if t == T - 1 else -1)
        output(N * H, t, tx, dy, dy_step, gates, c, factors, a_c, b_c, dh, of_c, *seen)
        means_of_c(N, c[t + 1], of_c[t], 1, False, factors[t], a_c, means)
        cell(N * H, t, tx, gates, c, factors, a_c, of_c, means, dc, *seen)
        multiply(h[t], U.reshape(H, GATES * H), none, of_h[t])
        given = of_h[t], gates[t], 1, False, factors[t]
        means_of_h(N, *given, a_h, means)
        gains_of_h(GATES * H, *given, t == T - 1, to_h)
        through_h(N * GATES * H, *given, a_h, means)
        through_states(N * H, t, U, of_h, dh, False, nothing(dtype, 3))
    gains_of_c(H, _flat(c[1 : T + 1]), _flat(of_c), T, False, _flat(factors), True, to_c)
    _column_sums(H, _flat(of_c), to_offset)
    _column_sums(GATES * H, _flat(gates), db.reshape(-1))
    multiply(_flat(x), W.reshape(F, GATES * H), none, _flat(of_x))
    given = _flat(of_x), _flat(gates), T, reverse, _flat(factors)
    means_of_x, gains_of_x, through_x = _of_rows(OF_X)
    means_of_x(T * N, *given, a_x, means)
    gains_of_x(GATES * H, *given, True, to_x)
    through_x(T * N * GATES * H, *given, a_x, means)
    _outer(dW.size, _flat(x), _flat(of_x), dW.reshape(F, GATES * H))
    _outer(dU.size, _flat(h[:T]), _flat(of_h), dU.reshape(H, GATES * H))
    if dx is not None:
        multiply(_flat(of_x), W.reshape(F, GATES * H), none, _flat(dx), transposed=True)
        if x_mask is not None:
            multiply_rows(dx, x_mask, dx)


@functools.cache
def lstm_normalised(activation, recurrent_activation):
    """Return (normalised_forward, normalised_backward) for two activations, given by name."""
    names = activation, recurrent_activation
    return (
        functools.partial(normalised_forward, *names),
        functools.partial(normalised_backward, *names),
    )
