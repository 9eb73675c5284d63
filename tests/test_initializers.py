"""Initializers called by themselves."""

import numpy as np

import nlstm
from nlstm import initializers


def test_initializers_by_themselves():
    made = initializers.GlorotUniform()
    nlstm.set_random_seed(1)
    values = made((3, 4)), made((3, 4), dtype="float32")
    assert (values[0] != values[1]).all() and values[1].dtype == np.float32
    nlstm.set_random_seed(1)
    np.testing.assert_array_equal(made((3, 4)), values[0])
    seeded = initializers.Orthogonal(seed=2)
    np.testing.assert_array_equal(seeded((3, 4)), seeded((3, 4)))
