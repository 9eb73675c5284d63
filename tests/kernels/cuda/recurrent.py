"""Recurrences of the contract on a few numbers; see `operations`."""

from functools import partial

import numpy as np

from tests.kernels.cuda.segmented import segmented
from tests.kernels.cuda.side import Side

OPTIONS = {
    "": {},
    "inline": {"F": 2},
    "wide": {"N": 4, "T": 2, "F": 19, "H": 9},
    "one": {"N": 1, "T": 1, "F": 1, "H": 1},
    "reversed": {"reverse": True},
    "masked": {"mask": True},
    "masked reversed": {"mask": True, "reverse": True},
    "last": {"last_only": True},
    "last masked": {"last_only": True, "mask": True},
    "without dx": {"wanted": False},
    "dropout": {"x_mask": 2},
    "dropout reversed": {"x_mask": 2, "reverse": True},
    "four masks": {"x_mask": 3, "h_mask": True},
    "four masks reversed": {"x_mask": 3, "h_mask": True, "reverse": True, "mask": True},
    "dropped states": {"h_mask": True},
    "peephole": {"peephole": True},
    "peephole masked": {"peephole": True, "mask": True},
    "zoneout": {"zoneout": (0.3, 0.2)},
    "zoneout masked": {"zoneout": (0.3, 0.0), "mask": True, "reverse": True},
    "everything": {"zoneout": (0.3, 0.2), "mask": True, "peephole": True, "x_mask": 3,
                   "h_mask": True, "last_only": True},
    "relu": {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    "silu": {"activation": "silu"},
    "many units": {"H": 40, "T": 2, "N": 3},
    "segments": {"every": 2},
    "segments last": {"every": 2, "T": 4, "last_only": True, "peephole": True},
    "segments reversed": {"every": 2, "T": 4, "F": 9, "mask": True, "reverse": True, "x_mask": 2},
    "segments last reversed": {"every": 3, "T": 4, "last_only": True, "mask": True, "reverse": True,
                               "wanted": False},
    "segments everything": {"every": 2, "zoneout": (0.3, 0.2), "mask": True, "peephole": True,
                            "x_mask": 3, "h_mask": True, "reverse": True, "last_only": True},
    "segments many units": {"every": 2, "H": 40, "N": 3},
}  # fmt: skip


def calls(s: Side, **options):
    """Return an LSTM's two passes in training, as functions of nothing."""
    forward, backward, _ = prepared(s, **options)
    return forward, backward


def lstm(s: Side, training=True, **options):
    """Run an LSTM forward, and backward in training; give what it wrote."""
    forward, backward, results = prepared(s, training=training, **options)
    forward()
    if training:
        backward()
    return results()


def prepared(s: Side, N=5, T=3, F=3, H=6, activation="tanh", recurrent_activation="sigmoid",
         mask=False, x_mask=0, h_mask=False, reverse=False, last_only=False, peephole=False,
         zoneout=None, wanted=True, training=True, every=0):  # fmt: skip
    """Return an LSTM's two passes, and what gives all that they wrote.

    A device that is not the CPU keeps one state of `every`.
    """
    ops, dtype = s.ops, s.dtype
    matrix, vector, peeping = ops.gate_matrix(H), ops.gate_vector(H), ops.peephole_vector(H)
    forward, backward = ops.lstm(activation, recurrent_activation)
    W = s.packed(matrix, s.normal(F, 4 * H) / np.sqrt(dtype.type(F)))
    U = s.packed(matrix, s.normal(H, 4 * H) / np.sqrt(dtype.type(H)))
    b, p = s.packed(vector, s.normal(4 * H)), s.packed(peeping, s.normal(3 * H))
    weights = ops.Weights(W, U, b, p if peephole else None)
    x, coins = s.exact(s.normal(T, N, F)), s.rng.integers(0, 2, (T, N)).astype(np.uint8)
    shapes = {2: (N, F), 3: (4, N, F)}
    by_inputs = s.exact(2.0 * s.rng.integers(0, 2, shapes.get(x_mask, 1)), dtype)
    by_states = s.given((2.0 * s.rng.integers(0, 2, (4, N, H))).astype(dtype))
    in_segments = every and ops.device != "cpu"
    room = every if in_segments else T
    xm = s.scratch((room, N, F) if x_mask == 2 else ops.gate_inputs_shape(room, N, F))
    hm = s.scratch(ops.lstm_masked_size(N, H, dtype))
    masks = ops.Masks(
        s.exact(coins) if mask else None,
        *((by_inputs, xm) if x_mask else (None, None)),
        *((by_states, hm) if h_mask else (None, None)),
    )
    zone = None
    if zoneout:
        zone = ops.Zoneout(17, s.exact([3], np.int64), 5, *zoneout)
    slots, last = (T + 1, T) if training else ops.slots(T, False)
    h, c = s.out(slots, N, H), s.out(slots, N, H)
    ops.copy(h[0], s.drawn(N, H))
    ops.copy(c[0], s.drawn(N, H))
    gates = s.scratch(ops.lstm_gates_shape(T, N, H, dtype)) if training else None
    scratch = s.scratch(ops.lstm_scratch_size(T, N, F, H, dtype))
    work = ops.Work(h, c, gates)
    forward_call = partial(forward, x, weights, work, scratch, reverse, masks, zone)
    if not training:
        return (
            forward_call,
            None,
            lambda: {"h": s.host(h[last], H), "c": s.host(c[last], H)},
        )
    dy, dh, dc = s.drawn(1 if last_only else T, N, H), s.drawn(N, H), s.drawn(N, H)
    dW, dU, db, dp = (s.like(one) for one in (W, U, b, p))
    dx = s.out(T, N, F) if wanted else None
    gradients = ops.Gradients(dy, dh, dc, dW, dU, db, dx, dp if peephole else None)
    given = xm if x_mask else x, weights, work, gradients, scratch, reverse, masks, zone
    backward_call = partial(backward, *given)
    if in_segments:
        names, given = (activation, recurrent_activation), (x, weights, reverse, masks, zone)
        forward_call, backward = segmented(s, names, every, h, c, not last_only, given)
        backward_call = partial(backward, gradients)

    def results():
        states = dict(h=h[T:], c=c[T:]) if every else dict(h=h, c=c)
        found = {name: s.host(one, H) for name, one in (states | dict(dh=dh, dc=dc)).items()}
        found |= {"dW": s.unpacked(matrix, dW), "dU": s.unpacked(matrix, dU)}
        found["db"] = s.unpacked(vector, db)
        if wanted:
            found["dx"] = s.host(dx, F)
        return found | ({"dp": s.unpacked(peeping, dp)} if peephole else {})

    return forward_call, backward_call, results


GRU_OPTIONS = {
    "": {},
    "inline": {"F": 2},
    "wide": {"N": 4, "T": 2, "F": 19, "H": 9},
    "one": {"N": 1, "T": 1, "F": 1, "H": 1},
    "masked reversed": {"mask": True, "reverse": True},
    "last": {"last_only": True, "wanted": False},
    "dropout": {"x_mask": 2, "reverse": True},
    "everything": {"x_mask": 3, "h_mask": True, "reverse": True, "mask": True, "last_only": True},
    "silu": {"activation": "silu", "recurrent_activation": "mish", "T": 2},
    "many units": {"H": 40, "T": 2, "N": 3},
    "segments": {"every": 2},
    "segments last": {"every": 2, "last_only": True, "x_mask": 2, "mask": True, "reverse": True},
    "segments everything": {"every": 2, "x_mask": 3, "h_mask": True},
    "segments many units": {"every": 2, "H": 40, "N": 3},
}


def gru(s: Side, N=5, T=3, F=3, H=6, activation="tanh", recurrent_activation="sigmoid", mask=False,
        x_mask=0, h_mask=False, reverse=False, last_only=False, wanted=True,
        training=True, every=0):  # fmt: skip
    """Run a GRU whose reset gate comes after the product forward, and backward in training."""
    ops, dtype = s.ops, s.dtype
    of_x, of_h, of_b = ops.gru_matrix(H, 3), ops.gru_matrix(H, 2), ops.gru_bias_rows(H)
    forward, backward = ops.lstm(activation, recurrent_activation)
    W = s.packed(of_x, s.normal(F, 3 * H) / np.sqrt(dtype.type(F)))
    U = s.packed(of_h, s.normal(H, 3 * H) / np.sqrt(dtype.type(H)))
    bias, b = s.packed(of_b, s.normal(2, 3 * H)), s.packed(ops.gate_vector(H), s.normal(4 * H))
    ops.gru_bias(bias, b)
    weights = ops.Weights(W, U, b)
    x, coins = s.exact(s.normal(T, N, F)), s.exact(s.rng.integers(0, 2, (T, N)), np.uint8)
    by_inputs = s.exact(2.0 * s.rng.integers(0, 2, {3: (4, N, F)}.get(x_mask, (N, F))), dtype)
    by_states = s.given((2.0 * s.rng.integers(0, 2, (4, N, H))).astype(dtype))
    in_segments = every and ops.device != "cpu"
    room = every if in_segments else T
    xm = s.scratch((room, N, F) if x_mask == 2 else ops.gate_inputs_shape(room, N, F))
    hm = s.scratch(ops.lstm_masked_size(N, H, dtype))
    masks = ops.Masks(
        coins if mask else None,
        *((by_inputs, xm) if x_mask else (None, None)),
        *((by_states, hm) if h_mask else (None, None)),
    )
    slots, last = (T + 1, T) if training else ops.slots(T, False)
    h = s.out(slots, N, H)
    ops.copy(h[0], s.drawn(N, H))
    gates = s.scratch(ops.lstm_gates_shape(T, N, H, dtype)) if training else None
    scratch, work = s.scratch(ops.gru_scratch_size(T, N, F, H)), ops.Work(h, None, gates)
    if in_segments:
        names, given = (activation, recurrent_activation), (x, weights, reverse, masks)
        forward, backward = segmented(s, names, every, h, None, not last_only, given)
        forward()
    else:
        forward(x, weights, work, scratch, reverse, masks)
    if not training:
        return {"h": s.host(h[last], H)}
    dy, dh = s.drawn(1 if last_only else T, N, H), s.drawn(N, H)
    dW, dU, db, dbias = (s.like(one) for one in (W, U, b, bias))
    dx = s.out(T, N, F) if wanted else None
    gradients = ops.Gradients(dy, dh, None, dW, dU, db, dx)
    if in_segments:
        backward(gradients)
    else:
        backward(xm if x_mask else x, weights, work, gradients, scratch, reverse, masks)
    ops.gru_gradients(dW, dU, db, dbias)
    found = {
        "h": s.host(h[T:] if every else h, H),
        "dh": s.host(dh, H),
        "dbias": s.unpacked(of_b, dbias),
    }
    found |= {"dW": s.unpacked(of_x, dW), "dU": s.unpacked(of_h, dU)}
    return found | ({"dx": s.host(dx, F)} if wanted else {})


BEFORE_OPTIONS = {
    "": {},
    "masked reversed": {"mask": True, "reverse": True},
    "last": {"last_only": True, "wanted": False},
    "everything": {"parts": 3, "h_mask": True, "reverse": True, "mask": True},
    "silu": {"activation": "silu", "recurrent_activation": "mish", "T": 2},
}


def gru_before(s: Side, N=5, T=3, F=3, H=6, activation="tanh", recurrent_activation="sigmoid",
               mask=False, parts=1, h_mask=False, reverse=False, last_only=False, wanted=True,
               training=True):  # fmt: skip
    """Run a GRU whose reset gate comes before the product forward, and backward in training."""
    ops, dtype = s.ops, s.dtype
    matrix, vector = ops.split_matrix(H), ops.split_vector(H)
    forward, backward = ops.gru_before(activation, recurrent_activation)
    W = s.packed(matrix, s.normal(F, 3 * H) / np.sqrt(dtype.type(F)))
    U = s.packed(matrix, s.normal(H, 3 * H) / np.sqrt(dtype.type(H)))
    b, x = s.packed(vector, s.normal(3 * H)), s.drawn(parts, T, N, F)
    coins = s.exact(s.rng.integers(0, 2, (T, N)), np.uint8)
    states = s.given((2.0 * s.rng.integers(0, 2, (3, N, H))).astype(dtype))
    masks = ops.Masks(coins if mask else None, h_mask=states if h_mask else None)
    slots, last = (T + 1, T) if training else ops.slots(T, False)
    h, kept = s.out(slots, N, H), (3, T if training else 1, N, b.size // 3)
    ops.copy(h[0], s.drawn(N, H))
    a, seen, weights = s.scratch(kept), s.scratch(kept), ops.Weights(W, U, b)
    forward(x, weights, h, a, seen, reverse, masks)
    if not training:
        return {"h": s.host(h[last], H)}
    dy, dh = s.drawn(1 if last_only else T, N, H), s.drawn(N, H)
    dW, dU, db = (s.like(one) for one in (W, U, b))
    dx = s.out(parts, T, N, F) if wanted else None
    gradients = ops.Gradients(dy, dh, None, dW, dU, db, dx)
    scratch = s.scratch(ops.gru_before_scratch_size(N, F, H, dtype))
    backward(x, weights, h, a, seen, gradients, scratch, reverse, masks)
    found = {"h": s.host(h, H), "dh": s.host(dh, H), "db": s.unpacked(vector, db)}
    found |= {"dW": s.unpacked(matrix, dW), "dU": s.unpacked(matrix, dU)}
    return found | ({"dx": s.host(dx, F)} if wanted else {})


RNN_OPTIONS = {
    "": {},
    "reversed masked": {"reverse": True, "mask": True},
    "dropped": {"h_mask": True},
    "last": {"last_only": True, "wanted": False},
    "silu": {"activation": "silu", "keeps": True},
}


def rnn(s: Side, N=5, T=3, F=3, H=6, activation="tanh", mask=False, h_mask=False, reverse=False,
        last_only=False, wanted=True, keeps=False):  # fmt: skip
    """Run a simple recurrence forward and backward."""
    ops, dtype = s.ops, s.dtype
    matrix, vector = ops.unit_matrix(H), ops.unit_vector(H)
    forward, backward = ops.rnn(activation)
    W, U = s.packed(matrix, s.normal(F, H)), s.packed(matrix, s.normal(H, H) / dtype.type(3))
    b, x = s.packed(vector, s.normal(H)), s.drawn(T, N, F)
    coins = s.exact(s.rng.integers(0, 2, (T, N)), np.uint8)
    states = s.given((2.0 * s.rng.integers(0, 2, (N, H))).astype(dtype))
    masks = ops.Masks(
        coins if mask else None,
        h_mask=states if h_mask else None,
        hm=s.out(T, N, H) if h_mask else None,
    )
    h = s.out(T + 1, N, H)
    ops.copy(h[0], s.drawn(N, H))
    z = s.out(T, N, H) if keeps else None
    weights = ops.Weights(W, U, b)
    forward(x, weights, h, z, reverse, masks)
    dy, dh, dz = s.drawn(1 if last_only else T, N, H), s.drawn(N, H), s.out(T, N, H)
    dW, dU, db, dx = s.like(W), s.like(U), s.like(b), s.out(T, N, F) if wanted else None
    gradients = ops.Gradients(dy, dh, None, dW, dU, db, dx)
    scratch = s.scratch(ops.rnn_scratch_size(N, F, H, dtype))
    backward(x, weights, h, z, dz, gradients, scratch, reverse, masks)
    found = {"h": s.host(h, H), "dh": s.host(dh, H), "db": s.unpacked(vector, db)}
    found |= {"dW": s.unpacked(matrix, dW), "dU": s.unpacked(matrix, dU)}
    return found | ({"dx": s.host(dx, F)} if wanted else {})


NORMALISED_OPTIONS = {
    "": {},
    "masked reversed": {"mask": True, "reverse": True},
    "dropout": {"x_mask": True},
    "last": {"last_only": True, "wanted": False, "activation": "relu"},
    "prediction": {"training": False, "mask": True},
}


def normalised(s: Side, N=5, T=3, F=3, H=6, activation="tanh", mask=False, x_mask=False,
               reverse=False, last_only=False, wanted=True, training=True):  # fmt: skip
    """Run an LSTM with layer normalisation forward, and backward in training."""
    ops, dtype = s.ops, s.dtype
    matrix, vector, units = ops.gate_matrix(H), ops.gate_vector(H), ops.unit_vector(H)
    forward, backward = ops.lstm_normalised(activation, "sigmoid")
    W, U = s.packed(matrix, s.normal(F, 4 * H)), s.packed(matrix, s.normal(H, 4 * H))
    weights = ops.Weights(W, U, s.packed(vector, s.normal(4 * H)))
    layouts = vector, vector, units, units
    gains = [s.packed(one, s.normal((4 if one is vector else 1) * H)) for one in layouts]
    x, coins = s.exact(s.normal(T, N, F)), s.exact(s.rng.integers(0, 2, (T, N)), np.uint8)
    dropped = s.exact(2.0 * s.rng.integers(0, 2, (N, F)), dtype), s.scratch((T, N, F))
    masks = ops.Masks(coins if mask else None, *(dropped if x_mask else ()))
    h, c = s.out(T + 1, N, H), s.out(T + 1, N, H)
    ops.copy(h[0], s.drawn(N, H))
    ops.copy(c[0], s.drawn(N, H))
    gates = s.scratch(ops.lstm_gates_shape(T, N, H, dtype)) if training else None
    work = ops.NormalisedWork(h, c, gates, s.scratch(ops.normalised_factors_shape(T, N)))
    scratch = s.scratch(ops.normalised_scratch_size(T, N, F, H, dtype))
    forward(x, weights, ops.Gains(*gains), work, scratch, reverse, masks)
    found = {"h": s.host(h, H), "c": s.host(c, H)}
    if not training:
        return found
    dy, dh, dc = s.drawn(1 if last_only else T, N, H), s.drawn(N, H), s.drawn(N, H)
    dW, dU, db = (s.like(one) for one in weights[:3])
    dgains, dx = [s.like(one) for one in gains], s.out(T, N, F) if wanted else None
    gradients = ops.Gradients(dy, dh, dc, dW, dU, db, dx)
    seen = dropped[1] if x_mask else x
    backward(seen, weights, ops.Gains(*gains), work, gradients, ops.Gains(*dgains), scratch,
             reverse, masks)  # fmt: skip
    found |= {"dh": s.host(dh, H), "dc": s.host(dc, H), "db": s.unpacked(vector, db)}
    found |= {"dW": s.unpacked(matrix, dW), "dU": s.unpacked(matrix, dU)}
    for k, (layout, one) in enumerate(zip(layouts, dgains)):
        found[f"gain {k}"] = s.unpacked(layout, one)
    return found | ({"dx": s.host(dx, F)} if wanted else {})


CASES = {f"lstm {name}".strip(): partial(lstm, **one) for name, one in OPTIONS.items()}
CASES |= {
    f"lstm prediction {name}".strip(): partial(lstm, **OPTIONS[name], training=False)
    for name in ("", "wide", "masked", "reversed", "peephole", "many units")
}
CASES |= {f"rnn {name}".strip(): partial(rnn, **one) for name, one in RNN_OPTIONS.items()}
CASES |= {
    f"normalised {name}".strip(): partial(normalised, **one)
    for name, one in NORMALISED_OPTIONS.items()
}
CASES |= {f"gru {name}".strip(): partial(gru, **one) for name, one in GRU_OPTIONS.items()}
CASES |= {
    f"gru prediction {name}".strip(): partial(gru, **GRU_OPTIONS[name], training=False)
    for name in ("", "wide", "many units")
}
CASES |= {
    f"gru before {name}".strip(): partial(gru_before, **one) for name, one in BEFORE_OPTIONS.items()
}
CASES["gru before prediction"] = partial(gru_before, training=False)
