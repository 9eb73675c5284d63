"""The interface of a metric: sums that a kernel makes in training, or a user's own in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.config import Configured
from nlstm.arguments.names import snake_case
from nlstm.kernels.operations import Array, Operations
from nlstm.losses.loss import as_steps, bound_apart
from nlstm.plan.plan import Plan

__all__ = ["InNumpy", "KernelMetric", "Mean", "MeanMetricWrapper", "Metric", "Sum", "safe_ratio"]

Function = Callable[..., None]


class Metric(Configured):
    """A number reported beside the loss. Subclass it for one of your own, as in Keras.

    A subclass defines `update_state`, `result` and `reset_state`; it is called with NumPy arrays
    after each batch.

    Parameters
    ----------
    dtype : optional
        Kept for Keras's sake; sums are float64.
    name : str, optional
        Its key in the logs.

    Attributes
    ----------
    sparse : bool or None
        Whether it reads class indices; None if it does not say.
    size : int
        How many sums a trainer keeps for it.
    """

    sparse: bool | None = None
    default_name: str | None = None
    size = 0

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.dtype = dtype
        self.name = name or self.default_name or snake_case(type(self).__name__)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state.")

    def result(self, total: np.ndarray | None = None) -> Any:
        """Return the metric over all batches since `reset_state`; `total` is a trainer's own."""
        raise NotImplementedError(f"{type(self).__name__} must define result.")

    def reset_state(self) -> None:
        """Start anew."""
        raise NotImplementedError(f"{type(self).__name__} must define reset_state.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take in one batch and return the result."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

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
        """Append what adds a batch to a trainer's sums; arrays as of `Loss.bind`.

        Where the steps of the outputs do not mean time, a user's metric sees arrays without that
        axis; by default they do where there are several.
        """
        InNumpy(self).bind(plan, y, p, features, weight, total, sequence)


class KernelMetric(Metric):
    """A metric whose sums a kernel makes. In training they belong to the trainer.

    Attributes
    ----------
    features : int
        Of the outputs that it looks at.
    """

    sparse: bool | None = False
    features = 1
    _total: np.ndarray | None = None

    def sums(self, features: int) -> int:
        """Return how many sums `function` adds to for outputs of so many features."""
        return 2

    @property
    def size(self) -> int:  # type: ignore[override]
        """How many sums there are."""
        return self.sums(self.features)

    def target_features(self, features: int) -> int:
        """Return the columns of y for outputs of so many features."""
        return 1 if self.sparse else features

    def function(self, ops: Operations) -> Function:
        """Return function(y, p, features, weight, dp, total) for the kernels' arrays."""
        raise NotImplementedError

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
        plan.call(self.function(plan.ops), y, p, features, weight, None, total)

    def value_of(self, total: np.ndarray) -> Any:
        """Return the metric that follows from the sums: their mean."""
        return safe_ratio(total[0], total[1])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch of (rows, features) or (rows, steps, features)."""
        y_pred = np.asarray(y_pred)
        if y_pred.ndim == 1:  # one feature, left out
            y_pred = y_pred[:, None]
        features = y_pred.shape[-1]
        y, p, weight, _ = as_steps(y_true, y_pred, sample_weight, self.target_features(features))
        if self._total is None:
            self._total = np.zeros(self.sums(features))
        plan, _, sums = bound_apart(self.bind, y, p, weight, self._total.size)
        sums.host[:] = self._total
        sums.push()
        plan.ops.program(plan.forward)()
        sums.pull()
        self._total[:] = sums.host

    def result(self, total: np.ndarray | None = None) -> Any:
        """Return the metric over all batches since `reset_state`, or from a trainer's sums."""
        if total is None:
            total = self._total
        return 0.0 if total is None else self.value_of(total)

    def reset_state(self) -> None:
        """Start anew."""
        self._total = None


class InNumpy(Metric):
    """A user's metric for a trainer, which owns sums and zeroes them.

    Its one sum counts batches; at 0 the metric starts anew.
    """

    size = 1
    sparse = None

    def __init__(self, metric: Metric) -> None:
        self.metric, self.name = metric, metric.name

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
        """Append the call that hands a batch to the metric."""
        given = (y, p, features, weight, total, sequence)
        plan.host(self._update, (y, p, weight, total), (total,), *given)

    def _update(
        self, y: Any, p: Any, features: int, weight: Any, total: np.ndarray, sequence: bool | None
    ) -> None:
        if total[0] == 0:
            self.metric.reset_state()
        total[0] += 1
        y_true, y_pred = y.swapaxes(0, 1).copy(), p[:, :, :features].swapaxes(0, 1).copy()
        weights = None if weight is None else weight[:, :, 0].T.copy()
        if not (p.shape[0] > 1 if sequence is None else sequence):
            y_true, y_pred = y_true[:, 0], y_pred[:, 0]
        if weights is not None and weights.shape[1] == 1:
            weights = weights[:, 0]
        self.metric.update_state(y_true, y_pred, weights)

    def result(self, total: np.ndarray | None = None) -> Any:
        """Return the metric's result."""
        if total is not None and total[0] == 0:
            self.metric.reset_state()
        return self.metric.result()


def safe_ratio(numerator: Any, denominator: Any) -> Any:
    """Return the quotient, and 0 where the denominator is 0."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    found = np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom != 0)
    return float(found) if found.ndim == 0 else found


# Means and sums of values that Python computes


def _by_sample(values: Any, weight: Any, reduce: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Reduce values and weights to one number a sample, as Keras does."""
    values = np.asarray(values, np.float64)
    if weight is not None:
        weight = np.asarray(weight, np.float64)
        if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        if values.ndim > weight.ndim:
            values = reduce(values, axis=tuple(range(weight.ndim, values.ndim)))
        weight = np.broadcast_to(weight, values.shape)
        values = values * weight
        if weight.ndim > 1:
            weight = reduce(weight, axis=tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weight


class Mean(Metric):
    """The weighted mean of the values given to `update_state(values, sample_weight)`.

    Parameters
    ----------
    name : str, default "mean"
    dtype : optional
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.reset_state()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values, the first axis samples."""
        found, weight = _by_sample(values, sample_weight, np.mean)
        self.total += float(found.sum())
        self.count += float(np.size(found) if weight is None else weight.sum())

    def result(self, total: np.ndarray | None = None) -> float:
        """Return the mean so far, 0 where there is nothing."""
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        """Start anew."""
        self.total = self.count = 0.0


class Sum(Mean):
    """The weighted sum of the values given to `update_state(values, sample_weight)`.

    Parameters
    ----------
    name : str, default "sum"
    dtype : optional
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values."""
        self.total += float(_by_sample(values, sample_weight, np.sum)[0].sum())

    def result(self, total: np.ndarray | None = None) -> float:
        """Return the sum so far."""
        return self.total


class MeanMetricWrapper(Mean):
    """The mean of a function's values; `compile` wraps plain functions in it.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)`` of NumPy arrays; returns values, the first axis samples.
    name : str, optional
        By default the function's.
    dtype : optional
    **kwargs
        Handed to `fn`.
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "metric"), dtype)
        self.fn, self.kwargs = fn, kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in one batch."""
        values = self.fn(y_true, y_pred, **self.kwargs)
        super().update_state(values, sample_weight)
