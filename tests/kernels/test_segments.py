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
from nlstm.kernels.cpu.products import layout
from nlstm.kernels.shared.bundles import Gradients, Masks, Weights, Work, Zoneout
from tests.kernels.lstm_case import ZONEOUT_KEY, random_case, run_kernels, steps_first, widen
from tests.kernels.schedules import same_bits


def run_segments(case, segment, last_only=False):
    """Return what `run_kernels` does; every array that is kept has the memory of a segment."""
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
    h_mask = None if h_mask is None else widen(h_mask, S)
    h, c = np.full((2, segment + 1, N, S), nan, dtype)
    gates = np.full(lstm_gates_shape(segment, N, H, dtype), nan, dtype)
    scratch, sums = np.full((2, lstm_scratch_size(segment, N, F, H, dtype)), nan, dtype)
    dy = widen(steps_first(case["dy"]), S)
    dh, dc = widen(case["dh"], S), widen(case["dc"], S)
    dx = np.full((T, N, layout.padded(F, dtype)), nan, dtype)
    dweights = [None if one is None else np.full_like(one, nan) for one in weights]
    outputs = np.full((T, N, H), nan, dtype)
    nothing = np.full((1, N, S), -0.0, dtype)
    firsts = [0, *range((T - 1) % segment + 1, T, segment)]
    ends = [*firsts[1:], T]
    kept = [(widen(case["h0"], S), widen(case["c0"], S))]

    def run(first, end, keep):
        steps = end - first
        here = slice(T - end, T - first) if reverse else slice(first, end)
        masks = Masks(None if mask is None else mask[here], x_mask,
                      None if xm is None else xm[:steps], h_mask, hm)  # fmt: skip
        zoneout = None
        if case["zoneout"] is not None:
            zoneout = Zoneout(*ZONEOUT_KEY, *case["zoneout"], first * N)
        keep = keep or zoneout is not None  # without gates it is not training that is computed
        slots = steps + 1 if keep else 2
        work = Work(h[:slots], c[:slots], gates[:steps] if keep else None)
        work.h[0], work.c[0] = kept[firsts.index(first)]
        scratch.fill(nan)
        forward(x[here], weights, work, scratch, reverse, masks, zoneout)
        return here, work, masks, zoneout, slots

    for first, end in zip(firsts, ends):
        _, work, _, _, slots = run(first, end, keep=False)
        at = (end - first) % slots
        kept.append((work.h[at].copy(), work.c[at].copy()))
    for first, end in reversed(list(zip(firsts, ends))):
        here, work, masks, zoneout, _ = run(first, end, keep=True)
        outputs[first:end] = work.h[1:, :, :H]
        own = dy[first:end]
        if last_only:
            own = dy[-1:] if end == T else nothing
        dW, dU, db, dp = dweights
        gradients = Gradients(own, dh, dc, dW, dU, db, dx[here], dp)
        seen = x[here] if xm is None else masks.xm
        backward(seen, weights, work, gradients, sums, reverse, masks, zoneout,
                 end == T, first == 0)  # fmt: skip
    dW, dU, db, dp = dweights
    return {
        "outputs": outputs.swapaxes(0, 1),
        "h": kept[-1][0][:, :H],
        "c": kept[-1][1][:, :H],
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


@pytest.mark.parametrize("N, T, F, H", [(1, 17000, 3, 5), (3, 1400, 9, 17), (128, 9, 40, 400)])
def test_bits_of_one_pass_where_gradients_are_summed_once(N, T, F, H):
    least = lstm_segment_steps(N, F, H, np.float32)
    assert least < T
    agree(random_case(N, T, F, H, np.float32), (least,))


def test_bits_at_any_number_of_threads(threads):
    N, F, H = 70, 9, 50
    least = lstm_segment_steps(N, F, H, np.float32)
    case = random_case(N, 60 * least + 2, F, H, np.float32)
    same_bits(threads, lambda: run_segments(case, 30 * least).values(),
              "lstm.forward.run_forward", "lstm.backward.run_backward")  # fmt: skip
