"""Loss objects: the same numbers as Keras, a user's own, forecasters' heads, errors."""

import numpy as np
import pytest

from nlstm import losses, metrics
from nlstm.layers import LSTM, Dense
from nlstm.losses import Loss
from nlstm.models import Sequential
from tests.golden import cases, rules
from tests.layers.gradients import assert_descends

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5, 2))
UNIT = np.zeros((12, 5, 1))


@pytest.mark.parametrize("case, wanted", rules("losses"), ids=[str(case) for case in cases.LOSSES])
def test_numbers_of_keras(case, wanted):
    """Keras computed them in float32."""
    y, p, weight = cases.batch(case)
    assert getattr(losses, case[0])(**case[1])(y, p, weight) == pytest.approx(wanted, rel=1e-6)


def test_names():
    assert isinstance(losses.get("huber"), losses.Huber)
    assert losses.get("huber").name == "huber_loss"  # as in Keras
    assert isinstance(losses.get("MSLE"), losses.MeanSquaredLogarithmicError)
    assert isinstance(losses.get("KLDivergence"), losses.KLDivergence)
    assert losses.get(losses.Hinge).name == "hinge"


class Quartic(Loss):
    def call(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 4, axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


class Squared(Loss):
    def call(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 2, axis=-1)

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_pred.shape[-1]


def trained(loss, y, head=1, sequences=False, **fit):
    model = Sequential([LSTM(3, return_sequences=sequences, seed=1), Dense(head)], dtype="float64")
    model.build((None, 5, 2))
    rng = np.random.default_rng(7)
    model.set_weights([rng.normal(size=w.shape) * 0.3 for w in model.get_weights()])
    model.compile("sgd", loss)
    history = model.fit(X, y, batch_size=4, epochs=2, verbose=0, shuffle=False, **fit)
    return model, history.history["loss"]


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_a_users_own_loss_trains_like_a_kernels(sequences, reduction):
    rng = np.random.default_rng(1)
    y = rng.normal(size=(12, 5, 1) if sequences else (12, 1))
    weight = rng.uniform(0.5, 1.5, 12)
    own, own_losses = trained(
        Squared(reduction=reduction), y, sequences=sequences, sample_weight=weight
    )
    known, known_losses = trained(
        losses.MeanSquaredError(reduction), y, sequences=sequences, sample_weight=weight
    )
    np.testing.assert_allclose(own_losses, known_losses, rtol=1e-12)
    for mine, other in zip(own.get_weights(), known.get_weights()):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)


def test_a_users_own_loss_apart_from_a_model():
    y, p = np.zeros((2, 3)), np.full((2, 3), 2.0)
    assert Quartic()(y, p) == 16.0
    assert Quartic(name="fourth").name == "fourth"


def test_errors_about_own_losses():
    with pytest.raises(TypeError, match="The loss 'mine' is a function, .* subclass"):

        def mine(y_true, y_pred):
            return 0.0

        losses.get(mine)

    class Half(Loss):
        def call(self, y_true, y_pred):
            return (y_pred - y_true)[..., 0]

    with pytest.raises(NotImplementedError, match="Half must define gradient"):
        losses.get(Half())

    class Wrong(Quartic):
        def call(self, y_true, y_pred):
            return np.zeros(3)

    with pytest.raises(ValueError, match=r"wrong: call must return values of shape \(2,\)"):
        Wrong()(np.zeros((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: trained(losses.MeanSquaredError(None), X[:, 0, :1]), "and compile needs one"),
        (lambda: losses.MeanSquaredError("avg"), "Unknown reduction 'avg'"),
        (
            lambda: trained(losses.BinaryCrossentropy(axis=1), UNIT, sequences=True),
            "axis of binary_crossentropy must be -1 in training",
        ),
        (lambda: losses.BinaryCrossentropy(axis=2)(UNIT[0], UNIT[0]), "axis must lie in -2 to 1"),
        (
            lambda: losses.BinaryCrossentropy(label_smoothing=2.0),
            "label_smoothing must lie in 0 to 1",
        ),
        (lambda: losses.QuantileLoss([0.5, 1.0]), "quantiles must lie between 0 and 1"),
        (lambda: trained("gaussian_nll", np.zeros((12, 1)), 3), "2 output columns for each target"),
        (lambda: losses.Huber()(np.zeros((3, 2)), np.zeros((3, 4))), "does not fit y_pred"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize(
    "loss, head, columns",
    [
        (losses.QuantileLoss([0.1, 0.9]), 4, 2),
        (losses.GaussianNLL(), 4, 2),
        (losses.StudentTNLL(), 6, 2),
        (losses.NSELoss(), 2, 4),
    ],
)
def test_models_descend_with_heads_of_several_parameters(loss, head, columns):
    rng = np.random.default_rng(1)
    y = np.abs(rng.normal(size=(12, 5, columns))) + 0.5
    model, _ = trained(loss, y, head, sequences=True)
    assert_descends(model, X, y, loss)


def test_quantiles_bracket_what_they_should():
    """The loss of a constant is least at the sample's quantile."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=(501, 1))
    loss = losses.QuantileLoss([0.2])
    at = [loss(y, np.full((501, 1), value)) for value in np.quantile(y, [0.1, 0.2, 0.3])]
    assert at[1] < min(at[0], at[2])


def test_ignored_class_leaves_no_gradient():
    y = np.array([[0.0], [2.0], [1.0]])
    p = np.full((3, 3), 1 / 3)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    assert loss(y, p) == pytest.approx(np.log(3), rel=1e-6)  # the mean over two rows


@pytest.mark.parametrize("kind", [">f8", "longdouble"])
def test_numbers_in_double_precision_stay_so(kind):
    y, p = RNG.random((3, 2)), RNG.random((3, 2))
    wanted = losses.MeanSquaredError()(y, p)
    assert losses.MeanSquaredError()(y.astype(kind), p.astype(kind)) == wanted
    assert metrics.MeanSquaredError()(y, p.astype(kind)) == metrics.MeanSquaredError()(y, p)
