import numpy as np
import pytest

from tests.reference.dense import dense_backward, dense_forward, softmax
from tests.reference.finite_differences import gradient


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid", "softmax"])
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 3), (1, 3)])
def test_gradients(activation, shape):
    rng = np.random.default_rng(3)
    x, W, b = rng.normal(size=shape), rng.normal(size=(3, 4)), rng.normal(size=4)
    dy = rng.normal(size=(*shape[:-1], 4))

    def loss():
        return (dense_forward(x, W, b, activation) * dy).sum()

    for array, found in zip((x, W, b), dense_backward(x, W, b, dy, activation)):
        np.testing.assert_allclose(found, gradient(loss, array), rtol=1e-6, atol=1e-8)


def test_softmax_of_large_numbers_is_finite_and_sums_to_one():
    y = softmax(np.array([[1e4, 0.0, -1e4], [0.0, np.log(2.0), np.log(5.0)]]))
    np.testing.assert_allclose(y, [[1.0, 0.0, 0.0], [1 / 8, 2 / 8, 5 / 8]])
