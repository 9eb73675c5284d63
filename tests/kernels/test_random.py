"""Dropout masks: their statistics, their keys, and that they depend on nothing else."""

import numpy as np
import pytest

from nlstm.kernels.cpu.data.random import advance, dropout_apply, dropout_mask


def mask(seed=1, step=0, stream=0, rate=0.5, features=50, rows=400, columns=64, dtype="float32"):
    out = np.full((rows, columns), np.nan, dtype)
    dropout_mask(seed, np.array([step]), stream, rate, features, out)
    return out


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_share_and_scale(rate, dtype):
    found = mask(rate=rate, dtype=dtype)
    assert (found[:, 50:] == 0).all()
    kept = found[:, :50] != 0
    # five standard deviations of the mean of 20,000 draws
    assert abs(kept.mean() - (1 - rate)) <= 5 * np.sqrt(rate * (1 - rate) / kept.size)
    np.testing.assert_allclose(found[:, :50][kept], 1 / (1 - rate), rtol=1e-6)


def test_each_part_of_the_key_gives_another_mask():
    masks = [mask(), mask(seed=2), mask(step=1), mask(stream=1), mask(seed=2**62)]
    for k, one in enumerate(masks):
        for other in masks[:k]:
            # independent fair draws agree in half of the places
            assert abs((one[:, :50] == other[:, :50]).mean() - 0.5) < 0.02


def test_rows_and_columns_are_uncorrelated():
    kept = (mask(rows=2000, features=64) != 0) - 0.5
    assert np.abs(np.corrcoef(kept.T) - np.eye(64)).max() < 0.12
    assert abs((kept[1:] * kept[:-1]).mean()) < 0.005


def test_the_mask_does_not_depend_on_padding_or_number_of_rows():
    few = mask(rows=3, columns=50)
    np.testing.assert_array_equal(few, mask(rows=400, columns=64)[:3, :50])


def test_apply_is_a_product_with_the_mask():
    x = np.random.default_rng(0).normal(size=(400, 52)).astype(np.float32)
    out = np.full((400, 64), np.nan, np.float32)
    dropout_apply(1, np.array([0]), 0, 0.5, 50, x, out)
    np.testing.assert_array_equal(out[:, :50], x[:, :50] * mask()[:, :50])
    assert (out[:, 50:] == 0).all()


def test_apply_may_work_in_place():
    x = np.ones((400, 64), np.float32)
    dropout_apply(1, np.array([0]), 0, 0.5, 50, x, x)
    np.testing.assert_array_equal(x, mask())


def test_advance_counts():
    step = np.array([41])
    advance(step)
    assert step[0] == 42
