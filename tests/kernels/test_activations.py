"""The activations of the kernels: error bounds, derivatives, and what is saved for them."""

import numpy as np
import pytest

from nlstm.kernels.cpu.activations.emitters import INPUT_NAMES, MARKERS, TABLE
from nlstm.kernels.cpu.activations.pointwise import activation
from tests.reference.activations import ACTIVATIONS

NAMES = [name for name in MARKERS if name != "softmax"]
EXACT = {"linear", "relu", "relu6", "hard_tanh", "leaky_relu"}


FEATURES = 26


def arguments(dtype):
    rng = np.random.default_rng(0)
    tiny = 10.0 ** rng.uniform(-20, 0, 300)
    parts = [np.linspace(-12, 12, 2000), tiny, -tiny, [0.0, 1.0, -1.0, 2.5, 3.0, 6.0]]
    x = np.concatenate(parts).astype(dtype)
    x = np.resize(x, (x.size // 26 + 1, 32))
    x[:, FEATURES:] = 0  # lanes past the last feature
    return x


def test_every_activation_has_a_reference():
    assert set(NAMES) == set(ACTIVATIONS)
    not_zero = {name for name in NAMES if ACTIVATIONS[name][0](np.zeros(1)).any()}
    assert not_zero == {row.name for row in TABLE if not row.zero_at_zero}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives(name, dtype):
    forward, backward = activation(name)
    x, features = arguments(dtype), FEATURES
    y, dx = np.full_like(x, np.nan), np.full_like(x, np.nan)
    forward(x, y, features)
    assert not y[:, features:].any()
    dy = np.full_like(x, 0.5)
    unseen = np.full_like(x, np.nan)
    backward(x if name in INPUT_NAMES else unseen, y, dy, dx, features)
    x = x[:, :features].astype(np.float64)
    wanted, slope = (function(x) for function in ACTIVATIONS[name])
    eps = np.finfo(dtype).eps
    # Near zero 0.5 + x cancels, and far out the exponent of a tail is rounded.
    floors = {"hard": 1.0, "gelu": 1e-3 if name == "gelu" else 1.0}
    size = floors.get(name[:4], np.finfo(dtype).tiny)
    error = np.abs(y[:, :features] - wanted) / np.maximum(np.abs(wanted), size)
    assert error.max() <= (1 if name in EXACT else 6) * eps
    # Slopes by the result lose what the result rounds off; none is far from 1 in size.
    assert np.abs(dx[:, :features] - 0.5 * slope).max() <= 16 * eps * max(1, np.abs(slope).max())


@pytest.mark.parametrize("name", NAMES)
def test_nan_goes_through(name):
    forward, backward = activation(name)
    x, y = np.full((1, 16), np.nan, np.float32), np.zeros((1, 16), np.float32)
    forward(x, y, 16)
    assert np.isnan(y).all()
