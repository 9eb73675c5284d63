"""Metrics of how predictions above thresholds meet the labels: precision, recall, AUC."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nlstm.arguments.checks import (
    checked_choice,
    checked_flag,
    checked_integer,
    checked_name,
    checked_numbers,
    is_number,
)
from nlstm.kernels.operations import Array, Operations
from nlstm.metrics.metric import Function, KernelMetric, safe_ratio
from nlstm.plan.plan import Plan

__all__ = ["AUC", "Cuts", "Precision", "Recall", "check_class", "check_class_axis", "counts"]

EPSILON = 1e-7  # Keras's
NO_PREDICTION = -1e10


def counts(total: np.ndarray, thresholds: int, labels: int = 1) -> tuple[np.ndarray, ...]:
    """Return true and false positives, false and true negatives: (thresholds,) or (.., labels)."""
    bins = total.reshape(labels, thresholds + 1, 2)
    above = np.cumsum(bins[:, ::-1], axis=1)[:, ::-1][:, 1:]  # beyond each threshold
    whole = bins.sum(axis=1, keepdims=True)
    positive, negative = above.T[1], above.T[0]
    found = positive, negative, (whole - above).T[1], (whole - above).T[0]
    return tuple(part[:, 0] for part in found) if labels == 1 else found


def are_even(thresholds: np.ndarray) -> bool:
    """Return whether thresholds are 0 to 1 in equal steps, where Keras rounds in its own way."""
    even = np.linspace(0.0, 1.0, thresholds.size)
    return thresholds.size >= 3 and bool(np.allclose(thresholds, even, atol=EPSILON))


class Cuts:
    """One or several thresholds: what their kernel is, and values at them in the user's order.

    Parameters
    ----------
    thresholds : float, sequence of float or None
    default : float
        For None.
    """

    def __init__(self, thresholds: float | Sequence[float] | None, default: float = 0.5) -> None:
        given = default if thresholds is None else thresholds
        alone = is_number(given) or getattr(given, "shape", None) == ()
        self.order = np.array(checked_numbers("thresholds", [given] if alone else given))
        inside = ((self.order >= 0) & (self.order <= 1)).all()
        if thresholds is not None and not (inside and self.order.size):
            raise ValueError(f"thresholds must lie in 0 to 1; got {thresholds!r}.")
        self.ascending = np.sort(self.order)
        self.even = are_even(self.order)

    @property
    def sums(self) -> int:
        """How many sums the kernel adds to."""
        return 2 * (self.ascending.size + 1)

    def function(
        self, ops: Operations, top_k: int | None = None, class_id: int | None = None
    ) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        only = -1 if class_id is None else class_id
        return ops.statistic("confusion", self.ascending, self.even, only, top_k or 0, False)

    def counts(self, total: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return true and false positives, false and true negatives, at ascending thresholds."""
        return counts(total, self.ascending.size)

    def shown(self, values: np.ndarray) -> Any:
        """Return values at ascending thresholds in the order given, one alone as a number."""
        back = values[np.searchsorted(self.ascending, self.order)]
        return float(back[0]) if back.size == 1 else back


def check_class(class_id: int | None, features: int) -> None:
    """Raise unless there is such a feature."""
    if class_id is not None and class_id >= features:
        raise ValueError(f"class_id must be below {features}, the features; got {class_id}.")


def check_class_axis(class_id: int | None, y_pred: Any) -> None:
    """Raise where predictions have no axis of classes."""
    if class_id is not None and np.ndim(y_pred) < 2:
        raise ValueError(
            f"class_id={class_id} needs y_pred of (rows, classes); got shape {np.shape(y_pred)}."
        )


class _Share(KernelMetric):
    """True positives' share of what counts at one or several thresholds."""

    _rest: int  # of what `counts` returns: what is not the true positives

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds, self._cuts = (
            thresholds,
            Cuts(thresholds, 0.5 if top_k is None else NO_PREDICTION),
        )
        self.top_k = None if top_k is None else checked_integer("top_k", top_k, 1, 2**31)
        self.class_id = None if class_id is None else checked_integer("class_id", class_id, 0)
        self.by_element = top_k is None and class_id is None

    def check_features(self, features: int) -> None:
        """Raise where there is no such class."""
        check_class(self.class_id, features)

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return self._cuts.sums

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        return self._cuts.function(ops, self.top_k, self.class_id)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        check_class_axis(self.class_id, y_pred)
        super().update_state(y_true, y_pred, sample_weight)

    def element_sums(self, features: int) -> list[tuple[slice, Any]]:
        """Return which features go into which sums where each element has a weight of its own."""
        return [(slice(None), slice(None))] if self.class_id is None else []

    def chosen(self, p: np.ndarray) -> np.ndarray:
        """Return predictions (steps, rows, features), of each row those left out very small."""
        if self.top_k is None or self.top_k >= p.shape[2]:
            return p
        order = np.argsort(-p, axis=-1, kind="stable")[..., : self.top_k]
        found = np.full_like(p, NO_PREDICTION)
        np.put_along_axis(found, order, np.take_along_axis(p, order, -1), -1)
        return found

    def value_of(self, total: np.ndarray) -> Any:
        """Return the share, or the shares."""
        found = self._cuts.counts(total)
        return self._cuts.shown(safe_ratio(found[0], found[0] + found[self._rest]))


class Precision(_Share):
    """Share of the predictions above the threshold whose label is positive.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        By default 0.5. Several give an array.
    top_k : int, optional
        Only the k largest of each row count as predictions; then the threshold is none by default.
    class_id : int, optional
        Look at this feature alone.
    name : str, default "precision"
    dtype : optional
    """

    _rest = 1


class Recall(_Share):
    """Share of the positive labels whose prediction is above the threshold.

    Parameters
    ----------
    thresholds, top_k, class_id, name, dtype
        See `Precision`.
    """

    _rest = 2


CURVES, METHODS = ("ROC", "PR", "PRGAIN"), ("interpolation", "minoring", "majoring")


def _in_case(word: Any, change: Callable[[str], str]) -> Any:
    return change(word) if isinstance(word, str) else word


class AUC(KernelMetric):
    """Area under the curve of recall against false positives (ROC), or of precision (PR).

    Parameters
    ----------
    num_thresholds : int, default 200
        The curve's points.
    curve : {"ROC", "PR", "PRGAIN"}, default "ROC"
    summation_method : {"interpolation", "minoring", "majoring"}, default "interpolation"
    name : str, default "auc"
    dtype : optional
    thresholds : sequence of float, optional
        Used instead of `num_thresholds` equal steps.
    multi_label : bool, default False
        Whether each feature has an area of its own, whose mean is reported.
    num_labels : int, optional
        With `multi_label`: the features; not needed.
    label_weights : sequence of float, optional
        With `multi_label`: how much each feature's area counts; else how much its elements do.
    from_logits : bool, default False
        Whether predictions are logits.
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, checked_name(name) or "auc")
        self.curve = checked_choice("curve", _in_case(curve, str.upper), CURVES)
        method = _in_case(summation_method, str.lower)
        self.summation_method = checked_choice("summation_method", method, METHODS)
        self.multi_label = checked_flag("multi_label", multi_label)
        self.by_element = not self.multi_label
        if label_weights is not None:
            label_weights = checked_numbers("label_weights", label_weights)
        if num_labels is not None:
            num_labels = checked_integer("num_labels", num_labels, 1)
        self.num_labels, self.label_weights = num_labels, label_weights
        self._by_label = self.multi_label or label_weights is not None
        self.from_logits = checked_flag("from_logits", from_logits)
        given = None if thresholds is None else sorted(checked_numbers("thresholds", thresholds))
        if given is None:
            self.num_thresholds = checked_integer("num_thresholds", num_thresholds, 2, 1_000_000)
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        elif given and not 0 <= given[0] <= given[-1] <= 1:
            raise ValueError(f"thresholds must lie in 0 to 1; got {thresholds!r}.")
        else:
            self.num_thresholds = len(given) + 2
            inner = given
        even = np.arange(self.num_thresholds) / (self.num_thresholds - 1)
        self._even = bool(
            len(inner) > 0 and np.allclose([0.0, *inner, 1.0], even, rtol=0, atol=EPSILON)
        )
        self._thresholds = np.array([-EPSILON, *inner, 1.0 + EPSILON])

    @property
    def thresholds(self) -> list[float]:
        """The curve's points, its ends among them."""
        return list(self._thresholds.tolist())

    def check_features(self, features: int) -> None:
        """Raise where the labels are not so many."""
        weights = self.label_weights
        for name, count in (
            ("num_labels", self.num_labels if self.multi_label else None),
            ("label_weights", None if weights is None else len(weights)),
        ):
            if count not in (None, features):
                raise ValueError(f"{name} is for {count} labels; there are {features} features.")

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return 2 * (self.num_thresholds + 1) * (features if self._by_label else 1)

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        return ops.statistic("confusion", self._thresholds, self._even, -1, 0, self._by_label)

    def element_sums(self, features: int) -> list[tuple[slice, Any]]:
        """Return which features go into which sums where each element has a weight of its own."""
        if not self._by_label:
            return [(slice(None), slice(None))]
        one = self.sums(1)
        return [(slice(i, i + 1), slice(i * one, i * one + one)) for i in range(features)]

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
        """Append what adds a batch to `total`, before it the sigmoid of logits."""
        if self.from_logits:
            rows = p.shape[0] * p.shape[1]
            seen = plan.array((*p.shape[:2], plan.ops.padded(features, plan.dtype)))
            forward, _ = plan.ops.row_activation("sigmoid")
            plan.call(forward, p.reshape(rows, -1), seen.reshape(rows, -1), features)
            p = seen
        super().bind(plan, y, p, features, weight, total, sequence)

    def value_of(self, total: np.ndarray) -> float:
        """Return the area."""
        labels = total.size // (2 * (self.num_thresholds + 1))
        if self._by_label and not self.multi_label:
            total, labels = np.asarray(self.label_weights) @ total.reshape(labels, -1), 1
        areas = self._areas(*counts(total, self.num_thresholds, labels))
        if not self.multi_label:
            return float(areas)
        return float(np.average(areas, weights=self.label_weights))

    def _areas(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        recall = safe_ratio(tp, tp + fn)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._interpolated(tp, fp, fn)
        if self.curve == "ROC":
            x, y = safe_ratio(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, safe_ratio(tp, tp + fp)
        else:
            factor = safe_ratio(tp + fn, tn + fp)
            gain = np.where(tp == 0, 0.0, 1.0 - factor * safe_ratio(fn, tp))
            x, y = np.maximum(gain, 0.0), np.where(tp == 0, 1.0, 1.0 - factor * safe_ratio(fp, tp))
        heights = np.maximum(y[:-1], y[1:])
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2
        elif self.summation_method == "minoring":
            heights = np.minimum(y[:-1], y[1:])
        return ((x[:-1] - x[1:]) * heights).sum(axis=0)

    def _interpolated(self, tp: Any, fp: Any, fn: Any) -> Any:
        """Davis & Goadrich 2006: precision between two points is no straight line."""
        dtp, p = tp[:-1] - tp[1:], tp + fp
        slope = safe_ratio(dtp, np.maximum(p[:-1] - p[1:], 0))
        intercept = tp[1:] - slope * p[1:]
        both = (p[:-1] > 0) & (p[1:] > 0)
        ratio = np.where(both, safe_ratio(p[:-1], p[1:]), 1.0)
        steps = slope * (dtp + intercept * np.log(ratio))
        return safe_ratio(steps, np.maximum(tp[1:] + fn[1:], 0)).sum(axis=0)
