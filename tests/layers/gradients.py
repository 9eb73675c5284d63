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


def assert_descends(model, x, y, loss="mse", tolerance=1e-6):
    """Assert that a step of training takes off the loss's gradient, by central differences.

    The model is of float64, and without dropout; each weight is moved along one random way.
    """
    model.compile(SGD(learning_rate=1.0), loss)
    rows = len(x[0]) if isinstance(x, list) else len(x)

    def value():
        return model.evaluate(x, y, batch_size=rows, verbose=0)

    value()  # builds the model
    before, rng = model.get_weights(), np.random.default_rng(9)
    before = [weight + 0.1 * rng.normal(size=weight.shape) for weight in before]
    model.set_weights(before)
    found = gradients(model, x, y)
    for place, weight in enumerate(before):
        way, ends = rng.normal(size=weight.shape), []
        for step in (1e-5, -1e-5):
            moved = list(before)
            moved[place] = weight + step * way
            model.set_weights(moved)
            ends.append(value())
        wanted = (ends[0] - ends[1]) / 2e-5
        scale = np.abs(found[place] * way).sum()
        assert scale > 0.0, place
        assert abs((found[place] * way).sum() - wanted) < tolerance * scale, place
    model.set_weights(before)


def assert_close(found, wanted, tolerance=1e-10):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
