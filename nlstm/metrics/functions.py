"""Keras's accuracies as functions: values for each row, or for each row and step."""

from typing import Any

import numpy as np

from nlstm.losses.functions import by_row
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
    width = metric.target_features(np.shape(y_pred)[-1])
    return by_row(metric.bind, width, y_true, y_pred)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """Return, for each number of `y_pred`, 1 where it lies on its label's side of the threshold."""
    y, p = np.asarray(y_true), np.asarray(y_pred)
    if y.ndim == p.ndim - 1 and p.shape[-1] == 1:
        y = y[..., None]
    elif y.ndim == p.ndim + 1 and y.shape[-1] == 1:
        y = y[..., 0]
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
