"""Batches copied in and out."""

import numpy as np
import pytest

from nlstm.kernels.cpu.data.masks import zero_masked_steps
from nlstm.kernels.cpu.data.sequences import gather_steps, scatter_steps
from tests.kernels.schedules import same_bits


@pytest.mark.parametrize("shape", [(5, 3, 2), (400, 30, 20)], ids=["one thread", "more"])
def test_there_and_back(shape, threads):
    rng = np.random.default_rng(0)
    source = rng.standard_normal(shape)
    index = rng.permutation(shape[0])

    def gather():
        batch = np.full((shape[1], shape[0], shape[2] + 1), 7.0)
        gather_steps(source, index, batch)
        return [batch]

    kernels = ["data.sequences.gather_parallel"] if shape[0] == 400 else []
    [batch] = same_bits(threads, gather, *kernels)
    assert np.array_equal(batch[:, :, :-1], source[index].swapaxes(0, 1))
    assert (batch[:, :, -1] == 7.0).all()

    out = np.zeros((shape[0] + 2, *shape[1:]))
    scatter_steps(batch, 1, out)
    assert np.array_equal(out[1:-1], source[index])
    assert not out[[0, -1]].any()


@pytest.mark.parametrize("reverse", [False, True])
def test_masked_steps_of_a_large_sequence(reverse, threads):
    rng = np.random.default_rng(0)
    source, mask = rng.standard_normal((51, 41, 67)), rng.integers(0, 2, (51, 41), np.uint8)
    first, step = (50, -1) if reverse else (0, 1)

    def zero():
        out = np.full_like(source, np.nan)
        zero_masked_steps(source, mask, first, step, out)
        return [out]

    [found] = same_bits(threads, zero, "data.masks.zero_parallel")
    np.testing.assert_array_equal(found, source * mask[::step, :, None])
