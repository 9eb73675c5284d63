"""Initializers called by themselves."""

import numpy as np
import pytest

import nlstm
from nlstm import initializers
from nlstm.layers import Dense
from nlstm.models import Sequential, load_model


def test_initializers_by_themselves():
    made = initializers.GlorotUniform()
    nlstm.set_random_seed(1)
    values = made((3, 4)), made((3, 4), dtype="float32")
    assert (values[0] != values[1]).all() and values[1].dtype == np.float32
    nlstm.set_random_seed(1)
    np.testing.assert_array_equal(made((3, 4)), values[0])
    seeded = initializers.Orthogonal(seed=2)
    np.testing.assert_array_equal(seeded((3, 4)), seeded((3, 4)))


class AsKeras(initializers.Initializer):
    """Is called as Keras calls its own: without a generator."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, shape, dtype=None):
        return np.full(shape, self.scale, dtype)

    def get_config(self):
        return {"scale": self.scale}


class WithOptions(AsKeras):
    """As Keras's own signature is."""

    def __call__(self, shape, dtype=None, **kwargs):
        return super().__call__(shape, dtype)


@pytest.mark.parametrize("kind", [AsKeras, WithOptions])
def test_a_users_initializer_as_keras_calls_it(kind, tmp_path):
    model = Sequential([Dense(2, kernel_initializer=kind(0.5), input_shape=(3,))])
    np.testing.assert_array_equal(model.get_weights()[0], np.full((3, 2), 0.5))
    config = model.layers[0].get_config()["kernel_initializer"]
    assert config["class_name"] == kind.__name__ and config["config"] == {"scale": 0.5}
    model.save(tmp_path / "m.nlstm")
    with pytest.raises(ValueError, match=f"give custom_objects={{'{kind.__name__}': ...}}"):
        load_model(tmp_path / "m.nlstm")
    load_model(tmp_path / "m.nlstm", custom_objects={kind.__name__: kind})


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
