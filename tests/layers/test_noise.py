"""GaussianNoise and SpatialDropout1D: statistics, gradients, and their absence outside training."""

import numpy as np
import pytest

from nlstm.layers import GaussianNoise, SpatialDropout1D
from tests.layers.binding import Bound

X = np.random.default_rng(0).normal(size=(60, 30, 7))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_normal(dtype):
    noise = Bound(GaussianNoise(0.5, seed=1), X, dtype=dtype, padded=False).forward()[0] - X
    flat = noise.ravel() / 0.5
    n = flat.size
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        spread = np.sqrt(np.var(flat**power) / n)
        assert abs((flat**power).mean() - moment) < 5 * spread
    assert abs(np.corrcoef(flat[1:], flat[:-1])[0, 1]) < 5 / np.sqrt(n)
    assert 3.5 < np.abs(flat).max() < 7


def test_noise_differs_by_step_and_seed_alone():
    first, again = (Bound(GaussianNoise(0.5, seed=1), X).forward()[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != Bound(GaussianNoise(0.5, seed=2), X).forward()[0]).all()


@pytest.mark.parametrize("layer", [GaussianNoise(0.5, seed=1), SpatialDropout1D(0.5, seed=1)])
def test_gradients(layer):
    Bound(layer, X[:3, :4]).check_gradients()


@pytest.mark.parametrize("kind", [GaussianNoise, SpatialDropout1D])
def test_nothing_happens_outside_training(kind):
    mask = np.ones(X.shape[:2])
    bound = Bound(kind(0.5), X, masks=(mask,), training=False)
    assert bound.outputs[0] is bound.inputs[0]
    assert Bound(kind(0.0), X).plan.forward == []
    assert kind(0.5).streamed() is None
    trained = Bound(kind(0.5), X, masks=(mask,))
    assert trained.outputs[0].mask is trained.inputs[0].mask


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_features_are_dropped(dtype):
    y = Bound(SpatialDropout1D(0.25, seed=1), X, dtype=dtype, padded=False).forward()[0]
    factors = y / X.astype(dtype)
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1], X.shape), rtol=1e-5)
    kept = factors[:, 0] != 0
    np.testing.assert_allclose(factors[:, 0][kept], 1 / 0.75, rtol=1e-5)
    assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.25 * 0.75 / kept.size)


def test_errors():
    with pytest.raises(ValueError, match="stddev must be at least 0"):
        GaussianNoise(-1.0)
    with pytest.raises(TypeError, match="stddev must be a number"):
        GaussianNoise("1")
    with pytest.raises(ValueError, match="rate must be at least 0"):
        SpatialDropout1D(1.0)
    with pytest.raises(ValueError, match="^spatial_dropout1d expects sequences, "):
        SpatialDropout1D(0.5).output_shape((4,))
