"""The process's seed."""

import numpy as np

import nlstm


def test_set_random_seed_seeds_numpy_too():
    nlstm.set_random_seed(3)
    first = np.random.rand()
    nlstm.set_random_seed(3)
    assert np.random.rand() == first
