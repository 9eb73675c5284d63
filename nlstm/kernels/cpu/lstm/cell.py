"""The cell of the LSTM and its gradient, on vectors of units: everything but the products.

    c = f c' + i g        h = o act(c)

with peephole weights and zoneout where they are given.
"""

from typing import Any, NamedTuple

from nlstm.kernels.cpu.activations.emitters import activate, derivative, only_units, restored, saved
from nlstm.kernels.cpu.lstm.zoneout import draw, mean_of_draws, placed, row_key, zone_c, zone_h
from nlstm.kernels.cpu.machine.jit import njit_inner
from nlstm.kernels.cpu.machine.simd import fma, load, prefetch, splat, store, stream
from nlstm.kernels.cpu.products.layout import GATES, PEEPHOLES


class Rows(NamedTuple):
    """Rows first..last of a step: t in the order of computation, tx in that of x and the mask."""

    t: Any
    tx: Any
    first: Any
    last: Any


@njit_inner
def keep_gates(activation, recurrent_activation, gates, at, z, values, past_caches, L):
    """Write what the backward pass needs of i, f and g, of z = (z_i, z_f, z_g) and `values`."""
    i = saved(recurrent_activation, z[0], values[0])
    f = saved(recurrent_activation, z[1], values[1])
    g = saved(activation, z[2], values[2])
    if past_caches:
        stream(gates, at, i)
        stream(gates, at + L, f)
        stream(gates, at + 2 * L, g)
    else:
        store(gates, at, i)
        store(gates, at + L, f)
        store(gates, at + 2 * L, g)


@njit_inner
def keep_output_gate(recurrent_activation, gates, at, z_o, o, past_caches, L):
    """Write what it needs of o."""
    kept = saved(recurrent_activation, z_o, o)
    if past_caches:
        stream(gates, at + 3 * L, kept)
    else:
        store(gates, at + 3 * L, kept)


@njit_inner
def finish_cell(activation, recurrent_activation, rows, block, z, z_at, work, slots, past_caches, H,
                L, mask, peephole, zones):  # fmt: skip
    """Finish rows of one unit block: gates from z, then c and h.

    `slots` are those of h and c before and after the step. Masked rows keep their state. All rows
    get their c before the first one gets its h: the activation of c waits for three others, and
    meanwhile the processor, which looks two or three rows ahead, has nothing else to do.
    """
    t, tx, first, last = rows
    h, c, gates = work
    N, S = h.shape[1], h.shape[2]
    before, after = block * L + slots[0] * N * S, block * L + slots[1] * N * S
    c_before, c_after = block * L + slots[2] * N * S, block * L + slots[3] * N * S
    for n in range(first, last):
        if mask is not None and not mask[tx, n]:
            store(c, c_after + n * S, load(c, c_before + n * S))
        else:
            at = z_at + (n - first) * GATES * L
            z_i, z_f, z_g = load(z, at), load(z, at + L), load(z, at + 2 * L)
            c_old = load(c, c_before + n * S)
            if peephole is not None:
                z_i = fma(load(peephole, block * PEEPHOLES * L), c_old, z_i)
                z_f = fma(load(peephole, (block * PEEPHOLES + 1) * L), c_old, z_f)
            i = activate(recurrent_activation, z_i)
            f = activate(recurrent_activation, z_f)
            g = activate(activation, z_g)
            if peephole is None:
                z_o = load(z, at + 3 * L)
                o = activate(recurrent_activation, z_o)
                store(z, at + 3 * L, o)
            c_new = only_units(activation, fma(f, c_old, i * g), H - block * L)
            if zones is not None:
                store(z, at + 2 * L, c_new)
                if gates is None:
                    c_new = mean_of_draws(c, zones.c_rate, c_old, c_new)
                else:
                    bits = draw(c, row_key(zones.key, placed(zones, t, n, N)), block * L)
                    store(z, at + L, bits)
                    c_new = zone_c(bits, zones.c_rate, c_old, c_new)
            store(c, c_after + n * S, c_new)
            if gates is not None:
                at = ((t * gates.shape[1] + block) * N + n) * GATES * L
                keep_gates(activation, recurrent_activation, gates, at, (z_i, z_f, z_g), (i, f, g),
                           past_caches, L)  # fmt: skip
                if peephole is None:
                    keep_output_gate(recurrent_activation, gates, at, z_o, o, past_caches, L)
    for n in range(first, last):
        if mask is not None and not mask[tx, n]:
            h_new = load(h, before + n * S)
        else:
            at = z_at + (n - first) * GATES * L
            c_new, o = load(c, c_after + n * S), load(z, at + 3 * L)
            if peephole is not None:
                z_o = fma(load(peephole, (block * PEEPHOLES + 2) * L), c_new, o)
                o = activate(recurrent_activation, z_o)
                if gates is not None:
                    to = ((t * gates.shape[1] + block) * N + n) * GATES * L
                    keep_output_gate(recurrent_activation, gates, to, z_o, o, past_caches, L)
            if zones is not None:
                c_new = load(z, at + 2 * L)
            h_new = only_units(activation, o * activate(activation, c_new), H - block * L)
            if zones is not None:
                h_old = load(h, before + n * S)
                if gates is None:
                    h_new = mean_of_draws(h, zones.h_rate, h_old, h_new)
                else:
                    h_new = zone_h(load(z, at + L), zones.h_rate, h_old, h_new)
        store(h, after + n * S, h_new)


@njit_inner
def mask_states(h, h_at, h_mask, n0, n1, k0, k1, out, at, L):
    """Write what each gate sees of units k0..k1: out (n1 - n0, blocks of units, 4, L), at `at`."""
    N, S = h_mask.shape[1], h_mask.shape[2]
    for n in range(n0, n1):
        for k in range(k0, k1, L):
            value = load(h, h_at + n * S + k)
            for gate in range(GATES):
                kept = value * load(h_mask, (gate * N + n) * S + k)
                store(out, at + GATES * ((n - n0) * (k1 - k0) + k - k0) + gate * L, kept)


@njit_inner
def prefetch_step(t, n0, n1, b0, c, gates):
    """Begin to fetch what the cell of step t reads, of the gates from block b0 on: nobody else
    asks for it before.
    """
    B, N, S, L = gates.shape[1], gates.shape[2], c.shape[2], gates.shape[4]
    line = 64 // gates.itemsize
    for block in range(b0, B):
        first = ((t * B + block) * N + n0) * GATES * L
        for k in range(first, first + (n1 - n0) * GATES * L, line):
            prefetch(gates, k)
    for k in range((t * N + n0) * S, (t * N + n1) * S, line):
        prefetch(c, k)


@njit_inner
def backward_cell(activation, recurrent_activation, rows, b0, b1, work, gradients, dz, mask,
                  peephole, zones):  # fmt: skip
    """Turn dh and dc of a step into dz and the dc of the step before, for unit blocks b0..b1.

    Afterwards dh holds what goes past the product with U: nothing, or all of it where a row is
    masked or an element was zoned out.
    """
    t, tx, first, last = rows
    _, c, gates = work
    dy, dh, dc = gradients.dy, gradients.dh, gradients.dc
    T, N, L = gates.shape[0], gates.shape[2], gates.shape[4]
    S, Sy, Sd = c.shape[2], dy.shape[2], dh.shape[1]
    width = GATES * L
    has_dy = dy.shape[0] == T or t == T - 1
    dy_step = t if dy.shape[0] == T else 0
    for block in range(b0, b1):
        for n in range(first, last):
            dh_at, c_at = n * Sd + block * L, (t * N + n) * S + block * L
            at = dz.at + block * dz.block + n * width
            dh_n = load(dh, dh_at)
            if has_dy:
                dh_n = dh_n + load(dy, (dy_step * N + n) * Sy + block * L)
            if mask is not None and not mask[tx, n]:
                store(dh, dh_at, dh_n)
                zero = splat(gates, 0.0)
                for gate in range(GATES):
                    store(dz.array, at + gate * L, zero)
            else:
                gate_at = ((t * gates.shape[1] + block) * N + n) * width
                kept_i, kept_f = load(gates, gate_at), load(gates, gate_at + L)
                kept_g, kept_o = load(gates, gate_at + 2 * L), load(gates, gate_at + 3 * L)
                i, f = (
                    restored(recurrent_activation, kept_i),
                    restored(recurrent_activation, kept_f),
                )
                g, o = restored(activation, kept_g), restored(recurrent_activation, kept_o)
                c_old = load(c, c_at)
                if zones is None:
                    c_new = load(c, c_at + N * S)
                else:
                    c_new = fma(f, c_old, i * g)
                    zero = splat(gates, 0.0)
                    bits = draw(gates, row_key(zones.key, placed(zones, t, n, N)), block * L)
                    store(dh, dh_at, zone_h(bits, zones.h_rate, dh_n, zero))
                    dh_n = zone_h(bits, zones.h_rate, zero, dh_n)
                act_c = activate(activation, c_new)
                dz_o = dh_n * act_c * derivative(recurrent_activation, kept_o)
                dc_n = load(dc, dh_at)
                if peephole is not None:
                    dc_n = fma(dz_o, load(peephole, (block * PEEPHOLES + 2) * L), dc_n)
                if zones is not None:
                    dc_past = zone_c(bits, zones.c_rate, dc_n, zero)
                    dc_n = zone_c(bits, zones.c_rate, zero, dc_n)
                slope = derivative(activation, saved(activation, c_new, act_c))
                dc_n = fma(dh_n * o, slope, dc_n)
                dz_i = dc_n * g * derivative(recurrent_activation, kept_i)
                dz_f = dc_n * c_old * derivative(recurrent_activation, kept_f)
                store(dz.array, at, dz_i)
                store(dz.array, at + L, dz_f)
                store(dz.array, at + 2 * L, dc_n * i * derivative(activation, kept_g))
                store(dz.array, at + 3 * L, dz_o)
                dc_n = dc_n * f
                if peephole is not None:
                    dc_n = fma(dz_i, load(peephole, block * PEEPHOLES * L), dc_n)
                    dc_n = fma(dz_f, load(peephole, (block * PEEPHOLES + 1) * L), dc_n)
                if zones is not None:
                    dc_n = dc_n + dc_past
                store(dc, dh_at, dc_n)
                if mask is not None and zones is None:
                    store(dh, dh_at, splat(gates, 0.0))
