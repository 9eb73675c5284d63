import numpy as np
import pytest

from tests.reference import losses
from tests.reference.dense import softmax
from tests.reference.finite_differences import gradient

SHAPES = [(7, 3), (4, 5, 3), (1, 1, 3)]
WEIGHTS = [None, "rows", "steps"]


def sample_weight(kind, shape, rng):
    if kind is None:
        return None
    return rng.uniform(0.2, 2.0, size=shape[:1] if kind == "rows" else shape[:-1])


def assert_gradient(loss, y, y_pred, weight, **options):
    _, found = loss(y, y_pred, weight, **options)
    expected = gradient(lambda: loss(y, y_pred, weight, **options)[0], y_pred)
    assert found.shape == y_pred.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error"])
def test_regression_gradients(name, shape, weights):
    rng = np.random.default_rng(5)
    y, y_pred = rng.normal(size=shape), rng.normal(size=shape)
    assert_gradient(getattr(losses, name), y, y_pred, sample_weight(weights, shape, rng))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("name", ["binary", "categorical", "sparse_categorical"])
def test_crossentropy_gradients(name, from_logits, shape, weights):
    rng = np.random.default_rng(6)
    z = rng.normal(size=shape)
    labels = rng.integers(0, 3, size=shape[:-1])
    y = {
        "binary": rng.integers(0, 2, size=shape).astype(float),
        "categorical": softmax(rng.normal(size=shape)),
        "sparse_categorical": labels,
    }[name]
    y_pred = z if from_logits else softmax(z)
    loss = getattr(losses, f"{name}_crossentropy")
    weight = sample_weight(weights, shape, rng)
    assert_gradient(loss, y, y_pred, weight, from_logits=from_logits)


@pytest.mark.parametrize("name", ["binary", "categorical", "sparse_categorical"])
def test_logits_and_probabilities_agree(name):
    rng = np.random.default_rng(7)
    z = rng.normal(size=(4, 5, 3))
    y = rng.integers(0, 3, size=(4, 5)) if name == "sparse_categorical" else softmax(z[::-1])
    p = losses.sigmoid(z) if name == "binary" else softmax(z)
    loss = getattr(losses, f"{name}_crossentropy")
    np.testing.assert_allclose(loss(y, p)[0], loss(y, z, from_logits=True)[0], rtol=1e-12)


def test_labels_may_have_a_last_axis_of_one():
    rng = np.random.default_rng(8)
    y, y_pred = rng.integers(0, 3, size=(4, 5)), softmax(rng.normal(size=(4, 5, 3)))
    loss = losses.sparse_categorical_crossentropy
    assert loss(y, y_pred)[0] == loss(y[..., None], y_pred)[0]


def test_y_of_one_step_stands_for_every_step():
    rng = np.random.default_rng(9)
    y, y_pred = rng.normal(size=(4, 1)), rng.normal(size=(4, 5, 1))
    value, dy_pred = losses.mean_squared_error(y, y_pred)
    assert np.isclose(
        value, np.mean([(y_pred[n, t, 0] - y[n, 0]) ** 2 for n in range(4) for t in range(5)])
    )
    assert_gradient(losses.mean_squared_error, y, y_pred, None)
    assert dy_pred.shape == (4, 5, 1)


def test_mean_is_over_rows_not_over_weights():
    """Keras: MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [1, 0]], sample_weight=[0.7, 0.3])."""
    y, y_pred = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [1.0, 0.0]])
    assert np.isclose(losses.mean_squared_error(y, y_pred)[0], 0.5)
    assert np.isclose(losses.mean_squared_error(y, y_pred, [0.7, 0.3])[0], 0.25)
    assert np.isclose(losses.mean_absolute_error(y, y_pred, [0.7, 0.3])[0], 0.25)


def test_values_published_by_keras():
    """From the docstrings of BinaryCrossentropy and CategoricalCrossentropy."""
    y, logits = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[-18.6, 0.51], [2.94, -12.8]])
    p = np.array([[0.6, 0.4], [0.4, 0.6]])
    binary = losses.binary_crossentropy
    assert np.isclose(binary(y, logits, from_logits=True)[0], 0.865, atol=1e-3)
    assert np.isclose(binary(y, logits, [0.8, 0.2], from_logits=True)[0], 0.243, atol=1e-3)
    assert np.isclose(binary(y, p)[0], 0.815, atol=1e-3)
    p = np.array([[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
    for loss, y in (
        (losses.categorical_crossentropy, np.array([[0, 1, 0], [0, 0, 1]])),
        (losses.sparse_categorical_crossentropy, np.array([1, 2])),
    ):
        assert np.isclose(loss(y, p)[0], 1.177, atol=1e-3)
        assert np.isclose(loss(y, p, [0.3, 0.7])[0], 0.814, atol=1e-3)


def test_sure_and_wrong_stays_finite():
    value, dy_pred = losses.binary_crossentropy([[1.0]], [[0.0]])
    assert np.isclose(value, -np.log(1e-7)) and np.isfinite(dy_pred).all()
    value, dy_pred = losses.binary_crossentropy([[1.0]], [[-800.0]], from_logits=True)
    assert value == 800.0 and dy_pred == -1.0
