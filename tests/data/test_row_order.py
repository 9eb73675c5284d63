"""Rows of unlike length in an order that keeps tiles full and slices of rows even."""

import numpy as np
import pytest

from nlstm.data.row_order import BLOCK, dealt
from nlstm.layers import LSTM, Dense
from nlstm.models import Sequential

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("rows", [1, 5, 6, 7, 64, 256])
def test_every_row_once(rows):
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 30, rows)
    assert sorted(dealt(lengths).tolist()) == list(range(rows))


def test_blocks_hold_like_rows_and_halves_are_even():
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 400, 192)
    found = lengths[dealt(lengths)].reshape(-1, BLOCK)
    ordered = np.sort(lengths).reshape(-1, BLOCK)
    assert np.ptp(found, axis=1).max() == np.ptp(ordered, axis=1).max()
    work = found.max(axis=1)
    for runs in (2, 4):
        sums = work.reshape(runs, -1).sum(axis=1)
        assert np.ptp(sums) < 0.2 * sums.mean()


def test_results_are_those_of_the_rows():
    rng = np.random.default_rng(1)
    x, lengths = rng.random((50, 4, 3)), rng.integers(1, 5, 50)
    y = rng.random((50, 1))
    model = Sequential([LSTM(4, input_shape=(4, 3)), Dense(1)])
    model.compile("sgd", "mse")
    found = model.predict(x, batch_size=16, lengths=lengths)
    alone = [model.predict(x[i : i + 1], lengths=lengths[i : i + 1])[0] for i in range(50)]
    np.testing.assert_allclose(found, alone, rtol=1e-5)
    loss = model.evaluate(x, y, batch_size=16, lengths=lengths, verbose=0)
    np.testing.assert_allclose(loss, np.mean((found - y) ** 2), rtol=1e-5)
