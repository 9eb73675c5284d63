"""RepeatVector, Flatten and Reshape against NumPy."""

import numpy as np
import pytest

from nlstm.layers import Flatten, RepeatVector, Reshape
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound

X = np.random.default_rng(0).normal(size=(5, 4, 6))
MASK = np.ones((5, 4))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize(
    "layer, shape",
    [
        (Flatten(), (24,)),
        (Reshape((24,)), (24,)),
        (Reshape((3, -1)), (3, 8)),
        (Reshape((-1, 4)), (6, 4)),
        (Reshape((2, 12)), (2, 12)),
        (Reshape((1, 24)), (1, 24)),
    ],
    ids=lambda one: getattr(one, "target_shape", None),
)
def test_numbers_stay_in_order(layer, shape, padded, dtype):
    bound = Bound(layer, X, masks=(MASK,), dtype=dtype, padded=padded)
    assert bound.shape == shape
    x = X.astype(dtype)
    np.testing.assert_array_equal(bound.forward()[0], x.reshape(5, *shape))
    assert bound.outputs[0].mask is None  # as in Keras
    slope = np.random.default_rng(1).normal(size=(5, *shape)).astype(dtype)
    (dx,), _ = bound.backward(slope)
    np.testing.assert_array_equal(dx, slope.reshape(X.shape))


def test_flat_values_get_steps():
    bound = Bound(Reshape((3, 2)), X[:, 0])
    np.testing.assert_array_equal(bound.forward()[0], X[:, 0].reshape(5, 3, 2))


def test_large_values_are_reshaped_by_several_threads(threads):
    x, slope = np.random.default_rng(0).normal(size=(2, 40, 60, 90))

    def run():
        bound = Bound(Flatten(), x)
        (y,) = bound.forward()
        (dx,), _ = bound.backward(slope.reshape(40, -1))
        return y, dx

    y, dx = same_bits(threads, run, "data.rearrange.reshape_parallel")
    np.testing.assert_array_equal(y, x.reshape(40, -1))
    np.testing.assert_array_equal(dx, slope)


def test_shapes_with_any_number_of_steps():
    assert Reshape((-1, 3)).output_shape((None, 6)) == (None, 3)
    assert Reshape((4, 3)).output_shape((None, 6)) == (4, 3)
    with pytest.raises(ValueError, match="flatten needs the number of steps"):
        Flatten().output_shape((None, 6))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_repeated_vector(dtype):
    bound = Bound(RepeatVector(3), X[:, 0], dtype=dtype)
    x = X[:, 0].astype(dtype)
    assert bound.shape == (3, 6)
    np.testing.assert_array_equal(bound.forward()[0], np.repeat(x[:, None], 3, axis=1))
    slope = np.random.default_rng(1).normal(size=(5, 3, 6)).astype(dtype)
    (dx,), _ = bound.backward(slope)
    np.testing.assert_allclose(dx, slope.sum(axis=1), rtol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match=r"reshape cannot give \(None, 4, 6\), 24 numbers"):
        Reshape((5, 5)).output_shape((4, 6))
    with pytest.raises(
        ValueError, match=r"cannot give \(None, 4, 6\), 24 numbers a row, the shape \(5, -1\)"
    ):
        Reshape((5, -1)).output_shape((4, 6))
    with pytest.raises(
        ValueError, match=r"target_shape must be \(steps, features\) or \(features,\)"
    ):
        Reshape((-1, -1))
    with pytest.raises(
        ValueError, match=r"target_shape must be \(steps, features\) or \(features,\)"
    ):
        Reshape((2, 3, 4))
    with pytest.raises(TypeError, match="target_shape must be a tuple"):
        Reshape("24")
    with pytest.raises(ValueError, match=r"repeat_vector expects \(batch, features\)"):
        RepeatVector(3).output_shape((4, 6))
    with pytest.raises(ValueError, match="n must be a positive integer"):
        RepeatVector(0)
    with pytest.raises(
        ValueError, match="data_format must be \"channels_last\"; got 'channels_first'"
    ):
        Flatten("channels_first")
