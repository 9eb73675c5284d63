"""Losses by themselves: weights, reductions and axes as Keras's; whatever else is an error.

Numbers with a fraction are those of Keras 3.15 on JAX for `Y` and `P`.
"""

import numpy as np
import pytest

from nlstm import losses, set_random_seed
from nlstm.layers import Dense, Input
from nlstm.losses import Loss
from nlstm.models import Sequential

RNG = np.random.default_rng(0)
Y, P = RNG.random((4, 3)).round(), RNG.random((4, 3))
SHARES, CLASSES = P / P.sum(axis=-1, keepdims=True), np.array([0, 1, 2, 0])
ROWS = np.array([1.0, 2.0, 3.0, 4.0])
MSE = np.array([0.18461954, 0.08661091, 0.58928539, 0.43140743])
ENTROPIES = np.array([0.63667011, 0.60474533, 3.27747440, 2.45129013])
MEANS = ("sum_over_batch_size", "mean")


@pytest.mark.parametrize("weight", [2.5, [2.5], np.float32(2.5)])
def test_one_weight_for_all(weight):
    for reduction, wanted in [(MEANS[0], 0.80745202), ("sum", 3.22980809), ("mean", 0.80745202)]:
        loss = losses.MeanSquaredError(reduction)
        assert loss(Y, P, weight) == pytest.approx(wanted, rel=1e-6)
    weighed = losses.MeanSquaredError("mean_with_sample_weight")
    assert weighed(Y, P, weight) == pytest.approx(1.29192328, rel=1e-6)  # over one weight
    assert weighed(Y, P, 0.0) == 0.0


@pytest.mark.parametrize(
    "reduction, ignored, weight, wanted",
    [
        ("sum_over_batch_size", 1, None, 2.12181163),
        ("sum_over_batch_size", 1, 2.5, 5.30452919),
        ("sum_over_batch_size", 1, ROWS, 6.75808430),
        ("sum", None, ROWS, 21.48374557),
        ("mean_with_sample_weight", None, 2.5, 6.97017956),
        ("mean_with_sample_weight", 1, 2.5, 2.12181139),
        ("mean_with_sample_weight", 1, ROWS, 2.53428173),
    ],
)
def test_one_weight_and_an_ignored_class(reduction, ignored, weight, wanted):
    loss = losses.SparseCategoricalCrossentropy(ignore_class=ignored, reduction=reduction)
    assert loss(CLASSES, SHARES, weight) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("reduction", [None, "none"])
def test_no_reduction_gives_each_row(reduction):
    loss = losses.MeanSquaredError(reduction)
    np.testing.assert_allclose(loss(Y, P), MSE, rtol=1e-6)
    np.testing.assert_allclose(loss(Y, P, 2.5), 2.5 * MSE, rtol=1e-6)
    np.testing.assert_allclose(loss(Y, P, ROWS), ROWS * MSE, rtol=1e-6)
    np.testing.assert_allclose(loss(Y, P, ROWS[:, None]), (ROWS * MSE)[:, None], rtol=1e-6)
    steps = loss(Y.reshape(2, 2, 3), P.reshape(2, 2, 3), [1.0, 2.0])
    np.testing.assert_allclose(steps, MSE.reshape(2, 2) * [[1.0], [2.0]], rtol=1e-6)
    assert loss(Y, P.astype("float32")).dtype == np.float32
    sparse = losses.SparseCategoricalCrossentropy(reduction=reduction, ignore_class=1)
    wanted = ENTROPIES * [1, 0, 1, 1]
    np.testing.assert_allclose(sparse(CLASSES, SHARES, ROWS), ROWS * wanted, rtol=1e-6)
    assert type(loss).from_config(loss.get_config()).reduction is None


def test_one_axis_is_one_row():
    y, p = [1.0, 0, 1, 0], [1, 1, 1, 0.5]
    found = [losses.MeanSquaredError(one)(y, p, ROWS) for one in ("mean", "sum")]
    assert [losses.MeanSquaredError()(y, p), *found] == [0.3125, 0.78125, 3.125]
    assert losses.MeanSquaredError("mean_with_sample_weight")(y, p, ROWS) == 0.3125
    assert losses.MeanSquaredError(None)(y, p, ROWS).tolist() == [0.3125, 0.625, 0.9375, 1.25]


ALONG = [
    (losses.CosineSimilarity, losses.cosine_similarity),
    (losses.CategoricalCrossentropy, losses.categorical_crossentropy),
    (losses.BinaryFocalCrossentropy, losses.binary_focal_crossentropy),
]


@pytest.mark.parametrize("kind, function", ALONG)
@pytest.mark.parametrize("axis", [0, 1, -2])
def test_along_another_axis(kind, function, axis):
    given = RNG.random((2, 4, 3, 2))
    loss, last = kind(axis=axis, reduction=None), kind(reduction=None)
    moved = [np.moveaxis(one, axis, -1) for one in given]
    np.testing.assert_array_equal(loss(*given), last(*moved))
    np.testing.assert_array_equal(function(*given, axis=axis), loss.call(*given))
    slopes = np.moveaxis(loss.gradient(*given), axis, -1)
    np.testing.assert_array_equal(slopes, last.gradient(*moved))


def model_of(loss, features=3, steps=False, **compiled):
    set_random_seed(1)
    model = Sequential([Input((5, 2) if steps else (2,)), Dense(features, "softmax")])
    model.compile("sgd", loss, **compiled)
    return model


@pytest.mark.parametrize("axis, steps", [(1, False), (2, True)])
def test_the_last_axis_by_its_number_trains(axis, steps):
    x = RNG.random((4, 5, 2) if steps else (4, 2))
    y = np.eye(3)[RNG.integers(0, 3, x.shape[:-1])]
    found = [
        model_of(losses.CategoricalCrossentropy(axis=one), steps=steps).fit(x, y, verbose=0)
        for one in (axis, -1)
    ]
    assert found[0].history == found[1].history
    with pytest.raises(ValueError, match=r"axis of .* must be -1 in training"):
        model_of(losses.CategoricalCrossentropy(axis=-2), steps=steps).fit(x, y, verbose=0)


class Elements(Loss):
    """One value for each element, as Keras takes it too."""

    def call(self, y_true, y_pred):
        return (y_true - y_pred) ** 2

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true)


@pytest.mark.parametrize(
    "reduction, weight, wanted",
    [
        ("sum_over_batch_size", None, 0.32298085),
        ("sum_over_batch_size", ROWS[:, None], 0.96283180),
        ("sum", 2.0, 7.75154018),
        ("mean_with_sample_weight", 2.0, 3.87577009),
        ("mean_with_sample_weight", ROWS[:, None], 1.15539813),
    ],
)
def test_a_value_for_each_element(reduction, weight, wanted):
    assert Elements(reduction=reduction)(Y, P, weight) == pytest.approx(wanted, rel=1e-6)


def test_a_value_for_each_element_and_its_weight():
    weight = RNG.random((4, 3))
    found = Elements(reduction=None)(Y, P, weight)
    np.testing.assert_allclose(found, weight * (Y - P) ** 2, rtol=1e-12)
    assert Elements()([1.0, 0, 1, 0], [1, 1, 1, 0.5], ROWS) == (0 + 2 + 0 + 1) / 4


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
def test_values_for_each_element_train(reduction):
    x, y = RNG.random((6, 2)), RNG.random((6, 3))
    known = losses.MeanSquaredError(reduction)
    weight = RNG.random(6)
    own, other = model_of(Elements(reduction=reduction)), model_of(known)
    scale = 3 if reduction == "sum" else 1
    found = own.train_on_batch(x, y, sample_weight=weight)
    assert found == pytest.approx(scale * other.train_on_batch(x, y, weight), rel=1e-6)
    if scale == 1:
        for mine, theirs in zip(own.get_weights(), other.get_weights()):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)


# A subclass of a loss of nlstm's, functions of known names


class Doubled(losses.MeanSquaredError):
    def call(self, y_true, y_pred):
        return 2 * super().call(y_true, y_pred)

    def gradient(self, y_true, y_pred):
        return 2 * super().gradient(y_true, y_pred)


def test_an_overridden_call_counts():
    assert Doubled()(Y, P) == pytest.approx(2 * MSE.mean(), rel=1e-6)
    x = RNG.random((4, 2))
    twice, once = model_of(Doubled(), metrics=[Doubled(name="own")]), model_of("mse")
    loss, own = twice.evaluate(x, Y, verbose=0)
    assert loss == own == pytest.approx(2 * once.evaluate(x, Y, verbose=0), rel=1e-6)
    start = once.get_weights()
    twice.train_on_batch(x, Y)
    once.train_on_batch(x, Y)
    for two, one, first in zip(twice.get_weights(), once.get_weights(), start):
        # Each of the weights is rounded, those of about 1 by up to 6e-8.
        np.testing.assert_allclose(two - first, 2 * (one - first), rtol=1e-4, atol=2e-7)


def test_an_override_that_would_not_be_called_is_an_error():
    class Called(losses.MeanSquaredError):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return 0.0

    class Half(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 0.0 * y_pred[:, 0]

    with pytest.raises(TypeError, match="Called defines __call__, which training does not call"):
        model_of(Called())
    with pytest.raises(NotImplementedError, match="Half must define gradient"):
        model_of(Half())


def test_a_users_function_is_not_taken_for_its_name():
    def mean_squared_error(y_true, y_pred):
        return np.full(len(y_pred), 7.0)

    with pytest.raises(TypeError, match="'mean_squared_error' is a function"):
        model_of(mean_squared_error)
    model = model_of("mse", metrics=[mean_squared_error, losses.mean_squared_error])
    found = model.evaluate(RNG.random((4, 2)), Y, verbose=0)
    assert found[1] == 7.0 and found[2] == found[0]


# Data that do not fit


@pytest.mark.parametrize("label", [3, -1, 0.5, 1e9, -1e9, np.nan])
@pytest.mark.parametrize("reduction", ["mean", None])
def test_labels_of_no_class_are_named(label, reduction):
    loss = losses.SparseCategoricalCrossentropy(reduction=reduction)
    with pytest.raises(ValueError, match=r"class indices, whole numbers from 0 to 2; row 1 has"):
        loss([0.0, label, 1.0, 2.0], SHARES)
    with pytest.raises(ValueError, match="class indices"):
        losses.sparse_categorical_crossentropy([0.0, label, 1.0, 2.0], SHARES)


@pytest.mark.parametrize("loss", [losses.MeanSquaredError(), losses.MeanSquaredError(None)])
@pytest.mark.parametrize(
    "y, p, weight, text",
    [
        (np.zeros((0, 3)), P, None, r"y_true of shape \(0, 3\) does not fit y_pred"),
        (Y[:, None], P, None, "does not fit y_pred"),
        (np.zeros((4, 2, 3)), np.zeros((4, 4, 3)), None, "does not fit y_pred"),
        (Y, P, ROWS[:3], "sample_weight of shape"),
        (Y, P, np.ones((1, 3)), "sample_weight of shape"),
        (Y, P, np.ones((4, 3)), "sample_weight of shape"),
        (Y, P, np.ones((4, 400)), "sample_weight of shape"),
        (Y[0], P[0], np.ones(2), "sample_weight of shape"),
    ],
)
def test_shapes_that_do_not_fit(loss, y, p, weight, text):
    with pytest.raises(ValueError, match=text):
        loss(y, p, weight)


@pytest.mark.parametrize(
    "bad", [np.full((4, 3), "a"), np.full((4, 3), np.datetime64("2020-01-01")), Y + 1j]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_only_real_numbers_are_taken(bad, place):
    name = ("y_true", "y_pred", "sample_weight")[place]
    given = [Y, P, np.ones(4)]
    given[place] = bad
    with pytest.raises(TypeError, match=f"{name} must hold real numbers"):
        losses.MeanSquaredError()(*given)
    with pytest.raises(ValueError, match="y_pred has masked elements"):
        losses.MeanSquaredError()(Y, np.ma.masked_greater(P, 0.5))


def test_get():
    assert losses.get(None) is None
    assert losses.MeanSquaredError(dtype="int32").dtype == "int32"  # Keras's tests have it
