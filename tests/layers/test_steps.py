"""Layers that add, take away and exchange steps, and PReLU."""

import numpy as np
import pytest

from nlstm.layers import Cropping1D, Permute, PReLU, UpSampling1D, ZeroPadding1D
from tests.layers.binding import Bound

X = np.random.default_rng(0).normal(size=(3, 7, 4))


@pytest.mark.parametrize(
    "layer, wanted",
    [
        (ZeroPadding1D(), np.pad(X, ((0, 0), (1, 1), (0, 0)))),
        (ZeroPadding1D((0, 3)), np.pad(X, ((0, 0), (0, 3), (0, 0)))),
        (ZeroPadding1D([2, 0]), np.pad(X, ((0, 0), (2, 0), (0, 0)))),
        (Cropping1D(), X[:, 1:-1]),
        (Cropping1D((0, 6)), X[:, :1]),
        (Cropping1D((2, 0)), X[:, 2:]),
        (UpSampling1D(), np.repeat(X, 2, axis=1)),
        (UpSampling1D(3), np.repeat(X, 3, axis=1)),
        (Permute((2, 1)), X.transpose(0, 2, 1)),
        (Permute((1, 2)), X),
    ],
    ids=lambda one: getattr(one, "name", None),
)
def test_steps(layer, wanted):
    bound = Bound(layer, X)
    np.testing.assert_array_equal(bound.forward()[0], wanted)
    assert layer.output_shape((7, 4)) == wanted.shape[1:]
    bound.check_gradients()


def test_without_steps():
    np.testing.assert_array_equal(Bound(Permute((1,)), X[:, 0]).forward()[0], X[:, 0])
    for layer in (ZeroPadding1D(), Cropping1D(), UpSampling1D()):
        assert layer.output_shape((None, 4)) == (None, 4)


@pytest.mark.parametrize("shared", [None, [1], [2], [1, 2]], ids=str)
def test_prelu(shared):
    layer = PReLU(shared_axes=shared)
    bound = Bound(layer, X)
    (alpha,) = layer.get_weights()
    assert alpha.shape == tuple(1 if n in (shared or []) else X.shape[n] for n in (1, 2))
    np.testing.assert_allclose(bound.forward()[0], np.where(X < 0, alpha * X, X), rtol=1e-14)
    bound.check_gradients()


def test_prelu_of_flat_values():
    layer = PReLU()
    bound = Bound(layer, X[:, 0])
    x, (alpha,) = X[:, 0], layer.get_weights()
    np.testing.assert_allclose(bound.forward()[0], np.where(x < 0, alpha * x, x), rtol=1e-14)
    bound.check_gradients()


def test_errors():
    with pytest.raises(ValueError, match="cropping1d takes 7 steps away; got 7"):
        Cropping1D((3, 4)).output_shape((7, 4))
    with pytest.raises(ValueError, match="padding must lie in 0 to"):
        ZeroPadding1D(-1)
    with pytest.raises(ValueError, match="dims must be"):
        Permute((1, 3))
    with pytest.raises(ValueError, match="permute needs the number of steps"):
        Permute((2, 1)).output_shape((None, 4))
    with pytest.raises(ValueError, match="permute permutes 2 axes"):
        Permute((2, 1)).output_shape((4,))
    with pytest.raises(ValueError, match="p_re_lu needs the number of steps"):
        PReLU().output_shape((None, 4))
    with pytest.raises(ValueError, match="shares axes"):
        PReLU(shared_axes=[2]).output_shape((4,))
