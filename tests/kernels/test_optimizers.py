"""Optimizer kernels against the reference, and their two forms against each other."""

import numba
import numpy as np
import pytest

from nlstm.kernels.cpu import optimizers
from tests.reference import optimizers as reference

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
STEPS = 5


def arrays(size, dtype):
    rng = np.random.default_rng(3)
    return rng.normal(size=size).astype(dtype), rng.normal(size=(STEPS, size)).astype(dtype)


def run(rule, value, gradients, moments, settings):
    value = value.copy()
    states = [np.zeros(size, value.dtype) for size in moments]
    step = np.zeros(1, np.int64)
    for gradient in gradients:
        getattr(optimizers, rule)(value, gradient, *states, np.array(settings), step)
    assert step[0] == len(gradients)
    return value


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 7, 33, 100])
def test_adam_matches_reference(size, dtype):
    value, gradients = arrays(size, dtype)
    found = run("adam_update", value, gradients, [size, size], [0.01, 0.8, 0.95, 1e-7])
    wanted = value.astype(np.float64)
    rule = reference.Adam(0.01, 0.8, 0.95, 1e-7)
    for gradient in gradients:
        rule.update(wanted, gradient)
    np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum, nesterov", [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd_matches_reference(momentum, nesterov, dtype):
    value, gradients = arrays(33, dtype)
    moments = [33] if momentum else [0]
    found = run("sgd_update", value, gradients, moments, [0.1, momentum, float(nesterov)])
    wanted = value.astype(np.float64)
    rule = reference.SGD(0.1, momentum, nesterov)
    for gradient in gradients:
        rule.update(wanted, gradient)
    np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize(
    "rule, moments, settings",
    [
        ("adam_update", 2, [0.01, 0.9, 0.999, 1e-7]),
        ("sgd_update", 1, [0.1, 0.9, 1.0]),
    ],
)
def test_the_same_bits_at_any_number_of_threads(rule, moments, settings, threads):
    size = 3 * optimizers.CHUNK + 5
    value, gradients = arrays(size, "float32")
    wanted = run(rule, value, gradients, [size] * moments, settings)
    for count in threads:
        numba.set_num_threads(count)
        found = run(f"{rule}_parallel", value, gradients, [size] * moments, settings)
        np.testing.assert_array_equal(found, wanted)


def test_where_nothing_pulls_nothing_moves():
    value = np.zeros(40, np.float32)
    found = run(
        "adam_update", value, np.zeros((2, 40), np.float32), [40, 40], [1, 0.9, 0.999, 1e-7]
    )
    assert (found == 0).all()
