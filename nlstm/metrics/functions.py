"""Keras's accuracies as functions: one value for each row, or for each row and step."""

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
    return by_row(metric.function, width, y_true, y_pred)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """Return the values of `BinaryAccuracy`."""
    return _values(means.BinaryAccuracy(threshold=threshold), y_true, y_pred)


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
    """Return the values of `SparseTopKCategoricalAccuracy`."""
    return _values(means.SparseTopKCategoricalAccuracy(k), y_true, y_pred)
