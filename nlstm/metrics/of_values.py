"""Means and sums of values that Python computes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_array, checked_name
from nlstm.metrics.metric import Metric

__all__ = ["Mean", "MeanMetricWrapper", "Sum"]


def _by_sample(values: Any, weight: Any, reduce: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Reduce values and weights to one number a sample, as Keras does."""
    # In one layout, whatever came: NumPy adds up another one in another order.
    values = checked_array("values", values).astype(np.float64, order="C")
    if weight is not None:
        weight = checked_array("sample_weight", weight).astype(np.float64, order="C")
        if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        if values.ndim > weight.ndim:
            values = reduce(values, axis=tuple(range(weight.ndim, values.ndim)))
        try:
            weight = np.broadcast_to(weight, values.shape)
        except ValueError:
            found, wanted = weight.shape, values.shape
            raise ValueError(
                f"sample_weight of shape {found} does not fit values of {wanted}."
            ) from None
        values = values * weight
        if weight.ndim > 1:
            weight = reduce(weight, axis=tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weight


def _mean(values: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    """Return means along axes, none of them empty."""
    if any(values.shape[n] == 0 for n in axis):
        raise ValueError(f"values has shape {values.shape}: nothing to take a mean of.")
    return values.mean(axis=axis)


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
        found, weight = _by_sample(values, sample_weight, _mean)
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
        if not callable(fn):
            raise TypeError(f"fn must be a function of (y_true, y_pred); got {fn!r}.")
        super().__init__(checked_name(name) or getattr(fn, "__name__", "metric"), dtype)
        self.fn, self.kwargs = fn, kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in one batch."""
        values = self.fn(y_true, y_pred, **self.kwargs)
        super().update_state(values, sample_weight)
