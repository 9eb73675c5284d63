"""Metrics of the best threshold: the most of one rate while another is at least so much.

With counts of true and false positives and negatives: precision TP / (TP + FP), recall or
sensitivity TP / (TP + FN), specificity TN / (TN + FP).
"""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_integer, checked_number
from nlstm.kernels.operations import Operations
from nlstm.metrics.confusion import check_class, check_class_axis, counts
from nlstm.metrics.metric import Function, KernelMetric, safe_ratio

__all__ = [
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
]


class _OperatingPoint(KernelMetric):
    """The most of one rate where `_least`, another, is at least the attribute of that name."""

    _least: str

    def __init__(
        self, value: float, num_thresholds: int, class_id: int | None, name: Any, dtype: Any
    ) -> None:
        super().__init__(dtype, name)
        setattr(self, self._least, checked_number(self._least, value, 0, at_most=1))
        checked_integer("num_thresholds", num_thresholds, 1)
        self.num_thresholds = checked_integer("num_thresholds", num_thresholds, most=1_000_000)
        self.class_id = None if class_id is None else checked_integer("class_id", class_id, 0)
        self.by_element = class_id is None
        self._thresholds = np.array([0.5])
        if num_thresholds > 1:
            self._thresholds = np.arange(num_thresholds) / (num_thresholds - 1)

    def check_features(self, features: int) -> None:
        """Raise where there is no such class."""
        check_class(self.class_id, features)

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return 2 * (self.num_thresholds + 1)

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        only = -1 if self.class_id is None else self.class_id
        even = self.num_thresholds > 1
        return ops.statistic("confusion", self._thresholds, even, only, 0, False)

    def element_sums(self, features: int) -> list[tuple[slice, Any]]:
        """Return which features go into which sums where each element has a weight of its own."""
        return [(slice(None), slice(None))] if self.class_id is None else []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        check_class_axis(self.class_id, y_pred)
        super().update_state(y_true, y_pred, sample_weight)

    def rates(self, tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
        """Return the rate that counts and the one that must be large enough, by threshold."""
        raise NotImplementedError

    def value_of(self, total: np.ndarray) -> float:
        """Return the largest rate; 0 where no threshold will do."""
        rate, other = self.rates(*counts(total, self.num_thresholds))
        return float(np.max(rate, where=other >= getattr(self, self._least), initial=0.0))


class PrecisionAtRecall(_OperatingPoint):
    """The best precision of the thresholds whose recall is at least `recall`.

    Parameters
    ----------
    recall : float
        In 0 to 1.
    num_thresholds : int, default 200
        In equal steps from 0 to 1.
    class_id : int, optional
        Look at this feature alone.
    name : str, default "precision_at_recall"
    dtype : optional
    """

    _least = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self, tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
        """Return precision and recall."""
        return safe_ratio(tp, tp + fp), safe_ratio(tp, tp + fn)


class RecallAtPrecision(_OperatingPoint):
    """The best recall of the thresholds whose precision is at least `precision`.

    Parameters
    ----------
    precision : float
        In 0 to 1.
    num_thresholds, class_id, name, dtype
        See `PrecisionAtRecall`.
    """

    _least = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self, tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
        """Return recall and precision."""
        return safe_ratio(tp, tp + fn), safe_ratio(tp, tp + fp)


class SensitivityAtSpecificity(_OperatingPoint):
    """The best sensitivity of the thresholds whose specificity is at least `specificity`.

    Parameters
    ----------
    specificity : float
        In 0 to 1.
    num_thresholds, class_id, name, dtype
        See `PrecisionAtRecall`.
    """

    _least = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self, tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
        """Return sensitivity and specificity."""
        return safe_ratio(tp, tp + fn), safe_ratio(tn, tn + fp)


class SpecificityAtSensitivity(_OperatingPoint):
    """The best specificity of the thresholds whose sensitivity is at least `sensitivity`.

    Parameters
    ----------
    sensitivity : float
        In 0 to 1.
    num_thresholds, class_id, name, dtype
        See `PrecisionAtRecall`.
    """

    _least = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self, tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
        """Return specificity and sensitivity."""
        return safe_ratio(tn, tn + fp), safe_ratio(tp, tp + fn)
