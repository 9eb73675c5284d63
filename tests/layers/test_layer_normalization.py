"""LayerNormalization against NumPy and central differences."""

import numpy as np
import pytest

from nlstm.layers import LayerNormalization
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound

X = np.random.default_rng(0).normal(1.0, 2.0, size=(3, 4, 5))


def normalised(x, gamma=1.0, beta=0.0, epsilon=1e-3):
    x = np.asarray(x, np.float64)
    scale = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    return (x - x.mean(axis=-1, keepdims=True)) / scale * gamma + beta


def normalised_back(x, slope, gamma, epsilon=1e-3):
    scale = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    d, normal = slope * gamma, normalised(x, epsilon=epsilon)
    along = (d * normal).mean(axis=-1, keepdims=True)
    return (d - d.mean(axis=-1, keepdims=True) - normal * along) / scale


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("x", [X, X[:, 0], X[..., :1]], ids=["sequence", "flat", "one feature"])
def test_values(x, dtype):
    layer = LayerNormalization()
    bound = Bound(layer, x, masks=(np.ones(x.shape[:2]),), dtype=dtype, padded=False)
    gamma, beta = layer.get_weights()
    tolerance = 2e-6 if dtype == "float32" else 1e-13
    wanted = normalised(x, gamma, beta)
    np.testing.assert_allclose(bound.forward()[0], wanted, rtol=tolerance, atol=tolerance)
    assert bound.outputs[0].mask is bound.inputs[0].mask


@pytest.mark.parametrize(
    "options", [{}, {"center": False}, {"scale": False}, {"center": False, "scale": False}], ids=str
)
def test_gradients(options):
    layer = LayerNormalization(epsilon=0.1, **options)
    bound = Bound(layer, X)
    assert [one.name for one in layer.parameters] == [
        name for name, key in (("gamma", "scale"), ("beta", "center")) if options.get(key, True)
    ]
    bound.check_gradients()


def test_initial_values():
    layer = LayerNormalization()
    bound = Bound(layer, X)
    for parameter in layer.parameters:
        parameter.initialize()
    np.testing.assert_allclose(bound.forward()[0], normalised(X), atol=1e-13)


def test_the_same_bits_at_any_number_of_threads(threads):
    x = np.random.default_rng(0).normal(size=(90, 20, 67))
    slope = np.random.default_rng(1).normal(size=x.shape)

    def run(dtype):
        layer = LayerNormalization()
        bound = Bound(layer, x, dtype=dtype)
        y = bound.forward()
        dx, dweights = bound.backward(slope)
        return [*y, *dx, *dweights, *layer.get_weights()]

    kernels = "normalised.layer_norm.forward_parallel", "normalised.layer_norm.backward_parallel"
    found = same_bits(threads, lambda: run("float32"), *kernels)
    exact = same_bits(threads, lambda: run("float64"), *kernels)
    for one, two in zip(found, exact, strict=True):
        assert np.abs(one - two).max() < 1e-5 * np.abs(two).max()
    *_, dgamma, dbeta, gamma, beta = exact
    np.testing.assert_allclose(exact[0], normalised(x, gamma, beta), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dgamma, (slope * normalised(x)).sum((0, 1)), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(dbeta, slope.sum((0, 1)), rtol=1e-10, atol=1e-10)
    wanted = normalised_back(x, slope, gamma)
    np.testing.assert_allclose(exact[1], wanted, rtol=1e-10, atol=1e-12)


def test_errors():
    with pytest.raises(ValueError, match="axis must be -1"):
        LayerNormalization(axis=[1, 2])
    with pytest.raises(ValueError, match="axis 1, which is not the last"):
        LayerNormalization(axis=1).output_shape((4, 5))
    assert LayerNormalization(axis=[2]).output_shape((4, 5)) == (4, 5)
