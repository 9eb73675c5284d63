"""Keras's accuracies as functions: values for each row, or for each row and step."""

from typing import Any

import numpy as np

from nlstm.arguments.checks import checked_array, checked_number
from nlstm.losses.apart import as_steps, by_row
from nlstm.metrics import means
from nlstm.metrics.metric import KernelMetric

__all__ = [
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def _values(metric: KernelMetric, y_true: Any, y_pred: Any) -> np.ndarray:
    y, p, _, _ = as_steps(y_true, y_pred, None, metric.target_features)
    return by_row(metric.bind, y, p, np.shape(y_pred)[:-1])


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """Return, for each number of `y_pred`, 1 where it lies on its label's side of the threshold."""
    y, p = checked_array("y_true", y_true), checked_array("y_pred", y_pred)
    checked_number("threshold", threshold)
    if y.ndim == p.ndim - 1 and p.shape[-1] == 1:
        y = y[..., None]
    elif y.ndim == p.ndim + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    if y.shape != p.shape:
        raise ValueError(f"y_true of shape {y.shape} does not fit y_pred of shape {p.shape}.")
    return (y == (p > threshold)).astype(np.result_type(p.dtype, np.float32))


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `CategoricalAccuracy`."""
    return _values(means.CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the values of `SparseCategoricalAccuracy`."""
    return _values(means.SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """Return the values of `TopKCategoricalAccuracy`."""
    return _values(means.TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """Return the values of `SparseTopKCategoricalAccuracy`, in the shape of `y_true`."""
    values = _values(means.SparseTopKCategoricalAccuracy(k), y_true, y_pred)
    return values.reshape(np.shape(y_true))
