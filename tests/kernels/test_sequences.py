"""Batches copied in and out."""

import numpy as np
import pytest

from nlstm.kernels.cpu.data.sequences import gather_steps, scatter_steps


@pytest.mark.parametrize("shape", [(5, 3, 2), (400, 30, 20)], ids=["one thread", "more"])
def test_there_and_back(shape):
    rng = np.random.default_rng(0)
    source = rng.standard_normal(shape)
    index = rng.permutation(shape[0])
    batch = np.full((shape[1], shape[0], shape[2] + 1), 7.0)
    gather_steps(source, index, batch)
    assert np.array_equal(batch[:, :, :-1], source[index].swapaxes(0, 1))
    assert (batch[:, :, -1] == 7.0).all()

    out = np.zeros((shape[0] + 2, *shape[1:]))
    scatter_steps(batch, 1, out)
    assert np.array_equal(out[1:-1], source[index])
    assert not out[[0, -1]].any()
