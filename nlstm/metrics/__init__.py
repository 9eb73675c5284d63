"""Metrics by Keras's names, and the interface for a user's own."""

import copy
from typing import Any

from nlstm.losses import Loss
from nlstm.metrics.confusion import AUC as AUC
from nlstm.metrics.confusion import F1Score as F1Score
from nlstm.metrics.confusion import FBetaScore as FBetaScore
from nlstm.metrics.confusion import Precision as Precision
from nlstm.metrics.confusion import Recall as Recall
from nlstm.metrics.efficiency import KGE as KGE
from nlstm.metrics.efficiency import NSE as NSE
from nlstm.metrics.efficiency import R2Score as R2Score
from nlstm.metrics.means import Accuracy as Accuracy
from nlstm.metrics.means import BinaryAccuracy as BinaryAccuracy
from nlstm.metrics.means import BinaryCrossentropy as BinaryCrossentropy
from nlstm.metrics.means import CategoricalAccuracy as CategoricalAccuracy
from nlstm.metrics.means import CategoricalCrossentropy as CategoricalCrossentropy
from nlstm.metrics.means import CategoricalHinge as CategoricalHinge
from nlstm.metrics.means import CosineSimilarity as CosineSimilarity
from nlstm.metrics.means import Hinge as Hinge
from nlstm.metrics.means import KLDivergence as KLDivergence
from nlstm.metrics.means import LogCoshError as LogCoshError
from nlstm.metrics.means import LossMetric as LossMetric
from nlstm.metrics.means import MeanAbsoluteError as MeanAbsoluteError
from nlstm.metrics.means import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from nlstm.metrics.means import MeanSquaredError as MeanSquaredError
from nlstm.metrics.means import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from nlstm.metrics.means import Poisson as Poisson
from nlstm.metrics.means import RootMeanSquaredError as RootMeanSquaredError
from nlstm.metrics.means import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from nlstm.metrics.means import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from nlstm.metrics.means import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from nlstm.metrics.means import SquaredHinge as SquaredHinge
from nlstm.metrics.means import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from nlstm.metrics.metric import InNumpy as InNumpy
from nlstm.metrics.metric import KernelMetric as KernelMetric
from nlstm.metrics.metric import Mean as Mean
from nlstm.metrics.metric import MeanMetricWrapper as MeanMetricWrapper
from nlstm.metrics.metric import Metric as Metric
from nlstm.metrics.metric import Sum as Sum
from nlstm.names import Registry, unknown_name

REGISTRY = Registry(
    "metric",
    Metric,
    {
        "accuracy": Accuracy,
        "auc": AUC,
        "binary_accuracy": BinaryAccuracy,
        "binary_crossentropy": BinaryCrossentropy,
        "categorical_accuracy": CategoricalAccuracy,
        "categorical_crossentropy": CategoricalCrossentropy,
        "categorical_hinge": CategoricalHinge,
        "cosine_similarity": CosineSimilarity,
        "f1_score": F1Score,
        "fbeta_score": FBetaScore,
        "hinge": Hinge,
        "kge": KGE,
        "kl_divergence": KLDivergence,
        "log_cosh_error": LogCoshError,
        "mean_absolute_error": MeanAbsoluteError,
        "mean_absolute_percentage_error": MeanAbsolutePercentageError,
        "mean_squared_error": MeanSquaredError,
        "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
        "nse": NSE,
        "poisson": Poisson,
        "precision": Precision,
        "r2_score": R2Score,
        "recall": Recall,
        "root_mean_squared_error": RootMeanSquaredError,
        "sparse_categorical_accuracy": SparseCategoricalAccuracy,
        "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
        "sparse_top_kcategorical_accuracy": SparseTopKCategoricalAccuracy,
        "squared_hinge": SquaredHinge,
        "top_kcategorical_accuracy": TopKCategoricalAccuracy,
    },
    {
        "bce": BinaryCrossentropy,
        "kld": KLDivergence,
        "log_cosh": LogCoshError,
        "mae": MeanAbsoluteError,
        "mape": MeanAbsolutePercentageError,
        "mse": MeanSquaredError,
        "msle": MeanSquaredLogarithmicError,
        "rmse": RootMeanSquaredError,
    },
)
ACCURACY = ("accuracy", "acc")

__all__ = [
    "LossMetric",
    "Mean",
    "MeanMetricWrapper",
    "Metric",
    "Sum",
    "get",
    *(found.__name__ for found in REGISTRY.classes.values()),
]


def check(identifier: Any) -> None:
    """Raise what `get` would raise, before the output is known."""
    _find(identifier, False, 1)


def get(identifier: Any, loss: Loss, features: int) -> Metric:
    """Return the metric for a name or an object.

    Parameters
    ----------
    identifier : str, Metric, Loss, class or callable
        "accuracy" picks the binary, categorical or sparse categorical one. A function of
        (y_true, y_pred) gives values whose mean is reported.
    loss : Loss
        The model's loss, which says what targets look like.
    features : int
        Features of the model's output.

    Raises
    ------
    ValueError
        The name is unknown, or the metric reads other targets than the loss.
    TypeError
        `identifier` is nothing of these.
    """
    metric = _find(identifier, loss.sparse, features)
    if not isinstance(metric, KernelMetric):
        return InNumpy(metric)
    if metric.sparse != loss.sparse and features > 1:
        kind = "class indices" if metric.sparse else "one value per feature"
        raise ValueError(
            f"Metric {metric.name!r} reads {kind} in y, but the loss {loss.name!r} does not."
        )
    wanted, given = metric.target_features(features), loss.target_features(features)
    if wanted != given:
        raise ValueError(
            f"Metric {metric.name!r} reads {wanted} columns of y for {features} outputs, but the "
            f"loss {loss.name!r} takes {given}."
        )
    if metric.features != features:
        metric = copy.copy(metric)  # the object may serve another output too
        metric.features = features
    return metric


def _find(identifier: Any, sparse: bool, features: int) -> Metric:
    if isinstance(identifier, str):
        if identifier in ACCURACY:
            if sparse:
                return SparseCategoricalAccuracy(identifier)
            return (BinaryAccuracy if features == 1 else CategoricalAccuracy)(identifier)
        if identifier not in REGISTRY.by_name:
            raise unknown_name("metric", identifier, [*REGISTRY.shown, *ACCURACY])
        metric = REGISTRY.by_name[identifier]()
        metric.name = identifier  # as in Keras: the key in the logs is what the user wrote
        return metric
    if isinstance(identifier, Loss):
        return LossMetric(identifier)
    if callable(identifier) and not isinstance(identifier, Metric | type):
        return MeanMetricWrapper(identifier)
    return REGISTRY.get(identifier, "an nlstm.metrics.Metric")
