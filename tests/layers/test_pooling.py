"""Pools over all steps against NumPy and central differences."""

import numpy as np
import pytest

from nlstm.layers import GlobalAveragePooling1D, GlobalMaxPooling1D
from tests.kernels.schedules import same_bits
from tests.layers.binding import Bound

X = np.random.default_rng(0).normal(size=(5, 4, 3))
MASK = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]])
KINDS = [GlobalAveragePooling1D, GlobalMaxPooling1D]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
def test_values(mask, keepdims, dtype):
    x = X.astype(dtype)
    weight = np.ones((5, 4)) if mask is None else mask
    average = (x * weight[..., None]).sum(1) / weight.sum(1)[:, None]
    for kind, wanted in zip(KINDS, (average, x.max(axis=1))):  # the mask is none of the maximum's
        bound = Bound(kind(keepdims=keepdims), X, masks=(mask,), dtype=dtype, padded=False)
        found = bound.forward()[0]
        np.testing.assert_allclose(found, wanted[:, None] if keepdims else wanted, rtol=1e-6)
        assert bound.shape == ((1, 3) if keepdims else (3,))
        assert bound.outputs[0].mask is None


@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind, mask):
    Bound(kind(), X, masks=(mask,)).check_gradients()


def test_equal_maxima_share_the_gradient():
    x = np.array([[[1.0], [2.0], [2.0]]])
    bound = Bound(GlobalMaxPooling1D(), x)
    bound.forward()
    (dx,), _ = bound.backward(np.array([[3.0]]))
    np.testing.assert_array_equal(dx[0, :, 0], [0.0, 1.5, 1.5])


def test_nan_stays_visible():
    x = X.copy()
    x[1, 2, 0] = np.nan
    for kind in KINDS:
        found = Bound(kind(), x).forward()[0]
        assert np.isnan(found[1, 0]) and np.isfinite(np.delete(found.ravel(), 3)).all()


@pytest.mark.parametrize("masked", [False, True])
def test_large_values_on_several_threads(masked, threads):
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(40, 60, 90)), rng.random((40, 60)) < 0.7 if masked else None
    found = same_bits(
        threads,
        lambda: Bound(GlobalAveragePooling1D(), x, masks=(mask,)).forward(),
        "data.pooling.average_parallel",
    )
    wanted = np.average(x, axis=1, weights=mask if mask is None else mask[..., None] * np.ones(90))
    np.testing.assert_allclose(found[0], wanted, atol=1e-14)


def test_errors():
    for kind in KINDS:
        with pytest.raises(ValueError, match="pooling1d expects sequences, "):
            kind().output_shape((5,))
        with pytest.raises(
            ValueError, match="data_format must be \"channels_last\"; got 'channels_first'"
        ):
            kind("channels_first")
