"""What a model computes, and the gradients of its weights, through its public functions alone."""

import numpy as np

from nlstm.models import Sequential
from nlstm.optimizers import SGD


def model_of(*layers, shape, dtype="float64", loss="mse"):
    """Return a compiled, built model with random weights, all different."""
    model = Sequential(layers, dtype=dtype)
    model.build((None, *shape))
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0.0, 0.5, w.shape) for w in model.get_weights()])
    model.compile(SGD(learning_rate=1.0), loss)
    return model


def gradients(model, x, y):
    """Return the gradients of the weights: what one step of descent at rate 1 takes off."""
    before = model.get_weights()
    model.train_on_batch(x, y)
    return [old - new for old, new in zip(before, model.get_weights())]


def assert_close(found, wanted, tolerance=1e-10):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
