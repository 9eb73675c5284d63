"""Run the LSTM kernels on a case in Keras layouts, and the reference beside them."""

import numpy as np

from nlstm.kernels.cpu.lstm.lstm import lstm, lstm_paired
from nlstm.kernels.cpu.lstm.pairs import lstm_paired_size
from nlstm.kernels.cpu.lstm.schedule import (
    lstm_gates_shape,
    lstm_masked_size,
    lstm_paired_scratch_size,
    lstm_scratch_size,
)
from nlstm.kernels.cpu.lstm.zoneout import draw, row_key, zone_c, zone_h, zones_of
from nlstm.kernels.cpu.machine.jit import njit
from nlstm.kernels.cpu.machine.simd import splat, store
from nlstm.kernels.cpu.products import layout
from nlstm.kernels.cpu.products.tile import load_tile
from nlstm.kernels.shared.bundles import Gradients, Masks, Weights, Work, Zoneout

GRADIENTS = ("dx", "dW", "dU", "db", "dh0", "dc0")
GUARD = 4096  # numbers
ZONEOUT_KEY = (17, np.array([3]), 5)  # seed, step, stream


def random_case(
    N,
    T,
    F,
    H,
    dtype,
    seed=0,
    mask=False,
    x_mask=False,
    h_mask=False,
    reverse=False,
    last_only=False,
    x_masks=False,
    peephole=False,
    zoneout=None,
):
    """Return random arrays in Keras layouts, every gate with weights of its own."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    def dropout_mask(*shape):
        return (rng.integers(0, 2, shape) * 2.0).astype(dtype)

    case = {
        "x": normal(N, T, F),
        "W": normal(F, 4 * H) / np.sqrt(F).astype(dtype),
        "U": normal(H, 4 * H) / np.sqrt(H).astype(dtype),
        "b": normal(4 * H),
        "h0": normal(N, H) * dtype(0.5),
        "c0": normal(N, H),
        "dy": normal(N, T, H),
        "dh": normal(N, H),
        "dc": normal(N, H),
        "reverse": reverse,
        "mask": rng.integers(0, 2, (N, T)).astype(bool) if mask else None,
        "x_mask": dropout_mask(*[4] * x_masks, N, F) if x_mask or x_masks else None,
        "h_masks": dropout_mask(4, N, H) if h_mask else None,
        "peephole": normal(3 * H) if peephole else None,
        "zoneout": zoneout,  # rates
    }
    if mask and N > 30:
        case["mask"][6:29, T // 2 :] = False  # tiles that are masked as a whole
        case["mask"][:, -1] = False
    if last_only:
        case["dy"][:, :-1] = 0
    return case


@njit
def _draws(zoneout, which, rate, width, out):
    key = zones_of(zoneout).key
    for t in range(out.shape[0]):
        for n in range(out.shape[1]):
            for k in range(0, out.shape[2], width):
                bits = draw(out, row_key(key, t * out.shape[1] + n), k)
                old, new = splat(out, 1.0), splat(out, 0.0)
                at = (t * out.shape[1] + n) * out.shape[2] + k
                if which == 0:
                    store(out, at, zone_c(bits, rate, old, new))
                else:
                    store(out, at, zone_h(bits, rate, old, new))


def zoneout_draws(rates, T, N, H, dtype):
    """Return what training draws for c and h, (T, N, H): 1 where the old value stays."""
    found = []
    for which, rate in enumerate(rates):
        out = np.zeros((T, N, layout.padded(H, dtype)), dtype)
        _draws(tuple(Zoneout(*ZONEOUT_KEY, *rates)), which, rate, layout.lanes(dtype), out)
        found.append(out[..., :H])
    return found


def widen(array, size):
    """Return the array with zeros after its last axis, up to `size`."""
    full = np.zeros((*array.shape[:-1], size), array.dtype)
    full[..., : array.shape[-1]] = array
    return full


def steps_first(array):
    return np.ascontiguousarray(array.swapaxes(0, 1))


def run_kernels(
    case,
    activation="tanh",
    recurrent_activation="sigmoid",
    last_only=False,
    train=True,
    paired=False,
):
    """Return outputs, last states and gradients of the kernels, in Keras layouts.

    `paired` : whether operands of products are bfloat16.
    """
    dtype = case["x"].dtype
    (N, T, F), H = case["x"].shape, case["h0"].shape[1]
    S, nan = layout.padded(H, dtype), np.nan
    load_tile(dtype)
    forward, backward = (lstm_paired if paired else lstm)(activation, recurrent_activation)
    W, U = layout.pack_gates(case["W"]), layout.pack_gates(case["U"])
    b = layout.pack_gates(case["b"][None])[:, 0]
    x, mask = steps_first(case["x"]), case["mask"]
    mask = None if mask is None else steps_first(mask).astype(np.uint8)
    x_mask, h_mask = case["x_mask"], case["h_masks"]
    xm = None
    if x_mask is not None:
        L = layout.lanes(dtype)
        shape = (T, N, F) if x_mask.ndim == 2 else (T, N, -(-F // L) * layout.GATES, L)
        xm = np.full(shape, nan, dtype)
    hm = None if h_mask is None else np.full(lstm_masked_size(N, H, dtype), nan, dtype)
    h_mask = None if h_mask is None else widen(h_mask, S)
    slots = T + 1 if train else 2
    h, c = np.full((slots, N, S), nan, dtype), np.full((slots, N, S), nan, dtype)
    h[0], c[0] = widen(case["h0"], S), widen(case["c0"], S)
    gates = np.full(lstm_gates_shape(T, N, H, dtype), nan, dtype) if train else None
    size = (lstm_paired_scratch_size if paired else lstm_scratch_size)(T, N, F, H, dtype)
    memory = np.full(size + GUARD, 7.0, dtype)  # what lies behind the scratch is somebody else's
    scratch = memory[:size]
    scratch.fill(nan)
    masks = Masks(mask, x_mask, xm, h_mask, hm)
    p = None if case["peephole"] is None else layout.pack_peephole(case["peephole"])
    zoneout = None if case["zoneout"] is None else Zoneout(*ZONEOUT_KEY, *case["zoneout"])
    weights, work = Weights(W, U, b, p), Work(h, c, gates)
    options = [case["reverse"], masks, zoneout]
    if paired:
        needed = lstm_paired_size(T, N, F, H, dtype)
        more = np.full(needed + GUARD, 7.0, dtype)
        more[:needed] = nan
        options.append(more[:needed])
    forward(x, weights, work, scratch, *options)
    if paired:
        assert (more[needed:] == 7.0).all()
    if not train:
        assert (memory[size:] == 7.0).all()
        return {"h": h[T % 2, :, :H], "c": c[T % 2, :, :H]}
    dy = widen(steps_first(case["dy"]), S)
    dy = np.ascontiguousarray(dy[-1:]) if last_only else dy
    dh, dc = widen(case["dh"], S), widen(case["dc"], S)
    dW, dU, db = np.full_like(W, nan), np.full_like(U, nan), np.full_like(b, nan)
    dp = None if p is None else np.full_like(p, nan)
    dx = np.full((T, N, layout.padded(F, dtype)), nan, dtype)
    x = x if xm is None else xm
    gradients = Gradients(dy, dh, dc, dW, dU, db, dx, dp)
    scratch.fill(nan)
    backward(x, weights, work, gradients, scratch, *options)
    assert (memory[size:] == 7.0).all()
    return {
        "outputs": h[1:, :, :H].swapaxes(0, 1),
        "h": h[T, :, :H],
        "c": c[T, :, :H],
        "dx": dx[:, :, :F].swapaxes(0, 1),
        "dW": layout.unpack_gates(dW, H),
        "dU": layout.unpack_gates(dU, H),
        "db": layout.unpack_gates(db[:, None], H)[0],
        "dp": np.zeros(3 * H) if p is None else layout.unpack_peephole(dp, H),
        "dh0": dh[:, :H],
        "dc0": dc[:, :H],
        "lanes past H": np.concatenate(
            [a[..., H : layout.blocks(H, dtype) * layout.lanes(dtype)] for a in (*h, dh, dc)]
            + [a[-1].reshape(-1, a.shape[-1])[:, (H - 1) % a.shape[-1] + 1 :] for a in (dW, dU, db)]
        ),
    }
