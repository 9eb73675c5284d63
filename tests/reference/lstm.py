"""One LSTM layer, step by step.

i = s(x W_i + h' U_i + b_i)    f = s(x W_f + h' U_f + b_f)    o = s(x W_o + h' U_o + b_o)
g = a(x W_g + h' U_g + b_g)    c = f * c' + i * g             h = o * a(c)

with a = activation (tanh) and s = recurrent_activation (sigmoid). Peephole weights p, in the order
i, f, o, add p_i c' to z_i, p_f c' to z_f and p_o c to z_o. Zoneout replaces c by k c' + (1 - k) c
after a(c) was taken but before p_o c, and h likewise.
"""

from types import SimpleNamespace

import numpy as np

from tests.reference.activations import ACTIVATIONS


def lstm_forward(
    x,
    W,
    U,
    b,
    h0=None,
    c0=None,
    mask=None,
    x_mask=None,
    h_masks=None,
    reverse=False,
    activation="tanh",
    recurrent_activation="sigmoid",
    zero_output_for_mask=False,
    peephole=None,
    zoneout=None,
    rounded=lambda operand: operand,
):
    """Run a batch of sequences; all arrays become float64.

    Operands of products with weights, here and in the backward pass, become `rounded(operand)`.

    mask (N, T) bool: False repeats the state and the output before (h0 at the first step), or
    gives an output of 0. x_mask (N, F), or (4, N, F) for one a gate, multiplies x at every step.
    zoneout is (k of c, k of h), numbers or arrays (T, N, H) in the order of computation.
    h_masks (4, N, H), one for each gate i, f, g, o, or (1, N, H), one for all, multiplies h' in the
    product only. reverse: the last step comes first, and outputs stand in the order in which they
    were computed, as with Keras's go_backwards.

    Returns a trace: `outputs` (N, T, H), last state `h` and `c` (N, H), what `lstm_backward` needs.
    """
    N, T, F = x.shape
    H = len(U)
    trace = SimpleNamespace(
        x=_float64(x),
        x_masks=np.ones((4, N, F)) if x_mask is None else _float64(x_mask),
        W=_float64(W),
        U=_float64(U),
        mask=np.ones((N, T), dtype=bool) if mask is None else np.asarray(mask, dtype=bool),
        h_masks=np.ones((4, N, H)) if h_masks is None else _float64(h_masks),
        order=list(range(T))[::-1] if reverse else list(range(T)),
        activation=activation,
        recurrent_activation=recurrent_activation,
        zero_output_for_mask=zero_output_for_mask,
        peephole=np.zeros(3 * H) if peephole is None else _float64(peephole),
        zoneout=[np.broadcast_to(_float64(k), (T, N, H)) for k in zoneout or (0.0, 0.0)],
        rounded=rounded,
        steps=[],
    )
    trace.x_masks = np.broadcast_to(trace.x_masks, (4, N, F))
    p_i, p_f, p_o = np.split(trace.peephole, 3)
    trace.h_masks = np.broadcast_to(trace.h_masks, (4, N, H))
    a, s = ACTIVATIONS[activation][0], ACTIVATIONS[recurrent_activation][0]
    W_seen, U_seen = rounded(trace.W), rounded(trace.U)
    h = np.zeros((N, H)) if h0 is None else _float64(h0)
    c = np.zeros((N, H)) if c0 is None else _float64(c0)
    trace.outputs = np.zeros((N, T, H))
    for position, t in enumerate(trace.order):
        z = np.zeros((N, 4 * H)) + _float64(b)
        for gate, (W_gate, U_gate) in enumerate(
            zip(np.split(W_seen, 4, axis=1), np.split(U_seen, 4, axis=1))
        ):
            columns = slice(gate * H, (gate + 1) * H)
            z[:, columns] += rounded(trace.x[:, t] * trace.x_masks[gate]) @ W_gate
            z[:, columns] += rounded(h * trace.h_masks[gate]) @ U_gate
        z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
        z_i += p_i * c
        z_f += p_f * c
        c_inner = s(z_f) * c + s(z_i) * a(z_g)
        k_c, k_h = (k[position] for k in trace.zoneout)
        c_new = k_c * c + (1 - k_c) * c_inner
        z_o += p_o * c_new
        h_new = k_h * h + (1 - k_h) * s(z_o) * a(c_inner)
        trace.steps.append(
            SimpleNamespace(z=z, h_before=h, c_before=c, c_inner=c_inner, c_new=c_new)
        )
        present = trace.mask[:, t, None]
        h, c = np.where(present, h_new, h), np.where(present, c_new, c)
        trace.outputs[:, position] = np.where(present | (not zero_output_for_mask), h, 0.0)
    trace.h, trace.c = h, c
    return trace


def lstm_backward(trace, doutputs, dh=None, dc=None):
    """Carry the gradients of `outputs`, and of the last h and c, back to the arguments.

    Returns a namespace of dx, dW, dU, db, dp, dh0, dc0 in the layouts of the arguments.
    """
    N, T, F = trace.x.shape
    H = len(trace.U)
    a, a_derivative = ACTIVATIONS[trace.activation]
    s, s_derivative = ACTIVATIONS[trace.recurrent_activation]
    dh = np.zeros((N, H)) if dh is None else np.array(dh, dtype=np.float64)
    dc = np.zeros((N, H)) if dc is None else np.array(dc, dtype=np.float64)
    dx, dW, dU = np.zeros((N, T, F)), np.zeros((F, 4 * H)), np.zeros((H, 4 * H))
    db, dp = np.zeros(4 * H), np.zeros(3 * H)
    p_i, p_f, p_o = np.split(trace.peephole, 3)
    W, U = trace.rounded(trace.W), trace.rounded(trace.U)
    for position in reversed(range(T)):
        t, step = trace.order[position], trace.steps[position]
        z_i, z_f, z_g, z_o = np.split(step.z, 4, axis=1)
        present = trace.mask[:, t, None]
        dh = dh + np.where(present | (not trace.zero_output_for_mask), doutputs[:, position], 0.0)
        k_c, k_h = (k[position] for k in trace.zoneout)
        dh_inner = (1 - k_h) * dh
        dz_o = dh_inner * a(step.c_inner) * s_derivative(z_o)
        dc_new = dc + p_o * dz_o
        dc_inner = (1 - k_c) * dc_new + dh_inner * s(z_o) * a_derivative(step.c_inner)
        dz_i = dc_inner * a(z_g) * s_derivative(z_i)
        dz_f = dc_inner * step.c_before * s_derivative(z_f)
        dz_g = dc_inner * s(z_i) * a_derivative(z_g)
        dz = np.where(present, np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1), 0.0)
        db += dz.sum(axis=0)
        seen = np.concatenate([step.c_before, step.c_before, step.c_new], axis=1)
        dp += (dz[:, np.r_[: 2 * H, 3 * H : 4 * H]] * seen).sum(axis=0)
        dh_before, dz_seen = k_h * dh, trace.rounded(dz)
        for gate in range(4):
            columns = slice(gate * H, (gate + 1) * H)
            dz_gate = dz_seen[:, columns]
            dx[:, t] += (dz_gate @ W[:, columns].T) * trace.x_masks[gate]
            dW[:, columns] += trace.rounded(trace.x[:, t] * trace.x_masks[gate]).T @ dz_gate
            dU[:, columns] += trace.rounded(step.h_before * trace.h_masks[gate]).T @ dz_gate
            dh_before += (dz_gate @ U[:, columns].T) * trace.h_masks[gate]
        dh = np.where(present, dh_before, dh)
        dc_before = k_c * dc_new + dc_inner * s(z_f) + p_i * dz_i + p_f * dz_f
        dc = np.where(present, dc_before, dc)
    return SimpleNamespace(dx=dx, dW=dW, dU=dU, db=db, dp=dp, dh0=dh, dc0=dc)


def _float64(array):
    return np.asarray(array, dtype=np.float64)
