"""The cell of the GRU and its gradient, where the recurrence around it is the LSTM's.

    u, r = sigmoid(z_u, z_r)    g = tanh(z_x + r z_h)    h = u h' + (1 - u) g

with z = x W + h' U + b in four parts, of which z_x has no part of h' and z_h none of x: the reset
gate r comes after the product. So W has zeros in its fourth block, and U in its third.

References: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"; with r
after the product, NVIDIA's cuDNN, PyTorch, and Keras's `reset_after`.
"""

from nlstm.kernels.cpu.activations.emitters import activate, derivative, only_units, restored, saved
from nlstm.kernels.cpu.machine.jit import njit, njit_inner
from nlstm.kernels.cpu.machine.simd import fma, load, splat, store, stream
from nlstm.kernels.cpu.products.layout import GATES


@njit_inner
def keep(gates, at, values, past_caches, L):
    """Write what the backward pass needs."""
    u, r, g, z_h = values
    if past_caches:
        stream(gates, at, u)
        stream(gates, at + L, r)
        stream(gates, at + 2 * L, g)
        stream(gates, at + 3 * L, z_h)
    else:
        store(gates, at, u)
        store(gates, at + L, r)
        store(gates, at + 2 * L, g)
        store(gates, at + 3 * L, z_h)


@njit_inner
def finish_gru(activation, recurrent_activation, rows, block, z, z_at, h, gates, slots, past_caches,
               H, L, mask):  # fmt: skip
    """Finish rows of one unit block; see `lstm.cell.finish_cell`, also for why in two passes."""
    t, tx, first, last = rows
    N, S = h.shape[1], h.shape[2]
    before, after = block * L + slots[0] * N * S, block * L + slots[1] * N * S
    for n in range(first, last):
        if mask is None or mask[tx, n]:
            at = z_at + (n - first) * GATES * L
            z_r = load(z, at + L)
            r = activate(recurrent_activation, z_r)
            store(z, at + 2 * L, fma(r, load(z, at + 3 * L), load(z, at + 2 * L)))
            store(z, at + L, saved(recurrent_activation, z_r, r))
    for n in range(first, last):
        h_old = load(h, before + n * S)
        if mask is not None and not mask[tx, n]:
            h_new = h_old
        else:
            at = z_at + (n - first) * GATES * L
            z_u, z_g = load(z, at), load(z, at + 2 * L)
            u, g = activate(recurrent_activation, z_u), activate(activation, z_g)
            h_new = only_units(activation, fma(u, h_old - g, g), H - block * L)
            if gates is not None:
                kept = (
                    saved(recurrent_activation, z_u, u),
                    load(z, at + L),
                    saved(activation, z_g, g),
                    load(z, at + 3 * L),
                )
                at = ((t * gates.shape[1] + block) * N + n) * GATES * L
                keep(gates, at, kept, past_caches, L)
        store(h, after + n * S, h_new)


@njit_inner
def backward_gru(activation, recurrent_activation, rows, b0, b1, h, gates, gradients, dz, mask):
    """Turn dh of a step into dz for unit blocks b0..b1; dh keeps what goes past the product."""
    t, tx, first, last = rows
    dy, dh = gradients.dy, gradients.dh
    T, N, L = gates.shape[0], gates.shape[2], gates.shape[4]
    S, Sy, Sd = h.shape[2], dy.shape[2], dh.shape[1]
    width = GATES * L
    has_dy = dy.shape[0] == T or t == T - 1
    dy_step = t if dy.shape[0] == T else 0
    zero, one = splat(gates, 0.0), splat(gates, 1.0)
    for block in range(b0, b1):
        for n in range(first, last):
            dh_at, at = n * Sd + block * L, dz.at + block * dz.block + n * width
            dh_n = load(dh, dh_at)
            if has_dy:
                dh_n = dh_n + load(dy, (dy_step * N + n) * Sy + block * L)
            if mask is not None and not mask[tx, n]:
                store(dh, dh_at, dh_n)
                for gate in range(GATES):
                    store(dz.array, at + gate * L, zero)
            else:
                gate_at = ((t * gates.shape[1] + block) * N + n) * width
                kept_u, kept_r = load(gates, gate_at), load(gates, gate_at + L)
                kept_g, z_h = load(gates, gate_at + 2 * L), load(gates, gate_at + 3 * L)
                u = restored(recurrent_activation, kept_u)
                r, g = restored(recurrent_activation, kept_r), restored(activation, kept_g)
                h_old = load(h, (t * N + n) * S + block * L)
                dz_u = dh_n * (h_old - g) * derivative(recurrent_activation, kept_u)
                dz_g = dh_n * (one - u) * derivative(activation, kept_g)
                store(dz.array, at, dz_u)
                store(dz.array, at + L, dz_g * z_h * derivative(recurrent_activation, kept_r))
                store(dz.array, at + 2 * L, dz_g)
                store(dz.array, at + 3 * L, dz_g * r)
                store(dh, dh_at, dh_n * u)


@njit
def gru_bias(bias, b):
    """Write what each of the four parts of z gets (=) from the two rows of a bias.

    Parameters
    ----------
    bias : ndarray, shape (2, B, 4, L), of the layout `gru_bias_rows`. b : ndarray, shape (B, 4, L).
    """
    for block in range(b.shape[0]):
        for gate in range(GATES):
            for k in range(b.shape[2]):
                b[block, gate, k] = bias[0, block, gate, k] + bias[1, block, gate, k]


@njit
def gru_gradients(dW, dU, db, dbias):
    """Write zeros where W and U have none but zeros, and the gradient of a bias.

    Parameters
    ----------
    dW, dU, db : as `lstm_backward` has left them. dbias : ndarray, shape (2, B, 4, L), or None.
        Overwritten (=).
    """
    B, L = dW.shape[0], dW.shape[3]
    for block in range(B):
        for k in range(dW.shape[1]):
            for lane in range(L):
                dW[block, k, 3, lane] = 0
        for k in range(dU.shape[1]):
            for lane in range(L):
                dU[block, k, 2, lane] = 0
        if dbias is not None:
            for row in range(2):
                for gate in range(GATES):
                    own = gate < 2 or gate == row + 2
                    for lane in range(L):
                        dbias[row, block, gate, lane] = db[block, gate, lane] if own else 0
