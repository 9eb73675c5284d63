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
