"""Metrics by Keras's names, and the interface for a user's own."""

import copy
from collections.abc import Hashable
from typing import Any

from nlstm.arguments.names import unknown_name
from nlstm.arguments.registry import Registry
from nlstm.losses import Loss
from nlstm.losses.functions import FUNCTIONS as LOSS_FUNCTIONS
from nlstm.losses.functions import binary_crossentropy as binary_crossentropy
from nlstm.losses.functions import binary_focal_crossentropy as binary_focal_crossentropy
from nlstm.losses.functions import categorical_crossentropy as categorical_crossentropy
from nlstm.losses.functions import categorical_focal_crossentropy as categorical_focal_crossentropy
from nlstm.losses.functions import categorical_hinge as categorical_hinge
from nlstm.losses.functions import hinge as hinge
from nlstm.losses.functions import huber as huber
from nlstm.losses.functions import kl_divergence as kl_divergence
from nlstm.losses.functions import log_cosh as log_cosh
from nlstm.losses.functions import mean_absolute_error as mean_absolute_error
from nlstm.losses.functions import mean_absolute_percentage_error as mean_absolute_percentage_error
from nlstm.losses.functions import mean_squared_error as mean_squared_error
from nlstm.losses.functions import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from nlstm.losses.functions import poisson as poisson
from nlstm.losses.functions import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from nlstm.losses.functions import squared_hinge as squared_hinge
from nlstm.metrics.confusion import AUC as AUC
from nlstm.metrics.confusion import Precision as Precision
from nlstm.metrics.confusion import Recall as Recall
from nlstm.metrics.counts import FalseNegatives as FalseNegatives
from nlstm.metrics.counts import FalsePositives as FalsePositives
from nlstm.metrics.counts import TrueNegatives as TrueNegatives
from nlstm.metrics.counts import TruePositives as TruePositives
from nlstm.metrics.efficiency import KGE as KGE
from nlstm.metrics.efficiency import NSE as NSE
from nlstm.metrics.efficiency import R2Score as R2Score
from nlstm.metrics.f_scores import F1Score as F1Score
from nlstm.metrics.f_scores import FBetaScore as FBetaScore
from nlstm.metrics.functions import binary_accuracy as binary_accuracy
from nlstm.metrics.functions import categorical_accuracy as categorical_accuracy
from nlstm.metrics.functions import sparse_categorical_accuracy as sparse_categorical_accuracy
from nlstm.metrics.functions import (
    sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy,
)
from nlstm.metrics.functions import top_k_categorical_accuracy as top_k_categorical_accuracy
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
from nlstm.metrics.metric import Metric as Metric
from nlstm.metrics.of_values import Mean as Mean
from nlstm.metrics.of_values import MeanMetricWrapper as MeanMetricWrapper
from nlstm.metrics.of_values import Sum as Sum
from nlstm.metrics.operating_points import PrecisionAtRecall as PrecisionAtRecall
from nlstm.metrics.operating_points import RecallAtPrecision as RecallAtPrecision
from nlstm.metrics.operating_points import SensitivityAtSpecificity as SensitivityAtSpecificity
from nlstm.metrics.operating_points import SpecificityAtSensitivity as SpecificityAtSensitivity

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
        "false_negatives": FalseNegatives,
        "false_positives": FalsePositives,
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
        "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
        "squared_hinge": SquaredHinge,
        "true_negatives": TrueNegatives,
        "true_positives": TruePositives,
        "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    },
    {
        "bce": BinaryCrossentropy,
        "f_beta_score": FBetaScore,
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
CROSSENTROPY = ("crossentropy", "ce")
ONLY_LOSSES: dict[str, Any] = {
    function.__name__: found
    for function, found in LOSS_FUNCTIONS.items()
    if function.__name__ not in REGISTRY.by_name
}
ACCURACIES: dict[Any, Any] = {
    binary_accuracy: BinaryAccuracy,
    categorical_accuracy: CategoricalAccuracy,
    sparse_categorical_accuracy: SparseCategoricalAccuracy,
    top_k_categorical_accuracy: TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy: SparseTopKCategoricalAccuracy,
}

__all__ = [
    "LossMetric",
    "Mean",
    "MeanMetricWrapper",
    "Metric",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "Sum",
    "get",
    *(found.__name__ for found in REGISTRY.classes.values()),
]


__all__ += [one.__name__ for one in ACCURACIES]
__all__ += [one.__name__ for one in LOSS_FUNCTIONS if one.__name__ != "cosine_similarity"]


def check(identifier: Any) -> None:
    """Raise what `beside` would raise, before the output is known."""
    _find(identifier, False, 1)


def get(identifier: Any) -> Metric | None:
    """Return the metric for a name, an object, a class or a function; None for None.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `identifier` is nothing of these.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier not in ONLY_LOSSES:
        return REGISTRY.get(identifier, "an nlstm.metrics.Metric")
    return _find(identifier, False, 1)


def reads_classes(identifier: Any) -> bool:
    """Return whether a metric of `compile` always reads class indices."""
    return bool(_find(identifier, False, 1).sparse)


def beside(identifier: Any, loss: Loss, features: int) -> Metric:
    """Return the metric for a name or an object, to be reported beside a loss.

    Parameters
    ----------
    identifier : str, Metric, Loss, class or callable
        "accuracy" and "crossentropy" pick the binary, categorical or sparse categorical one. A
        function of (y_true, y_pred) gives values whose mean is reported.
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
    metric.check_features(features)
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
    _check_ignored(metric, loss, features)
    if metric.in_numpy:
        return InNumpy(metric)
    if metric.features != features:
        metric = copy.copy(metric)  # the object may serve another output too
        metric.features = features
    return metric


def _check_ignored(metric: KernelMetric, loss: Loss, features: int) -> None:
    """Raise where the loss leaves out an index that is none, and the metric reads it."""
    ignored = getattr(loss, "ignore_class", None)
    if ignored is None or 0 <= ignored < features or not isinstance(metric, LossMetric):
        return
    if metric.sparse and getattr(metric.loss, "ignore_class", None) != ignored:
        raise ValueError(
            f"Metric {metric.name!r} reads the class {ignored}, which the loss ignores and which "
            f"is none of {features}: nlstm.metrics.SparseCategoricalCrossentropy(ignore_class="
            f"{ignored}) leaves it out too."
        )


def _find(identifier: Any, sparse: bool, features: int) -> Metric:
    if isinstance(identifier, str):
        if identifier in ACCURACY:
            if sparse:
                return SparseCategoricalAccuracy(identifier)
            return (BinaryAccuracy if features == 1 else CategoricalAccuracy)(identifier)
        if identifier in CROSSENTROPY:
            if sparse:
                return SparseCategoricalCrossentropy(identifier)
            return (BinaryCrossentropy if features == 1 else CategoricalCrossentropy)(identifier)
        if identifier in ONLY_LOSSES:
            return LossMetric(ONLY_LOSSES[identifier](name=identifier))
        if identifier not in REGISTRY.by_name:
            raise unknown_name("metric", identifier, [*REGISTRY.shown, *ACCURACY, *CROSSENTROPY])
        metric = REGISTRY.by_name[identifier]()
        metric.name = identifier  # as in Keras: the key in the logs is what the user wrote
        return metric
    if isinstance(identifier, Loss):
        return LossMetric(identifier)
    if callable(identifier) and not isinstance(identifier, Metric | type):
        hashable = isinstance(identifier, Hashable)
        if hashable and identifier in LOSS_FUNCTIONS:
            return LossMetric(LOSS_FUNCTIONS[identifier](name=identifier.__name__))
        if hashable and identifier in ACCURACIES:
            return ACCURACIES[identifier](name=identifier.__name__)
        return MeanMetricWrapper(identifier)
    return REGISTRY.get(identifier, "an nlstm.metrics.Metric")
