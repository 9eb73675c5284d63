"""LayerNormalization against NumPy and central differences."""

import numba
import numpy as np
import pytest

from nlstm.layers import LayerNormalization
from tests.layers.binding import Bound

X = np.random.default_rng(0).normal(1.0, 2.0, size=(3, 4, 5))


def normalised(x, gamma=1.0, beta=0.0, epsilon=1e-3):
    x = np.asarray(x, np.float64)
    scale = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    return (x - x.mean(axis=-1, keepdims=True)) / scale * gamma + beta


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
    found = []
    for count in threads:
        numba.set_num_threads(count)
        bound = Bound(LayerNormalization(), x, dtype="float32")
        y = bound.forward()
        dx, dweights = bound.backward(slope)
        found.append([*y, *dx, *dweights])
    for other in found[1:]:
        for one, two in zip(found[0], other):
            np.testing.assert_array_equal(one, two)
    exact = Bound(LayerNormalization(), x)
    y = exact.forward()
    dx, dweights = exact.backward(slope)
    for one, two in zip(found[0], [*y, *dx, *dweights]):
        assert np.abs(one - two).max() < 1e-5 * np.abs(two).max()


def test_errors():
    with pytest.raises(ValueError, match="axis must be -1"):
        LayerNormalization(axis=[1, 2])
    with pytest.raises(ValueError, match="axis 1, which is not the last"):
        LayerNormalization(axis=1).output_shape((4, 5))
    assert LayerNormalization(axis=[2]).output_shape((4, 5)) == (4, 5)
