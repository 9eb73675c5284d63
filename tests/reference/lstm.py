"""One LSTM layer, step by step.

i = s(x W_i + h' U_i + b_i)    f = s(x W_f + h' U_f + b_f)    o = s(x W_o + h' U_o + b_o)
g = a(x W_g + h' U_g + b_g)    c = f * c' + i * g             h = o * a(c)

with a = activation (tanh) and s = recurrent_activation (sigmoid).
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
):
    """Run a batch of sequences; all arrays become float64.

    mask (N, T) bool: False repeats the state and the output before (h0 at the first step), or
    gives an output of 0. x_mask (N, F) multiplies x at every step. h_masks (4, N, H), one for each
    gate i, f, g, o, or (1, N, H), one for all, multiplies h' in the product only. reverse: the
    last step comes first, and outputs stand in the order in which they were computed, as with
    Keras's go_backwards.

    Returns a trace: `outputs` (N, T, H), last state `h` and `c` (N, H), what `lstm_backward` needs.
    """
    N, T, F = x.shape
    H = len(U)
    trace = SimpleNamespace(
        x=_float64(x) * (1.0 if x_mask is None else _float64(x_mask)[:, None, :]),
        x_mask=np.ones((N, F)) if x_mask is None else _float64(x_mask),
        W=_float64(W),
        U=_float64(U),
        mask=np.ones((N, T), dtype=bool) if mask is None else np.asarray(mask, dtype=bool),
        h_masks=np.ones((4, N, H)) if h_masks is None else _float64(h_masks),
        order=list(range(T))[::-1] if reverse else list(range(T)),
        activation=activation,
        recurrent_activation=recurrent_activation,
        zero_output_for_mask=zero_output_for_mask,
        steps=[],
    )
    trace.h_masks = np.broadcast_to(trace.h_masks, (4, N, H))
    a, s = ACTIVATIONS[activation][0], ACTIVATIONS[recurrent_activation][0]
    h = np.zeros((N, H)) if h0 is None else _float64(h0)
    c = np.zeros((N, H)) if c0 is None else _float64(c0)
    trace.outputs = np.zeros((N, T, H))
    for position, t in enumerate(trace.order):
        z = trace.x[:, t] @ trace.W + _float64(b)
        for gate, U_gate in enumerate(np.split(trace.U, 4, axis=1)):
            z[:, gate * H : (gate + 1) * H] += (h * trace.h_masks[gate]) @ U_gate
        z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
        c_new = s(z_f) * c + s(z_i) * a(z_g)
        h_new = s(z_o) * a(c_new)
        trace.steps.append(SimpleNamespace(z=z, h_before=h, c_before=c, c_new=c_new))
        present = trace.mask[:, t, None]
        h, c = np.where(present, h_new, h), np.where(present, c_new, c)
        trace.outputs[:, position] = np.where(present | (not zero_output_for_mask), h, 0.0)
    trace.h, trace.c = h, c
    return trace


def lstm_backward(trace, doutputs, dh=None, dc=None):
    """Carry the gradients of `outputs`, and of the last h and c, back to the arguments.

    Returns a namespace of dx, dW, dU, db, dh0, dc0 in the layouts of the arguments.
    """
    N, T, F = trace.x.shape
    H = len(trace.U)
    a, a_derivative = ACTIVATIONS[trace.activation]
    s, s_derivative = ACTIVATIONS[trace.recurrent_activation]
    dh = np.zeros((N, H)) if dh is None else np.array(dh, dtype=np.float64)
    dc = np.zeros((N, H)) if dc is None else np.array(dc, dtype=np.float64)
    dx, dW, dU = np.zeros((N, T, F)), np.zeros((F, 4 * H)), np.zeros((H, 4 * H))
    db = np.zeros(4 * H)
    for position in reversed(range(T)):
        t, step = trace.order[position], trace.steps[position]
        z_i, z_f, z_g, z_o = np.split(step.z, 4, axis=1)
        present = trace.mask[:, t, None]
        dh = dh + np.where(present | (not trace.zero_output_for_mask), doutputs[:, position], 0.0)
        dc_new = dc + dh * s(z_o) * a_derivative(step.c_new)
        dz_i = dc_new * a(z_g) * s_derivative(z_i)
        dz_f = dc_new * step.c_before * s_derivative(z_f)
        dz_g = dc_new * s(z_i) * a_derivative(z_g)
        dz_o = dh * a(step.c_new) * s_derivative(z_o)
        dz = np.where(present, np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1), 0.0)
        dx[:, t] = (dz @ trace.W.T) * trace.x_mask
        dW += trace.x[:, t].T @ dz
        db += dz.sum(axis=0)
        dh_before = np.zeros((N, H))
        for gate in range(4):
            columns = slice(gate * H, (gate + 1) * H)
            dU[:, columns] += (step.h_before * trace.h_masks[gate]).T @ dz[:, columns]
            dh_before += (dz[:, columns] @ trace.U[:, columns].T) * trace.h_masks[gate]
        dh = np.where(present, dh_before, dh)
        dc = np.where(present, dc_new * s(z_f), dc)
    return SimpleNamespace(dx=dx, dW=dW, dU=dU, db=db, dh0=dh, dc0=dc)


def _float64(array):
    return np.asarray(array, dtype=np.float64)
