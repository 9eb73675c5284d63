"""Batches of ever other shapes take no ever more memory."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

import nlstm
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential
from nlstm.plan.cache import PLANS
from tests.drills.counts import Drill, times

STATM = Path("/proc/self/statm")
ROWS, STEPS = 64, 60
MIB = 1 << 20


def resident():
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not STATM.exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("ways", [("train_on_batch",), ("predict", "test_on_batch"), ("fit",)])
def test_batches_of_ever_other_shapes(ways):
    nlstm.set_random_seed(1)
    model = Sequential([LSTM(16, input_shape=(None, 3), dropout=0.1), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    draw = np.random.default_rng(0)
    x = draw.random((ROWS, STEPS, 3)).astype(np.float32)
    y = draw.random((ROWS, 1)).astype(np.float32)

    def one(way, rows, steps):
        data = x[:rows, :steps], y[:rows]
        if way == "predict":
            model.predict(data[0], verbose=0)
        elif way == "fit":
            model.fit(*data, verbose=0)
        else:
            getattr(model, way)(*data)

    def some(number):
        for rows, steps in draw.integers(1, (ROWS + 1, STEPS + 1), (number, 2)):
            for way in ways:
                one(way, int(rows), int(steps))

    batches = times(150, 10_000)
    with Drill(f"batches of ever other shapes, {' and '.join(ways)}") as drill:
        for way in ways:
            one(way, ROWS, STEPS)  # the arena has its size
        some(max(100, batches // 10))
        before = resident()
        some(batches)
        grown = (resident() - before) / MIB
        drill.note("KiB grown", round(grown * 1024))
        kept = [len(bench.plans._kept) for bench in model.binder._benches]
        drill.check(grown < 4, f"{grown:.1f} MiB more")
        drill.check(len(kept) <= 2 and max(kept) <= PLANS, f"plans: {kept}")
        drill.done = batches * len(ways)
