"""Initializers called by themselves."""

import numpy as np
import pytest

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


def test_get():
    assert initializers.get(None) is None
    assert isinstance(initializers.get("OrthogonalInitializer"), initializers.Orthogonal)
    assert isinstance(initializers.get("IdentityInitializer"), initializers.Identity)
    values = np.arange(6.0, dtype="float32").reshape(2, 3)
    made = initializers.get(values)
    np.testing.assert_array_equal(made((2, 3), dtype="float32"), values)
    assert made((2, 3)) is not values
    np.testing.assert_array_equal(type(made).from_config(made.get_config())((2, 3)), values)
    with pytest.raises(ValueError, match=r"of shape \(2, 3\); the shape needed is \(3, 2\)"):
        made((3, 2))


def test_an_array_or_none_in_a_layer():
    """None is Keras's default of weights, for a bias too."""
    values = np.arange(6.0).reshape(2, 3)
    model = nlstm.Sequential([nlstm.Input((2,)), nlstm.layers.Dense(3, None, True, values, None)])
    kernel, bias = model.get_weights()
    np.testing.assert_array_equal(kernel, values.astype("float32"))
    assert 0 < np.abs(bias).max() <= 1  # sqrt(6 / (3 + 3))
    twin = nlstm.Sequential.from_config(model.get_config())
    np.testing.assert_array_equal(twin.get_weights()[0], kernel)
    with pytest.raises(ValueError, match="The initializer is an array of shape"):
        nlstm.Sequential([nlstm.Input((4,)), nlstm.layers.Dense(3, None, True, values)]).build()
