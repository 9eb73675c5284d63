"""Loss kernels against the reference: values, gradients, weights, targets that serve every step."""

import numpy as np
import pytest

from nlstm.kernels.cpu.losses import FUNCTIONS, loss
from tests.reference import losses as reference
from tests.reference.dense import softmax

PLAIN = ["mean_squared_error", "mean_absolute_error", "binary_crossentropy"]
CATEGORICAL = ["categorical_crossentropy", "sparse_categorical_crossentropy"]
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
SHAPES = [(1, 1, 1), (1, 1, 3), (4, 3, 1), (5, 2, 17)]  # T, N, features


def time_major(array):
    return np.ascontiguousarray(np.moveaxis(array, 0, 1))


def padded(array, fill, columns=3):
    """Return (T, N, features + columns) from (N, T, features), with `fill` in the padding."""
    wide = np.pad(array, [(0, 0), (0, 0), (0, columns)], constant_values=fill)
    return time_major(wide)


def run(name, y, p, weight=None, gradient=True):
    """Call a kernel on (N, T, features) arrays; return the loss and the gradient."""
    features = p.shape[2]
    dp = np.full_like(padded(p, 0), np.nan) if gradient else None
    total = np.array([0.5, 7.0])  # "+="
    weight = None if weight is None else time_major(weight[..., None])
    loss(name)(time_major(y), padded(p, np.nan), features, weight, dp, total)
    assert total[1] == 7.0 + len(p)
    if gradient:
        assert (dp[:, :, features:] == 0).all()
        dp = np.moveaxis(dp[:, :, :features], 0, 1)
    return (total[0] - 0.5) / len(p), dp


def case(name, shape, dtype, steps=None):
    """Return targets and predictions that suit the loss, as (N, T, features)."""
    steps_, rows, features = shape
    rng = np.random.default_rng(7)
    p = rng.uniform(0.05, 0.95, (rows, steps_, features))
    y = rng.uniform(0.0, 1.0, (rows, steps or steps_, features))
    if name.startswith("sparse"):
        y = rng.integers(0, features, (rows, steps or steps_, 1)).astype(float)
    if name.endswith("from_logits"):
        p = rng.normal(0.0, 3.0, p.shape)
    if name.endswith("from_softmax"):
        p = softmax(rng.normal(0.0, 2.0, p.shape))
    return y.astype(dtype), p.astype(dtype)


def expected(name, y, p, weight=None):
    y = np.broadcast_to(y, (len(p), p.shape[1], y.shape[2]))
    logits = name.endswith("_from_logits")
    function = getattr(reference, name.removesuffix("_from_logits"))
    return function(y, p, weight, **({"from_logits": True} if logits else {}))


def check(found, wanted, dtype):
    limit = TOLERANCE[dtype]
    np.testing.assert_allclose(found[0], wanted[0], rtol=limit, atol=limit)
    scale = max(1e-30, np.abs(wanted[1]).max())
    np.testing.assert_allclose(found[1], wanted[1], rtol=20 * limit, atol=2 * limit * scale)


NAMES = [*PLAIN, *CATEGORICAL, *(f"{one}_from_logits" for one in [PLAIN[2], *CATEGORICAL])]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_matches_reference(name, shape, dtype):
    y, p = case(name, shape, dtype)
    check(run(name, y, p), expected(name, y, p), dtype)


@pytest.mark.parametrize("name", ["mean_squared_error", "sparse_categorical_crossentropy"])
def test_one_step_of_targets_serves_every_step(name):
    y, p = case(name, (5, 4, 3), "float64", steps=1)
    check(run(name, y, p), expected(name, y, p), "float64")


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("name", ["mean_absolute_error", "categorical_crossentropy"])
def test_sample_weights(name, steps):
    y, p = case(name, (5, 4, 3), "float64")
    weight = np.random.default_rng(1).uniform(0.0, 2.0, (4, steps))
    full = np.broadcast_to(weight, (4, 5))
    check(run(name, y, p, weight), expected(name, y, p, full), "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fused_sigmoid_gives_the_gradient_of_the_logits(dtype):
    y, p = case("binary_crossentropy", (3, 4, 5), dtype)
    wanted = expected("binary_crossentropy", y, p)
    wanted = wanted[0], wanted[1] * p * (1 - p)
    check(run("binary_crossentropy_from_sigmoid", y, p), wanted, dtype)


@pytest.mark.parametrize("name", CATEGORICAL)
def test_fused_softmax_gives_the_gradient_of_the_logits(name):
    y, p = case(f"{name}_from_softmax", (3, 4, 5), "float64")
    if not name.startswith("sparse"):
        y = case(name, (3, 4, 5), "float64")[0]  # soft targets that do not add up to one
    if name.startswith("sparse"):
        y = np.random.default_rng(2).integers(0, 5, (4, 3, 1)).astype(float)
    value, dp = expected(name, y, p)
    wanted = value, p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    check(run(f"{name}_from_softmax", y, p), wanted, "float64")


@pytest.mark.parametrize("name", NAMES + ["categorical_crossentropy_from_softmax"])
def test_the_value_is_the_same_without_a_gradient(name):
    y, p = case(name, (2, 3, 4), "float32")
    assert run(name, y, p, gradient=False)[0] == run(name, y, p)[0]


@pytest.mark.parametrize("saturated", [0.0, 1.0])
def test_saturated_probabilities_are_clipped_as_in_keras(saturated):
    y, p = np.full((1, 1, 1), 1.0 - saturated), np.full((1, 1, 1), saturated)
    value, dp = run("binary_crossentropy", y, p)
    assert value == pytest.approx(-np.log(1e-7), rel=1e-6)
    assert dp == 0.0
    assert run("binary_crossentropy_from_sigmoid", y, p)[1] == saturated - (1.0 - saturated)


@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_large_logits_do_not_overflow(logit):
    y, p = np.zeros((1, 1, 1)), np.full((1, 1, 1), logit)
    value, dp = run("binary_crossentropy_from_logits", y, p)
    assert value == max(logit, 0.0)
    assert dp == float(logit > 0)
    value, dp = run("categorical_crossentropy_from_logits", np.eye(2)[None, :1], p * [[[1.0, 0.0]]])
    assert value == max(-logit, 0.0)


@pytest.mark.parametrize("name", ["mean_squared_error", "binary_crossentropy"])
def test_a_nan_stays_visible(name):
    value, dp = run(name, np.zeros((1, 1, 1)), np.full((1, 1, 1), np.nan))
    assert np.isnan(value)
    assert np.isnan(dp).all()


def test_accuracies():
    p = np.array([[[0.2, 0.7, 0.1]], [[0.6, 0.3, 0.1]]])
    one_hot = np.array([[[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]])
    assert run("categorical_accuracy", one_hot, p, gradient=False)[0] == 0.5
    labels = np.array([[[1.0]], [[2.0]]])
    assert run("sparse_categorical_accuracy", labels, p, gradient=False)[0] == 0.5
    assert run("binary_accuracy", one_hot, p, gradient=False)[0] == pytest.approx(4 / 6)


def test_every_function_is_tested_here():
    assert set(FUNCTIONS) == {
        *NAMES,
        "binary_crossentropy_from_sigmoid",
        *(f"{name}_from_softmax" for name in CATEGORICAL),
        "binary_accuracy",
        "categorical_accuracy",
        "sparse_categorical_accuracy",
    }
