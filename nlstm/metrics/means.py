"""Metrics that are means: the losses, and the accuracies."""

import math
from typing import Any

import numpy as np

from nlstm import losses
from nlstm.arguments.checks import checked_integer, checked_name, checked_number
from nlstm.kernels.operations import Array, Operations
from nlstm.losses import Loss
from nlstm.losses.apart import check_labels
from nlstm.metrics.metric import Function, KernelMetric
from nlstm.plan.plan import Plan

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "LossMetric",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "TopKCategoricalAccuracy",
]


class LossMetric(KernelMetric):
    """The mean of a loss.

    Parameters
    ----------
    loss : Loss
    name : str, optional
        By default the loss's.
    dtype : optional
    """

    by_row = True

    def __init__(self, loss: Loss, name: str | None = None, dtype: Any = None) -> None:
        if not isinstance(loss, Loss):
            raise TypeError(f"loss must be an nlstm.losses.Loss; got {loss!r}.")
        super().__init__(dtype, checked_name(name) or loss.name)
        self.loss, self.sparse = loss, loss.sparse
        self.axis = loss.axis
        # Rows that are ignored have a weight, so that it is of rows.
        self.is_mean = getattr(loss, "ignore_class", None) is None

    def check_targets(self, y: np.ndarray, features: int) -> None:
        """Raise where class indices in y, of `as_steps`, would be of no class."""
        if self.sparse:
            check_labels(y, features, getattr(self.loss, "ignore_class", None))

    def target_features(self, features: int) -> int:
        """Return the columns of y."""
        return self.loss.target_features(features)

    def bind(
        self,
        plan: Plan,
        y: Array,
        p: Array,
        features: int,
        weight: Array | None,
        total: Array,
        sequence: bool | None = None,
    ) -> None:
        """Append what adds a batch to `total`."""
        self.loss.bind(plan, y, p, features, weight, None, total, None, None, "metric")


class BinaryCrossentropy(LossMetric):
    """Cross-entropy of yes-or-no questions; see `nlstm.losses.BinaryCrossentropy`."""

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name, dtype)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(LossMetric):
    """Cross-entropy of one distribution; see `nlstm.losses.CategoricalCrossentropy`."""

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis)
        super().__init__(loss, name, dtype)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(LossMetric):
    """Cross-entropy by class indices; see `nlstm.losses.SparseCategoricalCrossentropy`.

    As in Keras, rows of `ignore_class` count as rows of loss 0, unless there are sample weights.
    """

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
        super().__init__(loss, name, dtype)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis


class _KernelMean(KernelMetric):
    """The mean of what a kernel gives for each row: a loss without settings, or an accuracy."""

    kernel: str
    setting = 0.0
    is_mean = by_row = True

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        return ops.loss(self.kernel, (self.setting,), "metric")

    def element_sums(self, features: int) -> list[tuple[slice, Any]]:
        """Return which features go into which sums where each element has a weight of its own."""
        return [(slice(None), slice(None))] if self.by_element else []


class MeanSquaredError(_KernelMean):
    """Mean of (prediction - target)**2."""

    kernel = "mean_squared_error"


class RootMeanSquaredError(_KernelMean):
    """Square root of the mean of (prediction - target)**2 over the whole epoch."""

    kernel = "mean_squared_error"
    default_name = "root_mean_squared_error"
    by_element = True

    def value_of(self, total: np.ndarray) -> float:
        """Return the root of the mean."""
        return math.sqrt(super().value_of(total))


class MeanAbsoluteError(_KernelMean):
    """Mean of abs(prediction - target)."""

    kernel = "mean_absolute_error"


class MeanAbsolutePercentageError(_KernelMean):
    """Mean of 100 * abs((prediction - target) / target)."""

    kernel = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(_KernelMean):
    """Mean of (log(1 + prediction) - log(1 + target))**2."""

    kernel = "mean_squared_logarithmic_error"


class LogCoshError(_KernelMean):
    """Mean of log(cosh(prediction - target))."""

    kernel = "log_cosh"
    default_name = "logcosh"


class Poisson(_KernelMean):
    """Mean of prediction - target * log(prediction)."""

    kernel = "poisson"


class KLDivergence(_KernelMean):
    """Sum of target * log(target / prediction) over the features."""

    kernel = "kl_divergence"


class Hinge(_KernelMean):
    """Mean of max(1 - target * prediction, 0)."""

    kernel = "hinge"


class SquaredHinge(_KernelMean):
    """Mean of max(1 - target * prediction, 0)**2."""

    kernel = "squared_hinge"


class CategoricalHinge(_KernelMean):
    """max(largest wrong prediction - right prediction + 1, 0)."""

    kernel = "categorical_hinge"


class CosineSimilarity(_KernelMean):
    """The cosine of the angle between prediction and target (the loss is minus it).

    Parameters
    ----------
    name : str, default "cosine_similarity"
    dtype : optional
    axis : int, default -1
        Along which it is taken. In training it is the last one, the outputs' features.
    """

    kernel = "cosine_similarity"
    setting = 1.0

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.axis = checked_integer("axis", axis)


class Accuracy(_KernelMean):
    """Share of predictions that equal their targets.

    Parameters
    ----------
    name : str, default "accuracy"
    dtype : optional
    """

    kernel = "accuracy"
    by_element = True


class BinaryAccuracy(_KernelMean):
    """Share of predictions on the right side of the threshold; targets are 0 and 1.

    Parameters
    ----------
    name : str, default "binary_accuracy"
    dtype : optional
    threshold : float, default 0.5
    """

    kernel = "binary_accuracy"
    by_element = True

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype)
        self.threshold = self.setting = checked_number("threshold", threshold)


class CategoricalAccuracy(_KernelMean):
    """Share of rows whose largest prediction and largest target stand together.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
    dtype : optional
    """

    kernel = "categorical_accuracy"


class SparseCategoricalAccuracy(_KernelMean):
    """Share of rows whose largest prediction is that of the target's class index.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
    dtype : optional
    """

    kernel = "sparse_categorical_accuracy"
    sparse = True


class TopKCategoricalAccuracy(_KernelMean):
    """Share of rows whose right class is among the k largest predictions.

    Parameters
    ----------
    k : int, default 5
    name : str, default "top_k_categorical_accuracy"
    dtype : optional
    """

    kernel = "top_k_categorical_accuracy"
    default_name = "top_k_categorical_accuracy"

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = checked_integer("k", k, 1, 2**31)
        self.setting = float(self.k)


class SparseTopKCategoricalAccuracy(_KernelMean):
    """As `TopKCategoricalAccuracy`, with class indices for targets."""

    kernel = "sparse_top_k_categorical_accuracy"
    default_name = "sparse_top_k_categorical_accuracy"
    sparse = True

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.k = checked_integer("k", k, 1, 2**31)
        self.setting = float(self.k)
