"""Masking: which steps count, and what becomes of the others."""

import numpy as np
import pytest

from nlstm.layers import Masking
from tests.layers.binding import Bound
from tests.layers.poison import host

X = np.random.default_rng(0).normal(size=(4, 5, 3))
X[0, 1] = X[1, 4] = X[2] = 0.0
X[3, 2, :2] = 0.0  # not all of its features


def filled(value):
    return np.where(X == 0.0, value, X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("value", [0.0, -1.5, 0.1])
def test_masks_and_zeroes(value, padded, dtype):
    x = filled(value)
    bound = Bound(Masking(value), x, dtype=dtype, padded=padded)
    (y,) = bound.forward()
    counts = (X != 0.0).any(axis=-1)
    np.testing.assert_array_equal(host(bound.outputs[0].mask).T, counts)
    np.testing.assert_array_equal(y, np.where(counts[..., None], x, 0).astype(dtype))


@pytest.mark.parametrize("value", [0.0, -1.5])
def test_gradients_are_zero_at_masked_steps(value):
    bound = Bound(Masking(value), filled(value))
    bound.forward()
    slope = np.random.default_rng(1).normal(size=X.shape)
    (dx,), _ = bound.backward(slope)
    np.testing.assert_array_equal(dx, slope * (X != 0.0).any(axis=-1)[..., None])


def test_errors():
    with pytest.raises(ValueError, match="masking expects sequences"):
        Masking().output_shape((5,))
    with pytest.raises(TypeError, match="mask_value must be a number"):
        Masking("zero")
