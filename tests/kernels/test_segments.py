"""An LSTM in segments of its steps, whose gates are computed again: the bits of one pass."""

import numpy as np
import pytest

from nlstm.kernels.cpu.lstm.lstm import lstm_segments
from nlstm.kernels.cpu.lstm.schedule import (
    lstm_gates_shape,
    lstm_masked_size,
    lstm_scratch_size,
    lstm_segment_steps,
)
from nlstm.kernels.cpu.lstm.segments import lstm_segments_size
from nlstm.kernels.cpu.products import layout
from nlstm.kernels.shared.bundles import Gradients, Masks, Weights, Work, Zoneout
from tests.kernels.lstm_case import (
    GUARD,
    ZONEOUT_KEY,
    random_case,
    run_kernels,
    steps_first,
    widen,
)
from tests.kernels.schedules import same_bits


def run_segments(case, segment, last_only=False):
    """Return what `run_kernels` does, from segments of so many steps."""
    dtype = case["x"].dtype
    (N, T, F), H = case["x"].shape, case["h0"].shape[1]
    S, nan, reverse = layout.padded(H, dtype), np.nan, case["reverse"]
    forward, backward = lstm_segments("tanh", "sigmoid")
    b = layout.pack_gates(case["b"][None])[:, 0]
    p = None if case["peephole"] is None else layout.pack_peephole(case["peephole"])
    weights = Weights(layout.pack_gates(case["W"]), layout.pack_gates(case["U"]), b, p)
    x, mask = steps_first(case["x"]), case["mask"]
    mask = None if mask is None else steps_first(mask).astype(np.uint8)
    x_mask, h_mask, L = case["x_mask"], case["h_masks"], layout.lanes(dtype)
    xm = None
    if x_mask is not None:
        by_gate = (segment, N, -(-F // L) * layout.GATES, L)
        xm = np.full((segment, N, F) if x_mask.ndim == 2 else by_gate, nan, dtype)
    hm = None if h_mask is None else np.full(lstm_masked_size(N, H, dtype), nan, dtype)
    masks = Masks(mask, x_mask, xm, None if h_mask is None else widen(h_mask, S), hm)
    zoneout = None if case["zoneout"] is None else Zoneout(*ZONEOUT_KEY, *case["zoneout"])
    count = -(-T // segment)
    kept = Work(*(np.full((slots + 1, N, S), nan, dtype) for slots in (
        count if last_only else T, count)))  # fmt: skip
    kept.h[0], kept.c[0] = widen(case["h0"], S), widen(case["c0"], S)
    h, c = np.full((2, segment + 1, N, S), nan, dtype)
    gates = np.full(lstm_gates_shape(segment, N, H, dtype), nan, dtype)
    own = Work(h if last_only else None, c, gates)
    scratch = np.full(lstm_scratch_size(segment, N, F, H, dtype), nan, dtype)
    forward(x, weights, kept, own, scratch, reverse, masks, zoneout)
    memory = np.full(lstm_segments_size(segment, N, F, H, dtype) + GUARD, 7.0, dtype)
    sums = memory[:-GUARD]
    sums.fill(nan)
    scratch.fill(nan)
    dy = widen(steps_first(case["dy"]), S)
    dy = np.ascontiguousarray(dy[-1:]) if last_only else dy
    dh, dc = widen(case["dh"], S), widen(case["dc"], S)
    dW, dU, db, dp = (None if one is None else np.full_like(one, nan) for one in weights)
    dx = np.full((T, N, layout.padded(F, dtype)), nan, dtype)
    gradients = Gradients(dy, dh, dc, dW, dU, db, dx, dp)
    backward(x, weights, kept, own, gradients, scratch, sums, reverse, masks, zoneout)
    assert (memory[-GUARD:] == 7.0).all()
    outputs = {} if last_only else {"outputs": kept.h[1:, :, :H].swapaxes(0, 1)}
    return outputs | {
        "h": kept.h[-1, :, :H],
        "c": kept.c[-1, :, :H],
        "dx": dx[:, :, :F].swapaxes(0, 1),
        "dW": layout.unpack_gates(dW, H),
        "dU": layout.unpack_gates(dU, H),
        "db": layout.unpack_gates(db[:, None], H)[0],
        "dp": np.zeros(3 * H) if dp is None else layout.unpack_peephole(dp, H),
        "dh0": dh[:, :H],
        "dc0": dc[:, :H],
    }


def agree(case, segments, last_only=False):
    """Assert that segments of every length give the bits of one pass."""
    whole = run_kernels(case, last_only=last_only)
    for segment in segments:
        found = run_segments(case, segment, last_only)
        for name, value in found.items():
            one, other = (np.ascontiguousarray(each) for each in (value, whole[name]))
            assert one.tobytes() == other.tobytes(), (segment, name)


OPTIONS = {
    "plain": {},
    "last output": {"last_only": True},
    "reverse": {"reverse": True},
    "mask": {"mask": True},
    "mask, reverse, last output": {"mask": True, "reverse": True, "last_only": True},
    "inputs masked": {"x_mask": True, "reverse": True},
    "states masked": {"h_mask": True, "x_masks": True, "mask": True},
    "peephole": {"peephole": True},
    "zoneout": {"zoneout": (0.2, 0.3)},
    "zoneout, reverse, mask": {"zoneout": (0.3, 0.1), "reverse": True, "mask": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_bits_of_one_pass(name):
    N, F, H = 40, 5, 13
    dtype = np.float64 if name == "mask" else np.float32
    least = lstm_segment_steps(N, F, H, dtype)
    options = OPTIONS[name]
    case = random_case(N, 5 * least + 1, F, H, dtype, **options)
    agree(case, (least, 2 * least), options.get("last_only", False))


@pytest.mark.parametrize("N, F, H", [(1, 3, 5), (3, 9, 17), (128, 40, 400)])
def test_bits_of_one_pass_where_gradients_are_summed_once(N, F, H):
    least = lstm_segment_steps(N, F, H, np.float32)
    agree(random_case(N, 2 * least + 1, F, H, np.float32), (least,))


@pytest.mark.parametrize("name", list(OPTIONS)[1:])
def test_options_where_gradients_are_summed_once(name):
    N, F, H = 3, 9, 17
    least, options = lstm_segment_steps(N, F, H, np.float32), OPTIONS[name]
    case = random_case(N, 2 * least + 7, F, H, np.float32, **options)
    agree(case, (least,), options.get("last_only", False))


def test_bits_at_any_number_of_threads(threads):
    N, F, H = 70, 9, 50
    least = lstm_segment_steps(N, F, H, np.float32)
    case = random_case(N, 60 * least + 2, F, H, np.float32)
    same_bits(threads, lambda: run_segments(case, 30 * least).values(),
              "lstm.segments.run_first_pass", "lstm.segments.run_way_back")  # fmt: skip
