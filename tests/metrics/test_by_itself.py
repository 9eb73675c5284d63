"""Metrics by themselves: weights as Keras's, a user's overrides; whatever else is an error.

Numbers with a fraction are those of Keras 3.15 on JAX for `Y` and `P`, then their first two rows.
"""

import numpy as np
import pytest

from nlstm import losses, metrics, optimizers, set_random_seed
from nlstm.layers import Dense, Input
from nlstm.models import Sequential

RNG = np.random.default_rng(0)
Y, P = RNG.random((4, 3)).round(), RNG.random((4, 3))
ROWS, EACH, LINE = np.arange(1.0, 5.0), np.arange(12.0).reshape(4, 3), np.array([[1.0, 2.0, 3.0]])
GOLDEN = {
    ("MeanSquaredError", "one", 3.0): 0.21056147,
    ("MeanSquaredError", "one", None): 0.22929803,
    ("MeanSquaredError", "rows", 2.0): 0.34354648,
    ("BinaryAccuracy", "one", 3.0): 0.7,
    ("BinaryAccuracy", "rows", 2.0): 0.47222224,
    ("BinaryAccuracy", "each", None): 0.38888893,
    ("BinaryAccuracy", "each", 2.0): 0.38888893,
    ("BinaryAccuracy", "line", None): 0.53333336,
    ("RootMeanSquaredError", "each", 2.0): 0.62938792,
    ("RootMeanSquaredError", "line", None): 0.55864215,
    ("TruePositives", "one", 3.0): 17.0,
    ("TruePositives", "each", 2.0): 25.0,
    ("TruePositives", "line", None): 11.0,
    ("AUC", "one", 3.0): 0.69176471,
    ("AUC", "each", 2.0): 0.44347826,
    ("AUC", "line", None): 0.52777779,
    ("Precision", "one", 3.0): 0.70833331,
    ("Precision", "each", 2.0): 0.625,
    ("R2Score", "one", 3.0): -0.00249916,
    ("R2Score", "each", 2.0): -1.01050723,
    ("R2Score", "line", None): -0.16196311,
}
WEIGHTS = {"one": 2.0, "rows": ROWS, "each": EACH, "line": LINE}


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_weights(case):
    name, first, second = case
    metric = getattr(metrics, name)()
    metric.update_state(Y, P, WEIGHTS[first])
    metric.update_state(Y[:2], P[:2], second)
    assert metric.result() == pytest.approx(GOLDEN[case], rel=2e-5, abs=1e-6)


@pytest.mark.parametrize(
    "metric, weight, wanted",
    [
        (metrics.AUC(multi_label=True, label_weights=[1.0, 2, 3]), EACH, 0.4),
        (metrics.AUC(label_weights=[1.0, 2, 3]), ROWS, 0.37355584),
        (metrics.AUC(label_weights=[1.0, 2, 3]), EACH * 0 + ROWS[:, None], 0.37355584),
        (metrics.Precision(top_k=2), EACH, 0.71111113),
        (metrics.PrecisionAtRecall(0.5), EACH, 0.74242425),
    ],
)
def test_weights_of_elements(metric, weight, wanted):
    assert metric(Y, P, weight) == pytest.approx(wanted, rel=2e-5)


def test_elements_with_equal_weights_count_as_rows_do():
    for name in ("Accuracy", "FalseNegatives", "NSE", "KGE", "RecallAtPrecision"):
        args = (0.5,) if "At" in name else ()
        rows, each = (getattr(metrics, name)(*args) for _ in range(2))
        y, p = Y.reshape(2, 2, 3), P.reshape(2, 2, 3)
        wide = np.broadcast_to(ROWS.reshape(2, 2, 1), (2, 2, 3))
        assert each(y, p, wide) == pytest.approx(rows(y, p, ROWS.reshape(2, 2)), rel=1e-6)


def test_weights_of_labels_in_training():
    model = Sequential([Input((2,)), Dense(3, "sigmoid")])
    metric = metrics.AUC(num_thresholds=20, label_weights=[1.0, 2, 3])
    model.compile("sgd", "binary_crossentropy", weighted_metrics=[metric])
    x = RNG.random((4, 2))
    found = model.evaluate(x, Y, sample_weight=ROWS, verbose=0)[1]
    alone = metrics.AUC(num_thresholds=20, label_weights=[1.0, 2, 3])
    assert found == pytest.approx(alone(Y, model.predict(x, verbose=0), ROWS), rel=1e-6)


def test_thresholds_of_auc_have_their_ends():
    assert metrics.AUC(thresholds=[0.5]).thresholds == [-1e-7, 0.5, 1 + 1e-7]
    assert metrics.AUC(num_thresholds=3).thresholds == [-1e-7, 0.5, 1 + 1e-7]
    config = metrics.AUC(thresholds=[0.5]).get_config()
    assert config["thresholds"] == [0.5]


def test_one_axis():
    y, p = [0, 1, 1, 0, 0], [0.2, 0.1, 0.5, 0, 0.2]
    assert metrics.Precision(top_k=3)(y, p) == pytest.approx(1 / 3)
    assert metrics.Recall(top_k=3)(y, p) == 0.5
    assert metrics.MeanSquaredError()([1.0, 0, 1, 0], [1, 1, 1, 0.5], 2.0) == 0.3125


def test_along_another_axis():
    y, p = RNG.random((2, 4, 3, 2))
    found = metrics.CosineSimilarity(axis=1)(y, p)
    assert found == metrics.CosineSimilarity()(y.swapaxes(1, 2), p.swapaxes(1, 2))
    y = np.eye(3)[[[0, 1], [2, 2]]]
    assert metrics.CategoricalCrossentropy(axis=1)(
        y.swapaxes(1, 2), np.full((2, 3, 2), 1 / 3)
    ) == pytest.approx(np.log(3))


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: metrics.MeanSquaredError()(Y, P, EACH), "sample_weight of shape"),
        (lambda: metrics.MeanSquaredError()(Y, P, LINE), "sample_weight of shape"),
        (lambda: metrics.MeanSquaredError()(Y[0], P[0], ROWS[:3]), "sample_weight of shape"),
        (lambda: metrics.F1Score()(Y, P, EACH), "sample_weight of shape"),
        (lambda: metrics.Precision(class_id=1)(Y, P, EACH), "sample_weight of shape"),
        (lambda: metrics.Precision()(Y, P, np.ones((2, 3))), "sample_weight of shape"),
        (lambda: metrics.Precision(class_id=2)([1.0, 0, 1], [1.0, 0, 1]), "needs y_pred of"),
        (lambda: metrics.PrecisionAtRecall(0.5, class_id=2)(Y[0], P[0]), "needs y_pred of"),
        (lambda: metrics.Recall(class_id=100_000_000)(Y, P), "class_id must be below 3"),
        (lambda: metrics.AUC(label_weights=[1.0, 2])(Y, P), "label_weights is for 2 labels"),
        (lambda: metrics.MeanSquaredError()(np.zeros((4, 2, 3)), np.zeros((4, 4, 3))), "y_true of"),
        (
            lambda: metrics.MeanSquaredError()(
                np.zeros((4, 4, 3)), np.zeros((4, 4, 3)), np.ones((2, 4000))
            ),
            "sample_weight of shape",
        ),
        (lambda: metrics.SparseCategoricalCrossentropy()([0, 1, 1e9, 0], P), "class indices"),
        (lambda: metrics.sparse_categorical_accuracy([[0], [1]], P), "y_true of shape"),
        (
            lambda: metrics.FalseNegatives()(1.0, 1.0, 0.5),
            r"y_pred must have rows .* got shape \(\)",
        ),
        (lambda: metrics.AUC()(1.0, 1.0), r"y_pred must have rows .* got shape \(\)"),
        (lambda: metrics.Mean()(np.ones((3, 2, 0))), r"values has shape \(3, 2, 0\)"),
        (lambda: metrics.Mean()(np.ones((0, 3)), 1.0), r"values has shape \(0, 3\)"),
        (lambda: metrics.Mean()(np.ones(3), np.ones(2)), r"sample_weight of shape \(2,\) does not"),
        (lambda: metrics.Sum()(np.ones(1), np.ones(2)), r"sample_weight of shape \(2,\) does not"),
    ],
)
def test_what_does_not_fit(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_values_alone():
    mean = metrics.Mean()
    assert mean([1.0, 3.0]) == 2.0 and mean([2.0], sample_weight=[2.0]) == 2.0
    assert mean(np.ones((0, 3))) == 2.0 and mean([]) == 2.0  # no samples
    assert metrics.Sum()(np.ones((2, 3, 0))) == 0.0


@pytest.mark.parametrize("metric", [metrics.Mean, metrics.Sum])
def test_values_in_any_layout(metric):
    values = np.random.default_rng(0).normal(size=(50, 33))
    rows = np.broadcast_to(values[:1], values.shape)
    for one in (np.asfortranarray(values), values[::-1].copy()[::-1], rows):
        assert metric()(one) == metric()(np.ascontiguousarray(one))


def test_sums_of_other_widths_are_not_added_to():
    metric = metrics.F1Score()
    metric.update_state(Y, P)
    with pytest.raises(ValueError, match=r"f1_score has sums .* reset_state\(\) starts anew"):
        metric.update_state(np.zeros((4, 500)), np.zeros((4, 500)))
    assert len(metric.result()) == 3


@pytest.mark.parametrize("bad", [np.full((4, 3), "a"), Y + 1j])
def test_only_real_numbers_are_taken(bad):
    for given in ((bad, P), (Y, bad), (Y, P, bad)):
        with pytest.raises(TypeError, match="must hold real numbers"):
            metrics.BinaryAccuracy()(*given)


def model_of(features=3, optimizer="sgd", **compiled):
    set_random_seed(1)
    model = Sequential([Input((2,)), Dense(features, "softmax" if features > 1 else None)])
    model.compile(optimizer, **compiled)
    return model


X = RNG.random((4, 2))


def test_labels_out_of_range_reach_no_metric():
    beside = model_of(loss="mse", metrics=["sparse_categorical_crossentropy"], features=1)
    assert np.isnan(beside.evaluate(X, [1e9, 0, 0, 0], verbose=0)[1])  # counted, not read
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1_000_000_000)
    model = model_of(loss=loss, metrics=["sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match="reads the class -1000000000, which the loss ignores"):
        model.evaluate(X, [0, 1, -1e9, 2], verbose=0)
    assert model_of(loss=loss, metrics=["accuracy"]).evaluate(X, [0, 1, -1e9, 2], verbose=0)


def test_one_object_in_two_models():
    """Sums belong to the models: a wider one does not change the narrower, called in turn."""
    for metric in (metrics.MeanSquaredError(name="own"), metrics.R2Score(name="own")):
        wide = model_of(loss="mse", metrics=[metric])
        narrow = model_of(loss="mse", metrics=[metric], features=1)
        for model, y in ((wide, Y), (narrow, Y[:, :1]), (wide, Y), (narrow, Y[:, :1])):
            found = model.train_on_batch(X, y, return_dict=True)
            assert np.isfinite(found["own"])
            if metric.name == "own" and isinstance(metric, metrics.MeanSquaredError):
                assert found["own"] == pytest.approx(found["loss"], rel=1e-6)
        alone = type(metric)()
        found = narrow.evaluate(X, Y[:, :1], verbose=0, return_dict=True)["own"]
        assert found == pytest.approx(alone(Y[:, :1], narrow.predict(X, verbose=0)), rel=1e-5)


# A user's overrides


class Halved(metrics.MeanSquaredError):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, 0.5 if sample_weight is None else sample_weight)
        self.updates = getattr(self, "updates", 0) + 1

    def result(self, total=None):
        return super().result(total) / 2


class Endless(metrics.MeanSquaredError):
    def reset_state(self):
        pass


class Together(metrics.Metric):
    """Holds another metric, and a number."""

    def __init__(self):
        super().__init__(name="together")
        self.inner, self.rows = metrics.MeanAbsoluteError(), self.add_weight(name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.inner.update_state(y_true, y_pred)
        self.rows.assign_add(len(y_true))

    def result(self):
        return self.inner.result() + 100 * self.rows


def test_overridden_methods_of_a_metric_count():
    metric = Halved(name="halved")
    model = model_of(loss="mse", metrics=[metric])
    loss, halved = model.evaluate(X, Y, batch_size=2, verbose=0)
    assert halved == pytest.approx(loss / 2, rel=1e-6) and metric.updates == 2


def test_an_overridden_reset_lets_epochs_run_together():
    model = model_of(loss="mse", metrics=[Endless(name="endless")])
    found = model.fit(X, Y, epochs=3, verbose=0).history
    wanted = np.cumsum(found["loss"]) / [1, 2, 3]
    np.testing.assert_allclose(found["endless"], wanted, rtol=1e-5)


def test_a_metric_in_a_metric_starts_anew_too():
    model = model_of(loss="mae", metrics=[Together()], optimizer=optimizers.SGD(0.5))
    found = model.fit(X, Y, epochs=3, verbose=0).history
    inner = np.array(found["together"]) - 400
    np.testing.assert_allclose(inner, found["loss"], rtol=1e-6)
    assert len(set(found["loss"])) == 3


def test_variables_of_a_users_metric():
    metric = Together()
    made = metric.add_variable((2,), "ones", dtype="int32", name="counts")
    assert made.dtype == np.int32 and made.numpy().tolist() == [1, 1]
    assert [one.name for one in metric.variables] == ["rows", "counts"]
    metric.reset_state()
    assert made.numpy().tolist() == [0, 0]


def test_a_users_function_is_not_taken_for_its_name():
    def binary_accuracy(y_true, y_pred):
        return np.full(len(y_pred), 7.0)

    chosen = [binary_accuracy, metrics.categorical_accuracy]
    found = model_of(loss="mse", metrics=chosen).evaluate(X, Y, verbose=0, return_dict=True)
    assert found["binary_accuracy"] == 7.0 and found["categorical_accuracy"] <= 1.0


def test_get():
    assert metrics.get(None) is None
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("accuracy"), metrics.Accuracy)
    assert isinstance(metrics.get(metrics.AUC), metrics.AUC)
    assert metrics.Hinge(dtype="int32").dtype == "int32"
    with pytest.raises(ValueError, match="Unknown metric 'crossentropy'"):
        metrics.get("crossentropy")
