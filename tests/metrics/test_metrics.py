"""Metrics: the same numbers as Keras, alone and in training; a user's own."""

import numpy as np
import pytest

from nlstm import losses, metrics
from nlstm.layers import LSTM, Dense
from nlstm.metrics import Metric
from nlstm.models import Sequential
from tests.golden import cases, rules

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5, 2))
LABELS = (RNG.random((12, 3)) > 0.5).astype(float)


@pytest.mark.parametrize(
    "case, wanted",
    rules("metrics"),
    ids=[str(case) for case in cases.METRICS],
)
def test_numbers_of_keras(case, wanted):
    metric = getattr(metrics, case[0])(**case[1])
    for number in range(2):
        y, p, weight = cases.batch(case, number)
        metric.update_state(y, p, weight if number else None)
    np.testing.assert_allclose(metric.result(), wanted, rtol=1e-6)
    metric.reset_state()
    y, p, _ = cases.batch(case)
    first = metric(y, p)
    metric.reset_state()
    np.testing.assert_array_equal(metric(y, p), first)


@pytest.mark.parametrize("case, wanted", rules("functions"), ids=[c[1] for c in cases.FUNCTIONS])
def test_functions_of_keras(case, wanted):
    module, name, config, kind = case
    function = getattr({"losses": losses, "metrics": metrics}[module], name)
    assert getattr(metrics, name, function) is function
    y, p, _ = cases.batch((kind, config))
    found = function(y, p, **config)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-12)
    if kind.startswith("Sparse"):
        np.testing.assert_array_equal(function(y[:, 0], p, **config), found.ravel())
    steps = function(y.reshape(2, 4, -1), p.reshape(2, 4, -1), **config)
    np.testing.assert_array_equal(steps, found.reshape(2, 4, *found.shape[1:]))


def test_binary_accuracy_of_labels_without_an_axis():
    p = np.array([[0.3], [0.7]], np.float32)
    found = metrics.binary_accuracy([1, 1], p)
    assert found.dtype == np.float32 and found.tolist() == [[0.0], [1.0]]
    assert metrics.binary_accuracy([[1], [1]], p[:, 0]).tolist() == [0.0, 1.0]


def model_of(head=3, activation="sigmoid", sequences=False, **compiled):
    model = Sequential([LSTM(4, return_sequences=sequences), Dense(head, activation)])
    model.compile("adam", **{"loss": "binary_crossentropy", **compiled})
    return model


class Largest(Metric):
    def __init__(self, name="largest"):
        super().__init__(name=name)
        self.reset_state()

    def update_state(self, y_true, y_pred, sample_weight=None):
        assert y_true.shape == y_pred.shape
        self.batches += 1
        self.value = max(self.value, float(y_pred.max()))

    def result(self):
        return self.value

    def reset_state(self):
        self.batches, self.value = 0, -np.inf


def mean_difference(y_true, y_pred):
    return np.mean(y_pred - y_true, axis=-1)


@pytest.mark.parametrize("sequences", [False, True])
def test_training_reports_what_the_metrics_say_alone(sequences):
    own = Largest()
    chosen = [
        "auc",
        metrics.Precision(0.4, name="precise"),
        "recall",
        "true_negatives",
        metrics.SensitivityAtSpecificity(0.5),
        metrics.F1Score("macro", threshold=0.5),
        "r2_score",
        "nse",
        metrics.KGE(),
        "mae",
        "binary_accuracy",
        losses.Huber(0.2),
        own,
        mean_difference,
    ]
    model = model_of(metrics=chosen, sequences=sequences)
    y = np.repeat(LABELS[:, None], 5, axis=1) if sequences else LABELS
    found = model.evaluate(X, y, batch_size=5, verbose=0, return_dict=True)
    names = ["auc", "precise", "recall", "true_negatives", "sensitivity_at_specificity"]
    names += ["f1_score", "r2_score", "nse", "kge", "mae"]
    names += ["binary_accuracy", "huber_loss", "largest", "mean_difference"]
    assert list(found) == ["loss", *names]
    p = model.predict(X)
    assert own.batches == 3
    assert found["largest"] == p.max()
    assert found["mean_difference"] == pytest.approx((p - y).mean(), rel=1e-5)
    alone = [
        metrics.AUC(),
        metrics.Precision(0.4),
        metrics.Recall(),
        metrics.TrueNegatives(),
        metrics.SensitivityAtSpecificity(0.5),
        metrics.F1Score("macro", 0.5),
        metrics.R2Score(),
        metrics.NSE(),
        metrics.KGE(),
        metrics.MeanAbsoluteError(),
        metrics.BinaryAccuracy(),
        metrics.LossMetric(losses.Huber(0.2)),
    ]
    for name, metric in zip(names, alone):
        assert found[name] == pytest.approx(metric(y, p), rel=1e-4), name
    again = model.evaluate(X, y, batch_size=5, verbose=0, return_dict=True)
    assert again == found  # every pass starts anew


def test_names_of_keras():
    for name in ("top_k_categorical_accuracy", "f_beta_score", "F1Score", "AUC", "MAE"):
        model = model_of(metrics=[name])
        assert list(model.evaluate(X, LABELS, verbose=0, return_dict=True)) == ["loss", name]
    with pytest.raises(ValueError, match="Unknown metric 'top_categorical_accuracy': did you mean"):
        model_of(metrics=["top_categorical_accuracy"])


def test_each_epoch_starts_anew():
    model = model_of(metrics=["auc", Largest()])
    history = model.fit(X, LABELS, epochs=3, verbose=0, validation_data=(X, LABELS)).history
    found = model.evaluate(X, LABELS, verbose=0, return_dict=True)
    assert history["val_auc"][-1] == found["auc"]
    assert history["val_largest"][-1] == found["largest"]


def test_one_object_for_two_widths():
    metric = metrics.R2Score()
    narrow = metrics.beside(metric, losses.MeanSquaredError(), 1)
    wide = metrics.beside(metric, losses.MeanSquaredError(), 3)
    assert narrow.size == 8
    assert wide.size == 22


def test_kge_and_nse_of_perfect_forecasts():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(20, 2))
    assert metrics.KGE()(y, y) == pytest.approx(1.0)
    assert metrics.NSE()(y, y) == 1.0
    assert metrics.NSE()(y, np.broadcast_to(y.mean(axis=0), y.shape)) == pytest.approx(0.0)


def test_counts_at_thresholds_that_predictions_meet():
    """Above means above: Keras's answers for its even thresholds and for others."""
    y, p = [[1.0], [0.0], [1.0], [1.0], [0.0]], [[0.0], [0.0], [0.5], [1.0], [1.0]]
    for thresholds in ([0.0, 0.5, 1.0], [0.5, 0.0, 1.0]):
        true, false = metrics.TruePositives(thresholds), metrics.FalsePositives(thresholds)
        missed, rest = metrics.FalseNegatives(thresholds), metrics.TrueNegatives(thresholds)
        wanted = np.array([[2, 1, 1, 1], [1, 1, 2, 1], [0, 0, 3, 2]], float)
        wanted = wanted[[0, 1, 2] if thresholds[0] == 0 else [1, 0, 2]]
        found = np.transpose([one(y, p) for one in (true, false, missed, rest)])
        np.testing.assert_array_equal(found, wanted)
    assert metrics.RecallAtPrecision(0.6, 3)(y, p) == pytest.approx(2 / 3)
    assert metrics.RecallAtPrecision(0.7, 3)(y, p) == 0.0  # no threshold will do
    assert metrics.SpecificityAtSensitivity(0.3, 3)(y, p) == 0.5


def test_mean_and_sum():
    mean = metrics.Mean()
    mean.update_state([1.0, 2.0])
    mean.update_state([6.0], sample_weight=[2.0])
    assert mean.result() == (3 + 12) / 4
    total = metrics.Sum()
    total.update_state([1.0, 2.0], [1.0, 3.0])
    assert total.result() == 7.0


def test_prgain_and_logits():
    rng = np.random.default_rng(1)
    y = (rng.random((40, 1)) > 0.5).astype(float)
    logits = rng.normal(size=(40, 1)) + y
    p = 1 / (1 + np.exp(-logits))
    assert metrics.AUC(from_logits=True)(y, logits) == metrics.AUC()(y, p)
    assert 0.0 <= metrics.AUC(curve="PRGAIN")(y, p) <= 1.0


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: metrics.AUC(curve="RC"), "Unknown curve 'RC'"),
        (lambda: metrics.Precision(1.5), "thresholds must lie in 0 to 1"),
        (lambda: metrics.TruePositives([0.5, -1]), "thresholds must lie in 0 to 1"),
        (lambda: metrics.PrecisionAtRecall(1.5), r"recall must lie in 0 to 1; got 1\.5"),
        (lambda: metrics.RecallAtPrecision(0.5, 0), "num_thresholds must be at least 1; got 0"),
        (lambda: metrics.F1Score("mean"), "Unknown average 'mean'"),
        (
            lambda: model_of(2, None, loss=losses.GaussianNLL(), metrics=["mae"]).fit(
                X, LABELS[:, :1], verbose=0
            ),
            "Metric 'mae' reads 2 columns of y for 2 outputs, but the loss 'gaussian_nll' takes 1",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_infinite_targets_are_counted_without_a_word():
    several = metrics.Precision(), metrics.AUC(), metrics.F1Score("micro"), metrics.R2Score()
    for made in (*several, metrics.MeanSquaredError()):
        made.update_state(np.array([[np.inf, 1.0]]), np.array([[0.7, 0.2]]), np.array([np.inf]))
        assert isinstance(made.result(), float)
