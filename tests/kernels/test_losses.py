"""Loss kernels against the reference: values, gradients, weights, targets that serve every step."""

import numpy as np
import pytest

from nlstm.kernels.cpu.losses.choice import FUNCTIONS, loss
from tests.reference import loss_values as values
from tests.reference import losses as reference
from tests.reference.dense import softmax
from tests.reference.finite_differences import gradient as differences

PLAIN = ["mean_squared_error", "mean_absolute_error", "binary_crossentropy"]
CATEGORICAL = ["categorical_crossentropy", "sparse_categorical_crossentropy"]
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
SHAPES = [(1, 1, 1), (1, 1, 3), (4, 3, 1), (5, 2, 17)]  # T, N, features
PLAIN_CROSSENTROPY = (1.0, 0.0, np.nan, 0.0, 0.0)
SETTINGS = {"binary_accuracy": (0.5,)}


def time_major(array):
    return np.ascontiguousarray(np.moveaxis(array, 0, 1))


def padded(array, fill, columns=3):
    """Return (T, N, features + columns) from (N, T, features), with `fill` in the padding."""
    wide = np.pad(array, [(0, 0), (0, 0), (0, columns)], constant_values=fill)
    return time_major(wide)


def run(name, y, p, weight=None, gradient=True, settings=None, reduction="mean"):
    """Call a kernel on (N, T, features) arrays; return the loss and the gradient."""
    if settings is None:
        settings = SETTINGS.get(name, PLAIN_CROSSENTROPY if "crossentropy" in name else (0.5,))
    features = p.shape[2]
    dp = np.full_like(padded(p, 0), np.nan) if gradient else None
    total = np.array([0.5, 7.0])  # "+="
    weight = None if weight is None else time_major(weight[..., None])
    function = loss(name, settings, reduction)
    function(time_major(y), padded(p, np.nan), features, weight, dp, total)
    if reduction == "metric":
        return total - [0.5, 7.0]
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
    assert run("accuracy", p.round(), p.round(1), gradient=False)[0] == 0.0
    assert run("accuracy", labels, labels, gradient=False)[0] == 1.0


# Losses whose gradients are judged by central differences: name, settings, reference, its options

SMOOTH = (0.9, 0.1)
QUANTILES = (0.1, 0.5, 0.8)
BY_DIFFERENCES = {
    "mean_absolute_percentage_error": ((0,), values.percentage, {}),
    "mean_squared_logarithmic_error": ((0,), values.logarithmic, {}),
    "huber": ((0.4,), values.huber, {"delta": 0.4}),
    "log_cosh": ((0,), values.log_cosh, {}),
    "poisson": ((0,), values.poisson, {}),
    "hinge": ((0,), values.hinge, {}),
    "squared_hinge": ((0,), values.squared_hinge, {}),
    "categorical_hinge": ((0,), values.categorical_hinge, {}),
    "cosine_similarity": ((-1,), values.cosine, {}),
    "kl_divergence": ((0,), values.divergence, {}),
    "binary_crossentropy": ((*SMOOTH, 0, 0, 0), values.binary, {"smoothing": 0.1}),
    "binary_crossentropy_from_logits": (
        (*SMOOTH, 0, 0, 0),
        values.binary,
        {"smoothing": 0.1, "from_logits": True},
    ),
    "binary_focal_crossentropy": (
        (*SMOOTH, 1.5, 0.3, 1),
        values.binary_focal,
        {"smoothing": 0.1, "gamma": 1.5, "alpha": 0.3, "balanced": True},
    ),
    "binary_focal_crossentropy_from_logits": (
        (1, 0, 2, 0.3, 0),
        values.binary_focal,
        {"from_logits": True},
    ),
    "categorical_crossentropy": ((*SMOOTH, 0, 0), values.categorical, {"smoothing": 0.1}),
    "categorical_crossentropy_from_logits": (
        (*SMOOTH, 0, 0),
        values.categorical,
        {"smoothing": 0.1, "from_logits": True},
    ),
    "categorical_focal_crossentropy": (
        (*SMOOTH, 1.5, 0.3),
        values.categorical_focal,
        {"smoothing": 0.1, "gamma": 1.5, "alpha": 0.3},
    ),
    "categorical_focal_crossentropy_from_logits": (
        (1, 0, 2, 0.25),
        values.categorical_focal,
        {"from_logits": True},
    ),
    "quantile": (QUANTILES, values.quantile, {"quantiles": QUANTILES}),
    "gaussian_nll": ((1e-3,), values.gaussian, {"epsilon": 1e-3}),
    "student_t_nll": ((1e-3,), values.student_t, {"epsilon": 1e-3}),
    "nse": ((0.2,), values.nse, {"epsilon": 0.2}),
}


def rows_of(name, dtype):
    """Return targets and predictions (2, 3, 6) that suit a loss of `BY_DIFFERENCES`."""
    rng = np.random.default_rng(11)
    p, y = rng.uniform(0.05, 0.95, (2, 2, 3, 6))
    if name.endswith(("logits", "nll")) or name in ("log_cosh", "cosine_similarity", "quantile"):
        p = rng.normal(0.0, 2.0, p.shape)
    if "hinge" in name:
        y = (y > 0.5).astype(float)
    blocks = {"quantile": 2, "gaussian_nll": 3, "student_t_nll": 2, "nse": 12}
    if name in blocks:
        y = rng.uniform(0.1, 1.0, (2, 3, blocks[name]))
    return y.astype(dtype), p.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BY_DIFFERENCES)
def test_against_central_differences(name, dtype):
    settings, reference_values, options = BY_DIFFERENCES[name]
    y, p = rows_of(name, dtype)
    weight = np.random.default_rng(1).uniform(0.5, 1.5, (2, 3))
    exact_y, exact_p = y.astype(float), p.astype(float)

    def mean():
        return (weight * reference_values(exact_y, exact_p, **options)).mean()

    found = run(name, y, p, weight.astype(dtype), settings=settings)
    single = dtype == "float32"
    np.testing.assert_allclose(found[0], mean(), rtol=1e-5 if single else 1e-12)
    wanted = differences(mean, exact_p)
    limit = 1e-4 if single else 1e-8
    np.testing.assert_allclose(found[1], wanted, rtol=limit, atol=limit * np.abs(wanted).max())
    assert run(name, y, p, weight.astype(dtype), False, settings)[0] == found[0]


@pytest.mark.parametrize("name", ["mean_squared_error", "categorical_crossentropy"])
def test_reductions(name):
    y, p = case(name, (5, 4, 3), "float64")
    weight = np.random.default_rng(1).uniform(0.0, 2.0, (4, 5))
    plain = run(name, y, p, weight)
    for reduction, factor in (("sum", 20.0), ("mean_with_sample_weight", 20.0 / weight.sum())):
        found = run(name, y, p, weight, reduction=reduction)
        np.testing.assert_allclose(found[0], plain[0] * factor, rtol=1e-12)
        np.testing.assert_allclose(found[1], plain[1] * factor, rtol=1e-12)
    found = run(name, y, p, weight, reduction="metric")
    np.testing.assert_allclose(found, [plain[0] * 4, weight.sum() / 5], rtol=1e-12)
    found = run(name, y, p, weight[:, :1], reduction="metric")
    np.testing.assert_allclose(found[1], weight[:, 0].sum(), rtol=1e-12)


def test_the_binary_hinge_takes_labels_of_both_kinds():
    p = np.random.default_rng(3).normal(size=(2, 3, 4))
    y = (p > 0.3).astype(float)
    assert run("hinge", y, p)[0] == run("hinge", 2 * y - 1, p)[0]


def test_extreme_likelihoods_stay_finite():
    y, p = np.zeros((1, 1, 1)), np.array([[[1e3, -800.0, 800.0]]])
    for name, columns in (("gaussian_nll", 2), ("student_t_nll", 3)):
        value, slope = run(name, y, p[:, :, :columns].copy(), settings=(1e-6,))
        assert np.isfinite(value) and np.isfinite(slope).all()


def test_top_k():
    p = np.array([[[0.2, 0.7, 0.1, 0.4]], [[0.6, 0.3, 0.1, 0.4]]])
    labels = np.array([[[3.0]], [[2.0]]])
    for k, share in ((1, 0.0), (2, 0.5), (4, 1.0)):
        found = run("sparse_top_k_categorical_accuracy", labels, p, None, False, (k,))
        assert found[0] == share
        one_hot = np.eye(4)[labels[..., 0].astype(int)]
        assert run("top_k_categorical_accuracy", one_hot, p, None, False, (k,))[0] == share


def test_every_function_is_tested_here():
    assert set(FUNCTIONS) == {
        *NAMES,
        *BY_DIFFERENCES,
        "binary_crossentropy_from_sigmoid",
        *(f"{name}_from_softmax" for name in CATEGORICAL),
        "accuracy",
        "binary_accuracy",
        "categorical_accuracy",
        "sparse_categorical_accuracy",
        "top_k_categorical_accuracy",
        "sparse_top_k_categorical_accuracy",
    }
